//! Compaction of whole logs: what stays, what readers see meanwhile and after, and what a cleaned
//! log is worth when it is opened again.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod cleaner_support;
mod log_support;

use barnabas::config::{CleanupPolicy, TopicConfig};
use barnabas::log::{
    Bound, CleanError, Cleanable, CleanerLimits, Log, LogError, Opening, Recovery, StorageError,
};
use barnabas::wire::records::BatchBuilder;
use cleaner_support::*;
use log_support::*;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A log with segments of a few batches and the keys 0, 1, 2, 0, 1, 2, ...
fn log_of(dir: &TempDir, batches: i64) -> Log {
    let log = create(&dir.partition(), &config(600, 100));
    for number in 0..batches {
        let key = format!("key-{}", number % 3);
        let mut builder = BatchBuilder::new();
        builder.append(number, Some(key.as_bytes()), Some(&number.to_be_bytes()), &[]);
        append(&log, &builder.finish());
    }
    log
}

fn kept(log: &Log) -> Vec<i64> {
    records(log).into_iter().map(|record| record.offset).collect()
}

/// Files of swaps that were not brought to their end.
fn left_of_swaps(dir: &TempDir) -> usize {
    let left = |name: &String| name.ends_with(".cleaned") || name.ends_with(".swap");
    files(&dir.partition()).iter().filter(|name| left(name)).count()
}

#[test]
fn the_last_record_of_each_key_stays_and_segments_become_one() {
    let dir = TempDir::new("cleaner-basic");
    let log = log_of(&dir, 50);
    let (before, size, offsets) = (records(&log), log.size(), log.offsets());
    let cleaned = clean(&log, None, 0).unwrap();
    let active = cleaned.up_to;
    let dirty: Vec<i64> = (active..50).collect();
    assert_eq!(kept(&log), [&[active - 3, active - 2, active - 1][..], &dirty].concat());
    let same = |record: &Flat| before[usize::try_from(record.offset).unwrap()] == *record;
    assert!(records(&log).iter().all(same), "what stays is what it was");
    assert!(log.size() < size / 2);
    assert_eq!(log.offsets(), offsets, "no offset moves");
    assert_eq!(cleaned.keys, 3);
    assert_eq!((cleaned.records.0, cleaned.records.1), (active.unsigned_abs(), 3));
    assert_eq!(cleaned.segments, (7, 7), "no two of them fit into one");
    let again = log.cleanable(Some(active), 0).unwrap();
    assert_eq!((again.dirty_bytes, again.is_due(0.0)), (0, false));
    // Now they are small.
    for _ in 0..10 {
        append(&log, &batch(1, 10, 99));
    }
    let cleaned = clean(&log, Some(active), 0).unwrap();
    assert!(cleaned.segments.0 == 8 && cleaned.segments.1 <= 2, "{cleaned:?}");
    let state = state(&records(&log));
    assert_eq!(state.len(), 4);
    let logs = files(&dir.partition()).into_iter().filter(|name| name.ends_with(".log"));
    assert_eq!(logs.count(), cleaned.segments.1 + 1);
}

#[test]
fn a_cleaned_log_is_opened_again_cleanly_and_uncleanly() {
    for how in [Recovery::Clean, Recovery::Unclean] {
        let dir = TempDir::new("cleaner-reopen");
        let log = log_of(&dir, 50);
        clean(&log, None, 0).unwrap();
        let (before, end) = (records(&log), log.offsets().log_end);
        match how {
            Recovery::Clean => log.close().unwrap(),
            Recovery::Unclean => {}
        }
        drop(log);
        let (log, report) = open(&dir.partition(), &config(600, 100), how);
        assert_eq!(report.rebuilt_indexes, 0, "the indexes are those that recovery would make");
        assert!(report.cuts.is_empty() && report.removed_segments == 0, "{report:?}");
        log.advance_high_watermark(end);
        assert_eq!((records(&log), log.offsets().log_end), (before, end));
        append(&log, &batch(1, 10, 99));
    }
}

