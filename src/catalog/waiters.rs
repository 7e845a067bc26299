//! Who waits for a partition's high watermark to move: long polls, one entry each.
//!
//! A waiter is registered on each partition it watches, always *before* the caller looks at the
//! data a last time, so that no append is missed between the look and the wait. An append hands in
//! how many bytes became visible; a waiter whose need is met is handed out once and never again.
//! Registration and removal are O(1); an append with nobody waiting costs one atomic load.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One parked request, shared by all the partitions it watches.
#[derive(Debug)]
pub struct Waiter {
    /// The worker that parked it.
    pub worker: usize,
    /// The worker's own key of the parked request.
    pub key: u64,
    /// Bytes that must still become visible before it is worth waking.
    missing: AtomicI64,
}

impl Waiter {
    /// A waiter that wants `missing` more bytes; at least one byte is needed to wake it.
    pub fn new(worker: usize, key: u64, missing: i64) -> Arc<Self> {
        Arc::new(Self { worker, key, missing: AtomicI64::new(missing.max(1)) })
    }

    /// Counts bytes that became visible; true exactly once, when the need is met.
    fn arrived(&self, bytes: i64) -> bool {
        let still_missing = |missing: i64| (missing > 0).then(|| missing.saturating_sub(bytes));
        self.missing
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, still_missing)
            .is_ok_and(|before| before <= bytes)
    }
}

/// The place of a waiter in a partition's list, for its removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaiterKey(usize);

#[derive(Debug, Default)]
struct Slots {
    entries: Vec<Option<Arc<Waiter>>>,
    free: Vec<usize>,
}

/// The waiters of one partition.
#[derive(Debug, Default)]
pub struct Waiters {
    count: AtomicUsize,
    slots: Mutex<Slots>,
}

impl Waiters {
    /// Adds a waiter. Look at the data again after this, before going to sleep.
    pub fn register(&self, waiter: Arc<Waiter>) -> WaiterKey {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // Sequentially consistent with `wake`: either the append sees the count, or the caller's
        // second look sees the append.
        self.count.fetch_add(1, Ordering::SeqCst);
        match slots.free.pop() {
            Some(at) => {
                slots.entries[at] = Some(waiter);
                WaiterKey(at)
            }
            None => {
                slots.entries.push(Some(waiter));
                WaiterKey(slots.entries.len() - 1)
            }
        }
    }

    /// Takes a waiter out again, woken or not. Each registration must be removed exactly once.
    pub fn remove(&self, key: WaiterKey) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = slots.entries.get_mut(key.0).and_then(Option::take);
        assert!(gone.is_some(), "a waiter is removed once");
        slots.free.push(key.0);
        if self.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            // A burst of consumers must not leave its table behind.
            *slots = Slots::default();
        }
    }

    /// Tells that `bytes` more bytes are visible; calls `wake` for each waiter whose need is met.
    #[inline]
    pub fn wake(&self, bytes: i64, mut wake: impl FnMut(&Waiter)) {
        std::sync::atomic::fence(Ordering::SeqCst);
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for waiter in slots.entries.iter().flatten() {
            if waiter.arrived(bytes) {
                wake(waiter);
            }
        }
    }

    /// Wakes everyone: the partition goes away, or an error concerns all.
    pub fn wake_all(&self, wake: impl FnMut(&Waiter)) {
        self.wake(i64::MAX, wake);
    }

    /// The number of waiters registered.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn woken(waiters: &Waiters, bytes: i64) -> Vec<u64> {
        let mut keys = Vec::new();
        waiters.wake(bytes, |w| keys.push(w.key));
        keys
    }

    #[test]
    fn a_waiter_wakes_once_when_its_bytes_are_there() {
        let waiters = Waiters::default();
        waiters.register(Waiter::new(0, 7, 100));
        assert_eq!(woken(&waiters, 60), [0u64; 0]);
        assert_eq!(woken(&waiters, 40), vec![7]);
        assert_eq!(woken(&waiters, 1000), [0u64; 0]);
    }

    #[test]
    fn bytes_of_several_partitions_count_together() {
        let (a, b) = (Waiters::default(), Waiters::default());
        let waiter = Waiter::new(1, 9, 10);
        a.register(waiter.clone());
        b.register(waiter);
        assert_eq!(woken(&a, 5), [0u64; 0]);
        assert_eq!(woken(&b, 5), vec![9]);
        assert_eq!(woken(&a, 5), [0u64; 0]);
    }

    #[test]
    fn removal_frees_the_place_and_the_table() {
        let waiters = Waiters::default();
        let first = waiters.register(Waiter::new(0, 1, 1));
        let second = waiters.register(Waiter::new(0, 2, 1));
        waiters.remove(first);
        let third = waiters.register(Waiter::new(0, 3, 1));
        assert_eq!(first, third);
        assert_eq!(waiters.len(), 2);
        waiters.remove(second);
        waiters.remove(third);
        assert!(waiters.is_empty());
        assert_eq!(waiters.slots.lock().unwrap().entries.capacity(), 0);
    }

    #[test]
    fn wake_all_wakes_whatever_is_missing() {
        let waiters = Waiters::default();
        waiters.register(Waiter::new(0, 1, i64::from(i32::MAX)));
        let mut keys = Vec::new();
        waiters.wake_all(|w| keys.push(w.key));
        assert_eq!(keys, vec![1]);
    }
}
