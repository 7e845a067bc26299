//! A segment: one `.log` and its `.index`, from a base offset up to the next segment's.
//!
//! Files are opened when they are first needed and mapped when they are first touched, so that an
//! idle partition holds neither descriptors nor mappings, and opening ten thousand of them is
//! cheap. Only the last segment of a log grows, through the [`Tails`] that the writer holds.

use super::error::StorageError;
use super::file::{GrowingFile, Tail};
use super::index::{self, Entries, IndexEntry};
use super::names;
use super::scan::{Found, Headers};
use crate::wire::records::NO_TIMESTAMP;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Files of segments that are no longer written to are kept open up to this many in the process
/// (two descriptors and two mappings each; the kernel allows 65,530 mappings). Beyond it they are
/// opened for one read and closed when the reply has left.
const MAX_CACHED: usize = 4096;
static CACHED: AtomicUsize = AtomicUsize::new(0);

/// The open files of a segment.
pub(crate) struct SegmentFiles {
    base: i64,
    pub(crate) log: Arc<GrowingFile>,
    pub(crate) index: Arc<GrowingFile>,
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
}

impl Tails {
    fn files(&self, base: i64) -> SegmentFiles {
        let (log, index) = (self.log.shared().clone(), self.index.shared().clone());
        SegmentFiles { base, log, index, counted: false }
    }

    /// New, empty files at these paths, where none may be.
    pub(crate) fn create(
        (log, index): (&Path, &Path),
        (log_capacity, index_capacity): (u64, u64),
    ) -> Result<Tails, StorageError> {
        let create = |path: &Path, capacity| {
            let mut options = File::options();
            let file = options.read(true).write(true).create_new(true).open(path);
            file.and_then(|file| Tail::new(file, 0, capacity))
                .map_err(StorageError::on("create", path))
        };
        let log_tail = create(log, log_capacity)?;
        let index_tail = create(index, index_capacity).inspect_err(|_| {
            let _ = fs::remove_file(log);
        })?;
        Ok(Tails { log: log_tail, index: index_tail })
    }
}

/// One segment of a log.
pub(crate) struct Segment {
    pub(crate) base: i64,
    size: AtomicU64,
    /// Bytes of index entries, once the segment is sealed: its file may have a reserve behind them
    /// still, that goes at any moment. Before that, or if it was found so: all of the file.
    index_size: AtomicU64,
    files: Mutex<Option<Arc<SegmentFiles>>>,
    /// The segment is no part of the log any more, and its files bear other names.
    deleted: AtomicBool,
    /// The largest timestamp of what was there when the segment was opened, found when it is
    /// first asked for (by the `.timeindex`, once there is one).
    opened_size: u64,
    opened_max_timestamp: OnceLock<i64>,
    /// The largest timestamp of what was appended since.
    appended_max_timestamp: AtomicI64,
}

impl Segment {
    /// A segment whose `.log` has `size` bytes of batches; nothing is opened yet.
    pub(crate) fn new(base: i64, size: u64) -> Segment {
        Segment {
            base,
            size: AtomicU64::new(size),
            index_size: AtomicU64::new(u64::MAX),
            files: Mutex::new(None),
            deleted: AtomicBool::new(false),
            opened_size: size,
            opened_max_timestamp: OnceLock::new(),
            appended_max_timestamp: AtomicI64::new(NO_TIMESTAMP),
        }
    }

    /// A new segment with files that were made for it.
    pub(crate) fn fresh(base: i64, tails: &Tails) -> Segment {
        let segment = Segment::new(base, 0);
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
    fn path(&self, path: PathBuf) -> PathBuf {
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
        let path = self.path(names::index_file(dir, self.base));
        let index = File::open(&path).map_err(StorageError::on("open", &path))?;
        let entries = index.metadata().map_err(StorageError::on("open", &path))?.len();
        let entries = entries.min(self.index_size.load(Ordering::Acquire));
        let index = GrowingFile::sealed(index, entries / index::ENTRY * index::ENTRY);
        let log = GrowingFile::sealed(log, self.size());
        Ok(SegmentFiles { base: self.base, log, index, counted: false })
    }

    /// Lets go of the files; readers that still send from them keep them.
    pub(crate) fn release_files(&self) {
        self.lock().take();
    }

    /// Opens the files for writing. Only for the last segment, by the writer.
    pub(crate) fn activate(
        &self,
        dir: &Path,
        (log_capacity, index_capacity): (u64, u64),
    ) -> Result<Tails, StorageError> {
        let open = |path: PathBuf, len: Option<u64>, capacity| {
            let file = File::options().read(true).write(true).open(&path);
            let tail = file.and_then(|file| {
                let len = len.map_or_else(|| file.metadata().map(|meta| meta.len()), Ok)?;
                Tail::new(file, len, capacity)
            });
            tail.map_err(StorageError::on("open", &path))
        };
        let log = open(names::log_file(dir, self.base), Some(self.size()), log_capacity)?;
        let index = open(names::index_file(dir, self.base), None, index_capacity)?;
        let tails = Tails { log, index };
        *self.lock() = Some(Arc::new(tails.files(self.base)));
        Ok(tails)
    }

    /// Ends writing to the segment.
    pub(crate) fn seal(&self, tails: Tails) -> Arc<SegmentFiles> {
        self.index_size.store(tails.index.len(), Ordering::Release);
        let (log, index) = (tails.log.seal(), tails.index.seal());
        let sealed = SegmentFiles { base: self.base, log, index, counted: false };
        self.lock().insert(Arc::new(sealed)).clone()
    }

    /// Notes an append of `len` bytes that has been published in the file.
    pub(crate) fn appended(&self, size: u64, max_timestamp: i64) {
        let before = self.appended_max_timestamp.load(Ordering::Relaxed);
        self.appended_max_timestamp.store(before.max(max_timestamp), Ordering::Relaxed);
        self.size.store(size, Ordering::Release);
    }

    /// Tells what recovery found out on its way.
    pub(crate) fn set_opened_max_timestamp(&self, timestamp: i64) {
        let _ = self.opened_max_timestamp.set(timestamp);
    }

    /// The largest timestamp of any batch, -1 if there is none.
    pub(crate) fn max_timestamp(&self, dir: &Path) -> Result<i64, StorageError> {
        let appended = self.appended_max_timestamp.load(Ordering::Relaxed);
        if let Some(&opened) = self.opened_max_timestamp.get() {
            return Ok(opened.max(appended));
        }
        let files = self.files(dir)?;
        let headers = files.headers(0, self.opened_size)?;
        let max = headers.map(|found| found.header.max_timestamp).max().unwrap_or(NO_TIMESTAMP);
        Ok((*self.opened_max_timestamp.get_or_init(|| max)).max(appended))
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
    /// The headers of the batches in bytes `from..to` of the `.log`.
    pub(crate) fn headers(&self, from: u64, to: u64) -> Result<Headers<'_>, StorageError> {
        let bytes = self.log.slice(from, to.saturating_sub(from));
        Ok(Headers::new(bytes.map_err(|error| self.failed("log", error))?, from))
    }

    /// The entries of the index.
    pub(crate) fn entries(&self) -> Result<Entries<'_>, StorageError> {
        Entries::of(&self.index).map_err(|error| self.failed("index", error))
    }

    fn failed(&self, suffix: &str, error: io::Error) -> StorageError {
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
    fn believe(&self, entry: IndexEntry, end: u64) -> Result<Option<Found>, StorageError> {
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
