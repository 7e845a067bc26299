//! Batches that are written anew.

use super::*;

fn ascending(bytes: &[u8]) -> bool {
    records_of(bytes).iter().enumerate().all(|(index, record)| record.1 == index as i32)
}

/// Three records with the offsets 0, 2 and 9, in a batch that says 0 to 2.
fn gaps(codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new().producer(5, 1, 9).codec(codec);
    builder.append_at(0, NOW, Some(b"a"), Some(b"1"), &[("h", None)]);
    builder.append_at(2, NOW - 3, Some(b"b"), None, &[]);
    builder.append_at(9, NOW - 7, None, Some(b"3"), &[]);
    altered(builder.finish(), 23, &2_i32.to_be_bytes())
}

#[test]
fn wrong_inner_offsets_are_put_right() {
    let (bytes, config) = (gaps(Codec::None), config());
    let validated = check(&bytes, &config).unwrap();
    assert!(matches!(validated.bytes, Cow::Owned(_)));
    assert!(ascending(&validated.bytes));
    let (old, new) = (records_of(&bytes), records_of(&validated.bytes));
    for (old, new) in old.iter().zip(&new) {
        assert_eq!((old.0, &old.2, &old.3, &old.4), (new.0, &new.2, &new.3, &new.4));
    }
    let (batch, _) = Batch::parse(&validated.bytes).unwrap();
    assert_eq!(*batch.header(), validated.header);
    assert_eq!((batch.producer_id(), batch.base_sequence(), batch.producer_epoch()), (5, 9, 1));
    assert_eq!((batch.max_timestamp(), validated.timestamps), (NOW, Patch::Keep));
}

#[test]
#[cfg(feature = "compression")]
fn wrong_inner_offsets_under_compression_are_an_internal_error_as_in_kafka() {
    for codec in Codec::ALL.into_iter().skip(1) {
        let message = "The offsets of the records in a compressed batch are not consecutive";
        refused(&gaps(codec), &config(), ErrorCode::UNKNOWN_SERVER_ERROR, message);
        // Recompression numbers them anyway.
        let config = TopicConfig { compression_type: CompressionType::Uncompressed, ..config() };
        let bytes = gaps(codec);
        assert!(ascending(&check(&bytes, &config).unwrap().bytes), "{codec}");
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
