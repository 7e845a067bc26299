//! Names of a partition's files and directories: Kafka's (LogFileUtils.java, UnifiedLog.java), so
//! that either broker finds what the other one wrote.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file that is no part of the log any more and is removed after a delay.
const DELETED: &str = ".deleted";
/// A file that is about to replace another.
const TEMPORARY: &str = ".tmp";
/// Files of a partition besides those of segments.
const SIDE_FILES: [&str; 3] = ["leader-epoch-checkpoint", "partition.metadata", "quorum-state"];
/// A compacted segment's file that is being written; worthless after a crash.
pub(crate) const CLEANED: &str = ".cleaned";
/// A compacted segment's file that is whole and replaces others; a crash does not hinder it.
pub(crate) const SWAP: &str = ".swap";
/// A segment's files made ahead of need, before their base offset is known.
pub(crate) const PREPARED: &str = ".prepared";
/// The end of a segment's file that is in the way, but may be all that is left of something.
const ASIDE: &str = ".aside";
/// The end of a deleted partition's directory name.
pub(crate) const DELETE_DIR_SUFFIX: &str = "-delete";
/// The file system's limit for one name, and with it Kafka's for a directory to delete.
const MAX_NAME: usize = 255;

/// What a file of a partition's directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// `<base offset>.log`
    Log(i64),
    /// `<base offset>.index`
    Index(i64),
    /// `<base offset>.timeindex`
    TimeIndex(i64),
    /// `<base offset>.txnindex`
    TxnIndex(i64),
    /// `<offset>.snapshot`: the producers' state up to that offset.
    Snapshot(i64),
    /// A segment's file with the name of one in a compaction that was interrupted.
    Swap,
    /// On its way out or in, and left behind by a crash; of no use.
    Leftover,
    /// Anything else: not ours to touch.
    Other,
}

impl FileKind {
    pub(crate) fn of(name: &str) -> FileKind {
        if is_leftover(name) {
            return FileKind::Leftover;
        }
        if let Some(of) = [CLEANED, SWAP].iter().find_map(|suffix| name.strip_suffix(suffix)) {
            let is_segments = FileKind::of(of).segment().is_some();
            return if is_segments { FileKind::Swap } else { FileKind::Other };
        }
        let Some((stem, suffix)) = name.rsplit_once('.') else { return FileKind::Other };
        match (offset_of(stem), suffix) {
            (Some(base), "log") => FileKind::Log(base),
            (Some(base), "index") => FileKind::Index(base),
            (Some(base), "timeindex") => FileKind::TimeIndex(base),
            (Some(base), "txnindex") => FileKind::TxnIndex(base),
            (Some(offset), "snapshot") => FileKind::Snapshot(offset),
            _ => FileKind::Other,
        }
    }
}

impl FileKind {
    /// The base offset of the segment that the file belongs to.
    pub(crate) fn segment(self) -> Option<i64> {
        match self {
            FileKind::Log(base)
            | FileKind::Index(base)
            | FileKind::TimeIndex(base)
            | FileKind::TxnIndex(base) => Some(base),
            _ => None,
        }
    }
}

/// Whether a crash leaves files of this name: others with the same endings are somebody else's.
fn is_leftover(name: &str) -> bool {
    let is_ours = |of: &str| match FileKind::of(of) {
        FileKind::Snapshot(_) => true,
        kind => kind.segment().is_some(),
    };
    if let Some(of) = name.strip_suffix(DELETED) {
        return is_ours(of);
    }
    if let Some(of) = name.strip_suffix(TEMPORARY) {
        return is_ours(of) || SIDE_FILES.contains(&of);
    }
    let prepared = name.strip_suffix(PREPARED).and_then(|name| name.strip_prefix("next-"));
    prepared.and_then(|name| name.split_once('.')).is_some_and(|(number, kind)| {
        let kinds = ["log", "index", "timeindex"];
        number.bytes().all(|byte| byte.is_ascii_digit()) && kinds.contains(&kind)
    })
}

