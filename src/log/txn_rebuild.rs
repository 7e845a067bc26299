//! The transaction index of a segment as its markers say it must be (LogSegment.updateProducerState).
//!
//! Where a transaction began is not in its marker but in the producers' state before it. If that
//! does not know it any more (its snapshot is gone or damaged), an entry that was there before and
//! belongs to the marker stays: to forget it would show aborted records to consumers.

use super::error::StorageError;
use super::marker::marker_of;
use super::names;
use super::producers::Producers;
use super::scan::Found;
use super::txn_index::{AbortedTxn, ENTRY};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// More than this of an index is not looked at: it has two million entries.
const LOOKED_AT: u64 = 64 << 20;

/// A transaction index on its way from the log into its file.
pub(super) struct RebuiltTxns {
    base: i64,
    there: Option<Vec<u8>>,
    entries: Vec<u8>,
}

impl RebuiltTxns {
    /// For the segment that begins at `base`, before its first batch.
    pub(super) fn new(dir: &Path, base: i64) -> Result<RebuiltTxns, StorageError> {
        let path = names::txn_index_file(dir, base);
        let mut bytes = Vec::new();
        let there = match File::open(&path).and_then(|f| f.take(LOOKED_AT).read_to_end(&mut bytes))
        {
            Ok(_) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(StorageError::new("read", &path, error)),
        };
        Ok(RebuiltTxns { base, there, entries: Vec::new() })
    }

    /// Takes the next batch into account; `producers` has not yet.
    pub(super) fn note(&mut self, producers: &Producers, found: &Found, bytes: &[u8]) {
        if !found.header.attributes.is_control() {
            return;
        }
        let Some(marker) = marker_of(bytes).filter(|marker| !marker.commit) else { return };
        let is_new = found.header.base_offset >= producers.end();
        let known = is_new.then(|| producers.aborted_by(&found.header, Some(marker))).flatten();
        if let Some(aborted) = known.or_else(|| self.told_before(found)) {
            self.entries.extend_from_slice(&aborted.to_bytes());
        }
    }

    /// The entry of this marker that was there.
    fn told_before(&self, found: &Found) -> Option<AbortedTxn> {
        let entries = self.there.as_deref().unwrap_or_default().as_chunks::<ENTRY>().0;
        let (producer_id, marker) = (found.header.producer_id, found.header.base_offset);
        let is_earlier = |bytes: &[u8; ENTRY]| {
            AbortedTxn::from_bytes(bytes).is_some_and(|txn| txn.last_offset < marker)
        };
        let is_of_it = |txn: &AbortedTxn| {
            txn.producer_id == producer_id
                && txn.last_offset == marker
                && (0..marker).contains(&txn.first_offset)
                && txn.last_stable_offset <= marker + 1
        };
        let at = entries.partition_point(is_earlier);
        AbortedTxn::from_bytes(entries.get(at)?).filter(is_of_it)
    }

    /// Brings the file into that form; gives its size. No entries, no file.
    pub(super) fn store(self, dir: &Path) -> Result<u64, StorageError> {
        let path = names::txn_index_file(dir, self.base);
        let stored = match (&self.there, self.entries.is_empty()) {
            (None, true) => Ok(()),
            (Some(_), true) => fs::remove_file(&path),
            (Some(there), false) if *there == self.entries => Ok(()),
            (_, false) => fs::write(&path, &self.entries),
        };
        stored.map_err(StorageError::on("rebuild", &path))?;
        Ok(self.entries.len() as u64)
    }
}
