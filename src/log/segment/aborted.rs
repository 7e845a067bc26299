//! The aborted transactions of a segment: noted before their markers are appended, told to readers.

use super::{Segment, SegmentFiles};
use crate::log::error::StorageError;
use crate::log::file::Opened;
use crate::log::names;
use crate::log::txn_index::{AbortedTxn, ENTRY, TxnIndex};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering;

impl Segment {
    /// There is something in its transaction index.
    pub(crate) fn has_aborted(&self) -> bool {
        self.txn_size.load(Ordering::Acquire) > 0
    }

    /// Says how large its transaction index is.
    pub(crate) fn set_txn_size(&self, size: u64) {
        self.txn_size.store(size, Ordering::Release);
    }

    /// Writes the entry behind the others in the transaction index, where nobody looks before
    /// [`Segment::publish_aborted`]. By the writer, before it appends the marker: what fails here
    /// must leave no marker without its entry.
    pub(crate) fn stage_aborted(&self, dir: &Path, txn: AbortedTxn) -> Result<(), StorageError> {
        let path = names::txn_index_file(dir, self.base);
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(false).open(&path);
        let at = self.txn_size.load(Ordering::Acquire);
        let written = file.and_then(|file| file.write_all_at(&txn.to_bytes(), at));
        written.map_err(StorageError::on("write", &path))
    }

    /// Shows the entry that was staged.
    pub(crate) fn publish_aborted(&self) {
        self.txn_size.fetch_add(ENTRY as u64, Ordering::AcqRel);
    }

    /// The transaction index, opened. Needs the lock on the files, lest it be renamed meanwhile.
    pub(super) fn open_txn<'f>(
        &self,
        dir: &Path,
        files: &'f SegmentFiles,
    ) -> Result<&'f File, StorageError> {
        let path = self.path(names::txn_index_file(dir, self.base));
        let file = File::open(&path).map_err(StorageError::on("open", &path))?;
        Ok(files.txn.get_or_init(|| Opened::new(file)))
    }

    /// Adds the aborted transactions of its index that overlap the offsets `from..to`; true if no
    /// later segment can have any more of them.
    pub(crate) fn collect_aborted(
        &self,
        dir: &Path,
        (from, to): (i64, i64),
        found: &mut Vec<AbortedTxn>,
    ) -> Result<bool, StorageError> {
        let size = self.txn_size.load(Ordering::Acquire);
        let path = names::txn_index_file(dir, self.base);
        let files = self.files(dir)?;
        let file = match files.txn.get() {
            Some(file) => file,
            None => {
                // Nobody renames it meanwhile.
                let _renaming = self.lock();
                self.open_txn(dir, &files)?
            }
        };
        TxnIndex::new(file, size).collect(from, to, found).map_err(StorageError::on("read", &path))
    }
}
