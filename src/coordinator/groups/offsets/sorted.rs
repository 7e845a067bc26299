//! Elements in the order of their keys, in chunks: as lean as a vector, and yet no insertion moves
//! more than one chunk, however many elements there are and in whatever order they come.
//!
//! Most groups have one topic and few partitions, some have a hundred thousand; after a start they
//! come in the order of their last commits.
//!
//! A copy of many elements is cheap: the chunks are had in common, and one that is changed is copied first.

use std::sync::Arc;

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
    chunks: Chunks<T>,
}

/// The keys grow within a chunk and from one to the next.
#[derive(Debug, Clone, PartialEq)]
enum Chunks<T> {
    /// May be empty.
    One(Vec<T>),
    /// Two or more, none of which is empty. A copy has them in common until one of the two changes.
    Many(Vec<Arc<Vec<T>>>),
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Sorted { chunks: Chunks::One(Vec::new()) }
    }
}

impl<T> Sorted<T> {
    fn chunk(&self, at: usize) -> Option<&Vec<T>> {
        match &self.chunks {
            Chunks::One(one) => (at == 0).then_some(one),
            Chunks::Many(chunks) => chunks.get(at).map(|chunk| &**chunk),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.chunks, Chunks::One(one) if one.is_empty())
    }

    pub(super) fn len(&self) -> usize {
        (0..).map_while(|at| self.chunk(at)).map(Vec::len).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..).map_while(|at| self.chunk(at)).flatten()
    }
}

impl<T: Keyed + Clone> Sorted<T> {
    /// One that nobody else has.
    fn chunk_mut(&mut self, at: usize) -> Option<&mut Vec<T>> {
        match &mut self.chunks {
            Chunks::One(one) => (at == 0).then_some(one),
            Chunks::Many(chunks) => chunks.get_mut(at).map(Arc::make_mut),
        }
    }

    /// All from a key on.
    pub(super) fn iter_from(&self, key: Option<&T::Key>) -> impl Iterator<Item = &T> {
        let (at, place) = key.map_or((0, Ok(0)), |key| self.place(key));
        let before = place.unwrap_or_else(|place| place);
        (at..).map_while(|at| self.chunk(at)).flatten().skip(before)
    }

    /// The chunk that a key belongs to, and its place there: where it is, or where it would be.
    fn place(&self, key: &T::Key) -> (usize, Result<usize, usize>) {
        let begins = |chunk: &Arc<Vec<T>>| chunk.first().is_some_and(|first| first.key() <= key);
        let at = match &self.chunks {
            Chunks::One(_) => 0,
            Chunks::Many(chunks) => chunks.partition_point(begins).saturating_sub(1),
        };
        let within = |chunk: &Vec<T>| chunk.binary_search_by(|element| element.key().cmp(key));
        (at, self.chunk(at).map_or(Err(0), within))
    }

    pub(super) fn get(&self, key: &T::Key) -> Option<&T> {
        let (at, place) = self.place(key);
        self.chunk(at)?.get(place.ok()?)
    }

    pub(super) fn get_mut(&mut self, key: &T::Key) -> Option<&mut T> {
        let (at, place) = self.place(key);
        let place = place.ok()?;
        self.chunk_mut(at)?.get_mut(place)
    }

    /// Puts an element in its place, and gives back the one that was there.
    pub(super) fn insert(&mut self, element: T) -> Option<T> {
        let (mut at, place) = self.place(element.key());
        let mut place = match place {
            Ok(place) => {
                let old = self.chunk_mut(at)?.get_mut(place)?;
                return Some(std::mem::replace(old, element));
            }
            Err(place) => place,
        };
        if self.chunk(at).is_some_and(|chunk| chunk.len() == CHUNK) {
            (at, place) = self.divide(at, place);
        }
        let chunk = self.chunk_mut(at)?;
        if chunk.len() == chunk.capacity() {
            // Lean rather than quick: a group grows seldom and stays long.
            chunk.reserve_exact((chunk.len() / 4).max(1));
        }
        chunk.insert(place, element);
        None
    }

    /// Makes room where there is a full chunk; gives the place in what came of it.
    fn divide(&mut self, at: usize, place: usize) -> (usize, usize) {
        if let Chunks::One(one) = &mut self.chunks {
            self.chunks = Chunks::Many(vec![Arc::new(std::mem::take(one))]);
        }
        let Chunks::Many(chunks) = &mut self.chunks else { return (at, place) };
        if chunks.len() == chunks.capacity() {
            chunks.reserve_exact((chunks.len() / 4).max(1));
        }
        let Some(full) = chunks.get_mut(at) else { return (at, place) };
        // Who comes in order leaves full chunks behind.
        let middle = if place == CHUNK { CHUNK } else { CHUNK / 2 };
        let upper = Arc::make_mut(full).split_off(middle);
        chunks.insert(at + 1, Arc::new(upper));
        if place >= middle { (at + 1, place - middle) } else { (at, place) }
    }

    pub(super) fn remove(&mut self, key: &T::Key) -> Option<T> {
        let (at, place) = self.place(key);
        let place = place.ok()?;
        let next = self.chunk(at + 1).map_or(CHUNK, Vec::len);
        let chunk = self.chunk_mut(at)?;
        let removed = chunk.remove(place);
        let left = chunk.len();
        if left * 4 <= chunk.capacity() {
            chunk.shrink_to(left * 2);
        }
        let Chunks::Many(chunks) = &mut self.chunks else { return Some(removed) };
        if left == 0 {
            chunks.remove(at);
        } else if left + next <= CHUNK / 2 {
            let mut next = Arc::unwrap_or_clone(chunks.remove(at + 1));
            chunks.get_mut(at).map(Arc::make_mut)?.append(&mut next);
        }
        if chunks.len() == 1 {
            let last = chunks.pop().map(Arc::unwrap_or_clone);
            self.chunks = Chunks::One(last.unwrap_or_default());
        }
        Some(removed)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let (one, many) = match &mut self.chunks {
            Chunks::One(one) => (Some(one), None),
            Chunks::Many(chunks) => (None, Some(chunks.iter_mut().map(Arc::make_mut))),
        };
        one.into_iter().chain(many.into_iter().flatten()).flatten()
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
        let is_sound = |chunk: &Vec<_>| !chunk.is_empty() && chunk.len() <= CHUNK;
        match &sorted.chunks {
            Chunks::One(one) => assert!(one.is_empty() || is_sound(one)),
            Chunks::Many(many) => {
                assert!(many.len() > 1 && many.iter().all(|chunk| is_sound(chunk)));
            }
        }
    }

    #[test]
    fn it_does_what_a_map_does_in_any_order() {
        for keys in [3, 200, 2000] {
            let (mut sorted, mut model) = (Sorted::default(), BTreeMap::new());
            let mut state = u64::from(keys);
            let mut copies = Vec::new();
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
                let from = sorted.iter_from(Some(&key)).next().map(|pair| pair.0);
                assert_eq!(from, model.range(key..).next().map(|(key, _)| *key));
                if step % 500 == 0 {
                    agrees(&sorted, &model);
                    copies.push((sorted.clone(), model.clone()));
                }
            }
            agrees(&sorted, &model);
            // What a copy shows does not change.
            copies.iter().for_each(|(sorted, model)| agrees(sorted, model));
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
        assert!(matches!(&sorted.chunks, Chunks::Many(chunks) if chunks.len() == 8));
        sorted.iter_mut().for_each(|pair| pair.1 = 7);
        assert_eq!(sorted.get_mut(&500), Some(&mut Pair(500, 7)));
    }
}
