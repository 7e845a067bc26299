//! Flushes beside other things that happen to the log, at moments that a test chooses.

use super::{Bound, Keepers, Log, steps};
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

#[test]
fn a_flush_of_a_log_that_is_deleted_meanwhile_leaves_a_new_one_of_its_name_alone() {
    let dir = scratch("deleted");
    let (old, path) = (log(&dir, 1 << 20), dir.join("t-0"));
    append(&old);
    let (deleted, config) = (old.clone(), Arc::new(TopicConfig::default()));
    let new = Arc::new(std::sync::OnceLock::new());
    let (made, mut step) = (new.clone(), 0);
    steps::watch(Some(Box::new(move |_| {
        step += 1;
        // It has begun, and is about to open what it flushes.
        if step == 2 {
            deleted.mark_deleted().unwrap();
            let again = Log::create(path.clone(), config.clone(), deleted.keepers.clone()).unwrap();
            (0..2).for_each(|_| append(&again));
            assert!(made.set(again).is_ok());
            deleted.remove().unwrap();
        }
    })));
    assert!(old.flush().is_err());
    steps::watch(None);
    assert!(new.get().is_some() && !old.durability.has_failed());
    let opened = old.segments()[0].opened();
    assert!(opened.is_none(), "it holds a file of the other log");
    drop((old, new));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_flush_that_finds_a_log_deleted_opens_nothing_of_it() {
    let dir = scratch("found-deleted");
    let log = log(&dir, 1 << 20);
    (0..2).for_each(|_| append(&log));
    let (deleted, mut step) = (log.clone(), 0);
    steps::watch(Some(Box::new(move |_| {
        step += 1;
        match step {
            // It has begun, and does not know yet where the log is.
            1 => deleted.mark_deleted().unwrap(),
            _ => assert!(deleted.segments().iter().all(|segment| segment.opened().is_none())),
        }
    })));
    let held = log.segments();
    assert!(log.flush().is_err());
    steps::watch(None);
    assert!(held.iter().all(|segment| segment.opened().is_none()));
    assert!(!log.durability.has_failed());
    log.remove().unwrap();
    drop((held, log));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn readers_of_a_log_that_is_written_to_again_while_it_is_flushed_see_what_is_appended() {
    let dir = scratch("again");
    let log = log(&dir, 1 << 20);
    (0..2).for_each(|_| append(&log));
    // Nobody has its segment open after that, and not all of it is on the disk.
    assert_eq!(log.truncate_to(1).unwrap(), 1);
    assert!(log.segments()[0].opened().is_none() && log.flushed_offset() < 1);
    let (writer, mut step) = (log.clone(), 0);
    steps::watch(Some(Box::new(move |_| {
        step += 1;
        // It has begun, and is about to open what it flushes.
        if step == 2 {
            append(&writer);
        }
    })));
    log.flush().unwrap();
    steps::watch(None);
    assert_eq!(log.offsets().log_end, 2, "it was appended to meanwhile");
    for last in 1..4 {
        let read = log.read(last, 1 << 20, true, Bound::LogEnd).unwrap();
        assert_eq!(read.base_offset, last);
        let found = log.offset_for_timestamp(1_000, Bound::LogEnd).unwrap();
        assert_eq!(found.map(|found| found.offset), Some(0));
        assert!(log.max_timestamp().unwrap().is_some());
        append(&log);
    }
    drop(log);
    std::fs::remove_dir_all(dir).unwrap();
}
