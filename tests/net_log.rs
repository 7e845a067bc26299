//! What is said about peers: who and why, once, and not as often as they like.
//!
//! One test in its own program: it sets the process's logger.
#![allow(clippy::unwrap_used)]

mod net_common;

use log::{Level, LevelFilter, Log, Metadata, Record};
use net_common::*;
use std::io::{Read, Write};
use std::sync::Mutex;
use std::time::Instant;

struct Lines(Mutex<Vec<(Level, String)>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if record.target().starts_with("barnabas") {
            self.0.lock().unwrap().push((record.level(), line_of(record)));
        }
    }

    fn flush(&self) {}
}

/// The lines of a level that contain all of `words`, taken out.
fn taken(level: Level, words: &[&str]) -> Vec<String> {
    let mut lines = LINES.0.lock().unwrap();
    let fits = |line: &(Level, String)| line.0 == level && words.iter().all(|w| line.1.contains(w));
    lines.extract_if(.., |line| fits(line)).map(|line| line.1).collect()
}

#[test]
fn bad_peers_are_named_but_cannot_fill_the_log() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(LevelFilter::Debug);
    let server = serve(limits(|limits| limits.max_connections_per_ip = 10));

    let mut bad = server.connect();
    let address = bad.stream.local_addr().unwrap().to_string();
    bad.stream.write_all(&0x7fff_ffffu32.to_be_bytes()).unwrap();
    bad.assert_closed();
    let mut line = Vec::new();
    until("it is said", || {
        line = taken(Level::Warn, &[&address, "the framing's own limit"]);
        !line.is_empty()
    });
    assert_eq!(line.len(), 1);

    // An ordinary end is no warning.
    let good = server.connect();
    let address = good.stream.local_addr().unwrap().to_string();
    drop(good);
    until("it is said", || !taken(Level::Debug, &[&address, "the peer has closed it"]).is_empty());
    assert!(taken(Level::Warn, &[]).is_empty());

    // A flood of bad frames, and a flood of too many connections.
    let start = Instant::now();
    for _ in 0..500 {
        let mut bad = server.connect();
        bad.stream.write_all(&[0; 4]).unwrap();
        bad.assert_closed();
    }
    // The last bad ones may still count: they have seen their end before the server is done with them.
    let mut kept = Vec::new();
    until("as many as may are let in", || {
        let mut one = server.connect();
        let _ = one.stream.write_all(&frame(ECHO, b"in"));
        if one.stream.read(&mut [0; 16]).is_ok_and(|n| n > 0) {
            kept.push(one);
        }
        kept.len() == 10
    });
    for _ in 0..500 {
        server.connect().assert_closed();
    }
    let periods = start.elapsed().as_secs() as usize + 1;
    let away =
        taken(Level::Warn, &["turned a connection away remote=127.0.0.1:", "10 connections"]);
    let closed =
        taken(Level::Warn, &["closed the connection", "remote=127.0.0.1:", "without an op"]);
    assert!(!away.is_empty() && away.len() <= 10 * (periods + 1), "{} lines", away.len());
    assert!(!closed.is_empty() && closed.len() <= 10 * (periods + 1), "{} lines", closed.len());
    drop(kept);
}
