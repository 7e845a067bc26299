//! What is done to the process from outside: signals that come together, limits, a standard error that nobody reads.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::sync::mpsc;

/// A broker whose standard error nobody reads.
struct Unheard {
    child: Child,
    address: std::net::SocketAddr,
    /// Is closed when the process has ended.
    out: mpsc::Receiver<()>,
}

/// A pipe of one page.
fn pipe() -> (OwnedFd, OwnedFd) {
    let (said, to) = std::io::pipe().unwrap();
    // SAFETY: a plain system call on a descriptor of ours.
    let size = unsafe { libc::fcntl(said.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
    assert_eq!(size, 4096);
    (said.into(), to.into())
}

/// A terminal, which says that it has room when it has none.
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut master, mut slave) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: it stores two descriptors, and asks for nothing else.
    let opened = unsafe { libc::openpty(&mut master, &mut slave, null, null.cast(), null.cast()) };
    assert_eq!(opened, 0);
    // SAFETY: they were just opened, and nobody else has them.
    unsafe { (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) }
}

impl Unheard {
    fn start(dir: &TempDir, to: OwnedFd, format: &str) -> Unheard {
        let data = dir.join("data");
        let data = ["--port", "0", "--data-dir", data.to_str().unwrap()];
        let how = ["--log-level", "debug", "--log-format", format];
        let mut child = command(&[&data[..], &how].concat()).stderr(to).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.split("://").nth(1).unwrap().split([',', '\n']).next().unwrap();
        let (end, out) = mpsc::channel();
        std::thread::spawn(move || {
            stdout.read_to_string(&mut String::new()).unwrap();
            drop(end);
        });
        Unheard { address: address.parse().unwrap(), child, out }
    }

    /// Ends it as a service manager does; its exit code.
    fn stop(mut self) -> Option<i32> {
        // SAFETY: our own child, which nobody has waited for.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
        assert_eq!(self.out.recv_timeout(GUARD), Err(mpsc::RecvTimeoutError::Disconnected));
        self.child.wait().unwrap().code()
    }
}

impl Drop for Unheard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next line of the log that has the words.
fn read_until(said: &mut impl BufRead, words: &str) -> String {
    said.lines().map(Result::unwrap).find(|line| line.contains(words)).unwrap()
}

/// Requests, of which lines tell, more than are kept.
fn overwhelm(client: &mut Client) {
    for _ in 0..8_000 {
        client.api_versions();
    }
}

#[test]
fn nobody_waits_for_who_does_not_read_the_log() {
    for (said, to) in [pipe(), terminal()] {
        let dir = TempDir::new();
        let broker = Unheard::start(&dir, to, "text");
        overwhelm(&mut Client::connect(broker.address));
        assert_eq!(broker.stop(), Some(0));
        drop(said);
    }
}

#[test]
fn who_reads_the_log_again_is_told_what_is_missing() {
    for format in ["text", "json"] {
        let dir = TempDir::new();
        let (said, to) = pipe();
        let broker = Unheard::start(&dir, to, format);
        overwhelm(&mut Client::connect(broker.address));
        let mut said = BufReader::new(std::fs::File::from(said));
        let lost = read_until(&mut said, "lines are missing here");
        match format {
            "json" => {
                let lost: serde_json::Value = serde_json::from_str(&lost).unwrap();
                assert_eq!(lost["level"], "WARN");
                assert!(lost["lines"].as_u64() > Some(0), "{lost}");
            }
            _ => {
                assert!(lost.starts_with("[WARN  barnabas] ") && lost.contains(" lines="), "{lost}")
            }
        }
        let rest = std::thread::spawn(move || read_until(&mut said, "stopping"));
        assert_eq!(broker.stop(), Some(0));
        rest.join().unwrap();
    }
}

#[test]
fn signals_that_come_together_are_one() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &[]);
    broker.client().create("t", 1);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGINT, libc::SIGTERM] {
        broker.signal(signal);
    }
    assert_eq!(broker.ended().code, Some(0));
    assert!(dir.join("data").join(".kafka_cleanshutdown").exists());
}

#[test]
fn a_limit_on_the_size_of_files_is_like_a_full_disk() {
    const LIMIT: u64 = 8 << 20;
    let dir = TempDir::new();
    let data = dir.join("data");
    let mut limited = command(&["--port", "0", "--data-dir", data.to_str().unwrap()]);
    let limit = libc::rlimit { rlim_cur: LIMIT, rlim_max: LIMIT };
    // SAFETY: between fork and exec: a system call that reads the struct, and nothing is allocated.
    unsafe {
        limited.pre_exec(move || match libc::setrlimit(libc::RLIMIT_FSIZE, &limit) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    let broker = Broker::spawn(limited);
    let mut client = broker.client();
    client.create("t", 1);
    let records = batch(1, 100, 5_000);
    let mut offsets = 0;
    let refused = loop {
        let produced = client.produce(("t", 0), &records);
        if produced.code != ErrorCode::NONE {
            break produced.code;
        }
        offsets = produced.base_offset + 100;
        assert!(offsets * 5_000 < 2 * LIMIT as i64, "the limit does not hold");
    };
    assert_eq!(refused, ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(offsets > 0, "something fits");
    client.create("another", 1);
    client.append(("another", 0), &batch(2, 1, 100));
    let all = client.fetch_all(("t", 0));
    assert_eq!(batches(&all).len() as i64, offsets / 100);
    broker.stop_cleanly();
}
