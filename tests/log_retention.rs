//! Retention and deletion of segments: what goes, what stays, and what readers and the next start
//! see of it (UnifiedLog.deleteOldSegments).

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::config::{CleanupPolicy, TopicConfig};
use barnabas::log::{Bound, Deleted, Keepers, Log, ReadError, Recovery};
use barnabas::wire::records::{BatchBuilder, NO_TIMESTAMP};
use log_support::*;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

const DAY: i64 = 86_400_000;
const NOW: i64 = 1_000 * DAY;
const BOTH: CleanupPolicy = CleanupPolicy { delete: true, compact: true };
const DELETE: CleanupPolicy = CleanupPolicy { delete: true, compact: false };
const COMPACT: CleanupPolicy = CleanupPolicy { delete: false, compact: true };
const NEITHER: CleanupPolicy = CleanupPolicy { delete: false, compact: false };

/// Each lets everything go.
const EXPIRE: [fn(&mut TopicConfig); 2] = [|c| c.retention_ms = 1, |c| c.retention_bytes = 0];

/// Settings under which each batch of [`filled`] gets a segment of its own, and nothing goes.
fn keeping() -> TopicConfig {
    TopicConfig { retention_ms: -1, ..(*config(1_000, 0)).clone() }
}

/// A log with a segment of 10 records for each timestamp.
fn filled(dir: &Path, config: &TopicConfig, timestamps: &[i64]) -> Log {
    let log = create(dir, &Arc::new(config.clone()));
    for &timestamp in timestamps {
        append(&log, &batch_at(timestamp));
    }
    log
}

fn batch_at(timestamp: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for _ in 0..10 {
        builder.append(timestamp, None, Some(&[7; 60]), &[]);
    }
    builder.finish()
}

fn set(log: &Log, change: impl FnOnce(&mut TopicConfig)) {
    let mut config = keeping();
    change(&mut config);
    log.set_config(Arc::new(config));
}

/// The offsets at which the segments begin, by their files.
fn bases(dir: &Path) -> Vec<i64> {
    let names = files(dir);
    names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect()
}

/// What is there of files that were given up.
fn deleted_files(dir: &Path) -> Vec<String> {
    files(dir).into_iter().filter(|name| name.ends_with(".deleted")).collect()
}

/// Waits until the janitor has done all that was due by now.
fn settle(keepers: &Keepers) {
    let (tell, told) = mpsc::channel();
    keepers.janitor.run(Duration::ZERO, move || tell.send(()).unwrap());
    told.recv().unwrap();
}

fn deleted(log: &Log) -> usize {
    log.delete_old_segments(NOW).unwrap().segments
}

#[test]
fn what_is_older_than_retention_ms_goes_by_the_largest_timestamp_of_its_records() {
    let dir = TempDir::new("time");
    let ages = [9 * DAY, 8 * DAY, 7 * DAY + 1, 7 * DAY, 0];
    let log = filled(&dir.partition(), &keeping(), &ages.map(|age| NOW - age));
    assert_eq!(deleted(&log), 0, "unlimited");
    set(&log, |config| config.retention_ms = 7 * DAY);
    let size = log.size();
    let gone = log.delete_old_segments(NOW).unwrap();
    assert_eq!(gone, Deleted { segments: 3, bytes: size * 3 / 5 });
    assert_eq!(log.offsets().log_start, 30);
    assert_eq!(bases(&dir.partition()), [30, 40]);
    assert_eq!(deleted(&log), 0, "exactly seven days is not more than seven days");
    assert_eq!(log.delete_old_segments(NOW + 1).unwrap().segments, 1);
}

#[test]
fn one_young_record_keeps_its_segment_and_all_that_follow() {
    let dir = TempDir::new("prefix");
    let old = NOW - 100 * DAY;
    let log = filled(&dir.partition(), &keeping(), &[old, NOW + 5 * DAY, old, old]);
    set(&log, |config| config.retention_ms = DAY);
    assert_eq!(deleted(&log), 1);
    assert_eq!(bases(&dir.partition()), [10, 20, 30]);
    assert_eq!(log.delete_old_segments(NOW + 7 * DAY).unwrap().segments, 3);
}

