//! One data directory, one broker, whichever kind it is; and what lies in the place of the files
//! that say so never holds up a start.
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;

/// Takes the lock that Java's `FileChannel.tryLock` takes, as Apache Kafka does.
fn kafkas_lock(file: &File) -> bool {
    // SAFETY: all fields are integers, and zero is the whole file.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as _;
    // SAFETY: a plain system call on an open file; it reads the structure.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) == 0 }
}

fn open(path: &Path) -> File {
    File::options().create(true).append(true).open(path).unwrap()
}

fn with_data(data: &Path) -> Command {
    command(&["--port", "0", "--data-dir", data.to_str().unwrap()])
}

#[test]
fn kafka_and_barnabas_keep_each_other_away() {
    let dir = TempDir::new();
    let data = dir.join("data");
    Broker::start(&data, &[]).stop_cleanly();
    let before = picture(&data);
    let lock = open(&data.join(".lock"));
    assert!(kafkas_lock(&lock));
    let ended = refused(with_data(&data));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("another broker is using it"), "{ended:?}");
    assert_eq!(picture(&data), before);
    drop(lock);
    let broker = Broker::start(&data, &[]);
    assert!(!kafkas_lock(&open(&data.join(".lock"))), "it is ours");
    assert_eq!(refused(with_data(&data)).code, Some(2), "nor may another one of us");
    assert!(!kafkas_lock(&open(&data.join(".lock"))), "and still is");
    broker.stop_cleanly();
    assert!(kafkas_lock(&open(&data.join(".lock"))), "until it ends");
}

/// Who is told of one thing and mends it is not to find the next one then.
#[test]
fn a_taken_port_and_a_directory_in_use_are_told_at_once() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    let port = broker.address.port().to_string();
    let start = |data: &Path| command(&["--port", &port, "--data-dir", data.to_str().unwrap()]);
    let ended = refused(start(&data));
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1), "{ended:?}");
    for part in [&format!(":{port}: "), "another broker is using it"] {
        assert!(ended.stderr.contains(part), "{part}: {ended:?}");
    }
    // Nor is a directory touched, or complained of, that could be had.
    let ended = refused(start(&dir.join("new")));
    assert!(ended.code == Some(2) && !ended.stderr.contains("data directory"), "{ended:?}");
    assert!(!dir.join("new").exists());
    broker.stop_cleanly();
}

#[test]
fn pipes_and_directories_in_the_place_of_files_are_named_at_once() {
    for name in [".lock", "meta.properties"] {
        for is_pipe in [true, false] {
            let dir = TempDir::new();
            let data = dir.join("data");
            Broker::start(&data, &[]).stop_cleanly();
            let path = data.join(name);
            fs::remove_file(&path).unwrap();
            match is_pipe {
                true => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
                false => fs::create_dir(&path).unwrap(),
            }
            let ended = refused(with_data(&data));
            assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
            assert!(ended.stderr.contains(name), "{name}: {ended:?}");
            assert_eq!(ended.stderr.lines().count(), 1, "{name}: {ended:?}");
        }
    }
}

#[test]
fn pipes_in_a_partition_take_only_that_partition_offline() {
    let files = ["partition.metadata", "leader-epoch-checkpoint", "00000000000000000000.index"];
    for name in files {
        let dir = TempDir::new();
        let data = dir.join("data");
        let broker = Broker::start(&data, &[]);
        broker.client().create("t", 2);
        broker.client().append(("t", 0), &batch(1, 2, 10));
        broker.stop_cleanly();
        let path = data.join("t-0").join(name);
        fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let broker = Broker::start(&data, &[]);
        let mut client = broker.client();
        // It may do without the file; but it answers.
        client.produce(("t", 0), &batch(1, 2, 10));
        assert_eq!(client.append(("t", 1), &batch(1, 2, 10)), 0, "{name}");
        broker.kill();
    }
}
