//! Why a round of cleaning ended before its end. The log is as it was: what is not swapped in is
//! thrown away.

use crate::log::{LogError, StorageError};
use std::fmt;
use std::path::PathBuf;

/// Why a log was not cleaned.
#[derive(Debug)]
pub enum CleanError {
    /// It was asked to stop: the broker stops, or the log is deleted or changed its segments.
    Stopped,
    /// A file operation failed.
    Storage(StorageError),
    /// It could not even be found out whether it is due.
    Log(LogError),
    /// A batch cannot be read. Nothing was removed, and the next try would end here too.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Where the batch begins in it.
        position: u64,
        /// What is wrong.
        why: String,
    },
    /// What stays does not fit into one segment: it was compressed better than we can.
    TooLarge {
        /// The base offset of the segment.
        segment: i64,
    },
}

impl CleanError {
    /// A further try would end in the same way.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match (self, self.storage()) {
            (CleanError::Stopped, _) => false,
            // What is lacking may be there later, and a file that is gone may be one that was deleted
            // while it was looked for.
            (_, Some(error)) => {
                !error.is_out_of_space() && !error.is_a_lack() && !error.is_missing()
            }
            _ => true,
        }
    }

    /// Of a log that has lost segments meanwhile: that a file is not there is no wonder then.
    pub(super) fn unless_missing(self) -> CleanError {
        match self.storage().is_some_and(StorageError::is_missing) {
            true => CleanError::Stopped,
            false => self,
        }
    }

    /// What failed on the disk, if that is what it was.
    #[must_use]
    pub fn storage(&self) -> Option<&StorageError> {
        match self {
            CleanError::Storage(error) => Some(error),
            CleanError::Log(error) => error.storage(),
            _ => None,
        }
    }
}

impl fmt::Display for CleanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CleanError::Stopped => f.write_str("stopped"),
            CleanError::Storage(error) => error.fmt(f),
            CleanError::Log(error) => error.fmt(f),
            CleanError::Unreadable { path, position, why } => write!(
                f,
                "cannot read the batch at byte {position} of {}: {why}; nothing was removed, and \
                 this partition is not compacted any more until the broker starts again: restore \
                 the file, or delete the records up to there",
                path.display()
            ),
            CleanError::TooLarge { segment } => write!(
                f,
                "what stays of segment {segment} does not fit into a segment; nothing was removed, \
                 and this partition is not compacted any more until the broker starts again"
            ),
        }
    }
}

impl std::error::Error for CleanError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CleanError::Storage(error) => Some(error),
            CleanError::Log(error) => Some(error),
            _ => None,
        }
    }
}

impl From<StorageError> for CleanError {
    fn from(error: StorageError) -> CleanError {
        CleanError::Storage(error)
    }
}
