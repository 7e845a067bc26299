//! The indexes of a segment as its batches say they must be (LogSegment.recover), and whether those
//! on disk were right.
//!
//! An index is a function of its log. The offset index must be exactly this; the time index may
//! have more entries, for each close of the log adds one, but none that the log does not bear out.

use super::error::StorageError;
use super::index::{self, IndexEntry};
use super::names;
use super::scan::Found;
use super::time_index::{self, Largest};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// An index that is larger is rebuilt without a look at all of it.
const LOOKED_AT: u64 = 64 << 20;

/// Indexes on their way from the log into their files.
pub(super) struct Rebuilt {
    base: i64,
    interval_bytes: i32,
    index: Vec<u8>,
    time: Vec<u8>,
    /// Where the batch is that has the last entry of the offset index.
    last_entry: u64,
    pub(super) largest: Largest,
    found_time: FoundTime,
}

impl Rebuilt {
    /// For the segment that begins at `base`, before its first batch.
    pub(super) fn new(dir: &Path, base: i64, interval_bytes: i32) -> Result<Rebuilt, StorageError> {
        Ok(Rebuilt {
            base,
            interval_bytes,
            index: Vec::new(),
            time: Vec::new(),
            last_entry: 0,
            largest: Largest::none(base),
            found_time: FoundTime::new(read(&names::time_index_file(dir, base))?),
        })
    }

    /// Takes the next batch into account.
    pub(super) fn note(&mut self, found: &Found) {
        if self.largest.update(found.header.max_timestamp, found.last_offset()) {
            self.found_time.confirm(time_index::to_bytes(self.largest, self.base));
        }
        if index::entry_is_due(found.position - self.last_entry, self.interval_bytes) {
            let relative_offset = (found.last_offset() - self.base) as u32;
            let entry = IndexEntry { relative_offset, position: found.position as u32 };
            self.index.extend_from_slice(&entry.to_bytes());
            self.last_entry = found.position;
            self.add_time_entry();
            self.found_time.require(&self.time);
        }
    }

    fn add_time_entry(&mut self) {
        let entry = time_index::to_bytes(self.largest, self.base);
        if self.largest != Largest::none(self.base) && !self.time.ends_with(&entry) {
            self.time.extend_from_slice(&entry);
        }
    }

    /// Brings the files into that form; true if one of them was missing, short or wrong (a reserve
    /// behind the entries is not).
    pub(super) fn store(mut self, dir: &Path) -> Result<bool, StorageError> {
        // As if the segment had been closed.
        self.add_time_entry();
        let index_was_right = store(&names::index_file(dir, self.base), &self.index)?;
        store(&names::time_index_file(dir, self.base), &self.time)?;
        Ok(!index_was_right || !self.found_time.was_right())
    }
}

/// The time index that was there, compared entry by entry while the log is walked.
struct FoundTime {
    /// `None` if there was no file.
    bytes: Option<Vec<u8>>,
    /// How many entries the log has borne out so far.
    confirmed: usize,
    lacks_one: bool,
}

impl FoundTime {
    fn new(bytes: Option<Vec<u8>>) -> FoundTime {
        FoundTime { bytes, confirmed: 0, lacks_one: false }
    }

    fn entries(&self) -> &[[u8; time_index::ENTRY as usize]] {
        self.bytes.as_deref().unwrap_or_default().as_chunks().0
    }

    /// This is what an entry may say here.
    fn confirm(&mut self, entry: [u8; time_index::ENTRY as usize]) {
        if self.entries().get(self.confirmed) == Some(&entry) {
            self.confirmed += 1;
        }
    }

    /// An entry had to be there for what was last added to `wanted`.
    fn require(&mut self, wanted: &[u8]) {
        let last = self.confirmed.checked_sub(1).and_then(|last| self.entries().get(last));
        let there = last.map_or(&[][..], |entry| entry);
        self.lacks_one |= !wanted.ends_with(there) || wanted.is_empty() != there.is_empty();
    }

    fn was_right(&self) -> bool {
        let Some(bytes) = &self.bytes else { return false };
        let rest = bytes.get(self.confirmed * time_index::ENTRY as usize..).unwrap_or_default();
        !self.lacks_one && is_reserve(rest)
    }
}

/// Makes the file what it must be; false if it was anything else (but for a reserve behind it).
fn store(path: &Path, wanted: &[u8]) -> Result<bool, StorageError> {
    let there = read(path)?;
    if there.as_deref() != Some(wanted) {
        fs::write(path, wanted).map_err(StorageError::on("rebuild", path))?;
    }
    Ok(there.is_some_and(|there| there.strip_prefix(wanted).is_some_and(is_reserve)))
}

fn is_reserve(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
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
