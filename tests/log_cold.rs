//! Who may wait for the disk brings in what a reader wants, and what he wants next: then nothing of it is cold.
#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod cold_support;
mod log_support;

use barnabas::log::{Bound, Log, Opening, Recovery};
use cold_support::*;
use log_support::*;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const FETCH: u32 = 256 << 10;

/// A closed log of 6 MB, and where it ends.
fn closed(dir: &Path, size: usize) -> i64 {
    let log = create(dir, &config(1 << 20, 4096));
    for n in 0..(6 << 20) / (3 * size as i64) {
        append(&log, &batch(3, size + (n % 7) as usize, 1_000 + n));
    }
    let end = log.offsets().log_end;
    log.close().unwrap();
    end
}

/// The same, which nobody has read since it was written, and which is on the disk only.
fn cold(dir: &Path, end: i64) -> Log {
    drop_from_memory(dir);
    let opening = Opening { recovery_point: Some(end), ..Opening::from(Recovery::Clean) };
    let (log, report) =
        Log::open(dir.to_path_buf(), config(1 << 20, 4096), opening, keepers()).unwrap();
    assert!(!report.checked, "nobody has read it");
    log.advance_high_watermark(log.offsets().log_end);
    log
}

/// Goes through the log as a consumer does, with somebody who brings in what is cold and what is behind it. How often
/// something was cold, of how many fetches.
fn go_through(log: &Log, bound: Bound) -> (u32, u32) {
    let (mut offset, mut fetches, mut colds) = (0, 0, 0);
    while offset < log.offsets().log_end {
        let mut read = log.read_at_hand(offset, FETCH, true, bound).unwrap();
        if read.is_cold {
            colds += 1;
            let next = log.warm(offset, FETCH, true, bound, 0).unwrap().unwrap();
            read = log.read_at_hand(offset, FETCH, true, bound).unwrap();
            assert!(!read.is_cold, "{offset} is cold still");
            log.warm(next, FETCH, false, bound, 1 << 20).unwrap();
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
    for (size, bound) in [
        (100, Bound::HighWatermark),
        (1_000, Bound::LastStable),
        (5_500, Bound::LogEnd),
        (70_000, Bound::HighWatermark),
        (100_000, Bound::HighWatermark), // Larger than what is asked for.
    ] {
        let dir = on_disk(&format!("log-cold-{size}")).join("t-0");
        let log = cold(&dir, closed(&dir, size));
        let (colds, fetches) = go_through(&log, bound);
        assert!(fetches >= 18, "{fetches}");
        assert!(colds * 4 >= fetches, "batches of 3 x {size}: {colds} of {fetches} were cold");
        // One in two, but for the ends of segments, where a fetch gets less than it asked for.
        assert!(colds * 2 <= fetches + 8, "batches of 3 x {size}: {colds} of {fetches} were cold");
        assert_eq!(go_through(&log, bound).0, 0, "all was read already");
        drop(log);
        std::fs::remove_dir_all(dir.parent().unwrap()).unwrap();
    }
}

#[test]
fn damage_ahead_is_for_who_comes_there() {
    let dir = on_disk("log-damaged").join("t-0");
    let end = closed(&dir, 1_000);
    let path = dir.join("00000000000000000000.log");
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 400_000).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 400_000).unwrap();
    drop(file);
    let log = cold(&dir, end);
    let read = |offset| log.read(offset, FETCH, true, Bound::LogEnd);
    let next = log.warm(0, FETCH, true, Bound::LogEnd, 1 << 20).unwrap().unwrap();
    // As far as it is right.
    let next = log.warm(next, FETCH, false, Bound::LogEnd, 1 << 20).unwrap().unwrap();
    assert!(log.warm(next, FETCH, false, Bound::LogEnd, 1 << 20).is_err());
    assert!(read(next).is_err());
    let mut offset = 0;
    while offset < next {
        let batches = split(read(offset).unwrap().range.unwrap().bytes().unwrap());
        assert_eq!(header(&batches[0]).base_offset, offset);
        offset = header(batches.last().unwrap()).last_offset() + 1;
    }
    assert_eq!(offset, next);
    drop(log);
    std::fs::remove_dir_all(dir.parent().unwrap()).unwrap();
}
