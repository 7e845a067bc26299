//! Tests of [`super`]: what is asked about while something is read from the disk.

use super::super::{Keepers, Log, Opening, Recovery};
use super::*;
use crate::config::TopicConfig;
use crate::wire::records::BatchBuilder;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A directory on the disk, where a temporary one may be in memory only; removed at the end.
struct OnDisk(PathBuf);

impl OnDisk {
    fn new(name: &str) -> OnDisk {
        let test = std::env::current_exe().unwrap();
        OnDisk(test.with_file_name(format!("at-hand-{name}-{}", std::process::id())))
    }

    /// Nothing maps the log's files: the kernel forgets what is in them.
    fn drop_from_memory(&self) {
        for entry in std::fs::read_dir(self.0.join("t-0")).unwrap() {
            let file = File::open(entry.unwrap().path()).unwrap();
            file.sync_all().unwrap();
            // SAFETY: a plain system call on an open file.
            let dropped =
                unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
            assert_eq!(dropped, 0);
        }
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn config() -> Arc<TopicConfig> {
    Arc::new(TopicConfig::default())
}

/// A closed log of 4 MB, in 40 batches.
fn write(dir: &Path, keepers: &Keepers) {
    let log = Log::create(dir.join("t-0"), config(), keepers.clone()).unwrap();
    let mut builder = BatchBuilder::new();
    builder.append(1_000, None, Some(&[7; 100_000]), &[]);
    let batch = builder.finish();
    (0..40).for_each(|_| _ = log.append_internal(&batch, 0).unwrap());
    log.close().unwrap();
}

fn open(dir: &Path, keepers: &Keepers) -> Log {
    let opening = Opening { recovery_point: Some(40), ..Opening::from(Recovery::Clean) };
    let (log, _) = Log::open(dir.join("t-0"), config(), opening, keepers.clone()).unwrap();
    log.advance_high_watermark(40);
    log
}

fn warm(log: &Log, ahead: u64) {
    log.warm(0, 1_000, true, Bound::HighWatermark, ahead).unwrap();
}

/// Whether more than what is wanted would be asked about.
fn asks_ahead(log: &Log, now: Instant) -> bool {
    let files = log.files_of(&log.segments()[0]).unwrap();
    files.seen.log.is_there_at(now, 0..10, 1_000, |bytes| bytes.end > 10)
}

#[test]
fn what_is_read_from_the_disk_is_noted_and_what_is_in_memory_is_not() {
    let dir = OnDisk::new("noted");
    let keepers = Keepers::spawn().unwrap();
    write(&dir.0, &keepers);
    // Opened and checked, but all of it is there.
    let log = open(&dir.0, &keepers);
    warm(&log, 8 << 20);
    log.begin_to_warm(20, 1_000).unwrap();
    assert!(asks_ahead(&log, Instant::now()));
    drop(log);

    let cold: [fn(&Log); 2] = [|log| log.begin_to_warm(20, 1_000).unwrap(), |log| warm(log, 0)];
    for begin in cold {
        dir.drop_from_memory();
        let log = open(&dir.0, &keepers);
        begin(&log);
        assert!(!asks_ahead(&log, Instant::now()));
        assert!(asks_ahead(&log, Instant::now() + Duration::from_secs(60)));
    }

    // What is wanted is there, and what is behind it is not.
    dir.drop_from_memory();
    warm(&open(&dir.0, &keepers), 0);
    let log = open(&dir.0, &keepers);
    warm(&log, 8 << 20);
    assert!(!asks_ahead(&log, Instant::now()));
    keepers.stop();
}
