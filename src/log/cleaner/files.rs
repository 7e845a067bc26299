//! Suffixes of the files of a swap (LogFileUtils.java).

use std::path::{Path, PathBuf};

/// A segment that is being written by the cleaner; worthless after a crash.
pub(crate) const CLEANED: &str = ".cleaned";
/// A whole segment that replaces others; after a crash the replacing is completed.
pub(crate) const SWAP: &str = ".swap";
/// What was replaced.
pub(crate) const DELETED: &str = ".deleted";

/// `<path><suffix>`
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}
