//! Reading: whole batches of one segment, as a range of its file (LocalLog.read, LogSegment.read).
//!
//! A reader never takes the writer lock, copies no records and sees nothing beyond its bound.

use super::Log;
use super::at_hand::Access;
use super::error::{ReadError, StorageError};
use super::offsets::{Bound, Offsets, Position, Published};
use super::scan::Found;
use super::segment::{Segment, SegmentFiles};
use super::txn_index::AbortedTxn;
use crate::net::{FileRange, Region};
use std::cmp::Ordering;
use std::sync::{Arc, PoisonError};

/// What a read found.
#[derive(Clone, Debug)]
pub struct Read {
    /// The batches; the first one holds the offset that was asked for, or is the first one after
    /// it. `None` if there is nothing to read up to the bound, or it does not fit.
    pub range: Option<FileRange>,
    /// The offset of the first batch in the range; the offset asked for if there is none.
    pub base_offset: i64,
    /// The offsets, as of the moment of the read.
    pub offsets: Offsets,
    /// Transactions that were aborted and may have records in the range. Only a read_committed
    /// reader is told of them.
    pub aborted: Vec<AbortedTxn>,
    /// Bytes that this read could have given, had it been asked for more: those of its segment.
    pub size_available: u64,
    /// There is something, but not at hand ([`Log::read_at_hand`]).
    pub is_cold: bool,
}

impl Read {
    fn nothing(offset: i64, published: &Published) -> Read {
        Read {
            range: None,
            base_offset: offset,
            offsets: published.offsets(),
            aborted: Vec::new(),
            size_available: 0,
            is_cold: false,
        }
    }

    /// Bytes in the range.
    pub fn len(&self) -> u32 {
        self.range.as_ref().map_or(0, |range| range.len)
    }

    /// There is nothing in the range.
    pub fn is_empty(&self) -> bool {
        self.range.is_none()
    }
}

/// The first batch of a read, and where it may end.
pub(super) struct Start {
    pub(super) segment: Arc<Segment>,
    pub(super) files: Arc<SegmentFiles>,
    pub(super) first: Found,
    /// The end of what the bound allows in this segment.
    pub(super) end: u64,
}

impl Log {
    /// Reads whole batches from the one that holds `offset` on, at most `max_bytes` of them, all
    /// from one segment; with `at_least_one` the first one even if it is larger.
    ///
    /// Out of range is an offset below the log start or beyond the log end. Between the bound and
    /// the log end there is nothing to read.
    pub fn read(
        &self,
        offset: i64,
        max_bytes: u32,
        at_least_one: bool,
        bound: Bound,
    ) -> Result<Read, ReadError> {
        self.read_as(Access::Patient, offset, max_bytes, at_least_one, bound)
    }

    /// The same, without waiting for a disk if that is asked.
    pub(super) fn read_as(
        &self,
        access: Access,
        offset: i64,
        max_bytes: u32,
        at_least_one: bool,
        bound: Bound,
    ) -> Result<Read, ReadError> {
        loop {
            let before = self.marks.retractions();
            let read = self.try_read(access, offset, max_bytes, at_least_one, bound);
            // What was deleted meanwhile is not broken but out of range.
            let read = read.or_else(|error| self.in_range(offset).and(Err(error)));
            // A log that was truncated meanwhile is read again: the bound was one of the longer log.
            if self.marks.retractions() != before {
                continue;
            }
            if let Some(read) = read? {
                return Ok(read);
            }
        }
    }

    /// The same; `None` if compaction came between the records and the aborted transactions.
    fn try_read(
        &self,
        access: Access,
        offset: i64,
        max_bytes: u32,
        at_least_one: bool,
        bound: Bound,
    ) -> Result<Option<Read>, ReadError> {
        let published = self.in_range(offset)?;
        if access == Access::AtHand
            && self.is_cold(offset, max_bytes, at_least_one, &published, bound)?
        {
            return Ok(Some(Read { is_cold: true, ..Read::nothing(offset, &published) }));
        }
        let Some(start) = self.start_at(offset, published.bound(bound))? else {
            return Ok(Some(Read::nothing(offset, &published)));
        };
        let Start { segment, files, first, end } = start;
        let fitting = files.cut(&first, u64::from(max_bytes), end)?;
        let to = if at_least_one { fitting.max(first.end()) } else { fitting };
        debug_assert!(to <= end, "cut at {to}, beyond the bound at {end}");
        if access == Access::AtHand && to > fitting && !files.log.is_resident(fitting, to) {
            return Ok(Some(Read { is_cold: true, ..Read::nothing(offset, &published) }));
        }
        let mut read = Read::nothing(offset, &published);
        read.size_available = end - first.position;
        if to > first.position {
            read.base_offset = first.header.base_offset;
            let len = u32::try_from(to - first.position).unwrap_or(u32::MAX);
            let region: Arc<dyn Region> = files.log.clone();
            read.range = Some(FileRange { region, start: first.position, len });
            if bound == Bound::LastStable {
                let aborted = self.aborted(offset, &segment, &files, to);
                read.aborted = aborted.or_else(|error| self.in_range(offset).and(Err(error)))?;
                if segment.is_replaced() {
                    return Ok(None);
                }
            }
        }
        Ok(Some(read))
    }

