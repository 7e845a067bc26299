//! Writes a stored batch anew with only some of its records: compaction.
//!
//! Base and last offset, sequence numbers, producer and leader epoch stay, so that neither offsets
//! nor idempotence notice. Records keep offset, timestamp, key, value and headers; the codec is the
//! batch's own, at its default level. Rule: `MemoryRecords.filterTo` and
//! `buildRetainedRecordsInto`, `DefaultRecordBatch.writeEmptyHeader`.

use super::builder::{bytes_len, seal, write_bytes};
use super::varint::{varint_len, varlong_len, write_varint, write_varlong};
use super::{
    Attributes, BatchHeader, Codec, CompressError, HEADER_LEN, NO_TIMESTAMP, Record, TimestampType,
    compress,
};

/// Appends to `out` the batch `old` with just `records`, which are some of its own, at least one. With
/// `delete_horizon` that is the base of the timestamps, and said to be. `scratch` is used for the
/// records before they are compressed. Gives the new header.
///
/// # Errors
/// If the codec is unknown or not built in.
pub fn retain<'r>(
    old: &BatchHeader,
    delete_horizon: Option<i64>,
    records: impl Iterator<Item = Record<'r>>,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<BatchHeader, CompressError> {
    let id = old.attributes.codec_id();
    let codec = Codec::from_id(id).ok_or(CompressError::UnknownCodec(id))?;
    let timestamp_type = old.attributes.timestamp_type();
    let mut base = delete_horizon;
    let (mut count, mut max_timestamp) = (0, NO_TIMESTAMP);
    scratch.clear();
    for record in records {
        let timestamp = timestamp_of(old, &record);
        let base = *base.get_or_insert(timestamp);
        max_timestamp = max_timestamp.max(timestamp);
        write_record(scratch, &record, timestamp.wrapping_sub(base));
        count += 1;
    }
    assert!(count > 0, "a batch without records is written by `emptied`");
    let start = out.len();
    out.resize(start + HEADER_LEN, 0);
    compress(codec, codec.default_level(), scratch, out)?;
    let header = BatchHeader {
        attributes: attributes(old, codec).with_delete_horizon(delete_horizon.is_some()),
        base_timestamp: base.unwrap_or(NO_TIMESTAMP),
        max_timestamp: match timestamp_type {
            TimestampType::CreateTime => max_timestamp,
            TimestampType::LogAppendTime => old.max_timestamp,
        },
        record_count: count,
        ..*old
    };
    Ok(seal(header, &mut out[start..]))
}

/// Appends to `out` the batch `old` without its records: what is left tells the offsets, the producer
/// and its sequence numbers. Gives the new header.
pub fn emptied(old: &BatchHeader, out: &mut Vec<u8>) -> BatchHeader {
    let start = out.len();
    out.resize(start + HEADER_LEN, 0);
    let header = BatchHeader {
        attributes: attributes(old, Codec::None),
        base_timestamp: NO_TIMESTAMP,
        record_count: 0,
        ..*old
    };
    seal(header, &mut out[start..])
}

fn attributes(old: &BatchHeader, codec: Codec) -> Attributes {
    Attributes::default()
        .with_codec(codec)
        .with_timestamp_type(old.attributes.timestamp_type())
        .with_transactional(old.attributes.is_transactional())
        .with_control(old.attributes.is_control())
}

/// A record's own timestamp, or the time of its append.
fn timestamp_of(header: &BatchHeader, record: &Record<'_>) -> i64 {
    match header.attributes.timestamp_type() {
        TimestampType::CreateTime => header.base_timestamp.wrapping_add(record.timestamp_delta),
        TimestampType::LogAppendTime => header.max_timestamp,
    }
}

