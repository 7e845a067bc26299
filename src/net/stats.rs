//! Counters of one worker: written by its thread, read by any.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter with one writer.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The count as of some moment ago.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts `n` more. One thread only, so no locked instruction is needed.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }
}

/// What a worker has done.
#[derive(Default, Debug)]
pub struct Stats {
    /// Turns of the loop, hence wake-ups at most.
    pub turns: Counter,
    /// Waits that could block: the loop had nothing left to do.
    pub sleeps: Counter,
    /// Receiving system calls.
    pub receives: Counter,
    /// Sending system calls.
    pub sends: Counter,
    /// Bytes received.
    pub bytes_in: Counter,
    /// Bytes sent.
    pub bytes_out: Counter,
    /// Whole frames handed to the service.
    pub frames: Counter,
    /// Connections taken over.
    pub opened: Counter,
    /// Connections closed.
    pub closed: Counter,
    /// Rings lent to connections with unfinished frames, now.
    pub rings: Counter,
    /// Bytes of unsent answers in memory, now.
    pub unsent: Counter,
    /// Timers set, now.
    pub timers: Counter,
}

impl Stats {
    /// Connections that are open.
    pub fn connections(&self) -> u64 {
        self.opened.get().saturating_sub(self.closed.get())
    }
}