#[test]
fn every_offset_can_still_be_fetched_and_times_be_looked_up() {
    let dir = TempDir::new("cleaner-fetch");
    let log = log_of(&dir, 50);
    clean(&log, None, 0).unwrap();
    let left = kept(&log);
    for offset in 0..=50 {
        let next = left.iter().find(|&&left| left >= offset);
        let read = read_all(&log, offset, Bound::HighWatermark);
        let first = read.iter().find(|batch| header(batch).record_count > 0);
        assert_eq!(first.map(|batch| header(batch).base_offset), next.copied(), "from {offset}");
        assert!(log.bytes_from(offset, Bound::HighWatermark, u64::MAX).is_some());
        let found = log.offset_for_timestamp(offset, Bound::HighWatermark).unwrap();
        assert_eq!(found.map(|found| found.offset), next.copied(), "time {offset}");
    }
    assert_eq!(log.max_timestamp().unwrap().map(|max| max.offset), Some(49));
}

#[test]
fn compressed_batches_stay_compressed() {
    use barnabas::wire::records::Codec;
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_built_in()) {
        let dir = TempDir::new("cleaner-codec");
        let log = create(&dir.partition(), &config(2000, 100));
        for number in 0..20_i64 {
            let mut builder = BatchBuilder::new().codec(codec);
            builder.append(number, Some(b"same"), Some(&[b'x'; 200]), &[]);
            builder.append(number, Some(&number.to_be_bytes()), Some(&[b'y'; 200]), &[]);
            append(&log, &builder.finish());
        }
        append(&log, &batch(1, 1900, 0));
        let cleaned = clean(&log, None, 0).unwrap();
        assert_eq!(cleaned.up_to, 40);
        let kept = kept(&log);
        assert_eq!(kept[..19], (0..19).map(|n| 2 * n + 1).collect::<Vec<_>>(), "{codec}");
        assert_eq!(kept[19..], [38, 39, 40]);
        for bytes in read_all(&log, 0, Bound::LogEnd).iter().take(20) {
            assert_eq!(header(bytes).attributes.codec(), Some(codec));
        }
    }
}

#[test]
fn a_map_that_is_too_small_cleans_in_several_rounds() {
    let dir = TempDir::new("cleaner-map");
    let log = create(&dir.partition(), &config(600, 100));
    for number in 0..120_i64 {
        let mut builder = BatchBuilder::new();
        builder.append(0, Some(&(number % 40).to_be_bytes()), Some(&[b'v'; 20]), &[]);
        append(&log, &builder.finish());
    }
    let state = state(&records(&log));
    // 10 slots of 24 bytes, of which 9 are used.
    let limits = CleanerLimits { map_memory: 240, load_factor: 0.9 };
    let (mut checkpoint, mut rounds) = (None, 0);
    loop {
        let cleanable = log.cleanable(checkpoint, 0).unwrap();
        if !cleanable.is_due(0.0) {
            break;
        }
        let cleaned = log.clean(&cleanable, limits, 0, &mut on).unwrap();
        assert!(cleaned.keys <= 9 && cleaned.map_memory <= 240, "{cleaned:?}");
        assert!(cleaned.up_to > cleanable.first_dirty, "each round gets on");
        checkpoint = Some(cleaned.up_to);
        rounds += 1;
    }
    assert!(rounds > 10, "{rounds}");
    assert_eq!(self::state(&records(&log)), state);
    unique_below(&log, checkpoint.unwrap());
}

#[test]
fn a_corrupt_batch_stops_the_cleaning_and_nothing_is_lost() {
    let dir = TempDir::new("cleaner-corrupt");
    let log = log_of(&dir, 50);
    log.close().unwrap();
    drop(log);
    let partition = dir.partition();
    let third = files(&partition).into_iter().filter(|name| name.ends_with(".log")).nth(2).unwrap();
    let path = partition.join(third);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let (log, _) = open(&partition, &config(600, 100), Recovery::Clean);
    log.advance_high_watermark(50);
    let (before, names) = (log.size(), files(&partition));
    let error = clean(&log, None, 0).unwrap_err();
    assert!(error.is_lasting());
    let CleanError::Unreadable { path: at, position, .. } = &error else { panic!("{error}") };
    assert!(*at == path && *position <= 100, "{error}");
    assert_eq!((log.size(), files(&partition)), (before, names), "not a byte went");
}

