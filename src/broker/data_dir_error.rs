//! Why a data directory is refused: each answer names the directory and says what to do about it.

use std::path::PathBuf;
use std::{fmt, io};

use super::meta_properties::META;

/// Why a data directory cannot be used; its text says what to do.
#[derive(Debug)]
pub enum DataDirError {
    /// A system call failed.
    Io(PathBuf, &'static str, io::Error),
    /// Another process holds the lock.
    Locked(PathBuf),
    /// There are files, but none that say whose they are.
    NotOurs(PathBuf, String),
    /// `meta.properties` does not make sense.
    Meta(PathBuf, String),
    /// Something else lies where a file must be.
    NotAFile(PathBuf, &'static str),
    /// The directory belongs to another node.
    OtherNode(PathBuf, i32, i32),
}

impl fmt::Display for DataDirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, what, why) => {
                let path = path.display();
                write!(
                    f,
                    "data directory {path}: cannot {what}: {why}; check the disk and the rights on it"
                )
            }
            Self::Locked(path) => write!(
                f,
                "data directory {}: another broker is using it; stop that one or choose another --data-dir",
                path.display()
            ),
            Self::NotOurs(path, file) => write!(
                f,
                "data directory {}: it holds '{file}' but no {META}, so it is not a broker's; choose an empty \
                 or a new directory",
                path.display()
            ),
            Self::Meta(path, why) => {
                let path = path.display();
                write!(
                    f,
                    "data directory {path}: {META} is not usable: {why}; restore it from a copy"
                )
            }
            Self::NotAFile(path, name) => write!(
                f,
                "data directory {}: {name} in it is not a regular file; move that away",
                path.display()
            ),
            Self::OtherNode(path, theirs, ours) => write!(
                f,
                "data directory {}: it belongs to node {theirs}, but this is node {ours}; start with \
                 --node-id {theirs} or choose another --data-dir",
                path.display()
            ),
        }
    }
}

impl std::error::Error for DataDirError {}
