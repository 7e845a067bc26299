//! Truncation: where a log ends after it, what readers keep, what the next start finds
//! (UnifiedLog.truncateTo, truncateFullyAndStartAt).

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod cleaner_support;
mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::{AppendError, Bound, Log, ReadError, Recovery};
use barnabas::wire::records::BatchBuilder;
use log_support::*;
use std::path::Path;
use std::sync::Arc;

fn settings() -> Arc<TopicConfig> {
    config(1_000, 0)
}

/// A log of ten batches of three records, two batches in each segment, each batch in an epoch of
/// its own.
fn filled(dir: &Path) -> Log {
    let log = create(dir, &settings());
    for number in 0..10 {
        let bytes = batch(3, 120, 1_000 * i64::from(number));
        let appended = log.append(&validated(&bytes), number, 1_000).unwrap();
        log.advance_high_watermark(appended.next_offset);
    }
    assert_eq!(bases(dir), [0, 6, 12, 18, 24]);
    log
}

fn bases(dir: &Path) -> Vec<i64> {
    let names = files(dir);
    names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect()
}

fn assert_ends_at(log: &Log, end: i64) {
    let offsets = log.offsets();
    assert_eq!((offsets.high_watermark, offsets.log_end), (end, end));
    let batches = read_all(log, offsets.log_start, Bound::LogEnd);
    assert_eq!(batches.last().map_or(offsets.log_start, |last| header(last).next_offset()), end);
    let latest = log.max_timestamp().unwrap().map(|latest| latest.offset);
    assert_eq!(latest, (end > offsets.log_start).then_some(end - 1), "timestamps are cut too");
    assert!(log.flushed_offset() <= end && log.recovery_point() <= end);
}

#[test]
fn a_log_is_cut_at_the_batch_that_holds_the_offset() {
    for (to, end, segments) in [
        (29, 27, &[0, 6, 12, 18, 24][..]),
        (27, 27, &[0, 6, 12, 18, 24]),
        (26, 24, &[0, 6, 12, 18, 24]),
        (24, 24, &[0, 6, 12, 18, 24]),
        (23, 21, &[0, 6, 12, 18]),
        (12, 12, &[0, 6, 12]),
        (7, 6, &[0, 6]),
        (2, 0, &[0]),
        (0, 0, &[0]),
    ] {
        let dir = TempDir::new("cut");
        let dir = dir.partition();
        let log = filled(&dir);
        log.flush().unwrap();
        assert_eq!(log.truncate_to(to).unwrap(), end);
        assert_ends_at(&log, end);
        assert_eq!(bases(&dir), segments);
        let newest = i32::try_from(end / 3).unwrap() - 1;
        assert_eq!(log.latest_epoch(-1), (newest >= 0).then_some(newest), "epochs are cut too");
        // It goes on from there, in an epoch that was there before, and survives a crash.
        assert_eq!(append(&log, &batch(3, 120, 50_000)).base_offset, end);
        let before = read_all(&log, 0, Bound::LogEnd);
        let point = log.recovery_point();
        drop(log);
        let (log, report) = open(&dir, &settings(), flushed_to(Recovery::Unclean, point));
        assert!(!report.has_losses(), "{report:?}");
        assert_eq!(read_all(&log, 0, Bound::LogEnd), before);
    }
}

#[test]
fn nothing_happens_at_the_end_or_beyond() {
    let dir = TempDir::new("beyond");
    let log = filled(&dir.partition());
    let before = read_all(&log, 0, Bound::LogEnd);
    for to in [30, 31, i64::MAX] {
        assert_eq!(log.truncate_to(to).unwrap(), 30);
    }
    assert_eq!(read_all(&log, 0, Bound::LogEnd), before);
}

