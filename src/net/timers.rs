//! Timers without a tick: a heap that knows where each of its timers is.
//!
//! The next expiry is exact and is what the loop's wait ends at; where no timer is set, the loop
//! waits without a time-out. Cancelling removes at once (no tombstones), in O(log n) as setting
//! does. Timers of the same instant fire in the order in which they were set.

use super::slab::{Key, Slab};
use std::time::Instant;

/// A timer that was set; of no effect once it has fired or was cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TimerId(Key);

struct Place {
    at: Instant,
    /// Among timers of one instant: the order of setting.
    order: u64,
    key: Key,
}

struct Timer<T> {
    position: usize,
    what: T,
}

/// Children of one node. Four make the heap half as deep and keep siblings in a cache line or two.
const ARITY: usize = 4;

pub(crate) struct Timers<T> {
    heap: Vec<Place>,
    timers: Slab<Timer<T>>,
    order: u64,
}

impl<T> Timers<T> {
    pub(crate) fn new() -> Timers<T> {
        Timers { heap: Vec::new(), timers: Slab::new(), order: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// When the earliest timer expires.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.first().map(|place| place.at)
    }

    pub(crate) fn set(&mut self, at: Instant, what: T) -> TimerId {
        let position = self.heap.len();
        let key = self.timers.insert(Timer { position, what });
        self.order += 1;
        self.heap.push(Place { at, order: self.order, key });
        self.rise(position);
        TimerId(key)
    }

    /// Removes a timer; `None` if it has fired already.
    pub(crate) fn cancel(&mut self, id: TimerId) -> Option<T> {
        let timer = self.timers.remove(id.0)?;
        self.remove_at(timer.position);
        Some(timer.what)
    }

    /// Removes and returns the earliest timer if it has expired by `now`.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<T> {
        let first = self.heap.first().filter(|place| place.at <= now)?;
        let timer = self.timers.remove(first.key)?;
        debug_assert_eq!(timer.position, 0);
        self.remove_at(0);
        Some(timer.what)
    }

    pub(crate) fn trim(&mut self) {
        self.heap.shrink_to_fit();
        self.timers.trim();
    }

    fn remove_at(&mut self, position: usize) {
        self.heap.swap_remove(position);
        if position < self.heap.len() {
            self.note(position);
            self.rise(position);
            self.sink(position);
        }
    }

    fn earlier(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.heap[a], &self.heap[b]);
        (a.at, a.order) < (b.at, b.order)
    }

    /// Tells the timer at `position` that it is there.
    fn note(&mut self, position: usize) {
        let timer = self.timers.get_mut(self.heap[position].key);
        timer.expect("a timer in the heap is in the slab").position = position;
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.note(a);
        self.note(b);
    }

    fn rise(&mut self, mut position: usize) {
        while position > 0 {
            let parent = (position - 1) / ARITY;
            if !self.earlier(position, parent) {
                break;
            }
            self.swap(position, parent);
            position = parent;
        }
    }

    fn sink(&mut self, mut position: usize) {
        loop {
            let first = position * ARITY + 1;
            let children = first..(first + ARITY).min(self.heap.len());
            let Some(least) = children.reduce(|a, b| if self.earlier(b, a) { b } else { a }) else {
                break;
            };
            if !self.earlier(least, position) {
                break;
            }
            self.swap(least, position);
            position = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn drain(timers: &mut Timers<u64>, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| timers.pop(now)).collect()
    }

    #[test]
    fn timers_fire_in_order_and_not_early() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::new();
        for ms in [30, 10, 20, 10, 40] {
            timers.set(at(ms), ms);
        }
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(drain(&mut timers, at(9)), [0u64; 0]);
        assert_eq!(drain(&mut timers, at(30)), [10, 10, 20, 30]);
        assert_eq!(timers.next(), Some(at(40)));
    }

    #[test]
    fn timers_of_one_instant_fire_in_the_order_of_setting() {
        let now = Instant::now();
        let mut timers = Timers::new();
        for n in 0..100 {
            timers.set(now, n);
        }
        assert_eq!(drain(&mut timers, now), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_cancelled_timer_leaves_nothing_behind() {
        let now = Instant::now();
        let mut timers = Timers::new();
        let id = timers.set(now, 1);
        assert_eq!(timers.cancel(id), Some(1));
        assert_eq!((timers.len(), timers.next(), timers.cancel(id)), (0, None, None));
        let next = timers.set(now, 2);
        assert_eq!(timers.cancel(id), None, "an old id does not reach the new timer");
        assert_eq!(timers.cancel(next), Some(2));
    }

    #[test]
    fn setting_and_cancelling_at_random_agrees_with_a_sorted_list() {
        let start = Instant::now();
        let mut state = 88172645463325252u64;
        let mut random = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut timers = Timers::new();
        let mut model: Vec<(u64, u64, TimerId)> = Vec::new();
        for step in 0..20_000u64 {
            if model.is_empty() || random(3) > 0 {
                let ms = random(500);
                let id = timers.set(start + Duration::from_millis(ms), step);
                model.push((ms, step, id));
            } else {
                let (_, step, id) = model.swap_remove(random(model.len() as u64) as usize);
                assert_eq!(timers.cancel(id), Some(step));
            }
            let least = model.iter().map(|timer| timer.0).min();
            assert_eq!(timers.next(), least.map(|ms| start + Duration::from_millis(ms)));
        }
        model.sort_by_key(|(ms, step, _)| (*ms, *step));
        let expected: Vec<u64> = model.iter().map(|(_, step, _)| *step).collect();
        assert_eq!(drain(&mut timers, start + Duration::from_millis(500)), expected);
    }
}
