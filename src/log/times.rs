//! Looking records up by their timestamps (UnifiedLog.fetchOffsetByTimestamp, LogSegment
//! findOffsetByTimestamp).
//!
//! Segments whose largest timestamp is too small are passed over, then batches by the time index,
//! those that are left by their headers, and only one batch is opened.

use super::Log;
use super::error::{ReadError, StorageError};
use super::offsets::Bound;
use super::scan::Found;
use super::segment::SegmentFiles;
use super::time_index::Largest;
use crate::wire::records::{Batch, NO_TIMESTAMP, TimestampType};
use std::cmp::Reverse;

/// The most bytes that the records of one batch may have when they are opened here.
const OPENED_LIMIT: usize = 512 << 20;

/// A record, as far as ListOffsets tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampedOffset {
    /// The record's timestamp.
    pub timestamp: i64,
    /// Its offset.
    pub offset: i64,
    /// The leader epoch of its batch.
    pub leader_epoch: Option<i32>,
}

impl Log {
    /// The first record, by offset, whose timestamp is at least `timestamp`, below the bound.
    pub fn offset_for_timestamp(
        &self,
        timestamp: i64,
        bound: Bound,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        self.of_what_is_there(|| self.first_since(timestamp, bound))
    }

    /// The record with the largest timestamp, the first one if there are several; `None` if no
    /// record has a timestamp.
    pub fn max_timestamp(&self) -> Result<Option<TimestampedOffset>, ReadError> {
        self.of_what_is_there(|| self.latest())
    }

    /// Asks once more where the answer is about what went meanwhile: a truncation makes bounds wrong, and
    /// files of segments that retention takes away are missing at some moment.
    fn of_what_is_there<T>(&self, ask: impl Fn() -> Result<T, ReadError>) -> Result<T, ReadError> {
        loop {
            let (retractions, first) = (self.marks.retractions(), self.first_segment());
            let answer = ask();
            let is_there = answer.is_ok() || self.first_segment() == first;
            if is_there && self.marks.retractions() == retractions {
                return answer;
            }
        }
    }

    fn first_since(
        &self,
        timestamp: i64,
        bound: Bound,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        let published = self.marks.get();
        let bound = published.bound(bound);
        let dir = self.dir();
        let segments = self.segments();
        for (at, segment) in segments.iter().enumerate() {
            if segment.base > bound.segment {
                break;
            }
            if segment.max_timestamp(&dir)? < timestamp {
                continue;
            }
            let end = self.visible(segment, segments.get(at + 1).map(|next| next.base), bound)?;
            let files = self.files_of(segment)?;
            let from = files.locate_by_time(timestamp, published.log_start, end)?;
            let from = from.map_or(end, |first| first.position);
            let late = |found: &Found| found.header.max_timestamp >= timestamp;
            let wanted = |at: i64, offset: i64| at >= timestamp && offset >= published.log_start;
            for batch in files.batches(from, end)? {
                let Some(batch) = Some(batch?).filter(late) else { continue };
                if let Some(record) = first_record(&files, &batch, wanted)? {
                    return Ok(Some(record).filter(|record| record.offset < bound.offset));
                }
            }
        }
        Ok(None)
    }

    fn latest(&self) -> Result<Option<TimestampedOffset>, ReadError> {
        let dir = self.dir();
        let log_start = self.marks.get().log_start;
        let mut segments = Vec::new();
        for segment in self.segments() {
            segments.push((segment.largest(&dir)?, segment));
        }
        segments.sort_by_key(|(largest, segment)| (Reverse(largest.timestamp), segment.base));
        let mut best: Option<TimestampedOffset> = None;
        for (largest, segment) in segments {
            if largest.timestamp <= timestamp_of(best) {
                break;
            }
            let files = self.files_of(&segment)?;
            let end = files.size();
            if let Some(found) = at_largest(&files, largest, end, log_start)? {
                return Ok(Some(found));
            }
            let from = files.locate(log_start, end)?.map_or(end, |first| first.position);
            best = max_in(&files, (from, end), log_start, best)?;
        }
        Ok(best)
    }
}

