//! How many blocks a file is given at once that is written by calls.
//!
//! A file system that gives a file blocks keeps those away who write to it, and so does the lock on growth: who appends
//! waits for as long as that takes, which is milliseconds where the file system has to read from the disk what is free.
//! So it happens seldom: a step is to last for some seconds, at the pace of this log. It begins as large as the file is, so
//! that little data get little, and then grows while steps are used up soon ([`SOON`]), and shrinks when they are not ([`LATE`]).
//! It never is more than a part of what is free ([`SHARE`]): others need some, too. The next segment begins with a step of the
//! same size, before anybody writes to it.
//!
//! What is reserved and not written goes back when the segment is closed, when the log rests, and at a check of retention
//! where so little has come since the last that it would last for long.

use super::by_call::PIECE;
use super::growing::GrowingFile;
use super::growth::LARGEST_STEP;
use super::{FOLIO, PAGE, sys};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The least by which such a file grows: it is written by large batches, or fast.
const LEAST_STEP: u64 = FOLIO;
/// The most, which a log comes to that takes some tens of megabytes a second.
const MOST: u64 = 256 << 20;
/// What is reserved for more than so many times what comes between two checks of retention is given back.
const ENOUGH: u64 = 4;
/// What is free is this many times as much as a step.
const SHARE: u64 = 8;
/// A step that lasts no longer is followed by one of twice its size; one that lasts longer by one of half.
const SOON: Duration = Duration::from_secs(3);
const LATE: Duration = Duration::from_secs(12);

/// The size of a file's steps; changed under its lock on growth.
pub(super) struct Steps {
    size: AtomicU64,
    /// When the last one was taken: milliseconds of the process, and one; 0 before the first.
    at: AtomicU64,
    /// The length when it was last looked whether anything comes.
    seen: AtomicU64,
}

impl Steps {
    pub(super) fn new() -> Steps {
        let [size, at, seen] = [LARGEST_STEP, 0, 0].map(AtomicU64::new);
        Steps { size, at, seen }
    }

    fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    /// The size of the step that is taken now, `ms` after the process has begun, behind so many bytes.
    fn take(&self, len: u64, ms: u64) -> u64 {
        let before = self.at.swap(ms + 1, Ordering::Relaxed);
        let lasted = Duration::from_millis((ms + 1).saturating_sub(before));
        let size = match self.size() {
            size if before == 0 => size,
            size if lasted <= SOON => (2 * size).min(MOST),
            size if lasted > LATE => (size / 2).max(LARGEST_STEP),
            size => size,
        };
        self.size.store(size, Ordering::Relaxed);
        size.min(len.max(LEAST_STEP))
    }
}

impl GrowingFile {
    /// Begins to be written by calls, with a whole step of blocks; before anything is written.
    pub(crate) fn begin_by_call(&self, step: u64) -> io::Result<()> {
        let growing = self.lock();
        self.by_call.store(true, Ordering::Release);
        self.steps.size.store(step, Ordering::Relaxed);
        let step = step.min(self.share()?).max(LEAST_STEP);
        self.allocate(&growing, step).map(drop)
    }

    /// The first step of the next segment, if that is to begin like this.
    pub(crate) fn step_of_next(&self) -> Option<u64> {
        self.takes_large().then(|| self.steps.size())
    }

    /// It is time to ask for more blocks.
    pub(super) fn lacks_blocks(&self, len: u64) -> bool {
        let allocated = self.allocated();
        let ahead = match len {
            _ if sys::reserves_by_writing() => LEAST_STEP / 2,
            // Whoever gets them may have to wait for a processor.
            LARGEST_STEP.. => LARGEST_STEP,
            _ => len.max(LEAST_STEP) / 2,
        };
        allocated < self.capacity && allocated.saturating_sub(len) < ahead
    }

    /// Gets a step of blocks. For the preparer.
    pub(super) fn get_blocks(&self) -> io::Result<()> {
        let growing = self.lock();
        let len = self.len();
        if self.lacks_blocks(len) {
            self.allocate(&growing, self.end_of_step(len, len)?)?;
        }
        Ok(())
    }