/// Whether a partition that never had a record has files of this name, besides its `.log`.
pub fn is_beside_records(name: &str) -> bool {
    let is_index = matches!(FileKind::of(name), FileKind::Index(_) | FileKind::TimeIndex(_));
    let is_leftover = is_leftover(name) && !name.ends_with(DELETED);
    is_index || is_leftover || SIDE_FILES.contains(&name)
}

/// The offset that 20 digits spell.
fn offset_of(stem: &str) -> Option<i64> {
    let digits = stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit());
    if digits { stem.parse().ok() } else { None }
}

/// `<20 digits>.<suffix>` in `dir`.
fn offset_file(dir: &Path, offset: i64, suffix: &str) -> PathBuf {
    debug_assert!(offset >= 0, "offset {offset} has no file name");
    dir.join(format!("{offset:020}.{suffix}"))
}

/// The records of the segment that begins at `base`.
pub(crate) fn log_file(dir: &Path, base: i64) -> PathBuf {
    offset_file(dir, base, "log")
}

/// The names of the `.log`, `.index` and `.timeindex` of the segment that begins at `base`.
pub(crate) fn files_to_append_to(base: i64) -> [String; 3] {
    ["log", "index", "timeindex"].map(|suffix| format!("{base:020}.{suffix}"))
}

/// What was cut off a segment from `offset` on and is kept: a name that no file has.
pub(crate) fn cut_file(dir: &Path, base: i64, offset: i64) -> PathBuf {
    aside(&dir.join(format!("{base:020}.log.cut-at-{offset}")))
}

/// The name that a file gets which is in the way but may still be wanted. No file has it: what was set
/// aside earlier stays.
pub(crate) fn aside(path: &Path) -> PathBuf {
    let numbered = (1..).map(|number| with_suffix(path, &format!(".{number}{ASIDE}")));
    let mut names = std::iter::once(with_suffix(path, ASIDE)).chain(numbered);
    let free = names.find(|name| fs::symlink_metadata(name).is_err());
    free.unwrap_or_else(|| with_suffix(path, ASIDE))
}

/// Its offset index.
pub(crate) fn index_file(dir: &Path, base: i64) -> PathBuf {
    offset_file(dir, base, "index")
}

/// Its time index.
pub(crate) fn time_index_file(dir: &Path, base: i64) -> PathBuf {
    offset_file(dir, base, "timeindex")
}

/// Its aborted transactions, if there are any.
pub(crate) fn txn_index_file(dir: &Path, base: i64) -> PathBuf {
    offset_file(dir, base, "txnindex")
}

/// Where the files are that every segment has.
#[derive(Clone, Debug)]
pub(crate) struct SegmentPaths {
    pub(crate) log: PathBuf,
    pub(crate) index: PathBuf,
    pub(crate) time: PathBuf,
}

impl SegmentPaths {
    /// Those of the segment that begins at `base`.
    pub(crate) fn of(dir: &Path, base: i64) -> SegmentPaths {
        SegmentPaths {
            log: log_file(dir, base),
            index: index_file(dir, base),
            time: time_index_file(dir, base),
        }
    }

    /// Those of the next segment before it has a base offset. `unique` keeps two logs apart that
    /// have the same directory one after the other.
    pub(crate) fn prepared(dir: &Path, unique: u64) -> SegmentPaths {
        let path = |kind| dir.join(format!("next-{unique}.{kind}{PREPARED}"));
        SegmentPaths { log: path("log"), index: path("index"), time: path("timeindex") }
    }

    /// Gives the files their final names; the `.log` last, for it makes the segment.
    pub(crate) fn rename(&self, to: &SegmentPaths) -> io::Result<()> {
        fs::rename(&self.index, &to.index)?;
        fs::rename(&self.time, &to.time)?;
        fs::rename(&self.log, &to.log)
    }

    /// Removes what is there of them.
    pub(crate) fn remove(&self) {
        for path in [&self.log, &self.index, &self.time] {
            let _ = fs::remove_file(path);
        }
    }
}

/// All files that a segment can have, Kafka's too; its snapshot is the producers'.
pub(crate) fn segment_files(dir: &Path, base: i64) -> [PathBuf; 4] {
    ["log", "index", "timeindex", "txnindex"].map(|suffix| offset_file(dir, base, suffix))
}

