//! Who may wait for the disk brings in what a reader wants, and what he wants next: then nothing of it is cold.
#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::log::{Bound, Log, Opening, Recovery};
use log_support::*;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

const FETCH: u32 = 256 << 10;

/// A log whose records nobody has read since they were written, and which are on the disk only.
fn cold(dir: &Path, size: usize) -> Log {
    let settings = config(1 << 20, 4096);
    let log = create(dir, &settings);
    let mut end = 0;
    for n in 0..(6 << 20) / (3 * size as i64) {
        end = append(&log, &batch(3, size + (n % 7) as usize, 1_000 + n)).base_offset + 3;
    }
    log.close().unwrap();
    drop(log);
    for entry in std::fs::read_dir(dir).unwrap() {
        let file = File::open(entry.unwrap().path()).unwrap();
        file.sync_all().unwrap();
        // SAFETY: a plain system call on an open file.
        let dropped =
            unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        assert_eq!(dropped, 0);
    }
    let opening = Opening { recovery_point: Some(end), ..Opening::from(Recovery::Clean) };
    let (log, report) = Log::open(dir.to_path_buf(), settings, opening, keepers()).unwrap();
    assert!(!report.checked, "nobody has read it");
    log.advance_high_watermark(log.offsets().log_end);
    log
}

/// Goes through the log as a consumer does, with somebody who brings in what is cold and what is behind it. How often
/// something was cold, of how many fetches.
fn go_through(log: &Log) -> (u32, u32) {
    let (mut offset, mut fetches, mut colds) = (0, 0, 0);
    while offset < log.offsets().log_end {
        let mut read = log.read_at_hand(offset, FETCH, true, Bound::LogEnd).unwrap();
        if read.is_cold {
            colds += 1;
            let next = log.warm(offset, FETCH, true, Bound::LogEnd, 0).unwrap().unwrap();
            read = log.read_at_hand(offset, FETCH, true, Bound::LogEnd).unwrap();
            assert!(!read.is_cold, "{offset} is cold still");
            log.warm(next, FETCH, false, Bound::LogEnd, 0).unwrap();
        }
        let batches = split(read.range.unwrap().bytes().unwrap());
        assert_eq!(header(&batches[0]).base_offset, offset);
        offset = header(batches.last().unwrap()).last_offset() + 1;
        fetches += 1;
    }
    (colds, fetches)
}

#[test]
fn what_was_brought_in_is_not_cold_nor_what_the_reader_wants_next() {
    for size in [100, 1_000, 5_500, 70_000] {
        // Not a directory for temporary files: those may be in memory only.
        let name = format!("log-cold-{size}-{}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).join("t-0");
        let log = cold(&dir, size);
        let (colds, fetches) = go_through(&log);
        assert!(fetches >= 24, "{fetches}");
        // One in two, but for the ends of segments, where a fetch gets less than it asked for.
        assert!(colds * 2 <= fetches + 8, "batches of 3 x {size}: {colds} of {fetches} were cold");
        assert_eq!(go_through(&log).0, 0, "all was read already");
        drop(log);
        std::fs::remove_dir_all(dir.parent().unwrap()).unwrap();
    }
}
