//! The segment that a cleaning writes: `<base>.log.cleaned` and its indexes, on the disk before it
//! is swapped in (Cleaner.cleanSegments, LogSegment.append).
//!
//! Until then nobody else knows these files; what a crash leaves of them is removed at the next
//! start. What is not finished is removed when it is dropped.

use super::error::CleanError;
use crate::log::AbortedTxn;
use crate::log::error::StorageError;
use crate::log::home::Home;
use crate::log::index::{self, IndexEntry};
use crate::log::segment::Compacted;
use crate::log::time_index::{self, Largest};
use crate::log::{names, steps, sync};
use crate::wire::records::BatchHeader;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Bytes that are written at once.
const CHUNK: usize = 256 << 10;

/// A cleaned segment in the making.
pub(super) struct Output {
    home: Home,
    dir: Arc<Path>,
    base: i64,
    log: File,
    /// Bytes of batches, those in the buffer too.
    len: u64,
    /// Where the batch begins that has the last index entry.
    last_entry: u64,
    interval_bytes: i32,
    /// Batches that are not written yet: filtered batches are put here.
    pub(super) buffer: Vec<u8>,
    index: Vec<u8>,
    time: Vec<u8>,
    aborted: Vec<u8>,
    largest: Largest,
    last_batch: Option<i64>,
    finished: bool,
}

/// A cleaned segment that is on the disk.
pub(super) struct Finished {
    pub(super) home: Home,
    pub(super) dir: Arc<Path>,
    pub(super) segment: Compacted,
    /// The base offset of its last batch, if it has one.
    pub(super) last_batch: Option<i64>,
}

impl Output {
    /// New files in the log's directory; what an earlier cleaning left there is overwritten.
    pub(super) fn create(
        home: Home,
        base: i64,
        interval_bytes: i32,
    ) -> Result<Output, StorageError> {
        let dir = home.path();
        remove(&dir, base);
        let path = names::cleaned(&names::log_file(&dir, base));
        let log = File::options().write(true).create_new(true).open(&path);
        let log = log.map_err(StorageError::on("create", &path))?;
        Ok(Output {
            home,
            dir,
            base,
            log,
            len: 0,
            last_entry: 0,
            interval_bytes,
            buffer: Vec::with_capacity(CHUNK),
            index: Vec::new(),
            time: Vec::new(),
            aborted: Vec::new(),
            largest: Largest::none(base),
            last_batch: None,
            finished: false,
        })
    }

    /// Accounts for a batch that was just put into the buffer.
    pub(super) fn note(&mut self, header: &BatchHeader) -> Result<(), CleanError> {
        let (position, last_offset) = (self.len, header.last_offset());
        let relative = last_offset - self.base;
        self.len += header.size() as u64;
        let max = i64::from(i32::MAX);
        if self.len > max.unsigned_abs() || relative > max {
            return Err(CleanError::TooLarge { segment: self.base });
        }
        self.largest.update(header.max_timestamp, last_offset);
        self.last_batch = Some(header.base_offset);
        if index::entry_is_due(position - self.last_entry, self.interval_bytes) {
            let entry = IndexEntry { relative_offset: relative as u32, position: position as u32 };
            self.index.extend_from_slice(&entry.to_bytes());
            self.last_entry = position;
            self.add_time_entry();
        }
        Ok(())
    }

    /// Accounts for an aborted transaction of which something is left.
    pub(super) fn note_aborted(&mut self, txn: AbortedTxn) {
        self.aborted.extend_from_slice(&txn.to_bytes());
    }

    fn add_time_entry(&mut self) {
        let entry = time_index::to_bytes(self.largest, self.base);
        if self.largest != Largest::none(self.base) && !self.time.ends_with(&entry) {
            self.time.extend_from_slice(&entry);
        }
    }

    /// Writes the buffer if it is full; gives how many bytes were written.
    pub(super) fn write_if_full(&mut self) -> Result<u64, StorageError> {
        match self.buffer.len() < CHUNK {
            true => Ok(0),
            false => self.write(),
        }
    }

    fn write(&mut self) -> Result<u64, StorageError> {
        let path = names::cleaned(&names::log_file(&self.dir, self.base));
        self.log.write_all(&self.buffer).map_err(StorageError::on("write", &path))?;
        let written = self.buffer.len() as u64;
        self.buffer.clear();
        self.buffer.shrink_to(4 * CHUNK);
        Ok(written)
    }

    /// Bytes of batches so far.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Brings all files to the disk. They get the time of the last change of what they replace:
    /// Kafka goes by it where records have no timestamps.
    pub(super) fn finish(mut self, modified: SystemTime) -> Result<Finished, CleanError> {
        self.write()?;
        self.add_time_entry();
        let to_disk = |file: &File, path: &Path| {
            file.set_modified(modified).map_err(StorageError::on("write", path))?;
            sync::whole_file(file, path)
        };
        let path = names::cleaned(&names::log_file(&self.dir, self.base));
        to_disk(&self.log, &path)?;
        let [_, index, time, aborted] = names::segment_files(&self.dir, self.base);
        for (path, bytes) in [(index, &self.index), (time, &self.time), (aborted, &self.aborted)] {
            if bytes.is_empty() && path.extension().is_some_and(|kind| kind == "txnindex") {
                continue;
            }
            steps::reached(&self.dir);
            let path = names::cleaned(&path);
            let write = || {
                let mut file = File::create(&path)?;
                file.write_all(bytes)?;
                Ok(file)
            };
            let file = self.home.while_at(&self.dir, write).ok_or(CleanError::Stopped)?;
            to_disk(&file.map_err(StorageError::on("write", &path))?, &path)?;
        }
        self.finished = true;
        let (home, dir) = (self.home.clone(), self.dir.clone());
        let segment = Compacted {
            base: self.base,
            size: self.len,
            txn_size: self.aborted.len() as u64,
            largest: self.largest,
        };
        Ok(Finished { home, dir, segment, last_batch: self.last_batch })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.finished {
            self.home.while_at(&self.dir, || remove(&self.dir, self.base));
        }
    }
}

/// Removes the cleaned files of a segment, if there are any.
pub(super) fn remove(dir: &Path, base: i64) {
    for path in names::segment_files(dir, base) {
        let _ = fs::remove_file(names::cleaned(&path));
    }
}
