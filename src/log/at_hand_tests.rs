//! Tests of [`super`]: what is asked about while something is read from the disk.

use super::super::{Keepers, Log};
use super::*;
use crate::config::TopicConfig;
use crate::wire::records::BatchBuilder;
use std::sync::Arc;
use std::time::Duration;

/// Whether more than what is wanted would be asked about.
fn asks_ahead(log: &Log, now: Instant) -> bool {
    let files = log.files_of(&log.segments()[0]).unwrap();
    files.seen.log.is_there_at(now, 0..10, 1_000, |bytes| bytes.end > 10)
}

#[test]
fn who_has_something_read_from_the_disk_is_noted() {
    let dir = std::env::temp_dir().join(format!("barnabas-at-hand-{}", std::process::id()));
    let keepers = Keepers::spawn().unwrap();
    keepers.stop();
    let log = Log::create(dir.join("t-0"), Arc::new(TopicConfig::default()), keepers).unwrap();
    let mut builder = BatchBuilder::new();
    builder.append(1_000, None, Some(&[7; 1_000]), &[]);
    log.append_internal(&builder.finish(), 0).unwrap();
    log.advance_high_watermark(1);
    assert!(asks_ahead(&log, Instant::now()));
    log.begin_to_warm(0, 100).unwrap();
    assert!(!asks_ahead(&log, Instant::now()));
    let later = Instant::now() + Duration::from_secs(60);
    assert!(asks_ahead(&log, later));
    log.warm(0, 100, true, Bound::HighWatermark, 1_000).unwrap();
    assert!(!asks_ahead(&log, Instant::now()));
    drop(log);
    std::fs::remove_dir_all(dir).unwrap();
}
