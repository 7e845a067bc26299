//! Record batches: the bytes that producers send, the log stores and consumers read.
//!
//! Batch format v2 only (magic 2); older formats are refused at the door. Views borrow, nothing here
//! touches sockets, files or clocks. Reading is total: any byte string gives a batch or an error that
//! says what is wrong, without a panic, an over-read, or an allocation of a size merely claimed.
//!
//! The rules come from Kafka's `DefaultRecordBatch`, `DefaultRecord`, `MemoryRecordsBuilder` and
//! `common/compress` (KIP-98, KIP-82, KIP-110, KIP-390, KIP-534).

pub mod attributes;
pub mod batch;
pub mod builder;
pub mod compress;
pub mod crc;
pub mod header;
pub mod patch;
pub mod rebuild;
pub mod record;
pub mod retain;
pub mod stream;
pub mod sweep;
mod varint;

pub use attributes::{Attributes, TimestampType};
pub use batch::{Batch, BatchError, Batches};
pub use builder::BatchBuilder;
pub use compress::{Codec, CompressError, Decoder, DecoderScratch, Encoder, compress, decompress};
pub use header::BatchHeader;
pub use rebuild::Rebuilder;
pub use record::{Header, Headers, Record, RecordError, RecordIter};
pub use retain::{emptied, retain};
pub use stream::{RecordStream, StreamError, Tap};
pub use sweep::{Sweep, sweep};

/// Bytes of a batch's header, that is, of a batch without records.
pub const HEADER_LEN: usize = 61;

/// Bytes before the part that `batch_length` counts: the base offset and the length itself.
pub const LOG_OVERHEAD: usize = 12;

/// The only batch format that is read and written.
pub const MAGIC: i8 = 2;

/// "No timestamp".
pub const NO_TIMESTAMP: i64 = -1;

/// "No producer id": the batch is not idempotent.
pub const NO_PRODUCER_ID: i64 = -1;

/// "No producer epoch".
pub const NO_PRODUCER_EPOCH: i16 = -1;

/// "No sequence number".
pub const NO_SEQUENCE: i32 = -1;

/// "No leader epoch": what clients send.
pub const NO_LEADER_EPOCH: i32 = -1;

/// The sequence number `increment` records after `sequence`; it wraps from `i32::MAX` to 0.
///
/// Both numbers are those of a valid batch: not negative.
#[must_use]
pub fn increment_sequence(sequence: i32, increment: i32) -> i32 {
    let sum = i64::from(sequence) + i64::from(increment);
    let wrapped = if sum > i64::from(i32::MAX) { sum - i64::from(i32::MAX) - 1 } else { sum };
    wrapped as i32
}

/// The sequence number `decrement` records before `sequence`; it wraps from 0 to `i32::MAX`.
#[must_use]
pub fn decrement_sequence(sequence: i32, decrement: i32) -> i32 {
    let difference = i64::from(sequence) - i64::from(decrement);
    let wrapped = if difference < 0 { difference + i64::from(i32::MAX) + 1 } else { difference };
    wrapped as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(increment_sequence(5, 4), 9);
        assert_eq!(increment_sequence(i32::MAX, 1), 0);
        assert_eq!(increment_sequence(i32::MAX - 1, 4), 2);
        assert_eq!(increment_sequence(0, i32::MAX), i32::MAX);
    }

    #[test]
    fn decrement_undoes_increment() {
        for (sequence, step) in [(0, 1), (5, 4), (i32::MAX, 7), (i32::MAX - 2, 2), (3, i32::MAX)] {
            assert_eq!(decrement_sequence(increment_sequence(sequence, step), step), sequence);
        }
    }
}
