//! Files that somebody truncates under a running broker: it never dies of a page that is not there,
//! never serves what was not written, and all other partitions go on.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::fs::File;
use std::path::{Path, PathBuf};

const STORAGE: ErrorCode = ErrorCode::KAFKA_STORAGE_ERROR;

fn segment(data: &Path, partition: &str, suffix: &str) -> PathBuf {
    data.join(partition).join(format!("00000000000000000000.{suffix}"))
}

fn truncate(path: &Path, len: u64) {
    File::options().write(true).open(path).unwrap().set_len(len).unwrap();
}

/// A broker with `hit` and `spared`, and what is stored in each of them.
struct Stage {
    broker: Broker,
    stored: Vec<u8>,
}

const BATCHES: u64 = 200;

impl Stage {
    fn start(data: &Path) -> Stage {
        // No flush in the background: it would find out as well, and may be the first to say so.
        let broker = Broker::start(data, &["--set", "barnabas.flush.ms=3600000"]);
        let mut client = broker.client();
        let mut all = Vec::new();
        for topic in ["hit", "spared"] {
            client.create(topic, 1);
            all.clear();
            for n in 0..BATCHES {
                let batch = batch(n, 2, 500);
                let offset = client.append((topic, 0), &batch);
                all.extend(stored(&batch, offset, 0));
            }
        }
        Stage { broker, stored: all }
    }

    /// The broker lives and what is not hit is whole and takes records.
    fn assert_others_live(&self) {
        let mut client = self.broker.client();
        assert!(client.fetch_all(("spared", 0)).starts_with(&self.stored));
        client.append(("spared", 0), &batch(1, 1, 10));
        client.create("another", 1);
        client.delete("another");
        assert!(client.cluster().topics.contains_key("hit"));
    }

    /// Nothing that is fetched from `hit` is anything but the beginning of what was stored.
    fn assert_truth(&self) {
        for offset in [0, 100, 398] {
            let mut client = self.broker.client();
            let sent = client.send_fetch(&[(("hit", 0), offset)], Wait::NONE);
            let Some(answer) = client.try_answer(sent) else { continue };
            let row = fetched(&answer).remove(0);
            match row.code {
                ErrorCode::NONE => {}
                code => {
                    assert_eq!(code, STORAGE);
                    assert!(row.records.is_empty());
                }
            }
            let stored = &self.stored[self.position_of(offset)..];
            let both = stored.len().min(row.records.len());
            assert!(stored[..both] == row.records[..both], "{offset}: not what was stored");
            batches(&row.records);
        }
    }

    fn position_of(&self, offset: i64) -> usize {
        let before = batches(&self.stored).into_iter().take_while(|b| b.next_offset() <= offset);
        before.map(|batch| batch.as_bytes().len()).sum()
    }
}

#[test]
fn a_log_that_is_emptied_takes_its_partition_offline_and_nothing_else() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let stage = Stage::start(&data);
    truncate(&segment(&data, "hit-0", "log"), 0);
    stage.assert_truth();
    let refused = stage.broker.client().produce(("hit", 0), &batch(1, 1, 10));
    assert_eq!(refused.code, STORAGE);
    let line = stage.broker.logged(&["ERROR", "partition is offline", "partition=hit-0"]);
    for part in ["00000000000000000000.log", "byte ", "truncated", "start again"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    stage.assert_truth();
    stage.assert_others_live();
    let lines = stage.broker.log();
    let said = lines
        .iter()
        .filter(|line| line.contains("is offline") && line.contains("partition=hit-0"))
        .count();
    assert_eq!(said, 1, "{lines:#?}");
    let ended = stage.broker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    // It can be begun anew.
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    assert!(client.fetch_all(("spared", 0)).starts_with(&stage.stored));
    broker.kill();
}

#[test]
fn an_append_into_a_page_that_is_gone_is_not_acknowledged() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let stage = Stage::start(&data);
    truncate(&segment(&data, "hit-0", "log"), 4096);
    // Nobody has looked at it before this append: the copy itself meets the missing page.
    let refused = stage.broker.client().produce(("hit", 0), &batch(1, 1, 10));
    assert_eq!(refused.code, STORAGE);
    stage.broker.logged(&["ERROR", "partition is offline", "partition=hit-0", "truncated"]);
    stage.assert_truth();
    stage.assert_others_live();
    stage.broker.kill();
}

#[test]
fn every_file_of_a_partition_can_be_truncated_anywhere() {
    for suffix in ["log", "index", "timeindex"] {
        for tenth in [0, 3, 9] {
            let dir = TempDir::new();
            let data = dir.join("data");
            let stage = Stage::start(&data);
            let path = segment(&data, "hit-0", suffix);
            let size = std::fs::metadata(&path).unwrap().len();
            truncate(&path, size / 10 * tenth / 4096 * 4096);
            stage.assert_truth();
            let mut client = stage.broker.client();
            for n in 0..20 {
                let code = client.produce(("hit", 0), &batch(n, 1, 2_000)).code;
                assert!([ErrorCode::NONE, STORAGE].contains(&code), "{suffix}: {code:?}");
            }
            stage.assert_truth();
            stage.assert_others_live();
            stage.broker.stop();
            let broker = Broker::start(&data, &[]);
            assert!(broker.client().fetch_all(("spared", 0)).starts_with(&stage.stored));
            broker.kill();
        }
    }
}

#[test]
fn a_large_answer_whose_file_goes_away_ends_its_connection() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    client.create("hit", 1);
    let large = batch_of_size(1, 900_000);
    for _ in 0..60 {
        client.append(("hit", 0), &large);
    }
    // It asks for everything and reads only the beginning of it, so that the rest waits.
    let mut slow = broker.client();
    slow.send_fetch(&[(("hit", 0), 0)], Wait::NONE);
    let mut size = [0; 4];
    std::io::Read::read_exact(&mut slow.stream, &mut size).unwrap();
    assert!(u32::from_be_bytes(size) > 50_000_000, "all of it was promised");
    truncate(&segment(&data, "hit-0", "log"), 0);
    let mut rest = Vec::new();
    // Its end may be a reset; either way it comes.
    let _ = std::io::Read::read_to_end(&mut slow.stream, &mut rest);
    assert!(rest.len() < 50_000_000, "{} bytes", rest.len());
    let line = broker.logged(&["WARN", &slow.name(), "cannot be read"]);
    assert!(line.contains("closed the connection"), "{line}");
    let said = broker.log().iter().filter(|line| line.contains(&slow.name())).count();
    assert_eq!(said, 1);
    assert!(broker.client().api_versions() > 10);
    broker.kill();
}