/// Those of them that say where in the `.log` things are.
pub(crate) fn index_files(dir: &Path, base: i64) -> [PathBuf; 3] {
    let [_, index, time, txn] = segment_files(dir, base);
    [index, time, txn]
}

/// The name that a file has before it replaces the one at `path`.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    with_suffix(path, TEMPORARY)
}

/// The name that a file has between its deletion and its removal.
pub(crate) fn deleted(path: &Path) -> PathBuf {
    with_suffix(path, DELETED)
}

/// The name of a compacted segment's file while it is written.
pub(crate) fn cleaned(path: &Path) -> PathBuf {
    with_suffix(path, CLEANED)
}

/// The name of a compacted segment's file that waits to take another's place.
pub(crate) fn swapped(path: &Path) -> PathBuf {
    with_suffix(path, SWAP)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The producers' state up to `offset`.
pub(crate) fn snapshot_file(dir: &Path, offset: i64) -> PathBuf {
    offset_file(dir, offset, "snapshot")
}

/// Where leader epochs begin.
pub(crate) fn leader_epoch_file(dir: &Path) -> PathBuf {
    dir.join("leader-epoch-checkpoint")
}

/// `<topic>-<partition>.<id>-delete`, see [`aside_dir_name`].
pub(crate) fn delete_dir_name(name: &str, id: &str) -> String {
    aside_dir_name(name, id, DELETE_DIR_SUFFIX)
}

/// The name that a partition's directory gets when it is no partition's any more:
/// `<topic>-<partition>.<id><suffix>`, the topic cut so that the whole is a valid name.
pub fn aside_dir_name(name: &str, id: &str, suffix: &str) -> String {
    let suffix = format!(".{id}{suffix}");
    let (topic, partition) = match name.rsplit_once('-') {
        Some((topic, partition)) => (topic, format!("-{partition}")),
        None => (name, String::new()),
    };
    let room = MAX_NAME.saturating_sub(suffix.len() + partition.len());
    let mut cut = topic.len().min(room);
    while !topic.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}{partition}{suffix}", &topic[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_kafkas() {
        let dir = Path::new("/d");
        assert_eq!(log_file(dir, 0), Path::new("/d/00000000000000000000.log"));
        assert_eq!(index_file(dir, i64::MAX), Path::new("/d/09223372036854775807.index"));
        assert_eq!(time_index_file(dir, 7), Path::new("/d/00000000000000000007.timeindex"));
        assert_eq!(FileKind::of("00000000000000000042.log"), FileKind::Log(42));
        assert_eq!(FileKind::of("00000000000000000042.index"), FileKind::Index(42));
        assert_eq!(FileKind::of("00000000000000000042.snapshot"), FileKind::Snapshot(42));
        assert_eq!(FileKind::of("00000000000000000042.timeindex"), FileKind::TimeIndex(42));
        assert_eq!(FileKind::of("00000000000000000042.txnindex"), FileKind::TxnIndex(42));
        assert_eq!(FileKind::of("00000000000000000042.unknown"), FileKind::Other);
        assert_eq!(FileKind::of("00000000000000000042.log.deleted"), FileKind::Leftover);
        assert_eq!(FileKind::of("next-7.log.prepared"), FileKind::Leftover);
        assert_eq!(FileKind::of("partition.metadata"), FileKind::Other);
        assert_eq!(FileKind::of("00000000000000000042.txnindex.cleaned"), FileKind::Swap);
        assert_eq!(FileKind::of("00000000000000000042.log.swap"), FileKind::Swap);
        assert_eq!(FileKind::of(".42.swap"), FileKind::Other);
        for not_an_offset in ["42.log", "-0000000000000000042.log", "99999999999999999999.log"] {
            assert_eq!(FileKind::of(not_an_offset), FileKind::Other, "{not_an_offset}");
        }
    }

    #[test]
    fn a_deleted_directory_keeps_its_partition_and_fits_into_a_name() {
        assert_eq!(delete_dir_name("t-3", "ab"), "t-3.ab-delete");
        let long = format!("{}-12", "x".repeat(249));
        let name = delete_dir_name(&long, &"0".repeat(32));
        assert_eq!(name.len(), 255);
        assert!(name.contains("x-12."), "{name}");
    }
}
