//! The checks of a batch's header.
//!
//! Rules, in this order: `UnifiedLog.analyzeAndValidateRecords` (base offset, size, checksum, codec),
//! `LogValidator.validateBatch` (counts, control, producer fields), `UnifiedLog.append` (segment).

use super::{ErrorCode, Invalid, Rules};
use crate::wire::records::{Batch, BatchHeader, Codec, CompressError};

/// Base offset, size, checksum.
pub(super) fn before_records(batch: &Batch<'_>, rules: &Rules<'_>) -> Result<(), Invalid> {
    if batch.base_offset() != 0 {
        return Err(invalid_record(format!(
            "The baseOffset of the record batch in the append to {} should be 0, but it is {}",
            rules.topic_partition(),
            batch.base_offset()
        )));
    }
    if exceeds(batch.size(), rules.config.max_message_bytes) {
        return Err(Invalid::in_append(
            ErrorCode::MESSAGE_TOO_LARGE,
            format!(
                "The record batch size in the append to {} is {} bytes which exceeds the maximum \
                 configured value of {}",
                rules.topic_partition(),
                batch.size(),
                rules.config.max_message_bytes
            ),
        ));
    }
    if !batch.crc_is_valid() {
        return Err(Invalid::in_append(
            ErrorCode::CORRUPT_MESSAGE,
            format!(
                "Record is corrupt (stored crc = {}) in topic partition {}.",
                batch.crc(),
                rules.topic_partition()
            ),
        ));
    }
    Ok(())
}

/// The batch's codec. Kafka fails on an unknown one with an internal error.
pub(super) fn codec(batch: &Batch<'_>) -> Result<Codec, Invalid> {
    let id = batch.attributes().codec_id();
    Codec::from_id(id).ok_or_else(|| {
        let message = CompressError::UnknownCodec(id).to_string();
        Invalid::in_append(ErrorCode::UNKNOWN_SERVER_ERROR, message)
    })
}

/// Counts, control flag, producer fields.
pub(super) fn header(header: &BatchHeader, rules: &Rules<'_>) -> Result<(), Invalid> {
    let partition = || rules.topic_partition();
    let range = || format!("[{}, {}]", header.base_offset, header.last_offset());
    let by_offsets = i64::from(header.last_offset_delta) + 1;
    let count = header.record_count;
    let what = if by_offsets <= 0 {
        format!("Batch has an invalid offset range: {}", range())
    } else if count <= 0 {
        format!("Invalid reported count for record batch: {count}")
    } else if by_offsets != i64::from(count) {
        format!("Inconsistent batch offset range {} and count of records {count}", range())
    } else if header.attributes.is_control() {
        "Clients are not allowed to write control records".to_owned()
    } else if header.has_producer_id() && header.base_sequence < 0 {
        format!(
            "Invalid sequence number {} in record batch with producerId {}",
            header.base_sequence, header.producer_id
        )
    } else {
        return Ok(());
    };
    Err(invalid_record(format!("{what} in topic partition {}", partition())))
}

/// The batch fits into a segment.
pub(super) fn fits_segment(size: usize, rules: &Rules<'_>) -> Result<(), Invalid> {
    if !exceeds(size, rules.config.segment_bytes) {
        return Ok(());
    }
    Err(Invalid::in_append(
        ErrorCode::RECORD_LIST_TOO_LARGE,
        format!(
            "Message batch size is {size} bytes in append to partition {}, which exceeds the \
             maximum configured segment size of {}.",
            rules.topic_partition(),
            rules.config.segment_bytes
        ),
    ))
}

pub(super) fn invalid_record(message: String) -> Invalid {
    Invalid::in_append(ErrorCode::INVALID_RECORD, message)
}

fn exceeds(size: usize, limit: i32) -> bool {
    usize::try_from(limit).is_ok_and(|limit| size > limit)
}
