//! The sending half of a connection: replies in the order of their requests.
//!
//! Each request has a slot. A slot may be filled at any time and in any order; what can be sent is
//! the replies up to the first open slot. Bytes that were offered to a driver stay where they are
//! until the driver says how many of them left: a later reply begins a new chunk.

use super::pool::Pool;
use super::region::FileRange;
use super::service::Part;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem::MaybeUninit;

/// A range of at least this size goes by `sendfile`, a smaller one from its mapping, in one call with what stands
/// before and behind it. By `sendfile` these are calls and packets of their own, and each packet may wake a reader who
/// sleeps: for 64 to 200 KiB that costs more than the copy (docs/PERFORMANCE.md).
const SENDFILE: u32 = 256 * 1024;
/// Bytes of one gathered write, behind which no further range joins it: others have their turn.
const GATHERED: usize = 256 * 1024;
/// Bytes of one chunk, unless a single part is larger.
const CHUNK: usize = 64 * 1024;
/// A reply of at most this size is copied to those before it when its turn comes.
const SMALL: usize = 4 * 1024;
/// Slices of one gathered write.
pub(super) const SLICES: usize = 32;

enum Chunk {
    Bytes(Vec<u8>),
    File(FileRange),
}

/// A reply's place in the order.
enum Place {
    Open,
    /// Filled before its turn.
    Filled(Vec<Chunk>),
    /// There is no answer.
    Skipped,
}

/// Slices for one gathered write. One is made for each write, and most hold one slice or none: the places of the
/// others are not filled in.
pub struct Gather<'a> {
    slices: [MaybeUninit<IoSlice<'a>>; SLICES],
    len: usize,
}

impl<'a> Gather<'a> {
    /// No slices.
    pub fn new() -> Gather<'a> {
        Gather { slices: [const { MaybeUninit::uninit() }; SLICES], len: 0 }
    }

    /// The slices, in order.
    pub fn slices(&self) -> &[IoSlice<'a>] {
        // SAFETY: `push`, the only one that changes `len`, has filled each place below it.
        unsafe { self.slices[..self.len].assume_init_ref() }
    }

    /// How many bytes they have, if that is `most` at most and nothing had to be left out.
    pub(super) fn whole_len(&self, most: usize) -> Option<usize> {
        let len = self.slices().iter().map(|slice| slice.len()).sum();
        (len <= most && !self.is_full()).then_some(len)
    }

    fn is_full(&self) -> bool {
        self.len == SLICES
    }

    pub(super) fn push(&mut self, bytes: &'a [u8]) {
        self.slices[self.len].write(IoSlice::new(bytes));
        self.len += 1;
    }
}

impl Default for Gather<'_> {
    fn default() -> Self {
        Gather::new()
    }
}

/// What is to be written next.
#[derive(Debug)]
pub enum Output<'a> {
    /// Nothing for now.
    Nothing,
    /// What was gathered; with `more` directly behind it.
    Gathered {
        /// A file range follows: no need to send a small packet before it.
        more: bool,
    },
    /// A range of a file.
    File(&'a FileRange),
}

/// Replies of one connection that have not left.
#[derive(Default)]
pub struct Outbox {
    /// The number of the next slot; `places` are those of the slots before it.
    next: u64,
    places: VecDeque<Place>,
    open: usize,
    chunks: VecDeque<Chunk>,
    /// Bytes of the first chunk that have left.
    sent: usize,
    /// A driver has been offered chunks and has not said how much it wrote.
    offered: bool,
    unsent: u64,
    /// Bytes that have left, in all.
    left: u64,
    memory: usize,
}

impl Outbox {
    /// Slots that are not answered.
    pub fn open_slots(&self) -> usize {
        self.open
    }

    /// Slots that have not become output: open ones and those behind them.
    pub fn waiting_slots(&self) -> usize {
        self.places.len()
    }

    /// Bytes of answers that have not left, file ranges included.
    pub fn unsent(&self) -> u64 {
        self.unsent
    }

    /// Bytes of answers that have left, in all.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Bytes of them that are in our memory.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// There is something to write.
    pub fn has_output(&self) -> bool {
        !self.chunks.is_empty()
    }

