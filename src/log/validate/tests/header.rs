//! What is refused for the envelope or the batch header.

use super::*;

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
        refused_frame(&bytes, &message);
    }
}

#[test]
fn lengths_that_cannot_be() {
    for length in [13_i32, 0, -1, i32::MIN] {
        let bytes = altered(builder().finish(), 8, &length.to_be_bytes());
        let message = format!("Record size {length} is less than the minimum record overhead (14)");
        refused_frame(&bytes, &message);
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
    assert!(check(&builder().producer(-1, -1, -1).finish(), &config()).is_ok());
    assert!(check(&builder().producer(0, 0, i32::MAX).finish(), &config()).is_ok());
    // A negative epoch is for the log to judge, against what it knows of the producer.
    assert!(check(&builder().producer(7, -1, 0).finish(), &config()).is_ok());
}

#[test]
fn unknown_codecs_are_an_internal_error_as_in_kafka() {
    for id in 5..8 {
        let bytes = altered(builder().finish(), 21, &[0, id]);
        let message = format!("Unknown compression type id: {id}");
        refused(&bytes, &config(), ErrorCode::UNKNOWN_SERVER_ERROR, &message);
    }
}
