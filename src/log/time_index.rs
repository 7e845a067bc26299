//! The time index of a segment: Kafka's TimeIndex.java, byte for byte.
//!
//! Entries of 12 bytes, big endian: the largest timestamp of any batch so far, and the last offset
//! of the batch that has it, minus the segment's base offset. Timestamps grow strictly. An entry is
//! due whenever the offset index gets one, and once more when the segment is sealed, so that the last
//! entry of a sealed segment tells its largest timestamp. A slot is kept free for that one.
//!
//! Rarely read, hence read by `pread`: it needs no mapping until its first entry is written.

use super::error::StorageError;
use super::file::{GrowingFile, Tail};
use crate::wire::records::NO_TIMESTAMP;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of an entry.
pub(crate) const ENTRY: u64 = 12;

/// The largest timestamp of a segment so far, and the last offset of the batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Largest {
    pub(crate) timestamp: i64,
    pub(crate) offset: i64,
}

impl Largest {
    /// That of a segment without timestamps.
    pub(crate) fn none(base: i64) -> Largest {
        Largest { timestamp: NO_TIMESTAMP, offset: base }
    }

    /// Takes a batch into account; true if it has the largest timestamp now. Of equal ones the
    /// first stays.
    pub(crate) fn update(&mut self, timestamp: i64, last_offset: i64) -> bool {
        let larger = timestamp > self.timestamp;
        if larger {
            *self = Largest { timestamp, offset: last_offset };
        }
        larger
    }
}

/// One entry, in the bytes that it has in the file.
pub(crate) fn to_bytes(largest: Largest, base: i64) -> [u8; ENTRY as usize] {
    let mut bytes = [0; ENTRY as usize];
    let (timestamp, offset) = bytes.split_at_mut(8);
    timestamp.copy_from_slice(&largest.timestamp.to_be_bytes());
    let relative = largest.offset - base;
    debug_assert!((0..=i64::from(i32::MAX)).contains(&relative), "offset {relative} in an index");
    offset.copy_from_slice(&(relative as u32).to_be_bytes());
    bytes
}

/// The entry in those bytes.
pub(crate) fn from_bytes(bytes: &[u8; ENTRY as usize], base: i64) -> Largest {
    let [t0, t1, t2, t3, t4, t5, t6, t7, o0, o1, o2, o3] = *bytes;
    let relative = u32::from_be_bytes([o0, o1, o2, o3]);
    Largest {
        timestamp: i64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
        offset: base.saturating_add(i64::from(relative)),
    }
}

/// Appends the entry, unless the last one says the same already. There is room and reserve for it.
pub(crate) fn append_if_larger(tail: &mut Tail, last: &mut i64, largest: Largest, base: i64) {
    if largest.timestamp > *last {
        tail.stage(&to_bytes(largest, base));
        // An index that is not there refuses the next append; this one is there already.
        let _ = tail.publish(ENTRY);
        *last = largest.timestamp;
    }
}

/// The same for the last entry of a segment; by a system call where there is no mapping, for none is made
/// for one entry.
pub(crate) fn append_final(
    tail: &mut Tail,
    last: &mut i64,
    largest: Largest,
    base: i64,
    path: &Path,
) -> Result<(), StorageError> {
    if largest.timestamp > *last {
        let entry = to_bytes(largest, base);
        let written = match tail.shared().is_mapped() {
            true => tail.make_room(ENTRY).and_then(|()| {
                tail.stage(&entry);
                tail.publish(ENTRY)
            }),
            false => tail.append_by_call(&entry),
        };
        written.map_err(StorageError::on("write", path))?;
        *last = largest.timestamp;
    }
    Ok(())
}

/// Only the slot for the last entry is left: the segment must be rolled.
pub(crate) fn is_full(tail: &Tail) -> bool {
    places(tail) == 0
}

/// So many entries may still come before it is.
pub(crate) fn places(tail: &Tail) -> u64 {
    (tail.room() / ENTRY).saturating_sub(1)
}

/// Asks the published entries of a segment's time index for one. None needs no open file.
pub(crate) fn ask(
    file: &GrowingFile,
    base: i64,
    question: impl FnOnce(&Entries<'_>) -> io::Result<Option<Largest>>,
) -> io::Result<Option<Largest>> {
    match file.len() {
        0 => Ok(None),
        len => question(&Entries::new(&*file.file_to_read()?, len, base)),
    }
}

/// The entries in the first bytes of a file.
pub(crate) struct Entries<'f> {
    file: &'f File,
    count: u64,
    base: i64,
}

impl<'f> Entries<'f> {
    /// What is left of an incomplete entry at the end is ignored.
    pub(crate) fn new(file: &'f File, len: u64, base: i64) -> Entries<'f> {
        Entries { file, count: len / ENTRY, base }
    }

    /// The last entry, if there is one.
    pub(crate) fn last(&self) -> io::Result<Option<Largest>> {
        self.count.checked_sub(1).map(|last| self.entry(last)).transpose()
    }

    /// The greatest entry whose timestamp is at most `timestamp` (TimeIndex.lookup): no batch
    /// before the one that it tells of has a larger timestamp than that.
    pub(crate) fn floor(&self, timestamp: i64) -> io::Result<Option<Largest>> {
        let (mut low, mut high) = (0, self.count);
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.entry(middle)?;
            if entry.timestamp > timestamp {
                high = middle;
            } else {
                (low, found) = (middle + 1, Some(entry));
            }
        }
        Ok(found)
    }

    fn entry(&self, number: u64) -> io::Result<Largest> {
        let mut bytes = [0; ENTRY as usize];
        self.file.read_exact_at(&mut bytes, number * ENTRY)?;
        Ok(from_bytes(&bytes, self.base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_a_timestamp_and_a_relative_offset() {
        let largest = Largest { timestamp: 0x0102_0304_0506_0708, offset: 1_000 + 0x0a0b };
        let bytes = to_bytes(largest, 1_000);
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x0a, 0x0b]);
        assert_eq!(from_bytes(&bytes, 1_000), largest);
    }

    #[test]
    fn floors_are_the_greatest_entry_at_or_below() {
        let entries = [(10, 4), (20, 9), (30, 14)];
        let largest = |(timestamp, offset)| Largest { timestamp, offset };
        let bytes: Vec<u8> = entries.iter().flat_map(|&e| to_bytes(largest(e), 0)).collect();
        let path = std::env::temp_dir().join(format!("barnabas-time-{}", std::process::id()));
        std::fs::write(&path, &bytes).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        let index = Entries::new(&file, bytes.len() as u64 + 11, 0);
        let floor = |timestamp| index.floor(timestamp).unwrap().map(|entry| entry.offset);
        for (timestamp, expected) in
            [(9, None), (10, Some(4)), (19, Some(4)), (20, Some(9)), (30, Some(14)), (99, Some(14))]
        {
            assert_eq!(floor(timestamp), expected, "timestamp {timestamp}");
        }
        assert_eq!(index.last().unwrap(), Some(largest((30, 14))));
        assert_eq!(Entries::new(&file, 0, 0).last().unwrap(), None);
        assert_eq!(Entries::new(&file, 0, 0).floor(99).unwrap(), None);
    }

    #[test]
    fn of_equal_timestamps_the_first_stays() {
        let mut largest = Largest::none(7);
        assert!(!largest.update(NO_TIMESTAMP, 8), "no timestamp is none");
        assert!(largest.update(100, 9));
        assert!(!largest.update(100, 10));
        assert!(!largest.update(99, 11));
        assert_eq!(largest, Largest { timestamp: 100, offset: 9 });
    }
}