    /// Nothing is owed and nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.chunks.is_empty()
    }

    /// The next request's slot.
    pub(crate) fn open(&mut self) -> u64 {
        self.places.push_back(Place::Open);
        self.open += 1;
        self.next += 1;
        self.next - 1
    }

    /// Answers a slot; false if it is not open.
    pub(crate) fn fill(&mut self, slot: u64, parts: &[Part<'_>], pool: &mut Pool) -> bool {
        let Some(at) = self.take_place(slot) else { return false };
        if at == 0 {
            self.places.pop_front();
            parts.iter().for_each(|part| self.push_part(part, pool));
            self.advance(pool);
        } else {
            self.place(at, chunks_of(parts));
        }
        true
    }

    /// Answers a slot with bytes that are given away, piece by piece; false if it is not open.
    pub(crate) fn fill_with(&mut self, slot: u64, pieces: Vec<Vec<u8>>, pool: &mut Pool) -> bool {
        let Some(at) = self.take_place(slot) else { return false };
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        self.place(at, pieces.map(Chunk::Bytes).collect());
        self.advance(pool);
        true
    }

    /// Leaves a slot without an answer; false if it is not open.
    pub(crate) fn skip(&mut self, slot: u64, pool: &mut Pool) -> bool {
        let Some(at) = self.take_place(slot) else { return false };
        self.places[at] = Place::Skipped;
        self.advance(pool);
        true
    }

    /// Where the open slot is in the queue; it is not open any more.
    fn take_place(&mut self, slot: u64) -> Option<usize> {
        let first = self.next - self.places.len() as u64;
        let at = usize::try_from(slot.checked_sub(first)?).ok()?;
        if !matches!(self.places.get(at)?, Place::Open) {
            return None;
        }
        self.open -= 1;
        Some(at)
    }

    /// What is to be sent when the turn of a place comes.
    fn place(&mut self, at: usize, chunks: Vec<Chunk>) {
        chunks.iter().for_each(|chunk| self.count(chunk));
        self.places[at] = Place::Filled(chunks);
    }

    /// Makes output of all places before the first open one.
    fn advance(&mut self, pool: &mut Pool) {
        while let Some(place) = self.places.pop_front_if(|place| !matches!(place, Place::Open)) {
            let Place::Filled(chunks) = place else { continue };
            for chunk in chunks {
                match chunk {
                    Chunk::Bytes(bytes) if bytes.len() <= SMALL => {
                        self.memory -= bytes.len();
                        self.unsent -= bytes.len() as u64;
                        self.push_bytes(&bytes, pool);
                    }
                    chunk => self.chunks.push_back(chunk),
                }
            }
        }
    }

    fn push_part(&mut self, part: &Part<'_>, pool: &mut Pool) {
        match part {
            Part::Bytes(bytes) => self.push_bytes(bytes, pool),
            Part::File(range) if range.len == 0 => {}
            Part::File(range) => {
                self.chunks.push_back(Chunk::File(range.clone()));
                self.unsent += u64::from(range.len);
            }
        }
    }

    fn push_bytes(&mut self, bytes: &[u8], pool: &mut Pool) {
        if bytes.is_empty() {
            return;
        }
        self.memory += bytes.len();
        self.unsent += bytes.len() as u64;
        if let Some(Chunk::Bytes(last)) = self.chunks.back_mut()
            && !self.offered
            && last.len() + bytes.len() <= CHUNK
        {
            return last.extend_from_slice(bytes);
        }
        let mut chunk = pool.vector();
        chunk.extend_from_slice(bytes);
        self.chunks.push_back(Chunk::Bytes(chunk));
    }

    fn count(&mut self, chunk: &Chunk) {
        match chunk {
            Chunk::Bytes(bytes) => {
                self.memory += bytes.len();
                self.unsent += bytes.len() as u64;
            }
            Chunk::File(range) => self.unsent += u64::from(range.len),
        }
    }

    /// What to write next. It stays as it is until [`Outbox::written`].
    pub(crate) fn output<'a>(&'a mut self, gather: &mut Gather<'a>) -> Output<'a> {
        assert!(!self.offered, "one write at a time");
        let (mut skip, mut gathered) = (self.sent, 0);
        for chunk in &self.chunks {
            let bytes = match chunk {
                Chunk::Bytes(bytes) => Ok(&bytes[std::mem::take(&mut skip)..]),
                // Asked once: a second answer may be another.
                Chunk::File(range) if range.len < SENDFILE && gathered < GATHERED => {
                    range.bytes().ok_or(range)
                }
                Chunk::File(range) => Err(range),
            };
            match bytes {
                Ok(bytes) => {
                    gathered += bytes.len();
                    gather.push(bytes);
                }
                Err(range) => {
                    self.offered = true;
                    let is_next = gather.len == 0;
                    return if is_next {
                        Output::File(range)
                    } else {
                        Output::Gathered { more: true }
                    };
                }
            }
            if gather.is_full() {
                break;
            }
        }
        self.offered = gather.len > 0;
        if self.offered { Output::Gathered { more: false } } else { Output::Nothing }
    }

    /// `n` bytes of what was offered have left; none ends the offer as well.
    pub(crate) fn written(&mut self, mut n: usize, pool: &mut Pool) {
        self.offered = false;
        self.left += n as u64;
        self.unsent = self.unsent.checked_sub(n as u64).expect("no more is sent than there is");
        while n > 0 {
            let left = match self.chunks.front_mut().expect("unsent bytes are in chunks") {
                Chunk::Bytes(bytes) => {
                    let taken = n.min(bytes.len() - self.sent);
                    self.sent += taken;
                    self.memory -= taken;
                    n -= taken;
                    bytes.len() - self.sent
                }
                Chunk::File(range) => {
                    let taken = n.min(range.len as usize);
                    range.advance(taken as u32);
                    n -= taken;
                    range.len as usize
                }
            };
            if left > 0 {
                debug_assert_eq!(n, 0, "a chunk is left before it is empty");
                break;
            }
            self.sent = 0;
            if let Some(Chunk::Bytes(bytes)) = self.chunks.pop_front() {
                pool.put_vector(bytes);
            }
        }
        if self.chunks.is_empty() && self.chunks.capacity() > 16 {
            self.chunks = VecDeque::new();
        }
        if self.places.is_empty() && self.places.capacity() > 32 {
            self.places = VecDeque::new();
        }
    }
}

fn chunks_of(parts: &[Part<'_>]) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::with_capacity(parts.len());
    for part in parts {
        match (part, chunks.last_mut()) {
            (Part::Bytes(bytes), Some(Chunk::Bytes(last))) => last.extend_from_slice(bytes),
            (Part::Bytes([]), _) => {}
            (Part::Bytes(bytes), _) => chunks.push(Chunk::Bytes(bytes.to_vec())),
            (Part::File(range), _) if range.len == 0 => {}
            (Part::File(range), _) => chunks.push(Chunk::File(range.clone())),
        }
    }
    chunks
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
