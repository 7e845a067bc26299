//! Segments that need no check, because the log was closed or because they were on the disk before
//! the crash (LogLoader.java, LogSegment.sanityCheck).
//!
//! They are believed, not read: only their names and sizes are looked up. After a crash, and for the
//! last segment of a log that was closed, the batches behind the last index entry are walked too:
//! that they end with the file shows that nobody was writing to it.

use super::error::{LogError, StorageError};
use super::flush::there;
use super::index::{ENTRY, Entries};
use super::listing::Listing;
use super::names;
use super::open::Loader;
use super::recover::{self, Cut, Depth};
use super::report::Opening;
use super::sanity;
use super::scan::Scanner;
use super::segment::Segment;
use super::sync;
use crate::wire::records::{BatchHeader, HEADER_LEN};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// What is to be believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trust {
    /// So many of the segments, from the first on.
    pub(super) segments: usize,
    /// Their ends are looked at, not only the last one's.
    pub(super) verify: bool,
}

impl Loader<'_> {
    /// Believes the first segments, as far as they are what they should be; gives how many. The
    /// log ends behind them then, or where the first one begins that is to be checked.
    pub(super) fn trust(
        &mut self,
        bases: &[i64],
        trust: Trust,
        listing: &Listing,
    ) -> Result<usize, LogError> {
        self.end = bases.first().copied().unwrap_or(0);
        for (at, &base) in bases[..trust.segments].iter().enumerate() {
            let next = bases.get(at + 1).copied();
            let Some(segment) = self.whole_index(base, listing)? else {
                self.end = base;
                return Ok(at);
            };
            if trust.verify || next.is_none() {
                let path = names::log_file(self.dir, base);
                let end = end_of(self.dir, &segment).map_err(StorageError::on("read", &path))?;
                match end.filter(|&end| next.is_none_or(|next| end <= next)) {
                    Some(end) => self.end = end,
                    None => {
                        self.end = base;
                        return Ok(at);
                    }
                }
            }
            self.segments.push(Arc::new(segment));
            // What follows without a gap begins here; a gap is what compaction leaves.
            self.end = next.unwrap_or(self.end);
        }
        Ok(trust.segments)
    }

    /// A segment that has its indexes, if need be new ones; `None` if it has to be checked.
    fn whole_index(&mut self, base: i64, listing: &Listing) -> Result<Option<Segment>, LogError> {
        let mut size = listing.logs.get(&base).copied().unwrap_or(0);
        let Some(indexes) = sanity::look(self.dir, base, listing)? else { return Ok(None) };
        if !indexes.are_sane {
            self.may_read()?;
            self.indexed.push(base);
            // Closed, or below the recovery point: all of it.
            let (interval, on_disk) = (self.interval_bytes, i64::MAX);
            let checked =
                recover::check(self.dir, base, interval, Depth::Headers, on_disk, |_, _| {})?;
            self.report.rebuilt_indexes += usize::from(checked.index_rebuilt);
            if checked.cut.is_some() {
                self.was_cut = true;
                self.report.cuts.extend(checked.cut.filter(Cut::is_a_loss));
                return Ok(None);
            }
            size = checked.size;
        }
        let segment = Segment::new(base, size);
        segment.set_txn_size(indexes.txn_size);
        Ok(Some(segment))
    }
}

impl Loader<'_> {
    /// Where the log begins. Of one that was closed the recovery point says where it ended; if it is said to
    /// begin behind that, it is this that is wrong: the file has no checksum. Kafka deletes all
    /// segments then.
    pub(super) fn begins_at(&self, opening: &Opening) -> i64 {
        let base = self.segments.first().map_or(0, |first| first.base);
        let log_start = opening.log_start.unwrap_or(base).max(base);
        let was_closed = !self.report.checked && opening.recovery_point == Some(self.end);
        if !was_closed || log_start <= self.end || self.segments.is_empty() {
            return log_start;
        }
        ::log::warn!(
            dir:% = self.dir.display(), noted = log_start, begin = base, end = self.end;
            "log-start-offset-checkpoint says that it begins behind its end, which cannot be, \
             since it was closed; that is not used: it begins with its first segment. If records \
             were deleted there, delete them again (kafka-delete-records)"
        );
        base
    }

    /// Brings indexes that were made anew to the disk where no flush does it: those of segments below
    /// `flushed`. A start after a power cut would believe what is left of them.
    pub(super) fn sync_indexes(&self, flushed: i64, was_closed: bool) -> Result<(), StorageError> {
        for &base in &self.indexed {
            let after = self.segments.partition_point(|segment| segment.base <= base);
            // The last segment is checked again after a crash, and flushed with its indexes before a close.
            if self.segments.get(after).map_or(was_closed, |next| next.base <= flushed) {
                for path in names::index_files(self.dir, base) {
                    there(sync::file_at(&path))?;
                }
            }
        }
        Ok(())
    }
}

/// The offset after the last batch of a segment that was closed, found from its last index entry
/// on; `None` if its files are not in that state.
fn end_of(dir: &Path, segment: &Segment) -> io::Result<Option<i64>> {
    let log = File::open(names::log_file(dir, segment.base))?;
    let index = File::open(names::index_file(dir, segment.base))?;
    let index_size = index.metadata()?.len();
    let mut scanner = Scanner::new(&log, segment.size(), segment.base, false);
    if !index_size.is_multiple_of(ENTRY) {
        return Ok(None);
    }
    if index_size > 0 {
        let mut last = [0; ENTRY as usize];
        index.read_exact_at(&mut last, index_size - ENTRY)?;
        let Some(entry) = Entries::new(&last).last() else { return Ok(None) };
        let position = u64::from(entry.position);
        if position + HEADER_LEN as u64 > segment.size() {
            return Ok(None);
        }
        let mut header = [0; HEADER_LEN];
        log.read_exact_at(&mut header, position)?;
        let header = BatchHeader::read(&header);
        let described = segment.base.saturating_add(i64::from(entry.relative_offset));
        if header.last_offset() != described || header.base_offset < segment.base {
            return Ok(None);
        }
        scanner = scanner.starting_at(position, header.base_offset);
    }
    loop {
        match scanner.next()? {
            None => return Ok(Some(scanner.next_offset())),
            Some(Ok(_)) => {}
            Some(Err(_)) => return Ok(None),
        }
    }
}
