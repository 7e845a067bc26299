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

/// A timer's place in the heap.
#[derive(Clone, Copy)]
struct Place {
    /// Nanoseconds from the beginning of all timers.
    at: u64,
    /// Among timers of one instant: the order of setting.
    order: u64,
    key: Key,
}

impl Place {
    /// The least fires first. One number, which is compared without a branch.
    fn rank(self) -> u128 {
        u128::from(self.at) << 64 | u128::from(self.order)
    }
}

struct Timer<T> {
    position: usize,
    /// For those who ask for the next one: cheaper than reckoning it from the place.
    at: Instant,
    what: T,
}

/// Children of one node. Four make the heap half as deep and keep siblings in a cache line or two.
const ARITY: usize = 4;

pub(crate) struct Timers<T> {
    heap: Vec<Place>,
    timers: Slab<Timer<T>>,
    order: u64,
    begin: Instant,
}

impl<T> Timers<T> {
    pub(crate) fn new() -> Timers<T> {
        Timers { heap: Vec::new(), timers: Slab::new(), order: 0, begin: Instant::now() }
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// When the earliest timer expires.
    pub(crate) fn next(&self) -> Option<Instant> {
        let first = self.heap.first()?;
        self.timers.get(first.key).map(|timer| timer.at)
    }

    pub(crate) fn set(&mut self, at: Instant, what: T) -> TimerId {
        let position = self.heap.len();
        let key = self.timers.insert(Timer { position, at, what });
        self.order += 1;
        let place = Place { at: self.nanos(at), order: self.order, key };
        self.heap.push(place);
        self.rise(position, place);
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
        let first = self.heap.first()?.key;
        if self.timers.get(first)?.at > now {
            return None;
        }
        let timer = self.timers.remove(first)?;
        debug_assert_eq!(timer.position, 0);
        self.remove_at(0);
        Some(timer.what)
    }

    pub(crate) fn trim(&mut self) {
        self.heap.shrink_to_fit();
        self.timers.trim();
    }

    /// Of those before all timers the order of setting counts; nobody waits for 584 years.
    fn nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.begin);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The last one takes the place of who leaves.
    fn remove_at(&mut self, position: usize) {
        let Some(last) = self.heap.pop() else { return };
        if position < self.heap.len() {
            match self.parent(position) {
                Some((_, above)) if last.rank() < above.rank() => self.rise(position, last),
                _ => self.sink(position, last),
            }
        }
    }

    fn parent(&self, position: usize) -> Option<(usize, Place)> {
        let parent = position.checked_sub(1)? / ARITY;
        Some((parent, self.heap[parent]))
    }

    /// Puts a place there, and tells its timer.
    fn put(&mut self, position: usize, place: Place) {
        self.heap[position] = place;
        let timer = self.timers.get_mut(place.key);
        timer.expect("a timer in the heap is in the slab").position = position;
    }

    /// Puts a place into a hole or above it.
    fn rise(&mut self, mut hole: usize, place: Place) {
        while let Some((parent, above)) = self.parent(hole) {
            if above.rank() < place.rank() {
                break;
            }
            self.put(hole, above);
            hole = parent;
        }
        self.put(hole, place);
    }

    /// Puts a place into a hole or below it.
    fn sink(&mut self, mut hole: usize, place: Place) {
        loop {
            let first = hole * ARITY + 1;
            let end = (first + ARITY).min(self.heap.len());
            let Some(children) = self.heap.get(first..end) else { break };
            let (mut least, mut here) = (place.rank(), hole);
            for (at, child) in (first..).zip(children) {
                let rank = child.rank();
                if rank < least {
                    (least, here) = (rank, at);
                }
            }
            if here == hole {
                break;
            }
            self.put(hole, self.heap[here]);
            hole = here;
        }
        self.put(hole, place);
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
    fn timers_of_before_there_were_any_have_expired() {
        let before = Instant::now();
        let mut timers = Timers::new();
        timers.set(before, 1);
        assert_eq!(timers.next(), Some(before));
        assert_eq!(drain(&mut timers, Instant::now()), [1]);
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
        let mut timers = Timers::new();
        let start = Instant::now();
        let mut state = 88172645463325252u64;
        let mut random = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
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