#[test]
fn what_a_reader_holds_does_not_change() {
    let dir = TempDir::new("held");
    let log = filled(&dir.partition());
    let read = |offset| log.read(offset, 1 << 20, true, Bound::LogEnd).unwrap().range.unwrap();
    let held = [read(24), read(27), read(18), read(0)];
    let before = held.each_ref().map(|range| range.bytes().unwrap().to_vec());
    assert_eq!(log.truncate_to(25).unwrap(), 24);
    for number in 0..20 {
        append(&log, &batch(3, 250, 70_000 + number));
    }
    assert_eq!(log.truncate_to(21).unwrap(), 21);
    append(&log, &batch(3, 99, 80_000));
    for (range, before) in held.iter().zip(&before) {
        assert_eq!(range.bytes().unwrap(), before);
    }
    assert_eq!(split(read(21).bytes().unwrap()).len(), 1, "new readers see the new ones");
}

#[test]
fn readers_see_the_old_or_the_new_log_and_never_a_mixture() {
    let dir = TempDir::new("race");
    let log = create(&dir.partition(), &settings());
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut read = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let from = log.offsets().log_end.saturating_sub(4).max(0);
                match log.read(from, 1 << 20, true, Bound::LogEnd) {
                    // `split` checks that these are whole batches, with their checksums.
                    Ok(found) => {
                        let bytes = found.range.as_ref().map_or(&[][..], |r| r.bytes().unwrap());
                        read += split(bytes).len();
                    }
                    Err(ReadError::OutOfRange { log_end, .. }) => assert!(log_end < from),
                    Err(error) => panic!("{error}"),
                }
            }
            read
        });
        let mut random = Random::new(5);
        for number in 0..300 {
            for _ in 0..random.below(4) {
                let size = random.below(300) as usize;
                append(&log, &batch(1 + random.below(3) as i32, size, number));
            }
            let end = log.offsets().log_end;
            log.truncate_to((end - random.below(6) as i64).max(0)).unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
}

#[test]
fn truncated_fully_a_log_begins_anew_wherever_it_is_told() {
    for (to, clean) in [(0, true), (7, false), (12, true), (30, false), (1_000, true)] {
        let dir = TempDir::new("fully");
        let dir = dir.partition();
        let log = filled(&dir);
        log.truncate_fully_and_start_at(to).unwrap();
        let offsets = log.offsets();
        assert_eq!((offsets.log_start, offsets.log_end), (to, to));
        assert_eq!((bases(&dir), log.size(), log.latest_epoch(-1)), (vec![to], 0, None));
        assert_eq!(log.producers().len(), 0);
        assert_eq!(append(&log, &batch(3, 120, 5)).base_offset, to);
        if clean {
            log.close().unwrap();
        }
        drop(log);
        let how = if clean { Recovery::Clean } else { Recovery::Unclean };
        let (log, report) = open(&dir, &settings(), beginning_at(how, to));
        assert!(!report.has_losses(), "{report:?}");
        assert_eq!((log.offsets().log_start, log.offsets().log_end), (to, to + 3));
    }
}

#[test]
fn below_its_first_segment_a_log_begins_anew() {
    let dir = TempDir::new("below");
    let log = filled(&dir.partition());
    log.delete_records_before(13).unwrap();
    assert_eq!(log.delete_old_segments(0).unwrap().segments, 2);
    assert_eq!(log.truncate_to(15).unwrap(), 15);
    assert_eq!(log.truncate_to(12).unwrap(), 12, "in the first segment, below the log start");
    assert_eq!(log.offsets().log_start, 12);
    append(&log, &batch(3, 120, 5));
    assert_eq!(log.truncate_to(4).unwrap(), 4);
    assert_eq!((log.offsets().log_start, log.offsets().log_end), (4, 4));
}

/// Its records may lie in a segment that was compacted, for they were decided then.
#[test]
fn a_transaction_that_is_open_again_is_not_shown_to_read_committed() {
    let dir = TempDir::new("open-again");
    let log = create(&dir.partition(), &settings());
    let add = |builder: BatchBuilder, key: i32| {
        let mut builder = builder;
        append(&log, &builder.append(5, Some(&key.to_be_bytes()), Some(&[0; 99]), &[]).finish());
    };
    add(BatchBuilder::new(), 20);
    for sequence in 0..16 {
        add(BatchBuilder::new().producer(7, 0, sequence).transactional(true), sequence % 12);
    }
    let end = log.append_internal(&marker(7, 0, 0, true), 0).unwrap().next_offset;
    (0..8).for_each(|_| _ = append(&log, &batch(3, 120, 5)));
    assert!(cleaner_support::clean(&log, None, 0).unwrap().up_to > 10);
    assert_eq!(log.offsets().last_stable, log.offsets().log_end);
    assert_eq!(log.truncate_to(end - 1).unwrap(), end - 1);
    let shown = read_all(&log, 0, Bound::LogEnd).remove(0);
    let open = log.offsets().last_stable;
    assert!(0 < open && open < 8);
    assert_eq!(read_all(&log, 0, Bound::LastStable), std::slice::from_ref(&shown));
    assert_eq!(log.bytes_from(0, Bound::LastStable, 9_999), Some(shown.len() as u64));
}

