//! kill -9 at random moments: what was acked is there, whole and in order, and nothing is there that was
//! not sent.
//!
//! The test starts itself as a child that appends and reports each ack on its standard output; the
//! parent kills it after a random number of acks (the moment between two acks is the scheduler's),
//! opens the log, checks it, and lets the next child go on from there.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::log::{Bound, Keepers, Log, Recovery};
use barnabas::wire::records::BatchBuilder;
use log_support::*;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

const CHILD: &str = "BARNABAS_LOG_CRASH_DIR";
const ROUNDS: u64 = 12;
const PRODUCER: i64 = 42;

fn settings() -> Arc<barnabas::config::TopicConfig> {
    config(300_000, 4096) // rolls a few times a round
}

/// The batch number `n`: its size and its bytes follow from the number.
fn numbered(n: i64) -> Vec<u8> {
    let count = 1 + (n % 5) as i32;
    // Sequence numbers count records.
    let sequence = (0..n).map(|before| 1 + before % 5).sum::<i64>() as i32;
    let builder = BatchBuilder::new().producer(PRODUCER, 0, sequence);
    fill(builder, count, 20 + (n * 37 % 4_000) as usize, n * 10)
}

/// The child's part: open, append for ever, say what was acked.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return; // Started as a test of its own, it has nothing to do.
    };
    let keepers = Keepers::spawn().unwrap();
    let (log, _) = Log::open(dir, settings(), Recovery::Unclean, keepers).unwrap();
    let mut next = read_all(&log, 0, Bound::LogEnd).len() as i64;
    let mut out = std::io::stdout().lock();
    loop {
        let appended = log.append(&validated(&numbered(next)), 3, 0).unwrap();
        assert!(!appended.duplicate);
        writeln!(out, "ack {next} {}", appended.base_offset).unwrap();
        out.flush().unwrap();
        next += 1;
    }
}

/// Runs a child until it has acked `acks` batches, kills it, and gives all that it acked.
fn crash(dir: &Path, acks: usize) -> Vec<(i64, i64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acked = Vec::new();
    let parse = |line: &str| {
        // The test harness may have begun the line.
        let (_, ack) = line.split_once("ack ")?;
        let (number, base) = ack.split_once(' ')?;
        Some((number.parse().ok()?, base.parse().ok()?))
    };
    while acked.len() < acks {
        let line = lines.next().expect("the child goes on until it is killed").unwrap();
        acked.extend(parse(&line));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it wrote until it died counts too; its last line may be torn.
    acked.extend(lines.map_while(Result::ok).filter_map(|line| parse(&line)));
    acked
}

#[test]
fn acked_batches_survive_kill_9() {
    let dir = TempDir::new("kill");
    let seed = std::process::id().into();
    eprintln!("seed {seed}");
    let mut random = Random::new(seed);
    let path = dir.partition();
    create(&path, &settings()).close().unwrap();
    let mut expected_base = 0;
    let mut checked = 0;
    for round in 0..ROUNDS {
        let acked = crash(&path, 1 + random.below(400) as usize);
        let (log, report) = open(&path, &settings(), Recovery::Unclean);
        // A batch that was being written may be cut: not acked. Nothing else is lost.
        assert!(report.cuts.len() <= 1 && report.removed_segments == 0, "{round}: {report:?}");
        let batches = read_all(&log, 0, Bound::LogEnd);
        let (last, last_base) = *acked.last().unwrap();
        assert!(batches.len() as i64 > last, "round {round}: batch {last} was acked and is gone");
        // At most one batch more than was acked: the one on its way.
        assert!(batches.len() as i64 <= last + 2, "round {round}: more than was sent");
        for (number, batch) in batches.iter().enumerate().skip(checked) {
            assert_eq!(*batch, stored(&numbered(number as i64), expected_base, 3), "{number}");
            assert!(acked.iter().all(|&(n, base)| n != number as i64 || base == expected_base));
            expected_base = header(batch).next_offset();
        }
        checked = batches.len();
        assert!(expected_base >= last_base);
        // The producer's state is that of the batches: the last five are recognised.
        for number in batches.len().saturating_sub(5)..batches.len() {
            let again = try_append(&log, &numbered(number as i64)).unwrap();
            assert!(again.duplicate, "round {round}: batch {number} was appended twice");
        }
        if round % 3 == 2 {
            log.close().unwrap();
        }
    }
}
