//! Out of descriptors: accepting rests, says so, and goes on when there are some again.
//!
//! The limit is the process's, so the test runs itself again as a child with a low one.
#![allow(clippy::unwrap_used)]

mod net_common;

use net_common::*;
use std::net::TcpStream;
use std::process::Command;

const CHILD: &str = "BARNABAS_NET_FEW_DESCRIPTORS";

#[test]
fn accepting_rests_without_descriptors_and_goes_on_with_them() {
    if std::env::var_os(CHILD).is_some() {
        return without_descriptors();
    }
    let name = "accepting_rests_without_descriptors_and_goes_on_with_them";
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("it went on"), "the child did run\n{text}");
    let lines = errors.lines().filter(|line| line.contains("cannot accept connections for now"));
    let lines = lines.count();
    assert!((1..=10).contains(&lines), "{lines} lines about it\n{errors}");
}

fn without_descriptors() {
    env_logger::Builder::new().filter_level(log::LevelFilter::Debug).init();
    let server = serve(options());
    let mut first = server.connect();
    assert_eq!(first.call(ECHO, b"first"), b"first");
    limit_descriptors(open_descriptors() + 20);
    // Each connection takes two descriptors of this process: ours and the server's. Take ours
    // until there are none left, so that the server finds none for those that are still queued.
    let mut clients: Vec<TcpStream> = Vec::new();
    while let Ok(client) = TcpStream::connect(server.address) {
        clients.push(client);
    }
    assert!(clients.len() >= 10, "{}", clients.len());
    let sleeping = server.sum(|stats| stats.turns.get());
    assert_eq!(first.call(ECHO, b"served"), b"served", "who is in is served");
    assert!(server.sum(|stats| stats.turns.get()) - sleeping < 50, "no worker spins");
    // When descriptors come back, whoever still waits is let in.
    let mut last = Client { stream: clients.pop().unwrap() };
    drop(clients);
    assert_eq!(last.call(ECHO, b"last"), b"last");
    println!("it went on");
}

fn open_descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").unwrap().count() as u64
}

fn limit_descriptors(n: u64) {
    let limit = libc::rlimit { rlim_cur: n, rlim_max: n };
    // SAFETY: reads the struct, changes the process's limit only.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
}
