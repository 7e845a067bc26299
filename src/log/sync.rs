//! Bringing files and directories to the disk, in one place, so that tests can see each time it is
//! done and say that it failed.
//!
//! What is written reaches the page cache, which survives the process. Only what passes through
//! here survives a power cut: the bytes and the size of a file by [`file`] or [`front`], names in a
//! directory by [`dir`]. A call that failed is never made again for the same bytes: the kernel may have
//! dropped them and would report success (known as fsyncgate).
//!
//! All of it blocks and belongs to keepers, to start and to stop.

use super::error::StorageError;
use super::file::GrowingFile;
use super::whole_file::open_regular;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What a sync is about.
#[derive(Clone, Copy, Debug)]
pub enum Synced<'a> {
    /// The bytes and the size of a file.
    File(&'a Path, &'a File),
    /// The first so many bytes of a file, and its size.
    Front(&'a Path, &'a File, u64),
    /// The names in a directory.
    Directory(&'a Path),
    /// Everything on the volume that holds this directory.
    Volume(&'a Path),
}

/// Sees every sync of the process. For tests: without one, nothing but a flag is looked at.
pub trait Observer: Send + Sync {
    /// A sync is about to begin. What it is about is on the disk for sure only as it is now.
    ///
    /// # Errors
    /// What the disk shall answer instead of being asked.
    fn begin(&self, what: Synced<'_>) -> io::Result<()>;

    /// The sync has succeeded.
    fn done(&self, what: Synced<'_>);
}

static OBSERVED: AtomicBool = AtomicBool::new(false);
static OBSERVER: RwLock<Option<Arc<dyn Observer>>> = RwLock::new(None);
/// Syncs that were asked of the disk, for measurements.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Puts an observer of the whole process in place, or takes it away.
pub fn observe(observer: Option<Arc<dyn Observer>>) {
    let mut place = OBSERVER.write().unwrap_or_else(PoisonError::into_inner);
    OBSERVED.store(observer.is_some(), Ordering::Release);
    *place = observer;
}

/// How many syncs this process has asked of its disks.
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// Brings the bytes of a file and its size to the disk.
///
/// # Errors
/// When the disk fails: what the file had and the disk had not may be lost.
pub fn file(file: &File, path: &Path) -> Result<(), StorageError> {
    observed(Synced::File(path, file), || file.sync_data()).map_err(StorageError::on("flush", path))
}

/// The same of a file that may be lean.
///
/// # Errors
/// As [`file`], and when it cannot be opened.
pub(crate) fn growing(growing: &GrowingFile, path: &Path) -> Result<(), StorageError> {
    let opened = growing.file().map_err(StorageError::on("open", path))?;
    file(&opened, path)
}

/// Brings the first `len` bytes of a file that grows to the disk, and its size; the rest too where
/// it cannot be left.
///
/// # Errors
/// When the disk fails: what the file had and the disk had not may be lost.
pub(crate) fn front(growing: &GrowingFile, len: u64, path: &Path) -> Result<(), StorageError> {
    let opened = growing.file().map_err(StorageError::on("open", path))?;
    let Some(sync) = growing.front(len) else { return file(&opened, path) };
    observed(Synced::Front(path, &opened, len), sync).map_err(StorageError::on("flush", path))
}

/// The same as [`file`] with all that is said of the file: the time of its last change.
///
/// # Errors
/// When the disk fails.
pub fn whole_file(file: &File, path: &Path) -> Result<(), StorageError> {
    observed(Synced::File(path, file), || file.sync_all()).map_err(StorageError::on("flush", path))
}

/// The same as [`file`] for a file that is not open.
///
/// # Errors
/// When it cannot be opened, or the disk fails.
pub fn file_at(path: &Path) -> Result<(), StorageError> {
    let opened = open_regular(path).map_err(StorageError::on("open", path))?;
    file(&opened, path)
}

/// Brings the names in a directory to the disk: what was made, renamed and removed in it.
///
/// # Errors
/// When it cannot be opened, or the disk fails.
pub fn dir(path: &Path) -> Result<(), StorageError> {
    Directory::open(path)?.sync()
}

/// A directory that is open: its names can be brought to the disk, whatever becomes of the descriptors.
pub(crate) struct Directory<'p> {
    path: &'p Path,
    opened: File,
}

impl<'p> Directory<'p> {
    pub(crate) fn open(path: &'p Path) -> Result<Directory<'p>, StorageError> {
        let opened = File::open(path).map_err(StorageError::on("open", path))?;
        Ok(Directory { path, opened })
    }

    /// See [`dir`].
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        let what = Synced::Directory(self.path);
        observed(what, || self.opened.sync_all()).map_err(StorageError::on("flush", self.path))
    }

    pub(crate) fn path(&self) -> &Path {
        self.path
    }
}

/// Whether there is such a call as [`volume`] makes.
pub(crate) const KNOWS_VOLUMES: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Brings everything on the volume of an open directory to the disk: for many files one call.
pub(crate) fn volume(opened: &File, path: &Path) -> io::Result<()> {
    observed(Synced::Volume(path), || sync_volume(opened))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn sync_volume(opened: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open as long as `opened` is borrowed; the call touches no memory.
    match unsafe { libc::syncfs(opened.as_raw_fd()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Elsewhere `sync` only begins, and waits for nothing.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn sync_volume(_opened: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn observed(what: Synced<'_>, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    COUNT.fetch_add(1, Ordering::Relaxed);
    if !OBSERVED.load(Ordering::Acquire) {
        return sync();
    }
    let observer = OBSERVER.read().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(observer) = observer else { return sync() };
    observer.begin(what)?;
    sync()?;
    observer.done(what);
    Ok(())
}
