//! The offset index of a segment: Kafka's OffsetIndex.java, byte for byte.
//!
//! Entries of 8 bytes, big endian: the last offset of a batch minus the segment's base offset, and
//! the batch's position in the `.log`. Both grow strictly. There is an entry for the first batch
//! after each `index.interval.bytes`. An index is a function of its log and can always be
//! rebuilt; nothing that it says is believed without a look at the batch that it points to.

use super::file::{GrowingFile, Tail};
use std::io;

/// Bytes of an entry.
pub(crate) const ENTRY: u64 = 8;

/// One entry: a batch's last offset, relative to the segment's base, and the batch's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    pub(crate) relative_offset: u32,
    pub(crate) position: u32,
}

impl IndexEntry {
    pub(crate) fn to_bytes(self) -> [u8; ENTRY as usize] {
        let entry = u64::from(self.relative_offset) << 32 | u64::from(self.position);
        entry.to_be_bytes()
    }

    fn from_bytes(bytes: [u8; ENTRY as usize]) -> IndexEntry {
        let entry = u64::from_be_bytes(bytes);
        IndexEntry { relative_offset: (entry >> 32) as u32, position: entry as u32 }
    }
}

/// Entries of an index as bytes; what is left of an incomplete one at the end is ignored.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'a>(&'a [[u8; ENTRY as usize]]);

impl<'a> Entries<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Entries<'a> {
        Entries(bytes.as_chunks().0)
    }

    /// The published entries of an index file.
    pub(crate) fn of(file: &'a GrowingFile) -> io::Result<Entries<'a>> {
        Ok(Entries::new(file.slice(0, file.len())?))
    }

    pub(crate) fn last(self) -> Option<IndexEntry> {
        self.0.last().copied().map(IndexEntry::from_bytes)
    }

    /// How many there are.
    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    /// The entry of that number, and the number.
    pub(crate) fn get(self, number: usize) -> Option<(usize, IndexEntry)> {
        Some((number, IndexEntry::from_bytes(*self.0.get(number)?)))
    }

    /// The last entry that is not larger than what is looked for.
    fn floor(self, is_larger: impl Fn(IndexEntry) -> bool) -> Option<(usize, IndexEntry)> {
        let after = self.0.partition_point(|&bytes| !is_larger(IndexEntry::from_bytes(bytes)));
        self.get(after.checked_sub(1)?)
    }

    /// The greatest entry whose offset is at most `relative_offset`, and its number.
    pub(crate) fn floor_by_offset(self, relative_offset: u32) -> Option<(usize, IndexEntry)> {
        self.floor(|entry| entry.relative_offset > relative_offset)
    }

    /// The smallest entry whose position is at least `position`, and its number.
    pub(crate) fn ceiling_by_position(self, position: u64) -> Option<(usize, IndexEntry)> {
        let before = |&bytes: &[u8; ENTRY as usize]| {
            u64::from(IndexEntry::from_bytes(bytes).position) < position
        };
        let first = self.0.partition_point(before);
        self.get(first)
    }

    /// The greatest entry whose position is at most `position`, and its number.
    pub(crate) fn floor_by_position(self, position: u64) -> Option<(usize, IndexEntry)> {
        self.floor(|entry| u64::from(entry.position) > position)
    }
}

/// Whether the batch at `position` gets an entry, `since` bytes after the last one (or after the
/// segment's beginning). Appending and rebuilding must agree, so both ask here.
pub(crate) fn entry_is_due(since: u64, interval_bytes: i32) -> bool {
    since > u64::try_from(interval_bytes).unwrap_or(0)
}

/// Appends an entry to an index that has room for it.
pub(crate) fn append(tail: &mut Tail, entry: IndexEntry) -> io::Result<()> {
    tail.stage(&entry.to_bytes());
    tail.publish(ENTRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(entries: &[(u32, u32)]) -> Vec<u8> {
        let entry = |&(relative_offset, position): &(u32, u32)| {
            IndexEntry { relative_offset, position }.to_bytes()
        };
        entries.iter().flat_map(entry).collect()
    }

    #[test]
    fn entries_are_two_big_endian_numbers() {
        assert_eq!(bytes(&[(5, 0x01020304)]), [0, 0, 0, 5, 1, 2, 3, 4]);
    }

    #[test]
    fn floors_are_the_greatest_entry_at_or_below() {
        let bytes = bytes(&[(4, 100), (9, 200), (14, 300)]);
        let entries = Entries::new(&bytes);
        let position = |entry: Option<(usize, IndexEntry)>| entry.map(|(_, entry)| entry.position);
        for (offset, expected) in
            [(0, None), (3, None), (4, Some(100)), (13, Some(200)), (99, Some(300))]
        {
            assert_eq!(position(entries.floor_by_offset(offset)), expected, "offset {offset}");
        }
        for (at, expected) in
            [(0, None), (99, None), (100, Some(100)), (299, Some(200)), (300, Some(300))]
        {
            assert_eq!(position(entries.floor_by_position(at)), expected, "position {at}");
        }
        for (at, expected) in
            [(0, Some(100)), (100, Some(100)), (101, Some(200)), (300, Some(300)), (301, None)]
        {
            assert_eq!(position(entries.ceiling_by_position(at)), expected, "position {at}");
        }
    }

    #[test]
    fn the_interval_must_be_passed_not_met() {
        assert!(!entry_is_due(4096, 4096));
        assert!(entry_is_due(4097, 4096));
        assert!(!entry_is_due(0, 0));
        assert!(entry_is_due(1, -5));
    }
}
