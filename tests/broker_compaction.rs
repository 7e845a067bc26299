//! Compaction in the real broker: when it comes, what it leaves, and what it does not disturb.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::records::BatchBuilder;
use broker_support::*;
use std::path::Path;

/// Segments may not be smaller; one batch of [`HALF`] bytes fits in.
const SMALL: (&str, &str) = ("segment.bytes", "1048576");
const HALF: usize = 600_000;
const COMPACT: (&str, &str) = ("cleanup.policy", "compact");
const AT: At<'static> = ("t", 0);

/// A broker that looks for dirty logs at once.
fn start(dir: &TempDir, more: &[&str]) -> Broker {
    let soon = ["--set", "log.cleaner.backoff.ms=10"];
    let always = ["--set", "log.cleaner.min.cleanable.ratio=0"];
    let arguments = [&soon, &always, more].concat();
    Broker::start(&dir.join("data"), &arguments)
}

/// A batch of one record with this key.
fn keyed(key: &str, seed: u64) -> Vec<u8> {
    let value = Random::new(seed).bytes(HALF);
    BatchBuilder::new().append(TIME, Some(key.as_bytes()), Some(&value), &[]).finish()
}

/// One record in each of so many segments, the last one written to.
fn fill(client: &mut Client, segments: u64) {
    for seed in 0..segments {
        client.append(AT, &keyed(&format!("key-{}", seed % 2), seed));
    }
}

/// A broker with a compacted topic of six segments, which begins to compact it unless told not to.
fn filled(dir: &TempDir, more: &[&str]) -> (Broker, Client) {
    let broker = start(dir, more);
    let mut client = broker.client();
    client.create_with("t", 1, &[SMALL, COMPACT]);
    fill(&mut client, 6);
    (broker, client)
}

/// The offsets of the batches that have records.
fn offsets(client: &mut Client) -> Vec<i64> {
    let bytes = client.fetch_all(AT);
    let batches = batches(&bytes).into_iter().filter(|batch| batch.record_count() > 0);
    batches.map(|batch| batch.last_offset()).collect()
}

fn checkpoint(dir: &TempDir) -> String {
    std::fs::read_to_string(dir.join("data").join("cleaner-offset-checkpoint")).unwrap()
}

fn logs(dir: &Path) -> Vec<String> {
    names(dir).into_iter().filter(|name| name.ends_with(".log")).collect()
}

#[test]
fn what_is_said_to_be_off_is_off_until_it_is_on_again() {
    const LOAD: &str = "log.cleaner.io.buffer.load.factor";
    const RATE: &str = "log.cleaner.io.max.bytes.per.second";
    for (name, off, on) in [(LOAD, "0", "0.9"), (LOAD, "NaN", "0.9"), (RATE, "0", "1e9")] {
        let dir = TempDir::new();
        let (broker, mut client) =
            filled(&dir, &dir.config(&format!("{name}={off}")).each_ref().map(String::as_str));
        broker.logged(&["WARN", "nothing is compacted", &format!("reason=\"{name} is {off}\"")]);
        // Many times what a look waits for.
        pass(&client, std::time::Duration::from_millis(500));
        let compacted = |line: &String| line.contains("] compacted ");
        assert!(!broker.log().iter().any(compacted), "{name}={off}: {:#?}", broker.log());
        assert_eq!(offsets(&mut client), [0, 1, 2, 3, 4, 5]);
        client.alter_of((4, "1"), &[(name, on)]);
        broker.logged(&["compacted partition=t-0 up_to=5 "]);
        assert_eq!(offsets(&mut client), [3, 4, 5]);
        broker.stop_cleanly();
    }
}

#[test]
fn a_rate_that_is_raised_is_met_by_a_compaction_that_waits() {
    const RATE: &str = "log.cleaner.io.max.bytes.per.second";
    let dir = TempDir::new();
    // Weeks for what there is.
    let (broker, mut client) =
        filled(&dir, &dir.config(&format!("{RATE}=1")).each_ref().map(String::as_str));
    pass(&client, std::time::Duration::from_millis(500));
    assert_eq!(offsets(&mut client), [0, 1, 2, 3, 4, 5]);
    client.alter_of((4, "1"), &[(RATE, "1e9")]);
    broker.logged(&["compacted partition=t-0 up_to=5 "]);
    broker.stop_cleanly();
}

