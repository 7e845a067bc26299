//! A growing file on its way to the disk: write-back and syncs behind the tail, and what a flush
//! leaves to be mended ahead of it.
//!
//! What is written back is write-protected until the next store to it, which faults and may stand
//! behind the file system's journal for milliseconds. So nothing is written back, while that can be
//! helped, that the tail is about to write to: not the folio that it is in, and not the pages that were
//! faulted in ahead of it, for they are dirty too.

use super::growing::GrowingFile;
use super::growth::LARGEST_STEP;
use super::mapping::Mapping;
use super::{FOLIO, PAGE, sys};
use std::io;
use std::sync::atomic::Ordering;

/// What is written in one piece when a flush has much to write.
const PIECE: u64 = 4 << 20;

impl GrowingFile {
    /// What brings the first `len` bytes to the disk, with the file's size, and nothing behind the folio
    /// that they end in; nothing if only the whole file can be synced.
    pub(crate) fn front(&self, len: u64) -> Option<impl FnOnce() -> io::Result<()>> {
        // A truncation may have put a shorter file in the place of the one that was asked for.
        let len = len.min(self.len());
        let map = match self.is_by_call() {
            // It takes a mapping to name the range; it costs little as long as nothing is touched.
            true => self.map().ok(),
            false => self.map.get(),
        };
        let map = map.filter(|map| len > 0 && map.can_sync())?;
        Some(move || map.sync(len))
    }

    /// Everything behind the tail's folio was flushed, and nothing was protected that the tail writes
    /// to. Four times as much as comes between two flushes is kept ready ahead of it: the preparer
    /// stands behind the journal as well. What will be written to until after the next flush is looked at
    /// again here, for the kernel of its own accord writes back what has been dirty for long (30 s);
    /// where it has not that is a walk over the pages.
    pub(crate) fn flushed_behind(&self) {
        let (len, since) = (self.len(), self.since_flush());
        let window = since.saturating_mul(4).max(self.window.load(Ordering::Relaxed) / 2);
        self.window.store(window.clamp(1, LARGEST_STEP), Ordering::Relaxed);
        let to = (len + since * 2).min(self.ready.load(Ordering::Relaxed)).min(self.reserve());
        if let Some(map) = self.written_map().filter(|_| len < to) {
            map.populate(len, to);
        }
    }

    /// Everything was flushed, and the pages ahead of the tail have been protected, those of its folio
    /// or all of them. So the next pages are faulted in again here, by who has the time; but only as many
    /// as are needed before long, since the next flush may write them once more: a quarter of what
    /// came between the last two.
    pub(crate) fn flushed(&self) {
        let len = self.len();
        let window = (self.since_flush() / 4).clamp(1, LARGEST_STEP);
        self.window.store(window, Ordering::Relaxed);
        let to = (len + window).next_multiple_of(PAGE).min(self.reserve());
        if let Some(map) = self.written_map().filter(|_| len < to) {
            map.populate(len, to);
            self.ready.store(to, Ordering::Relaxed);
        }
    }

    /// The mapping, if it is written to. Who writes by calls needs no page of it, and to make one writable is to
    /// have it written to the disk once more.
    fn written_map(&self) -> Option<&Mapping> {
        self.map.get().filter(|_| !self.is_by_call())
    }

    /// What was appended since the last flush; this is one.
    fn since_flush(&self) -> u64 {
        let len = self.len();
        let since = len.saturating_sub(self.flushed_len.swap(len, Ordering::Relaxed));
        self.note_pace(since);
        since
    }

    /// Starts write-back of the whole folios that were published since the last call. The flusher's
    /// place to keep dirty pages few.
    pub(crate) fn start_write_back(&self) -> io::Result<()> {
        let to = self.len() / FOLIO * FOLIO;
        let from = self.written_back.fetch_max(to, Ordering::Relaxed);
        if to <= from {
            return Ok(());
        }
        self.let_go(from, to);
        sys::start_write_back(&*self.file()?, from, to)
    }

    /// Takes the whole folios of a range out of the mapping that the tail does not write to any more: what is left to
    /// be done for each page when it is written would cost a fifth of an append, see docs/PERFORMANCE.md.
    fn let_go(&self, from: u64, to: u64) {
        let from = from / FOLIO * FOLIO;
        let to = to.min(self.len()) / FOLIO * FOLIO;
        if let Some(map) = self.map.get().filter(|_| from < to) {
            map.let_go(from, to);
        }
    }

    /// Writes what the last flush has left, up to `to`, in pieces, and tells of each: so it is seen how a long
    /// flush gets on, which must follow. Nothing if it is a short one.
    ///
    /// # Errors
    /// As of a flush: they are told once, and the flush would not hear of them any more.
    pub(crate) fn write_out(&self, to: u64, mut tell: impl FnMut(u64)) -> io::Result<()> {
        let mut from = self.flushed_len.load(Ordering::Relaxed);
        let to = to.min(self.len());
        self.let_go(from, to);
        while to.saturating_sub(from) > PIECE {
            sys::write_out(&*self.file()?, from, from + PIECE)?;
            from += PIECE;
            tell(PIECE);
        }
        Ok(())
    }

    /// What went wrong with a write-back that others started, if anything did; told once.
    pub(crate) fn write_back_error(&self) -> io::Result<()> {
        sys::write_back_error(&*self.file()?)
    }
}
