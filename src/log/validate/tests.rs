//! Each check with its code and message, and what is done to batches that pass.

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

// What passes.

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

// The envelope.

#[test]
fn no_batch_at_all() {
    let whole = builder().finish();
    let message =
        "Produce requests with version 9 must have at least one record batch per partition";
    for end in [0, 1, 11, 12, 16, 17, 60, 61, whole.len() - 1] {
        refused(&whole[..end], &config(), ErrorCode::INVALID_RECORD, message);
    }
}

#[test]
fn two_batches() {
    let bytes = [builder().finish(), builder().finish()].concat();
    refused(
        &bytes,
        &config(),
        ErrorCode::INVALID_RECORD,
        "Produce requests with version 9 are only allowed to contain exactly one record batch per \
         partition",
    );
    let mut bytes = builder().finish();
    bytes.extend_from_slice(&[0; 12]);
    let message = "Record size 0 is less than the minimum record overhead (14)";
    refused(&bytes, &config(), ErrorCode::CORRUPT_MESSAGE, message);
}

#[test]
fn other_formats() {
    for magic in [0, 1] {
        refused(
            &altered(builder().finish(), 16, &[magic]),
            &config(),
            ErrorCode::INVALID_RECORD,
            "Produce requests with version 9 are only allowed to contain record batches with magic \
             version 2",
        );
    }
    for (magic, shown) in [(3, "3"), (0xff, "-1")] {
        let message = format!("Invalid magic found in record: {shown}");
        let bytes = altered(builder().finish(), 16, &[magic]);
        refused(&bytes, &config(), ErrorCode::CORRUPT_MESSAGE, &message);
    }
}

#[test]
fn lengths_that_cannot_be() {
    for length in [13_i32, 0, -1, i32::MIN] {
        let bytes = altered(builder().finish(), 8, &length.to_be_bytes());
        let message = format!("Record size {length} is less than the minimum record overhead (14)");
        refused(&bytes, &config(), ErrorCode::CORRUPT_MESSAGE, &message);
    }
    let bytes = altered(builder().finish(), 8, &48_i32.to_be_bytes());
    assert_eq!(refusal(&bytes[..60], &config()).code, ErrorCode::CORRUPT_MESSAGE);
    let bytes = altered(builder().finish(), 8, &i32::MAX.to_be_bytes());
    assert_eq!(refusal(&bytes, &config()).code, ErrorCode::INVALID_RECORD);
}

#[test]
#[cfg(feature = "compression")]
fn zstd_only_since_produce_7() {
    let config = config();
    let bytes = builder().codec(Codec::Zstd).finish();
    let old = Rules { produce_version: 6, ..rules(&config) };
    let invalid = validate(&bytes, &old, &mut Scratch::new()).unwrap_err();
    assert_eq!(invalid.code, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    assert_eq!(
        invalid.message,
        "Produce requests with version 6 are not allowed to use ZStandard compression"
    );
    assert!(!invalid.answers_log_start_offset());
    let new = Rules { produce_version: 7, ..old };
    assert!(validate(&bytes, &new, &mut Scratch::new()).is_ok());
    let gzip = builder().codec(Codec::Gzip).finish();
    assert!(validate(&gzip, &old, &mut Scratch::new()).is_ok());
}

// The header.

#[test]
fn base_offset_must_be_zero() {
    let bytes = builder().base_offset(0).finish();
    refused(
        &altered(bytes, 0, &5_i64.to_be_bytes()),
        &config(),
        ErrorCode::INVALID_RECORD,
        "The baseOffset of the record batch in the append to orders-3 should be 0, but it is 5",
    );
}

#[test]
fn size_is_limited() {
    let bytes = builder().finish();
    let size = bytes.len() as i32;
    let config = TopicConfig { max_message_bytes: size, ..config() };
    assert!(check(&bytes, &config).is_ok());
    let config = TopicConfig { max_message_bytes: size - 1, ..config };
    refused(
        &bytes,
        &config,
        ErrorCode::MESSAGE_TOO_LARGE,
        &format!(
            "The record batch size in the append to orders-3 is {size} bytes which exceeds the \
             maximum configured value of {}",
            size - 1
        ),
    );
    assert!(!refusal(&bytes, &config).answers_log_start_offset());
}

#[test]
fn segment_size_is_a_limit_too() {
    let bytes = builder().finish();
    let size = bytes.len() as i32;
    let config = TopicConfig { segment_bytes: size - 1, ..config() };
    refused(
        &bytes,
        &config,
        ErrorCode::RECORD_LIST_TOO_LARGE,
        &format!(
            "Message batch size is {size} bytes in append to partition orders-3, which exceeds the \
             maximum configured segment size of {}.",
            size - 1
        ),
    );
}

#[test]
fn every_flipped_bit_under_the_checksum_is_found() {
    let good = builder().finish();
    for at in 17..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        let invalid = refusal(&bytes, &config());
        assert_eq!(invalid.code, ErrorCode::CORRUPT_MESSAGE, "byte {at}");
        let stored = Batch::parse(&bytes).unwrap().0.crc();
        let message =
            format!("Record is corrupt (stored crc = {stored}) in topic partition orders-3.");
        assert_eq!(invalid.message, message);
        assert!(!invalid.answers_log_start_offset());
    }
}

