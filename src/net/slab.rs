//! Values with small stable keys, and a generation in each key.
//!
//! A key that outlives its value never reaches the value that took its place: a late event, reply
//! or timer misses. Generations come from one counter of the slab, so they stay unique even where
//! entries were given back to the allocator.

/// The place of a value and the generation it was put there in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Key {
    /// Index and generation in one word: what an event carries.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(crate) fn from_bits(bits: u64) -> Key {
        Key { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

/// A table of values that are found by [`Key`] in one step.
pub(crate) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    generation: u32,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Slab<T> {
        Slab { entries: Vec::new(), free: Vec::new(), generation: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.generation = self.generation.wrapping_add(1);
        let entry = Entry { generation: self.generation, value: Some(value) };
        let index = match self.free.pop() {
            Some(index) => {
                debug_assert!(
                    self.entries[index as usize].value.is_none(),
                    "a free entry is empty"
                );
                self.entries[index as usize] = entry;
                index
            }
            None => {
                assert!(self.entries.len() < u32::MAX as usize, "a slab holds under 2^32 values");
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        Key { index, generation: self.generation }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let entry = self.entries.get(key.index as usize)?;
        if entry.generation == key.generation { entry.value.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation == key.generation { entry.value.as_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        let value = entry.value.take()?;
        self.free.push(key.index);
        Some(value)
    }

    /// The keys of all values, in order of their places.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.value.is_some())
            .map(|(index, entry)| Key { index: index as u32, generation: entry.generation })
    }

    /// Most of the table is empty.
    pub(crate) fn is_sparse(&self) -> bool {
        self.entries.len() > 64 && self.entries.len() / 2 > self.len()
    }

    /// Gives memory at the end of the table back.
    pub(crate) fn trim(&mut self) {
        while self.entries.last().is_some_and(|entry| entry.value.is_none()) {
            self.entries.pop();
        }
        let end = self.entries.len() as u32;
        self.free.retain(|index| *index < end);
        self.entries.shrink_to_fit();
        self.free.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_misses_the_value_that_took_its_place() {
        let mut slab = Slab::new();
        let old = slab.insert("old");
        assert_eq!(slab.remove(old), Some("old"));
        let new = slab.insert("new");
        assert_eq!(new.index, old.index, "the place is used again");
        assert_eq!(slab.get(old), None);
        assert_eq!(slab.get_mut(old), None);
        assert_eq!(slab.remove(old), None);
        assert_eq!(slab.get(new), Some(&"new"));
    }

    #[test]
    fn an_old_key_misses_after_the_table_was_trimmed() {
        let mut slab = Slab::new();
        let kept = slab.insert(0);
        let old: Vec<Key> = (1..100).map(|n| slab.insert(n)).collect();
        old.iter().for_each(|key| assert!(slab.remove(*key).is_some()));
        slab.trim();
        assert_eq!((slab.len(), slab.entries.len()), (1, 1));
        let new = slab.insert(7);
        assert_eq!(new.index, 1);
        assert!(old.iter().all(|key| slab.get(*key).is_none()));
        assert_eq!(slab.keys().collect::<Vec<_>>(), [kept, new]);
    }

    #[test]
    fn a_key_survives_the_way_through_an_event() {
        let key = Key { index: 0xfffe_fdfc, generation: 0x8123_4567 };
        assert_eq!(Key::from_bits(key.to_bits()), key);
    }
}
