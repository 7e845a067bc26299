//! What the tests of compaction share: cleaning with usual limits, and records laid flat.
#![allow(dead_code)] // Each test file is a crate of its own and uses what it needs.
#![allow(clippy::unwrap_used)] // Only tests call this.

use crate::log_support::{header, read_all, split};
use barnabas::log::{Bound, CleanError, Cleaned, CleanerLimits, Log, Read};
use barnabas::wire::records::{Batch, TimestampType};
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

pub const LIMITS: CleanerLimits = CleanerLimits { map_memory: 1 << 20, load_factor: 0.9 };

/// A pace that never waits and never stops.
pub fn on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Cleans all that can be cleaned.
pub fn clean(log: &Log, checkpoint: Option<i64>, now_ms: i64) -> Result<Cleaned, CleanError> {
    log.clean(&log.cleanable(checkpoint, now_ms).unwrap(), LIMITS, now_ms, &mut on)
}

/// A record with all that it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flat {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<u8>,
    pub producer_id: i64,
    pub control: bool,
}

/// The records of a batch.
pub fn flat(bytes: &[u8]) -> Vec<Flat> {
    let (batch, _) = Batch::parse(bytes).unwrap();
    let mut opened = Vec::new();
    let records = batch.records(&mut opened, 1 << 24).unwrap();
    let flat = records.map(|record| {
        let record = record.unwrap();
        let timestamp = match batch.attributes().timestamp_type() {
            TimestampType::CreateTime => batch.base_timestamp() + record.timestamp_delta,
            TimestampType::LogAppendTime => batch.max_timestamp(),
        };
        Flat {
            offset: batch.base_offset() + i64::from(record.offset_delta),
            timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.as_bytes().to_vec(),
            producer_id: batch.producer_id(),
            control: batch.attributes().is_control(),
        }
    });
    flat.collect()
}

/// All records of the log.
pub fn records(log: &Log) -> Vec<Flat> {
    let start = log.offsets().log_start;
    read_all(log, start, Bound::LogEnd).iter().flat_map(|batch| flat(batch)).collect()
}

/// What a reader knows at the end: the value of each key that has one.
pub fn state(records: &[Flat]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut state = BTreeMap::new();
    for record in records.iter().filter(|record| !record.control) {
        let Some(key) = record.key.clone() else { continue };
        match record.value.clone() {
            Some(value) => drop(state.insert(key, value)),
            None => drop(state.remove(&key)),
        }
    }
    state
}

/// Panics if a key has two records below `offset`.
pub fn unique_below(log: &Log, offset: i64) {
    let mut seen = HashSet::new();
    for record in records(log).into_iter().filter(|record| !record.control) {
        if record.offset < offset {
            assert!(seen.insert(record.key.clone()), "two of {:?} below {offset}", record.key);
        }
    }
}

/// Adds the records of a fetch that a read_committed consumer shows to its user; where it goes on,
/// `None` if there was nothing.
pub fn without_aborted(read: &Read, seen: &mut Vec<Flat>) -> Option<i64> {
    let range = read.range.as_ref()?;
    let mut upcoming = read.aborted.clone();
    upcoming.sort_by_key(|txn| txn.first_offset);
    let mut upcoming = upcoming.into_iter().peekable();
    let mut aborted = HashSet::new();
    let mut next = None;
    for batch in split(range.bytes().unwrap()) {
        let header = header(&batch);
        next = Some(header.next_offset());
        while let Some(txn) = upcoming.next_if(|txn| txn.first_offset <= header.last_offset()) {
            aborted.insert(txn.producer_id);
        }
        let records = flat(&batch);
        if header.attributes.is_control() {
            let is_abort = records.first().is_some_and(|r| r.key.as_deref() == Some(&[0; 4]));
            if is_abort {
                aborted.remove(&header.producer_id);
            }
        } else if !header.attributes.is_transactional() || !aborted.contains(&header.producer_id) {
            seen.extend(records);
        }
    }
    next
}
