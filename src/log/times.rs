//! Looking records up by their timestamps (UnifiedLog.fetchOffsetByTimestamp, LogSegment
//! findOffsetByTimestamp).
//!
//! Segments whose largest timestamp is too small are passed over, then batches by their headers,
//! and only one batch is opened. Until there is a `.timeindex`, the largest timestamp of a segment
//! that was there when the log was opened is found by walking its headers once, which may have to
//! wait for a disk.

use super::Log;
use super::error::ReadError;
use super::offsets::Bound;
use super::scan::Found;
use super::segment::SegmentFiles;
use crate::wire::records::{Batch, NO_TIMESTAMP, TimestampType};

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
        let published = self.marks.get();
        let bound = published.bound(bound);
        let dir = self.dir();
        for segment in self.segments() {
            let end = match segment.base == bound.segment {
                true => bound.byte,
                false => segment.size(),
            };
            if segment.base > bound.segment {
                break;
            }
            if segment.max_timestamp(&dir)? < timestamp {
                continue;
            }
            let files = segment.files(&dir)?;
            let from = files.locate(published.log_start, end)?.map_or(end, |first| first.position);
            let late = |found: &Found| found.header.max_timestamp >= timestamp;
            for batch in files.headers(from, end)?.filter(late) {
                let wanted =
                    |at: i64, offset: i64| at >= timestamp && offset >= published.log_start;
                if let Some(record) = first_record(&files, &batch, wanted) {
                    return Ok(Some(record).filter(|record| record.offset < bound.offset));
                }
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp, the first one if there are several; `None` if no
    /// record has a timestamp.
    pub fn max_timestamp(&self) -> Result<Option<TimestampedOffset>, ReadError> {
        let dir = self.dir();
        let published = self.marks.get();
        let mut best: Option<(i64, _)> = None;
        for segment in self.segments() {
            let max = segment.max_timestamp(&dir)?;
            if max > best.as_ref().map_or(NO_TIMESTAMP, |&(best, _)| best) {
                best = Some((max, segment));
            }
        }
        let Some((max, segment)) = best else { return Ok(None) };
        let files = segment.files(&dir)?;
        let end = segment.size();
        let from = files.locate(published.log_start, end)?.map_or(end, |first| first.position);
        let holds = |found: &Found| found.header.max_timestamp == max;
        let record = files.headers(from, end)?.filter(holds).find_map(|batch| {
            // Compaction may have removed the record that gave the batch its timestamp.
            first_record(&files, &batch, |at, _| at == max)
        });
        Ok(record)
    }
}

/// The first record of a batch that is wanted, by timestamp and offset.
fn first_record(
    files: &SegmentFiles,
    found: &Found,
    wanted: impl Fn(i64, i64) -> bool,
) -> Option<TimestampedOffset> {
    let header = &found.header;
    let leader_epoch = Some(header.partition_leader_epoch).filter(|&epoch| epoch >= 0);
    let record = |timestamp, offset| TimestampedOffset { timestamp, offset, leader_epoch };
    let bytes = files.log.slice(found.position, header.size() as u64).ok()?;
    let (batch, _) = Batch::parse(bytes).ok()?;
    let append_time = match header.attributes.timestamp_type() {
        TimestampType::LogAppendTime => Some(header.max_timestamp),
        TimestampType::CreateTime => None,
    };
    let mut opened = Vec::new();
    let records = batch.records(&mut opened, OPENED_LIMIT).ok()?;
    for next in records {
        let next = next.ok()?;
        let own = header.base_timestamp.wrapping_add(next.timestamp_delta);
        let timestamp = append_time.unwrap_or(own);
        let offset = header.base_offset + i64::from(next.offset_delta);
        if wanted(timestamp, offset) {
            return Some(record(timestamp, offset));
        }
    }
    None
}
