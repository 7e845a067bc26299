//! Reading without waiting for a disk: whether all that a read would touch is in memory, and bringing
//! it there.
//!
//! A worker must not wait for a disk, for all its other connections would wait with it. So before it
//! looks a fetch up it asks whether the index, the bytes around and the range to be sent are in the
//! page cache, opened and checked. What is not, is for somebody who may wait ([`Log::warm`]): he opens
//! the segment, looks the offset up, which checks what nobody has checked yet, and reads the range in,
//! with as much behind it, for the same reader will ask for that next.
//!
//! What a log's writer has written just now needs no asking: that is where nearly all consumers are.
//! The answer is of the moment: pages may go between the question and the sending, when memory is
//! short; then a worker waits after all.

use super::Log;
use super::error::ReadError;
use super::file::PAGE;
use super::offsets::{Bound, Published};
use super::read::Read;
use super::segment::SegmentFiles;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// One who may wait for a disk.
    Patient,
    /// One who must not: what is not at hand he is told of.
    AtHand,
}

impl Log {
    /// [`Log::read`], if all that it needs is at hand, else a read that says that it is cold.
    ///
    /// # Errors
    /// See [`Log::read`].
    pub fn read_at_hand(
        &self,
        offset: i64,
        max_bytes: u32,
        at_least_one: bool,
        bound: Bound,
    ) -> Result<Read, ReadError> {
        self.read_as(Access::AtHand, offset, max_bytes, at_least_one, bound)
    }

    /// Brings into memory what such a read needs, and as much behind it. Waits for the disk.
    ///
    /// # Errors
    /// See [`Log::read`].
    pub fn warm(
        &self,
        offset: i64,
        max_bytes: u32,
        at_least_one: bool,
        bound: Bound,
    ) -> Result<(), ReadError> {
        let read = self.read(offset, max_bytes, at_least_one, bound)?;
        let Some((range, segment)) = read.range.zip(self.segment_of(read.base_offset)) else {
            return Ok(());
        };
        let files = self.files_of(&segment.0)?;
        let end = range.start + u64::from(range.len);
        let ahead = end + u64::from(max_bytes);
        let brought = files.index.bring_in(0, files.index.len());
        brought.map_err(|error| files.failed("index", error))?;
        files.log.bring_in(range.start, ahead).map_err(|error| files.failed("log", error))?;
        Ok(())
    }

    /// Whether a read would meet what is not at hand. Opens nothing.
    pub(super) fn is_cold(
        &self,
        offset: i64,
        max_bytes: u32,
        published: &Published,
        bound: Bound,
    ) -> Result<bool, ReadError> {
        let bound = published.bound(bound);
        let milestone = self.durability.milestone();
        if offset >= bound.offset || milestone.is_some_and(|milestone| offset >= milestone) {
            return Ok(false);
        }
        let Some((segment, next)) = self.segment_of(offset) else { return Ok(false) };
        // Little was written yet, all of it by this process.
        let is_new = milestone.is_none() && segment.base == published.log_end.segment;
        if is_new && segment.is_own() {
            return Ok(false);
        }
        let Some(files) = segment.opened() else { return Ok(true) };
        let end = self.visible(&segment, next, bound)?;
        Ok(!files.is_at_hand(offset, u64::from(max_bytes), end))
    }
}

impl SegmentFiles {
    /// Whether looking `offset` up and reading `max_bytes` from there on, up to `end`, touches only
    /// what is in memory and was checked.
    pub(super) fn is_at_hand(&self, offset: i64, max_bytes: u64, end: u64) -> bool {
        // Each fetch looks into it, so the kernel gives up its pages last.
        if !self.index_seen.is_so(|| self.index.is_resident(0, self.index.len())) {
            return false;
        }
        let Ok(entries) = self.entries() else { return true };
        let floor = entries.floor_by_offset(self.relative(offset));
        let from = floor.map_or(0, |(_, entry)| u64::from(entry.position)).min(end);
        let to = from.saturating_add(max_bytes).saturating_add(PAGE).min(end);
        self.verified.covered_end(from) >= to && self.log.is_resident(from, to)
    }
}
