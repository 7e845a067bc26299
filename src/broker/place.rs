//! Where a broker's data is: where the configuration says, or for one that is ephemeral in a directory of its own. When
//! one of those is killed it stays, and the next ephemeral broker removes it.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::data_dir::{DataDir, LOCK};
use super::data_dir_error::DataDirError;
use crate::config::Config;
use crate::log::{is_locked, open_regular};

/// How their directories begin, from when they are locked.
pub const EPHEMERAL: &str = "barnabas-ephemeral-";
/// The same until then, a moment.
pub const STARTING: &str = "barnabas-starting-";
/// A directory that is older and still has that name is nobody's.
const START_LIMIT: Duration = Duration::from_secs(600);

/// Where the data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the data directory that the configuration names.
    Kept,
    /// In a directory of its own that is gone when the broker is.
    Temporary,
}

impl Place {
    /// Why there would be no place for a broker with this configuration, as far as can be told without touching it.
    pub fn refusal(self, config: &Config) -> Option<DataDirError> {
        if self == Place::Temporary {
            return None;
        }
        let path = config.data_dir();
        let in_use = || open_regular(&path.join(LOCK)).and_then(|file| is_locked(&file));
        let refused = DataDir::check(path, config.node_id()).err();
        refused
            .or_else(|| in_use().is_ok_and(|is| is).then(|| DataDirError::Locked(path.to_owned())))
    }

    /// What a broker tells of its settings when it has found its place.
    pub(super) fn told(self, config: Arc<Config>, path: &Path) -> Arc<Config> {
        match self {
            Place::Kept => config,
            Place::Temporary => Arc::new(config.with_data_in(path)),
        }
    }
}

/// Removes the directories of ephemeral brokers that were killed: best effort, another user's stay.
pub fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let lock = || File::open(path.join(LOCK)).ok().filter(|file| file.try_lock().is_ok());
        if name.starts_with(EPHEMERAL) {
            // The lock is held until they are gone, so that only one broker removes them.
            if let Some(_lock) = lock() {
                let _ = fs::remove_dir_all(&path);
            }
        } else if name.starts_with(STARTING) {
            let age = entry.metadata().and_then(|meta| meta.modified()).map(|at| at.elapsed());
            if matches!(age, Ok(Ok(age)) if age > START_LIMIT) {
                let _ = fs::remove_dir_all(&path);
            }
        }
    }
}
