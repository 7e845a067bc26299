//! The aborted transactions of a log, out of the `.txnindex` files of its segments
//! (TransactionIndex.java, AbortedTxn.java, LogSegment.collectAbortedTxns).
//!
//! Entries of 34 bytes, big endian: version 0, producer id, first and last offset, and the last stable
//! offset at that moment.

use crate::log::error::StorageError;
use crate::log::names;
use std::fs;
use std::io;
use std::path::Path;

/// Bytes of an entry.
pub(super) const ENTRY: usize = 34;

/// An aborted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AbortedTxn {
    /// The offset of its first batch. First, for the order.
    pub(crate) first_offset: i64,
    /// The producer that it was a transaction of.
    pub(crate) producer_id: i64,
    /// The offset of its marker.
    pub(crate) last_offset: i64,
    /// The last stable offset when it was aborted.
    pub(crate) last_stable_offset: i64,
}

/// The entry in those bytes.
pub(super) fn to_bytes(txn: AbortedTxn) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    let fields = [txn.producer_id, txn.first_offset, txn.last_offset, txn.last_stable_offset];
    for (at, field) in fields.into_iter().enumerate() {
        bytes[2 + 8 * at..][..8].copy_from_slice(&field.to_be_bytes());
    }
    bytes
}

/// The entry in those bytes; `None` if it is of an unknown version.
fn from_bytes(bytes: &[u8; ENTRY]) -> Option<AbortedTxn> {
    let ([0, 0], fields) = bytes.split_first_chunk::<2>()? else { return None };
    let ([producer_id, first_offset, last_offset, last_stable_offset], []) =
        fields.as_chunks::<8>()
    else {
        return None;
    };
    Some(AbortedTxn {
        producer_id: i64::from_be_bytes(*producer_id),
        first_offset: i64::from_be_bytes(*first_offset),
        last_offset: i64::from_be_bytes(*last_offset),
        last_stable_offset: i64::from_be_bytes(*last_stable_offset),
    })
}

/// The aborted transactions that overlap with the offsets `from..to`, out of the indexes of the
/// segments that begin at `bases`: that of the segment with `from` in it, and those after it.
pub(super) fn overlapping(
    dir: &Path,
    bases: impl Iterator<Item = i64>,
    from: i64,
    to: i64,
) -> Result<Vec<AbortedTxn>, StorageError> {
    let mut found = Vec::new();
    for base in bases {
        let [.., path] = names::segment_files(dir, base);
        for txn in read(&path)? {
            if txn.last_offset >= from && txn.first_offset < to {
                found.push(txn);
            }
            // No transaction that was aborted later began below this.
            if txn.last_stable_offset >= to {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// The entries of one index; none if there is no file.
fn read(path: &Path) -> Result<Vec<AbortedTxn>, StorageError> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes.as_chunks().0.iter().map_while(from_bytes).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(StorageError::new("read", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn txn(producer_id: i64, first: i64, last: i64, stable: i64) -> AbortedTxn {
        AbortedTxn {
            producer_id,
            first_offset: first,
            last_offset: last,
            last_stable_offset: stable,
        }
    }

    #[test]
    fn an_entry_is_a_version_and_four_numbers() {
        let bytes = to_bytes(txn(1, 2, 3, 0x0405));
        let mut expected = [0; ENTRY];
        (expected[9], expected[17], expected[25]) = (1, 2, 3);
        (expected[32], expected[33]) = (4, 5);
        assert_eq!(bytes, expected);
        assert_eq!(from_bytes(&bytes), Some(txn(1, 2, 3, 0x0405)));
        expected[1] = 1;
        assert_eq!(from_bytes(&expected), None);
    }

    #[test]
    fn those_that_overlap_are_found_up_to_where_none_can_be() {
        let dir = std::env::temp_dir().join(format!("barnabas-aborted-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let write = |base, txns: &[AbortedTxn]| {
            let bytes: Vec<u8> = txns.iter().flat_map(|&txn| to_bytes(txn)).collect();
            fs::write(&names::segment_files(&dir, base)[3], bytes).unwrap();
        };
        let (a, b, c, d) =
            (txn(1, 0, 4, 5), txn(2, 3, 15, 10), txn(1, 12, 17, 18), txn(1, 22, 25, 26));
        write(0, &[a]);
        write(10, &[b, c]);
        write(20, &[d]);
        let of =
            |bases: &[i64], from, to| overlapping(&dir, bases.iter().copied(), from, to).unwrap();
        assert_eq!(of(&[0, 10, 20], 0, 10), [a, b], "the first entry of 10 says enough");
        assert_eq!(of(&[10, 20], 10, 20), [b, c]);
        assert_eq!(of(&[0, 5, 10, 20], 5, 30), [b, c, d], "and there is no file for 5");
        assert_eq!(of(&[20], 26, 30), []);
        fs::remove_dir_all(dir).unwrap();
    }
}
