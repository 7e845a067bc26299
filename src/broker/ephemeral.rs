//! Where ephemeral brokers have their data, and what becomes of it when they are killed: the next one removes it.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use super::data_dir::LOCK;

/// How their directories begin, from when they are locked.
pub const EPHEMERAL: &str = "barnabas-ephemeral-";
/// The same until then, a moment.
pub const STARTING: &str = "barnabas-starting-";
/// A directory that is older and still has that name is nobody's.
const START_LIMIT: Duration = Duration::from_secs(600);

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
