//! Walking batches of a mapped segment that nobody vouches for, each checked before the next one is
//! looked for: format, length, order, CRC. What was checked is noted in [`super::verified`], and
//! checked no more.
//!
//! On its way the walk holds the offset index against the batches: an entry that does not fit makes
//! all of the index unbelievable, for producers can write whatever they like into a record's value,
//! also bytes that look like a batch, and a wrong entry might point there.

use super::error::StorageError;
use super::index::{Entries, IndexEntry};
use super::scan::{Bad, CRC_FROM, Found};
use super::segment::SegmentFiles;
use super::verified::Checked;
use crate::wire::records::crc::crc32c;
use crate::wire::records::{BatchHeader, HEADER_LEN, MAGIC};

/// Where a walk may begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    /// A batch begins here.
    pub(super) position: u64,
    /// Its base offset is this or a later one.
    pub(super) offset: i64,
    /// The first index entry that can point to it or to a later one.
    pub(super) entry: usize,
}

/// A walk over the batches of the first bytes of a segment.
pub(super) struct Walk<'f> {
    files: &'f SegmentFiles,
    entries: Entries<'f>,
    /// The first bytes of the `.log`, up to a batch boundary.
    bytes: &'f [u8],
    start: Anchor,
    at: Anchor,
    first_offset: i64,
    /// Nothing needs to be checked up to here.
    safe: u64,
    /// An index entry that does not fit the batches.
    lie: Option<IndexEntry>,
}

impl<'f> Walk<'f> {
    /// From `start` up to `end`, a batch boundary.
    pub(super) fn new(
        files: &'f SegmentFiles,
        start: Anchor,
        end: u64,
    ) -> Result<Walk<'f>, StorageError> {
        let bytes = files.log.slice(0, end).map_err(|error| files.failed("log", error))?;
        let entries = files.entries()?;
        let (at, first_offset) = (start, start.offset);
        Ok(Walk { files, entries, bytes, start, at, first_offset, safe: 0, lie: None })
    }

    /// Where the next batch begins.
    pub(super) fn at(&self) -> Anchor {
        self.at
    }

    /// Where the walk ends at the latest.
    pub(super) fn end(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Where the next batch ends, if it is what it seems to be.
    pub(super) fn next_end(&self) -> Option<u64> {
        let header = self.bytes.get(self.at.position as usize..)?.first_chunk::<HEADER_LEN>()?;
        Some(self.at.position + BatchHeader::read(header).size() as u64)
    }

    /// The next batch, checked; `Ok(None)` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Found>, Bad> {
        if self.at.position >= self.end() {
            return Ok(None);
        }
        let position = self.at.position;
        let rest = &self.bytes[position as usize..];
        let header = rest.first_chunk::<HEADER_LEN>().ok_or(Bad::ShortHeader)?;
        let found = Found { position, header: BatchHeader::read(header) };
        if position >= self.safe {
            self.safe = self.files.verified.covered_end(position);
        }
        let size = found.header.size();
        if size < HEADER_LEN || size > rest.len() {
            return Err(Bad::Length);
        }
        if position >= self.safe {
            self.check(&found, rest)?;
        }
        if position == self.start.position {
            self.first_offset = found.header.base_offset;
        }
        self.compare_index(&found);
        self.at.position = found.end();
        self.at.offset = found.last_offset().saturating_add(1);
        Ok(Some(found))
    }

    fn check(&self, found: &Found, rest: &[u8]) -> Result<(), Bad> {
        let header = &found.header;
        if header.magic != MAGIC {
            return Err(Bad::Magic);
        }
        let (bytes, behind) = rest.split_at(header.size());
        if crc32c(&bytes[CRC_FROM..]) != header.crc {
            return Err(Bad::Crc);
        }
        // No CRC is over the base offset: its order is all that tells.
        let base = self.files.base();
        let last = header.base_offset.saturating_add(i64::from(header.last_offset_delta));
        if header.last_offset_delta < 0
            || header.base_offset < self.at.offset.max(base)
            || last >= self.files.verified.upper()
            || last - base > i64::from(i32::MAX)
        {
            return Err(Bad::Offset);
        }
        let follows = header.base_offset == self.at.offset;
        let next = behind.first_chunk::<HEADER_LEN>().map(BatchHeader::read);
        // Where it does not follow the one before (compaction leaves gaps) it must be followed.
        if !follows && next.is_some_and(|next| next.base_offset <= last) {
            return Err(Bad::Offset);
        }
        Ok(())
    }

    /// Passes over the index entries that are about this batch.
    fn compare_index(&mut self, found: &Found) {
        while let Some((_, entry)) = self.entries.get(self.at.entry) {
            let (position, offset) = (u64::from(entry.position), self.files.described(entry));
            if position > found.position && offset > found.last_offset() {
                return;
            }
            if position != found.position || offset != found.last_offset() {
                self.lie.get_or_insert(entry);
            }
            self.at.entry += 1;
        }
    }

    /// Notes what was walked over, if the pages of the files were really there.
    pub(super) fn note(&self) -> Result<(), StorageError> {
        self.files.intact()?;
        if let Some(entry) = self.lie {
            self.files.index_has_lied(entry);
        }
        if self.at.position > self.start.position {
            self.files.verified.add(Checked {
                bytes: self.start.position..self.at.position,
                offsets: self.first_offset..self.at.offset,
                entries: self.start.entry..self.at.entry,
            });
        }
        Ok(())
    }
}