fn timestamp_of(best: Option<TimestampedOffset>) -> i64 {
    best.map_or(NO_TIMESTAMP, |best| best.timestamp)
}

/// The first record with the largest timestamp of a segment, if it is where the segment's books say:
/// it need not be in the log any more, after a compaction or below the log start.
fn at_largest(
    files: &SegmentFiles,
    largest: Largest,
    end: u64,
    log_start: i64,
) -> Result<Option<TimestampedOffset>, ReadError> {
    if largest.offset < log_start {
        return Ok(None);
    }
    let batch = files.locate(largest.offset, end)?;
    let batch = batch.filter(|batch| batch.header.max_timestamp == largest.timestamp);
    let Some(batch) = batch else { return Ok(None) };
    let wanted = |at, offset| at == largest.timestamp && offset >= log_start;
    Ok(first_record(files, &batch, wanted)?)
}

/// The record with the largest timestamp in a range of a segment, if that beats `best`. One batch
/// is opened, more only where the record that gave a batch its timestamp is no longer there.
fn max_in(
    files: &SegmentFiles,
    (from, end): (u64, u64),
    log_start: i64,
    mut best: Option<TimestampedOffset>,
) -> Result<Option<TimestampedOffset>, ReadError> {
    // The largest timestamp first, of those the earliest batch.
    let order = |found: &Found| (Reverse(found.header.max_timestamp), found.position);
    let mut tried = None;
    loop {
        let mut next: Option<Found> = None;
        for found in files.batches(from, end)? {
            let found = found?;
            if found.header.max_timestamp > timestamp_of(best)
                && tried.is_none_or(|tried| order(&found) > tried)
                && next.is_none_or(|next| order(&found) < order(&next))
            {
                next = Some(found);
            }
        }
        let Some(batch) = next else { return Ok(best) };
        let mut max = best;
        let in_log = |timestamp: i64, offset: i64| timestamp > NO_TIMESTAMP && offset >= log_start;
        each_record(files, &batch, |record| {
            if in_log(record.timestamp, record.offset) && record.timestamp > timestamp_of(max) {
                max = Some(record);
            }
            false
        })?;
        best = max;
        tried = Some(order(&batch));
    }
}

/// The first record of a batch that is wanted, by timestamp and offset.
fn first_record(
    files: &SegmentFiles,
    found: &Found,
    wanted: impl Fn(i64, i64) -> bool,
) -> Result<Option<TimestampedOffset>, StorageError> {
    let mut first = None;
    each_record(files, found, |record| {
        first = Some(record).filter(|record| wanted(record.timestamp, record.offset));
        first.is_some()
    })?;
    Ok(first)
}

/// Shows the records of a batch one by one until `done`. A batch that cannot be opened has none.
fn each_record(
    files: &SegmentFiles,
    found: &Found,
    mut done: impl FnMut(TimestampedOffset) -> bool,
) -> Result<(), StorageError> {
    let header = &found.header;
    let leader_epoch = Some(header.partition_leader_epoch).filter(|&epoch| epoch >= 0);
    let bytes = files.log.slice(found.position, header.size() as u64);
    let batch = bytes.ok().and_then(|bytes| Batch::parse(bytes).ok());
    let Some(batch) = batch else { return files.intact() };
    let append_time = match header.attributes.timestamp_type() {
        TimestampType::LogAppendTime => Some(header.max_timestamp),
        TimestampType::CreateTime => None,
    };
    let mut opened = Vec::new();
    let Ok(records) = batch.0.records(&mut opened, OPENED_LIMIT) else { return files.intact() };
    for record in records.map_while(Result::ok) {
        let own = header.base_timestamp.wrapping_add(record.timestamp_delta);
        let timestamp = append_time.unwrap_or(own);
        let offset = header.base_offset.wrapping_add(i64::from(record.offset_delta));
        if done(TimestampedOffset { timestamp, offset, leader_epoch }) {
            break;
        }
    }
    files.intact()
}
