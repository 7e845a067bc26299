//! The data directory: whose it is, that nobody else uses it, and whether it was closed cleanly.
//!
//! Files and formats are Apache Kafka's (`MetaProperties`, `CleanShutdownFileHandler`): a
//! `meta.properties` with the cluster's, the node's and the directory's id, a locked `.lock`, and
//! `.kafka_cleanshutdown`, there only between a clean stop and the next start. A directory that is
//! not ours is never touched.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::data_dir_error::DataDirError;
use super::meta_properties::{META, Meta, read_meta, write_meta};
use super::place::{EPHEMERAL, Place, STARTING, sweep};
use crate::config::Config;
use crate::log::{lock_exclusively, sync, write_whole};
use crate::wire::uuid::Uuid;

/// The file that is locked.
pub const LOCK: &str = ".lock";
/// Where the pages of the broker are, while it runs.
pub const PAGES: &str = ".barnabas.http";
const CLEAN: &str = ".kafka_cleanshutdown";
/// What may lie in a directory that is about to become ours.
const HARMLESS: [&str; 2] = [LOCK, "lost+found"];

/// A data directory that is ours and locked until this value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    meta: Meta,
    clean: bool,
    temporary: bool,
    _lock: File,
}

impl DataDir {
    /// The one that a broker with this configuration is to have.
    ///
    /// # Errors
    /// See [`DataDirError`].
    pub fn of(config: &Config, place: Place) -> Result<Self, DataDirError> {
        let (node, cluster) = (config.node_id(), config.cluster_id());
        match place {
            Place::Temporary => Self::temporary(&std::env::temp_dir(), node, cluster),
            Place::Kept => Self::open(config.data_dir(), node, cluster),
        }
    }

    /// Opens or makes a data directory for a node. Nothing is changed when it is refused.
    ///
    /// # Errors
    /// See [`DataDirError`].
    pub fn open(path: &Path, node_id: i32, cluster_id: Option<&str>) -> Result<Self, DataDirError> {
        Self::open_as(path, node_id, cluster_id, true)
    }

    /// Whether a node could open this directory, as far as can be told without touching it; whether it is
    /// in use is not asked.
    ///
    /// # Errors
    /// See [`DataDirError`].
    pub fn check(path: &Path, node_id: i32) -> Result<(), DataDirError> {
        match read_meta(path)? {
            Some(meta) if meta.node_id != node_id => {
                Err(DataDirError::OtherNode(path.to_owned(), meta.node_id, node_id))
            }
            Some(_) => Ok(()),
            None => check_unused(path),
        }
    }

    fn open_as(
        path: &Path,
        node_id: i32,
        cluster_id: Option<&str>,
        keep: bool,
    ) -> Result<Self, DataDirError> {
        let fail = |what| move |why| DataDirError::Io(path.to_owned(), what, why);
        Self::check(path, node_id)?;
        fs::create_dir_all(path).map_err(fail("create it"))?;
        let lock = lock(path)?;
        // One that was killed has left it, and nobody else is to be taken for us.
        let _ = fs::remove_file(path.join(PAGES));
        // Before the lock was ours another broker may have been quicker.
        let meta = match read_meta(path)? {
            Some(meta) if meta.node_id == node_id => meta,
            Some(meta) => {
                return Err(DataDirError::OtherNode(path.to_owned(), meta.node_id, node_id));
            }
            None => {
                let meta = Meta {
                    cluster_id: cluster_id.map_or_else(|| random_uuid().to_string(), str::to_owned),
                    node_id,
                    directory_id: random_uuid(),
                };
                write_meta(path, &meta, keep).map_err(fail("write meta.properties in it"))?;
                meta
            }
        };
        if let Some(other) = cluster_id.filter(|id| *id != meta.cluster_id) {
            // As Kafka's image, which formats what is not yet.
            ::log::warn!(
                path:% = path.display(), stays:% = meta.cluster_id, given:% = other;
                "cluster.id of the directory stays, whatever barnabas.cluster.id (CLUSTER_ID) is"
            );
        }
        let clean = path.join(CLEAN).is_file();
        Ok(Self { path: path.to_owned(), meta, clean, temporary: false, _lock: lock })
    }