#[test]
fn a_stopped_cleaning_leaves_nothing() {
    let dir = TempDir::new("cleaner-stop");
    let log = log_of(&dir, 50);
    let (before, total) = (records(&log), log.size());
    for stop_after in [0, 100, total, total + 1000] {
        let cleanable = log.cleanable(None, 0).unwrap();
        let mut left = stop_after;
        let mut pace = |bytes: u64| {
            left = left.saturating_sub(bytes);
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let stopped = log.clean(&cleanable, LIMITS, 0, &mut pace);
        assert!(matches!(stopped, Err(CleanError::Stopped)), "{stopped:?}");
        assert_eq!(left_of_swaps(&dir), 0, "stop after {stop_after}");
        assert_eq!(state(&records(&log)), state(&before));
        // Groups that were swapped in by then stay.
        assert!(records(&log) == before || stop_after > total, "stop after {stop_after}");
    }
}

#[test]
fn a_deleted_log_is_not_cleaned_and_its_successor_is_not_touched() {
    let dir = TempDir::new("cleaner-deleted");
    let log = log_of(&dir, 50);
    let cleanable = log.cleanable(None, 0).unwrap();
    let mut successor = None;
    let mut pace = |_| {
        successor.get_or_insert_with(|| {
            log.mark_deleted().unwrap();
            create(&dir.partition(), &config(600, 100))
        });
        ControlFlow::Continue(())
    };
    let stopped = log.clean(&cleanable, LIMITS, 0, &mut pace);
    assert!(matches!(stopped, Err(CleanError::Stopped)), "{stopped:?}");
    let log = successor.unwrap();
    append(&log, &batch(1, 10, 0));
    assert_eq!(left_of_swaps(&dir), 0);
    assert_eq!(kept(&log), [0]);
}

#[test]
fn readers_see_whole_batches_all_the_time() {
    let dir = TempDir::new("cleaner-readers");
    let at_once = TopicConfig { file_delete_delay_ms: 0, ..(*config(2000, 100)).clone() };
    let log = Arc::new(create(&dir.partition(), &Arc::new(at_once)));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..2 {
            let (log, done) = (&log, &done);
            scope.spawn(move || {
                let mut random = Random::new(reader);
                while !done.load(Ordering::Acquire) {
                    let end = log.offsets().high_watermark;
                    let mut at = random.below(end.unsigned_abs() + 1) as i64;
                    while at < end {
                        let read = log.read(at, 700, true, Bound::HighWatermark).unwrap();
                        let Some(range) = read.range else { break };
                        for batch in split(range.bytes().unwrap()) {
                            let next = header(&batch).next_offset();
                            assert!(next > at, "from {at} to {next}");
                            at = next;
                        }
                    }
                }
            });
        }
        let mut checkpoint = None;
        for number in 0..3000_i64 {
            let mut builder = BatchBuilder::new();
            builder.append(0, Some(&(number % 7).to_be_bytes()), Some(&[b'v'; 30]), &[]);
            append(&log, &builder.finish());
            if number % 100 == 99 {
                checkpoint = Some(clean(&log, checkpoint, 0).unwrap().up_to);
            }
        }
        done.store(true, Ordering::Release);
    });
}

#[test]
fn records_and_idempotence_survive_together() {
    let dir = TempDir::new("cleaner-producers");
    let log = create(&dir.partition(), &config(600, 100));
    // Producer 1 writes once, long ago; its batch loses all its records to others.
    append(&log, &produced(1, 0, 0, 3));
    for number in 0..20 {
        append(&log, &produced(2, 0, number * 2, 2));
    }
    clean(&log, None, 0).unwrap();
    let first = &read_all(&log, 0, Bound::LogEnd)[0];
    assert_eq!((header(first).producer_id, header(first).record_count), (1, 0));
    drop(log);
    let (log, _) = open(&dir.partition(), &config(600, 100), Recovery::Unclean);
    assert!(try_append(&log, &produced(1, 0, 0, 3)).unwrap().duplicate, "its batch is known");
    assert!(try_append(&log, &produced(1, 0, 7, 1)).is_err(), "a gap in its numbers");
    assert!(!try_append(&log, &produced(1, 0, 3, 1)).unwrap().duplicate);
}

