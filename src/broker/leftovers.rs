//! What lies in the data directory besides the partitions of the catalog.
//!
//! The directory is listed once, at the start, by names alone. `…-delete` is what an interrupted
//! deletion left: it goes, behind the start. A directory that the catalog does not know is renamed to
//! `…-stray` and never touched again, nor is any that bears that name already, or `…-future`
//! (Kafka's LogManager.loadLog). What is not a partition's is nobody's business.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::data_dir::random_uuid;
use super::metadata_log::DIRECTORY as METADATA_DIRECTORY;
use super::partition_dir;
use crate::catalog::Image;
use crate::log::{StorageError, aside_dir_name, is_beside_records};

const DELETE: &str = "-delete";
const STRAY: &str = "-stray";

/// The directories of a data directory, by what they are.
#[derive(Debug, Default)]
pub struct Found {
    /// Partitions of the catalog.
    pub partitions: HashSet<OsString>,
    /// What interrupted deletions left.
    pub deleted: Vec<PathBuf>,
    /// Partitions that the catalog does not know.
    pub unknown: Vec<PathBuf>,
    /// What was set aside before.
    pub strays: Vec<OsString>,
}

impl Found {
    /// Lists a data directory.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn list(data_dir: &Path, image: &Image) -> io::Result<Self> {
        let mut found = Self::default();
        for entry in fs::read_dir(data_dir)? {
            let entry = entry?;
            // A partition may live elsewhere, behind a link.
            let kind = entry.file_type()?;
            if !(kind.is_dir() || kind.is_symlink() && entry.path().is_dir()) {
                continue;
            }
            let os_name = entry.file_name();
            let name = os_name.to_string_lossy();
            if is_deleted(&name) {
                found.deleted.push(entry.path());
            } else if is_aside(&name, STRAY) {
                found.strays.push(os_name);
            } else if let Some((topic, index)) = partition_dir::parse(&name) {
                if is_known(image, topic, index) {
                    found.partitions.insert(os_name);
                } else if name != METADATA_DIRECTORY {
                    found.unknown.push(entry.path());
                }
            }
        }
        Ok(found)
    }

    /// Renames what the catalog does not know, and says what lies aside. What a crash left of a
    /// topic's creation has no records, and goes.
    pub fn set_aside(&mut self) {
        /// So many have a line of their own.
        const TOLD: usize = 10;
        let mut count = 0;
        for dir in std::mem::take(&mut self.unknown) {
            if has_no_records(&dir).unwrap_or(false) {
                match rename_deleted(&dir) {
                    Ok(renamed) => self.deleted.extend(renamed),
                    Err(why) => ::log::error!(
                        error:% = why;
                        "a directory that is nobody's and has no records stays"
                    ),
                }
                continue;
            }
            count += 1;
            match (set_aside(&dir), dir.display()) {
                (Ok(to), dir) if count <= TOLD => ::log::warn!(
                    dir:%, to:% = to.display();
                    "no topic of the catalog owns it; it is moved, remove that if it is not needed"
                ),
                (Ok(_), _) => {}
                (Err(why), dir) => {
                    ::log::error!(
                        dir:%, error:% = why;
                        "no topic owns it, and it cannot be moved"
                    );
                }
            }
        }
        if count > TOLD {
            ::log::warn!(
                directories = count - TOLD;
                "more directories that no topic owns were moved likewise"
            );
        }
        if let Some(first) = self.strays.first() {
            ::log::warn!(
                directories = self.strays.len(), first:% = first.to_string_lossy();
                "directories that no topic owns were set aside earlier; remove them if they are \
                 not needed"
            );
        }
    }
}

/// Whether a directory has nothing but the files of a partition that never had a record.
fn has_no_records(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_empty = name.ends_with(".log") && entry.metadata()?.len() == 0;
        if !entry.file_type()?.is_file() || !(is_empty || is_beside_records(&name)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What bears the mark of a deletion: the id is a random one of 32 digits.
fn is_deleted(name: &str) -> bool {
    let id = name.strip_suffix(DELETE).and_then(|name| name.rsplit_once('.')).map(|(_, id)| id);
    let is_random = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_aside(name, DELETE) && id.is_some_and(is_random)
}

/// `<topic>-<partition>.<id><suffix>`, as Kafka and we name what is no partition any more.
fn is_aside(name: &str, suffix: &str) -> bool {
    let Some(rest) = name.strip_suffix(suffix) else { return false };
    let Some((partition, id)) = rest.rsplit_once('.') else { return false };
    partition_dir::parse(partition).is_some() && !id.is_empty()
}

fn is_known(image: &Image, topic: &str, index: i32) -> bool {
    let known = image.topic(topic);
    known.is_some_and(|topic| usize::try_from(index).is_ok_and(|i| i < topic.partitions.len()))
}

/// Takes a directory out of the partitions' namespace; gives its new name.
///
/// # Errors
/// When it cannot be renamed.
pub fn set_aside(dir: &Path) -> io::Result<PathBuf> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let to = dir.with_file_name(aside_dir_name(&name, &random_uuid().to_string(), STRAY));
    fs::rename(dir, &to)?;
    Ok(to)
}

/// Gives the directory of a deleted partition whose log is not open the name of one that is to be
/// removed, and says which; `None` if there is none.
///
/// # Errors
/// When it cannot be renamed.
pub fn rename_deleted(dir: &Path) -> Result<Option<PathBuf>, StorageError> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let id = u128::from_be_bytes(*random_uuid().as_bytes());
    let to = dir.with_file_name(aside_dir_name(&name, &format!("{id:032x}"), DELETE));
    match fs::rename(dir, &to) {
        Ok(()) => Ok(Some(to)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StorageError { doing: "rename", path: dir.to_owned(), source }),
    }
}

/// A thread that removes what interrupted deletions left.
#[derive(Debug)]
pub struct Removal {
    thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl Removal {
    /// Begins to remove these directories; `None` when there are none, or no thread: the next start
    /// finds them then.
    pub fn spawn(deleted: Vec<PathBuf>) -> Option<Self> {
        if deleted.is_empty() {
            return None;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let remove = move || {
            for dir in deleted {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                if let Err(why) = fs::remove_dir_all(&dir) {
                    let dir = dir.display();
                    ::log::warn!(dir:%, error:% = why; "cannot remove what a deleted topic left");
                }
            }
        };
        let thread = std::thread::Builder::new().name("leftovers".into()).spawn(remove);
        Some(Self { thread: thread.ok()?, stop })
    }

    /// Ends after the directory that it is at.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        let _ = self.thread.join();
    }
}
