//! What a broker does with a data directory that is not as it left it: it says what is lost, keeps
//! what is not, and touches nothing that it refuses.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::fs;
use std::path::Path;

#[test]
fn a_partition_that_cannot_be_led_is_offline_and_is_checked_again() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    broker.client().create("t", 2);
    broker.kill();
    // Where a new epoch is noted, there is no room for a file.
    let epochs = data.join("t-1").join("leader-epoch-checkpoint");
    fs::remove_file(&epochs).unwrap();
    fs::create_dir(&epochs).unwrap();

    let broker = Broker::start(&data, &[]);
    broker.logged(&["ERROR", "partition is offline", "partition=t-1", "leader-epoch-checkpoint"]);
    let mut client = broker.client();
    assert_eq!(client.append(("t", 0), &batch(1, 2, 10)), 0, "the others go on");
    let refused = client.produce(("t", 1), &batch(1, 2, 10));
    assert_eq!(refused.code, ErrorCode::KAFKA_STORAGE_ERROR);
    let ended = broker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    assert!(!data.join(".kafka_cleanshutdown").exists(), "t-1 was not closed");

    fs::remove_dir(&epochs).unwrap();
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    assert_eq!(client.cluster().topics["t"].epochs, [2, 2], "the start was not a clean one");
    assert_eq!(client.append(("t", 1), &batch(1, 2, 10)), 0);
    broker.stop_cleanly();
    assert!(data.join(".kafka_cleanshutdown").exists());
}

/// Changes a byte of a file.
fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x80;
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_recovery_cuts_off_is_told() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    client.create("t", 2);
    let first = batch(1, 2, 100);
    for index in 0..2 {
        client.append(("t", index), &first);
        client.append(("t", index), &batch(2, 3, 100));
    }
    broker.kill();
    flip(&data.join("t-1").join("00000000000000000000.log"), first.len() + 70);
    let broker = Broker::start(&data, &[]);
    let cut = format!("segment 0 cut at byte {}", first.len());
    broker.logged(&["WARN", "records were lost", "t-1 end=2 ", &cut]);
    let mut client = broker.client();
    assert_eq!([0, 1].map(|index| client.offset(("t", index), -1)), [5, 2]);
    let ended = broker.stop();
    let told = ended.log.iter().filter(|line| line.contains("records were lost"));
    assert_eq!(told.count(), 1, "what a kill leaves is no loss: {:#?}", ended.log);
}

const METADATA: &str = "__cluster_metadata-0/00000000000000000000.log";

#[test]
fn a_damaged_metadata_log_is_refused_and_left_alone() {
    for clean in [true, false] {
        let dir = TempDir::new();
        let data = dir.join("data");
        let broker = Broker::start(&data, &[]);
        let mut client = broker.client();
        client.create("first", 1);
        client.create("second", 1);
        drop(client);
        if clean {
            broker.stop_cleanly();
        } else {
            broker.kill();
        }
        flip(&data.join(METADATA), 70);
        let before = picture(&data);
        let arguments = ["--port", "0", "--data-dir", data.to_str().unwrap()];
        let output = refused(command(&arguments));
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{}", output.stderr);
        let said = "00000000000000000000.log is damaged at byte 0 (a batch's CRC does not match)";
        assert!(output.stderr.contains(said), "{}", output.stderr);
        assert!(picture(&data) == before, "nothing is touched; clean: {clean}");
        flip(&data.join(METADATA), 70);
        let broker = Broker::start(&data, &[]);
        let topics = broker.client().cluster().topics;
        let epochs: Vec<i32> = topics.values().flat_map(|topic| topic.epochs.clone()).collect();
        assert_eq!(epochs, [i32::from(!clean); 2], "the refusal has cost nothing");
        broker.stop_cleanly();
    }
}

#[test]
fn an_unfinished_end_of_the_metadata_log_is_cut_and_told() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    client.create("kept", 1);
    drop(client);
    broker.stop_cleanly();
    let path = data.join(METADATA);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_within(..80);
    fs::write(&path, bytes).unwrap();
    fs::remove_file(data.join(".kafka_cleanshutdown")).unwrap();
    let broker = Broker::start(&data, &[]);
    broker.logged(&["WARN", "__cluster_metadata-0", "80 bytes dropped"]);
    assert_eq!(broker.client().cluster().topics["kept"].epochs, [1]);
    broker.stop_cleanly();
}

#[test]
fn what_no_topic_owns_is_set_aside_however_long_its_name_is() {
    let dir = TempDir::new();
    let data = dir.join("data");
    Broker::start(&data, &[]).stop_cleanly();
    let long = format!("{}-0", "x".repeat(249));
    for name in [&long, "stray-0"] {
        fs::create_dir(data.join(name)).unwrap();
        fs::write(data.join(name).join("kept"), name).unwrap();
    }
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    for name in [&long, "stray-0"] {
        broker.logged(&["WARN", name, "no topic of the catalog owns it"]);
        client.create(name.strip_suffix("-0").unwrap(), 1);
    }
    drop(client);
    broker.stop_cleanly();
    let strays: Vec<String> =
        names(&data).into_iter().filter(|name| name.ends_with("-stray")).collect();
    assert_eq!(strays.len(), 2, "{strays:?}");
    let kept = |name: &String| fs::read_to_string(data.join(name).join("kept")).unwrap();
    let mut kept: Vec<String> = strays.iter().map(kept).collect();
    kept.sort();
    assert_eq!(kept, ["stray-0".to_owned(), long]);
}

