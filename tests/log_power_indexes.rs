//! Indexes that opening a log has made anew are on the disk before a start after a power cut believes them.
//! One test only: what watches the disk watches the whole process.
#![allow(clippy::unwrap_used)]

mod power_support;
#[path = "log_support/mod.rs"]
mod support;

use barnabas::log::{Bound, Log, Opening, Recovery};
use power_support::{disk_of_logs, each_seed};
use std::path::Path;
use support::*;

/// A log of a few segments with many index entries, closed, loses an index of its first segment or of its
/// last; opened, it has a new one, and the power is cut.
fn lose_an_index(seed: u64) {
    let dir = TempDir::in_memory("power-index");
    let (root, disk, keepers) = disk_of_logs::<()>(dir.path());
    let settings = config(40_000, 1);
    let partition = root.join("topic-0");
    let open = |dir: &Path, how: Recovery, point| {
        let opening = Opening { recovery_point: point, ..how.into() };
        Log::open(dir.to_owned(), settings.clone(), opening, keepers.clone()).unwrap()
    };
    let log = Log::create(partition.clone(), settings.clone(), keepers.clone()).unwrap();
    for n in 0..1_000 {
        try_append(&log, &batch(1, 40, 1_000 + 10 * n)).unwrap();
    }
    log.close().unwrap();
    drop(log);
    let logs: Vec<String> =
        files(&partition).into_iter().filter(|name| name.ends_with(".log")).collect();
    assert!(logs.len() > 2, "{logs:?}");
    let mut random = Random::new(seed);
    let of = if random.one_in(2) { &logs[0] } else { logs.last().unwrap() };
    let suffix = ["index", "timeindex"][random.below(2) as usize];
    std::fs::remove_file(partition.join(of).with_extension(suffix)).unwrap();
    let how = if random.one_in(2) { Recovery::Clean } else { Recovery::Unclean };
    let (log, report) = open(&partition, how, Some(1_000));
    assert_eq!(report.rebuilt_indexes, 1);
    if random.one_in(2) || how == Recovery::Unclean {
        log.close().unwrap();
    }
    let (left, ()) = disk.cut(random);
    drop(log);
    let (log, _) = open(&left.join("topic-0"), Recovery::Clean, Some(1_000));
    for n in 0..1_000 {
        let found = log.offset_for_timestamp(1_000 + 10 * n, Bound::LogEnd).unwrap();
        assert_eq!(found.map(|found| found.offset), Some(n), "{of} without its {suffix}, {how:?}");
    }
}

#[test]
fn indexes_that_were_made_anew_survive_a_power_cut() {
    each_seed(100, lose_an_index);
}
