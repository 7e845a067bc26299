//! One writer and many readers at once: a reader only ever sees whole batches that were appended,
//! in order, up to its bound, while segments roll and files grow under it.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::{Bound, Log, ReadError};
use barnabas::wire::records::Batch;
use log_support::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const BATCHES: i64 = 6_000;
const READERS: u64 = 3;

/// Reads from `offset` to the end that the bound shows; gives the next offset.
fn follow(log: &Log, mut offset: i64, bound: Bound, max: u32) -> i64 {
    loop {
        let before = log.offsets();
        let read = log.read(offset, max, true, bound).unwrap();
        let law = read.offsets;
        assert!(law.log_start <= law.last_stable && law.last_stable <= law.high_watermark);
        assert!(law.high_watermark <= law.log_end && law.log_end >= before.log_end);
        let Some(range) = read.range else { return offset };
        let mut bytes = range.bytes().unwrap();
        while !bytes.is_empty() {
            let (batch, rest) = Batch::parse(bytes).unwrap();
            assert!(batch.crc_is_valid(), "a torn batch at {}", batch.base_offset());
            assert_eq!(batch.base_offset(), offset, "no gap, no repetition");
            offset = batch.next_offset();
            bytes = rest;
        }
        let seen = if bound == Bound::LogEnd { law.log_end } else { law.high_watermark };
        assert!(offset <= seen, "{offset} was read beyond {seen}");
    }
}

#[test]
fn readers_see_whole_batches_in_order_while_one_writes() {
    let dir = TempDir::new("concurrent");
    let log = create(&dir.partition(), &config(200_000, 1_000));
    let done = AtomicBool::new(false);
    let end = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|number| {
                let (log, done) = (&log, &done);
                scope.spawn(move || {
                    let bound = if number == 0 { Bound::LogEnd } else { Bound::HighWatermark };
                    let mut offset = 0;
                    loop {
                        let last = done.load(Ordering::Acquire);
                        offset = follow(log, offset, bound, 1 << (8 + 4 * number));
                        if last {
                            return offset;
                        }
                    }
                })
            })
            .collect();
        let mut random = Random::new(1);
        for number in 0..BATCHES {
            let bytes = batch(1 + (number % 4) as i32, random.below(500) as usize, number);
            let appended = try_append(&log, &bytes).unwrap();
            if random.one_in(3) {
                log.advance_high_watermark(appended.next_offset);
            }
        }
        let end = log.offsets().log_end;
        log.advance_high_watermark(end);
        done.store(true, Ordering::Release);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), end);
        }
        end
    });
    assert_eq!(end, log.offsets().log_end);
}

#[test]
fn several_appenders_take_turns() {
    let dir = TempDir::new("appenders");
    let log = create(&dir.partition(), &config(100_000, 1_000));
    std::thread::scope(|scope| {
        for id in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..500 {
                    let appended = try_append(log, &produced(id, 0, number * 2, 2)).unwrap();
                    log.advance_high_watermark(appended.next_offset);
                }
            });
        }
    });
    assert_eq!(log.offsets().high_watermark, 4 * 500 * 2);
    assert_eq!(read_all(&log, 0, Bound::HighWatermark).len(), 2_000);
}

#[test]
fn a_range_that_is_still_being_sent_outlives_the_log_and_its_files() {
    let dir = TempDir::new("outlive");
    let log = create(&dir.partition(), &config(2_000, 100));
    let bytes = batch(2, 300, 5);
    for _ in 0..10 {
        append(&log, &bytes);
    }
    let held: Vec<_> = (0..10)
        .map(|number| log.read(number * 2, 1, true, Bound::LogEnd).unwrap().range.unwrap())
        .collect();
    log.mark_deleted().unwrap();
    let gone = log.dir();
    assert!(gone.to_string_lossy().contains("topic-0.") && gone.exists(), "{gone:?}");
    assert!(!dir.partition().exists());
    assert!(try_append(&log, &bytes).is_err());
    // A new log of the same name is another log.
    let again = create(&dir.partition(), &config(2_000, 100));
    append(&again, &bytes);
    log.remove().unwrap();
    assert!(!gone.exists());
    let read = log.read(0, 1, true, Bound::LogEnd);
    assert!(matches!(read, Err(ReadError::Storage(_))), "{read:?}");
    drop(log);
    for (number, range) in held.iter().enumerate() {
        assert_eq!(range.bytes().unwrap(), stored(&bytes, number as i64 * 2, 0));
    }
    assert_eq!(read_all(&again, 0, Bound::LogEnd), [stored(&bytes, 0, 0)]);
}

#[test]
fn who_asks_by_time_while_the_oldest_segments_go_is_told_of_what_is_there() {
    let dir = TempDir::new("concurrent-times");
    let settings = TopicConfig {
        file_delete_delay_ms: 0,
        retention_bytes: 5_000,
        ..(*config(2_000, 200)).clone()
    };
    let log = create(&dir.partition(), &Arc::new(settings));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Acquire) {
                    let found = log.offset_for_timestamp(0, Bound::LogEnd).unwrap();
                    let first = found.map_or(last, |found| found.offset);
                    assert!(first >= last, "{first} came back after {last}");
                    last = first;
                    log.max_timestamp().unwrap();
                }
            });
        }
        for number in 0..1_000 {
            append(&log, &batch(1, 300, number));
            if number % 10 == 0 {
                log.delete_old_segments(number).unwrap();
            }
        }
        done.store(true, Ordering::Release);
    });
    assert!(log.offsets().log_start > 900);
}
