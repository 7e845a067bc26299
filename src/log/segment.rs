//! A segment: one `.log` with its `.index` and `.timeindex`, from a base offset up to the next
//! segment's.
//!
//! Files are opened when they are first needed and mapped when they are first touched, so that an
//! idle partition holds neither descriptors nor mappings, and opening ten thousand of them is
//! cheap. Only the last segment of a log grows, through the [`Tails`] that the writer holds.

use super::error::StorageError;
use super::file::{GrowingFile, Tail};
use super::index::{self, Entries, IndexEntry};
use super::names::SegmentPaths;
use super::scan::{Found, Headers};
use super::time_index::Largest;
use super::{names, time_index};
use crate::wire::records::NO_TIMESTAMP;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Files of segments that are no longer written to are kept open up to this many in the process
/// (three descriptors and up to two mappings each; the kernel allows 65,530 mappings). Beyond it
/// they are opened for one read and closed when the reply has left.
const MAX_CACHED: usize = 4096;
static CACHED: AtomicUsize = AtomicUsize::new(0);

/// The open files of a segment.
pub(crate) struct SegmentFiles {
    base: i64,
    pub(crate) log: Arc<GrowingFile>,
    pub(crate) index: Arc<GrowingFile>,
    pub(crate) time: Arc<GrowingFile>,
    /// The transaction index, once it was asked for.
    pub(super) txn: OnceLock<File>,
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

/// The writing halves of a segment's files.
pub(crate) struct Tails {
    pub(crate) log: Tail,
    pub(crate) index: Tail,
    pub(crate) time: Tail,
}

/// The address space of a segment's files: what they may grow to. It costs nothing until a file is
/// mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacities {
    pub(crate) log: u64,
    pub(crate) index: u64,
    pub(crate) time: u64,
}

impl Tails {
    fn files(&self, base: i64) -> SegmentFiles {
        let [log, index, time] =
            [&self.log, &self.index, &self.time].map(|tail| tail.shared().clone());
        SegmentFiles { base, log, index, time, txn: OnceLock::new(), counted: false }
    }

    /// New, empty files at these paths, where none may be.
    pub(crate) fn create(
        paths: &SegmentPaths,
        capacities: Capacities,
    ) -> Result<Tails, StorageError> {
        let create = |path: &Path, capacity| {
            let mut options = File::options();
            let file = options.read(true).write(true).create_new(true).open(path);
            file.and_then(|file| Tail::new(file, 0, capacity))
                .map_err(StorageError::on("create", path))
        };
        let discard = |path: &Path| {
            let _ = fs::remove_file(path);
        };
        let log = create(&paths.log, capacities.log)?;
        let index = create(&paths.index, capacities.index).inspect_err(|_| discard(&paths.log))?;
        let time = create(&paths.time, capacities.time).inspect_err(|_| {
            discard(&paths.log);
            discard(&paths.index);
        })?;
        Ok(Tails { log, index, time })
    }

    /// What they can grow to.
    pub(crate) fn capacities(&self) -> Capacities {
        let [log, index, time] =
            [&self.log, &self.index, &self.time].map(|tail| tail.shared().capacity());
        Capacities { log, index, time }
    }

