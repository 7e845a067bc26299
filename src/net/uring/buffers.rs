//! Buffers that the kernel takes when bytes come, so that a connection that is quiet holds none.
//!
//! A buffer is *free*, *given* (in the ring that the kernel takes from, in their order) or *full* (the
//! kernel has put bytes into it; it is ours until it is put back). Only so many are given as have lately
//! been filled at once: the kernel goes round, and the fewer there are, the more are in cache.

use crate::net::pool::WINDOW;
use io_uring::types::BufRingEntry;
use io_uring::{IoUring, types};
use memmap2::{MmapMut, UncheckedAdvice};
use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

/// All buffers of a worker; a power of two. Address space until they are used.
const COUNT: u16 = 64;
/// Given at least.
const LEAST: u16 = 2;
/// The group that receives name; there is only one.
pub(super) const GROUP: u16 = 0;

/// See the module's comment.
pub(super) struct Buffers {
    ring: MmapMut,
    memory: MmapMut,
    tail: u16,
    free: Vec<u16>,
    /// A bit for each.
    given: u64,
    wanted: u16,
    /// Buffers up to this one have been given or filled since the memory was last given back.
    touched: u16,
}

impl Buffers {
    /// # Errors
    /// When there is no memory, or the kernel has no such rings.
    pub(super) fn new(uring: &IoUring) -> io::Result<Buffers> {
        let entries = usize::from(COUNT) * size_of::<BufRingEntry>();
        let ring = MmapMut::map_anon(entries)?;
        let memory = MmapMut::map_anon(usize::from(COUNT) * WINDOW)?;
        let free = (0..COUNT).rev().collect();
        let mut buffers =
            Buffers { ring, memory, tail: 0, free, given: 0, wanted: LEAST, touched: 0 };
        buffers.register(uring)?;
        Ok(buffers)
    }

    /// Tells the kernel of an empty ring and gives the first.
    fn register(&mut self, uring: &IoUring) -> io::Result<()> {
        self.ring.fill(0);
        self.tail = 0;
        let address = self.ring.as_mut_ptr() as u64;
        let submitter = uring.submitter();
        // SAFETY: the mapping has room for the entries and lives as long as these buffers, which their
        // owner drops when no receive of the kernel's names them any more; the entries' own pages are
        // held by the kernel for as long as the ring is there.
        unsafe { submitter.register_buf_ring_with_flags(address, COUNT, GROUP, 0)? };
        self.give();
        Ok(())
    }

    /// The first `len` bytes of a full buffer.
    pub(super) fn bytes(&self, buffer: u16, len: usize) -> &[u8] {
        let start = usize::from(buffer) * WINDOW;
        &self.memory[start..start + len.min(WINDOW)]
    }

    /// The kernel has filled one.
    pub(super) fn filled(&mut self, buffer: u16) {
        self.given &= !bit(buffer);
    }

    /// A full buffer is done with.
    pub(super) fn put_back(&mut self, buffer: u16) {
        // It may have been given before the memory was given back.
        self.touched = self.touched.max(buffer + 1);
        self.free.push(buffer);
        self.give();
    }

    /// A receive has found none: more are given from now on.
    pub(super) fn ran_out(&mut self) {
        self.wanted = self.wanted.saturating_mul(2).min(COUNT);
        self.give();
    }

    /// Somebody waits for one: where all that were given are full and kept, more are given.
    pub(super) fn give_some(&mut self) {
        if self.given == 0 && !self.free.is_empty() {
            self.ran_out();
        }
    }

    /// As many as receives may find.
    pub(super) fn given(&self) -> usize {
        self.given.count_ones() as usize
    }

    /// None can be given.
    pub(super) fn are_all_full(&self) -> bool {
        self.given == 0 && self.free.is_empty()
    }

    /// Those that nobody has put back.
    #[cfg(test)]
    pub(super) fn full(&self) -> usize {
        usize::from(COUNT) - self.given() - self.free.len()
    }

    /// Gives as many as are wanted: those that were used last, for they are in cache.
    fn give(&mut self) {
        while self.given() < usize::from(self.wanted)
            && let Some(buffer) = self.free.pop()
        {
            self.touched = self.touched.max(buffer + 1);
            self.give_one(buffer);
            self.given |= bit(buffer);
        }
    }

    fn give_one(&mut self, buffer: u16) {
        let start = usize::from(buffer) * WINDOW;
        let address = self.memory[start..].as_mut_ptr() as u64;
        let ring = self.ring.as_mut_ptr().cast::<BufRingEntry>();
        let at = usize::from(self.tail & (COUNT - 1));
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the place is within the mapping, which is page-aligned; the kernel reads it once the
        // tail is beyond it. Zeroes are an entry. The tail is in the reserved bytes of the first entry,
        // which the setters leave alone, and is shared with the kernel, hence atomic.
        unsafe {
            let entry = &mut *ring.add(at);
            entry.set_addr(address);
            entry.set_len(WINDOW as u32);
            entry.set_bid(buffer);
            let tail = BufRingEntry::tail(ring).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }

    pub(super) fn is_trimmed(&self) -> bool {
        self.touched == 0
    }

    /// Takes all back that are given, whatever the kernel does meanwhile. What it has filled before has
    /// completed; it finds none from now on, until [`Buffers::trim_taken`].
    pub(super) fn take_back(&self, uring: &IoUring) -> io::Result<()> {
        uring.submitter().unregister_buf_ring(GROUP)
    }

    /// Gives the memory of those back that are free, and of those that were taken back and are not among
    /// the `filled`, of whose completions nobody has told us yet; and begins anew.
    pub(super) fn trim_taken(
        &mut self,
        uring: &IoUring,
        filled: impl Iterator<Item = u16>,
    ) -> io::Result<()> {
        let filled = filled.fold(0, |set, buffer| set | bit(buffer));
        let unused = self.given & !filled;
        self.free.extend((0..COUNT).filter(|buffer| unused & bit(*buffer) != 0));
        self.given &= filled;
        for buffer in &self.free {
            let start = usize::from(*buffer) * WINDOW;
            let advice = UncheckedAdvice::DontNeed;
            // SAFETY: the mapping is anonymous and borrowed mutably, and neither we nor the kernel rely
            // on what is in a free one: it reads as zeroes from now on.
            let result = unsafe { self.memory.unchecked_advise_range(advice, start, WINDOW) };
            debug_assert!(result.is_ok(), "{result:?}");
        }
        self.wanted = LEAST;
        self.register(uring)?;
        self.touched = 0;
        Ok(())
    }

    /// Gives the memory of all buffers back. Nothing must be full, and nothing untold; receives may be armed,
    /// for they take a buffer only within an enter.
    pub(super) fn trim(&mut self) {
        // SAFETY: the mapping is anonymous and borrowed mutably, and by the caller's word nobody relies
        // on what is in it: it reads as zeroes from now on.
        let result = unsafe { self.memory.unchecked_advise(UncheckedAdvice::DontNeed) };
        debug_assert!(result.is_ok(), "{result:?}");
        (self.touched, self.wanted) = (0, LEAST);
    }
}

fn bit(buffer: u16) -> u64 {
    1 << buffer
}

const _: () =
    assert!(size_of::<types::BufRingEntry>() == 16 && COUNT.is_power_of_two() && COUNT <= 64);
