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
use super::read::{Read, Start};
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

    /// Has the kernel begin to read what [`Log::warm`] would bring in. Waits for nothing but the opening of files.
    ///
    /// # Errors
    /// Of the files.
    pub fn begin_to_warm(&self, offset: i64, max_bytes: u32) -> Result<(), ReadError> {
        if let Some((segment, _)) = self.segment_of(offset) {
            let files = self.files_of(&segment)?;
            let (from, to) = files.about(offset, u64::from(max_bytes))?;
            files.log.begin_to_read(from, to).map_err(|error| files.failed("log", error))?;
        }
        Ok(())
    }

    /// Brings into memory what such a read needs, checked, and has the kernel begin to read `ahead` bytes behind it. Waits for
    /// the disk, but not for those. Says which offset is the first that was not brought in; `None` where there is nothing up
    /// to the bound.
    ///
    /// All of it is about the files of one segment, as they were found: the segment may be another one by now, or gone.
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
        let published = self.in_range(offset)?;
        self.begin_to_warm(offset, max_bytes)?;
        let Some(start) = self.start_at(offset, published.bound(bound))? else { return Ok(None) };
        let Start { segment, files, first, end } = start;
        let failed = |error| files.failed("log", error);
        files.index.bring_in(0, files.index.len()).map_err(|error| files.failed("index", error))?;
        // As much as a fetch asks for before it looks: see `SegmentFiles::is_at_hand`.
        let (from, _) = files.about(first.header.base_offset, 0)?;
        let limit = first.position.saturating_add(u64::from(max_bytes));
        let to = limit.max(if at_least_one { first.end() } else { 0 });
        let to = to.saturating_add(PAGE).min(end);
        // By calls first: a page that cannot be read must not spoil the mapping for those who do not ask for it.
        files.log.bring_in(from.min(first.position), to).map_err(failed)?;
        files.log.begin_to_read(to, to.saturating_add(ahead)).map_err(failed)?;
        let next = files.check(&first, to, end)?;
        if bound == Bound::LastStable {
            self.aborted(offset, &segment, &files, to)?;
        }
        Ok(Some(next))
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
    /// From where to where it is worth reading for so many bytes from that offset on, as the index has it: which batches
    /// there are in between it does not tell.
    fn about(&self, offset: i64, bytes: u64) -> Result<(u64, u64), StorageError> {
        let entries = self.entries()?;
        let floor = entries.floor_by_offset(self.relative(offset));
        let behind = entries.get(floor.map_or(0, |(number, _)| number + 1));
        let from = floor.map_or(0, |(_, entry)| u64::from(entry.position));
        let begins = behind.map_or(from, |(_, entry)| u64::from(entry.position).max(from));
        Ok((from, begins.saturating_add(bytes).saturating_add(PAGE)))
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
