//! Changes that the broker makes to a batch where it lies: offset, epoch, timestamps.
//!
//! Base offset and leader epoch are outside the checksum. Attributes and timestamps are inside; the
//! new checksum follows from the old one and the header, so that the records are not read again.
//! Rules: `DefaultRecordBatch.setLastOffset`, `setPartitionLeaderEpoch`, `setMaxTimestamp`.
//!
//! Each function takes the header of a batch that [`super::Batch::parse`] accepted, with or without what
//! follows it, and asserts so: these are not for unchecked bytes.

use super::header::at;
use super::{Attributes, HEADER_LEN, LOG_OVERHEAD, TimestampType, crc};

/// Sets the offset of the first record.
///
/// # Panics
/// If the slice does not hold a batch's header.
pub fn set_base_offset(batch: &mut [u8], offset: i64) {
    put(batch, at::BASE_OFFSET, offset.to_be_bytes());
}

/// Sets the epoch of the leader that appends the batch.
///
/// # Panics
/// If the slice does not hold a batch's header.
pub fn set_leader_epoch(batch: &mut [u8], epoch: i32) {
    put(batch, at::LEADER_EPOCH, epoch.to_be_bytes());
}

/// Gives every record the time of the append: timestamp type, maximum timestamp, checksum.
///
/// # Panics
/// If the slice does not hold a batch's header.
pub fn set_log_append_time(batch: &mut [u8], now_ms: i64) {
    set_timestamps(batch, TimestampType::LogAppendTime, now_ms);
}

/// Corrects the maximum timestamp of a batch whose records keep their producer's timestamps:
/// timestamp type, maximum timestamp, checksum.
///
/// # Panics
/// If the slice does not hold a batch's header.
pub fn set_max_timestamp(batch: &mut [u8], max_timestamp: i64) {
    set_timestamps(batch, TimestampType::CreateTime, max_timestamp);
}

fn set_timestamps(batch: &mut [u8], timestamp_type: TimestampType, max_timestamp: i64) {
    let size = whole_size(batch);
    let old = crc::crc32c(&batch[at::ATTRIBUTES..HEADER_LEN]);
    let attributes = Attributes(i16::from_be_bytes([batch[21], batch[22]]));
    let attributes = attributes.with_timestamp_type(timestamp_type);
    put(batch, at::ATTRIBUTES, attributes.0.to_be_bytes());
    put(batch, at::MAX_TIMESTAMP, max_timestamp.to_be_bytes());
    let new = crc::crc32c(&batch[at::ATTRIBUTES..HEADER_LEN]);
    let stored = u32::from_be_bytes([batch[17], batch[18], batch[19], batch[20]]);
    let patched = crc::replace_prefix(stored, old, new, size - HEADER_LEN);
    put(batch, at::CRC, patched.to_be_bytes());
}

/// The size that the batch states.
fn whole_size(batch: &[u8]) -> usize {
    assert!(batch.len() >= HEADER_LEN, "a patch needs a batch's header");
    let length = i32::from_be_bytes([batch[8], batch[9], batch[10], batch[11]]);
    let size = usize::try_from(length).unwrap_or(0) + LOG_OVERHEAD;
    assert!(size >= HEADER_LEN, "a patch needs a batch");
    size
}

fn put<const N: usize>(batch: &mut [u8], at: usize, value: [u8; N]) {
    assert!(batch.len() >= HEADER_LEN, "a patch needs a batch's header");
    batch[at..at + N].copy_from_slice(&value);
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, BatchBuilder};
    use super::*;

    fn batch() -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        builder.append(1_000, Some(b"key"), Some(&[7; 3_000]), &[]);
        builder.append(3_000, None, None, &[]);
        builder.finish()
    }

    #[test]
    fn offset_and_epoch_leave_the_checksum_valid() {
        let mut bytes = batch();
        set_base_offset(&mut bytes, 1 << 40);
        set_leader_epoch(&mut bytes, 17);
        let (batch, _) = Batch::parse(&bytes).unwrap();
        assert!(batch.crc_is_valid());
        assert_eq!(batch.base_offset(), 1 << 40);
        assert_eq!(batch.last_offset(), (1 << 40) + 1);
        assert_eq!(batch.partition_leader_epoch(), 17);
    }

    #[test]
    fn log_append_time_sets_type_time_and_checksum() {
        let mut bytes = batch();
        let crc = Batch::parse(&bytes).unwrap().0.crc();
        set_log_append_time(&mut bytes, 99_999);
        let (batch, _) = Batch::parse(&bytes).unwrap();
        assert!(batch.crc_is_valid());
        assert_ne!(batch.crc(), crc);
        assert_eq!(batch.attributes().timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!((batch.base_timestamp(), batch.max_timestamp()), (1_000, 99_999));
    }

    #[test]
    fn a_corrected_maximum_also_withdraws_the_append_time_bit() {
        let mut bytes = batch();
        set_log_append_time(&mut bytes, 99_999);
        set_max_timestamp(&mut bytes, 3_000);
        assert_eq!(bytes, batch());
    }

    #[test]
    fn bytes_after_the_batch_are_not_its_business() {
        let mut bytes = batch();
        let size = bytes.len();
        bytes.extend_from_slice(&[1, 2, 3]);
        set_log_append_time(&mut bytes, 5);
        assert!(Batch::parse(&bytes).unwrap().0.crc_is_valid());
        assert_eq!(bytes[size..], [1, 2, 3]);
    }

    #[test]
    fn a_corrupt_batch_stays_corrupt() {
        let mut bytes = batch();
        bytes[100] ^= 1;
        set_max_timestamp(&mut bytes, 5);
        assert!(!Batch::parse(&bytes).unwrap().0.crc_is_valid());
    }
}