#[test]
fn the_order_of_the_first_checks() {
    // Everything is wrong: base offset, then size, then checksum, then the rest.
    let mut bytes = builder().control(true).finish();
    bytes[7] = 1;
    bytes[62] ^= 1;
    let small = TopicConfig { max_message_bytes: 10, ..config() };
    assert!(refusal(&bytes, &small).message.contains("baseOffset"));
    bytes[7] = 0;
    assert_eq!(refusal(&bytes, &small).code, ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(refusal(&bytes, &config()).code, ErrorCode::CORRUPT_MESSAGE);
    bytes[62] ^= 1;
    assert!(refusal(&bytes, &config()).message.contains("control records"));
}

#[test]
fn counts_must_agree() {
    let in_partition = " in topic partition orders-3";
    for (delta, count, message) in [
        (-1_i32, 3_i32, "Batch has an invalid offset range: [0, -1]"),
        (2, 0, "Invalid reported count for record batch: 0"),
        (2, -3, "Invalid reported count for record batch: -3"),
        (2, 4, "Inconsistent batch offset range [0, 2] and count of records 4"),
        (7, 3, "Inconsistent batch offset range [0, 7] and count of records 3"),
    ] {
        let bytes = altered(builder().finish(), 23, &delta.to_be_bytes());
        let bytes = altered(bytes, 57, &count.to_be_bytes());
        let message = format!("{message}{in_partition}");
        refused(&bytes, &config(), ErrorCode::INVALID_RECORD, &message);
        assert!(refusal(&bytes, &config()).answers_log_start_offset());
    }
}

#[test]
fn clients_write_no_control_batches() {
    refused(
        &builder().control(true).finish(),
        &config(),
        ErrorCode::INVALID_RECORD,
        "Clients are not allowed to write control records in topic partition orders-3",
    );
}

#[test]
fn producer_fields_belong_together() {
    refused(
        &builder().producer(7, 1, -1).finish(),
        &config(),
        ErrorCode::INVALID_RECORD,
        "Invalid sequence number -1 in record batch with producerId 7 in topic partition orders-3",
    );
    refused(
        &builder().producer(7, -1, 0).finish(),
        &config(),
        ErrorCode::INVALID_RECORD,
        "Invalid producer epoch -1 in record batch with producerId 7 in topic partition orders-3",
    );
    assert!(check(&builder().producer(-1, -1, -1).finish(), &config()).is_ok());
    assert!(check(&builder().producer(0, 0, i32::MAX).finish(), &config()).is_ok());
}

#[test]
fn unknown_codecs_are_an_internal_error_as_in_kafka() {
    for id in 5..8 {
        let bytes = altered(builder().finish(), 21, &[0, id]);
        let message = format!("Unknown compression type id: {id}");
        refused(&bytes, &config(), ErrorCode::UNKNOWN_SERVER_ERROR, &message);
    }
}

// The records.

#[test]
fn the_count_must_be_that_of_the_records() {
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_built_in()) {
        for (count, message) in [
            (2_i32, "Incorrect declared batch size, records still remaining in file"),
            (4, "Incorrect declared batch size, premature EOF reached"),
        ] {
            let bytes = builder().codec(codec).finish();
            let bytes = altered(bytes, 23, &(count - 1).to_be_bytes());
            let bytes = altered(bytes, 57, &count.to_be_bytes());
            let message = format!("{message} in topic partition orders-3");
            refused(&bytes, &config(), ErrorCode::INVALID_RECORD, &message);
        }
    }
}

