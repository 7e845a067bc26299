//! The transaction index of a segment: Kafka's TransactionIndex.java and AbortedTxn.java, byte for
//! byte.
//!
//! Entries of 34 bytes, big endian: version, producer id, first offset, last offset (that of the
//! abort marker), and the last stable offset when the marker was appended. They are in the order of
//! their markers, all of which lie in the segment. The file comes with the first aborted
//! transaction: most segments have none.
//!
//! A read_committed consumer that is not told of an aborted transaction takes its records for good
//! ones: what cannot be read is an error here, never an empty answer.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes of an entry.
pub(crate) const ENTRY: usize = 34;
/// The only version there is.
const VERSION: i16 = 0;
/// Entries that are read at a time.
const CHUNK: u64 = 64;

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    /// Whose it was.
    pub producer_id: i64,
    /// Where its first batch begins.
    pub first_offset: i64,
    /// Where its marker is.
    pub last_offset: i64,
    /// The first offset of the earliest transaction that was open when it ended; if there was none,
    /// the offset after the marker.
    pub last_stable_offset: i64,
}

impl AbortedTxn {
    /// The entry in its file's bytes.
    pub(crate) fn to_bytes(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..2].copy_from_slice(&VERSION.to_be_bytes());
        let numbers =
            [self.producer_id, self.first_offset, self.last_offset, self.last_stable_offset];
        for (place, number) in bytes[2..].as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
            *place = number.to_be_bytes();
        }
        bytes
    }

    /// The entry that these bytes are; `None` if they are of a version that nobody knows.
    pub(crate) fn from_bytes(bytes: &[u8; ENTRY]) -> Option<AbortedTxn> {
        let (version, rest) = bytes.split_first_chunk::<2>()?;
        if i16::from_be_bytes(*version) > VERSION {
            return None;
        }
        let [producer_id, first_offset, last_offset, last_stable_offset] =
            rest.as_chunks::<8>().0.first_chunk::<4>()?.map(i64::from_be_bytes);
        Some(AbortedTxn { producer_id, first_offset, last_offset, last_stable_offset })
    }
}

/// The entries in the first `len` bytes of a file.
pub(crate) struct TxnIndex<'f> {
    file: &'f File,
    count: u64,
}

impl<'f> TxnIndex<'f> {
    /// What is left of an incomplete entry at the end is ignored.
    pub(crate) fn new(file: &'f File, len: u64) -> TxnIndex<'f> {
        TxnIndex { file, count: len / ENTRY as u64 }
    }

    /// Adds the transactions that overlap the offsets `from..to`; true if no later segment can
    /// have any more of them (TransactionIndex.collectAbortedTxns).
    pub(crate) fn collect(
        &self,
        from: i64,
        to: i64,
        found: &mut Vec<AbortedTxn>,
    ) -> io::Result<bool> {
        self.each_from(self.first_ending_at(from)?, |txn| {
            if txn.last_offset >= from && txn.first_offset < to {
                found.push(txn);
            }
            txn.last_stable_offset >= to
        })
    }

    /// Shows the entries one by one until `done`; gives whether it was.
    pub(crate) fn each(&self, done: impl FnMut(AbortedTxn) -> bool) -> io::Result<bool> {
        self.each_from(0, done)
    }

    fn each_from(&self, mut at: u64, mut done: impl FnMut(AbortedTxn) -> bool) -> io::Result<bool> {
        let mut bytes = [0; CHUNK as usize * ENTRY];
        while at < self.count {
            let some = (self.count - at).min(CHUNK);
            let bytes = &mut bytes[..some as usize * ENTRY];
            self.file.read_exact_at(bytes, at * ENTRY as u64)?;
            for entry in bytes.as_chunks::<ENTRY>().0 {
                if done(read(entry)?) {
                    return Ok(true);
                }
            }
            at += some;
        }
        Ok(false)
    }

    /// The number of the first entry whose marker is at `offset` or later: markers only grow.
    fn first_ending_at(&self, offset: i64) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.count);
        while high - low > CHUNK {
            let middle = low + (high - low) / 2;
            let mut bytes = [0; ENTRY];
            self.file.read_exact_at(&mut bytes, middle * ENTRY as u64)?;
            match read(&bytes)?.last_offset < offset {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low)
    }
}