    /// Makes a directory of its own below `parent` that is gone when this value is dropped; clears
    /// away what killed brokers left there.
    ///
    /// # Errors
    /// See [`DataDirError`].
    pub fn temporary(
        parent: &Path,
        node_id: i32,
        cluster_id: Option<&str>,
    ) -> Result<Self, DataDirError> {
        sweep(parent);
        let id = format!("{}-{}", std::process::id(), random_uuid());
        // A directory without a locked .lock looks like one that a killed broker left: it gets the
        // name by which others find it only when it is locked.
        let (unlocked, path) =
            (parent.join(format!("{STARTING}{id}")), parent.join(format!("{EPHEMERAL}{id}")));
        let fail = |what| {
            let path = path.clone();
            move |why| DataDirError::Io(path, what, why)
        };
        fs::create_dir(&unlocked).map_err(fail("create it"))?;
        let made = Self::open_as(&unlocked, node_id, cluster_id, false).and_then(|mut dir| {
            fs::rename(&unlocked, &path).map_err(fail("give it its name"))?;
            dir.path.clone_from(&path);
            dir.temporary = true;
            Ok(dir)
        });
        made.inspect_err(|_| _ = fs::remove_dir_all(&unlocked))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of some partition's directory in a data directory, if there is one.
    pub fn any_partition(path: &Path) -> Option<String> {
        let names = fs::read_dir(path).into_iter().flatten().flatten();
        let mut names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.find(|name| super::partition_dir::parse(name).is_some())
    }

    /// Whose it is.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Whether it goes when this value does: then nothing in it is worth a flush.
    pub fn is_temporary(&self) -> bool {
        self.temporary
    }

    /// Whether the last stop was clean: then logs need no recovery.
    pub fn was_clean(&self) -> bool {
        self.clean
    }

    /// Takes the clean-shutdown marker away, before anything is written to a log of a partition: a
    /// crash from here on costs a recovery, a start that was refused before does not.
    ///
    /// # Errors
    /// See [`DataDirError`].
    pub fn mark_in_use(&self) -> Result<(), DataDirError> {
        match fs::remove_file(self.path.join(CLEAN)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                let doing = "remove the clean-shutdown marker in it";
                Err(DataDirError::Io(self.path.clone(), doing, why))
            }
            _ => Ok(()),
        }
    }

    /// Says that everything was closed by the broker that was registered under this epoch: the next
    /// start needs no recovery.
    ///
    /// # Errors
    /// When the marker cannot be written; the next start then recovers, which is safe.
    pub fn mark_clean(&self, broker_epoch: i64) -> io::Result<()> {
        if self.temporary {
            return Ok(());
        }
        let marker = format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}");
        write_atomically(&self.path, CLEAN, marker.as_bytes(), true)?;
        self.sync()
    }

    /// Brings `meta.properties` and the directory's entries to the disk. Blocks for milliseconds:
    /// for a keeper, not for the start, which a power cut before the first record may undo.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn sync(&self) -> io::Result<()> {
        if self.temporary {
            return Ok(());
        }
        sync::file_at(&self.path.join(META)).map_err(|why| why.source)?;
        sync::dir(&self.path).map_err(|why| why.source)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.temporary
            && let Err(why) = fs::remove_dir_all(&self.path)
        {
            ::log::warn!(
                path:% = self.path.display(), error:% = why;
                "cannot remove the temporary data directory"
            );
        }
    }
}

/// Takes the directory's lock, which keeps Apache Kafka away too.
fn lock(path: &Path) -> Result<File, DataDirError> {
    let fail = |what, why| DataDirError::Io(path.to_owned(), what, why);
    let at = path.join(LOCK);
    // A pipe would wait for somebody at its other end.
    if fs::metadata(&at).is_ok_and(|meta| !meta.is_file()) {
        return Err(DataDirError::NotAFile(path.to_owned(), LOCK));
    }
    let mut options = File::options();
    options.create(true).truncate(false).write(true).custom_flags(libc::O_NONBLOCK);
    let file = options.open(at).map_err(|why| fail("open .lock in it for writing", why))?;
    match lock_exclusively(&file) {
        Ok(true) => Ok(file),
        Ok(false) => Err(DataDirError::Locked(path.to_owned())),
        Err(why) => Err(fail("lock .lock in it", why)),
    }
}