#[test]
fn a_time_index_that_lies_ages_nothing() {
    let dir = TempDir::new("retention-lie");
    let log = filled(&dir.partition(), &keeping(), &[NOW - DAY, NOW - DAY, NOW]);
    log.close().unwrap();
    drop(log);
    let index = dir.partition().join("00000000000000000000.timeindex");
    let entries = std::fs::read(&index).unwrap();
    let lie = (NOW - 9 * DAY).to_be_bytes();
    let lying: Vec<u8> =
        entries.chunks(12).flat_map(|entry| [&lie, &entry[8..]].concat()).collect();
    std::fs::write(&index, &lying).unwrap();
    let mut settings = keeping();
    settings.retention_ms = 2 * DAY;
    let (log, _) = open(&dir.partition(), &Arc::new(settings), Recovery::Clean);
    log.advance_high_watermark(30);
    assert_eq!(deleted(&log), 0);
    assert_eq!(bases(&dir.partition()), [0, 10, 20]);
}

#[test]
fn without_timestamps_the_files_own_time_counts() {
    let dir = TempDir::new("mtime");
    let log = filled(&dir.partition(), &keeping(), &[NO_TIMESTAMP, NO_TIMESTAMP]);
    set(&log, |config| config.retention_ms = DAY);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    assert_eq!(log.delete_old_segments(since).unwrap().segments, 0);
    assert_eq!(log.delete_old_segments(since + 2 * DAY).unwrap().segments, 2);
}

#[test]
fn what_is_beyond_retention_bytes_goes_in_whole_segments() {
    let dir = TempDir::new("size");
    let log = filled(&dir.partition(), &keeping(), &[NOW; 5]);
    let segment = log.size() as i64 / 5;
    set(&log, |config| config.retention_bytes = 3 * segment + 1);
    assert_eq!(deleted(&log), 1, "without the second one there would be less than that");
    set(&log, |config| config.retention_bytes = 3 * segment);
    assert_eq!(deleted(&log), 1);
    assert_eq!(deleted(&log), 0);
    assert_eq!(bases(&dir.partition()), [20, 30, 40]);
    set(&log, |config| config.retention_bytes = 0);
    assert_eq!(deleted(&log), 3, "the active one, too");
    assert_eq!(bases(&dir.partition()), [50]);
}

#[test]
fn nothing_at_or_beyond_the_high_watermark_goes() {
    let dir = TempDir::new("watermark");
    let log = create(&dir.partition(), &Arc::new(keeping()));
    for _ in 0..4 {
        try_append(&log, &batch_at(0)).unwrap();
    }
    log.advance_high_watermark(25);
    for change in EXPIRE {
        set(&log, change);
        deleted(&log);
        assert_eq!(bases(&dir.partition()), [20, 30]);
    }
    log.advance_high_watermark(40);
    assert_eq!(deleted(&log), 2);
}

#[test]
fn when_all_goes_a_new_segment_is_rolled_and_the_log_goes_on() {
    let dir = TempDir::new("active");
    let dir = dir.partition();
    let log = filled(&dir, &keeping(), &[0, 0]);
    set(&log, |config| config.retention_ms = 1);
    assert_eq!(deleted(&log), 2);
    let offsets = log.offsets();
    assert_eq!((offsets.log_start, offsets.high_watermark, offsets.log_end), (20, 20, 20));
    assert_eq!((bases(&dir), log.size()), (vec![20], 0));
    assert_eq!(deleted(&log), 0, "an empty segment is not deleted");
    assert!(log.read(20, 1 << 20, true, Bound::LogEnd).unwrap().is_empty());
    assert_eq!(append(&log, &batch_at(NOW)).base_offset, 20);
    assert_eq!(read_all(&log, 20, Bound::HighWatermark).len(), 1);
    drop(log);
    let (log, report) = open(&dir, &Arc::new(keeping()), Recovery::Unclean);
    assert!(!report.has_losses(), "{report:?}");
    assert_eq!((log.offsets().log_start, log.offsets().log_end), (20, 30));
}

#[test]
fn a_log_that_nobody_has_written_to_since_it_was_opened_can_be_emptied() {
    let dir = TempDir::new("opened");
    let dir = dir.partition();
    filled(&dir, &keeping(), &[0, 0]).close().unwrap();
    for how in [Recovery::Clean, Recovery::Unclean] {
        let (log, _) = open(&dir, &Arc::new(keeping()), how);
        log.advance_high_watermark(i64::MAX);
        set(&log, |config| config.retention_ms = 1);
        let end = log.offsets().log_end;
        deleted(&log);
        assert_eq!((log.offsets().log_start, bases(&dir)), (end, vec![end]));
        let segment = dir.join(format!("{end:020}.log"));
        assert_eq!(std::fs::metadata(segment).unwrap().len(), 0, "no reserve");
        append(&log, &batch_at(0));
        log.close().unwrap();
    }
}

