//! More logs are written to than there are addresses for: a log takes those of a whole segment. Some rest, and
//! nobody is refused.
//!
//! One test only: it lowers what the whole process may map.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::log::{Bound, Log, limits};
use log_support::*;

const SEGMENT: i32 = 1 << 30;
/// As many segments as fit into the addresses that the process may have.
const FIT: u64 = 40;
const LOGS: usize = 120;
const ROUNDS: i64 = 3;

/// The process may have so many addresses more than it has.
fn allow(more: u64) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').next().unwrap().parse().unwrap();
    let most = pages * 4096 + more;
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: it reads the struct, and changes a limit of this process only.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

#[test]
#[cfg(target_os = "linux")]
fn more_logs_are_written_to_than_there_are_addresses_for() {
    limits::divide_open_files(0).unwrap();
    let dir = TempDir::new("addresses");
    let settings = config(SEGMENT, 1_000);
    allow(FIT * SEGMENT as u64);
    let path = |number: usize| dir.path().join(format!("t-{number}"));
    let logs: Vec<Log> = (0..LOGS).map(|number| create(&path(number), &settings)).collect();
    let sent = |log: usize, round: i64| batch(2, 2_000, 1_000 * round + log as i64);
    for round in 0..ROUNDS {
        for (number, log) in logs.iter().enumerate() {
            append(log, &sent(number, round));
        }
    }
    for (number, log) in logs.iter().enumerate() {
        let found = read_all(log, 0, Bound::HighWatermark);
        let wanted = (0..ROUNDS).map(|round| stored(&sent(number, round), 2 * round, 0));
        assert!(found == wanted.collect::<Vec<_>>(), "log {number}");
    }
    logs.iter().for_each(|log| log.close().unwrap());
}
