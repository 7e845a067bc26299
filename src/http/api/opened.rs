//! Compressed batches whose records did not all fit into an answer, kept open for the next one: a tail, and whoever reads
//! a few messages at a time, goes on in the middle of a batch. They are a desk's, so what many ask for is opened once.
//!
//! A batch is known by where it stands and by its checksum: one that was written in its place is another one.

use super::records::MAX_OPENED;
use crate::catalog::Partition;
use crate::wire::records::{Batch, Codec, CompressError, RecordIter};
use std::sync::Arc;

/// Batches that are kept.
const MOST: usize = 64;
/// Bytes of memory that is used again.
const USUAL: usize = 4 << 20;

/// See the module's comment. No more than [`MAX_OPENED`] bytes are kept.
#[derive(Default)]
pub struct Opened {
    /// The one that was asked for last is the last.
    kept: Vec<Kept>,
    /// What is open now, unless it is kept.
    scratch: Vec<u8>,
}

struct Kept {
    key: Key,
    bytes: Vec<u8>,
    /// Where who read it last stopped.
    stop: Stop,
}

/// Topic, partition, first offset, size and checksum.
#[derive(PartialEq, Eq)]
struct Key(Arc<str>, i32, i64, usize, u32);

/// A place between two records of a batch: the next offset, and what is left, in bytes and records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    pub(super) next: i64,
    pub(super) left: (usize, i32),
}

impl Opened {
    /// The records of a batch, those before `offset` left out as far as that costs nothing; and how many bytes were opened.
    pub(super) fn records<'s>(
        &'s mut self,
        partition: &Partition,
        batch: &Batch<'s>,
        offset: i64,
    ) -> Result<(RecordIter<'s>, usize), CompressError> {
        if batch.attributes().codec_id() == Codec::None.id() {
            return Ok((batch.records(&mut self.scratch, MAX_OPENED)?, 0));
        }
        let key = Key::of(partition, batch);
        let found = self.kept.iter().position(|kept| kept.key == key);
        if let Some(at) = found {
            let kept = self.kept.remove(at);
            self.kept.push(kept);
        }
        let (Some(_), Some(Kept { bytes, stop, .. })) = (found, self.kept.last()) else {
            let records = batch.records(&mut self.scratch, MAX_OPENED)?;
            let opened = records.rest().0.len();
            return Ok((records, opened));
        };
        let left = match stop.next <= offset {
            true => stop.left,
            false => (bytes.len(), batch.record_count()),
        };
        let rest = bytes.get(bytes.len().saturating_sub(left.0)..).unwrap_or_default();
        Ok((RecordIter::new(rest, left.1), bytes.len()))
    }

    /// Keeps the batch whose records were asked for last, for who will go on there.
    pub(super) fn keep(&mut self, partition: &Partition, batch: &Batch<'_>, stop: Stop) {
        if batch.attributes().codec_id() == Codec::None.id() {
            return;
        }
        let key = Key::of(partition, batch);
        if let Some(kept) = self.kept.last_mut().filter(|kept| kept.key == key) {
            kept.stop = stop;
            return;
        }
        let mut bytes = std::mem::take(&mut self.scratch);
        // An earlier batch may have been larger.
        if bytes.capacity() / 2 > bytes.len() {
            bytes.shrink_to_fit();
        }
        self.kept.push(Kept { key, bytes, stop });
        let mut size: usize = self.kept.iter().map(|kept| kept.bytes.capacity()).sum();
        while (size > MAX_OPENED || self.kept.len() > MOST) && self.kept.len() > 1 {
            size -= self.kept.remove(0).bytes.capacity();
        }
    }

    /// Memory for batches as they mostly are stays.
    pub(super) fn shrink(&mut self) {
        if self.scratch.capacity() > USUAL {
            self.scratch = Vec::new();
        }
    }

    /// Nobody goes on for now.
    pub(in super::super) fn clear(&mut self) {
        *self = Opened::default();
    }

    /// Whether it takes no memory.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.scratch.capacity() == 0
    }
}

impl Key {
    fn of(partition: &Partition, batch: &Batch<'_>) -> Key {
        let (topic, index) = (partition.topic.clone(), partition.index);
        Key(topic, index, batch.base_offset(), batch.size(), batch.crc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::records::BatchBuilder;

    fn partition(index: i32) -> Partition {
        Partition::new("t".into(), index, 0, None)
    }

    fn batch(bytes: usize) -> Vec<u8> {
        let mut batch = BatchBuilder::new().codec(Codec::Lz4);
        (0..8).for_each(|at| _ = batch.append(0, None, Some(&vec![at; bytes / 8]), &[]));
        batch.finish()
    }

    /// Reads some records from an offset on, and has the batch kept where it stops.
    fn read(opened: &mut Opened, index: i32, bytes: &[u8], from: i64, most: usize) -> Vec<i32> {
        let (batch, _) = Batch::parse(bytes).expect("a batch");
        let (mut records, _) = opened.records(&partition(index), &batch, from).expect("records");
        let mut found = Vec::new();
        while found.len() < most {
            let Some(record) = records.next() else { return found };
            found.push(record.expect("a record").offset_delta);
        }
        let (rest, count) = records.rest();
        let next = i64::from(found.last().expect("a record") + 1);
        let stop = Stop { next, left: (rest.len(), count) };
        opened.keep(&partition(index), &batch, stop);
        found
    }

    #[test]
    fn who_goes_on_opens_nothing_again() {
        let (mut opened, bytes) = (Opened::default(), batch(1000));
        assert!(opened.is_empty());
        assert_eq!(read(&mut opened, 0, &bytes, 0, 3), [0, 1, 2]);
        assert_eq!(opened.kept.len(), 1);
        // Where it stopped; who comes from before is given all of it, and so is who asks for what is not kept.
        assert_eq!(read(&mut opened, 0, &bytes, 3, 2), [3, 4]);
        assert_eq!(read(&mut opened, 0, &bytes, 2, 9), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(read(&mut opened, 0, &bytes, 6, 9), [5, 6, 7]);
        assert_eq!(opened.scratch.capacity(), 0, "it was opened again");
        assert_eq!(read(&mut opened, 1, &bytes, 5, 9).len(), 8);
        // The same place with something else in it.
        assert_eq!(read(&mut opened, 0, &batch(1600), 5, 9).len(), 8);
        opened.clear();
        assert!(opened.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut opened, large, small) = (Opened::default(), batch(MAX_OPENED / 4), batch(800));
        for index in 0..8 {
            read(&mut opened, index, &large, 0, 1);
            let size: usize = opened.kept.iter().map(|kept| kept.bytes.capacity()).sum();
            assert!(size <= MAX_OPENED && !opened.kept.is_empty(), "{size}");
        }
        (0..100).for_each(|index| _ = read(&mut opened, index, &small, 0, 1));
        assert!(opened.kept.len() <= MOST);
    }
}
