//! Batches made by others are read as they meant them, and ours are read by others: the
//! `kafka-protocol` crate's encoder and decoder, both directions, every codec, random records.

#![allow(clippy::unwrap_used)]
#![cfg(feature = "compression")]

use barnabas::wire::records::{Batch, BatchBuilder, Codec, TimestampType};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions,
    TimestampType as TheirTimestampType,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

/// A record as both sides can say it.
#[derive(Debug, Clone, PartialEq)]
struct Plain {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

/// The fields of a batch that a producer sets.
#[derive(Debug, Clone, Copy)]
struct Fields {
    producer: (i64, i16, i32),
    transactional: bool,
    leader_epoch: i32,
    base_offset: i64,
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    // Text that compresses and noise that does not; long ones cross block borders.
    prop_oneof![
        4 => vec(any::<u8>(), 0..64),
        1 => (any::<u8>(), 0..most).prop_map(|(byte, length)| vec![byte; length]),
        1 => (any::<u64>(), 0..most).prop_map(|(seed, length)| noise(seed, length)),
    ]
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(step).collect()
}

fn record() -> impl Strategy<Value = Plain> {
    let headers = btree_map("[a-zé]{0,6}", option::of(bytes(200)), 0..3);
    let parts = (0_i64..1 << 50, option::of(bytes(300)), option::of(bytes(200_000)), headers);
    parts.prop_map(|(timestamp, key, value, headers)| Plain {
        timestamp,
        key,
        value,
        headers: headers.into_iter().collect(),
    })
}

fn fields() -> impl Strategy<Value = Fields> {
    let producer = prop_oneof![Just((-1, -1, -1)), (0..99_i64, 0..9_i16, 0..1_000_i32)];
    (producer, any::<bool>(), -1..99_i32, 0..1_i64 << 40).prop_map(
        |(producer, transactional, leader_epoch, base_offset)| Fields {
            producer,
            transactional,
            leader_epoch,
            base_offset,
        },
    )
}

fn theirs(codec: Codec) -> Compression {
    match codec {
        Codec::None => Compression::None,
        Codec::Gzip => Compression::Gzip,
        Codec::Snappy => Compression::Snappy,
        Codec::Lz4 => Compression::Lz4,
        Codec::Zstd => Compression::Zstd,
    }
}

fn to_theirs(records: &[Plain], fields: Fields) -> Vec<Record> {
    let (producer_id, producer_epoch, base_sequence) = fields.producer;
    let their = |(index, record): (usize, &Plain)| Record {
        transactional: fields.transactional,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: fields.leader_epoch,
        producer_id,
        producer_epoch,
        timestamp_type: TheirTimestampType::Creation,
        offset: fields.base_offset + index as i64,
        sequence: base_sequence.wrapping_add(index as i32),
        timestamp: record.timestamp,
        key: record.key.clone().map(Into::into),
        value: record.value.clone().map(Into::into),
        headers: record
            .headers
            .iter()
            .map(|(key, value)| (StrBytes::from_string(key.clone()), value.clone().map(Into::into)))
            .collect(),
    };
    records.iter().enumerate().map(their).collect()
}

fn from_theirs(record: &Record) -> Plain {
    let headers = record.headers.iter();
    let headers = headers.map(|(key, value)| (key.to_string(), value.as_ref().map(|v| v.to_vec())));
    Plain {
        timestamp: record.timestamp,
        key: record.key.as_ref().map(|key| key.to_vec()),
        value: record.value.as_ref().map(|value| value.to_vec()),
        headers: headers.collect(),
    }
}

fn encode_theirs(records: &[Plain], fields: Fields, codec: Codec) -> Vec<u8> {
    let mut out = Vec::new();
    let options = RecordEncodeOptions { version: 2, compression: theirs(codec) };
    RecordBatchEncoder::encode(&mut out, &to_theirs(records, fields), &options).unwrap();
    out
}

fn encode_ours(records: &[Plain], fields: Fields, codec: Codec) -> Vec<u8> {
    let (id, epoch, sequence) = fields.producer;
    let mut builder = BatchBuilder::new()
        .base_offset(fields.base_offset)
        .leader_epoch(fields.leader_epoch)
        .producer(id, epoch, sequence)
        .transactional(fields.transactional)
        .codec(codec);
    for record in records {
        let headers = record.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref()));
        let headers: Vec<_> = headers.collect();
        builder.append(record.timestamp, record.key.as_deref(), record.value.as_deref(), &headers);
    }
    builder.finish()
}