#[test]
fn a_claim_of_two_billion_records_costs_nothing() {
    let bytes = with_records(&[], i32::MAX, Codec::None);
    assert_eq!(refusal(&bytes, &config()).code, ErrorCode::INVALID_RECORD);
}

#[test]
fn records_must_have_the_length_they_state() {
    let good = builder();
    let plain = good.finish();
    let mut records = plain[61..].to_vec();
    records[0] -= 2;
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_built_in()) {
        let mut packed = Vec::new();
        crate::wire::records::compress(codec, codec.default_level(), &records, &mut packed)
            .unwrap();
        let invalid = refusal(&with_records(&packed, 3, codec), &config());
        assert_eq!(invalid.code, ErrorCode::INVALID_RECORD, "{codec}");
    }
}

#[test]
fn compacted_topics_need_keys() {
    let compacted = CleanupPolicy { delete: true, compact: true };
    let config = TopicConfig { cleanup_policy: compacted, ..config() };
    let mut builder = BatchBuilder::new();
    for index in 0..10_i64 {
        let key: Option<&[u8]> = if index % 2 == 0 { Some(b"") } else { None };
        builder.append(NOW, key, Some(b"v"), &[]);
    }
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_built_in()) {
        let bytes = builder.clone().codec(codec).finish();
        let invalid = refusal(&bytes, &config);
        assert_eq!(invalid.code, ErrorCode::INVALID_RECORD);
        let what = "Compacted topic cannot accept message without key in topic partition orders-3";
        let expected: Vec<_> = [1, 3, 5, 7, 9].map(|i| (i, Some(what.to_owned()))).into();
        assert_eq!(invalid.record_errors, expected);
        let message = format!(
            "One or more records have been rejected due to 5 record errors in total, and only \
             showing the first three errors at most: [RecordError(batchIndex=1, message='{what}'), \
             RecordError(batchIndex=3, message='{what}'), RecordError(batchIndex=5, \
             message='{what}')]"
        );
        assert_eq!(invalid.answer_message(), Some(message.as_str()));
        assert!(invalid.answers_log_start_offset());
    }
    let keyed = BatchBuilder::new().append(NOW, Some(b""), None, &[]).finish();
    assert!(check(&keyed, &config).is_ok());
}

#[test]
fn create_time_must_be_within_the_window() {
    let config = TopicConfig {
        message_timestamp_before_max_ms: 1_000,
        message_timestamp_after_max_ms: 500,
        ..config()
    };
    let mut builder = BatchBuilder::new();
    for timestamp in [NOW - 1_000, NOW - 1_001, NOW + 500, NOW + 501, -1] {
        builder.append(timestamp, None, None, &[]);
    }
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_built_in()) {
        let invalid = refusal(&builder.clone().codec(codec).finish(), &config);
        assert_eq!(invalid.code, ErrorCode::INVALID_TIMESTAMP);
        assert_eq!(
            invalid.answer_message(),
            Some("One or more records have been rejected due to invalid timestamp")
        );
        let error = |offset: i32, timestamp: i64| {
            let text = format!(
                "Timestamp {timestamp} of message with offset {offset} is out of range. The \
                 timestamp should be within [{}, {}]",
                NOW - 1_000,
                NOW + 500
            );
            (offset, Some(text))
        };
        assert_eq!(invalid.record_errors, [error(1, NOW - 1_001), error(3, NOW + 501)]);
    }
}

#[test]
fn a_bad_key_is_named_before_a_bad_time_and_time_gives_the_code() {
    let compacted = CleanupPolicy { delete: false, compact: true };
    let config = TopicConfig { cleanup_policy: compacted, ..config() };
    let mut builder = BatchBuilder::new();
    builder.append(NOW + 3_600_001, None, None, &[]);
    assert_eq!(refusal(&builder.finish(), &config).code, ErrorCode::INVALID_RECORD);
    builder.append(NOW + 3_600_001, Some(b"k"), None, &[]);
    let invalid = refusal(&builder.finish(), &config);
    assert_eq!(invalid.code, ErrorCode::INVALID_TIMESTAMP);
    assert_eq!(invalid.record_errors.len(), 2);
}

