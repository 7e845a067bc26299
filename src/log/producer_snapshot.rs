//! The producer snapshot file: Kafka's `<offset>.snapshot` (ProducerStateManager.java), version 1.
//!
//! Big endian: int16 version, uint32 CRC-32C of what follows, int32 count, and per producer 46
//! bytes. Only a producer's last batch is in it. A file that is damaged in any way is not
//! believed at all; the state is then rebuilt from the log.

use super::producers::{CachedBatch, Producer, Producers};
use crate::wire::records::NO_SEQUENCE;
use crate::wire::records::crc::crc32c;

const VERSION: i16 = 1;
/// Version, CRC; then the CRC begins to count.
const CRC_FROM: usize = 6;
const HEADER: usize = 10;
const ENTRY: usize = 46;

/// The file's bytes for this state.
pub(crate) fn encode(producers: &Producers) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + producers.len() * ENTRY);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&(producers.len() as u32).to_be_bytes());
    for (id, producer) in producers.iter() {
        let last = producer.last_batch();
        bytes.extend_from_slice(&id.to_be_bytes());
        bytes.extend_from_slice(&producer.epoch.to_be_bytes());
        bytes.extend_from_slice(&producer.last_sequence().to_be_bytes());
        bytes.extend_from_slice(&last.map_or(-1, |batch| batch.last_offset).to_be_bytes());
        bytes.extend_from_slice(&last.map_or(0, |batch| batch.offset_delta).to_be_bytes());
        bytes.extend_from_slice(&producer.last_timestamp.to_be_bytes());
        bytes.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
        bytes.extend_from_slice(&producer.transaction.unwrap_or(-1).to_be_bytes());
    }
    let crc = crc32c(&bytes[CRC_FROM..]);
    bytes[2..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// The state that a file of these bytes describes, as of offset `end`; `None` if it is damaged.
pub(crate) fn decode(bytes: &[u8], end: i64) -> Option<Producers> {
    let mut rest = bytes;
    let version = i16::from_be_bytes(take(&mut rest)?);
    let crc = u32::from_be_bytes(take(&mut rest)?);
    if version != VERSION || crc != crc32c(rest) {
        return None;
    }
    let count = u32::from_be_bytes(take(&mut rest)?) as usize;
    if rest.len() != count.checked_mul(ENTRY)? {
        return None;
    }
    let mut producers = Producers::starting_at(end);
    for _ in 0..count {
        let (id, producer) = decode_entry(&mut rest)?;
        if !producers.restore(id, producer) {
            return None;
        }
    }
    Some(producers)
}

fn decode_entry(rest: &mut &[u8]) -> Option<(i64, Producer)> {
    let id = i64::from_be_bytes(take(rest)?);
    let mut producer = Producer::new();
    producer.epoch = i16::from_be_bytes(take(rest)?);
    let last_sequence = i32::from_be_bytes(take(rest)?);
    let last_offset = i64::from_be_bytes(take(rest)?);
    let offset_delta = i32::from_be_bytes(take(rest)?);
    let timestamp = i64::from_be_bytes(take(rest)?);
    producer.coordinator_epoch = i32::from_be_bytes(take(rest)?);
    let transaction = i64::from_be_bytes(take(rest)?);
    producer.last_timestamp = timestamp;
    producer.transaction = (transaction >= 0).then_some(transaction);
    if last_offset >= 0 {
        let sane = offset_delta >= 0 && last_sequence >= NO_SEQUENCE;
        let batch = CachedBatch { last_sequence, last_offset, offset_delta, timestamp };
        producer.push(sane.then_some(batch)?);
    }
    Some((id, producer))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk::<N>()?;
    *rest = others;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::records::{Attributes, BatchHeader};

    fn one_producer() -> Producers {
        let mut producers = Producers::starting_at(0);
        let header = BatchHeader {
            base_offset: 100,
            last_offset_delta: 2,
            max_timestamp: 0x0102,
            producer_id: 7,
            producer_epoch: 3,
            base_sequence: 40,
            attributes: Attributes::default().with_transactional(true),
            ..BatchHeader::default()
        };
        producers.appended(&header, None, None);
        producers
    }

    #[test]
    fn the_bytes_are_kafkas() {
        let bytes = encode(&one_producer());
        let crc = crc32c(&bytes[6..]).to_be_bytes();
        let mut expected = vec![0, 1];
        expected.extend_from_slice(&crc);
        expected.extend_from_slice(&[0, 0, 0, 1]); // one producer
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 7]); // its id
        expected.extend_from_slice(&[0, 3]); // epoch
        expected.extend_from_slice(&[0, 0, 0, 42]); // last sequence
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 102]); // last offset
        expected.extend_from_slice(&[0, 0, 0, 2]); // offset delta
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 1, 2]); // timestamp
        expected.extend_from_slice(&[0xff; 4]); // no coordinator epoch
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 100]); // where the transaction began
        assert_eq!(bytes, expected);
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let producers = one_producer();
        let bytes = encode(&producers);
        let read = decode(&bytes, 103).expect("a whole file");
        assert_eq!(read.get(7), producers.get(7));
        assert_eq!((read.end(), read.len()), (103, 1));
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut], 103).is_none(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(decode(&damaged, 103).is_none(), "flipped at {at}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        let crc = crc32c(&longer[6..]).to_be_bytes();
        longer[2..6].copy_from_slice(&crc);
        assert!(decode(&longer, 103).is_none(), "bytes behind the last producer");
    }

    #[test]
    fn transactions_that_cannot_be_are_not_believed() {
        let seal = |bytes: &mut [u8]| {
            let crc = crc32c(&bytes[CRC_FROM..]);
            bytes[2..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
        };
        let mut producers = one_producer();
        let header = BatchHeader {
            base_offset: 103,
            producer_id: 8,
            producer_epoch: 1,
            attributes: Attributes::default().with_transactional(true),
            ..BatchHeader::default()
        };
        producers.appended(&header, None, None);
        let bytes = encode(&producers);
        assert!(decode(&bytes, 104).is_some());
        assert!(decode(&bytes, 103).is_none(), "it begins behind the snapshot");
        let (first, second) = (HEADER, HEADER + ENTRY);
        let mut same_start = bytes.clone();
        same_start.copy_within(second - 8..second, second + ENTRY - 8);
        seal(&mut same_start);
        assert!(decode(&same_start, 104).is_none(), "two begin at one offset");
        let mut same_id = bytes;
        same_id.copy_within(first..first + 8, second);
        seal(&mut same_id);
        assert!(decode(&same_id, 104).is_none(), "one producer twice");
    }

    #[test]
    fn a_snapshot_of_nobody_is_ten_bytes() {
        let bytes = encode(&Producers::starting_at(5));
        assert_eq!(bytes.len(), HEADER);
        assert_eq!(decode(&bytes, 5).map(|producers| producers.len()), Some(0));
    }
}
