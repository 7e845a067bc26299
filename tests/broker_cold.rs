//! What is not in memory is read from the disk by a thread that may wait, not by a worker: its other
//! connections would wait too. Asked of the kernel, which counts by the thread what was read from disks.
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

const MIB: usize = 1 << 20;

/// Drops the files under a directory from the page cache; nobody may have them mapped.
fn drop_from_memory(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let file = File::open(entry.unwrap().path()).unwrap();
        file.sync_all().unwrap();
        // SAFETY: a plain system call on an open file.
        let dropped =
            unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        assert_eq!(dropped, 0);
    }
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

/// How often they have slept.
fn sleeps(broker: &Broker, name: &str) -> u64 {
    of_threads(broker, name, "status", "voluntary_ctxt_switches:")
}

/// Whether all of them wait for something.
fn are_asleep(broker: &Broker, name: &str) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", broker.pid())).unwrap();
    let mut states = tasks.filter_map(|task| {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let of = |field| status.lines().find_map(|line| line.strip_prefix(field)).unwrap().trim();
        of("Name:").starts_with(name).then(|| of("State:").starts_with('S'))
    });
    states.all(|asleep| asleep)
}

#[test]
fn workers_do_not_read_from_the_disk() {
    // Not a directory for temporary files: those may be in memory only.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cold-{}", std::process::id()));
    let settings = ["--workers", "1", "--set", "log.segment.bytes=1048576"];
    let broker = Broker::start(&dir, &settings);
    let mut client = broker.client();
    client.create("cold", 1);
    let mut all = Vec::new();
    while all.len() < 8 * MIB {
        let batch = batch(all.len() as u64, 20, 1_000);
        let offset = client.append(("cold", 0), &batch);
        all.extend(stored(&batch, offset, 0));
    }
    broker.stop_cleanly();
    drop_from_memory(&dir.join("cold-0"));

    let broker = Broker::start(&dir, &settings);
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
    assert!(client.fetch_all(("cold", 0)) == all);
    while !are_asleep(&broker, "warmer") {
        std::thread::yield_now();
    }
    let before = sleeps(&broker, "warmer");
    assert!(client.fetch_all(("cold", 0)) == all);
    assert_eq!(sleeps(&broker, "warmer"), before, "somebody was woken for what is in memory");
    broker.stop_cleanly();
    std::fs::remove_dir_all(dir).unwrap();
}
