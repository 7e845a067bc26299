//! Out of descriptors: connections leave the log those that it needs, however many come. And where they
//! are lacking all the same, a partition that cannot be opened for want of one can be opened later: what
//! is lacking says nothing of its disk.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

const COMPLAINT: &str = "cannot accept connections for now";
const SETTINGS: [&str; 4] = ["--workers", "2", "--set", "log.initial.task.delay.ms=3600000"];

/// A broker that may have so many files and connections open.
fn limited(data: &std::path::Path, descriptors: u64, more: &[&str]) -> Command {
    let data = ["--port", "0", "--data-dir", data.to_str().unwrap()];
    let mut command = command(&[&data, &SETTINGS[..], more].concat());
    limit(&mut command, descriptors);
    command
}

/// Lets the command have so many descriptors.
fn limit(command: &mut Command, descriptors: u64) {
    let limit = libc::rlimit { rlim_cur: descriptors, rlim_max: descriptors };
    // SAFETY: it reads the struct, and changes a limit of its own process.
    let set = move || match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    };
    // SAFETY: between fork and exec: a system call, and nothing is allocated.
    unsafe { command.pre_exec(set) };
}

/// From now on the broker may open nothing, or as much as before again.
fn allow(broker: &Broker, anything: bool) {
    let pid = i32::try_from(broker.pid()).unwrap();
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: it fills the struct that it is given.
    let got = unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, std::ptr::null(), &mut limit) };
    assert_eq!(got, 0);
    limit.rlim_cur = if anything { limit.rlim_max } else { 0 };
    // SAFETY: it reads the struct; the process is our own child.
    let set = unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, &limit, std::ptr::null_mut()) };
    assert_eq!(set, 0);
}

fn connections(broker: &Broker, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(broker.address).unwrap()).collect()
}

/// Rolls, flushes, new topics, and more partitions than may be open at once.
fn work(client: &mut Client, partitions: i32) {
    let settings = [("flush.messages", "1"), ("segment.bytes", "1048576")];
    client.create_with("t", partitions, &settings);
    for seed in 0..2 {
        for index in 0..partitions {
            client.append(("t", index), &batch_of_size(seed, 600_000));
        }
    }
    client.create_with("u", 3, &settings);
    client.append(("u", 2), &batch(1, 2, 10));
    for index in 0..partitions {
        assert_eq!(client.delete_records(("t", index), 1), 1);
        assert!(!client.fetch(("t", index), 1, Wait::NONE).records.is_empty());
    }
}

fn connections_leave_descriptors(io: &str, limit: u64, partitions: i32) {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::spawn(limited(&data, limit, &["--io", io]));
    let mut client = broker.client();
    client.api_versions();
    let others = connections(&broker, usize::try_from(limit).unwrap());
    let told = broker.logged(&["WARN", "as many as the limit on open files leaves room for"]);
    assert!(told.contains("raise it"), "{told}");
    let mut late = broker.client();
    let waits = late.send_api_versions();
    work(&mut client, partitions);
    // Places that are given back are taken, one by one: also by who came while there was none.
    drop(others);
    late.answer(waits);
    late.append(("u", 2), &batch(2, 2, 10));
    drop((client, late));
    let ended = broker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    let is_lack = |line: &&String| line.contains("open files (") || line.contains(COMPLAINT);
    assert_eq!(ended.log.iter().find(is_lack), None);
}

#[test]
fn connections_leave_the_log_what_it_needs() {
    allow_descriptors(4_096);
    for io in ["mio", "uring"] {
        for (limit, partitions) in [(64, 4), (256, 20), (1_024, 45)] {
            connections_leave_descriptors(io, limit, partitions);
        }
    }
}

#[test]
fn with_too_few_descriptors_for_anything_the_start_says_how_many_are_needed() {
    let dir = TempDir::new();
    let ended = refused(limited(&dir.join("data"), 50, &[]));
    assert_eq!(ended.code, Some(2));
    let says = "the limit on open files is 50, and 58 are needed at least: raise it";
    assert!(ended.stderr.contains(says), "{ended:?}");
}

