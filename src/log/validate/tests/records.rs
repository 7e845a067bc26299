//! What is refused for its records.

use super::*;

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
