//! The circular buffer of a connection with an unfinished frame.
//!
//! What it holds is always one slice, and so is its free space: the memory is mapped twice (see
//! [`Mirror`]). Where that is not to be had it is a plain buffer that moves its bytes to the front
//! when their end is reached: slower, the same otherwise.

use super::mirror::Mirror;

enum Memory {
    Mirrored(Mirror),
    Plain(Box<[u8]>),
}

/// Bytes in at the end, out at the front; never moved while mirrored.
pub(crate) struct Ring {
    memory: Memory,
    head: usize,
    len: usize,
}

impl Ring {
    /// A ring of `capacity` bytes, a multiple of the page size.
    pub(crate) fn new(capacity: usize) -> Ring {
        let memory = match Mirror::new(capacity) {
            Ok(mirror) => Memory::Mirrored(mirror),
            Err(_) => return Ring::plain(capacity),
        };
        Ring { memory, head: 0, len: 0 }
    }

    /// A ring without double mapping.
    pub(crate) fn plain(capacity: usize) -> Ring {
        Ring { memory: Memory::Plain(vec![0; capacity].into()), head: 0, len: 0 }
    }

    pub(crate) fn capacity(&self) -> usize {
        match &self.memory {
            Memory::Mirrored(mirror) => mirror.capacity(),
            Memory::Plain(bytes) => bytes.len(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All that it holds.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.memory {
            Memory::Mirrored(mirror) => mirror.slice(self.head, self.len),
            Memory::Plain(bytes) => &bytes[self.head..self.head + self.len],
        }
    }

    /// All its free space.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        let free = self.capacity() - self.len;
        match &mut self.memory {
            Memory::Mirrored(mirror) => {
                let tail = (self.head + self.len) % mirror.capacity();
                mirror.slice_mut(tail, free)
            }
            Memory::Plain(bytes) => {
                bytes.copy_within(self.head..self.head + self.len, 0);
                self.head = 0;
                &mut bytes[self.len..]
            }
        }
    }

    /// `n` bytes of the free space have been written.
    pub(crate) fn filled(&mut self, n: usize) {
        assert!(n <= self.capacity() - self.len, "{n} bytes into less space");
        self.len += n;
    }

    /// The first `n` bytes are done with.
    pub(crate) fn consume(&mut self, n: usize) {
        assert!(n <= self.len, "{n} bytes out of {}", self.len);
        self.len -= n;
        self.head = match self.len {
            0 => 0, // the front of the memory is the part that is most likely in cache
            _ => (self.head + n) % self.capacity(),
        };
    }

    /// Puts `bytes` in; there must be room.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.space()[..bytes.len()].copy_from_slice(bytes);
        self.filled(bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn agrees_with_a_queue(mut ring: Ring) {
        let mut model = VecDeque::new();
        let mut next = 0u8;
        for step in 0..5_000usize {
            let add = (step * 7919) % (ring.capacity() - ring.len() + 1);
            let bytes: Vec<u8> = (0..add).map(|i| next.wrapping_add((i % 251) as u8)).collect();
            next = next.wrapping_add(13);
            ring.extend(&bytes);
            model.extend(bytes);
            assert!(ring.bytes().iter().eq(model.iter()));
            let take = (step * 104_729) % (ring.len() + 1);
            ring.consume(take);
            model.drain(..take);
            assert!(ring.bytes().iter().eq(model.iter()));
            assert_eq!(ring.space().len(), ring.capacity() - model.len());
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_mirrored_ring_is_a_queue_in_one_slice() {
        let ring = Ring::new(4096);
        assert!(matches!(ring.memory, Memory::Mirrored(_)));
        agrees_with_a_queue(ring);
    }

    #[test]
    fn a_plain_ring_is_a_queue_in_one_slice() {
        agrees_with_a_queue(Ring::plain(4096));
    }
}
