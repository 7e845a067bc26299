//! Requests that wait: a slab with generations, so that a late timer or wake-up for a request that
//! was answered meanwhile finds nothing.

use std::collections::BTreeSet;

/// Generations are counted up to here: the highest bit of a key says whose timer it is.
const GENERATIONS: u32 = u32::MAX >> 1;

/// Index below, generation above.
fn key_of(generation: u32, index: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}

/// What can be parked.
pub trait Waits {
    /// Who waits.
    type Who: Ord + Copy;

    /// Who waits for it, if it is somebody who may go away.
    fn who(&self) -> Option<Self::Who>;
}

/// Parked requests of one worker. How many there can be is bounded by the open slots of all
/// connections, far below 2^32.
#[derive(Debug)]
pub struct Parked<T: Waits> {
    entries: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
    /// The indexes of what somebody waits for.
    by_who: BTreeSet<(T::Who, u32)>,
}

impl<T: Waits> Default for Parked<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), by_who: BTreeSet::new() }
    }
}

impl<T: Waits> Parked<T> {
    /// Reserves a key; [`Self::put`] a value there next, or [`Self::take`] gives the key back.
    pub fn reserve(&mut self) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push((0, None));
            self.entries.len() as u32 - 1
        });
        key_of(self.entries[index as usize].0, index)
    }

    /// Parks a value under a reserved key.
    pub fn put(&mut self, key: u64, value: T) {
        let (generation, place) = &mut self.entries[key as u32 as usize];
        assert!(u64::from(*generation) == key >> 32 && place.is_none(), "a key holds one request");
        self.by_who.extend(value.who().map(|who| (who, key as u32)));
        *place = Some(value);
    }

    /// Takes out what is parked under a key; the key is void from then on.
    pub fn take(&mut self, key: u64) -> Option<T> {
        let index = key as u32;
        let (generation, place) = self.entries.get_mut(index as usize)?;
        if u64::from(*generation) != key >> 32 {
            return None;
        }
        let value = place.take();
        *generation = (*generation + 1) & GENERATIONS;
        self.free.push(index);
        if let Some(who) = value.as_ref().and_then(T::who) {
            self.by_who.remove(&(who, index));
        }
        value
    }

    /// The keys of all that is parked and fits.
    pub fn keys_where(&self, fits: impl Fn(&T) -> bool) -> Vec<u64> {
        let key = |(index, (generation, place)): (usize, &(u32, Option<T>))| {
            place.as_ref().filter(|value| fits(value)).map(|_| key_of(*generation, index as u32))
        };
        self.entries.iter().enumerate().filter_map(key).collect()
    }

    /// The keys of all that one waits for. Nobody else's are looked at: thousands may go away at once.
    pub fn keys_of(&self, who: T::Who) -> Vec<u64> {
        let all = self.by_who.range((who, 0)..=(who, u32::MAX));
        all.map(|&(_, index)| key_of(self.entries[index as usize].0, index)).collect()
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
        assert!(parked.by_who.is_empty());
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
        let mut parked =
            Parked { entries: vec![(GENERATIONS, None)], free: vec![0], ..Parked::default() };
        let last = parked.reserve();
        parked.put(last, 'a');
        assert_eq!((last >> 63, parked.take(last)), (0, Some('a')));
        let next = parked.reserve();
        assert_eq!(next, 0, "generations begin anew");
        assert_eq!(parked.take(last), None, "what was answered is not found again");
    }
}
