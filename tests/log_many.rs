//! Thousands of partitions: what is idle holds no files open and maps nothing; what is written to
//! holds its three files and one mapping; old segments that are read do not add up without end.
//!
//! One test only: it counts what the whole process has open.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::{Bound, Log, Recovery};
use log_support::*;
use std::sync::Arc;

const PARTITIONS: usize = 1_000;

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Mappings of segments.
fn mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let of_a_segment =
        |line: &&str| [".log", ".index", ".timeindex"].iter().any(|suffix| line.ends_with(suffix));
    maps.lines().filter(of_a_segment).count()
}

#[test]
fn idle_partitions_hold_nothing_and_busy_ones_little() {
    let dir = TempDir::new("many");
    let settings = Arc::new(TopicConfig::default());
    let path = |number: usize| dir.path().join(format!("t-{number}"));
    let files_before = open_files();
    let mut logs: Vec<Log> =
        (0..PARTITIONS).map(|number| create(&path(number), &settings)).collect();
    assert_eq!((open_files(), mappings()), (files_before, 0), "nothing was written yet");

    let busy = 100;
    for log in &logs[..busy] {
        append(log, &batch(2, 100, 1));
        assert_eq!(read_all(log, 0, Bound::HighWatermark).len(), 1);
    }
    // Without an index entry an index is not mapped.
    assert_eq!((open_files(), mappings()), (files_before + 3 * busy, busy));
    logs.drain(..).for_each(|log| log.close().unwrap());
    assert_eq!((open_files(), mappings()), (files_before, 0), "nothing is left behind");

    let mut logs: Vec<Log> = (0..PARTITIONS)
        .map(|number| {
            let (log, report) = open(&path(number), &settings, Recovery::Clean);
            assert!(!report.checked);
            log
        })
        .collect();
    assert_eq!((open_files(), mappings()), (files_before, 0), "opened, not used");

    // Old segments stay open after a read, until the log rolls again.
    let small = config(1_000, 100);
    let log = logs.swap_remove(0);
    log.set_config(small);
    for number in 0..50 {
        append(&log, &batch(2, 400, number));
    }
    read_all(&log, 0, Bound::HighWatermark);
    assert!(open_files() > files_before + 50, "{}", open_files());
    append(&log, &batch(2, 400, 1));
    keepers().stop(); // It has files in its hands too.
    // The active segment, the one before it, and perhaps one that was made ahead.
    assert!(open_files() <= files_before + 9, "{}", open_files() - files_before);
    assert!(mappings() <= 9, "{}", mappings());
}
