//! Whether the indexes of a segment can be believed without a look at its log (the `sanityCheck`s of
//! OffsetIndex.java, TimeIndex.java and TransactionIndex.java).
//!
//! Sizes, first and last entries: enough to notice a file that is cut, empty, another one's, or has
//! an unused reserve. It reads no records. What it does not notice must do no harm: an entry of the
//! offset index is compared with its batch whenever it is used.

use super::error::StorageError;
use super::listing::Listing;
use super::txn_index::TxnIndex;
use super::{index, names, time_index};
use crate::wire::records::HEADER_LEN;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What the indexes of a segment look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Indexes {
    /// The offset index and the time index can be believed. If not, the batches of the segment say
    /// what they must be.
    pub(super) are_sane: bool,
    /// The size of the transaction index, 0 if there is none.
    pub(super) txn_size: u64,
}

/// Looks at the indexes of the segment that begins at `base`. `None` if it must be checked: the
/// offset index knows of batches that the log does not have, or the transaction index is wrong, which
/// takes the producers' state to be made anew.
pub(super) fn look(
    dir: &Path,
    base: i64,
    listing: &Listing,
) -> Result<Option<Indexes>, StorageError> {
    let log_size = listing.logs.get(&base).copied().unwrap_or(0);
    let mut txn_size = 0;
    if listing.txn_indexes.binary_search(&base).is_ok() {
        let next = listing.logs.range(base.saturating_add(1)..).next();
        let markers = base..next.map_or(i64::MAX, |(&next, _)| next);
        let path = names::txn_index_file(dir, base);
        let size = txn_index_size(&path, markers).map_err(StorageError::on("read", &path))?;
        let Some(size) = size else { return Ok(None) };
        txn_size = size;
    }
    if !listing.is_complete(base) {
        return Ok(Some(Indexes { are_sane: false, txn_size }));
    }
    let (path, time) = (names::index_file(dir, base), names::time_index_file(dir, base));
    let needed = log_bytes_needed(&path).map_err(StorageError::on("read", &path))?;
    if needed.is_some_and(|needed| needed > log_size) {
        return Ok(None);
    }
    let are_sane = needed.is_some()
        && time_index_is_sane(&time, base, log_size).map_err(StorageError::on("read", &time))?;
    Ok(Some(Indexes { are_sane, txn_size }))
}

/// How large a log must be, at least, for what its offset index says; `None` if that is not sane.
fn log_bytes_needed(path: &Path) -> io::Result<Option<u64>> {
    let Some((_, last)) = ends::<{ index::ENTRY as usize }>(path)? else { return Ok(None) };
    let Some(last) = last.and_then(|last| index::Entries::new(&last).last()) else {
        return Ok(Some(0));
    };
    let is_sane = i32::try_from(last.relative_offset).is_ok();
    Ok(is_sane.then_some(u64::from(last.position) + HEADER_LEN as u64))
}

fn time_index_is_sane(path: &Path, base: i64, log_size: u64) -> io::Result<bool> {
    let ends = ends::<{ time_index::ENTRY as usize }>(path)?;
    let Some((first, last)) = ends else { return Ok(false) };
    let (Some(first), Some(last)) = (first, last) else {
        // Every log that was closed has an entry, unless nothing in it has a timestamp.
        return Ok(log_size == 0);
    };
    let [first, last] = [first, last].map(|entry| time_index::from_bytes(&entry, base));
    let in_order = first.timestamp <= last.timestamp && first.offset <= last.offset;
    Ok(in_order && last.offset - base <= i64::from(i32::MAX))
}

/// An entry of an index as it lies in its file.
type Entry<const SIZE: usize> = [u8; SIZE];

/// The first and the last entry of an index; `None` if it has no whole number of them.
fn ends<const SIZE: usize>(
    path: &Path,
) -> io::Result<Option<(Option<Entry<SIZE>>, Option<Entry<SIZE>>)>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if !size.is_multiple_of(SIZE as u64) {
        return Ok(None);
    }
    if size == 0 {
        return Ok(Some((None, None)));
    }
    let (mut first, mut last) = ([0; SIZE], [0; SIZE]);
    file.read_exact_at(&mut first, 0)?;
    file.read_exact_at(&mut last, size - SIZE as u64)?;
    Ok(Some((Some(first), Some(last))))
}

/// The size of a transaction index whose entries all can be; else `None`. They are few.
fn txn_index_size(path: &Path, mut markers: Range<i64>) -> io::Result<Option<u64>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let is_wrong = TxnIndex::new(&file, size).each(|txn| {
        let can_be = txn.producer_id >= 0
            && markers.contains(&txn.last_offset)
            && (0..txn.last_offset).contains(&txn.first_offset)
            && txn.last_stable_offset <= txn.last_offset + 1;
        markers.start = txn.last_offset.saturating_add(1);
        !can_be
    });
    match is_wrong {
        Ok(false) if size.is_multiple_of(super::txn_index::ENTRY as u64) => Ok(Some(size)),
        Err(error) if error.kind() != io::ErrorKind::InvalidData => Err(error),
        _ => Ok(None),
    }
}
