//! A segment: one `.log` with its `.index` and `.timeindex`, from a base offset up to the next
//! segment's.
//!
//! Files are opened when they are first needed and mapped when they are first touched, so that an
//! idle partition holds neither descriptors nor mappings, and opening ten thousand of them is
//! cheap. Only the last segment of a log grows, through the [`Tails`] that the writer holds.

mod aborted;
mod files;
mod swap;
mod tails;

use super::at_hand::AtHand;
use super::error::StorageError;
use super::file::{GrowingFile, Opened, Short, Tail};
use super::home::Home;
use super::index;
use super::names::SegmentPaths;
use super::time_index::Largest;
use super::verified::Verified;
use super::{file, limits, names, time_index};
use crate::wire::records::NO_TIMESTAMP;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

pub(crate) use swap::Compacted;
use swap::Passage;
pub(crate) use tails::{Capacities, Tails};

/// Segments that are only read from whose files are kept open. Beyond [`limits::open_segments`] they
/// are opened for one read and closed when the reply has left.
static CACHED: AtomicUsize = AtomicUsize::new(0);

/// The open files of a segment.
pub(crate) struct SegmentFiles {
    base: i64,
    pub(crate) log: Arc<GrowingFile>,
    pub(crate) index: Arc<GrowingFile>,
    pub(crate) time: Arc<GrowingFile>,
    /// The transaction index, once it was asked for.
    txn: OnceLock<Arc<Opened>>,
    pub(super) verified: Arc<Verified>,
    /// What of it was in memory a moment ago.
    pub(super) seen: AtHand,
    /// Counted in [`CACHED`].
    counted: bool,
}

