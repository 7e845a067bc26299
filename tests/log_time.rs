//! Time: the `.timeindex` byte for byte as Kafka writes it, and what is found by it.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::config::{CleanupPolicy, TopicConfig};
use barnabas::log::{Bound, Log, Recovery};
use log_support::*;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes after which an index entry is due.
const INTERVAL: usize = 250;

fn path(dir: &TempDir, base: i64, suffix: &str) -> PathBuf {
    dir.partition().join(format!("{base:020}.{suffix}"))
}

fn read(dir: &TempDir, base: i64, suffix: &str) -> Vec<u8> {
    fs::read(path(dir, base, suffix)).unwrap()
}

fn bases(dir: &TempDir) -> Vec<i64> {
    let names = files(&dir.partition());
    names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect()
}

/// Entries of a time index: timestamps and relative offsets.
fn entries(bytes: &[u8]) -> Vec<(i64, i32)> {
    assert_eq!(bytes.len() % 12, 0, "whole entries");
    let entry = |bytes: &[u8]| {
        let timestamp = i64::from_be_bytes(bytes[..8].try_into().unwrap());
        (timestamp, i32::from_be_bytes(bytes[8..].try_into().unwrap()))
    };
    bytes.chunks(12).map(entry).collect()
}

/// What Kafka would write for the batches of a segment that begins at `base` and is closed.
fn indexes_of(batches: &[Vec<u8>], base: i64, interval: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut index, mut time) = (Vec::new(), Vec::new());
    let (mut position, mut since) = (0usize, 0usize);
    let (mut largest, mut written) = ((-1i64, base), -1i64);
    let mut add = |largest: (i64, i64)| {
        if largest.0 > written {
            time.extend_from_slice(&largest.0.to_be_bytes());
            time.extend_from_slice(&((largest.1 - base) as i32).to_be_bytes());
            written = largest.0;
        }
    };
    for bytes in batches {
        let header = header(bytes);
        if header.max_timestamp > largest.0 {
            largest = (header.max_timestamp, header.last_offset());
        }
        if since > interval {
            index.extend_from_slice(&((header.last_offset() - base) as i32).to_be_bytes());
            index.extend_from_slice(&(position as i32).to_be_bytes());
            add(largest);
            since = 0;
        }
        position += bytes.len();
        since += bytes.len();
    }
    add(largest);
    (index, time)
}

/// Compares the files of every segment with what Kafka would write for its batches.
#[track_caller]
fn expect_kafkas_indexes(dir: &TempDir) {
    for base in bases(dir) {
        let batches = split(&read(dir, base, "log"));
        let (index, time) = indexes_of(&batches, base, INTERVAL);
        assert_eq!(read(dir, base, "index"), index, "index of segment {base}");
        let found = read(dir, base, "timeindex");
        assert_eq!(entries(&found), entries(&time), "time index of segment {base}");
    }
}

/// Appends batches of these timestamps, each batch's last.
fn append_at(log: &Log, timestamps: &[i64]) {
    for &timestamp in timestamps {
        append(log, &batch(2, 30, timestamp - 1));
    }
}

#[test]
fn time_indexes_are_kafkas_whatever_the_order_of_timestamps() {
    let orders: [&[i64]; 5] = [
        &[100, 200, 300, 400, 500, 600, 700, 800, 900],
        &[900, 800, 700, 600, 500, 400, 300, 200, 100],
        &[100, 100, 100, 100, 100, 100, 100, 100, 100],
        &[500, 100, 900, 200, 300, 900, 901, 400, 50],
        &[-1, -1, -1, 0, -1, 5, 4, 3, 6],
    ];
    for order in orders {
        for segment_bytes in [1 << 20, 700] {
            let dir = TempDir::new("time-index");
            let settings = config(segment_bytes, INTERVAL as i32);
            let log = create(&dir.partition(), &settings);
            append_at(&log, order);
            log.close().unwrap();
            assert_eq!(bases(&dir).len() > 1, segment_bytes == 700, "segments");
            expect_kafkas_indexes(&dir);
        }
    }
}