/// What we read in a batch, its header checked against what was meant.
fn read_ours(bytes: &[u8], fields: Fields, codec: Codec) -> Vec<Plain> {
    let (batch, rest) = Batch::parse(bytes).unwrap();
    assert!(rest.is_empty() && batch.crc_is_valid());
    let attributes = batch.attributes();
    assert_eq!(attributes.codec(), Some(codec));
    assert_eq!(attributes.timestamp_type(), TimestampType::CreateTime);
    assert_eq!(attributes.is_transactional(), fields.transactional);
    assert!(!attributes.is_control() && !attributes.has_delete_horizon());
    assert_eq!(batch.base_offset(), fields.base_offset);
    assert_eq!(batch.partition_leader_epoch(), fields.leader_epoch);
    let producer = (batch.producer_id(), batch.producer_epoch(), batch.base_sequence());
    assert_eq!(producer, fields.producer);
    let mut scratch = Vec::new();
    let records = batch.records(&mut scratch, 1 << 26).unwrap();
    let read: Vec<_> = records.map(|record| plain(&batch, &record.unwrap())).collect();
    assert_eq!(batch.record_count() as usize, read.len());
    assert_eq!(batch.last_offset(), fields.base_offset + read.len() as i64 - 1);
    let latest = read.iter().map(|record| record.timestamp).max();
    assert_eq!(Some(batch.max_timestamp()), latest);
    read
}

fn plain(batch: &Batch<'_>, record: &barnabas::wire::records::Record<'_>) -> Plain {
    let text = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
    let headers = record.headers.iter();
    Plain {
        timestamp: batch.base_timestamp() + record.timestamp_delta,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: headers.map(|h| (text(h.key), h.value.map(<[u8]>::to_vec))).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn we_read_what_they_write(records in vec(record(), 1..6), fields in fields()) {
        for codec in Codec::ALL {
            let bytes = encode_theirs(&records, fields, codec);
            prop_assert_eq!(&read_ours(&bytes, fields, codec), &records, "{}", codec);
        }
    }

    #[test]
    fn they_read_what_we_write(records in vec(record(), 1..6), fields in fields()) {
        for codec in Codec::ALL {
            let bytes = encode_ours(&records, fields, codec);
            prop_assert_eq!(&read_ours(&bytes, fields, codec), &records);
            let set = RecordBatchDecoder::decode(&mut bytes.as_slice()).unwrap();
            prop_assert_eq!(set.compression, theirs(codec));
            let read: Vec<_> = set.records.iter().map(from_theirs).collect();
            prop_assert_eq!(&read, &records, "{}", codec);
            for (index, record) in set.records.iter().enumerate() {
                prop_assert_eq!(record.offset, fields.base_offset + index as i64);
                prop_assert_eq!(record.producer_id, fields.producer.0);
                prop_assert_eq!(record.partition_leader_epoch, fields.leader_epoch);
                prop_assert_eq!(record.transactional, fields.transactional);
            }
        }
    }

    #[test]
    fn uncompressed_batches_are_the_same_bytes(records in vec(record(), 1..6), fields in fields()) {
        let (ours, theirs) =
            (encode_ours(&records, fields, Codec::None), encode_theirs(&records, fields, Codec::None));
        // Their encoder takes the smallest timestamp as base, Kafka and we the first.
        let ascending = records.iter().all(|record| record.timestamp >= records[0].timestamp);
        prop_assert!(ours == theirs || !ascending);
    }
}

#[test]
fn one_raw_snappy_block_is_read_too() {
    let plain = BatchBuilder::new().append(1, Some(b"key"), Some(&[b'x'; 5_000]), &[]).finish();
    let raw = snap::raw::Encoder::new().compress_vec(&plain[61..]).unwrap();
    let mut out = Vec::new();
    barnabas::wire::records::decompress(Codec::Snappy, &raw, &mut out, 1 << 20).unwrap();
    assert_eq!(out, plain[61..]);
}

#[test]
fn concatenated_streams_are_read_as_java_reads_them() {
    use barnabas::wire::records::{compress, decompress};
    // gzip members, zstd frames and xerial streams may follow each other; lz4 ends with its frame.
    for (codec, expected) in [
        (Codec::Gzip, &b"onetwo"[..]),
        (Codec::Zstd, b"onetwo"),
        (Codec::Snappy, b"onetwo"),
        (Codec::Lz4, b"one"),
    ] {
        let (mut bytes, mut out) = (Vec::new(), Vec::new());
        compress(codec, codec.default_level(), b"one", &mut bytes).unwrap();
        compress(codec, codec.default_level(), b"two", &mut bytes).unwrap();
        decompress(codec, &bytes, &mut out, 100).unwrap();
        assert_eq!(out, expected, "{codec}");
    }
}
