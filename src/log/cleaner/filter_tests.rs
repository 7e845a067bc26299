//! Each rule of what stays, on single batches.

use super::filter::{Filtered, LastOfProducer, Rules, Unreadable, Work};
use super::offset_map::{Capacity, OffsetMap};
use super::transactions::CleanedTransactions;
use crate::log::AbortedTxn;
use crate::wire::records::{Attributes, Batch, BatchBuilder, Codec, HEADER_LEN, Record};
use std::collections::HashMap;

const NOW: i64 = 1_000_000;
const RETENTION: i64 = 5_000;

/// The map after `records` of (key, offset), looked at up to `latest`.
fn map(records: &[(&str, i64)], latest: i64) -> OffsetMap {
    let capacity = Capacity { memory: 1 << 16, load_factor: 0.9, keys: 100 };
    let mut map = OffsetMap::new(capacity).unwrap();
    assert!(records.iter().all(|&(key, offset)| map.put(key.as_bytes(), offset)));
    map.looked_at(latest);
    map
}

fn rules(map: &OffsetMap) -> Rules<'_> {
    Rules {
        map,
        now_ms: NOW,
        delete_retention_ms: RETENTION,
        end_of_round: i64::MAX,
        producers: HashMap::new(),
    }
}

fn filter_in(
    rules: &Rules<'_>,
    walk: &mut CleanedTransactions,
    bytes: &[u8],
) -> (Filtered, Vec<u8>) {
    let (mut work, mut out) = (Work::default(), Vec::new());
    let (batch, _) = Batch::parse(bytes).unwrap();
    let filtered = rules.filter(&batch, walk, &mut work, &mut out).unwrap();
    match filtered.header {
        Some(header) => {
            let (batch, rest) = Batch::parse(&out).unwrap();
            assert!(rest.is_empty() && batch.crc_is_valid());
            assert_eq!(*batch.header(), header);
            assert_eq!(header.record_count as u64, filtered.retained);
        }
        None => assert!(out.is_empty()),
    }
    (filtered, out)
}

fn filter(rules: &Rules<'_>, bytes: &[u8]) -> Vec<u8> {
    filter_in(rules, &mut CleanedTransactions::default(), bytes).1
}

/// Offsets, keys and whether there is a value.
fn contents(bytes: &[u8]) -> Vec<(i64, String, bool)> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let (batch, _) = Batch::parse(bytes).unwrap();
    let flat = |record: Record<'_>| {
        let key = String::from_utf8(record.key.unwrap_or(b"-").to_vec()).unwrap();
        (batch.base_offset() + i64::from(record.offset_delta), key, record.value.is_some())
    };
    let mut scratch = Vec::new();
    batch.records(&mut scratch, 1 << 20).unwrap().map(|record| flat(record.unwrap())).collect()
}

fn offsets(bytes: &[u8]) -> Vec<i64> {
    contents(bytes).into_iter().map(|(offset, ..)| offset).collect()
}

fn horizon(bytes: &[u8]) -> Option<i64> {
    Batch::parse(bytes).unwrap().0.header().delete_horizon_ms()
}

/// a, b, c at 10, 11, 12, the last one a tombstone.
fn abc(builder: BatchBuilder) -> BatchBuilder {
    let mut builder = builder.base_offset(10);
    builder.append(100, Some(b"a"), Some(b"1"), &[]);
    builder.append(101, Some(b"b"), Some(b"2"), &[]);
    builder.append(102, Some(b"c"), None, &[]);
    builder
}

fn marker(commit: bool, horizon: Option<i64>) -> Vec<u8> {
    let builder = BatchBuilder::new().base_offset(20).producer(7, 3, -1).transactional(true);
    let builder = builder.control(true);
    let mut builder = match horizon {
        Some(horizon) => builder.delete_horizon(horizon),
        None => builder,
    };
    let key = [0, 0, 0, u8::from(commit)];
    builder.append(100, Some(&key), Some(&[0, 0, 0, 0, 0, 1]), &[]).finish()
}

#[test]
fn of_each_key_the_last_record_stays() {
    let bytes = abc(BatchBuilder::new()).finish();
    let all = map(&[("a", 10), ("b", 11), ("c", 12)], 12);
    assert_eq!(offsets(&filter(&rules(&all), &bytes)), [10, 11, 12]);
    let newer = map(&[("a", 15), ("b", 11), ("c", 30)], 30);
    assert_eq!(offsets(&filter(&rules(&newer), &bytes)), [11]);
    let none = map(&[("a", 15), ("b", 16), ("c", 30)], 30);
    assert_eq!(filter(&rules(&none), &bytes), [0u8; 0]);
    let others = map(&[("x", 15)], 30);
    assert_eq!(offsets(&filter(&rules(&others), &bytes)), [10, 11, 12], "no newer one is known");
}