#[test]
fn what_somebody_else_keeps_under_the_name_of_a_partition_is_kept() {
    let dir = TempDir::new();
    let data = dir.join("data");
    Broker::start(&data, &[]).stop_cleanly();
    let foreign = data.join("library-7");
    fs::create_dir(&foreign).unwrap();
    for name in ["words.index", "draft.tmp", "dinner.prepared"] {
        fs::write(foreign.join(name), name).unwrap();
    }
    let photos = data.join("photos-2.old-delete");
    fs::create_dir(&photos).unwrap();
    fs::write(photos.join("sea.jpeg"), "blue").unwrap();
    let metadata = data.join("__cluster_metadata-0");
    fs::write(metadata.join("thesis.checkpoint.part"), "half").unwrap();
    Broker::start(&data, &[]).stop_cleanly();
    assert_eq!(fs::read(photos.join("sea.jpeg")).unwrap(), b"blue");
    assert_eq!(fs::read(metadata.join("thesis.checkpoint.part")).unwrap(), b"half");
    let aside = |name: &String| name.starts_with("library-7.") && name.ends_with("-stray");
    let aside = names(&data).into_iter().find(aside).unwrap();
    let kept = names(&data.join(aside));
    assert_eq!(kept, ["dinner.prepared", "draft.tmp", "words.index"]);
}

#[test]
fn a_partition_that_cannot_say_whose_it_is_is_offline_until_somebody_has_looked() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    client.create("t", 3);
    for index in 0..3 {
        assert_eq!(client.append(("t", index), &batch(1, 2, 10)), 0);
    }
    drop(client);
    broker.stop_cleanly();
    let file = |index| data.join(format!("t-{index}/partition.metadata"));
    fs::write(file(0), "version: 0\ntopic_id: no id").unwrap();
    fs::remove_file(file(1)).unwrap();
    fs::create_dir(file(1)).unwrap();
    // After a clean stop it is the first who asks that opens it, after a crash the start.
    for kill in [true, false] {
        let broker = Broker::start(&data, &[]);
        let mut client = broker.client();
        for index in 0..2 {
            let refused = client.produce(("t", index), &batch(2, 2, 10));
            assert_eq!(refused.code, ErrorCode::KAFKA_STORAGE_ERROR);
            broker.logged(&[
                "ERROR",
                "partition is offline",
                &format!("partition=t-{index} "),
                "remove that",
            ]);
        }
        assert!(client.append(("t", 2), &batch(2, 2, 10)) > 0, "the others serve");
        drop(client);
        match kill {
            true => _ = broker.kill(),
            false => broker.stop_cleanly(),
        }
    }
    fs::remove_file(file(0)).unwrap();
    let broker = Broker::start(&data, &[]);
    assert_eq!(broker.client().append(("t", 0), &batch(3, 2, 10)), 2, "all is there");
    broker.stop_cleanly();
}

/// A broker comes, takes a batch for a topic, and goes.
fn leave_a_batch(data: &Path) {
    let broker = Broker::start(data, &[]);
    let mut client = broker.client();
    client.create("t", 1);
    client.append(("t", 0), &batch(1, 2, 100));
    broker.stop_cleanly();
}

/// The next one has it.
fn find_the_batch(data: &Path) {
    let broker = Broker::start(data, &[]);
    assert_eq!(batches(&broker.client().fetch_all(("t", 0))).len(), 1);
    broker.stop_cleanly();
}

#[test]
fn partitions_without_their_metadata_are_left_alone() {
    let dir = TempDir::new();
    let data = dir.join("data");
    leave_a_batch(&data);
    let aside = dir.join("metadata");
    fs::rename(data.join("__cluster_metadata-0"), &aside).unwrap();
    let before = picture(&data);
    let refused = refused(command(&["--port", "0", "--data-dir", data.to_str().unwrap()]));
    assert!(refused.stderr.contains("there is the partition t-0"), "{}", refused.stderr);
    assert_eq!(picture(&data), before);
    fs::rename(&aside, data.join("__cluster_metadata-0")).unwrap();
    find_the_batch(&data);
}

#[test]
fn a_metadata_log_of_nothing_is_none() {
    let dir = TempDir::new();
    let data = dir.join("data");
    leave_a_batch(&data);
    // It is made again, but not where the start is refused.
    fs::remove_file(data.join("log-start-offset-checkpoint")).unwrap();
    let log = data.join("__cluster_metadata-0").join("00000000000000000000.log");
    let whole = fs::read(&log).unwrap();
    let mut seed = 1u64;
    let noise = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as u8
    });
    let marker = data.join(".kafka_cleanshutdown");
    let clean = fs::read(&marker).unwrap();
    for bytes in [Vec::new(), vec![0; 100_000], noise.take(100_000).collect()] {
        for is_clean in [true, false] {
            fs::write(&log, &bytes).unwrap();
            if is_clean {
                fs::write(&marker, &clean).unwrap();
            } else {
                fs::remove_file(&marker).unwrap();
            }
            let before = picture(&data);
            let refused = refused(command(&["--port", "0", "--data-dir", data.to_str().unwrap()]));
            let said = &refused.stderr;
            assert!(said.contains("__cluster_metadata-0") && said.contains("copy"), "{said}");
            assert_eq!(picture(&data), before);
        }
    }
    fs::write(&log, whole).unwrap();
    find_the_batch(&data);
}
