//! The snapshots of a metadata log as files (`Snapshots.java`, `FileRawSnapshotWriter.java`):
//! `<20 digits offset>-<10 digits epoch>.checkpoint`, `.part` while it is written, `.deleted` on its
//! way out.
//!
//! A file bears its final name only when it is whole and on the disk.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::snapshot::SnapshotId;
use crate::log::{create_regular, open_regular, sync};
use crate::wire::quorum_records::ControlRecord;
use crate::wire::records::Batch;

const SUFFIX: &str = ".checkpoint";
const PARTIAL: &str = ".checkpoint.part";
/// The first batch is not longer: it names the voters.
const HEADER_BYTES: u64 = 64 << 10;
const DELETED: &str = ".checkpoint.deleted";

/// A snapshot's place in the log's directory.
pub fn path(dir: &Path, id: SnapshotId) -> PathBuf {
    dir.join(format!("{:020}-{:010}{SUFFIX}", id.offset, id.epoch))
}

/// The snapshots in a directory, the oldest first.
///
/// # Errors
/// When the directory cannot be listed.
pub fn list(dir: &Path) -> io::Result<Vec<SnapshotId>> {
    let mut ids: Vec<SnapshotId> = names(dir)?.iter().filter_map(|name| parse(name)).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Removes what was never finished, and what was on its way out.
pub fn sweep(dir: &Path) {
    for name in names(dir).unwrap_or_default() {
        let is_ours = name.split_once('-').is_some_and(|(offset, _)| {
            offset.len() == 20 && offset.bytes().all(|byte| byte.is_ascii_digit())
        });
        if is_ours && (name.ends_with(PARTIAL) || name.ends_with(DELETED)) {
            let _ = fs::remove_file(dir.join(name));
        }
    }
}

/// Writes a snapshot and brings it to the disk.
///
/// # Errors
/// When the disk fails or is full; nothing is left of it then.
pub fn write(dir: &Path, id: SnapshotId, bytes: &[u8]) -> io::Result<()> {
    let partial = dir.join(format!("{:020}-{:010}-0{PARTIAL}", id.offset, id.epoch));
    let written = create_regular(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        file.set_permissions(fs::Permissions::from_mode(0o400))?;
        sync::file(&file, &partial).map_err(|why| why.source)
    });
    let named = written.and_then(|()| fs::rename(&partial, path(dir, id)));
    named.inspect_err(|_| _ = fs::remove_file(&partial))?;
    sync::dir(dir).map_err(|why| why.source)
}

/// Removes a snapshot.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn remove(dir: &Path, id: SnapshotId) -> io::Result<()> {
    match fs::remove_file(path(dir, id)) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

/// A snapshot's size; 0 if it is gone.
pub fn size(dir: &Path, id: SnapshotId) -> u64 {
    fs::metadata(path(dir, id)).map_or(0, |meta| meta.len())
}

/// When the last record that a snapshot stands for was appended; `None` if it does not say.
pub fn last_contained_timestamp(dir: &Path, id: SnapshotId) -> Option<i64> {
    let mut first = Vec::new();
    open_regular(&path(dir, id)).ok()?.take(HEADER_BYTES).read_to_end(&mut first).ok()?;
    let (batch, _) = Batch::parse(&first).ok()?;
    let mut scratch = Vec::new();
    let header = batch.records(&mut scratch, 0).ok()?.next()?.ok()?;
    match ControlRecord::decode(header.key?, header.value?).ok()? {
        ControlRecord::SnapshotHeaderRecord(header) => Some(header.last_contained_log_timestamp),
        _ => None,
    }
}

fn names(dir: &Path) -> io::Result<Vec<String>> {
    let name = |entry: io::Result<fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    fs::read_dir(dir)?.map(name).collect()
}

fn parse(name: &str) -> Option<SnapshotId> {
    let (offset, epoch) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let digits = |text: &str, len| text.len() == len && text.bytes().all(|c| c.is_ascii_digit());
    if !digits(offset, 20) || !digits(epoch, 10) {
        return None;
    }
    Some(SnapshotId { offset: offset.parse().ok()?, epoch: epoch.parse().ok()? })
}