/// A directory without `meta.properties` must be new or empty.
fn check_unused(path: &Path) -> Result<(), DataDirError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(DataDirError::Io(path.to_owned(), "list it", why)),
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !HARMLESS.contains(&name.as_str()) && name != format!("{META}.tmp") {
            return Err(DataDirError::NotOurs(path.to_owned(), name));
        }
    }
    Ok(())
}

/// Writes a small file so that after a crash of the process it is either as before or whole; after
/// a power cut too if it is to be kept.
pub fn write_atomically(dir: &Path, name: &str, bytes: &[u8], keep: bool) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.tmp"));
    write_whole(&temporary, bytes)?;
    if keep {
        sync::file_at(&temporary).map_err(|why| why.source)?;
    }
    fs::rename(&temporary, dir.join(name))
}

/// A random id that does not begin with a dash, so that it can be given on a command line.
pub fn random_uuid() -> Uuid {
    loop {
        let mut bytes = [0; 16];
        let filled = getrandom::fill(&mut bytes);
        assert!(filled.is_ok(), "the kernel gives no random bytes: {filled:?}");
        let id = Uuid::new_v4_from(bytes);
        if !id.is_reserved() && !id.to_string().starts_with('-') {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("barnabas-data-dir-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn a_new_directory_has_the_cluster_that_it_is_given_and_keeps_it() {
        let path = scratch("cluster");
        for given in [Some("my-cluster_1"), None, Some("other")] {
            let dir = DataDir::open(&path, 1, given).unwrap();
            assert_eq!(dir.meta().cluster_id, "my-cluster_1");
        }
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn ids_survive_and_belong_to_the_node() {
        let path = scratch("ids");
        let first = DataDir::open(&path, 1, None).unwrap();
        let meta = first.meta().clone();
        assert!(!first.was_clean());
        assert!(matches!(DataDir::open(&path, 1, None), Err(DataDirError::Locked(_))));
        first.mark_clean(7).unwrap();
        drop(first);
        assert!(matches!(DataDir::open(&path, 2, None), Err(DataDirError::OtherNode(_, 1, 2))));
        let second = DataDir::open(&path, 1, None).unwrap();
        assert_eq!(second.meta(), &meta);
        assert!(second.was_clean());
        drop(second);
        let third = DataDir::open(&path, 1, None).unwrap();
        assert!(third.was_clean(), "nothing was written");
        third.mark_in_use().unwrap();
        third.mark_in_use().unwrap();
        drop(third);
        assert!(!DataDir::open(&path, 1, None).unwrap().was_clean(), "the marker counts once");
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn a_directory_of_someone_else_is_left_alone() {
        let path = scratch("foreign");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("thesis.txt"), "precious").unwrap();
        assert!(
            matches!(DataDir::open(&path, 1, None), Err(DataDirError::NotOurs(_, name)) if name == "thesis.txt")
        );
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn damaged_meta_is_named() {
        let path = scratch("meta");
        fs::create_dir_all(&path).unwrap();
        for (text, why) in [
            ("version=2\n", "version 2 is not known"),
            ("version=1\nnode.id=1\ncluster.id=x\n", "no directory.id"),
            (
                "version=1\nnode.id=x\ncluster.id=x\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAA\n",
                "'x' is not a number",
            ),
        ] {
            fs::write(path.join(META), text).unwrap();
            let error = DataDir::open(&path, 1, None).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn a_temporary_directory_goes_and_takes_dead_ones_along() {
        let parent = scratch("parent");
        fs::create_dir_all(&parent).unwrap();
        let dead = parent.join("barnabas-ephemeral-1-x");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        let dir = DataDir::temporary(&parent, 1, None).unwrap();
        assert!(!dead.exists());
        let alive = DataDir::temporary(&parent, 1, None).unwrap();
        assert!(dir.path().exists());
        drop(dir);
        drop(alive);
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
        fs::remove_dir_all(&parent).unwrap();
    }
}