#[test]
fn producers_do_not_set_log_append_time() {
    let append_time =
        TopicConfig { message_timestamp_type: config::TimestampType::LogAppendTime, ..config() };
    let bytes = builder().log_append_time(NOW - 5).finish();
    let invalid = refusal(&bytes, &append_time);
    assert_eq!(invalid.code, ErrorCode::INVALID_TIMESTAMP);
    assert_eq!(invalid.record_errors.len(), 3);
    let expected = format!(
        "Invalid timestamp type in message DefaultRecord(offset=1, timestamp={}, key=2 bytes, \
         value=0 bytes). Producer should not set timestamp type to LogAppendTime.",
        NOW - 5
    );
    assert_eq!(invalid.record_errors[1], (1, Some(expected)));
    // On a topic with CreateTime Kafka looks at the time first, and clears the bit if it is good.
    let create_time = config();
    let validated = check(&bytes, &create_time).unwrap();
    assert_eq!(validated.timestamps, Patch::MaxTimestamp(NOW - 5));
    assert_eq!(validated.header.attributes.timestamp_type(), TimestampType::CreateTime);
    let timeless = builder().log_append_time(-1).finish();
    assert_eq!(refusal(&timeless, &create_time).code, ErrorCode::INVALID_TIMESTAMP);
}

#[test]
fn only_so_many_bad_records_are_named() {
    let compacted = CleanupPolicy { delete: false, compact: true };
    let config = TopicConfig { cleanup_policy: compacted, ..config() };
    let mut builder = BatchBuilder::new();
    for _ in 0..MAX_RECORD_ERRORS + 500 {
        builder.append(NOW, None, None, &[]);
    }
    let invalid = refusal(&builder.finish(), &config);
    assert_eq!(invalid.record_errors.len(), MAX_RECORD_ERRORS);
    assert!(invalid.message.contains("due to 1500 record errors in total"));
}

// Batches that are written anew.

fn ascending(bytes: &[u8]) -> bool {
    records_of(bytes).iter().enumerate().all(|(index, record)| record.1 == index as i32)
}

#[test]
fn wrong_inner_offsets_are_put_right() {
    let mut builder = BatchBuilder::new().producer(5, 1, 9);
    builder.append_at(0, NOW, Some(b"a"), Some(b"1"), &[("h", None)]);
    builder.append_at(2, NOW - 3, Some(b"b"), None, &[]);
    builder.append_at(9, NOW - 7, None, Some(b"3"), &[]);
    for codec in Codec::ALL.into_iter().filter(|codec| codec.is_built_in()) {
        let bytes = altered(builder.clone().codec(codec).finish(), 23, &2_i32.to_be_bytes());
        let config = config();
        let validated = check(&bytes, &config).unwrap();
        assert!(matches!(validated.bytes, Cow::Owned(_)), "{codec}");
        assert!(ascending(&validated.bytes));
        let (old, new) = (records_of(&bytes), records_of(&validated.bytes));
        for (old, new) in old.iter().zip(&new) {
            assert_eq!((old.0, &old.2, &old.3, &old.4), (new.0, &new.2, &new.3, &new.4));
        }
        let header = Batch::parse(&validated.bytes).unwrap().0;
        assert_eq!(*header.header(), validated.header);
        assert_eq!(header.attributes().codec(), Some(codec));
        assert_eq!(
            (header.producer_id(), header.base_sequence(), header.producer_epoch()),
            (5, 9, 1)
        );
        assert_eq!((header.max_timestamp(), validated.timestamps), (NOW, Patch::Keep));
    }
}

#[test]
fn compression_type_asks_for_another_codec() {
    use CompressionType as C;
    let wanted = [
        (C::Uncompressed, Codec::None),
        (C::Gzip, Codec::Gzip),
        (C::Snappy, Codec::Snappy),
        (C::Lz4, Codec::Lz4),
        (C::Zstd, Codec::Zstd),
    ];
    for source in Codec::ALL.into_iter().filter(|codec| codec.is_built_in()) {
        for (compression_type, codec) in wanted.into_iter().filter(|(_, c)| c.is_built_in()) {
            let bytes = builder().codec(source).producer(5, 1, 9).transactional(true).finish();
            let config = TopicConfig { compression_type, ..config() };
            let validated = check(&bytes, &config).unwrap();
            if codec == source {
                assert!(matches!(validated.bytes, Cow::Borrowed(_)));
                continue;
            }
            let (batch, _) = Batch::parse(&validated.bytes).unwrap();
            assert_eq!(batch.attributes().codec(), Some(codec));
            assert_eq!(
                batch.attributes().with_codec(source),
                Batch::parse(&bytes).unwrap().0.attributes()
            );
            assert_eq!(records_of(&validated.bytes), records_of(&bytes));
            assert_eq!(*batch.header(), validated.header);
            assert_eq!(validated.timestamps, Patch::Keep);
        }
    }
}

