//! The log's main job: what was appended is read back, byte for byte, also after a restart.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::log::{Bound, Log, LogError, ReadError, Recovery};
use log_support::*;

#[test]
fn what_was_appended_is_read_back_with_its_offset_and_epoch() {
    let dir = TempDir::new("basic");
    let log = create(&dir.partition(), &config(1 << 20, 4096));
    let batches = [batch(3, 10, 5), batch(1, 2000, 6), batch(10, 50, 7)];
    let mut at = 0;
    for bytes in &batches {
        let appended = append(&log, bytes);
        assert_eq!(appended.base_offset, at);
        assert_eq!(appended.next_offset, header(bytes).next_offset() + at);
        assert!(!appended.duplicate);
        at = appended.next_offset;
    }
    let expected =
        [stored(&batches[0], 0, 0), stored(&batches[1], 3, 0), stored(&batches[2], 4, 0)];
    assert_eq!(read_all(&log, 0, Bound::HighWatermark), expected);
    // An offset inside of a batch gives the batch from its start.
    assert_eq!(read_all(&log, 2, Bound::HighWatermark), expected);
    assert_eq!(read_all(&log, 7, Bound::HighWatermark), expected[2..]);
    assert!(log.read(14, 100, true, Bound::HighWatermark).unwrap().is_empty());
}

#[test]
fn nothing_beyond_the_bound_is_read() {
    let dir = TempDir::new("bound");
    let log = create(&dir.partition(), &config(1 << 20, 0));
    for _ in 0..5 {
        try_append(&log, &batch(2, 10, 5)).unwrap();
    }
    assert!(log.read(0, 1 << 20, true, Bound::HighWatermark).unwrap().is_empty());
    assert_eq!(read_all(&log, 0, Bound::LogEnd).len(), 5);
    log.advance_high_watermark(4);
    assert_eq!(read_all(&log, 0, Bound::HighWatermark).len(), 2);
    log.advance_high_watermark(7); // inside of the batch 6..8, which stays hidden
    assert_eq!(read_all(&log, 0, Bound::HighWatermark).len(), 3);
    assert!(log.read(6, 1 << 20, true, Bound::HighWatermark).unwrap().is_empty());
    log.advance_high_watermark(2);
    assert_eq!(log.offsets().high_watermark, 7, "it never goes back");
}

#[test]
fn offsets_out_of_range_are_refused() {
    let dir = TempDir::new("range");
    let log = create(&dir.partition(), &config(1 << 20, 4096));
    append(&log, &batch(3, 10, 5));
    for offset in [-1, 4, i64::MAX] {
        let error = log.read(offset, 100, true, Bound::LogEnd).unwrap_err();
        assert!(matches!(error, ReadError::OutOfRange { log_start: 0, log_end: 3, .. }), "{error}");
    }
    assert!(log.bytes_from(4, Bound::LogEnd, 1).is_none());
}

#[test]
fn reads_are_cut_at_batches_and_the_first_one_comes_whole_if_it_must() {
    let dir = TempDir::new("cut");
    for interval in [0, 300, 4096] {
        let log = create(&dir.path().join(format!("t-{interval}")), &config(1 << 20, interval));
        let bytes = batch(1, 100, 5);
        let size = bytes.len() as u32;
        for _ in 0..100 {
            append(&log, &bytes);
        }
        for (max, batches) in [(0, 0), (size - 1, 0), (size, 1), (3 * size + 7, 3), (1 << 20, 90)] {
            let read = log.read(10, max, false, Bound::HighWatermark).unwrap();
            assert_eq!(read.len(), batches * size, "at most {max}, interval {interval}");
            assert_eq!(read.size_available, u64::from(90 * size));
            let read = log.read(10, max, true, Bound::HighWatermark).unwrap();
            assert_eq!(read.len(), batches.max(1) * size, "at least one, {max}");
            assert_eq!(read.base_offset, 10);
        }
        assert_eq!(log.bytes_from(10, Bound::HighWatermark, u64::MAX), Some(u64::from(90 * size)));
        assert_eq!(log.bytes_from(10, Bound::HighWatermark, 7), Some(7));
        assert_eq!(log.bytes_from(100, Bound::HighWatermark, 7), Some(0));
    }
}

