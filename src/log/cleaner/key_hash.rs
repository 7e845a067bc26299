//! The 128 bits that stand for a key in the offset map: SipHash-1-3 with 128 bits of output (Aumasson,
//! Bernstein, 2012; the reference's `siphash.c` with `outlen` 16).
//!
//! Two keys with the same hash would cost the older one its record, and clients choose their keys.
//! Kafka takes MD5, whose collisions anybody can make today. Here the function is keyed with 128
//! bits that are drawn anew for each cleaning and never leave the process: who does not know them
//! cannot look for collisions, and by chance two of a billion keys meet with probability below
//! 2^-68. It must never be keyed with anything that is known outside.

use std::io;

/// A keyed hash function.
#[derive(Clone, Debug)]
pub(super) struct KeyHash {
    k0: u64,
    k1: u64,
}

impl KeyHash {
    /// A function that nobody else knows.
    pub(super) fn random() -> io::Result<KeyHash> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(KeyHash::with_key(key))
    }

    fn with_key(key: [u8; 16]) -> KeyHash {
        let key = u128::from_le_bytes(key);
        KeyHash { k0: key as u64, k1: (key >> 64) as u64 }
    }

    /// The hash of a key.
    pub(super) fn hash(&self, key: &[u8]) -> [u64; 2] {
        self.rounds::<1, 3>(key)
    }

    fn rounds<const COMPRESS: usize, const FINISH: usize>(&self, key: &[u8]) -> [u64; 2] {
        let mut state = State::new(self);
        let (words, tail) = key.as_chunks::<8>();
        for word in words {
            state.compress::<COMPRESS>(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..tail.len()].copy_from_slice(tail);
        // The lowest byte of the length goes on top of what is left of the key.
        last[7] = key.len() as u8;
        state.compress::<COMPRESS>(u64::from_le_bytes(last));
        state.v2 ^= 0xee;
        let low = state.finish::<FINISH>();
        state.v1 ^= 0xdd;
        [low, state.finish::<FINISH>()]
    }
}

struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    fn new(key: &KeyHash) -> State {
        State {
            v0: key.k0 ^ 0x736f_6d65_7073_6575,
            v1: key.k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            v2: key.k0 ^ 0x6c79_6765_6e65_7261,
            v3: key.k1 ^ 0x7465_6462_7974_6573,
        }
    }

    fn compress<const ROUNDS: usize>(&mut self, word: u64) {
        self.v3 ^= word;
        (0..ROUNDS).for_each(|_| self.round());
        self.v0 ^= word;
    }

    fn finish<const ROUNDS: usize>(&mut self) -> u64 {
        (0..ROUNDS).for_each(|_| self.round());
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }

    fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference's vectors are those of SipHash-2-4; the number of rounds is all that differs.
    #[test]
    fn the_rounds_are_those_of_the_reference() {
        let hash = KeyHash::with_key(std::array::from_fn(|i| i as u8));
        let of = |key: &[u8]| {
            let [low, high] = hash.rounds::<2, 4>(key);
            [low.to_le_bytes(), high.to_le_bytes()].concat()
        };
        let hex = |text: &str| -> Vec<u8> {
            let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            (0..text.len()).step_by(2).map(digit).collect()
        };
        assert_eq!(of(&[]), hex("a3817f04ba25a8e66df67214c7550293"));
        assert_eq!(of(&[0]), hex("da87c1d86b99af44347659119b22fc45"));
    }

    #[test]
    fn every_byte_and_the_length_count() {
        let hash = KeyHash::random().unwrap();
        let mut seen = std::collections::HashSet::new();
        for len in 0..40 {
            assert!(seen.insert(hash.hash(&vec![0; len])), "{len} zeros");
            for at in 0..len {
                let mut key = vec![0; len];
                key[at] = 1;
                assert!(seen.insert(hash.hash(&key)), "byte {at} of {len}");
            }
        }
    }

    #[test]
    fn two_functions_agree_on_nothing() {
        let (one, other) = (KeyHash::random().unwrap(), KeyHash::random().unwrap());
        assert_ne!(one.hash(b"key"), other.hash(b"key"));
    }
}
