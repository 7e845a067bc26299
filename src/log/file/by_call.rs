//! How a batch, or several at once, get into the file: by a copy into the mapping, or by a system call.
//!
//! A copy into pages that the preparer has made is the fastest for who appends; but each page is filled twice
//! then, with zeros and with the batch, and taken out of the mapping again before it is written to the disk. A
//! call fills it once, or little more. So:
//!
//! * Small batches are copied while the preparer keeps ahead of them.
//! * Large ones ([`LARGE`], as many as come at once) are written by calls: a call costs little beside them, and both
//!   together half as much.
//! * Where the tail has outrun the preparer with others than [`SMALL`] ones all are written by calls, so that who
//!   appends does not wait for somebody who makes pages: on a machine whose processors are all busy the preparer may
//!   hold its lock for many milliseconds.
//! * It goes back to copies when [`CALM`] flushes in a row have found little, or [`SMALL_IN_A_ROW`] small batches have
//!   come, be it that nothing flushes (`barnabas.flush.ms=-1` and the like).
//!
//! Who appends alone decides. The log's next segment begins by calls where large batches came to this one. A preparer
//! that was outrun by others gets another try there: it makes the first pages in a file that nobody writes to yet, so
//! that nobody waits for it. While the tail writes by calls nobody else makes pages: it writes behind the reserve too, and the
//! reserve ends where it has written. What is reserved then is blocks alone: a full disk is still an error of who wants
//! more of them.
//!
//! A call that needs new pages writes zeros up to the next [`PIECE`] behind its batch. Where a file system has large folios
//! (ext4 since Linux 6.16, XFS), the kernel makes as large a one as a write fills: of batches of 16 KB, which begin
//! anywhere, it would make pages and pairs of them, which costs twice as much as one folio for several batches, and sending
//! them half as much again. Pieces that are larger still would save little, and who writes one would wait longer. Not where a flush comes after less than [`OFTEN`]: it would
//! write the zeros to the disk each time.
//!
//! ```text
//!               outrun, or a large batch: waits for who makes a piece of pages at the moment
//!   by copies ──────────────────────────────────────────────────────────────> by calls
//!             <──────────────────────────────────────────────────────────────
//!               not a large batch, and CALM flushes have found little; or many small ones: makes a piece of
//!               pages itself, which lasts until the preparer has been there
//! ```

use super::growing::GrowingFile;
use super::{Batch, PAGE, sys};
use std::io;
use std::sync::atomic::Ordering;

/// Batches from this size on are written by calls.
const LARGE: u64 = 64 << 10;
/// Smaller ones than this begin no calls: a piece of pages is made for hundreds of them at once.
const SMALL: u64 = PAGE;
/// What comes between two flushes at most where the preparer keeps ahead of it, and how often in a row.
const LITTLE: u64 = 4 << 20;
const CALM: u32 = 10;
/// After so many of these copies are cheaper, whatever made the first call.
const SMALL_IN_A_ROW: u32 = 256;
/// Pages are made by so many bytes at once, each time at such a boundary.
pub(super) const PIECE: u64 = 128 << 10;
/// A flush that stops short of the tail's folio relies on it, and as many zeros are at hand.
const _: () = assert!(super::FOLIO.is_multiple_of(PIECE));
/// So few bytes between two flushes are not worth zeros.
const OFTEN: u64 = 4 * PIECE;

impl GrowingFile {
    /// The tail writes by calls.
    pub(crate) fn is_by_call(&self) -> bool {
        self.by_call.load(Ordering::Acquire)
    }

    /// The same, for its batches are large: so will be those of the next segment.
    pub(crate) fn takes_large(&self) -> bool {
        self.is_by_call() && self.takes_large.load(Ordering::Relaxed)
    }

    /// A flush has found so many bytes.
    pub(super) fn note_pace(&self, since: u64) {
        self.is_flushed_often.store(since < OFTEN, Ordering::Relaxed);
        match since < LITTLE {
            true => self.slow_flushes.fetch_add(1, Ordering::Relaxed),
            false => self.slow_flushes.swap(0, Ordering::Relaxed),
        };
    }

    /// Decides how so many batches, `n` bytes in all, are written behind the first `len`. For the tail.
    pub(super) fn goes_by_call(&self, len: u64, n: u64, batches: u32) -> bool {
        if n >= LARGE {
            self.takes_large.store(true, Ordering::Relaxed);
        }
        let is_small = n < SMALL * u64::from(batches);
        if self.is_by_call() {
            let before = self.small_in_a_row.load(Ordering::Relaxed);
            let small = if is_small { before.saturating_add(batches) } else { 0 };
            self.small_in_a_row.store(small, Ordering::Relaxed);
            let is_calm = n < LARGE && self.slow_flushes.load(Ordering::Relaxed) >= CALM;
            let ends = is_calm || small > SMALL_IN_A_ROW;
            if ends {
                self.takes_large.store(false, Ordering::Relaxed);
                self.by_call.store(false, Ordering::Release);
                // Where there is no space for more, what there is will do.
                let _ = self.extend(self.reserve() + 1);
            }
            return !ends;
        }
        // A file that was just made or opened has no reserve either, and nobody was asked for one.
        let is_asked = self.asked.load(Ordering::Relaxed);
        let is_outrun = !is_small && is_asked && len + n > self.reserve();
        if n < LARGE && !is_outrun {
            return false;
        }
        self.slow_flushes.store(0, Ordering::Relaxed);
        self.small_in_a_row.store(0, Ordering::Relaxed);
        self.by_call.store(true, Ordering::Release);
        // Who makes pages has the lock; whoever gets it next makes none.
        drop(self.lock_next());
        true
    }

    /// Sees to it that there are blocks for what is written up to `need`. For the tail that writes by calls.
    pub(super) fn make_space(&self, need: u64) -> io::Result<()> {
        if self.opened().is_none() {
            // A batch shall not cost three calls.
            self.retrieve()?;
        }
        if need > self.allocated() {
            self.need_blocks(self.len(), need)?;
        }
        // To write behind the end of a file that was truncated would give it a hole.
        self.check_size(need)?;
        self.intact()
    }

    /// Writes batches behind the first `len` bytes. For the tail that writes by calls, after
    /// [`GrowingFile::make_space`].
    pub(super) fn write_behind<'b>(
        &self,
        len: u64,
        batches: impl Iterator<Item = Batch<'b>> + Clone,
    ) -> io::Result<()> {
        let file = self.file()?;
        let parts = batches.flatten();
        let end = len + parts.clone().map(|part| part.len() as u64).sum::<u64>();
        let made = if end > self.reserve() { self.end_of_piece(end) } else { end };
        match sys::write_with_zeros(&file, parts, (made - end) as usize, len) {
            Ok(is_made) => {
                self.reserve.fetch_max(if is_made { made } else { end }, Ordering::AcqRel);
                Ok(())
            }
            Err(error) => {
                // A part of it may be there: of a later batch that is shorter it must not look like the next one.
                let _ = sys::zero(&file, len, end);
                Err(error)
            }
        }
    }

    /// How far pages are made with those that end there: as there are blocks, which are zero, or pages already.
    fn end_of_piece(&self, end: u64) -> u64 {
        match sys::reserves_by_writing() || self.is_flushed_often.load(Ordering::Relaxed) {
            true => end,
            false => end.next_multiple_of(PIECE).min(self.allocated()).max(end),
        }
    }
}

#[cfg(test)]
#[path = "by_call_tests.rs"]
mod tests;
