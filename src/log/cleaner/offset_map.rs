//! Which offset is the last one of each key: a hash table of bounded memory (SkimpyOffsetMap.java).
//!
//! Keys are not kept, only 128 bits of each, see [`KeyHash`]. An entry takes 24 bytes, as in Kafka,
//! so that the same `log.cleaner.dedupe.buffer.size` holds the same number of keys. The table is
//! made as large as the keys that can come need and never larger than the setting allows; it never
//! grows, and when it is full the cleaning goes as far as it got.

use super::key_hash::KeyHash;
use std::io;

/// Bytes of an entry: 16 of the hash, 8 of the offset.
pub(super) const ENTRY: usize = 24;

/// The last offset of each key.
pub(super) struct OffsetMap {
    hash: KeyHash,
    /// The hash, and the offset plus one: 0 is an empty slot.
    slots: Vec<[u64; 3]>,
    entries: usize,
    max_entries: usize,
    latest: i64,
}

/// How much a map may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    /// Bytes of the table.
    pub(super) memory: usize,
    /// How full it may become, 0 to 1.
    pub(super) load_factor: f64,
    /// No more keys than this can come.
    pub(super) keys: u64,
}

impl Capacity {
    /// Slots, and how many of them may be used.
    fn slots(self) -> (usize, usize) {
        let allowed = (self.memory / ENTRY).max(1);
        let load = self.load_factor.clamp(0.0, 1.0);
        let allowed_entries = ((allowed as f64 * load) as usize).max(1);
        let keys = usize::try_from(self.keys).unwrap_or(usize::MAX);
        // Half full at most where there are few: probing is short then.
        let wanted = keys.saturating_mul(2).max(64);
        match wanted < allowed {
            true => (wanted, allowed_entries.min(wanted - 1)),
            false => (allowed, allowed_entries),
        }
    }
}

impl OffsetMap {
    /// An empty map. The memory is taken as it is used.
    pub(super) fn new(capacity: Capacity) -> io::Result<OffsetMap> {
        let (slots, max_entries) = capacity.slots();
        let hash = KeyHash::random()?;
        let slots = vec![[0; 3]; slots];
        Ok(OffsetMap { hash, slots, entries: 0, max_entries, latest: -1 })
    }

    /// Notes that the record at `offset` is the last one of `key` so far. False if the map is full:
    /// then nothing was noted.
    pub(super) fn put(&mut self, key: &[u8], offset: i64) -> bool {
        // Kafka asks before it looks: a key that is there already does not fit either.
        if self.entries >= self.max_entries {
            return false;
        }
        let [low, high] = self.hash.hash(key);
        let Some(at) = self.find(low, high) else { unreachable!("fewer entries than slots") };
        let slot = &mut self.slots[at];
        self.entries += usize::from(slot[2] == 0);
        *slot = [low, high, offset as u64 + 1];
        self.latest = offset;
        true
    }

    /// The last offset of `key`, if it is known.
    pub(super) fn get(&self, key: &[u8]) -> Option<i64> {
        let [low, high] = self.hash.hash(key);
        let [.., offset] = self.slots[self.find(low, high)?];
        (offset != 0).then(|| (offset - 1) as i64)
    }

    /// The slot of this hash, or the empty one where it belongs; `None` if every slot is another's.
    fn find(&self, low: u64, high: u64) -> Option<usize> {
        let slots = self.slots.len();
        // The high half of the product is uniform over the slots, without a division.
        let mut at = ((u128::from(low) * slots as u128) >> 64) as usize;
        for _ in 0..slots {
            let slot = &self.slots[at];
            if slot[2] == 0 || (slot[0] == low && slot[1] == high) {
                return Some(at);
            }
            at = if at + 1 == slots { 0 } else { at + 1 };
        }
        None
    }

    /// Everything up to this offset has been looked at.
    pub(super) fn looked_at(&mut self, offset: i64) {
        self.latest = offset;
    }

    /// The last offset that was looked at, -1 if none was.
    pub(super) fn latest(&self) -> i64 {
        self.latest
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.entries
    }

    /// Bytes of the table.
    pub(super) fn memory(&self) -> usize {
        self.slots.len() * ENTRY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(memory: usize, load_factor: f64, keys: u64) -> OffsetMap {
        OffsetMap::new(Capacity { memory, load_factor, keys }).unwrap()
    }

    fn key(number: u32) -> [u8; 4] {
        number.to_be_bytes()
    }

    #[test]
    fn the_last_offset_of_each_key_is_known() {
        let mut map = map(1 << 20, 0.9, 1000);
        assert_eq!((map.get(b"a"), map.latest()), (None, -1));
        assert!(map.put(b"a", 0) && map.put(b"b", 1) && map.put(b"a", 2) && map.put(b"", 3));
        assert_eq!((map.get(b"a"), map.get(b"b"), map.get(b"")), (Some(2), Some(1), Some(3)));
        assert_eq!((map.get(b"c"), map.len(), map.latest()), (None, 3, 3));
        map.looked_at(17);
        assert_eq!(map.latest(), 17);
    }

    #[test]
    fn a_full_map_takes_nothing_and_loses_nothing() {
        let mut map = map(100 * ENTRY, 0.9, u64::MAX);
        assert_eq!(map.memory(), 100 * ENTRY);
        let taken = (0..1000).take_while(|&n| map.put(&key(n), i64::from(n))).count();
        assert_eq!((taken, map.len(), map.latest()), (90, 90, 89));
        assert!(!map.put(&key(5), 5000), "not even a key that it has");
        for n in 0..90 {
            assert_eq!(map.get(&key(n)), Some(i64::from(n)));
        }
        assert!((90..1000).all(|n| map.get(&key(n)).is_none()));
    }

    #[test]
    fn at_least_one_key_fits_and_all_slots_may_be_used() {
        let mut tiny = map(1, 0.1, 5);
        assert!(tiny.put(b"a", 7) && !tiny.put(b"b", 8));
        assert_eq!((tiny.get(b"a"), tiny.get(b"b")), (Some(7), None));
        let mut full = map(10 * ENTRY, 1.0, u64::MAX);
        assert!((0..10).all(|n| full.put(&key(n), i64::from(n))));
        assert!((0..10).all(|n| full.get(&key(n)) == Some(i64::from(n))));
        assert_eq!(full.get(&key(10)), None);
    }

    #[test]
    fn the_table_is_no_larger_than_its_keys_need_and_than_it_may_be() {
        assert_eq!(map(128 << 20, 0.9, 100).memory(), 200 * ENTRY);
        assert_eq!(map(128 << 20, 0.9, u64::MAX).memory(), (128 << 20) / ENTRY * ENTRY);
        let mut small = map(128 << 20, 0.9, 100);
        assert!((0..100).all(|n| small.put(&key(n), i64::from(n))), "all keys fit");
    }
}