#[test]
fn the_log_start_and_what_is_too_young_bound_the_dirty_part() {
    let dir = TempDir::new("cleaner-bounds");
    let lag = TopicConfig { min_compaction_lag_ms: 30, ..(*config(600, 100)).clone() };
    let log = log_of(&dir, 50);
    log.set_config(Arc::new(lag));
    // Timestamps are 0 to 49: at 50 ms all from 20 on are too young.
    let cleanable = log.cleanable(None, 50).unwrap();
    assert!(cleanable.end <= 21 && cleanable.end > 10, "{cleanable:?}");
    log.clean(&cleanable, LIMITS, 50, &mut on).unwrap();
    let young: Vec<i64> = (cleanable.end..50).collect();
    assert!(kept(&log).ends_with(&young));
    log.delete_records_before(30).unwrap();
    let cleanable = log.cleanable(Some(cleanable.end), 50).unwrap();
    assert_eq!((cleanable.first_dirty, cleanable.checkpoint_was_wrong), (30, true));
}

#[test]
fn a_gap_at_the_end_of_the_dirty_part_is_clean_too() {
    let dir = TempDir::new("cleaner-gap");
    let log = log_of(&dir, 50);
    clean(&log, None, 0).unwrap();
    // The first segments are empty by now.
    let cleanable = Cleanable { end: 14, ..log.cleanable(None, 0).unwrap() };
    assert_eq!(log.clean(&cleanable, LIMITS, 0, &mut on).unwrap().up_to, 14);
}

#[test]
fn segments_that_are_deleted_meanwhile_are_not_brought_back() {
    let dir = TempDir::new("cleaner-deleted-segments");
    let log = log_of(&dir, 50);
    log.set_config(config(1 << 20, 100));
    let before = records(&log);
    let cleanable = log.cleanable(None, 0).unwrap();
    let mut deleted = None;
    let mut pace = |_| {
        deleted.get_or_insert_with(|| {
            log.delete_records_before(20).unwrap();
            // As many segments as before, but others.
            log.set_config(config(600, 100));
            for number in 50..80 {
                let key = format!("key-{number}");
                let mut builder = BatchBuilder::new();
                builder.append(number, Some(key.as_bytes()), None, &[]);
                append(&log, &builder.finish());
            }
            log.delete_segments_below_log_start(0).unwrap()
        });
        ControlFlow::Continue(())
    };
    let stopped = log.clean(&cleanable, LIMITS, 0, &mut pace);
    assert!(matches!(stopped, Err(CleanError::Stopped)), "{stopped:?}");
    assert!(deleted.unwrap().segments > 0);
    let old = records(&log).into_iter().filter(|record| record.offset < 50).collect::<Vec<_>>();
    assert!(old == before[20..] || old == before[14..], "{old:?}");
    assert_eq!((log.offsets().log_start, left_of_swaps(&dir)), (20, 0));
    assert!(!files(&dir.partition()).contains(&"00000000000000000000.log".to_owned()));
}

