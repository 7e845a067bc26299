//! Checking one segment's files after a crash (LogSegment.recover).
//!
//! Every batch is checked: length, record format, CRC, order of offsets. The log is cut at the
//! first thing that is not a batch; the indexes are what the log says they must be. What is found
//! tells the caller whether the segments that follow can be kept.

use super::damage::{Place, has_whole_batch_behind};
use super::error::StorageError;
use super::names;
use super::rebuild::Rebuilt;
use super::scan::{Bad, Found, Scanner};
use super::sync;
use super::time_index::Largest;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
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
    /// The largest timestamp, and where it is.
    pub(super) largest: Largest,
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
/// `batch` is told of every good batch, with its bytes. What was below `on_disk` was whole once.
pub(super) fn check(
    dir: &Path,
    base: i64,
    interval_bytes: i32,
    depth: Depth,
    on_disk: i64,
    mut batch: impl FnMut(&Found, &[u8]),
) -> Result<Checked, StorageError> {
    let path = names::log_file(dir, base);
    let on = |doing| StorageError::on(doing, &path);
    let file = File::options().read(true).write(true).open(&path).map_err(on("open"))?;
    let file_size = file.metadata().map_err(on("open"))?.len();
    let mut scanner = Scanner::new(&file, file_size, base, depth == Depth::Whole);
    let mut rebuilt = Rebuilt::new(dir, base, interval_bytes)?;
    let reason = loop {
        match scanner.next().map_err(on("read"))? {
            None => break None,
            Some(Err(bad)) => break Some(bad),
            Some(Ok((found, bytes))) => {
                rebuilt.note(&found);
                batch(&found, bytes);
            }
        }
    };
    let (size, next_offset) = (scanner.position(), scanner.next_offset());
    let cut =
        reason.map(|reason| Cut { segment: base, position: size, bytes: file_size - size, reason });
    if let Some(Cut { reason, .. }) = cut {
        let bad = Place { segment: base, position: size, offset: next_offset };
        // A crash leaves neither; somebody may still want what is there.
        if reason != Bad::ZeroTail
            && (next_offset < on_disk
                || has_whole_batch_behind(&file, file_size, bad).map_err(on("read"))?)
        {
            keep_tail(dir, &file, bad)?;
        }
        file.set_len(size).map_err(on("cut"))?;
    }
    let largest = rebuilt.largest;
    let index_rebuilt = rebuilt.store()?;
    Ok(Checked { size, next_offset, largest, cut, index_rebuilt })
}

/// Copies what a cut takes away from `bad` on into a file of its own, on the disk before the cut is: there may be
/// whole batches in it, and somebody may still want them.
pub(super) fn keep_tail(dir: &Path, file: &File, bad: Place) -> Result<(), StorageError> {
    let path = names::cut_file(dir, bad.segment, bad.offset);
    let mut from = file;
    let copied = from.seek(SeekFrom::Start(bad.position)).and_then(|_| {
        let mut to = File::create_new(&path)?;
        io::copy(&mut from, &mut to)?;
        Ok(to)
    });
    let kept = copied.map_err(StorageError::on("keep the damaged end of a segment in", &path));
    kept.and_then(|copy| sync::file(&copy, &path)).inspect_err(|_| {
        let _ = fs::remove_file(&path);
    })?;
    sync::dir(dir)?;
    ::log::warn!(
        path:% = names::log_file(dir, bad.segment).display(), position = bad.position,
        copy:% = path.display();
        "no crash leaves what is there from this position on; it was copied before the file is \
         cut there; remove the copy if it is not needed"
    );
    Ok(())
}