impl Drop for SegmentFiles {
    fn drop(&mut self) {
        if self.counted {
            CACHED.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// One segment of a log.
pub(crate) struct Segment {
    pub(crate) base: i64,
    size: AtomicU64,
    /// Bytes of index entries, once the segment is sealed: its file may have a reserve behind them
    /// still, that goes at any moment. Before that, or if it was found so: all of the file.
    index_size: AtomicU64,
    /// The same of the time index.
    time_size: AtomicU64,
    /// Bytes of the transaction index, 0 if there is none.
    txn_size: AtomicU64,
    files: Mutex<Option<Arc<SegmentFiles>>>,
    passage: Passage,
    /// The largest timestamp of what was there when the segment was opened, found when it is
    /// first asked for.
    opened_largest: OnceLock<Largest>,
    /// The largest timestamp of what was appended since, if it is larger, and where that is.
    appended_max_timestamp: AtomicI64,
    appended_max_offset: AtomicI64,
    /// What is known of the bytes that were found; made when the files are first opened.
    verified: OnceLock<Arc<Verified>>,
    found: u64,
    /// No batch that was found has this offset or a later one.
    upper: AtomicI64,
}

impl Segment {
    /// A segment whose `.log` has `size` bytes of batches; nothing is opened yet.
    pub(crate) fn new(base: i64, size: u64) -> Segment {
        Segment {
            base,
            size: AtomicU64::new(size),
            index_size: AtomicU64::new(u64::MAX),
            time_size: AtomicU64::new(u64::MAX),
            txn_size: AtomicU64::new(0),
            files: Mutex::new(None),
            passage: Passage::default(),
            opened_largest: OnceLock::new(),
            appended_max_timestamp: AtomicI64::new(NO_TIMESTAMP),
            appended_max_offset: AtomicI64::new(base),
            verified: OnceLock::new(),
            found: size,
            upper: AtomicI64::new(i64::MAX),
        }
    }

    /// Tells where the next segment begins, or the log ends: before the files are opened.
    pub(crate) fn set_upper(&self, offset: i64) {
        self.upper.store(offset, Ordering::Relaxed);
    }

    /// Recovery has checked all of it: readers need not.
    pub(crate) fn set_checked(&self) {
        let _ = self.verified.set(Verified::all());
    }

    fn verified(&self) -> Arc<Verified> {
        let make = || match self.found {
            0 => Verified::all(),
            found => Verified::nothing_of(found, self.upper.load(Ordering::Relaxed)),
        };
        self.verified.get_or_init(make).clone()
    }

    /// All of it was written, or read by recovery, in this process' time.
    pub(crate) fn is_own(&self) -> bool {
        self.verified().is_everything()
    }

    /// A new segment with files that were made for it.
    pub(crate) fn fresh(base: i64, tails: &Tails) -> Segment {
        let segment = Segment::new(base, 0);
        segment.set_opened_largest(Largest::none(base));
        *segment.lock() = Some(Arc::new(tails.files(base, segment.verified())));
        segment
    }

    /// Bytes of batches.
    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<SegmentFiles>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The segment's files, opened if they are not.
    pub(crate) fn files(&self, dir: &Path) -> Result<Arc<SegmentFiles>, StorageError> {
        self.files_for_now(dir).map(|(files, _)| files)
    }

    /// The same, and whether they were opened for the caller, who may [`Segment::release`] them then. The writer may
    /// open the segment at any moment: only under the lock it is certain whose they are.
    pub(crate) fn files_for_now(
        &self,
        dir: &Path,
    ) -> Result<(Arc<SegmentFiles>, bool), StorageError> {
        let mut files = self.lock();
        if let Some(files) = files.as_ref() {
            return Ok((files.clone(), false));
        }
        let mut opened = self.open(dir)?;
        opened.counted = CACHED.fetch_add(1, Ordering::Relaxed) < limits::open_segments()
            && file::mappings() < limits::mappings();
        if !opened.counted {
            CACHED.fetch_sub(1, Ordering::Relaxed);
            return Ok((Arc::new(opened), true));
        }
        Ok((files.insert(Arc::new(opened)).clone(), true))
    }

    /// The files if they are open.
    pub(crate) fn opened(&self) -> Option<Arc<SegmentFiles>> {
        self.lock().clone()
    }

    fn open(&self, dir: &Path) -> Result<SegmentFiles, StorageError> {
        let path = self.path(names::log_file(dir, self.base));
        let log = File::open(&path).map_err(StorageError::on("open", &path))?;
        let size = log.metadata().map_err(StorageError::on("open", &path))?.len();
        if size < self.size() {
            let short = Short { has: size, needs: self.size() };
            return Err(StorageError::new("read", &path, short.into()));
        }
        let sealed = |path: PathBuf, size: &AtomicU64, entry| {
            let path = self.path(path);
            let file = File::open(&path).map_err(StorageError::on("open", &path))?;
            let there = file.metadata().map_err(StorageError::on("open", &path))?.len();
            let there = there.min(size.load(Ordering::Acquire));
            Ok::<_, StorageError>(GrowingFile::sealed(file, there / entry * entry))
        };
        let index = sealed(names::index_file(dir, self.base), &self.index_size, index::ENTRY)?;
        let time = names::time_index_file(dir, self.base);
        let time = sealed(time, &self.time_size, time_index::ENTRY)?;
        let log = GrowingFile::sealed(log, self.size());
        let (base, txn, verified) = (self.base, OnceLock::new(), self.verified());
        let seen = AtHand::default();
        Ok(SegmentFiles { base, log, index, time, txn, verified, seen, counted: false })
    }

    /// Lets go of the files; readers that still send from them keep them. While a swap is under way
    /// they could not be found again.
    pub(crate) fn release_files(&self) {
        drop(self.take_files());
    }

    /// The same, unless they are counted among those that readers keep open.
    pub(super) fn release_uncounted(&self) {
        if self.opened().is_some_and(|files| !files.counted) {
            self.release_files();
        }
    }

    /// The same, but it is the caller who closes them if nobody else has them: that takes milliseconds
    /// where much of a large mapping was used.
    pub(crate) fn take_files(&self) -> Option<Arc<SegmentFiles>> {
        self.lock().take_if(|files| !self.must_keep(files))
    }

    /// The same if these are the files that it has: by now the writer may have opened it, and readers
    /// must find his.
    pub(crate) fn release(&self, files: &Arc<SegmentFiles>) {
        self.lock().take_if(|held| Arc::ptr_eq(held, files) && !self.must_keep(held));
    }

    /// These files could not be found again by their names; or the writer appends to them, and whoever opened the
    /// segment anew would have files that do not grow, in which the end of the log is not.
    fn must_keep(&self, files: &SegmentFiles) -> bool {
        self.must_stay_open() || !files.log.is_sealed()
    }

    /// Opens the files for writing. Only for the last segment, by the writer.
    pub(crate) fn activate(
        &self,
        dir: &Path,
        capacities: Capacities,
    ) -> Result<Tails, StorageError> {
        let open = |path: &Path, len: Option<u64>, capacity, slot| {
            let file = File::options().read(true).write(true).open(path);
            let tail = file.and_then(|file| {
                let len = len.map_or_else(|| file.metadata().map(|meta| meta.len()), Ok)?;
                Tail::new(file, len, len.saturating_add(slot).max(capacity))
            });
            tail.map_err(StorageError::on("open", path))
        };
        let paths = SegmentPaths::of(dir, self.base);
        let log = open(&paths.log, Some(self.size()), capacities.log, 0)?;
        // Behind what is known of them there may be a reserve that could not be cut off.
        let known =
            |size: &AtomicU64| Some(size.load(Ordering::Acquire)).filter(|&size| size != u64::MAX);
        let index = open(&paths.index, known(&self.index_size), capacities.index, 0)?;
        // One that is full still has the slot for its last entry.
        let time = open(&paths.time, known(&self.time_size), capacities.time, time_index::ENTRY)?;
        let tails = Tails { log, index, time };
        *self.lock() = Some(Arc::new(tails.files(self.base, self.verified())));
        self.passage.compacted.store(false, Ordering::Release);
        Ok(tails)
    }

    /// Gives all descriptors back that only the writer and readers of the moment may need.
    pub(crate) fn go_lean(&self, tails: &Tails, home: &Home) -> io::Result<()> {
        tails.go_lean(home, self.base)?;
        let mut files = self.lock();
        if files.as_ref().is_some_and(|files| files.txn.get().is_some()) {
            *files = Some(Arc::new(tails.files(self.base, self.verified())));
        }
        Ok(())
    }

    /// Ends writing to the segment.
    pub(crate) fn seal(&self, tails: Tails) -> Arc<SegmentFiles> {
        self.index_size.store(tails.index.len(), Ordering::Release);
        self.time_size.store(tails.time.len(), Ordering::Release);
        let [log, index, time] = tails.seal();
        let (base, txn, verified) = (self.base, OnceLock::new(), self.verified());
        let seen = AtHand::default();
        let sealed = SegmentFiles { base, log, index, time, txn, verified, seen, counted: false };
        self.lock().insert(Arc::new(sealed)).clone()
    }

    /// Notes an append that has been published in the file: its size, and the largest timestamp if
    /// that is a new one.
    pub(crate) fn appended(&self, size: u64, largest: Option<Largest>) {
        if let Some(Largest { timestamp, offset }) = largest {
            self.appended_max_timestamp.store(timestamp, Ordering::Relaxed);
            self.appended_max_offset.store(offset, Ordering::Release);
        }
        self.size.store(size, Ordering::Release);
    }

    /// Tells what recovery found out on its way.
    pub(crate) fn set_opened_largest(&self, largest: Largest) {
        let _ = self.opened_largest.set(largest);
    }

    /// The largest timestamp of what was there when the segment was opened: the last entry of its
    /// time index, for that is complete in a segment that was closed.
    pub(crate) fn opened_largest(&self, dir: &Path) -> Result<Largest, StorageError> {
        if let Some(&known) = self.opened_largest.get() {
            return Ok(known);
        }
        // Nobody renames it meanwhile.
        let files = self.lock();
        let path = self.path(names::time_index_file(dir, self.base));
        let last = match files.as_ref().filter(|_| self.must_stay_open()) {
            Some(kept) => time_index::ask(&kept.time, self.base, |entries| entries.last()),
            // Retention asks for this of every segment there is: none is opened for it.
            None => File::open(&path).and_then(|file| {
                let size = file.metadata()?.len().min(self.time_size.load(Ordering::Acquire));
                time_index::Entries::new(&file, size, self.base).last()
            }),
        };
        let last = last.map_err(StorageError::on("read", &path))?;
        Ok(*self.opened_largest.get_or_init(|| last.unwrap_or(Largest::none(self.base))))
    }

    /// The largest timestamp of any batch, and that batch's last offset. Of two numbers that an
    /// append changes one may be the newer: who uses both looks at the batch.
    pub(crate) fn largest(&self, dir: &Path) -> Result<Largest, StorageError> {
        let opened = self.opened_largest(dir)?;
        let offset = self.appended_max_offset.load(Ordering::Acquire);
        let timestamp = self.appended_max_timestamp.load(Ordering::Relaxed);
        let appended = timestamp > opened.timestamp;
        Ok(if appended { Largest { timestamp, offset } } else { opened })
    }

    /// The largest timestamp of any batch, -1 if there is none.
    pub(crate) fn max_timestamp(&self, dir: &Path) -> Result<i64, StorageError> {
        let appended = self.appended_max_timestamp.load(Ordering::Relaxed);
        Ok(self.opened_largest(dir)?.timestamp.max(appended))
    }
}

impl SegmentFiles {
    /// The segment's base offset.
    pub(super) fn base(&self) -> i64 {
        self.base
    }

    /// Bytes of batches that are found in these files. Not those of the segment, where no bound says up to where: the
    /// writer may have opened it and appended since they were found, to files that are not these.
    pub(super) fn size(&self) -> u64 {
        self.log.len()
    }

    pub(super) fn failed(&self, suffix: &str, error: io::Error) -> StorageError {
        let name = format!("{:020}.{suffix}", self.base);
        StorageError::new("read", Path::new(&name), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn who_lets_go_of_files_leaves_those_that_the_writer_has_opened_since() {
        let dir = std::env::temp_dir().join(format!("barnabas-segment-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let capacities = Capacities { log: 1 << 16, index: 1 << 10, time: 1 << 10 };
        drop(Tails::create(&SegmentPaths::of(&dir, 0), capacities).unwrap());
        let segment = Segment::new(0, 0);
        let looked_at = segment.files(&dir).unwrap();
        let tails = segment.activate(&dir, capacities).unwrap();
        segment.release(&looked_at);
        let held = segment.opened().unwrap();
        assert!(Arc::ptr_eq(&held.log, tails.log.shared()), "readers see what is appended");
        segment.release(&held);
        segment.release_files();
        assert!(segment.opened().is_some_and(|files| Arc::ptr_eq(&files, &held)), "they are his");
        let sealed = segment.seal(tails);
        segment.release(&held);
        assert!(segment.opened().is_some(), "they are others now");
        segment.release(&sealed);
        assert!(segment.opened().is_none());
        fs::remove_dir_all(dir).unwrap();
    }
}