#[test]
fn producers_are_those_of_what_is_left() {
    let dir = TempDir::new("producers");
    let log = create(&dir.partition(), &settings());
    for number in 0..12 {
        append(&log, &produced(100 + number % 2, 0, 3 * (number / 2) as i32, 3));
    }
    let sequences = |log: &Log| -> Vec<(i64, i32)> {
        let mut all: Vec<_> =
            log.producers().iter().map(|known| (known.producer_id, known.last_sequence)).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(sequences(&log), [(100, 17), (101, 17)]);
    log.truncate_to(27).unwrap();
    assert_eq!(sequences(&log), [(100, 14), (101, 11)]);
    append(&log, &produced(101, 0, 12, 3));
    log.truncate_to(3).unwrap();
    assert_eq!(sequences(&log), [(100, 2)]);
    append(&log, &produced(100, 0, 3, 3));
}

#[test]
fn what_fails_halfway_leaves_a_prefix_that_takes_no_appends() {
    let dir = TempDir::new("halfway");
    let dir = dir.partition();
    let log = filled(&dir);
    let whole = read_all(&log, 0, Bound::LogEnd);
    // Where the file is to be moved lies something that cannot be replaced.
    let obstacle = dir.join(format!("{:020}.log.deleted", 12));
    std::fs::create_dir_all(obstacle.join("x")).unwrap();
    log.truncate_to(7).unwrap_err();
    assert!(matches!(try_append(&log, &batch(3, 9, 1)), Err(AppendError::Closed(_))));
    drop(log);
    std::fs::remove_dir_all(obstacle).unwrap();
    let (log, report) = open(&dir, &settings(), Recovery::Unclean);
    assert!(!report.has_losses(), "{report:?}");
    assert_eq!(log.offsets().log_end, 18, "the last two segments went");
    assert_eq!(read_all(&log, 0, Bound::LogEnd), whole[..6]);
}

#[test]
fn a_crash_in_the_middle_leaves_a_prefix() {
    let dir = TempDir::new("crash");
    let dir = dir.partition();
    let name = |base: i64, suffix: &str| dir.join(format!("{base:020}.{suffix}"));
    let rename = |base: i64| {
        for suffix in ["log", "index", "timeindex"] {
            let path = name(base, suffix);
            std::fs::rename(&path, format!("{}.deleted", path.display())).unwrap();
        }
    };
    let log = filled(&dir);
    let whole = read_all(&log, 0, Bound::LogEnd);
    log.close().unwrap();
    drop(log);
    // To 14: the copy is there, but in nobody's place.
    let kept = whole[4].clone();
    std::fs::write(dir.join(format!("{:020}.log.tmp", 12)), &kept).unwrap();
    for (step, end) in [(0, 30), (1, 24), (2, 18), (3, 15)] {
        match step {
            0 => {}
            1 => rename(24),
            2 => rename(18),
            _ => {
                // In place, but its indexes are still those of the longer file, or gone.
                std::fs::write(name(12, "log"), &kept).unwrap();
                std::fs::remove_file(name(12, "timeindex")).unwrap();
            }
        }
        let (log, report) = open(&dir, &settings(), Recovery::Unclean);
        assert!(!report.has_losses(), "step {step}: {report:?}");
        assert_eq!(log.offsets().log_end, end, "step {step}");
        assert_eq!(read_all(&log, 0, Bound::LogEnd), whole[..end as usize / 3]);
        drop(log);
        assert!(files(&dir).iter().all(|name| !name.ends_with(".tmp")));
    }
}
