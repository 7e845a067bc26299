//! What a log knows besides its batches: timestamps, epochs, the log start, files byte for byte.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::validate::{Patch, Validated};
use barnabas::log::{AppendError, Bound, Log, Recovery, TimestampedOffset};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::records::{Batch, BatchBuilder, Codec, TimestampType};
use log_support::*;
use std::borrow::Cow;
use std::sync::Arc;

fn at(offset: i64, timestamp: i64) -> Option<TimestampedOffset> {
    Some(TimestampedOffset { timestamp, offset, leader_epoch: Some(0) })
}

/// A batch with these timestamps.
fn timed(timestamps: &[i64], codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new().codec(codec);
    for &timestamp in timestamps {
        builder.append(timestamp, None, Some(b"v"), &[]);
    }
    builder.finish()
}

#[test]
fn a_time_finds_the_first_offset_that_is_not_older() {
    let dir = TempDir::new("times");
    let settings = config(400, 100); // several segments
    let mut log = create(&dir.partition(), &settings);
    let batches: [&[i64]; 5] =
        [&[100, 300, 200], &[50, 60], &[400, 350, 500, 500], &[10], &[450, 520]];
    for (number, timestamps) in batches.iter().enumerate() {
        let codec = [Codec::None, Codec::Gzip, Codec::Zstd][number % 3];
        append(&log, &timed(timestamps, codec));
    }
    for round in 0..3 {
        let find = |time| log.offset_for_timestamp(time, Bound::HighWatermark).unwrap();
        assert_eq!(find(0), at(0, 100), "round {round}");
        assert_eq!(find(101), at(1, 300));
        assert_eq!(find(300), at(1, 300));
        assert_eq!(find(301), at(5, 400));
        assert_eq!(find(500), at(7, 500));
        assert_eq!(find(501), at(11, 520));
        assert_eq!(find(521), None);
        assert_eq!(log.max_timestamp().unwrap(), at(11, 520));
        log = if round == 0 {
            log.close().unwrap();
            open(&dir.partition(), &settings, Recovery::Clean).0
        } else {
            open(&dir.partition(), &settings, Recovery::Unclean).0
        };
        assert_eq!(
            log.offset_for_timestamp(0, Bound::HighWatermark).unwrap(),
            None,
            "nothing seen"
        );
        log.advance_high_watermark(12);
    }
}

#[test]
fn the_largest_timestamp_is_the_first_record_that_has_it() {
    let dir = TempDir::new("max");
    let log = create(&dir.partition(), &config(1 << 20, 100));
    assert_eq!(log.max_timestamp().unwrap(), None);
    append(&log, &timed(&[-1], Codec::None));
    assert_eq!(log.max_timestamp().unwrap(), None, "no timestamps");
    append(&log, &timed(&[5, 9, 7], Codec::None));
    append(&log, &timed(&[9, 9], Codec::None));
    assert_eq!(log.max_timestamp().unwrap(), at(2, 9));
    log.delete_records_before(3).unwrap();
    assert_eq!(log.max_timestamp().unwrap(), at(4, 9), "the one before is deleted");
}

#[test]
fn append_time_and_corrected_timestamps_are_written_with_a_new_crc() {
    let dir = TempDir::new("patch");
    let log = create(&dir.partition(), &config(1 << 20, 100));
    let bytes = timed(&[5, 9], Codec::None);
    for (timestamps, max, kind) in [
        (Patch::LogAppendTime(777), 777, TimestampType::LogAppendTime),
        (Patch::MaxTimestamp(33), 33, TimestampType::CreateTime),
        (Patch::Keep, 9, TimestampType::CreateTime),
    ] {
        let log_append_time_ms = if max == 777 { 777 } else { -1 };
        let bytes = Cow::Borrowed(&bytes[..]);
        let validated = Validated { header: header(&bytes), bytes, timestamps, log_append_time_ms };
        let appended = log.append(&validated, 4, 777).unwrap();
        assert_eq!(appended.log_append_time_ms, log_append_time_ms);
        let read = log.read(appended.base_offset, 1, true, Bound::LogEnd).unwrap().range.unwrap();
        let (batch, _) = Batch::parse(read.bytes().unwrap()).unwrap();
        assert!(batch.crc_is_valid());
        assert_eq!((batch.max_timestamp(), batch.partition_leader_epoch()), (max, 4));
        assert_eq!(batch.attributes().timestamp_type(), kind);
    }
    let found = log.offset_for_timestamp(700, Bound::LogEnd).unwrap().unwrap();
    assert_eq!((found.offset, found.timestamp), (0, 777), "the batch's own time counts");
}

#[test]
fn the_log_start_moves_forward_only_and_is_what_opening_is_told() {
    let dir = TempDir::new("start");
    let settings = config(400, 100);
    let mut log = create(&dir.partition(), &settings);
    for number in 0..10 {
        append(&log, &batch(2, 100, number));
    }
    let error = log.delete_records_before(21).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(log.delete_records_before(7).unwrap(), 7);
    assert_eq!(log.delete_records_before(3).unwrap(), 7);
    for how in [Recovery::Unclean, Recovery::Clean, Recovery::Unclean] {
        assert_eq!(log.offsets().log_start, 7);
        assert!(log.read(6, 1, true, Bound::LogEnd).is_err());
        let read = log.read(7, 1, true, Bound::LogEnd).unwrap();
        assert_eq!(read.base_offset, 6, "the batch that holds it");
        if how == Recovery::Clean {
            log.close().unwrap();
        }
        log = open(&dir.partition(), &settings, beginning_at(how, 7)).0;
        assert_eq!((log.offsets().log_start, log.offsets().high_watermark), (7, 7));
        log.advance_high_watermark(20);
    }
    assert_eq!(log.delete_records_before(20).unwrap(), 20, "all of it");
    assert!(log.read(20, 1, true, Bound::LogEnd).unwrap().is_empty());
    assert_eq!(append(&log, &batch(1, 1, 1)).base_offset, 20);
}

