//! May these bytes be appended? The checks of one partition's part of a Produce request.
//!
//! Pure: no clock, no disk, no state but reused buffers. The checks, their order and their codes are
//! Kafka's: `ProduceRequest.validateRecords`, then `UnifiedLog.analyzeAndValidateRecords`, then
//! `LogValidator`. A batch stays as it came wherever Kafka keeps it; only where `compression.type`
//! asks for another codec, or records carry wrong offsets, it is written anew.
//!
//! Stricter than Kafka where Kafka would store what no consumer can read, or has no bound:
//! - a compressed batch's records must have exactly the length that they state;
//! - records of an uncompressed batch whose offsets are not 0, 1, 2, ... are renumbered, where Kafka
//!   stores them as they are;
//! - records may take at most [`uncompressed_limit`] bytes when opened, and one Snappy block at most
//!   128 MiB (it must be held whole);
//! - at most [`MAX_RECORD_ERRORS`] bad records are named.

mod check;
mod envelope;
mod invalid;
mod records;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::config::{self, CompressionType, TopicConfig};
use crate::wire::error::ErrorCode;
use crate::wire::records::{BatchHeader, Codec, DecoderScratch, TimestampType};
pub use invalid::{Invalid, MAX_RECORD_ERRORS};

/// What the bytes are checked against.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'c> {
    /// The topic's effective settings.
    pub config: &'c TopicConfig,
    /// The time of the append.
    pub now_ms: i64,
    /// Version of the Produce request.
    pub produce_version: i16,
    /// The topic's name, for messages.
    pub topic: &'c str,
    /// The partition's number, for messages.
    pub partition: i32,
}

/// Buffers that are used again and again: one per worker.
#[derive(Debug, Default)]
pub struct Scratch {
    decoder: DecoderScratch,
}

impl Scratch {
    /// Empty buffers, which grow when they are needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes held between uses.
    #[must_use]
    pub fn held(&self) -> usize {
        self.decoder.held()
    }
}

/// What the log must change in the batch besides base offset and leader epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patch {
    /// Nothing.
    Keep,
    /// `patch::set_log_append_time` with this time.
    LogAppendTime(i64),
    /// `patch::set_max_timestamp` with this timestamp: the producer's was wrong.
    MaxTimestamp(i64),
}

/// A batch that may be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validated<'a> {
    /// The one batch: the producer's bytes, or a batch written anew.
    pub bytes: Cow<'a, [u8]>,
    /// What is to be changed in its timestamps.
    pub timestamps: Patch,
    /// Its header as it will be after that change, but for base offset, leader epoch and checksum.
    pub header: BatchHeader,
    /// The time of the append, -1 when the producer's timestamps count.
    pub log_append_time_ms: i64,
}

/// Checks the `records` of one partition.
///
/// Bytes after the batch that are not another whole batch are dropped, as Kafka does.
///
/// # Errors
/// When the batch must be refused: [`Invalid`] says with which code, why, and for which records.
pub fn validate<'a>(
    records: &'a [u8],
    rules: &Rules<'_>,
    scratch: &mut Scratch,
) -> Result<Validated<'a>, Invalid> {
    let batch = envelope::only_batch(records, rules)?;
    check::before_records(&batch, rules)?;
    let codec = check::codec(&batch)?;
    check::header(batch.header(), rules)?;
    let validated = records::validate(&batch, codec, rules, scratch)?;
    check::fits_segment(validated.bytes.len(), rules)?;
    Ok(validated)
}

/// The most bytes that the records of one batch may take when opened.
///
/// Kafka has no such limit. 256 MiB, or 16 times `max.message.bytes` where that is more, is beyond
/// what producers put into a batch, and keeps a bomb from holding up a worker for seconds. Memory
/// does not depend on it: records are checked while they stream past.
#[must_use]
pub fn uncompressed_limit(config: &TopicConfig) -> usize {
    let message = usize::try_from(config.max_message_bytes).unwrap_or(0);
    message.saturating_mul(16).max(256 << 20)
}

/// The codec and level that the topic asks for, given the batch's own codec.
fn target(config: &TopicConfig, source: Codec) -> (Codec, i32) {
    match config.compression_type {
        CompressionType::Producer => (source, source.default_level()),
        CompressionType::Uncompressed => (Codec::None, 0),
        CompressionType::Gzip => (Codec::Gzip, config.compression_gzip_level),
        CompressionType::Snappy => (Codec::Snappy, 0),
        CompressionType::Lz4 => (Codec::Lz4, config.compression_lz4_level),
        CompressionType::Zstd => (Codec::Zstd, config.compression_zstd_level),
    }
}

/// Whose clock stamps the topic's records.
fn timestamp_type(config: &TopicConfig) -> TimestampType {
    match config.message_timestamp_type {
        config::TimestampType::CreateTime => TimestampType::CreateTime,
        config::TimestampType::LogAppendTime => TimestampType::LogAppendTime,
    }
}

impl Rules<'_> {
    /// Kafka's way to write a partition: `topic-0`.
    fn topic_partition(&self) -> String {
        format!("{}-{}", self.topic, self.partition)
    }
}
