//! Buffers that connections borrow, and the bound on them all.
//!
//! A worker lends a ring to a connection while it has an unfinished frame, and keeps a few for the
//! next one; when nothing has happened for a while it gives them all back to the kernel. All
//! workers account to one [`Budget`]. A worker that has lent nothing may always lend one ring, and
//! one connection of each worker may exceed the budget to finish its frame: a full budget slows
//! connections down but never stops them all.

use super::ring::Ring;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a worker's shared receive window.
pub const WINDOW: usize = 256 * 1024;
/// The smallest ring.
const SMALLEST: usize = 16 * 1024;
/// Bytes of rings, lent or not, that a worker keeps however few it has needed of late.
const KEPT: usize = 4 * 1024 * 1024;
/// The largest ring that is kept: a producer's usual batches fit.
const LARGEST_KEPT: usize = 2 * 1024 * 1024;
/// Unused vectors for output that a worker keeps, and the largest that it keeps.
const KEPT_VECTORS: usize = 64;
const KEPT_VECTOR: usize = 64 * 1024;

/// Memory that all workers together use for what they received and for what they owe.
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Budget> {
        Arc::new(Budget { limit, used: AtomicUsize::new(0) })
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn allows(&self, more: usize) -> bool {
        self.used().saturating_add(more) <= self.limit
    }

    fn add(&self, n: usize) {
        self.used.fetch_add(n, Ordering::Relaxed);
    }

    fn sub(&self, n: usize) {
        let before = self.used.fetch_sub(n, Ordering::Relaxed);
        debug_assert!(before >= n, "gave {n} bytes back of {before}");
    }
}

/// One worker's buffers.
pub struct Pool {
    budget: Arc<Budget>,
    /// Boxed, as they are lent: a connection without one holds a pointer's worth of nothing.
    #[allow(clippy::vec_box)]
    free: Vec<Box<Ring>>,
    free_bytes: usize,
    lent: usize,
    lent_bytes: usize,
    /// The most that was lent at once since [`Pool::age`], and in the time before.
    peak: usize,
    last_peak: usize,
    vectors: Vec<Vec<u8>>,
    /// Unsent bytes that the budget has been told of.
    output: usize,
    /// The connection that is served now may exceed the budget.
    overdraft: bool,
}

impl Pool {
    /// A pool that holds nothing yet.
    pub fn new(budget: Arc<Budget>) -> Pool {
        Pool {
            budget,
            free: Vec::new(),
            free_bytes: 0,
            lent: 0,
            lent_bytes: 0,
            peak: 0,
            last_peak: 0,
            vectors: Vec::new(),
            output: 0,
            overdraft: false,
        }
    }

    /// Rings that connections hold.
    pub fn lent(&self) -> usize {
        self.lent
    }

    /// Nothing is kept that [`Pool::trim`] could give back.
    pub(crate) fn is_trimmed(&self) -> bool {
        self.free.is_empty() && self.vectors.is_empty()
    }

    /// There is room for what one more receive may leave unfinished.
    pub(crate) fn may_receive(&mut self) -> bool {
        self.lent == 0 || self.overdraft || self.has_room(WINDOW)
    }

    /// A ring may grow to `capacity` bytes.
    pub(crate) fn may_grow(&mut self, capacity: usize) -> bool {
        let free = self.lent <= 1 || self.overdraft || self.best(capacity).is_some();
        free || self.has_room(capacity)
    }

    /// The budget allows `more` bytes, if need be without the rings that are kept for later.
    fn has_room(&mut self, more: usize) -> bool {
        if !self.budget.allows(more) && !self.free.is_empty() {
            self.drop_rings();
        }
        self.budget.allows(more)
    }

    /// Lets one connection have memory beyond the budget, so that its frame can be finished.
    pub(crate) fn set_overdraft(&mut self, allowed: bool) {
        self.overdraft = allowed;
    }

    /// All memory is in use: a connection that is owed something is given nothing more.
    pub(crate) fn is_exhausted(&self) -> bool {
        !self.budget.allows(1)
    }

    /// Lends a ring of at least `least` bytes, if it can be had for nothing of `wish` bytes.
    pub(crate) fn ring(&mut self, least: usize, wish: usize) -> Box<Ring> {
        self.lent += 1;
        if let Some(at) = self.best(wish).or_else(|| self.best(least)) {
            let ring = self.free.swap_remove(at);
            self.free_bytes -= ring.capacity();
            self.note_lent(ring.capacity());
            return ring;
        }
        let capacity = least.max(SMALLEST).next_power_of_two();
        self.budget.add(capacity);
        self.note_lent(capacity);
        Box::new(Ring::new(capacity))
    }

    fn note_lent(&mut self, capacity: usize) {
        if capacity > LARGEST_KEPT {
            return; // It will not be kept.
        }
        self.lent_bytes += capacity;
        self.peak = self.peak.max(self.lent_bytes);
    }

    /// The smallest unused ring of at least `least` bytes; of those the one that came back last,
    /// whose memory is most likely in cache.
    fn best(&self, least: usize) -> Option<usize> {
        let free = self.free.iter().enumerate().rev();
        let fits = free.filter(|(_, ring)| ring.capacity() >= least);
        fits.min_by_key(|(_, ring)| ring.capacity()).map(|(at, _)| at)
    }