#[test]
fn below_the_log_start_segments_go_whatever_the_policy() {
    for policy in [DELETE, COMPACT, BOTH, NEITHER] {
        let dir = TempDir::new("start");
        let log = filled(&dir.partition(), &keeping(), &[0; 4]);
        set(&log, |config| config.cleanup_policy = policy);
        assert!(!log.has_segments_below_log_start());
        assert_eq!(log.delete_records_before(19).unwrap(), 19);
        assert!(log.has_segments_below_log_start());
        assert_eq!(deleted(&log), 1, "{policy:?}");
        assert!(!log.has_segments_below_log_start());
        assert_eq!(log.offsets().log_start, 19, "not the segment's beginning");
        assert_eq!(log.delete_records_before(20).unwrap(), 20);
        assert_eq!(deleted(&log), 1);
        // All of them are below the start, but the active one is not a whole one yet.
        assert_eq!(log.delete_records_before(40).unwrap(), 40);
        assert_eq!(deleted(&log), 1);
        assert_eq!(bases(&dir.partition()), [30]);
    }
}

#[test]
fn time_and_size_count_only_where_the_policy_has_delete() {
    for (policy, goes) in [(DELETE, 3), (BOTH, 3), (COMPACT, 0), (NEITHER, 0)] {
        for change in EXPIRE {
            let dir = TempDir::new("policy");
            let log = filled(&dir.partition(), &keeping(), &[0; 3]);
            set(&log, |config| {
                config.cleanup_policy = policy;
                change(config);
            });
            assert_eq!(deleted(&log), goes, "{policy:?}");
        }
    }
}

#[test]
fn readers_keep_what_they_hold_and_new_ones_are_told() {
    let dir = TempDir::new("readers");
    let log = filled(&dir.partition(), &keeping(), &[0, 0, NOW]);
    let held = log.read(5, 1 << 20, true, Bound::HighWatermark).unwrap().range.unwrap();
    let before = held.bytes().unwrap().to_vec();
    set(&log, |config| {
        config.retention_ms = DAY;
        config.file_delete_delay_ms = 0;
    });
    assert_eq!(deleted(&log), 2);
    settle(&keepers());
    assert_eq!(deleted_files(&dir.partition()), [""; 0]);
    assert_eq!(held.bytes().unwrap(), before);
    assert_eq!(split(held.bytes().unwrap())[0].len(), before.len());
    for offset in [0, 5, 19] {
        let error = log.read(offset, 1 << 20, true, Bound::HighWatermark).unwrap_err();
        assert!(matches!(error, ReadError::OutOfRange { log_start: 20, log_end: 30, .. }));
    }
    let first = log.offset_for_timestamp(0, Bound::HighWatermark).unwrap().unwrap();
    assert_eq!(first.offset, 20);
}

#[test]
fn files_stay_under_another_name_for_the_delay() {
    let dir = TempDir::new("delay");
    let keepers = Keepers::spawn().unwrap();
    let hour = TopicConfig { file_delete_delay_ms: 3_600_000, ..keeping() };
    let log = Log::create(dir.partition(), Arc::new(hour.clone()), keepers.clone()).unwrap();
    for timestamp in [0, 0, NOW] {
        append(&log, &batch_at(timestamp));
    }
    log.set_config(Arc::new(TopicConfig { retention_ms: DAY, ..hour }));
    assert_eq!(deleted(&log), 2);
    settle(&keepers);
    let names = deleted_files(&dir.partition());
    for base in ["00000000000000000000", "00000000000000000010"] {
        for suffix in ["log", "index"] {
            let name = format!("{base}.{suffix}.deleted");
            assert!(names.contains(&name), "{name} in {names:?}");
        }
    }
    assert!(names.contains(&"00000000000000000010.snapshot.deleted".to_owned()), "{names:?}");
    assert_eq!(keepers.janitor.waiting_removals(), 2);
    log.close().unwrap();
    keepers.stop();
    assert_eq!(deleted_files(&dir.partition()), [""; 0], "a clean stop clears up");
}

#[test]
fn a_crash_between_two_renames_leaves_a_log() {
    let dir = TempDir::new("crash");
    let dir = dir.partition();
    let config = Arc::new(keeping());
    filled(&dir, &config, &[0; 4]).close().unwrap();
    // As far as it comes: the first segment whole, of the second one only the records' file.
    for name in ["00.log", "00.index", "10.log"] {
        let path = dir.join(format!("000000000000000000{name}"));
        std::fs::rename(&path, format!("{}.deleted", path.display())).unwrap();
    }
    let (log, report) = open(&dir, &config, Recovery::Unclean);
    assert!(!report.has_losses(), "{report:?}");
    assert_eq!((log.offsets().log_start, log.offsets().log_end), (20, 40));
    assert_eq!(deleted_files(&dir), [""; 0]);
    assert!(!files(&dir).contains(&"00000000000000000010.index".to_owned()));
}