#[test]
fn segments_roll_by_size_and_are_named_by_their_offsets() {
    let dir = TempDir::new("roll");
    let bytes = batch(5, 100, 5);
    let log = create(&dir.partition(), &config(bytes.len() as i32 * 3, 4096));
    for _ in 0..10 {
        append(&log, &bytes);
    }
    assert_eq!(log.size(), bytes.len() as u64 * 10);
    assert_eq!(read_all(&log, 0, Bound::HighWatermark).len(), 10);
    let all = log.bytes_from(0, Bound::HighWatermark, u64::MAX);
    assert_eq!(all, Some(bytes.len() as u64 * 10), "over all segments");
    log.close().unwrap();
    let expected = [0, 15, 30, 45].map(|base| format!("{base:020}.log"));
    let logs: Vec<_> =
        files(&dir.partition()).into_iter().filter(|f| f.ends_with(".log")).collect();
    assert_eq!(logs, expected);
    for (name, batches) in expected.iter().zip([3, 3, 3, 1]) {
        let size = std::fs::metadata(dir.partition().join(name)).unwrap().len();
        assert_eq!(size, bytes.len() as u64 * batches, "{name} has no reserve left");
    }
}

#[test]
fn a_closed_log_opens_with_everything_in_it_and_goes_on() {
    let dir = TempDir::new("reopen");
    let settings = config(4096, 100);
    let mut expected = Vec::new();
    let mut log = create(&dir.partition(), &settings);
    for round in 0..5 {
        for number in 0..20 {
            let bytes = batch(1 + number % 3, 100, i64::from(number));
            let appended = append(&log, &bytes);
            expected.push(stored(&bytes, appended.base_offset, 0));
        }
        let end = log.offsets().log_end;
        log.close().unwrap();
        assert!(try_append(&log, &batch(1, 1, 1)).is_err(), "closed");
        let (reopened, report) = open(&dir.partition(), &settings, Recovery::Clean);
        assert!(!report.checked && !report.has_losses(), "round {round}: {report:?}");
        assert_eq!((report.log_start, report.log_end), (0, end));
        assert_eq!(reopened.offsets().high_watermark, 0, "the broker moves it");
        reopened.advance_high_watermark(end);
        assert_eq!(read_all(&reopened, 0, Bound::HighWatermark), expected);
        log = reopened;
    }
}

#[test]
fn a_log_that_is_not_closed_opens_with_everything_in_it() {
    let dir = TempDir::new("unclean");
    let settings = config(4096, 100);
    let log = create(&dir.partition(), &settings);
    let mut expected = Vec::new();
    for number in 0..50 {
        let bytes = batch(1 + number % 3, 100, i64::from(number));
        expected.push(stored(&bytes, append(&log, &bytes).base_offset, 0));
    }
    let end = log.offsets().log_end;
    drop(log);
    let (log, report) = open(&dir.partition(), &settings, Recovery::Unclean);
    assert!(report.checked && !report.has_losses(), "{report:?}");
    assert_eq!(report.log_end, end);
    assert_eq!(read_all(&log, 0, Bound::LogEnd), expected);
}

#[test]
fn an_empty_partition_costs_next_to_nothing() {
    let dir = TempDir::new("empty");
    let settings = std::sync::Arc::new(barnabas::config::TopicConfig::default());
    let log = create(&dir.partition(), &settings);
    let blocks = |dir: &std::path::Path| -> u64 {
        use std::os::unix::fs::MetadataExt;
        let entries = std::fs::read_dir(dir).unwrap();
        entries.map(|entry| entry.unwrap().metadata().unwrap().blocks() * 512).sum()
    };
    assert!(blocks(&dir.partition()) < 8 << 10);
    append(&log, &batch(1, 10, 1));
    assert!(blocks(&dir.partition()) < 100 << 10, "{}", blocks(&dir.partition()));
    assert!(matches!(Log::create(dir.partition(), settings, keepers()), Err(LogError::Exists(_))));
}