#[test]
fn a_compacted_topic_keeps_the_last_record_of_each_key() {
    let dir = TempDir::new();
    let broker = start(&dir, &["--set", "log.segment.delete.delay.ms=0"]);
    let mut client = broker.client();
    client.create_with("t", 1, &[SMALL, COMPACT]);
    client.create_with("other", 1, &[SMALL]);
    for seed in 0..3 {
        client.append(("other", 0), &keyed("same", seed));
    }
    fill(&mut client, 6);
    broker.logged(&["compacted partition=t-0 up_to=5 "]);
    assert_eq!(offsets(&mut client), [3, 4, 5]);
    assert_eq!((client.offset(AT, -2), client.offset(AT, -1)), (0, 6));
    assert_eq!(checkpoint(&dir), "0\n1\nt 0 5\n");
    assert_eq!(client.fetch_all(("other", 0)).len(), 3 * keyed("same", 0).len());
    broker.stop_cleanly();
    for how in ["clean", "killed"] {
        let broker = start(&dir, &[]);
        assert_eq!(offsets(&mut broker.client()), [3, 4, 5], "{how}");
        assert!(logs(&dir.join("data/t-0")).len() >= 2);
        broker.kill();
    }
}

#[test]
fn what_was_dirty_at_a_stop_is_compacted_after_the_start() {
    let dir = TempDir::new();
    filled(&dir, &["--set", "log.cleaner.enable=false"]).0.stop_cleanly();
    let arguments = ["--set", "log.initial.task.delay.ms=0", "--set", "log.cleaner.backoff.ms=10"];
    let broker = Broker::start_with_retention(&dir.join("data"), &arguments);
    broker.logged(&["compacted partition=t-0 up_to=5 "]);
    assert_eq!(offsets(&mut broker.client()), [3, 4, 5]);
    broker.stop_cleanly();
}

#[test]
fn a_topic_whose_policy_changes_is_compacted_from_then_on() {
    let dir = TempDir::new();
    let broker = start(&dir, &[]);
    let mut client = broker.client();
    client.create_with("t", 1, &[SMALL, ("retention.ms", "-1")]);
    fill(&mut client, 6);
    client.alter("t", &[COMPACT, ("min.cleanable.dirty.ratio", "1")]);
    fill(&mut client, 1);
    assert_eq!(offsets(&mut client).len(), 7, "as dirty as it can be is not dirtier than that");
    client.alter("t", &[("min.cleanable.dirty.ratio", "0.1")]);
    broker.logged(&["compacted partition=t-0 up_to=6 "]);
    assert_eq!(offsets(&mut client), [4, 5, 6]);
    broker.stop_cleanly();
}

#[test]
fn a_crash_after_the_policy_has_changed_does_not_take_gaps_for_losses() {
    let dir = TempDir::new();
    let never = ["--set", "log.flush.offset.checkpoint.interval.ms=3600000"];
    let broker = start(&dir, &never);
    broker.client().create_with("t", 1, &[SMALL, COMPACT]);
    broker.client().append(AT, &keyed("key-1", 9));
    // The stop notes where the log ends.
    broker.stop_cleanly();
    let broker = start(&dir, &never);
    let mut client = broker.client();
    fill(&mut client, 5);
    broker.logged(&["compacted partition=t-0 up_to=5 "]);
    client.alter("t", &[("cleanup.policy", "delete"), ("retention.ms", "-1")]);
    broker.kill();
    let broker = start(&dir, &[]);
    assert_eq!(offsets(&mut broker.client()), [3, 4, 5]);
    broker.stop_cleanly();
}

#[test]
fn killed_at_any_moment_it_loses_no_key() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let mut random = Random::new(7);
    let mut last = std::collections::BTreeMap::new();
    for round in 0..12_u64 {
        let broker = start(&dir, &["--set", "log.segment.delete.delay.ms=0"]);
        let mut client = broker.client();
        if round == 0 {
            client.create_with("t", 1, &[SMALL, COMPACT]);
        }
        for number in 0..1 + random.below(8) {
            let (key, seed) = (format!("key-{}", random.below(3)), 100 * round + number);
            client.append(AT, &keyed(&key, seed));
            last.insert(key.into_bytes(), Random::new(seed).bytes(HALF));
        }
        // Somewhere in a look, a round, a swap, or after it.
        let looked = broker.log().len();
        while broker.log().len() == looked && random.below(40) > 0 {
            client.cluster();
        }
        broker.kill();
    }
    // What is looked at is what a start leaves, not what a compaction after it does.
    let broker = start(&dir, &["--set", "log.cleaner.enable=false"]);
    let bytes = broker.client().fetch_all(AT);
    let mut now = std::collections::BTreeMap::new();
    for batch in batches(&bytes) {
        let mut scratch = Vec::new();
        for record in batch.records(&mut scratch, 1 << 24).unwrap() {
            let record = record.unwrap();
            now.insert(record.key.unwrap().to_vec(), record.value.unwrap().to_vec());
        }
    }
    assert!(now == last, "the last record of each key");
    let left = names(&data.join("t-0"));
    assert!(left.iter().all(|name| !name.ends_with(".swap")), "{left:?}");
    broker.stop_cleanly();
}

