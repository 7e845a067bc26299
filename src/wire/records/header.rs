//! The 61 header bytes of a batch as an owned value: for scanning files and for building.
//!
//! It only holds numbers; whether they make sense together is for the reader's rules to say.

use super::{
    Attributes, HEADER_LEN, LOG_OVERHEAD, MAGIC, NO_LEADER_EPOCH, NO_PRODUCER_EPOCH,
    NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, increment_sequence,
};

/// Where each field begins.
pub(super) mod at {
    pub const BASE_OFFSET: usize = 0;
    pub const BATCH_LENGTH: usize = 8;
    pub const LEADER_EPOCH: usize = 12;
    pub const MAGIC: usize = 16;
    pub const CRC: usize = 17;
    pub const ATTRIBUTES: usize = 21;
    pub const LAST_OFFSET_DELTA: usize = 23;
    pub const BASE_TIMESTAMP: usize = 27;
    pub const MAX_TIMESTAMP: usize = 35;
    pub const PRODUCER_ID: usize = 43;
    pub const PRODUCER_EPOCH: usize = 51;
    pub const BASE_SEQUENCE: usize = 53;
    pub const RECORD_COUNT: usize = 57;
}

/// A batch's header fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record (as written: compaction keeps it when that record is gone).
    pub base_offset: i64,
    /// Bytes that follow this field.
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch, -1 from clients.
    pub partition_leader_epoch: i32,
    /// Format version, 2.
    pub magic: i8,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: Attributes,
    /// Last offset minus base offset.
    pub last_offset_delta: i32,
    /// Base of the records' timestamp deltas.
    pub base_timestamp: i64,
    /// Largest timestamp, or the append time.
    pub max_timestamp: i64,
    /// Producer id, -1 when not idempotent.
    pub producer_id: i64,
    /// Producer epoch, -1 when not idempotent.
    pub producer_epoch: i16,
    /// Sequence number of the first record, -1 when not idempotent.
    pub base_sequence: i32,
    /// Number of records.
    pub record_count: i32,
}

impl Default for BatchHeader {
    fn default() -> Self {
        Self {
            base_offset: 0,
            batch_length: (HEADER_LEN - LOG_OVERHEAD) as i32,
            partition_leader_epoch: NO_LEADER_EPOCH,
            magic: MAGIC,
            crc: 0,
            attributes: Attributes::default(),
            last_offset_delta: 0,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            record_count: 0,
        }
    }
}

impl BatchHeader {
    /// Reads the fields. Nothing is checked: see [`super::Batch::parse`].
    #[inline]
    #[must_use]
    pub fn read(bytes: &[u8; HEADER_LEN]) -> Self {
        Self {
            base_offset: i64::from_be_bytes(field(bytes, at::BASE_OFFSET)),
            batch_length: i32::from_be_bytes(field(bytes, at::BATCH_LENGTH)),
            partition_leader_epoch: i32::from_be_bytes(field(bytes, at::LEADER_EPOCH)),
            magic: i8::from_be_bytes(field(bytes, at::MAGIC)),
            crc: u32::from_be_bytes(field(bytes, at::CRC)),
            attributes: Attributes(i16::from_be_bytes(field(bytes, at::ATTRIBUTES))),
            last_offset_delta: i32::from_be_bytes(field(bytes, at::LAST_OFFSET_DELTA)),
            base_timestamp: i64::from_be_bytes(field(bytes, at::BASE_TIMESTAMP)),
            max_timestamp: i64::from_be_bytes(field(bytes, at::MAX_TIMESTAMP)),
            producer_id: i64::from_be_bytes(field(bytes, at::PRODUCER_ID)),
            producer_epoch: i16::from_be_bytes(field(bytes, at::PRODUCER_EPOCH)),
            base_sequence: i32::from_be_bytes(field(bytes, at::BASE_SEQUENCE)),
            record_count: i32::from_be_bytes(field(bytes, at::RECORD_COUNT)),
        }
    }

