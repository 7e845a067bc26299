//! Segments that cannot be given up: what was deleted stays deleted, and is tried again.
#![allow(clippy::unwrap_used)]

mod log_support;

use barnabas::log::sync::{self, Observer, Synced};
use barnabas::log::{Log, Recovery};
use log_support::*;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A log of five segments of ten records each.
fn log_of_five(dir: &Path) -> Log {
    let bytes = batch(10, 60, 1_000);
    let log = create(dir, &config(bytes.len() as i32 + 10, 0));
    (0..5).for_each(|_| _ = append(&log, &bytes));
    log.flush().unwrap();
    log
}

fn segments(dir: &Path) -> Vec<i64> {
    let names = files(dir);
    names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect()
}

/// Opened again with what is noted of its start, it begins where it did.
fn assert_begins(dir: &Path, log: Log, start: i64) {
    let noted = log.log_start_to_note();
    log.close().unwrap();
    drop(log);
    let opening = barnabas::log::Opening { log_start: noted, ..Recovery::Clean.into() };
    let (log, _) = open(dir, &config(1_000, 0), opening);
    assert_eq!((log.offsets().log_start, log.offsets().log_end), (start, 50));
}

#[test]
fn segments_whose_files_cannot_be_renamed_stay_listed_below_the_log_start() {
    let dir = TempDir::new("rename-fails");
    let dir = dir.partition();
    let log = log_of_five(&dir);
    // No file can take the name of a directory.
    let obstacle = dir.join("00000000000000000010.log.deleted");
    std::fs::create_dir(&obstacle).unwrap();
    log.delete_records_before(30).unwrap();
    for _ in 0..2 {
        let why = log.delete_segments_below_log_start(0).unwrap_err();
        assert!(why.to_string().contains("cannot rename"), "{why}");
        assert_eq!((segments(&dir), log.first_segment()), (vec![10, 20, 30, 40], 10));
        assert_eq!((log.offsets().log_start, log.log_start_to_note()), (30, Some(30)));
        assert!(log.has_segments_below_log_start());
    }
    std::fs::remove_dir(&obstacle).unwrap();
    assert_eq!(log.delete_segments_below_log_start(0).unwrap().segments, 2);
    assert_eq!((segments(&dir), log.first_segment()), (vec![30, 40], 30));
    assert_begins(&dir, log, 30);
}

#[test]
fn what_somebody_has_removed_is_not_waited_for() {
    let dir = TempDir::new("rename-missing");
    let dir = dir.partition();
    let log = log_of_five(&dir);
    std::fs::remove_file(dir.join("00000000000000000010.log")).unwrap();
    log.delete_records_before(40).unwrap();
    assert!(log.delete_segments_below_log_start(0).is_err());
    assert_eq!(log.first_segment(), 20);
    assert_eq!(log.delete_segments_below_log_start(0).unwrap().segments, 2);
    assert_eq!(segments(&dir), [40]);
}

/// Lets the syncs of a directory fail, from the second on.
struct Failing {
    dir: PathBuf,
    syncs: AtomicU32,
}

impl Observer for Failing {
    fn begin(&self, what: Synced<'_>) -> io::Result<()> {
        match what {
            Synced::Directory(dir)
                if dir == self.dir && self.syncs.fetch_add(1, Ordering::Relaxed) > 0 =>
            {
                Err(io::Error::from_raw_os_error(libc::EIO))
            }
            _ => Ok(()),
        }
    }

    fn done(&self, _: Synced<'_>) {}
}

#[test]
fn a_name_that_is_not_gone_for_sure_keeps_the_log_start_noted() {
    let dir = TempDir::new("sync-fails");
    let dir = dir.partition();
    let log = log_of_five(&dir);
    assert_eq!(log.log_start_to_note(), None, "its first segment says so");
    log.delete_records_before(20).unwrap();
    sync::observe(Some(Arc::new(Failing { dir: dir.clone(), syncs: AtomicU32::new(0) })));
    let why = log.delete_segments_below_log_start(0).unwrap_err();
    sync::observe(None);
    assert!(why.storage().unwrap().is_permanent(), "{why}");
    // The second name is gone, but a power cut may bring it back.
    assert_eq!((segments(&dir), log.first_segment()), (vec![20, 30, 40], 20));
    assert_eq!(log.log_start_to_note(), Some(20));
}