#[test]
fn compaction_waits_for_the_rate_and_neither_a_deletion_nor_a_stop_waits_for_it() {
    let dir = TempDir::new();
    let rate = ["--set", "log.cleaner.io.max.bytes.per.second=100000"];
    let broker = start(&dir, &rate);
    let mut client = broker.client();
    for _ in 0..2 {
        client.create_with("t", 1, &[SMALL, COMPACT]);
        fill(&mut client, 6);
        client.delete("t");
    }
    client.create_with("t", 1, &[SMALL, COMPACT]);
    fill(&mut client, 6);
    broker.stop_cleanly();
    let left = names(&dir.join("data/t-0"));
    assert!(left.iter().all(|name| !name.ends_with(".cleaned") && !name.ends_with(".swap")));
    // What was not brought to its end is done another time.
    let broker = start(&dir, &[]);
    let mut client = broker.client();
    fill(&mut client, 2);
    broker.logged(&["compacted partition=t-0 up_to=7 "]);
    broker.stop_cleanly();
}

#[test]
fn a_corrupt_log_is_left_alone_with_a_line() {
    let dir = TempDir::new();
    filled(&dir, &["--set", "log.cleaner.enable=false"]).0.stop_cleanly();
    let path = dir.join("data/t-0/00000000000000000002.log");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let broker = start(&dir, &[]);
    let mut client = broker.client();
    client.append(AT, &keyed("key-0", 9));
    let line = broker.logged(&["it is not compacted any more partition=t-0 ", "byte 0", "CRC"]);
    assert!(line.contains("00000000000000000002.log"), "{line}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "not a byte of it went");
    client.append(AT, &keyed("key-0", 10));
    assert_eq!(client.offset(AT, -1), 8);
    broker.stop_cleanly();
}

#[test]
fn it_says_nothing_and_does_nothing_where_nothing_is_written() {
    let dir = TempDir::new();
    let (broker, _client) = filled(&dir, &[]);
    broker.logged(&["compacted partition=t-0 up_to=5 "]);
    // Looks that what was written last has asked for come and go; then there are none.
    let end = std::time::Instant::now() + GUARD;
    let mut quiet = 0;
    let mut before = broker.sleeps();
    while quiet < 5 {
        assert!(std::time::Instant::now() < end, "it does not come to rest");
        std::thread::park_timeout(std::time::Duration::from_millis(100));
        let now = broker.sleeps();
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
    let threads = std::fs::read_dir(format!("/proc/{}/task", broker.pid())).unwrap();
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap();
    assert!(threads.map(|task| name(task.unwrap())).all(|name| name.trim() != "cleaner"));
    broker.stop_cleanly();
}

#[test]
fn a_lack_passes_and_a_bad_disk_does_not() {
    for code in [libc::EMFILE, libc::EIO] {
        let dir = TempDir::new();
        let (disk, data) = (BadDisk::new(&dir), dir.join("data"));
        let soon = ["log.cleaner.backoff.ms=10", "log.cleaner.min.cleanable.ratio=0"];
        let broker = Broker::spawn(disk.broker(&data, &["--set", soon[0], "--set", soon[1]]));
        let mut client = broker.client();
        disk.fail("open", ".cleaned", code);
        client.create_with("t", 1, &[SMALL, COMPACT]);
        fill(&mut client, 2);
        if code == libc::EIO {
            broker.logged(&["ERROR", "partition is offline", "partition=t-0", ".log.cleaned"]);
            let refused = client.produce(AT, &keyed("key-0", 9)).code;
            assert_eq!(refused, barnabas::wire::error::ErrorCode::KAFKA_STORAGE_ERROR);
            broker.stop();
            continue;
        }
        broker.logged(&["WARN", "it was not compacted partition=t-0 ", "os error 24"]);
        disk.heal();
        fill(&mut client, 4);
        broker.logged(&["compacted partition=t-0 up_to=5 "]);
        broker.stop_cleanly();
    }
}
