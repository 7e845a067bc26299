//! What is done to the process from outside: signals that come together, limits, a standard error that nobody reads.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::io::{BufRead, BufReader, PipeReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

/// A broker whose standard error is a pipe of one page.
struct Unheard {
    child: Child,
    address: std::net::SocketAddr,
    said: PipeReader,
    /// Is closed when the process has ended.
    out: mpsc::Receiver<()>,
}

impl Unheard {
    fn start(dir: &TempDir, format: &str) -> Unheard {
        let (said, to) = std::io::pipe().unwrap();
        // SAFETY: a plain system call on a descriptor of ours.
        let size = unsafe { libc::fcntl(said.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
        assert_eq!(size, 4096);
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
        Unheard { address: address.parse().unwrap(), child, said, out }
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

#[test]
fn nobody_waits_for_who_does_not_read_the_log() {
    for format in ["text", "json"] {
        let dir = TempDir::new();
        let broker = Unheard::start(&dir, format);
        let mut client = Client::connect(broker.address);
        for _ in 0..100 {
            client.api_versions();
        }
        // Who reads again is told; the broker notices with the next line.
        let mut said = BufReader::new(broker.said.try_clone().unwrap());
        let is_told = Arc::new(AtomicBool::new(false));
        let until = is_told.clone();
        let asking = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                client.api_versions();
            }
        });
        let lost = read_until(&mut said, "lines are missing here");
        is_told.store(true, Ordering::Relaxed);
        asking.join().unwrap();
        match format {
            "json" => {
                let lost: serde_json::Value = serde_json::from_str(&lost).unwrap();
                assert_eq!(lost["level"], "WARN");
            }
            _ => assert!(lost.starts_with("[WARN  barnabas] "), "{lost}"),
        }
        // And the stop waits for nobody either.
        assert_eq!(broker.stop(), Some(0));
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
