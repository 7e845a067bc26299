//! Out of descriptors: a partition that cannot be opened for want of one can be opened later. What is
//! lacking says nothing of its disk.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

const COMPLAINT: &str = "cannot accept connections for now";

/// A broker that may have so many files and connections open.
fn limited(data: &std::path::Path, descriptors: u64) -> Command {
    let late = "log.initial.task.delay.ms=3600000";
    let data = data.to_str().unwrap();
    let mut command = command(&["--port", "0", "--data-dir", data, "--set", late]);
    let limit = libc::rlimit { rlim_cur: descriptors, rlim_max: descriptors };
    // SAFETY: it reads the struct, and changes a limit of its own process.
    let set = move || match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    };
    // SAFETY: between fork and exec: a system call, and nothing is allocated.
    unsafe { command.pre_exec(set) };
    command
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

    let broker = Broker::spawn(limited(&data, 120));
    let mut client = broker.client();
    client.append(("t", 0), &batch(2, 2, 10));
    let others: Vec<TcpStream> =
        (0..150).filter_map(|_| TcpStream::connect(broker.address).ok()).collect();
    broker.logged(&[COMPLAINT]);
    let refused = client.produce(("t", 1), &batch(2, 2, 10));
    assert_eq!(refused.code, ErrorCode::KAFKA_STORAGE_ERROR);
    let told = broker.logged(&["ERROR", "t-1", "Too many open files"]);
    assert!(!told.contains("remove"), "{told}");
    drop(others);
    let end = std::time::Instant::now() + GUARD;
    while client.produce(("t", 1), &batch(2, 2, 10)).code != ErrorCode::NONE {
        assert!(std::time::Instant::now() < end, "it stays offline");
        std::thread::yield_now();
    }
    assert_eq!(client.offset(("t", 1), -1), 4);
    drop(client);
    broker.stop_cleanly();
    assert!(data.join(".kafka_cleanshutdown").exists());
}

#[test]
fn a_topic_that_finds_no_descriptor_is_made_when_there_is_one() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::spawn(limited(&data, 120));
    let mut client = broker.client();
    client.create("t", 1);
    let others: Vec<TcpStream> =
        (0..150).filter_map(|_| TcpStream::connect(broker.address).ok()).collect();
    broker.logged(&[COMPLAINT]);
    // Somebody may have given one back a moment ago: until there is none.
    let mut names = (0..1_000).map(|number| format!("u{number}"));
    let refused = names.find_map(|name| {
        let sent = client.send_create(&name, 3, &[]);
        client.created(sent).err().map(|code| (name, code))
    });
    let (name, code) = refused.unwrap();
    assert_eq!(code, ErrorCode::KAFKA_STORAGE_ERROR);
    broker.logged(&["ERROR", &name, "Too many open files"]);
    drop(others);
    let end = std::time::Instant::now() + GUARD;
    loop {
        let sent = client.send_create(&name, 3, &[]);
        match client.created(sent) {
            Ok(_) => break,
            Err(code) => assert_eq!(code, ErrorCode::KAFKA_STORAGE_ERROR),
        }
        assert!(std::time::Instant::now() < end, "what is left of it is in the way");
        std::thread::yield_now();
    }
    assert_eq!(client.append((&name, 2), &batch(1, 2, 10)), 0);
    drop(client);
    broker.stop_cleanly();
}
