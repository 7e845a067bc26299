//! The indexes of a log that was put to rest are on the disk before the sign of a clean stop is: what was
//! written to them came after the flush that brought their names there, and their files are closed.
//! One test only: what watches the disk watches the whole process, and so few logs may be open in it.
#![allow(clippy::unwrap_used)]

mod power_support;
#[path = "log_support/mod.rs"]
mod support;

use barnabas::log::{Bound, Keepers, Log, Opening, Recovery, limits};
use power_support::{disk_of_logs, each_seed};
use support::*;

const BATCHES: i64 = 300;

/// From now on sixteen logs may be open for writing in this process, with twelve descriptors in all.
fn let_logs_rest() {
    let limit = limits::raise_open_files().unwrap();
    let spared = 16 + (limit / 16).min(4_096);
    limits::divide_open_files(limit - spared - 40).unwrap();
}

/// Writes to other logs as well until that is so.
fn write_to_others(dir: &TempDir, keepers: &Keepers, is_so: impl Fn() -> bool) -> Vec<Log> {
    let mut others = Vec::new();
    while !is_so() {
        assert!(others.len() < 200, "it is not put to rest");
        let path = dir.path().join(format!("other-{}", others.len()));
        let other = Log::create(path, config(1 << 20, 1), keepers.clone()).unwrap();
        try_append(&other, &batch(1, 40, 1)).unwrap();
        others.push(other);
    }
    others
}

/// A log is flushed, written to, put to rest and closed; then the power is cut.
fn rest_and_close(seed: u64) {
    let dir = TempDir::in_memory("power-rest");
    let (root, disk, keepers) = disk_of_logs::<()>(dir.path());
    let settings = config(1 << 20, 1);
    let partition = root.join("topic-0");
    let log = Log::create(partition.clone(), settings.clone(), keepers.clone()).unwrap();
    let mut random = Random::new(seed);
    // As a rule it is flushed soon, when there is nothing in its indexes.
    let flushed = if random.one_in(4) { random.below(200) as i64 } else { 0 };
    for n in 0..BATCHES {
        try_append(&log, &batch(1, 40, 1_000 + 10 * n)).unwrap();
        if n == flushed {
            log.flush().unwrap();
        }
    }
    if random.one_in(2) {
        log.flush().unwrap();
    }
    let records = partition.join("00000000000000000000.log");
    let is_open = || records.metadata().unwrap().len() > log.size();
    let others = write_to_others(&dir, &keepers, || !is_open());
    log.close().unwrap();
    let (left, ()) = disk.cut(random);
    drop((log, others));
    let opening = Opening { recovery_point: Some(BATCHES), ..Recovery::Clean.into() };
    let (log, _) = Log::open(left.join("topic-0"), settings, opening, keepers).unwrap();
    for n in 0..BATCHES {
        let found = log.offset_for_timestamp(1_000 + 10 * n, Bound::LogEnd).unwrap();
        assert_eq!(found.map(|found| found.offset), Some(n));
    }
}

#[test]
fn the_indexes_of_a_log_at_rest_survive_a_power_cut_after_its_close() {
    let_logs_rest();
    each_seed(60, rest_and_close);
}
