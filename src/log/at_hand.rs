//! Reading without waiting for a disk: whether all that a read would touch is in memory, and bringing
//! it there.
//!
//! A worker must not wait for a disk, for all its other connections would wait with it. So before it
//! looks a fetch up it asks whether the index, the bytes around and the range to be sent are in the
//! page cache, opened and checked. What is not, is for somebody who may wait ([`Log::warm`]): he opens
//! the segment, looks the offset up, which checks what nobody has checked yet, and reads the range in.
//! The kernel begins to read what is behind it meanwhile, for the same reader will ask for that next.
//!
//! What a log's writer has written just now needs no asking: that is where nearly all consumers are.
//! The answer is of the moment: pages may go between the question and the sending, when memory is
//! short; then a worker waits after all.

use super::Log;
use super::error::{ReadError, StorageError};
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

    /// Brings into memory what such a read needs, and has the kernel begin to read `ahead` bytes behind it. Waits
    /// for the disk, but not for those. Says at which offset a reader goes on for whom this is not enough, `None` where
    /// there was nothing.
    ///
    /// # Errors
    /// See [`Log::read`].
    pub fn warm(
        &self,
        offset: i64,
        max_bytes: u32,
        at_least_one: bool,
        bound: Bound,
        ahead: u64,
    ) -> Result<Option<i64>, ReadError> {
        if let Some((segment, _)) = self.segment_of(offset) {
            let files = self.files_of(&segment)?;
            files.begin_to_read(offset, u64::from(max_bytes) + ahead)?;
        }
        let read = self.read(offset, max_bytes, at_least_one, bound)?;
        let Some((range, (segment, next))) = read.range.zip(self.segment_of(read.base_offset))
        else {
            return Ok(None);
        };
        let files = self.files_of(&segment)?;
        let bound = self.marks.get().bound(bound);
        let end = self.visible(&segment, next, bound)?;
        // What a fetch asks for before it looks: see `SegmentFiles::is_at_hand`.
        let wanted = u64::from(range.len).max(u64::from(max_bytes));
        let to = range.start.saturating_add(wanted).saturating_add(PAGE).min(end);
        let (behind, offset) = files.check(range.start, read.base_offset, to, end)?;
        let brought = files.index.bring_in(0, files.index.len());
        brought.map_err(|error| files.failed("index", error))?;
        let brought = files.log.bring_in(range.start, behind);
        brought.map_err(|error| files.failed("log", error))?;
        Ok(Some(offset))
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
    /// Has the kernel begin to read so many bytes from where the batch with that offset may begin.
    fn begin_to_read(&self, offset: i64, bytes: u64) -> Result<(), StorageError> {
        let floor = self.entries()?.floor_by_offset(self.relative(offset));
        let from = floor.map_or(0, |(_, entry)| u64::from(entry.position));
        let begun = self.log.begin_to_read(from, from.saturating_add(bytes));
        begun.map_err(|error| self.failed("log", error))
    }

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
