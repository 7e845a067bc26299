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
//! Who reads on is asked for once in a few fetches, for what is behind is asked about, too, where nothing of the segment
//! was read from the disk of late (`file::lately`).
//! The answer is of the moment: pages may go between the question and the sending, when memory is
//! short; then a worker waits after all.

use super::Log;
use super::error::{ReadError, StorageError};
use super::file::{Lately, PAGE, Stretch};
use super::index::IndexEntry;
use super::offsets::{Bound, Published};
use super::read::{Read, Start};
use super::segment::SegmentFiles;
use std::ops::Range;
use std::time::Instant;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// One who may wait for a disk.
    Patient,
    /// One who must not: what is not at hand he is told of.
    AtHand,
}

/// What of a segment was found in memory last, and when.
#[derive(Debug, Default)]
pub(super) struct AtHand {
    index: Lately,
    log: Stretch,
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
            let (from, to) = files.asked(offset, u64::from(max_bytes), false)?;
            files.begin_to_read(from, to)?;
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
        files.index.bring_in(0, files.index.len()).map_err(|error| files.failed("index", error))?;
        // At least what a fetch asks for before it looks.
        let (from, asked) = files.asked(offset, u64::from(max_bytes), at_least_one)?;
        let limit = first.position.saturating_add(u64::from(max_bytes));
        let limit = limit.max(if at_least_one { first.end() } else { 0 });
        let to = limit.saturating_add(PAGE).max(asked).min(end);
        let from = from.min(first.position);
        files.begin_to_read(from, to)?;
        // By calls first: a page that cannot be read must not spoil the mapping for those who do not ask for it.
        files.log.bring_in(from, to).map_err(|error| files.failed("log", error))?;
        files.begin_to_read(to, to.saturating_add(ahead))?;
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
        at_least_one: bool,
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
        Ok(!files.is_at_hand(offset, u64::from(max_bytes), at_least_one, end))
    }
}

impl SegmentFiles {
    /// Has the kernel begin to read these records, and notes that they are on their way, unless all are there.
    fn begin_to_read(&self, from: u64, to: u64) -> Result<(), StorageError> {
        if self.log.is_resident(from, to.min(self.log.len())) {
            return Ok(());
        }
        self.seen.log.is_read_at(Instant::now());
        self.log.begin_to_read(from, to).map_err(|error| self.failed("log", error))
    }

    /// From where to where looking `offset` up and reading `bytes` from there on touches the segment, as the index has it: up
    /// to where its batch begins at the latest, which is where the next entry is; and with all of that batch, which ends
    /// before the entry behind that one.
    fn asked(&self, offset: i64, bytes: u64, whole: bool) -> Result<(u64, u64), StorageError> {
        let entries = self.entries()?;
        let floor = entries.floor_by_offset(self.relative(offset));
        let place = |(_, entry): (usize, IndexEntry)| u64::from(entry.position);
        let (from, next) = floor.map_or((0, 0), |floor| (place(floor), floor.0 + 1));
        let Some(begins) = entries.get(next).map(place) else {
            return Ok((from, from.saturating_add(bytes).saturating_add(PAGE)));
        };
        let to = begins.max(from).saturating_add(bytes).saturating_add(PAGE);
        let ends = || entries.get(next + 1).map_or(u64::MAX, place);
        Ok((from, if whole { to.max(ends()) } else { to }))
    }

    /// Whether looking `offset` up and reading `max_bytes` from there on, up to `end`, touches only what is in memory and
    /// was checked; with `whole` the first batch, even if it is larger.
    pub(super) fn is_at_hand(&self, offset: i64, max_bytes: u64, whole: bool, end: u64) -> bool {
        // Each fetch looks into it, so the kernel gives up its pages last.
        let now = Instant::now();
        if !self.seen.index.is_so_at(now, || self.index.is_resident(0, self.index.len())) {
            return false;
        }
        let Ok((from, to)) = self.asked(offset, max_bytes, whole) else { return true };
        let (from, to) = (from.min(end), to.min(end));
        let is_there = |bytes: Range<u64>| self.log.is_resident(bytes.start, bytes.end);
        self.verified.covered_end(from) >= to
            && self.seen.log.is_there_at(now, from..to, end, is_there)
    }
}

#[cfg(test)]
#[path = "at_hand_tests.rs"]
mod tests;