    /// Takes a ring back. A new one costs a hundred times as much as one that was kept (its pages
    /// are faulted in anew), so as many are kept as were lent at once of late; but not one that a
    /// single large frame needed.
    pub(crate) fn put(&mut self, mut ring: Box<Ring>) {
        assert!(self.lent > 0, "more rings come back than were lent");
        self.lent -= 1;
        if ring.capacity() > LARGEST_KEPT {
            return self.budget.sub(ring.capacity());
        }
        self.lent_bytes -= ring.capacity();
        ring.consume(ring.len());
        self.free_bytes += ring.capacity();
        self.free.push(ring);
        self.drop_beyond(KEPT.max(self.peak).max(self.last_peak));
    }

    /// A while has passed: forgets the need of the time before the last.
    pub(crate) fn age(&mut self) {
        self.last_peak = std::mem::replace(&mut self.peak, self.lent_bytes);
        self.drop_beyond(KEPT.max(self.last_peak));
    }

    /// Drops unused rings, those first that came back first, until all rings take `kept` bytes.
    fn drop_beyond(&mut self, kept: usize) {
        let mut over = (self.free_bytes + self.lent_bytes).saturating_sub(kept);
        if over == 0 {
            return;
        }
        let mut dropped = 0;
        self.free.retain(|ring| {
            let goes = over > 0;
            if goes {
                over = over.saturating_sub(ring.capacity());
                dropped += ring.capacity();
            }
            !goes
        });
        self.free_bytes -= dropped;
        self.budget.sub(dropped);
    }

    /// An empty vector, with capacity if one is at hand.
    pub(crate) fn vector(&mut self) -> Vec<u8> {
        self.vectors.pop().unwrap_or_default()
    }

    /// Takes a vector back.
    pub(crate) fn put_vector(&mut self, mut vector: Vec<u8>) {
        if self.vectors.len() < KEPT_VECTORS && (1..=KEPT_VECTOR).contains(&vector.capacity()) {
            vector.clear();
            self.vectors.push(vector);
        }
    }

    /// Tells the budget how many unsent bytes the worker's connections hold.
    pub(crate) fn note_output(&mut self, unsent: usize) {
        match unsent.checked_sub(self.output) {
            Some(0) => {}
            Some(more) => self.budget.add(more),
            None => self.budget.sub(self.output - unsent),
        }
        self.output = unsent;
    }

    /// Notes unsent bytes that have become many since they were noted last; the budget is shared
    /// by all workers, so it is not asked for each answer.
    pub(crate) fn note_large_output(&mut self, unsent: usize) {
        if unsent.abs_diff(self.output) > WINDOW {
            self.note_output(unsent);
        }
    }

    /// Gives back all that nobody uses.
    pub(crate) fn trim(&mut self) {
        (self.peak, self.last_peak) = (self.lent_bytes, self.lent_bytes);
        self.drop_rings();
        self.vectors = Vec::new();
    }

    fn drop_rings(&mut self) {
        self.budget.sub(self.free_bytes);
        self.free_bytes = 0;
        self.free = Vec::new();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.note_output(0);
        self.trim();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_used_again_and_trimmed_away() {
        let budget = Budget::new(1 << 20);
        let mut pool = Pool::new(budget.clone());
        let ring = pool.ring(100, 100);
        assert_eq!((ring.capacity(), budget.used(), pool.lent()), (SMALLEST, SMALLEST, 1));
        pool.put(ring);
        assert_eq!((budget.used(), pool.lent()), (SMALLEST, 0));
        let again = pool.ring(5_000, 5_000);
        assert_eq!(budget.used(), SMALLEST, "the same one");
        pool.put(again);
        pool.trim();
        assert_eq!((budget.used(), pool.is_trimmed()), (0, true));
    }

    #[test]
    fn no_more_than_the_kept_bytes_are_kept() {
        let budget = Budget::new(1 << 30);
        let mut pool = Pool::new(budget.clone());
        let rings: Vec<_> = (0..8).map(|_| pool.ring(1 << 20, 1 << 20)).collect();
        assert_eq!(budget.used(), 8 << 20);
        rings.into_iter().for_each(|ring| pool.put(ring));
        pool.age();
        pool.age();
        assert_eq!(budget.used(), KEPT);
    }

    #[test]
    fn as_many_rings_are_kept_as_were_lent_of_late() {
        let budget = Budget::new(1 << 30);
        let mut pool = Pool::new(budget.clone());
        for _ in 0..3 {
            let rings: Vec<_> = (0..64).map(|_| pool.ring(1 << 20, 1 << 20)).collect();
            rings.into_iter().for_each(|ring| pool.put(ring));
            assert_eq!(budget.used(), 64 << 20, "none goes, and no new one is made");
        }
        pool.age();
        assert_eq!(budget.used(), 64 << 20, "that was just now");
        let few: Vec<_> = (0..8).map(|_| pool.ring(1 << 20, 1 << 20)).collect();
        few.into_iter().for_each(|ring| pool.put(ring));
        pool.age();
        assert_eq!(budget.used(), 8 << 20);
        pool.age();
        assert_eq!(budget.used(), KEPT);
    }

    #[test]
    fn a_full_budget_leaves_each_worker_one_ring() {
        let budget = Budget::new(WINDOW + SMALLEST);
        let (mut one, mut two) = (Pool::new(budget.clone()), Pool::new(budget.clone()));
        let first = one.ring(1, 1);
        assert!(one.may_receive());
        let second = one.ring(1, 1);
        assert!(!one.may_receive() && !one.may_grow(WINDOW));
        assert!(two.may_receive(), "it has lent nothing");
        two.note_output(WINDOW);
        assert!(one.is_exhausted());
        two.note_output(0);
        one.put(first);
        one.put(second);
        drop((one, two));
        assert_eq!(budget.used(), 0);
    }
}
