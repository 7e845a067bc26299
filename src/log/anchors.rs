//! Where a checked walk may begin in the middle of a segment whose bytes nobody vouches for.
//!
//! Which entries of a found index are believed: those that a checked walk has passed. To get at a
//! place in the middle, a walk begins two entries before and must come to the entry that it is to
//! confirm: one that lies (into a record's value, say, where a producer has put what looks like a
//! batch) is not met by it. Behind damage, right batches must follow up to the next entry.

use super::error::StorageError;
use super::scan::{Bad, Found};
use super::segment::SegmentFiles;
use super::walk::{Anchor, Walk};

/// A walk from what is certain is not worth avoiding for less.
const NEAR: u64 = 64 * 1024;
/// Entries between which a walk begins that is to confirm one.
const STEPS_BACK: [usize; 3] = [2, 8, 32];
/// Entries behind damage that are tried.
const STEPS_ON: usize = 8;
/// So many bytes of right batches in order are no coincidence.
const CONVINCING: u64 = 256 * 1024;

impl SegmentFiles {
    /// A place to begin a walk that is to find `offset`, as near as there is a certain one.
    pub(super) fn anchor(&self, offset: i64, end: u64) -> Result<Anchor, StorageError> {
        let certain = match self.verified.before(offset) {
            Some(known) if known.offsets.end <= offset => Anchor {
                position: known.bytes.end,
                offset: known.offsets.end,
                entry: known.entries.end,
            },
            Some(known) => Anchor {
                position: known.bytes.start,
                offset: known.offsets.start,
                entry: known.entries.start,
            },
            None => Anchor { position: 0, offset: self.base(), entry: 0 },
        };
        let near = self.entries()?.floor_by_offset(self.relative(offset));
        let Some((number, entry)) = near.filter(|_| !self.verified.index_lies()) else {
            return Ok(certain);
        };
        if u64::from(entry.position) <= certain.position.saturating_add(NEAR) {
            return Ok(certain);
        }
        if self.verified.trusts_entry(number) {
            return Ok(self.indexed(number, end)?.unwrap_or(certain));
        }
        let confirmed = self.confirmed(number, offset, &certain, end)?;
        Ok(confirmed.unwrap_or(certain))
    }

    /// The batch of an index entry, if it could be that.
    fn indexed(&self, number: usize, end: u64) -> Result<Option<Anchor>, StorageError> {
        let Some((entry, at)) = self.entries()?.get(number) else { return Ok(None) };
        let found = self.believe(at, end)?;
        Ok(found.map(|found| Anchor {
            position: found.position,
            offset: found.header.base_offset,
            entry,
        }))
    }

    /// The batch of the entry, or of one shortly before it, that a walk from earlier ones has come to
    /// on its way to `offset`.
    fn confirmed(
        &self,
        number: usize,
        offset: i64,
        certain: &Anchor,
        end: u64,
    ) -> Result<Option<Anchor>, StorageError> {
        for back in STEPS_BACK {
            let Some(earlier) = number.checked_sub(back) else { return Ok(None) };
            let Some(earlier) = self.indexed(earlier, end)? else { continue };
            if earlier.position <= certain.position {
                return Ok(None);
            }
            let to = self.entries()?.get(number).map_or(0, |(_, entry)| u64::from(entry.position));
            let mut walk = Walk::new(self, earlier, end)?;
            let mut last = None;
            loop {
                let at = walk.at();
                let on_the_way = at.position > earlier.position && at.offset <= offset;
                if on_the_way && self.is_described(&at)? {
                    last = Some(at);
                }
                if at.position >= to || at.offset >= offset {
                    break;
                }
                if !matches!(walk.next(), Ok(Some(_))) {
                    // Damage on the way: what follows can still confirm the entry.
                    let there = self.indexed(number, end)?;
                    let there = there.map(|there| self.convinces(there, end)).transpose()?;
                    return Ok(there.flatten().or(last));
                }
            }
            self.intact()?;
            if last.is_some() {
                return Ok(last);
            }
        }
        Ok(None)
    }

    /// Whether the next index entry points to the place, and to the batch that begins there.
    fn is_described(&self, at: &Anchor) -> Result<bool, StorageError> {
        let Some((_, entry)) = self.entries()?.get(at.entry) else { return Ok(false) };
        let found = self.headers(at.position, self.log.len())?.next();
        Ok(u64::from(entry.position) == at.position
            && found.is_some_and(|found| found.last_offset() == self.described(entry)))
    }

    /// The place itself, if right batches follow it up to where the index says that one begins, or
    /// the segment ends, or for long enough.
    fn convinces(&self, start: Anchor, end: u64) -> Result<Option<Anchor>, StorageError> {
        let mut walk = Walk::new(self, start, end)?;
        while let Ok(Some(found)) = walk.next() {
            let at = walk.at();
            if at.position == end
                || at.position - start.position >= CONVINCING
                || self.is_described(&at)?
            {
                self.intact()?;
                return Ok(Some(start));
            }
            debug_assert!(found.end() <= walk.end(), "a walk stays within its bytes");
        }
        Ok(None)
    }

    /// The place for `offset` that the index tells, where right batches begin again at the latest.
    pub(super) fn far_behind(
        &self,
        bad: Anchor,
        offset: i64,
        end: u64,
    ) -> Result<Option<Anchor>, StorageError> {
        let near = self.entries()?.floor_by_offset(self.relative(offset));
        let near = near.filter(|_| !self.verified.index_lies());
        let near = near.map(|(number, _)| self.indexed(number, end)).transpose()?.flatten();
        let near = near.filter(|near| near.position > bad.position && near.offset >= bad.offset);
        Ok(near.map(|near| self.convinces(near, end)).transpose()?.flatten())
    }

    /// The first place behind damage at `bad` where right batches begin again.
    pub(super) fn behind(
        &self,
        bad: Anchor,
        reason: Bad,
        end: u64,
    ) -> Result<Option<Anchor>, StorageError> {
        let entries = self.entries()?;
        // Its length may still be right; it is where only the offset is wrong.
        if let Some(found) = self.headers(bad.position, end)?.next()
            && found.end() < end
            && let Some(next) = self.headers(found.end(), end)?.next()
            && (reason == Bad::Offset || may_follow(&found, next.header.base_offset))
            && next.header.base_offset >= bad.offset
        {
            let passed = |number: &usize| {
                entries.get(*number).is_some_and(|(_, e)| u64::from(e.position) < next.position)
            };
            let entry = (bad.entry..).take_while(passed).last().map_or(bad.entry, |n| n + 1);
            let hop = Anchor { position: next.position, offset: next.header.base_offset, entry };
            if let Some(hop) = self.convinces(hop, end)? {
                return Ok(Some(hop));
            }
        }
        if self.verified.index_lies() {
            return Ok(None);
        }
        for number in bad.entry..bad.entry.saturating_add(STEPS_ON) {
            let Some(there) = self.indexed(number, end)? else { continue };
            if there.position > bad.position
                && there.offset >= bad.offset
                && let Some(there) = self.convinces(there, end)?
            {
                return Ok(Some(there));
            }
        }
        Ok(None)
    }
}

/// Whether a batch that is damaged somewhere can have `offset` behind it, as one of its two numbers
/// says that tell how many offsets it takes.
fn may_follow(found: &Found, offset: i64) -> bool {
    let header = &found.header;
    let by_count = header.base_offset.checked_add(i64::from(header.record_count));
    offset == header.next_offset() || by_count == Some(offset)
}