#[test]
fn the_last_entry_says_the_largest_timestamp_and_that_batchs_last_offset() {
    let dir = TempDir::new("last-entry");
    let log = create(&dir.partition(), &config(1 << 20, 1 << 20));
    append_at(&log, &[100, 900, 200]);
    log.close().unwrap();
    assert_eq!(entries(&read(&dir, 0, "timeindex")), [(900, 3)]);
}

#[test]
fn a_rolled_segment_has_its_last_entry_at_once() {
    let dir = TempDir::new("rolled");
    let log = create(&dir.partition(), &config(700, 1 << 20));
    append_at(&log, &[100, 900, 200, 300, 400, 500, 600]);
    let second = bases(&dir)[1];
    let of_first = read(&dir, 0, "timeindex");
    assert_eq!(entries(&of_first[..12]), [(900, 3)]);
    assert!(of_first[12..].iter().all(|&byte| byte == 0), "one entry and perhaps a reserve");
    assert!(second > 0);
}

#[test]
fn closing_twice_adds_nothing_and_appends_after_a_close_go_on() {
    let dir = TempDir::new("close-twice");
    let settings = config(1 << 20, INTERVAL as i32);
    create(&dir.partition(), &settings).close().unwrap();
    assert!(read(&dir, 0, "timeindex").is_empty(), "no batch, no entry");
    let mut expected = Vec::new();
    for timestamps in [[100, 200], [150, 160], [300, 250]] {
        let (log, report) = open(&dir.partition(), &settings, Recovery::Clean);
        assert!(!report.checked);
        append_at(&log, &timestamps);
        log.close().unwrap();
        // Each close leaves the largest timestamp behind if it is a new one.
        expected = entries(&read(&dir, 0, "timeindex"));
    }
    assert_eq!(expected, [(200, 3), (300, 9)]);
    let (log, _) = open(&dir.partition(), &settings, Recovery::Clean);
    log.close().unwrap();
    assert_eq!(entries(&read(&dir, 0, "timeindex")), expected);
}

#[test]
fn a_crash_after_a_clean_restart_finds_nothing_wrong_with_the_entries_of_the_close() {
    let dir = TempDir::new("crash-after-close");
    let settings = config(1 << 20, INTERVAL as i32);
    let log = create(&dir.partition(), &settings);
    append_at(&log, &[100, 200]);
    log.close().unwrap();
    let (log, _) = open(&dir.partition(), &settings, Recovery::Clean);
    append_at(&log, &[300, 400, 500, 600, 700]);
    drop(log);
    let (log, report) = open(&dir.partition(), &settings, Recovery::Unclean);
    assert_eq!((report.rebuilt_indexes, report.log_end), (0, 14), "{report:?}");
    expect_kafkas_indexes(&dir);
    drop(log);
}

#[test]
fn segments_roll_when_only_the_slot_for_the_last_time_entry_is_left() {
    let dir = TempDir::new("time-index-full");
    // Room for four offsets and three timestamps, of which one is for the roll.
    let settings = TopicConfig { segment_index_bytes: 36, ..(*config(1 << 20, 0)).clone() };
    let log = create(&dir.partition(), &Arc::new(settings));
    append_at(&log, &[10, 20, 30, 40, 50, 60, 70, 80]);
    log.close().unwrap();
    // The first batch of a segment has no entry, the next two have one each.
    assert_eq!(bases(&dir), [0, 6, 12]);
    assert_eq!(entries(&read(&dir, 0, "timeindex")), [(20, 3), (30, 5)]);
    assert_eq!(entries(&read(&dir, 12, "timeindex")), [(80, 3)]);
}

