//! More logs are written to than may be open at once: those that are not in use are put to rest, and
//! nobody can tell by what is in them.
//!
//! One test only: it lowers what the whole process may have open.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::log::{Bound, Log, Recovery};
use log_support::*;

/// Descriptors that the process may have: enough for 22 logs that have all of theirs, and for 352 that are open.
const DESCRIPTORS: u64 = 600;
const LOGS: usize = 800;
const ROUNDS: i64 = 4;

fn allow(descriptors: u64) {
    let limit = libc::rlimit { rlim_cur: descriptors, rlim_max: descriptors };
    // SAFETY: it reads the struct, and changes a limit of this process only.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The batch that is appended to a log in a round; large ones get index entries.
fn sent(log: usize, round: i64) -> Vec<u8> {
    let size = if log.is_multiple_of(3) { 3_000 } else { 30 };
    batch(2, size, 1_000 * round + log as i64)
}

fn check(logs: &[Log]) {
    for (number, log) in logs.iter().enumerate() {
        let found = read_all(log, 0, Bound::HighWatermark);
        assert_eq!(found.len(), ROUNDS as usize, "log {number}");
        for (round, bytes) in (0..).zip(&found) {
            let mut wanted = sent(number, round);
            wanted[..8].copy_from_slice(&(2 * round).to_be_bytes());
            wanted[12..16].copy_from_slice(&0_i32.to_be_bytes());
            assert!(*bytes == wanted, "log {number}, round {round}");
            let at = log.offset_for_timestamp(1_000 * round + number as i64, Bound::LogEnd);
            assert_eq!(at.unwrap().unwrap().offset, 2 * round, "log {number}, by time");
        }
    }
}

#[test]
fn more_logs_are_written_to_than_can_be_open() {
    allow(DESCRIPTORS);
    let dir = TempDir::new("rest");
    let settings = config(1 << 20, 1_000);
    let path = |number: usize| dir.path().join(format!("t-{number}"));
    let logs: Vec<Log> = (0..LOGS).map(|number| create(&path(number), &settings)).collect();
    for round in 0..ROUNDS {
        for (number, log) in logs.iter().enumerate() {
            append(log, &sent(number, round));
        }
        assert!(open_files() < DESCRIPTORS as usize / 2, "{} in round {round}", open_files());
    }
    check(&logs);
    let sizes = |number: usize| {
        let of = |suffix: &str| path(number).join(format!("00000000000000000000.{suffix}"));
        [".log", ".index", ".timeindex"].map(|suffix| of(&suffix[1..]).metadata().unwrap().len())
    };
    let at_rest = (0..LOGS).filter(|&number| sizes(number)[0] == logs[number].size()).count();
    assert!(at_rest > LOGS / 2, "the reserve of {at_rest} logs is cut off");
    logs.iter().for_each(|log| log.close().unwrap());
    drop(logs);
    let logs: Vec<Log> = (0..LOGS)
        .map(|number| {
            let (log, report) = open(&path(number), &settings, Recovery::Clean);
            assert!(!report.checked, "log {number} was closed");
            log.advance_high_watermark(2 * ROUNDS);
            log
        })
        .collect();
    check(&logs);
}
