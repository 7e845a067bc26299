//! Requests that wait: a slab with generations, so that a late timer or wake-up for a request that
//! was answered meanwhile finds nothing.

/// Generations are counted up to here: the highest bit of a key says whose timer it is.
const GENERATIONS: u32 = u32::MAX >> 1;

/// Index below, generation above.
fn key_of(generation: u32, index: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}

/// Parked requests of one worker. How many there can be is bounded by the open slots of all
/// connections, far below 2^32.
#[derive(Debug)]
pub struct Parked<T> {
    entries: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Parked<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }
}

impl<T> Parked<T> {
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
        value
    }

    /// The keys of all that is parked and fits.
    pub fn keys_where(&self, fits: impl Fn(&T) -> bool) -> Vec<u64> {
        let key = |(index, (generation, place)): (usize, &(u32, Option<T>))| {
            place.as_ref().filter(|value| fits(value)).map(|_| key_of(*generation, index as u32))
        };
        self.entries.iter().enumerate().filter_map(key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_good_once() {
        let mut parked = Parked::default();
        let key = parked.reserve();
        parked.put(key, "a");
        assert_eq!(parked.keys_where(|_| true), [key]);
        assert_eq!(parked.take(key), Some("a"));
        assert_eq!(parked.take(key), None);
        let again = parked.reserve();
        assert_ne!(key, again);
        parked.put(again, "b");
        assert_eq!(parked.take(key), None, "an old key does not reach the new request");
        assert_eq!(parked.take(again), Some("b"));
        assert!(parked.keys_where(|_| true).is_empty());
    }

    #[test]
    fn no_key_has_the_bit_of_the_other_faces_timers() {
        let mut parked = Parked { entries: vec![(GENERATIONS, None)], free: vec![0] };
        let last = parked.reserve();
        parked.put(last, 'a');
        assert_eq!((last >> 63, parked.take(last)), (0, Some('a')));
        let next = parked.reserve();
        assert_eq!(next, 0, "generations begin anew");
        assert_eq!(parked.take(last), None, "what was answered is not found again");
    }
}
