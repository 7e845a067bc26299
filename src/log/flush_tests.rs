//! Flushes beside other things that happen to the log, at moments that a test chooses.

use super::{Keepers, Log, steps};
use crate::config::TopicConfig;
use crate::wire::records::BatchBuilder;
use std::path::PathBuf;
use std::sync::Arc;

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("barnabas-flush-{name}-{}", std::process::id()))
}

/// A log of its own that nobody flushes unasked.
fn log(dir: &std::path::Path, segment_bytes: i32) -> Arc<Log> {
    let keepers = Keepers::spawn().unwrap();
    keepers.stop();
    let config = Arc::new(TopicConfig { segment_bytes, ..TopicConfig::default() });
    Arc::new(Log::create(dir.join("t-0"), config, keepers).unwrap())
}

fn append(log: &Log) {
    let mut builder = BatchBuilder::new();
    builder.append(1_000, None, Some(&[7; 10_000]), &[]);
    log.append_internal(&builder.finish(), 0).unwrap();
}

#[test]
fn records_of_a_segment_that_is_rolled_while_a_flush_begins_do_not_count_without_its_name() {
    let dir = scratch("roll");
    let log = log(&dir, 16_000);
    append(&log);
    log.flush().unwrap();
    let writer = log.clone();
    let mut once = Some(());
    steps::watch(Some(Box::new(move |_| {
        if once.take().is_some() {
            append(&writer); // It does not fit into the first segment.
        }
    })));
    let flushed = log.flush().unwrap();
    steps::watch(None);
    assert_eq!(log.offsets().log_end, 2);
    let synced = log.durability.lock_work().names_synced;
    let made = log.durability.names_made.load(std::sync::atomic::Ordering::Acquire);
    assert!(flushed < 2 || synced == made, "flushed to {flushed}, names {synced} of {made}");
    drop(log);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_flush_beside_a_truncation_does_not_count_without_the_name_of_the_copy() {
    let dir = scratch("truncate");
    let log = log(&dir, 1 << 20);
    (0..3).for_each(|_| append(&log));
    log.advance_high_watermark(3);
    log.flush().unwrap();
    let before = log.durability.lock_work().names_synced;
    let (size, beside) = (log.size(), log.clone());
    let (tell, told) = std::sync::mpsc::channel();
    steps::watch(Some(Box::new(move |_| {
        // The copy has taken the place of the file.
        if beside.size() < size {
            steps::watch(None);
            beside.flush().unwrap();
            tell.send(beside.durability.lock_work().names_synced).unwrap();
        }
    })));
    assert_eq!(log.truncate_to(2).unwrap(), 2);
    steps::watch(None);
    assert!(told.iter().all(|synced| synced > before), "the directory was not synced");
    drop(log);
    std::fs::remove_dir_all(dir).unwrap();
}