    /// The fields as bytes, the checksum as it stands in the field.
    #[must_use]
    pub fn write(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        put(&mut out, at::BASE_OFFSET, self.base_offset.to_be_bytes());
        put(&mut out, at::BATCH_LENGTH, self.batch_length.to_be_bytes());
        put(&mut out, at::LEADER_EPOCH, self.partition_leader_epoch.to_be_bytes());
        put(&mut out, at::MAGIC, self.magic.to_be_bytes());
        put(&mut out, at::CRC, self.crc.to_be_bytes());
        put(&mut out, at::ATTRIBUTES, self.attributes.0.to_be_bytes());
        put(&mut out, at::LAST_OFFSET_DELTA, self.last_offset_delta.to_be_bytes());
        put(&mut out, at::BASE_TIMESTAMP, self.base_timestamp.to_be_bytes());
        put(&mut out, at::MAX_TIMESTAMP, self.max_timestamp.to_be_bytes());
        put(&mut out, at::PRODUCER_ID, self.producer_id.to_be_bytes());
        put(&mut out, at::PRODUCER_EPOCH, self.producer_epoch.to_be_bytes());
        put(&mut out, at::BASE_SEQUENCE, self.base_sequence.to_be_bytes());
        put(&mut out, at::RECORD_COUNT, self.record_count.to_be_bytes());
        out
    }

    /// Bytes of the whole batch. A negative length counts as none: the result is never below 12.
    #[must_use]
    pub fn size(&self) -> usize {
        LOG_OVERHEAD + usize::try_from(self.batch_length).unwrap_or(0)
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(i64::from(self.last_offset_delta))
    }

    /// Offset after the last record.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.last_offset().wrapping_add(1)
    }

    /// Sequence number of the last record, with the wrap; -1 when there is none.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence == NO_SEQUENCE {
            NO_SEQUENCE
        } else {
            increment_sequence(self.base_sequence, self.last_offset_delta)
        }
    }

    /// The batch comes from an idempotent or transactional producer.
    #[must_use]
    pub fn has_producer_id(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// When tombstones and markers in this batch may go, if a cleaning has set it.
    #[must_use]
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        self.attributes.has_delete_horizon().then_some(self.base_timestamp)
    }
}

fn field<const N: usize>(bytes: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

fn put<const N: usize>(out: &mut [u8; HEADER_LEN], at: usize, value: [u8; N]) {
    out[at..at + N].copy_from_slice(&value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_belongs_to_one_field() {
        let mut bytes = [0_u8; HEADER_LEN];
        bytes.iter_mut().enumerate().for_each(|(i, byte)| *byte = i as u8 + 1);
        assert_eq!(BatchHeader::read(&bytes).write(), bytes);
    }

    #[test]
    fn a_header_alone_is_a_batch_without_records() {
        let header = BatchHeader::default();
        assert_eq!(header.size(), HEADER_LEN);
        assert_eq!(header.last_sequence(), NO_SEQUENCE);
        assert!(!header.has_producer_id());
        assert_eq!(header.delete_horizon_ms(), None);
    }

    #[test]
    fn offsets_and_sequences_of_the_last_record() {
        let header = BatchHeader {
            base_offset: 100,
            last_offset_delta: 9,
            base_sequence: i32::MAX - 3,
            ..BatchHeader::default()
        };
        assert_eq!((header.last_offset(), header.next_offset()), (109, 110));
        assert_eq!(header.last_sequence(), 5);
    }

    #[test]
    fn absurd_numbers_do_not_panic() {
        let header = BatchHeader {
            base_offset: i64::MAX,
            batch_length: i32::MIN,
            last_offset_delta: i32::MIN,
            base_sequence: i32::MIN,
            ..BatchHeader::default()
        };
        assert_eq!(header.size(), LOG_OVERHEAD);
        let _ = (header.last_offset(), header.next_offset(), header.last_sequence());
    }
}