#[test]
fn a_log_that_has_no_time_index_gets_it_when_it_is_opened() {
    let dir = TempDir::new("no-time-index");
    let settings = config(700, INTERVAL as i32);
    let log = create(&dir.partition(), &settings);
    append_at(&log, &[100, 300, 200, 400, 500, 350, 600, 700]);
    log.close().unwrap();
    let before: Vec<_> = bases(&dir).iter().map(|&base| read(&dir, base, "timeindex")).collect();
    bases(&dir).iter().for_each(|&base| fs::remove_file(path(&dir, base, "timeindex")).unwrap());
    let (log, report) = open(&dir.partition(), &settings, Recovery::Clean);
    assert!(!report.checked, "{report:?}");
    assert_eq!(report.rebuilt_indexes, bases(&dir).len());
    log.close().unwrap();
    let after: Vec<_> = bases(&dir).iter().map(|&base| read(&dir, base, "timeindex")).collect();
    assert_eq!(after, before);
}

#[test]
fn a_clean_start_notices_indexes_that_cannot_be_and_makes_them_anew() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, &str, Damage); 7] = [
        ("index", "half an entry", |bytes| bytes.truncate(12)),
        ("index", "a reserve", |bytes| bytes.extend([0; 3])),
        ("index", "a negative offset", |bytes| *bytes.iter_mut().rev().nth(7).unwrap() = 0x80),
        ("timeindex", "empty", |bytes| bytes.clear()),
        ("timeindex", "half an entry", |bytes| bytes.truncate(23)),
        ("timeindex", "a reserve", |bytes| bytes.extend([0; 24])),
        ("timeindex", "time goes back", |bytes| bytes[0] = 0x7f),
    ];
    for (suffix, what, damage) in damages {
        let dir = TempDir::new("sanity");
        let settings = config(1_500, INTERVAL as i32);
        let log = create(&dir.partition(), &settings);
        append_at(&log, &(1..40).map(|number| number * 100).collect::<Vec<_>>());
        log.close().unwrap();
        // Of the first segment, at whose end nobody looks.
        let mut bytes = read(&dir, 0, suffix);
        damage(&mut bytes);
        fs::write(path(&dir, 0, suffix), bytes).unwrap();
        let (log, report) = open(&dir.partition(), &settings, Recovery::Clean);
        assert!(!report.checked, "{suffix}, {what}: {report:?}");
        // Zeros behind the entries, or fewer entries, are not wrong; but not what a close leaves.
        let is_wrong = !["a reserve", "empty"].contains(&what);
        assert_eq!(report.rebuilt_indexes, usize::from(is_wrong), "{suffix}, {what}");
        log.close().unwrap();
        expect_kafkas_indexes(&dir);
    }
}

#[test]
fn a_clean_start_that_finds_less_than_an_index_knows_of_checks_the_segment() {
    let dir = TempDir::new("lost");
    let settings = config(1_500, INTERVAL as i32);
    let log = create(&dir.partition(), &settings);
    append_at(&log, &(1..40).map(|number| number * 100).collect::<Vec<_>>());
    log.close().unwrap();
    let file = fs::File::options().write(true).open(path(&dir, 0, "log")).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2 + 1).unwrap();
    let (_, report) = open(&dir.partition(), &settings, Recovery::Clean);
    assert!(report.checked && report.has_losses(), "{report:?}");
}

/// The first record, by offset, with a timestamp of at least this.
fn first_at(records: &[(i64, i64)], timestamp: i64, from: i64) -> Option<(i64, i64)> {
    records.iter().copied().find(|&(at, offset)| at >= timestamp && offset >= from)
}

