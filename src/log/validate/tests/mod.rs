//! Each check with its code and message, and what is done to batches that pass. Kafka's own verdicts
//! are compared in `tests/records_verdicts.rs`.

mod header;
mod rebuilt;
mod records;

use super::*;
use crate::config::CleanupPolicy;
use crate::wire::records::{Batch, BatchBuilder, crc, patch};

const NOW: i64 = 1_700_000_000_000;

fn rules(config: &TopicConfig) -> Rules<'_> {
    Rules { config, now_ms: NOW, produce_version: 9, topic: "orders", partition: 3 }
}

fn check<'a>(bytes: &'a [u8], config: &TopicConfig) -> Result<Validated<'a>, Invalid> {
    validate(bytes, &rules(config), &mut Scratch::new())
}

fn refusal(bytes: &[u8], config: &TopicConfig) -> Invalid {
    check(bytes, config).expect_err("the batch is to be refused")
}

#[track_caller]
fn refused(bytes: &[u8], config: &TopicConfig, code: ErrorCode, message: &str) {
    let invalid = refusal(bytes, config);
    assert_eq!((invalid.code, invalid.message.as_str()), (code, message));
    assert_eq!(invalid.answer_message(), None);
}

/// Refused before the request can be looked into: the client is told the message.
#[track_caller]
fn refused_frame(bytes: &[u8], message: &str) {
    let invalid = refusal(bytes, &config());
    assert_eq!(
        (invalid.code, invalid.answer_message()),
        (ErrorCode::CORRUPT_MESSAGE, Some(message))
    );
    assert!(!invalid.answers_log_start_offset());
}

fn config() -> TopicConfig {
    TopicConfig::default()
}

/// Three good records.
fn builder() -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    builder.append(NOW - 20, Some(b"k1"), Some(b"v1"), &[("h", Some(b"x")), ("n", None)]);
    builder.append(NOW, Some(b"k2"), None, &[]);
    builder.append(NOW - 10, Some(b"k3"), Some(b"v3"), &[]);
    builder
}

/// Overwrites header bytes and makes the checksum right again.
fn altered(mut bytes: Vec<u8>, at: usize, with: &[u8]) -> Vec<u8> {
    bytes[at..at + with.len()].copy_from_slice(with);
    resum(bytes)
}

fn resum(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = crc::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// A batch whose records are these bytes.
fn with_records(records: &[u8], count: i32, codec: Codec) -> Vec<u8> {
    let header = BatchHeader {
        batch_length: (49 + records.len()) as i32,
        attributes: BatchHeader::default().attributes.with_codec(codec),
        last_offset_delta: count - 1,
        record_count: count,
        base_timestamp: NOW,
        max_timestamp: NOW,
        ..BatchHeader::default()
    };
    resum([&header.write()[..], records].concat())
}

/// Timestamp, offset delta, key, value, headers.
type Owned = (i64, i32, Option<Vec<u8>>, Option<Vec<u8>>, Vec<u8>);

fn records_of(bytes: &[u8]) -> Vec<Owned> {
    let (batch, rest) = Batch::parse(bytes).unwrap();
    assert!(rest.is_empty() && batch.crc_is_valid());
    let mut scratch = Vec::new();
    let records = batch.records(&mut scratch, 1 << 30).unwrap();
    let records = records.map(|record| {
        let record = record.unwrap();
        assert_eq!(record.attributes, 0);
        (
            batch.base_timestamp() + record.timestamp_delta,
            record.offset_delta,
            record.key.map(<[u8]>::to_vec),
            record.value.map(<[u8]>::to_vec),
            record.headers.as_bytes().to_vec(),
        )
    });
    records.collect()
}

#[test]
fn a_good_batch_stays_as_it_came() {
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_built_in()) {
        let bytes = builder().codec(codec).producer(7, 0, 0).transactional(true).finish();
        let config = config();
        let validated = check(&bytes, &config).unwrap();
        assert!(matches!(validated.bytes, Cow::Borrowed(kept) if kept == bytes), "{codec}");
        assert_eq!(validated.timestamps, Patch::Keep);
        assert_eq!(validated.log_append_time_ms, -1);
        assert_eq!(validated.header, *Batch::parse(&bytes).unwrap().0.header());
    }
}

#[test]
fn bytes_that_are_no_batch_are_cut_off() {
    let mut bytes = builder().finish();
    let size = bytes.len();
    bytes.extend_from_within(..40);
    let config = config();
    assert_eq!(check(&bytes, &config).unwrap().bytes.len(), size);
}

#[test]
fn a_wrong_maximum_timestamp_is_corrected() {
    let config = config();
    let good = builder().finish();
    for wrong in [0_i64, NOW + 1, -1] {
        let bytes = altered(good.clone(), 35, &wrong.to_be_bytes());
        let validated = check(&bytes, &config).unwrap();
        assert_eq!(validated.timestamps, Patch::MaxTimestamp(NOW));
        assert_eq!(validated.header.max_timestamp, NOW);
        let mut stored = validated.bytes.into_owned();
        patch::set_max_timestamp(&mut stored, NOW);
        assert_eq!(stored, good);
    }
}

#[test]
fn log_append_time_is_left_to_the_log() {
    let config =
        TopicConfig { message_timestamp_type: config::TimestampType::LogAppendTime, ..config() };
    let bytes = builder().finish();
    let validated = check(&bytes, &config).unwrap();
    assert_eq!(validated.timestamps, Patch::LogAppendTime(NOW));
    assert_eq!(validated.log_append_time_ms, NOW);
    assert_eq!(validated.header.max_timestamp, NOW);
    assert_eq!(validated.header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(validated.bytes, bytes);
}

#[test]
fn old_and_missing_timestamps_pass_by_default() {
    let mut builder = BatchBuilder::new();
    builder.append(-1, None, None, &[]).append(0, None, None, &[]);
    builder.append(NOW + 3_600_000, None, None, &[]);
    assert!(check(&builder.finish(), &config()).is_ok());
}

#[test]
fn append_time_ignores_the_window_of_create_time() {
    let config = TopicConfig {
        message_timestamp_type: config::TimestampType::LogAppendTime,
        message_timestamp_before_max_ms: 1,
        message_timestamp_after_max_ms: 1,
        ..config()
    };
    let bytes = BatchBuilder::new().append(5, None, None, &[]).finish();
    assert!(check(&bytes, &config).is_ok());
}
