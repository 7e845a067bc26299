//! How a growing file gets its reserve: blocks first, then pages, then both are published.
//!
//! Pages are made by writing zeros where nobody writes or reads yet: behind the published reserve, under the lock
//! on growth. That is the one rule here: what lies below the reserve may have been appended, and is never
//! written to; and before somebody else writes to the same file, it is sealed and settled.

use super::growing::GrowingFile;
use super::mapping::Mapping;
use super::{FOLIO, PAGE, sys};
use std::io;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;

/// The first step of a reserve, and the largest: of a log that few bytes come to, and of any.
pub(super) const FIRST_STEP: u64 = 16 * 1024;
const LARGEST_SLOW_STEP: u64 = 1 << 20;
pub(super) const LARGEST_STEP: u64 = 32 << 20;
/// Pages are made, and faulted in, by so many bytes at once: by the preparer, and by the tail that has
/// outrun it. One call for many pages costs a tenth of as many faults; but who needs some waits for it.
const PIECE_AHEAD: u64 = 1 << 20;
pub(super) const PIECE_OUTRUN: u64 = FOLIO;
/// What is made under one lock.
const PIECE_LOCKED: u64 = FOLIO;

impl GrowingFile {
    /// Asks for more once half of the last step is used, be it reserve or pages. True at most once
    /// per growth: then the caller must see to it that [`GrowingFile::grow_ahead`] is called.
    pub(crate) fn should_grow(&self, len: u64) -> bool {
        if self.is_by_call() {
            return self.lacks_blocks(len) && !self.asked.swap(true, Ordering::AcqRel);
        }
        let reserve = self.reserve.load(Ordering::Relaxed);
        // The tail is past `ready` when it has outrun the preparer.
        let ready = self.ready.load(Ordering::Relaxed).min(reserve);
        let window = self.window.load(Ordering::Relaxed);
        let step = self.step(reserve);
        let lacks_pages = ready < reserve && ready.saturating_sub(len) < step.min(window) / 2;
        let lacks_space = reserve < self.capacity && reserve.saturating_sub(len) < step / 2;
        // Few pages are sooner faulted in by the tail than asked for.
        (lacks_space || lacks_pages && window >= PIECE_OUTRUN)
            && !self.asked.swap(true, Ordering::AcqRel)
    }

    /// Takes back a question that nobody will answer.
    pub(crate) fn unask(&self) {
        self.asked.store(false, Ordering::Release);
    }

    /// Leaves no pages until they are needed: it will be used for sure.
    pub(crate) fn lacks_all_pages(&self) {
        self.ready.store(self.len(), Ordering::Relaxed);
    }

    /// Grows the reserve by a step and faults the new pages in. Blocks; for the preparer.
    pub(crate) fn grow_ahead(&self) -> io::Result<()> {
        let (reserve, step) = (self.reserve(), self.step(self.reserve()));
        // Where the tail had to grow the reserve itself, only pages are lacking.
        let lacks = reserve.saturating_sub(self.len()) < step / 2;
        let grown = self.grow_ahead_by(if lacks { step } else { 0 });
        self.unask();
        grown
    }

    /// The same by a step of the caller's choice, unless no pages are wanted: then by blocks.
    pub(crate) fn grow_ahead_by(&self, step: u64) -> io::Result<()> {
        if self.is_by_call() {
            return self.get_blocks();
        }
        let map = self.map()?;
        // A lean one is opened once.
        let _opened = self.file()?;
        let to = self.allocate(&self.lock(), self.reserve() + step)?;
        self.make_up_to(to, map)?;
        while !self.is_by_call() {
            // The tail may be faster: what it has passed is none of our business any more.
            let from = self.ready.load(Ordering::Relaxed).max(self.len());
            let to = self.reserve().min(self.len() + self.window.load(Ordering::Relaxed));
            if from >= to {
                break;
            }
            self.fault_in(map, from, to.min(from + PIECE_AHEAD));
        }
        Ok(())
    }

    /// Makes the reserve that large, piece by piece; less if blocks were given back meanwhile.
    pub(super) fn make_up_to(&self, to: u64, map: &Mapping) -> io::Result<()> {
        let goes_on = || !self.is_sealed() && !self.is_by_call();
        while self.reserve() < to.min(self.allocated()) && goes_on() {
            if self.is_awaited.load(Ordering::Relaxed) {
                // Who unlocks and locks again is faster than whom he wakes.
                std::thread::yield_now();
                continue;
            }
            let growing = self.lock();
            self.make(&growing, to.min(self.reserve() + PIECE_LOCKED), Some(map))?;
        }
        Ok(())
    }

