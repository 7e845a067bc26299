//! Checking one segment's files after a crash (LogSegment.recover).
//!
//! Every batch is checked: length, record format, CRC, order of offsets. The log is cut at the
//! first thing that is not a batch; the index is what the log says it must be. What is found tells
//! the caller whether the segments that follow can be kept.

use super::error::StorageError;
use super::index::{self, IndexEntry};
use super::names;
use super::scan::{Bad, Found, Scanner};
use crate::wire::records::NO_TIMESTAMP;
use std::fmt;
use std::fs::{self, File};
use std::path::Path;

/// Where a log was cut, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment's base offset.
    pub segment: i64,
    /// The first byte that went.
    pub position: u64,
    /// How many bytes went.
    pub bytes: u64,
    /// What was wrong with them.
    pub reason: Bad,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cut { segment, position, bytes, reason } = self;
        write!(f, "segment {segment} cut at byte {position}, {bytes} bytes dropped: {reason}")
    }
}

/// What is in a segment that was checked.
#[derive(Debug)]
pub(super) struct Checked {
    /// Bytes of good batches: the size of the file now.
    pub(super) size: u64,
    /// The offset after the last one.
    pub(super) next_offset: i64,
    pub(super) max_timestamp: i64,
    /// What was cut off, if anything was (a zero tail too).
    pub(super) cut: Option<Cut>,
    pub(super) index_rebuilt: bool,
}

/// How much of a segment's batches is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Lengths, format and order; the log was closed cleanly.
    Headers,
    /// The CRCs too.
    Whole,
}

/// Checks the segment that begins at `base` and brings its files into the form that they must have.
/// `batch` is told of every good batch, with its bytes.
pub(super) fn check(
    dir: &Path,
    base: i64,
    interval_bytes: i32,
    depth: Depth,
    mut batch: impl FnMut(&Found, &[u8]),
) -> Result<Checked, StorageError> {
    let path = names::log_file(dir, base);
    let on = |doing| StorageError::on(doing, &path);
    let file = File::options().read(true).write(true).open(&path).map_err(on("open"))?;
    let file_size = file.metadata().map_err(on("open"))?.len();
    let mut scanner = Scanner::new(&file, file_size, base, depth == Depth::Whole);
    let mut index = Vec::new();
    let (mut last_entry, mut max_timestamp) = (0, NO_TIMESTAMP);
    let reason = loop {
        match scanner.next().map_err(on("read"))? {
            None => break None,
            Some(Err(bad)) => break Some(bad),
            Some(Ok((found, bytes))) => {
                max_timestamp = max_timestamp.max(found.header.max_timestamp);
                if index::entry_is_due(found.position - last_entry, interval_bytes) {
                    let relative_offset = (found.last_offset() - base) as u32;
                    let entry = IndexEntry { relative_offset, position: found.position as u32 };
                    index.extend_from_slice(&entry.to_bytes());
                    last_entry = found.position;
                }
                batch(&found, bytes);
            }
        }
    };
    let (size, next_offset) = (scanner.position(), scanner.next_offset());
    let cut =
        reason.map(|reason| Cut { segment: base, position: size, bytes: file_size - size, reason });
    if cut.is_some() {
        file.set_len(size).map_err(on("cut"))?;
    }
    let index_rebuilt = rebuild_index(&names::index_file(dir, base), &index)?;
    Ok(Checked { size, next_offset, max_timestamp, cut, index_rebuilt })
}

/// Makes the index what it must be; true if it was anything else (but for a reserve behind it).
fn rebuild_index(path: &Path, wanted: &[u8]) -> Result<bool, StorageError> {
    let there = fs::read(path).ok();
    if there.as_deref() == Some(wanted) {
        return Ok(false);
    }
    fs::write(path, wanted).map_err(StorageError::on("rebuild", path))?;
    let reserved = |rest: &[u8]| rest.iter().all(|&byte| byte == 0);
    Ok(!there.is_some_and(|there| there.strip_prefix(wanted).is_some_and(reserved)))
}