#[test]
fn epochs_and_snapshots_of_what_went_go_and_producers_stay() {
    let dir = TempDir::new("side");
    let dir = dir.partition();
    let log = create(&dir, &Arc::new(keeping()));
    for (epoch, producer) in [(0, 100), (3, 101), (5, 102), (5, 103)] {
        let mut builder = BatchBuilder::new().producer(producer, 0, 0);
        for _ in 0..10 {
            builder.append(0, None, Some(&[7; 60]), &[]);
        }
        let bytes = builder.finish();
        let appended = log.append(&validated(&bytes), epoch, 1_000).unwrap();
        log.advance_high_watermark(appended.next_offset);
    }
    assert_eq!(log.end_offset_for_epoch(0, -1), (0, 10));
    log.delete_records_before(20).unwrap();
    assert_eq!(deleted(&log), 2);
    assert_eq!(log.end_offset_for_epoch(3, -1), (3, 20), "an epoch from before the log");
    assert_eq!(log.epoch_of(20, -1), Some(5));
    let snapshots = |dir: &Path| -> Vec<String> {
        files(dir).into_iter().filter(|name| name.ends_with(".snapshot")).collect()
    };
    assert_eq!(log.producers().len(), 4, "until they expire");
    log.close().unwrap();
    let names = ["00000000000000000020", "00000000000000000030", "00000000000000000040"];
    assert_eq!(snapshots(&dir), names.map(|name| format!("{name}.snapshot")));
    for how in [Recovery::Clean, Recovery::Unclean] {
        let (log, _) = open(&dir, &Arc::new(keeping()), how);
        assert_eq!(log.producers().len(), 4, "{how:?}");
        assert_eq!((log.offsets().log_start, log.latest_epoch(-1)), (20, Some(5)));
    }
}

#[test]
fn appends_and_reads_go_on_while_segments_go() {
    let dir = TempDir::new("concurrent");
    let log = create(&dir.partition(), &Arc::new(keeping()));
    set(&log, |config| {
        config.retention_bytes = 3_000;
        config.file_delete_delay_ms = 0;
    });
    let rounds = 400;
    std::thread::scope(|scope| {
        let appends = scope.spawn(|| {
            for _ in 0..rounds {
                append(&log, &batch_at(NOW));
            }
        });
        let reads = scope.spawn(|| {
            let mut read = 0;
            while log.offsets().log_end < rounds * 10 {
                let from = log.offsets().log_start;
                match log.read(from, 1 << 20, true, Bound::HighWatermark) {
                    Ok(found) => {
                        let bytes = found.range.as_ref().map_or(&[][..], |r| r.bytes().unwrap());
                        read += split(bytes).len();
                    }
                    Err(ReadError::OutOfRange { log_start, .. }) => assert!(log_start > from),
                    Err(error) => panic!("{error}"),
                }
            }
            read
        });
        while !appends.is_finished() {
            deleted(&log);
        }
        assert!(reads.join().unwrap() > 0);
    });
    deleted(&log);
    assert!(log.size() < 3_000 + 1_000, "{}", log.size());
    log.flush().unwrap();
    let offsets = log.offsets();
    assert_eq!(offsets.log_end, rounds * 10);
    assert_eq!(read_all(&log, offsets.log_start, Bound::LogEnd).len() as i64, {
        (offsets.log_end - offsets.log_start) / 10
    });
}

#[test]
fn a_check_gives_space_back_that_would_last_for_long() {
    let dir = TempDir::new("space");
    let settings = TopicConfig { segment_bytes: 1 << 30, ..keeping() };
    let log = create(&dir.partition(), &Arc::new(settings));
    let large = batch(10, 100_000, NOW);
    let path = dir.partition().join("00000000000000000000.log");
    let unused = |log: &Log| std::fs::metadata(&path).unwrap().len() - log.size();
    // Whether somebody has reserved more is a preparer's business, which comes when it likes.
    while unused(&log) < 8 << 20 {
        append(&log, &large);
        std::thread::yield_now();
    }
    log.delete_old_segments(NOW).unwrap();
    assert!(unused(&log) >= 8 << 20, "it came lately");
    append(&log, &batch(1, 100, NOW));
    while unused(&log) > 1 << 20 {
        // What was asked for meanwhile is for the next check.
        log.delete_old_segments(NOW).unwrap();
    }
    let end = append(&log, &large).next_offset;
    assert_eq!(log.offsets().log_end, end);
}
