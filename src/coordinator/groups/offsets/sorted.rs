//! Elements in the order of their keys, in chunks: as lean as a vector, and yet no insertion moves
//! more than one chunk, however many elements there are and in whatever order they come.
//!
//! Most groups have one topic and few partitions, some have a hundred thousand; after a start they
//! come in the order of their last commits.

/// What an element is found by.
pub(super) trait Keyed {
    /// Its type.
    type Key: Ord + ?Sized;
    /// The key.
    fn key(&self) -> &Self::Key;
}

/// A full chunk is divided.
const CHUNK: usize = 128;

/// See the module's comment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sorted<T> {
    /// None is empty; the keys grow within and from one to the next.
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Sorted { chunks: Vec::new() }
    }
}

impl<T: Keyed> Sorted<T> {
    /// The chunk that a key belongs to, and its place there: where it is, or where it would be.
    fn place(&self, key: &T::Key) -> (usize, Result<usize, usize>) {
        let begins = |chunk: &Vec<T>| chunk.first().is_some_and(|first| first.key() <= key);
        let at = self.chunks.partition_point(begins).saturating_sub(1);
        let within = |chunk: &Vec<T>| chunk.binary_search_by(|element| element.key().cmp(key));
        (at, self.chunks.get(at).map_or(Err(0), within))
    }

    pub(super) fn get(&self, key: &T::Key) -> Option<&T> {
        let (at, place) = self.place(key);
        self.chunks.get(at)?.get(place.ok()?)
    }

    pub(super) fn get_mut(&mut self, key: &T::Key) -> Option<&mut T> {
        let (at, place) = self.place(key);
        self.chunks.get_mut(at)?.get_mut(place.ok()?)
    }

    /// Puts an element in its place, and gives back the one that was there.
    pub(super) fn insert(&mut self, element: T) -> Option<T> {
        let (mut at, place) = self.place(element.key());
        let mut place = match place {
            Ok(place) => return Some(std::mem::replace(&mut self.chunks[at][place], element)),
            Err(place) => place,
        };
        if self.chunks.get(at).is_none_or(|chunk| chunk.len() == CHUNK) {
            (at, place) = self.divide(at, place);
        }
        let chunk = &mut self.chunks[at];
        if chunk.len() == chunk.capacity() {
            // Lean rather than quick: a group grows seldom and stays long.
            chunk.reserve_exact((chunk.len() / 4).max(1));
        }
        chunk.insert(place, element);
        None
    }

    /// Makes room where there is no chunk or a full one; gives the place in what came of it.
    fn divide(&mut self, at: usize, place: usize) -> (usize, usize) {
        if self.chunks.len() == self.chunks.capacity() {
            self.chunks.reserve_exact((self.chunks.len() / 4).max(1));
        }
        let Some(full) = self.chunks.get_mut(at) else {
            self.chunks.push(Vec::new());
            return (at, 0);
        };
        // Who comes in order leaves full chunks behind.
        let middle = if place == CHUNK { CHUNK } else { CHUNK / 2 };
        let upper = full.split_off(middle);
        self.chunks.insert(at + 1, upper);
        if place >= middle && middle > 0 { (at + 1, place - middle) } else { (at, place) }
    }

    pub(super) fn remove(&mut self, key: &T::Key) -> Option<T> {
        let (at, place) = self.place(key);
        let chunk = self.chunks.get_mut(at)?;
        let removed = chunk.remove(place.ok()?);
        let (left, next) = (chunk.len(), self.chunks.get(at + 1).map_or(CHUNK, Vec::len));
        if left == 0 {
            self.chunks.remove(at);
        } else if left + next <= CHUNK / 2 {
            let mut next = self.chunks.remove(at + 1);
            self.chunks[at].append(&mut next);
        } else if left * 4 <= self.chunks[at].capacity() {
            self.chunks[at].shrink_to(left * 2);
        }
        Some(removed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.iter_mut().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Debug, Clone, PartialEq)]
    struct Pair(u32, u32);

    impl Keyed for Pair {
        type Key = u32;
        fn key(&self) -> &u32 {
            &self.0
        }
    }

    fn agrees(sorted: &Sorted<Pair>, model: &BTreeMap<u32, u32>) {
        let listed: Vec<_> = sorted.iter().map(|pair| (pair.0, pair.1)).collect();
        let expected: Vec<_> = model.iter().map(|(key, value)| (*key, *value)).collect();
        assert_eq!(listed, expected);
        assert_eq!((sorted.len(), sorted.is_empty()), (model.len(), model.is_empty()));
        assert!(sorted.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK));
    }

    #[test]
    fn it_does_what_a_map_does_in_any_order() {
        for keys in [3, 200, 2000] {
            let (mut sorted, mut model) = (Sorted::default(), BTreeMap::new());
            let mut state = u64::from(keys);
            for step in 0..8000u32 {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let key = (state >> 33) as u32 % keys;
                // It grows, shrinks and grows again.
                let adds = (state >> 20) % 4 < if (2000..4500).contains(&step) { 1 } else { 3 };
                if adds {
                    let before = sorted.insert(Pair(key, step)).map(|pair| pair.1);
                    assert_eq!(before, model.insert(key, step));
                } else {
                    assert_eq!(sorted.remove(&key).map(|pair| pair.1), model.remove(&key));
                }
                assert_eq!(sorted.get(&key).map(|pair| pair.1), model.get(&key).copied());
                if step % 500 == 0 {
                    agrees(&sorted, &model);
                }
            }
            agrees(&sorted, &model);
            for key in 0..keys {
                assert_eq!(sorted.remove(&key).is_some(), model.remove(&key).is_some());
            }
            agrees(&sorted, &model);
        }
    }

    #[test]
    fn what_comes_in_order_fills_its_chunks() {
        let mut sorted = Sorted::default();
        (0..CHUNK as u32 * 8).for_each(|key| assert_eq!(sorted.insert(Pair(key, 0)), None));
        assert_eq!(sorted.chunks.len(), 8);
        sorted.iter_mut().for_each(|pair| pair.1 = 7);
        assert_eq!(sorted.get_mut(&500), Some(&mut Pair(500, 7)));
    }
}