/// The records of a log: timestamps and offsets.
fn records(dir: &TempDir) -> Vec<(i64, i64)> {
    let bases = bases(dir);
    let batches = bases.iter().flat_map(|&base| split(&read(dir, base, "log")));
    batches
        .flat_map(|bytes| {
            let header = header(&bytes);
            let at = move |n| (header.base_timestamp + n, header.base_offset + n);
            (0..2).map(at).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn records_are_found_by_time_in_any_order_of_timestamps() {
    let mut random = Random::new(7);
    for round in 0..20 {
        let dir = TempDir::new("by-time");
        let settings = config([1 << 20, 900][round % 2], INTERVAL as i32);
        let log = create(&dir.partition(), &settings);
        let timestamps: Vec<i64> = (0..60)
            .map(|number| match round / 2 {
                0 => number * 10 + 1,
                1 => 1_000 - number * 10,
                2 => 50,
                _ => random.below(1_000) as i64,
            })
            .collect();
        append_at(&log, &timestamps);
        log.close().unwrap();
        let records = records(&dir);
        let (log, _) = open(&dir.partition(), &settings, Recovery::Clean);
        log.advance_high_watermark(120);
        for start in [0, 37] {
            log.delete_records_before(start).unwrap();
            for timestamp in 0..1_010 {
                let found = log.offset_for_timestamp(timestamp, Bound::HighWatermark).unwrap();
                let found = found.map(|found| (found.timestamp, found.offset));
                let expected = first_at(&records, timestamp, start);
                assert_eq!(found, expected, "round {round}: {timestamp} from {start}");
            }
            let in_log = records.iter().filter(|(_, offset)| *offset >= start);
            let largest = in_log.max_by_key(|&&(at, offset)| (at, -offset));
            let found = log.max_timestamp().unwrap().map(|found| (found.timestamp, found.offset));
            assert_eq!(found, largest.copied(), "round {round}: the largest from {start}");
        }
    }
}

#[test]
fn a_wrong_entry_of_the_time_index_hides_nothing() {
    let dir = TempDir::new("wrong-entry");
    let settings = config(1 << 20, INTERVAL as i32);
    let log = create(&dir.partition(), &settings);
    append_at(&log, &(1..40).map(|number| number * 100).collect::<Vec<_>>());
    log.close().unwrap();
    let mut bytes = read(&dir, 0, "timeindex");
    // An entry in the middle points behind records with that time.
    bytes[2 * 12 + 11] += 20;
    fs::write(path(&dir, 0, "timeindex"), bytes).unwrap();
    let records = records(&dir);
    let (log, _) = open(&dir.partition(), &settings, Recovery::Clean);
    log.advance_high_watermark(78);
    for timestamp in (0..3_900).step_by(10) {
        let found = log.offset_for_timestamp(timestamp, Bound::HighWatermark).unwrap();
        let found = found.map(|found| (found.timestamp, found.offset));
        assert_eq!(found, first_at(&records, timestamp, 0), "{timestamp}");
    }
}

#[test]
fn the_time_index_spares_a_look_at_what_is_older() {
    let dir = TempDir::new("spares");
    let settings = config(1 << 22, 4096);
    let log = create(&dir.partition(), &settings);
    append_at(&log, &(1..4_000).map(|number| number * 100).collect::<Vec<_>>());
    log.close().unwrap();
    // The first half of the log is not looked at, or this would be noticed.
    let mut bytes = read(&dir, 0, "log");
    let half = bytes.len() / 2;
    bytes[..half].fill(0xee);
    fs::write(path(&dir, 0, "log"), bytes).unwrap();
    let (log, report) = open(&dir.partition(), &settings, Recovery::Clean);
    assert!(!report.checked, "{report:?}");
    log.advance_high_watermark(7_998);
    let found = log.offset_for_timestamp(390_000, Bound::HighWatermark).unwrap().unwrap();
    assert_eq!((found.timestamp, found.offset), (390_000, 7_799));
    let largest = log.max_timestamp().unwrap().unwrap();
    assert_eq!((largest.timestamp, largest.offset), (399_900, 7_997));
}

#[test]
fn compacted_logs_roll_in_time_for_the_cleaner() {
    let settings = |compact: bool| TopicConfig {
        segment_ms: 10_000,
        max_compaction_lag_ms: 1_000,
        cleanup_policy: CleanupPolicy { delete: !compact, compact },
        ..(*config(1 << 20, 4096)).clone()
    };
    for (compact, expected) in [(true, 2), (false, 1)] {
        let dir = TempDir::new("lag");
        let log = create(&dir.partition(), &Arc::new(settings(compact)));
        append_at(&log, &[5_000, 6_000, 6_001]);
        assert_eq!(bases(&dir).len(), expected, "compact: {compact}");
    }
}