#[test]
fn a_partition_that_finds_no_descriptor_is_opened_when_there_is_one() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    client.create("t", 2);
    for index in 0..2 {
        client.append(("t", index), &batch(1, 2, 10));
    }
    drop(client);
    broker.stop_cleanly();

    let broker = Broker::spawn(limited(&data, 120, &[]));
    let mut client = broker.client();
    client.append(("t", 0), &batch(2, 2, 10));
    allow(&broker, false);
    let others = connections(&broker, 1);
    broker.logged(&[COMPLAINT]);
    let refused = client.produce(("t", 1), &batch(2, 2, 10));
    assert_eq!(refused.code, ErrorCode::KAFKA_STORAGE_ERROR);
    let told = broker.logged(&["ERROR", "t-1", "Too many open files"]);
    assert!(!told.contains("remove"), "{told}");
    allow(&broker, true);
    let end = std::time::Instant::now() + GUARD;
    while client.produce(("t", 1), &batch(2, 2, 10)).code != ErrorCode::NONE {
        assert!(std::time::Instant::now() < end, "it stays offline");
        std::thread::yield_now();
    }
    assert_eq!(client.offset(("t", 1), -1), 4);
    drop((client, others));
    broker.stop_cleanly();
    assert!(data.join(".kafka_cleanshutdown").exists());
}

#[test]
fn a_topic_that_finds_no_descriptor_is_made_when_there_is_one() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::spawn(limited(&data, 120, &[]));
    let mut client = broker.client();
    client.create("t", 1);
    allow(&broker, false);
    let others = connections(&broker, 1);
    broker.logged(&[COMPLAINT]);
    let sent = client.send_create("u", 3, &[]);
    assert_eq!(client.created(sent), Err(ErrorCode::KAFKA_STORAGE_ERROR));
    broker.logged(&["ERROR", "u-0", "Too many open files"]);
    allow(&broker, true);
    let end = std::time::Instant::now() + GUARD;
    loop {
        let sent = client.send_create("u", 3, &[]);
        match client.created(sent) {
            Ok(_) => break,
            Err(code) => assert_eq!(code, ErrorCode::KAFKA_STORAGE_ERROR),
        }
        assert!(std::time::Instant::now() < end, "what is left of it is in the way");
        std::thread::yield_now();
    }
    assert_eq!(client.append(("u", 2), &batch(1, 2, 10)), 0);
    drop((client, others));
    broker.stop_cleanly();
}

/// More logs than may be open where there may be 256 descriptors, and than have descriptors by far.
const MANY: i32 = 150;

#[test]
fn a_log_that_cannot_be_put_to_rest_stays_open_and_right() {
    let dir = TempDir::new();
    let (disk, data) = (BadDisk::new(&dir), dir.join("data"));
    let mut command = disk.broker(&data, &SETTINGS);
    limit(&mut command, 256);
    let broker = Broker::spawn(command);
    let mut client = broker.client();
    client.create("hit", 1);
    client.create("t", MANY);
    // More than may be open at once, so that the log that was written to first is put to rest.
    let others = |client: &mut Client| {
        for seed in 0..2 {
            (0..MANY).for_each(|index| _ = client.append(("t", index), &batch(seed, 2, 10)));
        }
    };
    let sent: Vec<_> = (0..3).map(|seed| batch(seed, 2, 3_000)).collect();
    let is_right = |client: &mut Client, so_many: usize| {
        let all = client.fetch_all(("hit", 0));
        let found: Vec<_> = batches(&all).iter().map(sent_bytes).collect();
        let wanted: Vec<_> =
            sent[..so_many].iter().map(|one| sent_bytes(&batches(one)[0])).collect();
        assert!(found == wanted, "{so_many}");
    };
    client.append(("hit", 0), &sent[0]);
    disk.fail("truncate", "/hit-0/", libc::EIO);
    // Which of those that are quiet go first is nobody's promise.
    let end = std::time::Instant::now() + GUARD;
    let is_told = |line: &String| line.contains("a segment's reserve cannot be cut off");
    while !broker.log().iter().any(is_told) {
        assert!(std::time::Instant::now() < end, "it is not put to rest");
        others(&mut client);
    }
    is_right(&mut client, 1);
    client.append(("hit", 0), &sent[1]);
    is_right(&mut client, 2);
    disk.heal();
    others(&mut client);
    is_right(&mut client, 2);
    client.append(("hit", 0), &sent[2]);
    broker.stop_cleanly();
    let broker = Broker::start(&data, &[]);
    is_right(&mut broker.client(), 3);
    broker.stop_cleanly();
}
