//! The first look at the bytes: exactly one batch of format 2.
//!
//! Rules: `ByteBufferLogInputStream.nextBatch`, `ProduceRequest.validateRecords`. Bytes that end
//! before their batch does count as no batch at all.

use super::{ErrorCode, Invalid, Rules, check};
use crate::wire::records::{Batch, Codec, LOG_OVERHEAD, MAGIC};

/// The smallest length of any format: a record of format 0.
const MIN_LENGTH: i32 = 14;
const MAGIC_AT: usize = 16;

/// Produce requests below this version may not use zstd.
const ZSTD_SINCE: i16 = 7;

/// The one batch.
pub(super) fn only_batch<'a>(bytes: &'a [u8], rules: &Rules<'_>) -> Result<Batch<'a>, Invalid> {
    let Some((magic, size)) = next_batch(bytes).map_err(Invalid::told)? else {
        return Err(refused(rules, "must have at least one record batch per partition"));
    };
    if magic != MAGIC {
        let what = "are only allowed to contain record batches with magic version 2";
        return Err(refused(rules, what));
    }
    let (first, rest) = bytes.split_at(size);
    let batch = Batch::parse(first).map_err(|error| {
        Invalid::in_request(ErrorCode::CORRUPT_MESSAGE, format!("Record batch is corrupt: {error}"))
    });
    if let Ok((batch, _)) = &batch
        && rules.produce_version < ZSTD_SINCE
    {
        no_zstd(batch, rules)?;
    }
    if next_batch(rest)?.is_some() {
        let what = "are only allowed to contain exactly one record batch per partition";
        return Err(refused(rules, what));
    }
    Ok(batch?.0)
}

/// What requests of old versions may not hold.
fn no_zstd(batch: &Batch<'_>, rules: &Rules<'_>) -> Result<(), Invalid> {
    if check::codec(batch)? != Codec::Zstd {
        return Ok(());
    }
    let version = rules.produce_version;
    Err(Invalid::in_request(
        ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
        format!(
            "Produce requests with version {version} are not allowed to use ZStandard compression"
        ),
    ))
}

/// Magic and size of the batch at the front; `None` when it is not whole.
fn next_batch(bytes: &[u8]) -> Result<Option<(i8, usize)>, Invalid> {
    let Some([.., a, b, c, d]) = bytes.first_chunk::<LOG_OVERHEAD>() else { return Ok(None) };
    let length = i32::from_be_bytes([*a, *b, *c, *d]);
    if length < MIN_LENGTH {
        return Err(corrupt(format!(
            "Record size {length} is less than the minimum record overhead ({MIN_LENGTH})"
        )));
    }
    let Some(&magic) = bytes.get(MAGIC_AT) else { return Ok(None) };
    let magic = magic as i8;
    if !(0..=MAGIC).contains(&magic) {
        return Err(corrupt(format!("Invalid magic found in record: {magic}")));
    }
    let size = LOG_OVERHEAD + length as usize;
    Ok((bytes.len() >= size).then_some((magic, size)))
}

fn refused(rules: &Rules<'_>, what: &str) -> Invalid {
    let message = format!("Produce requests with version {} {what}", rules.produce_version);
    Invalid::in_request(ErrorCode::INVALID_RECORD, message)
}

fn corrupt(message: String) -> Invalid {
    Invalid::in_request(ErrorCode::CORRUPT_MESSAGE, message)
}