#[test]
fn a_rebuilt_batch_has_its_append_time_inside() {
    let config = TopicConfig {
        compression_type: CompressionType::Uncompressed,
        message_timestamp_type: config::TimestampType::LogAppendTime,
        ..config()
    };
    let mut builder = BatchBuilder::new();
    builder.append_at(1, 5, Some(b"k"), None, &[]);
    let bytes = altered(builder.finish(), 23, &0_i32.to_be_bytes());
    let validated = check(&bytes, &config).unwrap();
    assert!(ascending(&validated.bytes));
    assert_eq!((validated.timestamps, validated.log_append_time_ms), (Patch::Keep, NOW));
    assert_eq!(validated.header.max_timestamp, NOW);
    assert_eq!(validated.header.attributes.timestamp_type(), TimestampType::LogAppendTime);
}

#[test]
#[cfg(feature = "compression")]
fn the_size_counts_again_after_recompression() {
    let mut builder = BatchBuilder::new().codec(Codec::Gzip);
    for _ in 0..100 {
        builder.append(NOW, Some(b"k"), Some(&[7; 1_000]), &[]);
    }
    let bytes = builder.finish();
    let plain = builder.uncompressed_len() as i32;
    let config = TopicConfig {
        compression_type: CompressionType::Uncompressed,
        max_message_bytes: plain,
        ..config()
    };
    assert_eq!(check(&bytes, &config).unwrap().bytes.len(), plain as usize);
    let config = TopicConfig { max_message_bytes: plain - 1, ..config };
    let invalid = refusal(&bytes, &config);
    assert_eq!(invalid.code, ErrorCode::MESSAGE_TOO_LARGE);
    assert!(!invalid.answers_log_start_offset());
    // A bad record is still the answer when the batch would be too large as well.
    let config = TopicConfig { message_timestamp_before_max_ms: -1, ..config };
    assert_eq!(refusal(&bytes, &config).code, ErrorCode::INVALID_TIMESTAMP);
}

#[test]
#[cfg(feature = "compression")]
fn what_kafkas_builder_refuses_when_rebuilding() {
    let config = TopicConfig { compression_type: CompressionType::Gzip, ..config() };
    let negative = BatchBuilder::new().append(-2, None, None, &[]).finish();
    let unknown = ErrorCode::UNKNOWN_SERVER_ERROR;
    refused(&negative, &config, unknown, "Invalid negative timestamp -2");
    let homeless = builder().transactional(true).finish();
    let message = "Cannot write transactional messages without a valid producer ID";
    refused(&homeless, &config, unknown, message);
}

#[test]
#[cfg(feature = "compression")]
fn data_that_cannot_be_opened_are_an_internal_error_as_in_kafka() {
    for codec in Codec::ALL.into_iter().skip(1) {
        let whole = builder().codec(codec).finish();
        let cut = with_records(&whole[61..whole.len() - 1], 3, codec);
        let invalid = refusal(&cut, &config());
        assert_eq!(invalid.code, ErrorCode::UNKNOWN_SERVER_ERROR, "{codec}: {invalid}");
        let noise = with_records(&[0xa5; 300], 3, codec);
        let code = refusal(&noise, &config()).code;
        assert_eq!(code, ErrorCode::UNKNOWN_SERVER_ERROR, "{codec}");
    }
}

#[test]
#[cfg(not(feature = "compression"))]
fn without_the_feature_compressed_batches_are_unsupported() {
    for codec in Codec::ALL.into_iter().skip(1) {
        let bytes = with_records(&[0; 20], 1, codec);
        let invalid = refusal(&bytes, &config());
        assert_eq!(invalid.code, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    }
    let config = TopicConfig { compression_type: CompressionType::Lz4, ..config() };
    let invalid = refusal(&builder().finish(), &config);
    assert_eq!(invalid.code, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
}
