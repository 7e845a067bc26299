//! Requests that wait: a slab with generations, so that a late timer or wake-up for a request that
//! was answered meanwhile finds nothing.

use std::collections::HashMap;
use std::hash::Hash;

/// Generations are counted up to here: the highest bit of a key says whose timer it is.
const GENERATIONS: u32 = u32::MAX >> 1;

/// Index below, generation above.
fn key_of(generation: u32, index: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}

/// What can be parked.
pub trait Waits {
    /// Who waits.
    type Who: Eq + Hash + Copy;

    /// Who waits for it, if it is somebody who may go away.
    fn who(&self) -> Option<Self::Who>;
}

/// Nobody's index.
const NONE: u32 = u32::MAX;

/// A place for a value, and its neighbours among those that the same one waits for.
#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
    before: u32,
    next: u32,
}

/// Parked requests of one worker. How many there can be is bounded by the open slots of all
/// connections, far below 2^32.
#[derive(Debug)]
pub struct Parked<T: Waits> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    /// What was parked last of what somebody waits for.
    last: HashMap<T::Who, u32, foldhash::fast::RandomState>,
}

impl<T: Waits> Default for Parked<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), last: HashMap::default() }
    }
}

impl<T: Waits> Parked<T> {
    /// Reserves a key; [`Self::put`] a value there next, or [`Self::take`] gives the key back.
    pub fn reserve(&mut self) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry { generation: 0, value: None, before: NONE, next: NONE });
            self.entries.len() as u32 - 1
        });
        self.key(index)
    }

    fn key(&self, index: u32) -> u64 {
        key_of(self.entries[index as usize].generation, index)
    }

    /// Parks a value under a reserved key.
    pub fn put(&mut self, key: u64, value: T) {
        let index = key as u32;
        let before = value.who().and_then(|who| self.last.insert(who, index)).unwrap_or(NONE);
        if let Some(neighbour) = self.entries.get_mut(before as usize) {
            neighbour.next = index;
        }
        let entry = &mut self.entries[index as usize];
        let is_free = u64::from(entry.generation) == key >> 32 && entry.value.is_none();
        assert!(is_free, "a key holds one request");
        (entry.value, entry.before) = (Some(value), before);
    }

    /// Takes out what is parked under a key; the key is void from then on.
    pub fn take(&mut self, key: u64) -> Option<T> {
        let index = key as u32;
        let entry = self.entries.get_mut(index as usize)?;
        if u64::from(entry.generation) != key >> 32 {
            return None;
        }
        let value = entry.value.take();
        entry.generation = (entry.generation + 1) & GENERATIONS;
        let before = std::mem::replace(&mut entry.before, NONE);
        let next = std::mem::replace(&mut entry.next, NONE);
        self.free.push(index);
        if let Some(neighbour) = self.entries.get_mut(before as usize) {
            neighbour.next = next;
        }
        if let Some(neighbour) = self.entries.get_mut(next as usize) {
            neighbour.before = before;
        } else if let Some(who) = value.as_ref().and_then(T::who) {
            match before {
                NONE => self.last.remove(&who),
                before => self.last.insert(who, before),
            };
        }
        value
    }

    /// The keys of all that is parked and fits.
    pub fn keys_where(&self, fits: impl Fn(&T) -> bool) -> Vec<u64> {
        let key = |(index, entry): (usize, &Entry<T>)| {
            let value = entry.value.as_ref().filter(|value| fits(value));
            value.map(|_| key_of(entry.generation, index as u32))
        };
        self.entries.iter().enumerate().filter_map(key).collect()
    }

    /// The keys of all that one waits for. Nobody else's are looked at: thousands may go away at once.
    pub fn keys_of(&self, who: T::Who) -> Vec<u64> {
        let before = |index: &u32| {
            let before = self.entries[*index as usize].before;
            (before != NONE).then_some(before)
        };
        let all = std::iter::successors(self.last.get(&who).copied(), before);
        let mut keys: Vec<u64> = all.map(|index| self.key(index)).collect();
        keys.sort_unstable_by_key(|key| *key as u32);
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Waits for char {
        type Who = bool;

        /// Small letters wait for nobody in particular.
        fn who(&self) -> Option<bool> {
            self.is_uppercase().then_some(*self < 'N')
        }
    }

    #[test]
    fn who_goes_away_leaves_nothing_and_takes_nobody_elses() {
        let mut parked = Parked::default();
        let keys = ['A', 'a', 'Z', 'B'].map(|value| {
            let key = parked.reserve();
            parked.put(key, value);
            key
        });
        assert_eq!(
            (parked.keys_of(true), parked.keys_of(false)),
            (vec![keys[0], keys[3]], vec![keys[2]])
        );
        parked.take(keys[0]);
        let again = parked.reserve();
        assert_eq!(parked.keys_of(true), [keys[3]], "a place that is reserved is nobody's");
        parked.put(again, 'Y');
        assert_eq!(
            (parked.keys_of(true), parked.keys_of(false)),
            (vec![keys[3]], vec![again, keys[2]])
        );
        keys.into_iter().chain([again]).for_each(|key| _ = parked.take(key));
        assert!(parked.last.is_empty());
    }

    #[test]
    fn whatever_is_taken_first_the_others_are_found() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut parked = Parked::default();
            let mut keys = vec![parked.reserve(), parked.reserve(), parked.reserve()];
            keys.iter().for_each(|key| parked.put(*key, 'A'));
            for key in order.map(|at| keys[at]) {
                assert_eq!(parked.keys_of(true), keys, "{order:?}");
                parked.take(key);
                keys.retain(|left| *left != key);
            }
            assert!(parked.keys_of(true).is_empty() && parked.last.is_empty(), "{order:?}");
        }
    }

    #[test]
    fn a_key_is_good_once() {
        let mut parked = Parked::default();
        let key = parked.reserve();
        parked.put(key, 'a');
        assert_eq!(parked.keys_where(|_| true), [key]);
        assert_eq!(parked.take(key), Some('a'));
        assert_eq!(parked.take(key), None);
        let again = parked.reserve();
        assert_ne!(key, again);
        parked.put(again, 'b');
        assert_eq!(parked.take(key), None, "an old key does not reach the new request");
        assert_eq!(parked.take(again), Some('b'));
        assert!(parked.keys_where(|_| true).is_empty());
    }

    #[test]
    fn no_key_has_the_bit_of_the_other_faces_timers() {
        let entry = Entry { generation: GENERATIONS, value: None, before: NONE, next: NONE };
        let mut parked = Parked { entries: vec![entry], free: vec![0], ..Parked::default() };
        let last = parked.reserve();
        parked.put(last, 'a');
        assert_eq!((last >> 63, parked.take(last)), (0, Some('a')));
        let next = parked.reserve();
        assert_eq!(next, 0, "generations begin anew");
        assert_eq!(parked.take(last), None, "what was answered is not found again");
    }
}