    /// Gets blocks for what is written behind the first `len` bytes up to `need`, and a step of them where there is space. For
    /// the tail that has outrun the preparer.
    pub(super) fn need_blocks(&self, len: u64, need: u64) -> io::Result<()> {
        let growing = self.lock_next();
        if need <= self.allocated() {
            return Ok(());
        }
        // A step may not fit on the disk where the bytes themselves do.
        let grown = self.end_of_step(len, need).and_then(|to| self.allocate(&growing, to));
        grown.or_else(|_| self.allocate(&growing, need)).map(drop)
    }

    /// Gives back what is reserved and would last for long at the pace at which something was appended since this was called
    /// last; says whether. For who keeps the tail from writing.
    pub(crate) fn give_back(&self) -> io::Result<bool> {
        let (growing, len) = (self.lock_next(), self.len());
        // The first time nothing is known, and so much that it came lately.
        let came = len.saturating_sub(self.steps.seen.swap(len, Ordering::Relaxed));
        let to = self.reserve().max(len).next_multiple_of(PAGE) + came.max(LEAST_STEP);
        let unused = self.allocated().saturating_sub(to);
        if self.is_sealed() || unused <= ENOUGH * came.max(LEAST_STEP) {
            return Ok(false);
        }
        self.check_size(self.allocated())?;
        self.cut_to(&growing, to.next_multiple_of(PAGE))?;
        self.steps.size.store(LARGEST_STEP, Ordering::Relaxed);
        Ok(true)
    }

    /// Where the next step ends: with a piece of pages. Under the lock on growth.
    fn end_of_step(&self, len: u64, need: u64) -> io::Result<u64> {
        let step = match sys::reserves_by_writing() {
            // Where it must be written, who appends may have to wait for it.
            true => LEAST_STEP,
            false => self.steps.take(len, now_ms()).min(self.share()?).max(LEAST_STEP),
        };
        // A small file doubles; what a large one has left is there for the time until it has its next step.
        let from = if len < LARGEST_STEP { need } else { need.max(self.allocated()) };
        Ok((from + step).next_multiple_of(PIECE))
    }

    /// What one step may take of what is free.
    fn share(&self) -> io::Result<u64> {
        Ok(sys::free_space(&*self.file()?)? / SHARE)
    }
}

/// Milliseconds since somebody has asked first.
fn now_ms() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let since = BEGAN.get_or_init(Instant::now).elapsed().as_millis();
    u64::try_from(since).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::growing::tests::scratch;
    use super::*;

    #[test]
    fn who_makes_pages_ends_where_blocks_were_given_back_meanwhile() {
        let mut tail = scratch(64 << 20);
        tail.make_room(100).unwrap();
        tail.stage(&[7; 100]);
        tail.publish(100).unwrap();
        let file = tail.shared().clone();
        let to = file.allocate(&file.lock(), LARGEST_STEP).unwrap();
        assert!(file.give_back().unwrap(), "nothing but a hundred bytes came");
        let (tell, told) = std::sync::mpsc::channel();
        let maker = file.clone();
        std::thread::spawn(move || {
            let made = maker.map().and_then(|map| maker.make_up_to(to, map));
            tell.send(made.is_ok()).unwrap();
        });
        assert_eq!(told.recv_timeout(Duration::from_secs(60)), Ok(true), "it goes on for ever");
        assert_eq!(file.reserve(), file.allocated());
    }

    #[test]
    fn a_step_lasts_for_some_seconds() {
        let steps = Steps::new();
        let (full, all) = (1 << 30, [0, 3_000, 6_000, 9_000, 12_000, 15_000]);
        let taken = all.map(|ms| steps.take(full, ms) >> 20);
        assert_eq!(taken, [32, 64, 128, 256, 256, 256], "it is used up soon");
        assert_eq!(
            [20_000, 32_000].map(|ms| steps.take(full, ms) >> 20),
            [256; 2],
            "as it shall be"
        );
        let slow = [45_000, 60_000, 75_000, 90_000, 105_000, 120_000];
        assert_eq!(slow.map(|ms| steps.take(full, ms) >> 20), [128, 64, 32, 32, 32, 32]);
    }

    #[test]
    fn a_small_file_gets_no_more_than_it_has() {
        let steps = Steps::new();
        assert_eq!(steps.take(0, 0), LEAST_STEP);
        assert_eq!(steps.take(1 << 20, 1), 1 << 20);
        assert_eq!(steps.take(100 << 20, 2), 100 << 20);
        assert_eq!(steps.take(1 << 30, 3), 256 << 20);
    }
}