    /// Ends writing to all of them.
    pub(crate) fn seal(self) -> [Arc<GrowingFile>; 3] {
        [self.log, self.index, self.time].map(Tail::seal)
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
    pub(super) time_size: AtomicU64,
    /// Bytes of the transaction index, 0 if there is none.
    pub(super) txn_size: AtomicU64,
    files: Mutex<Option<Arc<SegmentFiles>>>,
    /// The segment is no part of the log any more, and its files bear other names.
    deleted: AtomicBool,
    /// The largest timestamp of what was there when the segment was opened, found when it is
    /// first asked for.
    pub(super) opened_largest: OnceLock<Largest>,
    /// The largest timestamp of what was appended since, if it is larger, and where that is.
    pub(super) appended_max_timestamp: AtomicI64,
    pub(super) appended_max_offset: AtomicI64,
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
            deleted: AtomicBool::new(false),
            opened_largest: OnceLock::new(),
            appended_max_timestamp: AtomicI64::new(NO_TIMESTAMP),
            appended_max_offset: AtomicI64::new(base),
        }
    }

    /// A new segment with files that were made for it.
    pub(crate) fn fresh(base: i64, tails: &Tails) -> Segment {
        let segment = Segment::new(base, 0);
        segment.set_opened_largest(Largest::none(base));
        *segment.lock() = Some(Arc::new(tails.files(base)));
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
        let mut files = self.lock();
        if let Some(files) = files.as_ref() {
            return Ok(files.clone());
        }
        let mut opened = self.open(dir)?;
        opened.counted = CACHED.fetch_add(1, Ordering::Relaxed) < MAX_CACHED;
        if !opened.counted {
            CACHED.fetch_sub(1, Ordering::Relaxed);
            return Ok(Arc::new(opened));
        }
        Ok(files.insert(Arc::new(opened)).clone())
    }

    /// The files if they are open.
    pub(crate) fn opened(&self) -> Option<Arc<SegmentFiles>> {
        self.lock().clone()
    }

    /// A reader may have found the segment a moment before it was deleted: it finds its files, too.
    pub(super) fn path(&self, path: PathBuf) -> PathBuf {
        if self.deleted.load(Ordering::Acquire) { names::deleted(&path) } else { path }
    }

    fn open(&self, dir: &Path) -> Result<SegmentFiles, StorageError> {
        let path = self.path(names::log_file(dir, self.base));
        let log = File::open(&path).map_err(StorageError::on("open", &path))?;
        let size = log.metadata().map_err(StorageError::on("open", &path))?.len();
        if size < self.size() {
            let why = format!("it has {size} bytes, {} were written to it", self.size());
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, why);
            return Err(StorageError::new("read", &path, error));
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
        let (base, txn) = (self.base, OnceLock::new());
        Ok(SegmentFiles { base, log, index, time, txn, counted: false })
    }

    /// Lets go of the files; readers that still send from them keep them.
    pub(crate) fn release_files(&self) {
        self.lock().take();
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
        let index = open(&paths.index, None, capacities.index, 0)?;
        // One that is full still has the slot for its last entry.
        let time = open(&paths.time, None, capacities.time, time_index::ENTRY)?;
        let tails = Tails { log, index, time };
        *self.lock() = Some(Arc::new(tails.files(self.base)));
        Ok(tails)
    }

    /// Ends writing to the segment.
    pub(crate) fn seal(&self, tails: Tails) -> Arc<SegmentFiles> {
        self.index_size.store(tails.index.len(), Ordering::Release);
        self.time_size.store(tails.time.len(), Ordering::Release);
        let [log, index, time] = tails.seal();
        let (base, txn) = (self.base, OnceLock::new());
        let sealed = SegmentFiles { base, log, index, time, txn, counted: false };
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

    /// Whether the segment was given up: nothing in it counts any more.
    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
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
            let to = names::deleted(&path);
            match fs::rename(&path, &to) {
                Ok(()) => renamed.push(to),
                Err(error) if renamed.is_empty() => {
                    return Err(StorageError::new("rename", &path, error));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => ::log::warn!("cannot rename {}: {error}", path.display()),
            }
        }
        self.deleted.store(true, Ordering::Release);
        files.take();
        Ok(renamed)
    }

    /// Removes the segment's files. Readers that hold them are not disturbed.
    pub(crate) fn delete(&self, dir: &Path) {
        self.release_files();
        for path in names::segment_files(dir, self.base) {
            let _ = fs::remove_file(path);
        }
    }
}

impl SegmentFiles {
    /// The segment's base offset.
    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    /// The headers of the batches in bytes `from..to` of the `.log`.
    pub(crate) fn headers(&self, from: u64, to: u64) -> Result<Headers<'_>, StorageError> {
        let bytes = self.log.slice(from, to.saturating_sub(from));
        Ok(Headers::new(bytes.map_err(|error| self.failed("log", error))?, from))
    }

    /// The entries of the index.
    pub(crate) fn entries(&self) -> Result<Entries<'_>, StorageError> {
        Entries::of(&self.index).map_err(|error| self.failed("index", error))
    }

    /// Cuts all reserves off.
    pub(crate) fn trim(&self) -> io::Result<()> {
        [&self.log, &self.index, &self.time].into_iter().try_for_each(|file| file.trim())
    }

    pub(super) fn failed(&self, suffix: &str, error: io::Error) -> StorageError {
        let name = format!("{:020}.{suffix}", self.base);
        StorageError::new("map", Path::new(&name), error)
    }

    /// The first batch that ends at or beyond `offset`, among those in the first `end` bytes.
    pub(crate) fn locate(&self, offset: i64, end: u64) -> Result<Option<Found>, StorageError> {
        let relative = u32::try_from(offset.saturating_sub(self.base).max(0)).unwrap_or(u32::MAX);
        let near = match self.entries()?.floor_by_offset(relative) {
            Some(entry) => self.believe(entry, end)?,
            None => None,
        };
        let from = near.map_or(0, |near| near.position);
        Ok(self.headers(from, end)?.find(|found| found.last_offset() >= offset))
    }

    /// The end of the last batch that lies wholly within `max` bytes from the beginning of
    /// `first`, and within the first `end` bytes: a batch boundary.
    pub(crate) fn cut(&self, first: &Found, max: u64, end: u64) -> Result<u64, StorageError> {
        let limit = first.position.saturating_add(max);
        if limit >= end {
            return Ok(end);
        }
        let near = match self.entries()?.floor_by_position(limit.min(u64::from(u32::MAX)) as u32) {
            Some(entry) => self.believe(entry, end)?,
            None => None,
        };
        let from = near.map_or(first.position, |near| near.position.max(first.position));
        let fits = |found: &Found| found.end() <= limit;
        Ok(self.headers(from, end)?.take_while(fits).last().map_or(from, |last| last.end()))
    }

    /// The batch that an index entry points to, if it is the one that the entry describes.
    pub(super) fn believe(
        &self,
        entry: IndexEntry,
        end: u64,
    ) -> Result<Option<Found>, StorageError> {
        let position = u64::from(entry.position);
        if position >= end {
            return Ok(None);
        }
        let described = self.base.saturating_add(i64::from(entry.relative_offset));
        let found = self.headers(position, end)?.next();
        let found = found.filter(|found| found.last_offset() == described);
        if found.is_none() {
            ::log::warn!("the index of segment {} has a wrong entry: {entry:?}", self.base);
        }
        Ok(found)
    }
}
