//! What is not in memory is read from the disk by a thread that may wait, not by a worker: its other
//! connections would wait too. Asked of the kernel, which counts by the thread what was read from disks.
#![allow(clippy::unwrap_used)]

mod broker_support;
mod cold_support;

use broker_support::*;
use cold_support::*;
use std::path::Path;

/// A broker with what was appended to partition 0 of the topic `cold`, on the disk only, and all that was.
fn cold(
    dir: &Path,
    settings: &[&str],
    batches: impl Iterator<Item = Vec<u8>>,
) -> (Broker, Vec<u8>) {
    let broker = Broker::start(dir, settings);
    let mut client = broker.client();
    client.create("cold", 1);
    let mut all = Vec::new();
    for batch in batches {
        let offset = client.append(("cold", 0), &batch);
        all.extend(stored(&batch, offset, 0));
    }
    broker.stop_cleanly();
    drop_from_memory(&dir.join("cold-0"));
    (Broker::start(dir, settings), all)
}

/// The sum of a field of a file of each thread whose name begins so.
fn of_threads(broker: &Broker, name: &str, file: &str, field: &str) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", broker.pid())).unwrap();
    let of_thread = |task: std::fs::DirEntry| {
        let read = |file| std::fs::read_to_string(task.path().join(file)).unwrap();
        let text = read(file);
        let value = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        read("comm").starts_with(name).then(|| value.trim().parse::<u64>().unwrap())
    };
    tasks.filter_map(|task| of_thread(task.unwrap())).sum()
}

/// Bytes that they have read from disks.
fn read_from_disk(broker: &Broker, name: &str) -> u64 {
    of_threads(broker, name, "io", "read_bytes:")
}

/// Bytes that they have asked for by calls, which is what they do for each order.
fn asked_for(broker: &Broker, name: &str) -> u64 {
    of_threads(broker, name, "io", "rchar:")
}

/// Waits until all threads whose name begins so wait for something.
fn until_asleep(broker: &Broker, name: &str) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let is_busy = |task: std::fs::DirEntry| {
        // Others come and go.
        let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let of = |field| status.lines().find_map(|line| line.strip_prefix(field)).map(str::trim);
        of("Name:").is_some_and(|found| found.starts_with(name))
            && of("State:").is_some_and(|state| !state.starts_with('S'))
    };
    let tasks = || std::fs::read_dir(format!("/proc/{}/task", broker.pid())).unwrap();
    while tasks().any(|task| is_busy(task.unwrap())) {
        assert!(std::time::Instant::now() < end, "{name} is busy for ever");
        std::thread::yield_now();
    }
}

#[test]
fn workers_do_not_read_from_the_disk() {
    let dir = on_disk("cold");
    let settings = ["--workers", "1", "--set", "log.segment.bytes=1048576"];
    let (broker, all) = cold(&dir, &settings, (0..400).map(|n| batch(n, 20, 1_000)));
    let mut client = broker.client();
    // Opens the log, which is not what this is about.
    let end = client.offset(("cold", 0), -1);
    assert!(end > 0);
    let before = read_from_disk(&broker, "worker");
    assert!(client.fetch_all(("cold", 0)) == all);
    assert_eq!(read_from_disk(&broker, "worker") - before, 0, "bytes read by the worker");
    let read = read_from_disk(&broker, "warmer");
    assert!(read >= all.len() as u64 / 2, "somebody has read {read} bytes: is this a disk?");

    // What is warm needs nobody. Who was woken last may be busy with what is behind.
    until_asleep(&broker, "warmer");
    let before = asked_for(&broker, "warmer");
    assert!(client.fetch_all(("cold", 0)) == all);
    until_asleep(&broker, "warmer");
    assert_eq!(asked_for(&broker, "warmer"), before, "somebody was sent for what is in memory");
    broker.stop_cleanly();
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_a_reader_wants_next_is_brought_in_before_he_asks() {
    let dir = on_disk("ahead");
    let (broker, _) = cold(&dir, &["--workers", "1"], (0..400).map(|n| batch(n, 20, 1_000)));
    let mut client = broker.client();
    let limit = Wait { max_bytes: 256 << 10, ..Wait::NONE };
    let mut offset = 0;
    let mut orders = Vec::new();
    for _ in 0..16 {
        let before = asked_for(&broker, "warmer");
        let fetched = client.fetch(("cold", 0), offset, limit);
        offset = batches(&fetched.records).last().unwrap().next_offset();
        until_asleep(&broker, "warmer");
        orders.push(asked_for(&broker, "warmer") != before);
    }
    // The next one of who begins, and four of who goes on; what is checked goes a little beyond that.
    assert_eq!(orders[..3], [true, false, true], "{orders:?}");
    let others = orders[3..].iter().filter(|&&order| order).count();
    assert!((1..=3).contains(&others), "{orders:?}");
    broker.stop_cleanly();
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn nor_do_they_where_a_batch_is_larger_than_what_is_asked_for() {
    let dir = on_disk("large");
    let (broker, _) = cold(&dir, &["--workers", "1"], (0..32).map(|n| batch(n, 8, 100_000)));
    let mut client = broker.client();
    let end = client.offset(("cold", 0), -1);
    let before = read_from_disk(&broker, "worker");
    let limit = Wait { max_bytes: 64 << 10, ..Wait::NONE };
    let mut offset = 0;
    while offset < end {
        let fetched = client.fetch(("cold", 0), offset, limit);
        offset = batches(&fetched.records).last().unwrap().next_offset();
    }
    assert_eq!(read_from_disk(&broker, "worker") - before, 0, "bytes read by the worker");
    broker.stop_cleanly();
    std::fs::remove_dir_all(dir).unwrap();
}