#[test]
fn readers_of_committed_records_never_see_aborted_ones() {
    let dir = TempDir::new("cleaner-committed");
    let at_once = TopicConfig {
        file_delete_delay_ms: 0,
        delete_retention_ms: 0,
        ..(*config(2_000, 100)).clone()
    };
    let log = Arc::new(create(&dir.partition(), &Arc::new(at_once)));
    let done = AtomicBool::new(false);
    let shown = |bytes: &[u8]| {
        let end = log.append_internal(bytes, 0).unwrap().next_offset;
        log.advance_high_watermark(end);
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (log, done) = (&log, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    let (mut at, mut seen) = (0, Vec::new());
                    while let Some(next) = {
                        let read = log.read(at, 500, true, Bound::LastStable).unwrap();
                        without_aborted(&read, &mut seen)
                    } {
                        at = next;
                    }
                    let aborted = seen.iter().find(|r| r.value.as_deref() == Some(b"aborted"));
                    assert_eq!(aborted, None);
                }
            });
        }
        let mut checkpoint = None;
        for number in 0..200_i32 {
            let commit = number % 3 == 0;
            let builder = BatchBuilder::new().producer(1, 0, number).transactional(true);
            let value: &[u8] = if commit { b"committed" } else { b"aborted" };
            let key = (number % 50).to_be_bytes();
            shown(&builder.clone().append(0, Some(&key), Some(value), &[]).finish());
            let kind = [0, 0, 0, u8::from(commit)];
            shown(&builder.control(true).append(0, Some(&kind), Some(&[0; 6]), &[]).finish());
            if number % 20 == 19 {
                checkpoint = Some(clean(&log, checkpoint, 0).unwrap().up_to);
            }
        }
        done.store(true, Ordering::Release);
    });
}

#[test]
fn what_was_compacted_keeps_its_gaps_when_the_policy_changes() {
    let dir = TempDir::new("cleaner-policy");
    let log = log_of(&dir, 50);
    clean(&log, None, 0).unwrap();
    log.flush().unwrap();
    let (before, end) = (records(&log), log.offsets().log_end);
    drop(log);
    // The policy is delete now, and the recovery point that is known is that from before the round.
    let opening = Opening { compacted: true, ..flushed_to(Recovery::Unclean, 0) };
    let (log, report) = open(&dir.partition(), &config(600, 100), opening);
    assert_eq!(report.removed_segments, 0);
    log.advance_high_watermark(end);
    assert_eq!((log.offsets().log_end, records(&log)), (end, before));
}

#[test]
fn what_retention_takes_away_while_a_round_reads_it_only_stops_the_round() {
    const DAY: i64 = 86_400_000;
    for when in [1, 20, 43] {
        let dir = TempDir::new("cleaner-retention");
        let log = log_of(&dir, 50);
        log.set_config(Arc::new(TopicConfig {
            cleanup_policy: CleanupPolicy { delete: true, compact: true },
            retention_ms: 1,
            file_delete_delay_ms: 0,
            ..(*config(600, 100)).clone()
        }));
        let cleanable = log.cleanable(None, DAY).unwrap();
        let (mut reads, mut gone) = (0, 0);
        let cleaned = log.clean(&cleanable, LIMITS, DAY, &mut |_| {
            reads += 1;
            if reads == when {
                gone = log.delete_old_segments(DAY).unwrap().segments;
                let (tell, told) = std::sync::mpsc::channel();
                keepers().janitor.run(std::time::Duration::ZERO, move || tell.send(()).unwrap());
                told.recv().unwrap();
            }
            ControlFlow::Continue(())
        });
        assert!(gone > 5, "{when}: {gone} segments of {reads} batches");
        assert!(matches!(cleaned, Err(CleanError::Stopped)), "{when}: {cleaned:?}");
        append(&log, &batch(1, 10, DAY));
        assert!(clean(&log, None, DAY).is_ok());
    }
}

#[test]
fn what_is_lacking_or_gone_does_not_last() {
    let error = |code: i32| StorageError {
        doing: "open",
        path: "t-0".into(),
        source: std::io::Error::from_raw_os_error(code),
    };
    let passing = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EAGAIN, libc::ENOENT];
    for code in passing.into_iter().chain([libc::ENOSPC, libc::EDQUOT, libc::EFBIG]) {
        assert!(!CleanError::Storage(error(code)).is_lasting(), "{code}");
        assert!(!CleanError::Log(LogError::Storage(error(code))).is_lasting(), "{code}");
    }
    for code in [libc::EIO, libc::EACCES, libc::EROFS] {
        assert!(CleanError::Storage(error(code)).is_lasting(), "{code}");
        assert!(CleanError::Log(LogError::Storage(error(code))).is_lasting(), "{code}");
    }
}
