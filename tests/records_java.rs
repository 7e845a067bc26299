//! Batches written by Apache Kafka's Java classes, with several blocks of each codec; and the same
//! records written by us.
//!
//! `records_java/Vectors.java` made the files, and can read ours, which are left in
//! `target/tmp/records_java`.

#![allow(clippy::unwrap_used)]
#![cfg(feature = "compression")]

use barnabas::wire::records::{Batch, BatchBuilder, Codec};

const COUNT: usize = 3_000;
const FIRST: i64 = 1_700_000_000_000;

fn key(i: usize) -> Option<String> {
    (!i.is_multiple_of(7)).then(|| format!("key-{i}"))
}

fn value(i: usize) -> Option<String> {
    (!i.is_multiple_of(11)).then(|| format!("value {i} ").repeat(i % 40))
}

fn java(codec: Codec) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/records_java");
    std::fs::read(format!("{folder}/{codec}.batch")).unwrap()
}

fn ours(codec: Codec, level: i32) -> Vec<u8> {
    let mut builder = BatchBuilder::new().producer(4711, 2, 100).codec_level(codec, level);
    for i in 0..COUNT {
        let (key, value, number) = (key(i), value(i), i.to_string());
        let header = ("header", Some(number.as_bytes()));
        let headers = if i.is_multiple_of(5) { &[header][..] } else { &[] };
        let (key, value) =
            (key.as_ref().map(String::as_bytes), value.as_ref().map(String::as_bytes));
        builder.append(FIRST + i as i64, key, value, headers);
    }
    builder.finish()
}

#[track_caller]
fn check(bytes: &[u8], codec: Codec) {
    let (batch, rest) = Batch::parse(bytes).unwrap();
    assert!(rest.is_empty() && batch.crc_is_valid());
    assert_eq!(batch.attributes().codec(), Some(codec));
    assert_eq!((batch.producer_id(), batch.last_sequence()), (4711, 3_099));
    let mut scratch = Vec::new();
    let mut count = 0;
    for (i, record) in batch.records(&mut scratch, 1 << 24).unwrap().enumerate() {
        let record = record.unwrap();
        assert_eq!(record.offset_delta as usize, i);
        assert_eq!(batch.base_timestamp() + record.timestamp_delta, FIRST + i as i64);
        assert_eq!(record.key, key(i).as_ref().map(String::as_bytes));
        assert_eq!(record.value, value(i).as_ref().map(String::as_bytes));
        assert_eq!(record.headers.len(), usize::from(i.is_multiple_of(5)));
        count += 1;
    }
    assert_eq!(count, COUNT);
}

#[test]
fn we_read_what_java_writes() {
    for codec in Codec::ALL.into_iter().skip(1) {
        check(&java(codec), codec);
    }
}

#[test]
fn every_level_gives_the_same_records() {
    for codec in Codec::ALL {
        let levels = codec.levels();
        for level in [*levels.start(), codec.default_level(), *levels.end()] {
            check(&ours(codec, level), codec);
        }
    }
}

#[test]
fn uncompressed_records_are_byte_for_byte_javas() {
    let mut opened = Vec::new();
    let java = java(Codec::Gzip);
    barnabas::wire::records::decompress(Codec::Gzip, &java[61..], &mut opened, 1 << 24).unwrap();
    assert_eq!(opened, ours(Codec::None, 0)[61..]);
    let header = |bytes: &[u8]| bytes[23..61].to_vec();
    assert_eq!(header(&java), header(&ours(Codec::Gzip, -1)));
}

#[test]
fn batches_are_left_for_java_to_read() {
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/records_java");
    std::fs::create_dir_all(folder).unwrap();
    for codec in Codec::ALL {
        let batch = ours(codec, codec.default_level());
        std::fs::write(format!("{folder}/{codec}.batch"), &batch).unwrap();
        check(&batch, codec);
    }
}