#[test]
fn beyond_what_the_map_has_looked_at_all_stays() {
    let bytes = abc(BatchBuilder::new()).finish();
    let map = map(&[("a", 11), ("b", 20), ("c", 20)], 10);
    assert_eq!(offsets(&filter(&rules(&map), &bytes)), [11, 12]);
}

#[test]
fn a_batch_of_which_all_stays_is_copied() {
    let mut builder = BatchBuilder::new().base_offset(5).codec(Codec::Zstd);
    builder.append(1, Some(b"a"), Some(b"1"), &[]);
    let Ok(mut bytes) = builder.try_finish() else { return assert!(!Codec::Zstd.is_built_in()) };
    let map = map(&[("a", 5)], 5);
    assert_eq!(filter(&rules(&map), &bytes), bytes);
    // Bits that we do not know survive too, though the checksum would be wrong here.
    bytes[21] = 0x40;
    let (batch, _) = Batch::parse(&bytes).unwrap();
    let (mut work, mut out) = (Work::default(), Vec::new());
    let mut walk = CleanedTransactions::default();
    rules(&map).filter(&batch, &mut walk, &mut work, &mut out).unwrap();
    assert_eq!(out, bytes);
}

#[test]
fn a_record_without_a_key_goes() {
    let mut builder = BatchBuilder::new();
    builder.append(1, None, Some(b"1"), &[]);
    let bytes = builder.append(1, Some(b"a"), Some(b"2"), &[]).finish();
    assert_eq!(offsets(&filter(&rules(&map(&[("a", 1)], 1)), &bytes)), [1]);
    assert_eq!(offsets(&filter(&rules(&map(&[], -1)), &bytes)), [0, 1], "not looked at yet");
}

#[test]
fn a_tombstone_gets_its_horizon_at_the_first_cleaning_and_goes_when_that_has_passed() {
    let map = map(&[("a", 10), ("b", 11), ("c", 12)], 12);
    let bytes = abc(BatchBuilder::new()).finish();
    let first = filter(&rules(&map), &bytes);
    assert_eq!((offsets(&first), horizon(&first)), (vec![10, 11, 12], Some(NOW + RETENTION)));
    let at = |now_ms| filter(&Rules { now_ms, ..rules(&map) }, &first);
    assert_eq!(at(NOW + RETENTION - 1), first, "copied: the horizon never moves");
    let later = at(NOW + RETENTION);
    assert_eq!(offsets(&later), [10, 11]);
    assert_eq!(horizon(&later), Some(NOW + RETENTION), "the base of the timestamps stays");
    assert_eq!(filter(&Rules { now_ms: i64::MAX, ..rules(&map) }, &later), later);
}

#[test]
fn a_tombstone_that_goes_for_a_newer_record_sets_no_horizon() {
    let map = map(&[("a", 10), ("b", 11), ("c", 30)], 30);
    let out = filter(&rules(&map), &abc(BatchBuilder::new()).finish());
    assert_eq!((offsets(&out), horizon(&out)), (vec![10, 11], None));
}

#[test]
fn endless_retention_of_tombstones_does_not_overflow() {
    let map = map(&[("c", 12)], 12);
    let rules = Rules { delete_retention_ms: i64::MAX, ..rules(&map) };
    assert_eq!(horizon(&filter(&rules, &abc(BatchBuilder::new()).finish())), Some(i64::MAX));
}

#[test]
fn the_last_batch_of_a_producer_stays_without_records() {
    let map = map(&[("a", 30), ("b", 30), ("c", 30)], 30);
    let bytes = abc(BatchBuilder::new().producer(7, 3, 50)).finish();
    let with = |last| Rules { producers: HashMap::from([(7, last)]), ..rules(&map) };
    let out = filter(&with(LastOfProducer::Data(12)), &bytes);
    let (batch, _) = Batch::parse(&out).unwrap();
    assert_eq!((batch.size(), batch.record_count(), batch.last_sequence()), (HEADER_LEN, 0, 52));
    assert_eq!((batch.base_offset(), batch.last_offset()), (10, 12));
    assert_eq!(filter(&with(LastOfProducer::Data(12)), &out), out, "again and again");
    assert_eq!(filter(&with(LastOfProducer::Data(15)), &out), [0u8; 0], "until it has a newer one");
    assert_eq!(filter(&with(LastOfProducer::Marker(3)), &out), [0u8; 0]);
    let other = Rules { producers: HashMap::from([(8, LastOfProducer::Data(12))]), ..rules(&map) };
    assert_eq!(filter(&other, &bytes), [0u8; 0]);
    let nobody =
        Rules { producers: HashMap::from([(-1, LastOfProducer::Data(12))]), ..rules(&map) };
    assert_eq!(filter(&nobody, &abc(BatchBuilder::new()).finish()), [0u8; 0], "-1 is no producer");
}

