//! Requests that wait: a slab with generations, so that a late timer or wake-up for a request that
//! was answered meanwhile finds nothing.

/// Parked requests of one worker.
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
            u32::try_from(self.entries.len() - 1).expect("fewer than 2^32 requests are parked")
        });
        u64::from(self.entries[index as usize].0) << 32 | u64::from(index)
    }

    /// Parks a value under a reserved key.
    pub fn put(&mut self, key: u64, value: T) {
        let entry = self
            .entries
            .get_mut(key as u32 as usize)
            .filter(|entry| u64::from(entry.0) == key >> 32);
        let (_, place) = entry.expect("the key was reserved");
        assert!(place.is_none(), "a key holds one request");
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
        *generation = generation.wrapping_add(1);
        self.free.push(index);
        value
    }

    /// The keys of all that is parked and fits.
    pub fn keys_where(&self, fits: impl Fn(&T) -> bool) -> Vec<u64> {
        let key = |(index, (generation, place)): (usize, &(u32, Option<T>))| {
            place
                .as_ref()
                .filter(|value| fits(value))
                .map(|_| u64::from(*generation) << 32 | index as u64)
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
}
