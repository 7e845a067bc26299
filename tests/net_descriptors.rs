//! Out of descriptors: accepting rests, says so, and goes on when there are some again.
//!
//! The limit is the process's, so the test runs itself again as a child with a low one.
#![allow(clippy::unwrap_used)]

mod net_common;

use net_common::*;
use std::fs::File;
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

const COMPLAINT: &str = "cannot accept connections for now";
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
    let lines = errors.lines().filter(|line| line.contains(COMPLAINT));
    let lines = lines.count();
    assert!((1..=10).contains(&lines), "{lines} lines about it\n{errors}");
}

fn without_descriptors() {
    record_log();
    let server = serve(options());
    let mut first = server.connect();
    assert_eq!(first.call(ECHO, b"first"), b"first");
    // Each connection takes two descriptors of this process: ours and the server's. Of an odd
    // number of free ones ours takes the last, however quick the server is, and that connection
    // stays in the kernel's queue.
    limit_descriptors(open_descriptors() + 40);
    let mut placeholders = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        placeholders.push(file);
    }
    placeholders.truncate(placeholders.len() - 21);
    let mut clients: Vec<TcpStream> = Vec::new();
    // Whoever calls `accept` holds a descriptor even when nobody waits: a failure before the
    // eleventh is that one, and passes.
    until("eleven connections and no descriptor for another", || {
        TcpStream::connect(server.address).map(|client| clients.push(client)).is_err()
            && clients.len() >= 11
    });
    until("the server says that it has no descriptors", || COMPLAINTS.load(Relaxed) > 0);
    let sleeping = server.sum(|stats| stats.turns.get());
    assert_eq!(first.call(ECHO, b"served"), b"served", "who is in is served");
    assert!(server.sum(|stats| stats.turns.get()) - sleeping < 50, "no worker spins");
    // When descriptors come back, whoever still waits is let in.
    let mut last = Client { stream: clients.pop().unwrap() };
    drop(clients);
    assert_eq!(last.call(ECHO, b"last"), b"last");
    println!("it went on");
}

/// How often the server has said that it cannot accept.
static COMPLAINTS: AtomicUsize = AtomicUsize::new(0);

/// Writes every line to standard error, where the parent reads it, and counts [`COMPLAINTS`].
fn record_log() {
    struct Recorder(env_logger::Logger);
    impl log::Log for Recorder {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            self.0.enabled(metadata)
        }
        fn log(&self, record: &log::Record<'_>) {
            self.0.log(record);
            if record.args().to_string().contains(COMPLAINT) {
                COMPLAINTS.fetch_add(1, Relaxed);
            }
        }
        fn flush(&self) {}
    }
    let logger = env_logger::Builder::new().filter_level(log::LevelFilter::Debug).build();
    log::set_max_level(log::LevelFilter::Debug);
    log::set_boxed_logger(Box::new(Recorder(logger))).unwrap();
}

fn open_descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").unwrap().count() as u64
}

fn limit_descriptors(n: u64) {
    let limit = libc::rlimit { rlim_cur: n, rlim_max: n };
    // SAFETY: reads the struct, changes the process's limit only.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
}
