//! What lies in a partition's directory.

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
    pub(super) snapshots: Vec<i64>,
}

impl Listing {
    /// Lists the files, and removes what a crash left behind.
    pub(super) fn read(dir: &Path) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            match FileKind::of(&entry.file_name().to_string_lossy()) {
                FileKind::Log(base) => {
                    listing.logs.insert(base, entry.metadata()?.len());
                }
                FileKind::Index(base) => listing.indexes.push(base),
                FileKind::Snapshot(offset) => listing.snapshots.push(offset),
                FileKind::Leftover => fs::remove_file(entry.path())?,
                FileKind::Other => {}
            }
        }
        let orphans = listing.indexes.iter().filter(|base| !listing.logs.contains_key(base));
        for &base in orphans {
            fs::remove_file(names::index_file(dir, base))?;
        }
        listing.indexes.sort_unstable();
        listing.snapshots.sort_unstable();
        Ok(listing)
    }
}
