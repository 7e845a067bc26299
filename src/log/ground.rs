//! What all logs of a data directory stand on: the names in it, and the catalog.
//!
//! A partition that the next start does not find is not on the disk, however well its records are.
//! So the first flush of a log counts only with the name of its directory, with everything that was
//! done before in the data directory (the clean-shutdown marker's removal among it), and with the
//! catalog's records. One sync of the data directory serves all partitions that were made before it.

use super::durability::Durability;
use super::error::StorageError;
use super::flush::there;
use super::flusher::Deliver;
use super::janitor::Janitor;
use super::pressure::Pressure;
use super::sync;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Says whose the data directory is.
const META: &str = "meta.properties";

/// See the module's comment.
pub(crate) struct Ground {
    /// Is told that recovery points have moved.
    pub(super) janitor: Janitor,
    pub(super) off: AtomicBool,
    pub(super) pace_ms: AtomicI64,
    pub(super) pace_bytes: AtomicI64,
    /// What all logs together have not written back.
    pub(super) pressure: Arc<Pressure>,
    pub(super) data_dir: OnceLock<PathBuf>,
    /// Changes of names in the data directory; how many of them everything waits for; how many are
    /// on the disk.
    made: AtomicU64,
    pub(super) must: AtomicU64,
    synced: AtomicU64,
    syncing: Mutex<Option<File>>,
    pub(super) catalog: OnceLock<Arc<Durability>>,
    pub(super) deliver: OnceLock<Deliver>,
    /// The volume as a whole has failed once: files are flushed one by one from then on, and each
    /// says for itself what it lost.
    volume_failed: AtomicBool,
}

impl Ground {
    pub(super) fn new(janitor: Janitor) -> Ground {
        Ground {
            janitor,
            off: AtomicBool::new(false),
            pace_ms: AtomicI64::new(-1),
            pace_bytes: AtomicI64::new(-1),
            pressure: Pressure::new(),
            data_dir: OnceLock::new(),
            made: AtomicU64::new(0),
            must: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            syncing: Mutex::new(None),
            catalog: OnceLock::new(),
            deliver: OnceLock::new(),
            volume_failed: AtomicBool::new(false),
        }
    }

    /// Counts a change of names in the data directory that has just been made.
    pub(crate) fn new_name(&self) -> u64 {
        self.made.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Sees to it that a log in `dir` will be found again.
    pub(super) fn settle(
        &self,
        log: &Durability,
        settled: bool,
        dir: &Path,
    ) -> Result<(), StorageError> {
        let must = self.must.load(Ordering::Acquire);
        if settled || log.born == 0 {
            return self.sync_names(must, dir);
        }
        if let Some(catalog) = self.catalog.get()
            && !std::ptr::eq(&**catalog, log)
        {
            catalog.flush(self)?;
        }
        self.sync_names(must.max(log.born), dir)
    }

    /// Brings the names in the data directory to the disk, as of the change with this number.
    fn sync_names(&self, change: u64, dir: &Path) -> Result<(), StorageError> {
        if self.synced.load(Ordering::Acquire) >= change {
            return Ok(());
        }
        let Some(data_dir) = self.data_dir.get().map(PathBuf::as_path).or(dir.parent()) else {
            return Ok(());
        };
        let _one = lock(&self.syncing);
        if self.synced.load(Ordering::Acquire) < change {
            let made = self.made.load(Ordering::Acquire);
            if self.synced.load(Ordering::Acquire) == 0 {
                // Whose directory it is; without it nothing in it would be believed.
                there(sync::file_at(&data_dir.join(META)))?;
                // It may be new itself; who may not look there has not made it.
                if let Some(above) = data_dir.parent()
                    && File::open(above).is_ok()
                {
                    sync::dir(above)?;
                }
            }
            sync::dir(data_dir)?;
            self.synced.fetch_max(made, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Flushes the whole volume; false if that cannot be done or relied on.
    pub(super) fn sync_volume(&self) -> bool {
        let Some(data_dir) = self.data_dir.get() else { return false };
        if !sync::KNOWS_VOLUMES || self.volume_failed.load(Ordering::Relaxed) {
            return false;
        }
        let made = self.made.load(Ordering::Acquire);
        let mut opened = lock(&self.syncing);
        if opened.is_none() {
            *opened = File::open(data_dir).ok();
        }
        let Some(directory) = opened.as_ref() else { return false };
        match sync::volume(directory, data_dir) {
            Ok(()) => _ = self.synced.fetch_max(made, Ordering::AcqRel),
            Err(why) => {
                self.volume_failed.store(true, Ordering::Relaxed);
                ::log::warn!(
                    dir:% = data_dir.display(), error:% = why;
                    "cannot flush the volume"
                );
            }
        }
        !self.volume_failed.load(Ordering::Relaxed)
    }

    /// Wakes parked requests.
    pub(super) fn deliver(&self, mut keys: Vec<(usize, u64)>) {
        let Some(deliver) = self.deliver.get() else { return };
        keys.sort_unstable();
        for of_worker in keys.chunk_by(|one, other| one.0 == other.0) {
            deliver(of_worker[0].0, of_worker.iter().map(|(_, key)| *key).collect());
        }
    }

    /// How long after its first unflushed byte a log is flushed, if ever.
    pub(super) fn delay_of(&self, log: &Durability) -> Option<Duration> {
        let pace = self.pace_ms.load(Ordering::Relaxed);
        let limits = [pace, log.flush_ms()];
        let ms = limits.into_iter().filter(|ms| (0..i64::MAX).contains(ms)).min()?;
        Some(Duration::from_millis(ms.unsigned_abs()))
    }

    /// Whether a log has more unflushed bytes than it may.
    pub(super) fn is_full(&self, log: &Durability) -> bool {
        self.is_too_much(log.unflushed_bytes())
    }

    /// Whether a log may not leave so many bytes unflushed.
    pub(super) fn is_too_much(&self, bytes: u64) -> bool {
        let limit = u64::try_from(self.pace_bytes.load(Ordering::Relaxed));
        limit.is_ok_and(|limit| bytes >= limit)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What it guards is whole at any time: a handle, a list that is taken at once.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
