//! What lies in a partition's directory.

use super::cleaner::complete_swaps;
use super::names::{self, FileKind};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The files of a partition's directory.
#[derive(Default)]
pub(super) struct Listing {
    /// Sizes of `.log` files by base offset.
    pub(super) logs: BTreeMap<i64, u64>,
    pub(super) indexes: Vec<i64>,
    pub(super) time_indexes: Vec<i64>,
    /// Few segments have one.
    pub(super) txn_indexes: Vec<i64>,
    pub(super) snapshots: Vec<i64>,
}

impl Listing {
    /// Lists the files, and removes what a crash left behind.
    pub(super) fn read(dir: &Path) -> io::Result<Listing> {
        let mut listing = Listing::default();
        let mut swaps = false;
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let kind = FileKind::of(&entry.file_name().to_string_lossy());
            if !matches!(kind, FileKind::Leftover | FileKind::Other) {
                check_regular(&entry)?;
            }
            match kind {
                FileKind::Log(base) => {
                    listing.logs.insert(base, fs::metadata(entry.path())?.len());
                }
                FileKind::Index(base) => listing.indexes.push(base),
                FileKind::TimeIndex(base) => listing.time_indexes.push(base),
                FileKind::TxnIndex(base) => listing.txn_indexes.push(base),
                FileKind::Snapshot(offset) => listing.snapshots.push(offset),
                FileKind::Swap => swaps = true,
                FileKind::Leftover => match fs::remove_file(entry.path()) {
                    // The janitor was quicker.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    removed => removed?,
                },
                FileKind::Other => {}
            }
        }
        if swaps {
            complete_swaps(dir)?;
            return Listing::read(dir);
        }
        let Listing { logs, indexes, time_indexes, txn_indexes, snapshots } = &mut listing;
        let orphan = |base: &&i64| !logs.contains_key(base);
        for &base in indexes.iter().filter(orphan) {
            fs::remove_file(names::index_file(dir, base))?;
        }
        for &base in time_indexes.iter().filter(orphan) {
            fs::remove_file(names::time_index_file(dir, base))?;
        }
        for &base in txn_indexes.iter().filter(orphan) {
            fs::remove_file(names::txn_index_file(dir, base))?;
        }
        for offsets in [indexes, time_indexes, txn_indexes, snapshots] {
            offsets.sort_unstable();
        }
        Ok(listing)
    }

    /// The segment has all the files that every segment has.
    pub(super) fn is_complete(&self, base: i64) -> bool {
        let has = |offsets: &[i64]| offsets.binary_search(&base).is_ok();
        has(&self.indexes) && has(&self.time_indexes)
    }
}

/// A segment's files are files: a pipe would hold up whoever opens it.
fn check_regular(entry: &fs::DirEntry) -> io::Result<()> {
    let kind = entry.file_type()?;
    if kind.is_file() || (kind.is_symlink() && fs::metadata(entry.path())?.is_file()) {
        return Ok(());
    }
    let why = format!("{} in it is not a regular file", entry.file_name().display());
    Err(io::Error::new(io::ErrorKind::InvalidData, why))
}
