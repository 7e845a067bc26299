//! Batches whose every byte follows from a seed, and what is stored of them.

use barnabas::wire::records::{Batch, BatchBuilder, Codec, crc, patch};

/// xorshift64*: small, seeded, the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

/// Timestamps begin here, so that batches are the same in each run.
pub const TIME: i64 = 1_760_000_000_000;

/// A batch of `count` records with keys, headers and values of `size` bytes.
pub fn batch(seed: u64, count: usize, size: usize) -> Vec<u8> {
    fill(BatchBuilder::new(), seed, count, size)
}

/// The same, compressed.
pub fn compressed(codec: Codec, seed: u64, count: usize, size: usize) -> Vec<u8> {
    fill(BatchBuilder::new().codec(codec), seed, count, size)
}

/// The same, of an idempotent producer.
pub fn sequenced(
    producer: i64,
    epoch: i16,
    sequence: i32,
    seed: u64,
    count: usize,
    size: usize,
) -> Vec<u8> {
    fill(BatchBuilder::new().producer(producer, epoch, sequence), seed, count, size)
}

fn fill(mut builder: BatchBuilder, seed: u64, count: usize, size: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    for n in 0..count {
        let (key, value) = (random.next().to_be_bytes(), random.bytes(size));
        let headers = [("seed", Some(&key[..4])), ("none", None)];
        builder.append(TIME + n as i64, Some(&key), Some(&value), &headers);
    }
    builder.finish()
}

/// A batch of one record that measures `size` bytes in all.
pub fn batch_of_size(seed: u64, size: usize) -> Vec<u8> {
    let value = Random::new(seed).bytes(size);
    // What is around the value grows by a byte now and then: come closer until it fits.
    let mut len = size - 64;
    for _ in 0..4 {
        let mut builder = BatchBuilder::new();
        builder.append(TIME, None, Some(&value[..len]), &[]);
        let batch = builder.finish();
        if batch.len() == size {
            return batch;
        }
        len = len + size - batch.len();
    }
    panic!("no batch has {size} bytes");
}

/// The bytes that a broker stores of a batch that was produced.
pub fn stored(batch: &[u8], base_offset: i64, leader_epoch: i32) -> Vec<u8> {
    let mut batch = batch.to_vec();
    patch::set_base_offset(&mut batch, base_offset);
    patch::set_leader_epoch(&mut batch, leader_epoch);
    batch
}

/// Takes fetched bytes apart: whole batches only, checksums checked.
pub fn batches(mut bytes: &[u8]) -> Vec<Batch<'_>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (batch, rest) = Batch::parse(bytes).unwrap();
        assert!(batch.crc_is_valid(), "a batch at {} is damaged", batch.base_offset());
        all.push(batch);
        bytes = rest;
    }
    all
}

/// The same bytes without what the broker writes into a header: base offset and leader epoch.
pub fn sent_bytes(batch: &Batch<'_>) -> Vec<u8> {
    stored(batch.as_bytes(), 0, -1)
}

/// Makes the checksum of a changed batch right again.
pub fn seal(batch: &mut [u8]) {
    let sum = crc::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&sum.to_be_bytes());
}

/// Says that a batch has so many records, in its count and its last offset, whatever it holds.
pub fn claim(batch: &mut [u8], records: i32) {
    batch[23..27].copy_from_slice(&(records - 1).to_be_bytes());
    batch[57..61].copy_from_slice(&records.to_be_bytes());
    seal(batch);
}
