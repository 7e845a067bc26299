//! Disks that fail: what a bad one takes along is one partition, with a line that says so. Nothing
//! is acknowledged that the disk refused, and everything else goes on.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;

const STORAGE: ErrorCode = ErrorCode::KAFKA_STORAGE_ERROR;
/// Every answer waits for the disk.
const EACH: (&str, &str) = ("flush.messages", "1");

fn assert_spared(broker: &Broker, n: u64) {
    let mut client = broker.client();
    client.append(("spared", 0), &batch(n, 2, 100));
    assert!(!client.fetch_all(("spared", 0)).is_empty());
    assert!(client.cluster().topics.contains_key("hit"));
}

#[test]
fn a_sync_that_fails_takes_its_partition_offline_and_acknowledges_nothing() {
    let dir = TempDir::new();
    let (disk, data) = (BadDisk::new(&dir), dir.join("data"));
    let broker = Broker::spawn(disk.broker(&data, &[]));
    let mut client = broker.client();
    client.create_with("hit", 1, &[EACH]);
    client.create_with("spared", 1, &[EACH]);
    let kept = batch(1, 2, 100);
    assert_eq!(client.append(("hit", 0), &kept), 0);
    disk.fail("sync", "/hit-0/", libc::EIO);
    assert_eq!(client.produce(("hit", 0), &batch(2, 2, 100)).code, STORAGE);
    let line = broker.logged(&["ERROR", "hit-0", "offline"]);
    for part in [".log", "os error 5", "start the broker again"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // For good: a disk that has lost something says so once.
    disk.heal();
    assert_eq!(client.produce(("hit", 0), &batch(3, 2, 100)).code, STORAGE);
    assert_eq!(client.fetch(("hit", 0), 0, Wait::NONE).code, STORAGE);
    assert_spared(&broker, 1);
    let ended = broker.stop();
    assert!(matches!(ended.code, Some(0 | 1)), "{ended:#?}");
    let broker = Broker::spawn(disk.broker(&data, &[]));
    let all = broker.client().fetch_all(("hit", 0));
    assert!(sent_bytes(&batches(&all)[0]) == sent_bytes(&batches(&kept)[0]));
    assert_spared(&broker, 2);
    broker.stop_cleanly();
}

#[test]
fn space_that_cannot_be_reserved_is_a_full_disk_or_a_bad_one() {
    for code in [libc::ENOSPC, libc::EIO] {
        let dir = TempDir::new();
        let (disk, data) = (BadDisk::new(&dir), dir.join("data"));
        let broker = Broker::spawn(disk.broker(&data, &[]));
        let mut client = broker.client();
        client.create("hit", 1);
        client.create("spared", 1);
        let mut taken = 0;
        disk.fail("fallocate", "/hit-0/", code);
        let refused = loop {
            let produced = client.produce(("hit", 0), &batch(taken, 1, 20_000));
            if produced.code != ErrorCode::NONE {
                break produced.code;
            }
            taken += 1;
            assert!(taken < 100, "it goes on without room");
        };
        assert_eq!(refused, STORAGE);
        assert_spared(&broker, 1);
        disk.heal();
        let after = client.produce(("hit", 0), &batch(taken, 1, 20_000));
        if code == libc::ENOSPC {
            broker.logged(&["ERROR", "hit-0", "make room on that disk"]);
            assert_eq!((after.code, after.base_offset), (ErrorCode::NONE, taken as i64));
        } else {
            broker.logged(&[
                "ERROR",
                "partition is offline",
                "partition=hit-0",
                "00000000000000000000.log",
            ]);
            assert_eq!(after.code, STORAGE);
        }
        assert_spared(&broker, 2);
        broker.kill();
        let broker = Broker::spawn(disk.broker(&data, &[]));
        let all = broker.client().fetch_all(("hit", 0));
        assert!(batches(&all).len() as u64 >= taken);
        broker.stop_cleanly();
    }
}

#[test]
fn a_metadata_log_that_fails_stops_changes_and_no_data() {
    let dir = TempDir::new();
    let (disk, data) = (BadDisk::new(&dir), dir.join("data"));
    let broker = Broker::spawn(disk.broker(&data, &[]));
    let mut client = broker.client();
    client.create("hit", 1);
    client.create("spared", 1);
    for call in ["fallocate", "sync"] {
        disk.fail(call, "/__cluster_metadata-0/", libc::EIO);
        // There is room for some changes yet; none is half done.
        let mut last = None;
        for n in 0..2_000 {
            let name = format!("{call}-{n}");
            let sent = client.send_create(&name, 1, &[]);
            match client.created(sent) {
                Ok(_) => last = Some(name),
                Err(code) => {
                    assert_eq!(code, STORAGE);
                    assert!(!client.cluster().topics.contains_key(&name));
                    assert!(!data.join(format!("{name}-0")).exists());
                    break;
                }
            }
        }
        if let Some(last) = last {
            assert!(client.cluster().topics.contains_key(&last));
        }
        assert_spared(&broker, 1);
    }
    broker.kill();
    disk.heal();
    let broker = Broker::spawn(disk.broker(&data, &[]));
    assert_spared(&broker, 2);
    broker.client().create("again", 1);
    broker.stop_cleanly();
}

#[test]
fn small_files_that_cannot_be_written_are_told_and_tried_again() {
    let dir = TempDir::new();
    let (disk, data) = (BadDisk::new(&dir), dir.join("data"));
    let prompt = ["--set", "log.flush.offset.checkpoint.interval.ms=20"];
    let broker = Broker::spawn(disk.broker(&data, &prompt));
    let mut client = broker.client();
    client.create_with("spared", 1, &[EACH]);
    client.create("hit", 1);
    disk.fail("open", "-offset-checkpoint", libc::EIO);
    client.append(("spared", 0), &batch(1, 2, 100));
    broker.logged(&["ERROR", "recovery-point-offset-checkpoint", "tried again"]);
    assert_spared(&broker, 1);
    disk.heal();
    client.append(("spared", 0), &batch(2, 2, 100));
    broker.stop_cleanly();
}

#[test]
fn what_was_deleted_stays_deleted_where_files_cannot_be_renamed() {
    for by in ["DeleteRecords", "retention"] {
        let dir = TempDir::new();
        let (disk, data) = (BadDisk::new(&dir), dir.join("data"));
        let soon = ["log.initial.task.delay.ms=0", "log.retention.check.interval.ms=20"];
        let broker = Broker::spawn(disk.broker(&data, &["--set", soon[0], "--set", soon[1]]));
        let mut client = broker.client();
        let kept = ("retention.ms", "-1");
        client.create_with("hit", 1, &[kept, ("segment.bytes", "1048576")]);
        client.create_with("spared", 1, &[kept]);
        (0..4).for_each(|seed| _ = client.append(("hit", 0), &batch_of_size(seed, 600_000)));
        disk.fail("rename", "/hit-0/00000000000000000001.log", libc::EIO);
        let begins = if by == "retention" {
            client.alter("hit", &[("retention.ms", "86400000")]);
            4
        } else {
            client.delete_records(("hit", 0), 2)
        };
        broker.logged(&["ERROR", "old segments stay for now partition=hit-0 ", "cannot rename"]);
        broker.logged(&[
            "ERROR",
            "partition is offline",
            "partition=hit-0",
            "00000000000000000001.log",
        ]);
        assert_spared(&broker, 1);
        let ended = broker.stop();
        assert!(matches!(ended.code, Some(0 | 1)), "{ended:#?}");
        disk.heal();
        let broker = Broker::spawn(disk.broker(&data, &[]));
        let mut client = broker.client();
        assert_eq!((client.offset(("hit", 0), -2), client.offset(("hit", 0), -1)), (begins, 4));
        assert_spared(&broker, 2);
        broker.stop_cleanly();
    }
}