#[test]
fn an_epoch_begins_with_its_first_batch_and_is_on_disk_before_it() {
    let dir = TempDir::new("epochs");
    let settings = config(1 << 20, 100);
    let log = create(&dir.partition(), &settings);
    let file = dir.partition().join("leader-epoch-checkpoint");
    let append = |epoch| log.append(&validated(&batch(2, 10, 1)), epoch, 0).unwrap();
    assert_eq!((log.latest_epoch(-1), log.end_offset_for_epoch(0, -1)), (None, (-1, -1)));
    log.assign_epoch(1).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "0\n1\n1 0\n");
    append(1);
    append(1);
    append(3);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "0\n2\n1 0\n3 4\n");
    assert_eq!(log.end_offset_for_epoch(1, -1), (1, 4));
    assert_eq!(log.end_offset_for_epoch(2, -1), (1, 4));
    assert_eq!(log.end_offset_for_epoch(3, -1), (3, 6));
    assert_eq!(log.end_offset_for_epoch(4, -1), (-1, -1));
    assert_eq!((log.epoch_of(3, -1), log.epoch_of(4, -1)), (Some(1), Some(3)));
    log.assign_epoch(2).unwrap();
    assert_eq!(log.latest_epoch(-1), Some(3), "an epoch that is over does not begin again");
}

#[test]
fn segments_roll_when_their_first_record_is_old_enough() {
    let dir = TempDir::new("age");
    let settings = TopicConfig { segment_ms: 1_000, ..(*config(1 << 20, 100)).clone() };
    let log = create(&dir.partition(), &Arc::new(settings));
    for timestamp in [5_000, 6_000, 6_001, 7_001, 7_002] {
        append(&log, &batch(1, 10, timestamp));
    }
    log.close().unwrap();
    let logs: Vec<_> =
        files(&dir.partition()).into_iter().filter(|f| f.ends_with(".log")).collect();
    assert_eq!(logs, [0, 2, 4].map(|base| format!("{base:020}.log")));
}

#[test]
fn segments_roll_when_their_index_is_full() {
    let dir = TempDir::new("index-full");
    let settings = TopicConfig { segment_index_bytes: 24, ..(*config(1 << 20, 0)).clone() };
    let log = create(&dir.partition(), &Arc::new(settings));
    for _ in 0..9 {
        // Without a timestamp, so that the time index stays empty.
        append(&log, &batch(1, 10, -1));
    }
    log.close().unwrap();
    // The first batch of a segment has no entry, three more do.
    let logs: Vec<_> =
        files(&dir.partition()).into_iter().filter(|f| f.ends_with(".log")).collect();
    assert_eq!(logs, [0, 4, 8].map(|base| format!("{base:020}.log")));
}

#[test]
fn a_batch_larger_than_a_segment_is_refused_until_segments_may_be_larger() {
    let dir = TempDir::new("large");
    let log = create(&dir.partition(), &config(1_000, 100));
    let large = batch(1, 2_000, 1);
    let error = try_append(&log, &large).unwrap_err();
    assert_eq!(error.code(), ErrorCode::RECORD_LIST_TOO_LARGE);
    assert!(matches!(error, AppendError::TooLarge { segment_bytes: 1_000, .. }), "{error}");
    append(&log, &batch(1, 10, 1));
    log.set_config(config(5_000, 100));
    assert_eq!(append(&log, &large).base_offset, 1);
    log.set_config(config(10_000, 100));
    assert_eq!(append(&log, &batch(1, 7_000, 1)).base_offset, 2);
    assert_eq!(read_all(&log, 0, Bound::LogEnd).len(), 3);
}

#[test]
fn the_default_settings_make_no_large_files() {
    let dir = TempDir::new("defaults");
    let log = create(&dir.partition(), &Arc::new(TopicConfig::default()));
    append(&log, &batch(1, 100, 1));
    log.close().unwrap();
    let size = |suffix: &str| {
        std::fs::metadata(dir.partition().join(format!("{:020}.{suffix}", 0))).unwrap().len()
    };
    assert_eq!((size("log"), size("index"), size("timeindex")), (log.size(), 0, 12));
}

#[test]
fn a_log_can_be_written_without_a_keepers() {
    let dir = TempDir::new("alone");
    let keepers = barnabas::log::Keepers::spawn().unwrap();
    keepers.stop();
    let log = Log::create(dir.partition(), config(100_000, 1_000), keepers.clone()).unwrap();
    for _ in 0..100 {
        append(&log, &batch(2, 3_000, 1));
    }
    assert_eq!(read_all(&log, 0, Bound::HighWatermark).len(), 100);
    log.close().unwrap();
    keepers.stop();
    let (log, report) =
        Log::open(dir.partition(), config(100_000, 1_000), Recovery::Clean, keepers).unwrap();
    assert!(!report.checked, "rolled segments are trimmed: {report:?}");
    assert_eq!(log.offsets().log_end, 200);
}