fn write_record(out: &mut Vec<u8>, record: &Record<'_>, timestamp_delta: i64) {
    let headers = record.headers.as_bytes();
    // A record that was read has fewer headers than it has bytes, and is below 2 GiB.
    let header_count = record.headers.len() as i32;
    let length = 1
        + varlong_len(timestamp_delta)
        + varint_len(record.offset_delta)
        + bytes_len(record.key)
        + bytes_len(record.value)
        + varint_len(header_count)
        + headers.len();
    assert!(length <= i32::MAX as usize, "a record is below 2 GiB");
    write_varint(out, length as i32);
    out.push(0);
    write_varlong(out, timestamp_delta);
    write_varint(out, record.offset_delta);
    write_bytes(out, record.key);
    write_bytes(out, record.value);
    write_varint(out, header_count);
    out.extend_from_slice(headers);
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, BatchBuilder};
    use super::*;

    type Flat = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>, usize);

    fn flat(batch: &Batch<'_>) -> Vec<Flat> {
        let mut scratch = Vec::new();
        let records = batch.records(&mut scratch, 1 << 20).unwrap();
        let flat = |record: Record<'_>| {
            let offset = batch.base_offset() + i64::from(record.offset_delta);
            let timestamp = timestamp_of(batch.header(), &record);
            let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
            (offset, timestamp, key, value, record.headers.len())
        };
        records.map(|record| flat(record.unwrap())).collect()
    }

    fn batch(codec: Codec) -> Vec<u8> {
        let mut builder =
            BatchBuilder::new().base_offset(40).codec(codec).leader_epoch(7).producer(5, 1, 90);
        builder.append(1000, Some(b"a"), Some(b"1"), &[("h", Some(b"x")), ("n", None)]);
        builder.append(1500, Some(b"b"), Some(&[b'v'; 500]), &[]);
        builder.append(900, Some(b"c"), None, &[]);
        builder.append(1400, Some(b"d"), Some(b"4"), &[]);
        builder.finish()
    }

    fn kept(bytes: &[u8], keep: &[usize], horizon: Option<i64>) -> Vec<u8> {
        let (old, _) = Batch::parse(bytes).unwrap();
        let (mut opened, mut scratch, mut out) = (Vec::new(), Vec::new(), b"before".to_vec());
        let records = old.records(&mut opened, 1 << 20).unwrap().map(Result::unwrap);
        let records =
            records.enumerate().filter(|(at, _)| keep.contains(at)).map(|(_, record)| record);
        let header = retain(old.header(), horizon, records, &mut scratch, &mut out).unwrap();
        assert_eq!(&out[..6], b"before");
        let (new, rest) = Batch::parse(&out[6..]).unwrap();
        assert!(rest.is_empty() && new.crc_is_valid());
        assert_eq!(*new.header(), header);
        out[6..].to_vec()
    }

    #[test]
    fn what_is_kept_stays_as_it_was_with_every_codec() {
        for codec in Codec::ALL.into_iter().filter(|codec| codec.is_built_in()) {
            let bytes = batch(codec);
            let (old, _) = Batch::parse(&bytes).unwrap();
            let out = kept(&bytes, &[1, 2], None);
            let (new, _) = Batch::parse(&out).unwrap();
            assert_eq!(flat(&new), flat(&old)[1..3], "{codec}");
            assert_eq!(new.attributes(), old.attributes());
            assert_eq!((new.base_offset(), new.last_offset()), (40, 43));
            assert_eq!((new.base_sequence(), new.last_sequence()), (90, 93));
            assert_eq!((new.producer_id(), new.producer_epoch()), (5, 1));
            assert_eq!((new.partition_leader_epoch(), new.record_count()), (7, 2));
            assert_eq!((new.base_timestamp(), new.max_timestamp()), (1500, 1500));
        }
    }

    #[test]
    fn a_delete_horizon_becomes_the_base_and_changes_no_timestamp() {
        let bytes = batch(Codec::None);
        let (old, _) = Batch::parse(&bytes).unwrap();
        let out = kept(&bytes, &[0, 1, 2, 3], Some(77_000));
        let (new, _) = Batch::parse(&out).unwrap();
        assert_eq!(new.header().delete_horizon_ms(), Some(77_000));
        assert_eq!(flat(&new), flat(&old));
        assert_eq!(new.max_timestamp(), 1500);
        let again = kept(&out, &[0], Some(77_000));
        let (again, _) = Batch::parse(&again).unwrap();
        assert_eq!((flat(&again), again.max_timestamp()), (flat(&old)[..1].to_vec(), 1000));
    }

    #[test]
    fn the_time_of_the_append_stays() {
        let mut builder = BatchBuilder::new().log_append_time(5000);
        builder.append(1, Some(b"a"), None, &[]);
        builder.append(2, Some(b"b"), None, &[]);
        let out = kept(&builder.finish(), &[1], None);
        let (new, _) = Batch::parse(&out).unwrap();
        assert_eq!(new.attributes().timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!((new.max_timestamp(), flat(&new)[0].1), (5000, 5000));
    }

    #[test]
    fn an_emptied_batch_still_tells_offsets_and_producer() {
        let bytes = BatchBuilder::new().base_offset(8).producer(3, 2, 10).transactional(true);
        let mut bytes = bytes.codec(Codec::Gzip).delete_horizon(99);
        bytes.append(1000, Some(b"a"), None, &[]).override_last_offset(12);
        let Ok(bytes) = bytes.try_finish() else { return assert!(!Codec::Gzip.is_built_in()) };
        let (old, _) = Batch::parse(&bytes).unwrap();
        let mut out = Vec::new();
        let header = emptied(old.header(), &mut out);
        let (new, _) = Batch::parse(&out).unwrap();
        assert!(new.crc_is_valid() && new.size() == HEADER_LEN && *new.header() == header);
        assert_eq!((new.base_offset(), new.last_offset(), new.record_count()), (8, 12, 0));
        assert_eq!((new.producer_id(), new.producer_epoch(), new.last_sequence()), (3, 2, 14));
        assert_eq!((new.base_timestamp(), new.max_timestamp()), (-1, 1000));
        assert_eq!(new.attributes(), Attributes::default().with_transactional(true));
    }
}
