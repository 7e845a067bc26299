//! Idempotent producers, row by row: what is appended, what is a duplicate, what is refused, and
//! that a restart changes none of it.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::log::{AppendError, Log, Recovery};
use barnabas::wire::error::ErrorCode;
use log_support::*;

const ID: i64 = 7_000;

fn log(dir: &TempDir) -> Log {
    create(&dir.partition(), &config(1 << 20, 4096))
}

/// Appends and expects the offset that a new batch gets.
#[track_caller]
fn accepted(log: &Log, bytes: &[u8]) -> i64 {
    let end = log.offsets().log_end;
    let appended = try_append(log, bytes).unwrap();
    assert!(!appended.duplicate, "taken for a duplicate");
    assert_eq!(appended.base_offset, end);
    end
}

/// Appends and expects the answer of the batch at `base`.
#[track_caller]
fn duplicate(log: &Log, bytes: &[u8], base: i64) {
    let end = log.offsets().log_end;
    let appended = try_append(log, bytes).unwrap();
    assert!(appended.duplicate, "appended again");
    assert_eq!(appended.base_offset, base);
    assert_eq!(appended.last_offset, base + i64::from(header(bytes).last_offset_delta));
    assert_eq!(appended.next_offset, appended.last_offset + 1);
    assert_eq!(appended.log_append_time_ms, header(bytes).max_timestamp);
    assert_eq!(log.offsets().log_end, end, "nothing is appended");
}

#[track_caller]
fn refused(log: &Log, bytes: &[u8], code: ErrorCode) -> AppendError {
    let end = log.offsets().log_end;
    let error = try_append(log, bytes).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert_eq!(log.offsets().log_end, end, "nothing is appended");
    error
}

