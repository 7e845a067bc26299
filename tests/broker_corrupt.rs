//! Data directories in which anything may have changed: the broker starts and serves what was
//! written and nothing else, or says which file is wrong and refuses; it never crashes, and what it
//! does not know it leaves alone.
//!
//! Each round has a seed. `BARNABAS_CORRUPT_SEED=n` replays one, `BARNABAS_CORRUPT_ROUNDS=n` makes
//! more of them.
#![allow(clippy::unwrap_used)]

mod broker_support;
mod corruption;

use barnabas::wire::error::ErrorCode;
use barnabas::wire::records::Batch;
use broker_support::*;
use corruption::*;
use std::fs;
use std::path::Path;

const ROUNDS: u64 = 100;

#[test]
fn nothing_that_happens_to_a_data_directory_is_served_or_kills() {
    let dir = TempDir::new();
    let originals = [false, true]
        .map(|killed| Original::make(dir.join(if killed { "killed" } else { "stopped" }), killed));
    let number = |name| std::env::var(name).ok().map(|value: String| value.parse().unwrap());
    let seeds = match number("BARNABAS_CORRUPT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("BARNABAS_CORRUPT_ROUNDS").unwrap_or(ROUNDS),
    };
    let data = dir.join("data");
    let mut failed = Vec::new();
    for seed in seeds {
        let original = &originals[(seed % 2) as usize];
        let _ = fs::remove_dir_all(&data);
        copy(&original.dir, &data);
        let mut random = Random::new(seed);
        let count = 1 + random.below(8) / 7;
        let harms: Vec<Harm> = (0..count).map(|_| Harm::do_to(&data, &mut random)).collect();
        let attempt = std::panic::AssertUnwindSafe(|| round(original, &data, &harms));
        if std::panic::catch_unwind(attempt).is_err() {
            let what: Vec<&str> = harms.iter().map(|harm| &*harm.what).collect();
            failed.push(format!("BARNABAS_CORRUPT_SEED={seed}: {}", what.join("; ")));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

fn round(original: &Original, data: &Path, harms: &[Harm]) {
    // What was produced has an old date: retention must not come in between.
    let late = "log.initial.task.delay.ms=3600000";
    let data_dir = data.to_str().unwrap();
    let arguments = ["--port", "0", "--data-dir", data_dir, "--set", late];
    let started = Broker::try_spawn(command(&arguments));
    match started {
        Err(refused) => assert_explains(&refused, data),
        Ok(broker) => {
            for topic in original.truth.keys() {
                assert_truth(&broker, topic, original, harms);
            }
            let mut client = broker.client();
            client.create("new", 1);
            client.append(("new", 0), &batch(1, 1, 10));
            drop(client);
            let ended = broker.stop();
            assert!(matches!(ended.code, Some(0 | 1)), "{ended:#?}");
            assert!(!ended.log.iter().any(|line| line.contains("panicked")), "{ended:#?}");
        }
    }
    assert_kept(original, data, harms);
    for (path, unknown) in harms.iter().filter_map(|harm| harm.unknown.as_ref()) {
        if harms.iter().any(|harm| harm.touched.contains(path)) {
            continue; // By another harm.
        }
        let is_it = |path: &std::path::PathBuf| fs::read(path).is_ok_and(|there| there == *unknown);
        assert!(all_files(data).iter().any(is_it), "a file that no broker knows is gone");
    }
}

/// A refusal names what is wrong and ends with the code for it.
fn assert_explains(refused: &Refused, data: &Path) {
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
    let last = refused.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("barnabas: "), "{}", refused.stderr);
    assert!(last.contains(data.to_str().unwrap()), "no file is named: {last}");
    assert!(last.contains(';') || last.contains("restore") || last.contains("remove"), "{last}");
}

/// Whether nothing that this partition needs was touched.
fn is_spared(topic: &str, harms: &[Harm]) -> bool {
    let harmless = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let of_another = path.parent().and_then(Path::file_name).is_some_and(|dir| {
            let dir = dir.to_str().unwrap();
            dir.ends_with("-0") && !dir.starts_with(topic) && dir != "__cluster_metadata-0"
        });
        of_another || ["index", "timeindex"].iter().any(|end| name.ends_with(end))
    };
    harms.iter().all(|harm| harm.touched.iter().all(|path| harmless(path)) && !harm.in_the_way)
}

/// Everything that is served of the partition is what was written there; of one that was spared, all
/// of it is.
fn assert_truth(broker: &Broker, topic: &str, original: &Original, harms: &[Harm]) {
    let written = &original.truth[topic];
    let is_right = |batch: &Batch<'_>| {
        let is_it =
            |written: &Written| written.get(&batch.base_offset()) == Some(&as_written(batch));
        // Nothing in a log says whose it is.
        is_it(written) || harms.iter().any(|harm| harm.mixed) && original.truth.values().any(is_it)
    };
    let mut client = broker.client();
    let at = (topic, 0);
    let patience = std::time::Instant::now() + GUARD;
    let mut served = 0;
    let mut offset = 0;
    let end = written.values().last().map_or(0, |last| batches(last)[0].next_offset());
    while offset <= end {
        let fetched = client.fetch(at, offset, Wait::NONE);
        match fetched.code {
            ErrorCode::NONE if fetched.records.is_empty() => break,
            ErrorCode::NONE => {
                for batch in batches(&fetched.records) {
                    let base = batch.base_offset();
                    assert!(
                        is_right(&batch),
                        "{topic}: what is served at {base} was not written there"
                    );
                    assert!(batch.last_offset() >= offset, "{topic}: {base} for {offset}");
                    offset = batch.next_offset();
                    served += 1;
                }
            }
            ErrorCode::OFFSET_OUT_OF_RANGE => match client.offset(at, -2) {
                start if start > offset => offset = start,
                _ => break,
            },
            ErrorCode::CORRUPT_MESSAGE => {
                broker.logged(&["ERROR", topic, "damaged at byte", "kafka-delete-records"]);
                let next = written.keys().find(|base| **base > offset);
                offset = next.copied().unwrap_or(end + 1);
            }
            // Either it says why, or it is still looking at what is there.
            ErrorCode::KAFKA_STORAGE_ERROR => {
                let why = |line: &String| line.contains("ERROR") && line.contains(topic);
                if broker.log().iter().any(why) {
                    break;
                }
                assert!(
                    std::time::Instant::now() < patience,
                    "{topic} is offline and nobody says why"
                );
            }
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => break,
            code => panic!("{topic} at {offset}: {code:?}"),
        }
    }
    let whole = is_spared(topic, harms);
    assert!(!whole || served == written.len(), "{topic}: {served} of {} served", written.len());
}

/// Every log that nobody has touched is still there, under whatever name.
fn assert_kept(original: &Original, data: &Path, harms: &[Harm]) {
    let there: Vec<Vec<u8>> =
        all_files(data).iter().filter_map(|path| fs::read(path).ok()).collect();
    for path in all_files(&original.dir) {
        let name = path.strip_prefix(&original.dir).unwrap();
        let touched = harms.iter().any(|harm| harm.touched.contains(&data.join(name)));
        let of_records = path.extension().is_some_and(|end| end == "log");
        if !of_records || touched || name.starts_with("__cluster_metadata-0") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let used = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let is_there = there.iter().any(|there| there.starts_with(&bytes[..used]));
        assert!(is_there, "{} was whole, and is gone", name.display());
    }
}
