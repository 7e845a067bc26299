//! A growing file on its way to the disk: write-back behind the tail, and what a flush leaves to be
//! mended ahead of it.

use super::growing::{GrowingFile, LARGEST_STEP};
use super::{PAGE, sys};
use std::io;
use std::sync::atomic::Ordering;

impl GrowingFile {
    /// Everything was flushed. Flushing has written the pages ahead of the tail too, for those that
    /// were faulted in are dirty, and has protected all of them: the next store to each would fault
    /// and may stand behind the file system's journal for milliseconds. So the next pages are
    /// faulted in again here, by who has the time; but only as many as are needed before long, since
    /// the next flush writes them once more: a quarter of what came between the last two.
    pub(crate) fn flushed(&self) {
        let len = self.len();
        let since = len.saturating_sub(self.flushed_len.swap(len, Ordering::Relaxed));
        let window = (since / 4).clamp(1, LARGEST_STEP);
        self.window.store(window, Ordering::Relaxed);
        let to = (len + window).next_multiple_of(PAGE).min(self.reserve());
        if let Some(map) = self.map.get().filter(|_| len < to) {
            map.populate(len, to);
            self.ready.store(to, Ordering::Relaxed);
        }
    }

    /// Starts write-back of the whole pages that were published since the last call. The flusher's
    /// place to keep dirty pages few.
    pub(crate) fn start_write_back(&self) -> io::Result<()> {
        let to = self.len() / PAGE * PAGE;
        let from = self.written_back.fetch_max(to, Ordering::Relaxed);
        if to > from { sys::start_write_back(&self.file, from, to) } else { Ok(()) }
    }

    /// What went wrong with a write-back that others started, if anything did; told once.
    pub(crate) fn write_back_error(&self) -> io::Result<()> {
        sys::write_back_error(&self.file)
    }
}
