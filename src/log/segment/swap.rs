//! A segment that goes out of its log, or comes into it in the place of others: its files change
//! their names while readers find it.
//!
//! Whoever has found a segment goes on with it: what is deleted is found under its other name, and
//! what was replaced by a compacted one keeps its files open until nobody knows it any more.

use super::{Segment, SegmentFiles};
use crate::log::error::StorageError;
use crate::log::time_index::Largest;
use crate::log::{names, steps};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where a segment is on its way into its log or out of it. Changed under the lock on its files.
#[derive(Default)]
pub(super) struct Passage {
    /// It is no part of the log any more, and its files bear other names.
    deleted: AtomicBool,
    /// Its files stay open, for a compacted one is about to take its place.
    kept: AtomicBool,
    /// A compacted one has taken its place.
    replaced: AtomicBool,
    /// It was compacted since the log was opened.
    pub(super) compacted: AtomicBool,
    /// Its files still bear the names of a swap.
    swapping: AtomicBool,
}

/// A compacted segment, as its files are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compacted {
    pub(crate) base: i64,
    /// Bytes of batches.
    pub(crate) size: u64,
    /// Bytes of the transaction index.
    pub(crate) txn_size: u64,
    pub(crate) largest: Largest,
}

impl Segment {
    /// Where a file of the segment is now.
    pub(super) fn path(&self, path: PathBuf) -> PathBuf {
        match (is(&self.passage.deleted), is(&self.passage.swapping)) {
            (true, _) => names::deleted(&path),
            (false, true) => names::swapped(&path),
            (false, false) => path,
        }
    }

    /// The files could not be found again by their names, or are kept on purpose.
    pub(super) fn must_stay_open(&self) -> bool {
        is(&self.passage.kept) || is(&self.passage.swapping)
    }

    /// Its files bear the names of a swap still. They are nobody else's to use: another compaction
    /// would put its own files in their place.
    pub(crate) fn is_swapping(&self) -> bool {
        is(&self.passage.swapping)
    }

    /// Whether the segment was given up: nothing in it counts any more.
    pub(crate) fn is_deleted(&self) -> bool {
        is(&self.passage.deleted)
    }

    /// Gives the segment's files the names of files that are on their way out, and says which.
    /// Readers that hold them are not disturbed, those that open them now find them.
    ///
    /// # Errors
    /// When the records' file cannot be renamed. What else is not renamed has no records any more,
    /// and goes when the log is opened again.
    pub(crate) fn rename_deleted(&self, dir: &Path) -> Result<Vec<PathBuf>, StorageError> {
        let mut files = self.lock();
        let mut renamed = Vec::new();
        for path in names::segment_files(dir, self.base) {
            steps::reached(dir);
            let (path, to) = (self.path(path.clone()), names::deleted(&path));
            match fs::rename(&path, &to) {
                Ok(()) => renamed.push(to),
                Err(error) if renamed.is_empty() => {
                    return Err(StorageError::new("rename", &path, error));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    ::log::warn!(path:% = path.display(), error:%; "cannot rename a file")
                }
            }
        }
        self.passage.deleted.store(true, Ordering::Release);
        if !is(&self.passage.kept) {
            files.take();
        }
        Ok(renamed)
    }

    /// A compacted segment whose files still bear the names of a swap.
    ///
    /// # Errors
    /// When they cannot be opened.
    pub(crate) fn swapping(dir: &Path, compacted: &Compacted) -> Result<Segment, StorageError> {
        let segment = Segment::new(compacted.base, compacted.size);
        segment.set_opened_largest(compacted.largest);
        segment.set_txn_size(compacted.txn_size);
        segment.passage.compacted.store(true, Ordering::Release);
        segment.passage.swapping.store(true, Ordering::Release);
        *segment.lock() = Some(Arc::new(segment.open_all(dir)?));
        Ok(segment)
    }

    /// Gives its files their final names, the `.log` last: with it the swap is complete.
    ///
    /// # Errors
    /// When a file cannot be renamed. It is read as before; the next start completes the swap.
    pub(crate) fn complete_swap(&self, dir: &Path) -> Result<(), StorageError> {
        let mut files = self.lock();
        let [log, others @ ..] = names::segment_files(dir, self.base);
        for path in others.iter().chain([&log]) {
            steps::reached(dir);
            match fs::rename(names::swapped(path), path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && *path != log => {}
                done => done.map_err(StorageError::on("rename", path))?,
            }
        }
        self.passage.swapping.store(false, Ordering::Release);
        files.take();
        Ok(())
    }

    /// Keeps the files open for those who have found the segment: another one is about to take its
    /// place.
    ///
    /// # Errors
    /// When they cannot be opened.
    pub(crate) fn keep_files(&self, dir: &Path) -> Result<(), StorageError> {
        let mut files = self.lock();
        *files = Some(Arc::new(self.open_all(dir)?));
        self.passage.kept.store(true, Ordering::Release);
        Ok(())
    }

    /// No compacted segment takes its place after all.
    pub(crate) fn let_go_of_files(&self) {
        self.passage.kept.store(false, Ordering::Release);
    }

    /// A compacted segment takes its place at this moment.
    pub(crate) fn set_replaced(&self) {
        self.passage.replaced.store(true, Ordering::Release);
    }

    /// Whether a compacted one has taken its place: aborted transactions that this one has records
    /// of may not be in any index any more.
    pub(crate) fn is_replaced(&self) -> bool {
        is(&self.passage.replaced)
    }

    /// It was compacted since the log was opened: a bound from before, which names a byte of the
    /// segment that was here then, says nothing of this one.
    pub(crate) fn is_compacted(&self) -> bool {
        is(&self.passage.compacted)
    }

    /// Opens every file that the segment has.
    fn open_all(&self, dir: &Path) -> Result<SegmentFiles, StorageError> {
        let files = self.open(dir)?;
        if self.has_aborted() {
            self.open_txn(dir, &files)?;
        }
        Ok(files)
    }
}

fn is(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Acquire)
}
