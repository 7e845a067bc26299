//! Finding batches in a segment: by offset, and by how much fits.
//!
//! Every answer is a batch boundary of the `.log`, whatever the index says. Bytes and index entries
//! that were found when the segment was opened are checked when they are first used, see
//! [`super::verified`]; from then on, and for what this process has appended itself, a look-up is a
//! search in the index and a walk over a few headers.

use super::error::StorageError;
use super::index::{Entries, IndexEntry};
use super::scan::{Found, Headers};
use super::segment::SegmentFiles;
use super::time_index;
use super::verified::Corrupt;
use super::walk::{Anchor, Walk};

impl SegmentFiles {
    /// The headers of the batches in bytes `from..to` of the `.log`.
    pub(crate) fn headers(&self, from: u64, to: u64) -> Result<Headers<'_>, StorageError> {
        let bytes = self.log.slice(from, to.saturating_sub(from));
        Ok(Headers::new(bytes.map_err(|error| self.failed("log", error))?, from))
    }

    /// The entries of the index.
    pub(crate) fn entries(&self) -> Result<Entries<'_>, StorageError> {
        Entries::of(&self.index).map_err(|error| self.failed("index", error))
    }

    /// An error once a page of the files could not be had: to be asked after the last look at bytes
    /// of them, and before anything that they said is believed.
    pub(crate) fn intact(&self) -> Result<(), StorageError> {
        self.log.intact().map_err(|error| self.failed("log", error))?;
        self.index.intact().map_err(|error| self.failed("index", error))
    }

    /// The first batch that ends at or beyond `offset`, among those in the first `end` bytes.
    pub(crate) fn locate(&self, offset: i64, end: u64) -> Result<Option<Found>, StorageError> {
        let near = match self.entries()?.floor_by_offset(self.relative(offset)) {
            Some((number, entry)) if self.verified.trusts_entry(number) => {
                self.points_to(entry, end)?
            }
            Some(_) => None,
            None => Some(0),
        };
        if let Some(from) = near {
            let safe = self.verified.covered_end(from).min(end);
            let found = self.headers(from, safe)?.ending_at(offset);
            self.intact()?;
            if found.is_some() || safe >= end {
                return Ok(found);
            }
        }
        self.locate_checked(offset, end)
    }

    /// The end of the last batch that lies wholly within `max` bytes from the beginning of
    /// `first`, and within the first `end` bytes: a batch boundary. Not beyond damage.
    pub(crate) fn cut(&self, first: &Found, max: u64, end: u64) -> Result<u64, StorageError> {
        let limit = first.position.saturating_add(max).min(end);
        if self.verified.covered_end(first.position) < limit {
            return self.cut_checked(first, limit, end);
        }
        if limit == end {
            return Ok(end);
        }
        let near = match self.entries()?.floor_by_position(limit) {
            Some((number, entry)) if self.verified.trusts_entry(number) => {
                self.points_to(entry, end)?
            }
            _ => None,
        };
        let from = near.map_or(first.position, |near| near.max(first.position));
        let cut = self.headers(from, end)?.end_within(limit);
        self.intact()?;
        Ok(cut)
    }

    /// Where to look for the first batch with a timestamp of at least `timestamp`, none of which is
    /// before `from`: all before that have smaller ones (LogSegment.findOffsetByTimestamp).
    pub(crate) fn locate_by_time(
        &self,
        timestamp: i64,
        from: i64,
        end: u64,
    ) -> Result<Option<Found>, StorageError> {
        let floor = time_index::ask(&self.time, self.base(), |entries| entries.floor(timestamp));
        let floor = floor.map_err(|error| self.failed("timeindex", error))?;
        if let Some(entry) = floor.filter(|entry| entry.offset > from) {
            let found = self.locate(entry.offset, end)?;
            let is_it = |found: &Found| {
                (found.last_offset(), found.header.max_timestamp) == (entry.offset, entry.timestamp)
            };
            if found.as_ref().is_some_and(is_it) {
                return Ok(found);
            }
            ::log::warn!(
                segment = self.base(), entry:?;
                "the time index of a segment has a wrong entry"
            );
        }
        self.locate(from, end)
    }

    /// An offset behind all batches that begin before `position`, as the index knows it
    /// (OffsetIndex.fetchUpperBoundOffset): the first entry at or behind it says it.
    pub(crate) fn upper_bound(&self, position: u64, end: u64) -> Result<Option<i64>, StorageError> {
        let next = self.entries()?.ceiling_by_position(position);
        let Some((_, entry)) = next.filter(|&(number, _)| self.verified.trusts_entry(number))
        else {
            return Ok(None); // Nothing that is certain.
        };
        let found = self.believe(entry, end)?;
        self.intact()?;
        Ok(found.map(|found| found.last_offset()))
    }

    pub(super) fn relative(&self, offset: i64) -> u32 {
        u32::try_from(offset.saturating_sub(self.base()).max(0)).unwrap_or(u32::MAX)
    }

    /// The last offset of the batch that an index entry is about.
    pub(super) fn described(&self, entry: IndexEntry) -> i64 {
        self.base().saturating_add(i64::from(entry.relative_offset))
    }

    /// Where an index entry points to, if the batch that it describes could be there.
    fn points_to(&self, entry: IndexEntry, end: u64) -> Result<Option<u64>, StorageError> {
        let position = u64::from(entry.position);
        if position >= end {
            return Ok(self.believe(entry, end)?.map(|found| found.position));
        }
        let described = self.described(entry);
        let outline = self.headers(position, end)?.outline();
        Ok(outline.filter(|&(_, last_offset)| last_offset == described).map(|_| position))
    }

    /// What an index entry points to, if that could be the batch that it describes.
    pub(super) fn believe(
        &self,
        entry: IndexEntry,
        end: u64,
    ) -> Result<Option<Found>, StorageError> {
        let position = u64::from(entry.position);
        if position >= end {
            // Entries are published behind their batches.
            if position >= self.log.len() {
                self.index_has_lied(entry);
            }
            return Ok(None);
        }
        let found = self.headers(position, end)?.next();
        Ok(found.filter(|found| found.last_offset() == self.described(entry)))
    }

    /// Says once that the index is of no use.
    pub(super) fn index_has_lied(&self, entry: IndexEntry) {
        if self.verified.index_has_lied() {
            ::log::warn!(
                segment = self.base(), entry:?;
                "an index does not fit its log and is not used any more: its entry points to no \
                 such batch; reading is slower until the file is removed and the broker is \
                 started again: it is made anew then"
            );
        }
    }

    /// [`SegmentFiles::locate`] where not everything on the way has been checked.
    fn locate_checked(&self, offset: i64, end: u64) -> Result<Option<Found>, StorageError> {
        let mut walk = Walk::new(self, self.anchor(offset, end)?, end)?;
        loop {
            let reason = match walk.next() {
                Ok(Some(found)) if found.last_offset() < offset => continue,
                Ok(found) => {
                    walk.note()?;
                    return Ok(found);
                }
                Err(reason) => reason,
            };
            walk.note()?;
            let behind = match self.behind(walk.at(), reason, end)? {
                None => self.far_behind(walk.at(), offset, end)?,
                behind => behind,
            };
            match behind {
                Some(behind) if behind.offset <= offset => walk = Walk::new(self, behind, end)?,
                behind => {
                    let next = behind.map(|behind| behind.offset);
                    let position = walk.at().position;
                    let corrupt = Corrupt { position, reason, next };
                    return Err(self.failed("log", corrupt.into()));
                }
            }
        }
    }

    /// The batches in bytes `from..to`, where batches begin, each one checked. After damage there are
    /// no more.
    pub(crate) fn batches(&self, from: u64, to: u64) -> Result<Batches<'_>, StorageError> {
        let walk = Walk::new(self, self.anchor_at(from, self.base())?, to.max(from))?;
        Ok(Batches { files: self, walk, over: false })
    }

    /// Checks batches from `first` on until byte `to` is passed, or `end`, which is a batch boundary, and says which offset
    /// follows. Not beyond damage.
    pub(crate) fn check(&self, first: &Found, to: u64, end: u64) -> Result<i64, StorageError> {
        let from = first.position;
        if self.verified.covered_end(from) >= to {
            let passed = self.headers(from, end)?.take_while(|found| found.position < to);
            let next =
                passed.last().map_or(first.header.base_offset, |last| last.last_offset() + 1);
            self.intact()?;
            return Ok(next);
        }
        let mut walk = Walk::new(self, self.anchor_at(from, first.header.base_offset)?, end)?;
        while walk.at().position < to && matches!(walk.next(), Ok(Some(_))) {}
        walk.note()?;
        Ok(walk.at().offset)
    }

    /// A place where a batch begins, with the index entries that are about it and those behind it.
    fn anchor_at(&self, position: u64, offset: i64) -> Result<Anchor, StorageError> {
        let entries = self.entries()?;
        let behind = entries.ceiling_by_position(position);
        let entry = behind.map_or(entries.len(), |(number, _)| number);
        Ok(Anchor { position, offset, entry })
    }

    fn cut_checked(&self, first: &Found, limit: u64, end: u64) -> Result<u64, StorageError> {
        let start = self.anchor_at(first.position, first.header.base_offset)?;
        let mut walk = Walk::new(self, start, end)?;
        while walk.next_end().is_some_and(|end| end <= limit) && matches!(walk.next(), Ok(Some(_)))
        {
        }
        walk.note()?;
        Ok(walk.at().position)
    }
}

/// See [`SegmentFiles::batches`].
pub(crate) struct Batches<'f> {
    files: &'f SegmentFiles,
    walk: Walk<'f>,
    over: bool,
}

impl Iterator for Batches<'_> {
    type Item = Result<Found, StorageError>;

    fn next(&mut self) -> Option<Result<Found, StorageError>> {
        if self.over {
            return None;
        }
        let next = self.walk.next();
        if let Ok(Some(found)) = next {
            return Some(Ok(found));
        }
        self.over = true;
        let noted = self.walk.note();
        let position = self.walk.at().position;
        let corrupt = |reason| Corrupt { position, reason, next: None };
        match next {
            Err(reason) if noted.is_ok() => {
                Some(Err(self.files.failed("log", corrupt(reason).into())))
            }
            _ => noted.err().map(Err),
        }
    }
}