#[test]
fn the_last_five_batches_are_recognised_and_the_sixth_is_not() {
    let dir = TempDir::new("five");
    let log = log(&dir);
    let batches: Vec<_> = (0..6).map(|number| produced(ID, 0, number * 3, 3)).collect();
    let offsets: Vec<_> = batches.iter().map(|bytes| accepted(&log, bytes)).collect();
    for (bytes, &base) in batches.iter().zip(&offsets).skip(1) {
        duplicate(&log, bytes, base);
    }
    // The oldest has left the cache: nothing tells it from a gap.
    refused(&log, &batches[0], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    accepted(&log, &produced(ID, 0, 18, 1));
}

#[test]
fn a_duplicate_has_both_sequence_numbers_equal() {
    let dir = TempDir::new("both");
    let log = log(&dir);
    accepted(&log, &produced(ID, 0, 0, 3));
    accepted(&log, &produced(ID, 0, 3, 3));
    for (first, count) in [(0, 2), (0, 4), (1, 2), (3, 2), (2, 4)] {
        let bytes = produced(ID, 0, first, count);
        refused(&log, &bytes, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    }
}

#[test]
fn a_gap_is_out_of_order() {
    let dir = TempDir::new("gap");
    let log = log(&dir);
    accepted(&log, &produced(ID, 0, 0, 3));
    let error = refused(&log, &produced(ID, 0, 4, 1), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert!(error.to_string().contains('4') && error.to_string().contains('2'), "{error}");
    accepted(&log, &produced(ID, 0, 3, 1));
}

#[test]
fn an_older_epoch_is_fenced_and_a_newer_one_begins_at_zero() {
    let dir = TempDir::new("epoch");
    let log = log(&dir);
    accepted(&log, &produced(ID, 4, 0, 3));
    refused(&log, &produced(ID, 3, 3, 1), ErrorCode::INVALID_PRODUCER_EPOCH);
    refused(&log, &produced(ID, 3, 0, 3), ErrorCode::INVALID_PRODUCER_EPOCH);
    refused(&log, &produced(ID, 5, 3, 1), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    let base = accepted(&log, &produced(ID, 5, 0, 3));
    // The batches of the old epoch are forgotten: these numbers are the new epoch's.
    duplicate(&log, &produced(ID, 5, 0, 3), base);
    accepted(&log, &produced(ID, 5, 3, 1));
}

#[test]
fn an_unknown_producer_may_begin_anywhere() {
    let dir = TempDir::new("unknown");
    let log = log(&dir);
    let base = accepted(&log, &produced(ID, 2, 1_234, 2));
    duplicate(&log, &produced(ID, 2, 1_234, 2), base);
    accepted(&log, &produced(ID, 2, 1_236, 1));
}

#[test]
fn epochs_that_none_can_have_are_refused() {
    let dir = TempDir::new("no-epoch");
    let log = log(&dir);
    refused(&log, &produced(ID, -2, 0, 1), ErrorCode::INVALID_PRODUCER_EPOCH);
    // "No epoch" is taken with any sequence number, as Kafka does.
    accepted(&log, &produced(ID, -1, 5, 1));
    accepted(&log, &produced(ID, -1, 9, 1));
    accepted(&log, &produced(ID, 0, 3, 1));
    refused(&log, &produced(ID, -1, 9, 1), ErrorCode::INVALID_PRODUCER_EPOCH);
}

#[test]
fn sequence_numbers_wrap_to_zero() {
    let dir = TempDir::new("wrap");
    let log = log(&dir);
    accepted(&log, &produced(ID, 0, i32::MAX - 4, 3)); // ..= MAX - 2
    let across = produced(ID, 0, i32::MAX - 1, 4); // MAX - 1, MAX, 0, 1
    let base = accepted(&log, &across);
    duplicate(&log, &across, base);
    refused(&log, &produced(ID, 0, 0, 1), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    accepted(&log, &produced(ID, 0, 2, 1));

    let exact = produced(ID + 1, 0, i32::MAX - 1, 2); // MAX - 1, MAX
    accepted(&log, &exact);
    refused(&log, &produced(ID + 1, 0, 1, 1), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    accepted(&log, &produced(ID + 1, 0, 0, 1));
}

#[test]
fn batches_without_a_producer_are_not_checked() {
    let dir = TempDir::new("none");
    let log = log(&dir);
    accepted(&log, &batch(2, 10, 1));
    accepted(&log, &batch(2, 10, 1));
    assert!(log.producers().is_empty());
}

#[test]
fn producers_are_apart() {
    let dir = TempDir::new("apart");
    let log = log(&dir);
    accepted(&log, &produced(ID, 0, 0, 3));
    accepted(&log, &produced(ID + 1, 0, 0, 3));
    refused(&log, &produced(ID, 0, 6, 3), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    accepted(&log, &produced(ID + 1, 0, 3, 3));
    accepted(&log, &produced(ID, 0, 3, 3));
}

#[test]
fn after_a_marker_that_raised_the_epoch_the_sequence_begins_at_zero() {
    let dir = TempDir::new("marker");
    let log = log(&dir);
    accepted(&log, &transactional(ID, 0, 0, 2));
    log.append_internal(&marker(ID, 1, 3, true), 0).unwrap();
    refused(&log, &produced(ID, 1, 2, 1), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    refused(&log, &produced(ID, 0, 2, 1), ErrorCode::INVALID_PRODUCER_EPOCH);
    accepted(&log, &produced(ID, 1, 0, 1));
}

#[test]
fn a_batch_outside_of_the_open_transaction_is_refused() {
    let dir = TempDir::new("open-txn");
    let log = log(&dir);
    accepted(&log, &transactional(ID, 0, 0, 2));
    assert!(log.has_open_transaction(ID, 0) && !log.has_open_transaction(ID, 1));
    refused(&log, &produced(ID, 0, 2, 1), ErrorCode::INVALID_TXN_STATE);
    accepted(&log, &transactional(ID, 0, 2, 1));
    log.append_internal(&marker(ID, 0, 3, true), 0).unwrap();
    assert!(!log.has_open_transaction(ID, 0));
    // The same epoch goes on counting.
    accepted(&log, &produced(ID, 0, 3, 1));
}

#[test]
fn an_open_transaction_holds_the_last_stable_offset_back() {
    let dir = TempDir::new("lso");
    let log = log(&dir);
    append(&log, &batch(5, 10, 1));
    append(&log, &transactional(ID, 0, 0, 2)); // 5, 6
    append(&log, &transactional(ID + 1, 0, 0, 2)); // 7, 8
    assert_eq!((log.offsets().last_stable, log.offsets().high_watermark), (5, 9));
    let ended = log.append_internal(&marker(ID, 0, 0, false), 0).unwrap(); // 9
    assert_eq!(log.offsets().last_stable, 5, "its end is not replicated yet");
    log.advance_high_watermark(ended.next_offset);
    assert_eq!(log.offsets().last_stable, 7);
    let stable = read_all(&log, 0, barnabas::log::Bound::LastStable);
    assert_eq!(header(stable.last().unwrap()).base_offset, 5);
    let ended = log.append_internal(&marker(ID + 1, 0, 0, true), 0).unwrap(); // 10
    log.advance_high_watermark(ended.next_offset);
    assert_eq!(log.offsets().last_stable, 11);
}

#[test]
fn a_marker_of_an_old_coordinator_or_epoch_is_refused() {
    let dir = TempDir::new("fenced");
    let log = log(&dir);
    accepted(&log, &transactional(ID, 2, 0, 2));
    log.append_internal(&marker(ID, 2, 5, true), 0).unwrap();
    let error = log.append_internal(&marker(ID, 2, 4, true), 0).unwrap_err();
    assert_eq!(error.code(), ErrorCode::TRANSACTION_COORDINATOR_FENCED);
    let error = log.append_internal(&marker(ID, 1, 5, true), 0).unwrap_err();
    assert_eq!(error.code(), ErrorCode::INVALID_PRODUCER_EPOCH);
}

#[test]
fn state_survives_a_crash_with_all_five_batches() {
    let dir = TempDir::new("crash-state");
    let settings = config(600, 100); // a few batches per segment
    let first = create(&dir.partition(), &settings);
    let batches: Vec<_> = (0..20).map(|number| produced(ID, 0, number * 2, 2)).collect();
    let offsets: Vec<_> = batches.iter().map(|bytes| accepted(&first, bytes)).collect();
    accepted(&first, &transactional(ID + 1, 3, 0, 2));
    let known = sorted(&first);
    drop(first);
    let (log, _) = open(&dir.partition(), &settings, Recovery::Unclean);
    assert_eq!(sorted(&log), known);
    for at in 15..20 {
        duplicate(&log, &batches[at], offsets[at]);
    }
    refused(&log, &batches[14], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert!(log.has_open_transaction(ID + 1, 3));
    assert_eq!(log.offsets().last_stable, 0, "the high watermark is at the start");
    log.advance_high_watermark(42);
    assert_eq!(log.offsets().last_stable, 40);
    accepted(&log, &produced(ID, 0, 40, 1));
}

#[test]
fn state_survives_a_clean_restart_as_far_as_kafkas_snapshot_goes() {
    let dir = TempDir::new("clean-state");
    let settings = config(1 << 20, 4096);
    let mut log = create(&dir.partition(), &settings);
    let batches: Vec<_> = (0..6).map(|number| produced(ID, 1, number * 2, 2)).collect();
    let offsets: Vec<_> = batches.iter().map(|bytes| accepted(&log, bytes)).collect();
    log.append_internal(&transactional(ID + 1, 0, 0, 1), 0).unwrap();
    let known = sorted(&log);
    for _ in 0..2 {
        log.close().unwrap();
        let snapshot = format!("{:020}.snapshot", 13);
        assert!(files(&dir.partition()).contains(&snapshot), "{:?}", files(&dir.partition()));
        log = open(&dir.partition(), &settings, Recovery::Clean).0;
        assert_eq!(sorted(&log), known);
    }
    duplicate(&log, &batches[5], offsets[5]);
    refused(&log, &batches[4], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    refused(&log, &produced(ID, 0, 12, 1), ErrorCode::INVALID_PRODUCER_EPOCH);
    accepted(&log, &produced(ID, 1, 12, 1));
    refused(&log, &produced(ID + 1, 0, 1, 1), ErrorCode::INVALID_TXN_STATE);
}

#[test]
fn idle_producers_expire_unless_a_transaction_is_open() {
    let dir = TempDir::new("expire");
    let log = log(&dir);
    accepted(&log, &produced(ID, 0, 0, 3)); // timestamps 1000..=1002
    accepted(&log, &transactional(ID + 1, 0, 0, 3));
    assert_eq!(log.expire_producers(1_002 + 499, 500), 0);
    assert_eq!(log.expire_producers(1_002 + 500, 500), 1);
    assert_eq!(log.producers().len(), 1);
    // Forgotten: it may begin anywhere.
    accepted(&log, &produced(ID, 0, 77, 1));
}

#[test]
fn appends_look_for_idle_producers_every_ten_minutes() {
    let dir = TempDir::new("look");
    let log = log(&dir);
    log.set_producer_expiration(60_000);
    let append_at = |now| log.append(&validated(&batch(1, 1, 1)), 0, now).unwrap();
    let start = 1_000_000;
    log.append(&validated(&produced(ID, 0, 0, 1)), 0, start).unwrap(); // its timestamp is 1000
    append_at(start + 599_999);
    assert_eq!(log.producers().len(), 1, "not yet");
    append_at(start + 600_000);
    assert_eq!(log.producers().len(), 0);
}

#[test]
fn memory_for_producers_is_bounded_and_the_longest_idle_go() {
    let dir = TempDir::new("many");
    let log = create(&dir.partition(), &config(32 << 20, 4096));
    let limit = 16_384;
    for id in 0..limit + 100 {
        accepted(&log, &produced(id, 0, 0, 1));
    }
    assert!(log.producers().len() <= limit as usize, "{}", log.producers().len());
    // The last ones are known still, the first ones are not.
    let last = limit + 99;
    refused(&log, &produced(last, 0, 5, 1), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    accepted(&log, &produced(0, 0, 5, 1));
}

fn sorted(log: &Log) -> Vec<barnabas::log::ProducerInfo> {
    let mut producers = log.producers();
    producers.sort_by_key(|producer| producer.producer_id);
    producers
}
