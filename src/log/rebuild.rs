//! The indexes of a segment as its batches say they must be (LogSegment.recover), and whether those
//! on disk were right.
//!
//! What is made here is what Kafka makes when it recovers the segment. Indexes that were written while
//! the log grew may have other entries: each time a log is opened it counts the interval anew, and
//! each close adds an entry to the time index. They are right if the log bears out every one.

use super::error::StorageError;
use super::index::{self, IndexEntry};
use super::names;
use super::scan::Found;
use super::time_index::{self, Largest};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// An index that is larger is rebuilt without a look at all of it.
const LOOKED_AT: u64 = 64 << 20;

/// Indexes on their way from the log into their files.
pub(super) struct Rebuilt {
    base: i64,
    interval_bytes: i32,
    index: Made<{ index::ENTRY as usize }>,
    time: Made<{ time_index::ENTRY as usize }>,
    /// Where the batch is that has the last entry of the offset index.
    last_entry: u64,
    pub(super) largest: Largest,
}

impl Rebuilt {
    /// For the segment that begins at `base`, before its first batch.
    pub(super) fn new(dir: &Path, base: i64, interval_bytes: i32) -> Result<Rebuilt, StorageError> {
        Ok(Rebuilt {
            base,
            interval_bytes,
            index: Made::new(names::index_file(dir, base))?,
            time: Made::new(names::time_index_file(dir, base))?,
            last_entry: 0,
            largest: Largest::none(base),
        })
    }

    /// Takes the next batch into account.
    pub(super) fn note(&mut self, found: &Found) {
        if self.largest.update(found.header.max_timestamp, found.last_offset()) {
            self.time.confirm(&time_index::to_bytes(self.largest, self.base));
        }
        let relative_offset = (found.last_offset() - self.base) as u32;
        let entry = IndexEntry { relative_offset, position: found.position as u32 }.to_bytes();
        self.index.confirm(&entry);
        if index::entry_is_due(found.position - self.last_entry, self.interval_bytes) {
            self.index.add(&entry);
            self.last_entry = found.position;
            self.add_time_entry();
        }
    }

    fn add_time_entry(&mut self) {
        if self.largest != Largest::none(self.base) {
            self.time.add(&time_index::to_bytes(self.largest, self.base));
        }
    }

    /// Brings the files into that form; true if one of them was missing or wrong.
    pub(super) fn store(mut self) -> Result<bool, StorageError> {
        // As if the segment had been closed.
        self.add_time_entry();
        let were_right = self.index.was_right() && self.time.was_right();
        self.index.store()?;
        self.time.store()?;
        Ok(!were_right)
    }
}

/// An index that is being made, and the one that was there, compared entry by entry while the log
/// is walked.
struct Made<const ENTRY: usize> {
    path: PathBuf,
    entries: Vec<u8>,
    /// `None` if there was no file.
    there: Option<Vec<u8>>,
    /// How many entries of that one the log has borne out so far.
    confirmed: usize,
}

impl<const ENTRY: usize> Made<ENTRY> {
    fn new(path: PathBuf) -> Result<Made<ENTRY>, StorageError> {
        let there = read(&path)?;
        Ok(Made { path, entries: Vec::new(), there, confirmed: 0 })
    }

    fn add(&mut self, entry: &[u8; ENTRY]) {
        if !self.entries.ends_with(entry) {
            self.entries.extend_from_slice(entry);
        }
    }

    /// This is what an entry may say here.
    fn confirm(&mut self, entry: &[u8; ENTRY]) {
        let there = self.there.as_deref().unwrap_or_default().as_chunks::<ENTRY>().0;
        if there.get(self.confirmed) == Some(entry) {
            self.confirmed += 1;
        }
    }

    /// All that was there is borne out, but for an unused reserve.
    fn was_right(&self) -> bool {
        let Some(there) = &self.there else { return false };
        let rest = there.get(self.confirmed * ENTRY..).unwrap_or_default();
        rest.iter().all(|&byte| byte == 0)
    }

    fn store(&self) -> Result<(), StorageError> {
        if self.there.as_ref() == Some(&self.entries) {
            return Ok(());
        }
        fs::write(&self.path, &self.entries).map_err(StorageError::on("rebuild", &self.path))
    }
}

/// The first [`LOOKED_AT`] bytes of a file, if there is one.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::new("read", path, error)),
    }
}