    /// The aborted transactions that may have records from `offset` on, up to byte `to` of the
    /// segment (LocalLog.addAbortedTransactions). Costs next to nothing where none are.
    pub(super) fn aborted(
        &self,
        offset: i64,
        segment: &Segment,
        files: &SegmentFiles,
        to: u64,
    ) -> Result<Vec<AbortedTxn>, ReadError> {
        let (with_aborted, next) = self.with_aborted_from(segment.base);
        let mut found = Vec::new();
        if with_aborted.is_empty() {
            return Ok(found);
        }
        let in_segment = files.upper_bound(to, files.size())?;
        let upper = in_segment.or(next).unwrap_or_else(|| self.marks.get().log_end.offset);
        for segment in with_aborted {
            let range = (offset, upper);
            if self.home.with(|dir| segment.collect_aborted(dir, range, &mut found))? {
                break;
            }
        }
        Ok(found)
    }

    /// The segments from the one at `base` on that have aborted transactions, and where the one
    /// after it begins.
    fn with_aborted_from(&self, base: i64) -> (Vec<Arc<Segment>>, Option<i64>) {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let after = segments.partition_point(|segment| segment.base <= base);
        let from = segments.get(after.saturating_sub(1)..).unwrap_or_default();
        let with_aborted = from.iter().filter(|segment| segment.has_aborted()).cloned().collect();
        (with_aborted, segments.get(after).map(|next| next.base))
    }

    /// How many bytes there are from the batch that holds `offset` up to the bound, counted up to
    /// `max`; `None` if the offset is out of range or cannot be looked up. Cheap: for the
    /// `min_bytes` of waiting fetches.
    pub fn bytes_from(&self, offset: i64, bound: Bound, max: u64) -> Option<u64> {
        let published = self.in_range(offset).ok()?;
        let bound = published.bound(bound);
        let Some(start) = self.start_at(offset, bound).ok()? else { return Some(0) };
        let mut bytes = start.end - start.first.position;
        if start.segment.base != bound.segment && bytes < max {
            let segments = self.segments();
            let after = segments.partition_point(|segment| segment.base <= start.segment.base);
            for (at, segment) in segments.iter().enumerate().skip(after) {
                let next = segments.get(at + 1).map(|next| next.base);
                bytes += self.visible(segment, next, bound).ok()?;
            }
        }
        Some(bytes.min(max))
    }

    pub(super) fn in_range(&self, offset: i64) -> Result<Published, ReadError> {
        let published = self.marks.get();
        let (log_start, log_end) = (published.log_start, published.log_end.offset);
        match offset < log_start || offset > log_end {
            true => Err(ReadError::OutOfRange { offset, log_start, log_end }),
            false => Ok(published),
        }
    }

    /// Finds the batch that holds `offset`, or the first one after it, below `bound`.
    pub(super) fn start_at(
        &self,
        offset: i64,
        bound: Position,
    ) -> Result<Option<Start>, ReadError> {
        let mut at = offset;
        while at < bound.offset {
            let Some((segment, next)) = self.segment_of(at) else { break };
            let end = self.visible(&segment, next, bound)?;
            let files = self.files_of(&segment)?;
            if let Some(first) = files.locate(at, end)? {
                return Ok(Some(Start { segment, files, first, end }));
            }
            // Nothing from here to the end of the segment: compaction leaves such gaps.
            let Some(next) = next else { break };
            at = next;
        }
        Ok(None)
    }

    /// Bytes of a segment that lie below a bound; `next` is where the segment behind it begins.
    pub(super) fn visible(
        &self,
        segment: &Segment,
        next: Option<i64>,
        bound: Position,
    ) -> Result<u64, StorageError> {
        let size = segment.size();
        if !segment.is_compacted() {
            return Ok(match segment.base.cmp(&bound.segment) {
                Ordering::Less => size,
                Ordering::Equal => bound.byte,
                Ordering::Greater => 0,
            });
        }
        // The bound may be from before it was compacted, and name a byte of the segment that was here
        // then. The offset says the same of both. Within it no bound lies as a rule, for only what is
        // stable is compacted; but a truncation may have taken the end of a transaction.
        if next.is_some_and(|next| next <= bound.offset) {
            return Ok(size);
        }
        let found = self.files_of(segment)?.locate(bound.offset, size)?;
        Ok(found.map_or(size, |found| found.position))
    }
}
