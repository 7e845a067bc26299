//! Where a log's files are: its directory, whose name changes once, when the log is deleted.
//!
//! From then on the old name may be another log's, of a topic that was made anew. Whoever opens, makes,
//! renames or removes files by their names must not reach into that one: he does it under [`Home::with`]
//! or [`Home::while_at`], for which the deletion waits. Reading under the old name does no harm where
//! nothing is done with what was read.
//!
//! It comes after the upkeep's and the writer's lock and that on a file's growth, and before that of a segment's files;
//! and nobody takes it twice, nor opens a lean file ([`super::file`]) while he has it, which takes it. What takes long,
//! a sync above all, comes before or after, but where a failed swap is taken back: a deletion that waits makes readers
//! wait who must open files.

use super::error::StorageError;
use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// A log's directory, for all who work in it.
#[derive(Clone)]
pub(crate) struct Home(Arc<RwLock<Arc<Path>>>);

impl Home {
    pub(crate) fn new(dir: &Path) -> Home {
        Home(Arc::new(RwLock::new(Arc::from(dir))))
    }

    /// Where it is now.
    pub(crate) fn path(&self) -> Arc<Path> {
        self.lock().clone()
    }

    /// Does something in the directory, wherever it is, while it stays there.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Path) -> T) -> T {
        work(&self.lock())
    }

    /// The same if it is at `dir` still; else the log was deleted and there is nothing to be done.
    pub(crate) fn while_at<T>(&self, dir: &Path, work: impl FnOnce() -> T) -> Option<T> {
        let now = self.lock();
        (**now == *dir).then(work)
    }

    /// Gives the directory another name.
    ///
    /// # Errors
    /// When the system cannot; it has the old one then.
    pub(crate) fn rename(&self, name: &str) -> Result<(), StorageError> {
        let mut dir = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let to = dir.with_file_name(name);
        fs::rename(&*dir, &to).map_err(StorageError::on("rename", &dir))?;
        *dir = Arc::from(to);
        Ok(())
    }

    fn lock(&self) -> RwLockReadGuard<'_, Arc<Path>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody works in it at this moment.
    #[cfg(test)]
    pub(crate) fn is_busy(&self) -> bool {
        self.0.try_write().is_err()
    }
}