    /// Faults pages in, with one call.
    pub(super) fn fault_in(&self, map: &Mapping, from: u64, to: u64) {
        map.populate(from, to);
        // Even if it failed: it is not tried twice.
        self.ready.fetch_max(to, Ordering::Relaxed);
    }

    /// Grows the reserve to `need` bytes, and a step further where there is space. For the tail that has outrun the
    /// preparer; it waits for no more than what is being made at the moment.
    pub(super) fn extend(&self, need: u64) -> io::Result<()> {
        let _opened = self.file()?;
        let growing = self.lock_next();
        let reserve = self.reserve();
        if reserve >= need {
            return Ok(());
        }
        let step = self.step(reserve).min(PIECE_OUTRUN);
        // A step may not fit on the disk where the bytes themselves do.
        let grown = self.allocate(&growing, need + step);
        let to = grown.or_else(|_| self.allocate(&growing, need))?;
        self.make(&growing, to, None)
    }

    /// The lock on growth, before a preparer that has much to do takes it again.
    pub(crate) fn lock_next(&self) -> MutexGuard<'_, ()> {
        self.is_awaited.store(true, Ordering::Relaxed);
        let guard = self.lock();
        self.is_awaited.store(false, Ordering::Relaxed);
        guard
    }

    /// Gives the file blocks up to `to` bytes, or as far as the capacity lets it; says how far. Under the lock on
    /// growth.
    pub(super) fn allocate(&self, growing: &MutexGuard<'_, ()>, to: u64) -> io::Result<u64> {
        let (allocated, to) = (self.allocated(), to.next_multiple_of(PAGE).min(self.capacity));
        if !self.is_sealed() && allocated < to {
            // To extend a file that was truncated would give it a hole.
            self.check_size(allocated)?;
            // Without space a part of it may have been given, which others could need.
            sys::reserve(&*self.file()?, allocated, to)
                .inspect_err(|_| _ = self.cut_to(growing, allocated))?;
            self.allocated.store(to, Ordering::Release);
        }
        Ok(to)
    }

    /// Takes the blocks behind the first `to` bytes away, where nobody writes. Under the lock on growth.
    pub(super) fn cut_to(&self, _growing: &MutexGuard<'_, ()>, to: u64) -> io::Result<()> {
        self.file()?.set_len(to)?;
        self.allocated.store(to, Ordering::Release);
        Ok(())
    }

    /// Makes the pages of what has blocks, and makes it reserve, up to `to`. Under the lock on growth. The mapping is
    /// given by who has the time to fault them in.
    pub(super) fn make(
        &self,
        _growing: &MutexGuard<'_, ()>,
        to: u64,
        ahead: Option<&Mapping>,
    ) -> io::Result<()> {
        // Before it is asked how far the reserve goes: who writes by calls takes the lock once, when he begins.
        if self.is_sealed() || self.is_by_call() {
            return Ok(());
        }
        let (from, to) = (self.reserve(), to.min(self.allocated()));
        if to <= from {
            return Ok(());
        }
        self.check_size(self.allocated())?;
        if to > FOLIO {
            // Nobody looks behind the reserve, and nobody else makes it larger meanwhile.
            sys::make_pages(&*self.file()?, from, to);
        }
        if let Some(map) = ahead {
            map.touch(from, to);
        }
        self.reserve.store(to, Ordering::Release);
        Ok(())
    }

    /// Waits until nobody makes pages for it any more, which are written with zeros. Needed once it is sealed,
    /// before somebody else writes to the same file.
    pub(crate) fn settle(&self) {
        assert!(self.is_sealed(), "a file that still grows is never settled");
        drop(self.lock());
    }

    /// The step by which a reserve of `reserve` bytes grows: it doubles the file at first. What is made and then
    /// waits long is written to the disk once more than it need be, so no more of it than soon comes.
    pub(super) fn step(&self, reserve: u64) -> u64 {
        let window = self.window.load(Ordering::Relaxed);
        reserve.clamp(FIRST_STEP, window.clamp(LARGEST_SLOW_STEP, LARGEST_STEP))
    }
}