#[test]
fn the_last_batch_of_a_round_stays_without_records() {
    let map = map(&[("a", 30), ("b", 30), ("c", 30)], 30);
    let bytes = abc(BatchBuilder::new()).finish();
    let out = filter(&Rules { end_of_round: 13, ..rules(&map) }, &bytes);
    assert_eq!(Batch::parse(&out).unwrap().0.next_offset(), 13);
    assert!(contents(&out).is_empty() && out.len() == HEADER_LEN);
    assert_eq!(filter(&Rules { end_of_round: 12, ..rules(&map) }, &bytes), [0u8; 0]);
}

#[test]
fn aborted_records_go_and_their_batch_is_not_even_opened() {
    let map = map(&[], 100);
    let mut bytes = abc(BatchBuilder::new().producer(7, 3, 0).transactional(true)).finish();
    let txn =
        AbortedTxn { producer_id: 7, first_offset: 10, last_offset: 20, last_stable_offset: 21 };
    let walk = || {
        let mut walk = CleanedTransactions::default();
        walk.add_aborted([txn]);
        walk
    };
    let len = bytes.len();
    bytes[HEADER_LEN..len].fill(0xff);
    assert_eq!(filter_in(&rules(&map), &mut walk(), &bytes).1, [0u8; 0]);
    let producers = HashMap::from([(7, LastOfProducer::Data(12))]);
    let rules = Rules { producers, ..rules(&map) };
    let mut walk = walk();
    let out = filter_in(&rules, &mut walk, &bytes).1;
    assert_eq!((contents(&out).len(), out.len()), (0, HEADER_LEN));
    let (filtered, out) = filter_in(&rules, &mut walk, &marker(false, None));
    assert_eq!((filtered.index, out.as_slice()), (Some(txn), &*marker(false, None)));
}

#[test]
fn a_marker_of_nothing_gets_a_horizon_and_goes_when_that_has_passed() {
    let map = map(&[], 100);
    for commit in [true, false] {
        let first = filter(&rules(&map), &marker(commit, None));
        assert_eq!(horizon(&first), Some(NOW + RETENTION));
        let (old, new) = (marker(commit, None), marker(commit, Some(NOW + RETENTION)));
        assert_eq!(first, new, "the same marker, the same time");
        assert_ne!(first, old);
        let at = |now_ms| filter(&Rules { now_ms, ..rules(&map) }, &first);
        assert_eq!(at(NOW + RETENTION - 1), first);
        assert_eq!(at(NOW + RETENTION), [0u8; 0]);
    }
}

#[test]
fn a_marker_with_data_stays_even_beyond_its_horizon() {
    let map = map(&[], 100);
    let rules = Rules { now_ms: i64::MAX, ..rules(&map) };
    let mut walk = CleanedTransactions::default();
    let data = abc(BatchBuilder::new().producer(7, 3, 0).transactional(true)).finish();
    filter_in(&rules, &mut walk, &data);
    let bytes = marker(true, Some(5));
    assert_eq!(filter_in(&rules, &mut walk, &bytes).1, bytes);
}

#[test]
fn the_last_marker_of_a_producer_stays_without_its_record() {
    let map = map(&[], 100);
    let producers = HashMap::from([(7, LastOfProducer::Marker(3))]);
    let rules = Rules { producers, now_ms: 9, ..rules(&map) };
    let out = filter(&rules, &marker(true, Some(9)));
    let (batch, _) = Batch::parse(&out).unwrap();
    assert!(batch.attributes().is_control() && batch.record_count() == 0);
    let expected = Attributes::default().with_control(true).with_transactional(true);
    assert_eq!((batch.attributes(), batch.producer_epoch()), (expected, 3));
    assert_eq!(filter(&rules, &out), out);
    let newer = Rules { producers: HashMap::from([(7, LastOfProducer::Marker(4))]), ..rules };
    assert_eq!(filter(&newer, &out), [0u8; 0]);
}

#[test]
fn what_cannot_be_read_is_an_error_and_nothing_is_written() {
    let map = map(&[], 100);
    let mut bytes = abc(BatchBuilder::new()).finish();
    bytes[HEADER_LEN] = 0x7f;
    let (batch, _) = Batch::parse(&bytes).unwrap();
    let (mut work, mut out) = (Work::default(), Vec::new());
    let mut walk = CleanedTransactions::default();
    let read = rules(&map).filter(&batch, &mut walk, &mut work, &mut out);
    assert!(matches!(read, Err(Unreadable::Record(_))), "{read:?}");
    bytes[22] = 5;
    let (batch, _) = Batch::parse(&bytes).unwrap();
    let read = rules(&map).filter(&batch, &mut walk, &mut work, &mut out);
    assert!(matches!(read, Err(Unreadable::Compress(_))), "{read:?}");
    assert!(out.is_empty());
}