fn read(bytes: &[u8; ENTRY]) -> io::Result<AbortedTxn> {
    AbortedTxn::from_bytes(bytes).ok_or_else(|| {
        let why = "an entry of a transaction index is of an unknown version";
        io::Error::new(io::ErrorKind::InvalidData, why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn txn(producer_id: i64, first_offset: i64, last_offset: i64, stable: i64) -> AbortedTxn {
        AbortedTxn { producer_id, first_offset, last_offset, last_stable_offset: stable }
    }

    fn file(name: &str, bytes: &[u8]) -> File {
        let name = format!("barnabas-txn-index-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file
    }

    #[test]
    fn entries_are_a_version_and_four_numbers() {
        let entry = txn(1, 0x0203, -2, i64::MAX);
        let mut expected = vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 3];
        expected.extend([0xff; 7].into_iter().chain([0xfe, 0x7f]).chain([0xff; 7]));
        assert_eq!(entry.to_bytes()[..], expected);
        assert_eq!(AbortedTxn::from_bytes(&entry.to_bytes()), Some(entry));
        let mut later = entry.to_bytes();
        later[1] = 1;
        assert_eq!(AbortedTxn::from_bytes(&later), None);
    }

    #[test]
    fn those_that_overlap_are_found_up_to_the_one_that_says_it_is_enough() {
        let all = [
            txn(1, 0, 10, 11),
            txn(2, 5, 20, 12),
            txn(3, 12, 30, 31),
            txn(4, 40, 50, 51),
            txn(5, 45, 60, 61),
        ];
        let bytes: Vec<u8> = all.iter().flat_map(|txn| txn.to_bytes()).collect();
        let file = file("overlap", &bytes);
        let index = TxnIndex::new(&file, bytes.len() as u64 + 33);
        let collect = |from, to| {
            let mut found = Vec::new();
            let done = index.collect(from, to, &mut found).unwrap();
            (found.iter().map(|txn| txn.producer_id).collect::<Vec<_>>(), done)
        };
        assert_eq!(
            collect(0, 6),
            (vec![1], true),
            "what is stable beyond the range ends the search"
        );
        assert_eq!(collect(0, 12), (vec![1, 2], true));
        assert_eq!(collect(11, 13), (vec![2, 3], true));
        assert_eq!(collect(20, 31), (vec![2, 3], true));
        assert_eq!(collect(21, 41), (vec![3, 4], true));
        assert_eq!(collect(31, 40), (vec![], true));
        assert_eq!(collect(0, 100), (vec![1, 2, 3, 4, 5], false), "later segments may have more");
        assert_eq!(collect(61, 100), (vec![], false));
    }

    #[test]
    fn long_indexes_are_searched_as_well_as_short_ones() {
        let all: Vec<AbortedTxn> =
            (0..1000).map(|n| txn(n, 10 * n, 10 * n + 5, 10 * n + 6)).collect();
        let bytes: Vec<u8> = all.iter().flat_map(|txn| txn.to_bytes()).collect();
        let file = file("long", &bytes);
        let index = TxnIndex::new(&file, bytes.len() as u64);
        for from in (0..10_000).step_by(7) {
            let to = from + 25;
            let mut found = Vec::new();
            index.collect(from, to, &mut found).unwrap();
            let overlap = |txn: &&AbortedTxn| txn.last_offset >= from && txn.first_offset < to;
            let expected: Vec<AbortedTxn> = all.iter().filter(overlap).copied().collect();
            assert_eq!(found, expected, "from {from}");
        }
    }

    #[test]
    fn an_unknown_version_is_an_error_and_not_an_empty_answer() {
        let mut bytes = txn(1, 0, 10, 11).to_bytes();
        bytes[0] = 1;
        let file = file("version", &bytes);
        let index = TxnIndex::new(&file, ENTRY as u64);
        assert!(index.collect(0, 100, &mut Vec::new()).is_err());
    }
}
