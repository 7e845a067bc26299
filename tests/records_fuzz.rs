//! Whatever the bytes are: no panic, no over-read, no surprise. Seeded and bounded.

#![allow(clippy::unwrap_used)]

use barnabas::config::{CleanupPolicy, CompressionType, TopicConfig};
use barnabas::log::validate::{Rules, Scratch, validate};
use barnabas::wire::records::{
    Batch, BatchBuilder, Batches, Codec, Decoder, DecoderScratch, RecordIter, RecordStream, crc,
    decompress, patch,
};
use proptest::collection::vec;
use proptest::prelude::*;

const NOW: i64 = 1_700_000_000_000;
const LIMIT: usize = 1 << 20;

/// A small generator, so that a failure comes back with its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

fn codecs() -> impl Iterator<Item = Codec> {
    Codec::ALL.into_iter().filter(|codec| codec.is_built_in())
}

fn sample(codec: Codec, random: &mut Random) -> Vec<u8> {
    let mut builder = BatchBuilder::new().codec(codec).producer(3, 1, 7);
    for i in 0..=random.below(6) as i64 {
        let value = vec![i as u8; random.below(3_000)];
        let key = [7, i as u8];
        let key = (random.below(4) > 0).then_some(&key[..]);
        builder.append(NOW - i, key, Some(&value), &[("h", Some(b"v")), ("n", None)]);
    }
    builder.finish()
}

/// Changes a few bytes from `from` on, and sometimes the length.
fn mutate(bytes: &mut Vec<u8>, from: usize, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let length = bytes.len();
        let at = from + random.below(length.saturating_sub(from));
        match random.below(8) {
            0 => bytes.truncate(at.max(from)),
            1 => bytes.insert(at.min(length), random.next() as u8),
            2 => bytes.extend_from_within(at.min(length)..),
            3 => {
                let wild = [0, 1, 0x7f, 0x80, 0xfe, 0xff][random.below(6)];
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = wild);
            }
            _ => {
                let bit = 1 << random.below(8);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bit);
            }
        }
    }
}

/// Makes length and checksum right, so that the records are looked at.
fn reseal(bytes: &mut [u8]) {
    if bytes.len() >= 61 {
        let length = (bytes.len() - 12) as i32;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        let sum = crc::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&sum.to_be_bytes());
    }
}

fn configs() -> Vec<TopicConfig> {
    let wanted = [
        CompressionType::Producer,
        CompressionType::Uncompressed,
        CompressionType::Lz4,
        CompressionType::Zstd,
    ];
    let config = |compression_type| TopicConfig {
        compression_type,
        max_message_bytes: 64 << 10,
        cleanup_policy: CleanupPolicy { delete: true, compact: false },
        ..TopicConfig::default()
    };
    wanted.into_iter().map(config).collect()
}

/// What passes must be a whole, true batch whose records can be read.
fn check_accepted(bytes: &[u8], config: &TopicConfig, scratch: &mut Scratch) -> bool {
    let rules = Rules { config, now_ms: NOW, produce_version: 12, topic: "t", partition: 0 };
    let Ok(validated) = validate(bytes, &rules, scratch) else { return false };
    let (batch, rest) = Batch::parse(&validated.bytes).unwrap();
    assert!(rest.is_empty() && batch.crc_is_valid() && batch.base_offset() == 0);
    let mut opened = Vec::new();
    let records = batch.records(&mut opened, 256 << 20).unwrap();
    let deltas: Vec<_> = records.map(|record| record.unwrap().offset_delta).collect();
    assert_eq!(deltas, (0..batch.record_count()).collect::<Vec<_>>());
    assert_eq!(validated.header.record_count, batch.record_count());
    true
}

#[test]
fn mutated_batches_are_refused_or_readable() {
    let (mut random, mut scratch) = (Random(11), Scratch::new());
    let configs = configs();
    let mut accepted = 0;
    for codec in codecs() {
        for round in 0..500 {
            let mut bytes = sample(codec, &mut random);
            let from = if round % 3 == 0 { 0 } else { 61 };
            mutate(&mut bytes, from, &mut random);
            if round % 10 != 0 {
                reseal(&mut bytes);
            }
            for config in &configs {
                accepted += usize::from(check_accepted(&bytes, config, &mut scratch));
            }
        }
    }
    assert!(accepted > 200, "mutations that harm nothing pass: {accepted}");
    assert!(scratch.held() < 2 << 20, "{} bytes held between uses", scratch.held());
}

#[test]
fn mutated_data_open_to_something_or_to_an_error() {
    let mut random = Random(12);
    for codec in codecs() {
        for _ in 0..2_000 {
            let mut bytes = sample(codec, &mut random).split_off(61);
            mutate(&mut bytes, 0, &mut random);
            let mut out = Vec::new();
            let _ = decompress(codec, &bytes, &mut out, LIMIT);
            assert!(out.len() <= LIMIT);
        }
    }
}

#[test]
fn noise_is_never_a_reason_to_panic() {
    let (mut random, mut scratch) = (Random(13), Scratch::new());
    let config = TopicConfig::default();
    let rules =
        Rules { config: &config, now_ms: NOW, produce_version: 12, topic: "t", partition: 0 };
    for _ in 0..5_000 {
        let bytes: Vec<u8> = (0..random.below(200)).map(|_| random.next() as u8).collect();
        let _ = validate(&bytes, &rules, &mut scratch);
        let _ = Batches::new(&bytes).count();
        let _ = RecordIter::new(&bytes, random.below(9) as i32 - 1).count();
        for codec in codecs() {
            let _ = decompress(codec, &bytes, &mut Vec::new(), LIMIT);
        }
    }
}

/// Timestamp delta, offset delta, key and value lengths.
type Shape = (i64, i32, i32, i32);

fn by_iter(bytes: &[u8], count: i32) -> Result<Vec<Shape>, ()> {
    let length = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i32);
    let shape = |record: barnabas::wire::records::Record<'_>| {
        (record.timestamp_delta, record.offset_delta, length(record.key), length(record.value))
    };
    RecordIter::new(bytes, count).map(|record| record.map(shape).map_err(|_| ())).collect()
}

fn by_stream(bytes: &[u8], count: i32) -> Result<Vec<Shape>, ()> {
    let mut scratch = DecoderScratch::default();
    let decoder = Decoder::new(Codec::None, bytes, usize::MAX, &mut scratch).map_err(|_| ())?;
    let mut stream = RecordStream::new(decoder, count);
    let mut shapes = Vec::new();
    while let Some(prefix) = stream.prefix().map_err(|_| ())? {
        let lengths = stream.rest(prefix, &mut ()).map_err(|_| ())?;
        let (key, value) = (lengths.key.max(-1), lengths.value.max(-1));
        shapes.push((prefix.timestamp_delta, prefix.offset_delta, key, value));
    }
    Ok(shapes)
}

#[test]
fn both_readers_of_records_agree() {
    let mut random = Random(14);
    let mut good = 0;
    for _ in 0..15_000 {
        let batch = sample(Codec::None, &mut random);
        let count = i32::from(batch[60]);
        let mut bytes = batch[61..].to_vec();
        mutate(&mut bytes, 0, &mut random);
        let read = by_iter(&bytes, count);
        assert_eq!(read, by_stream(&bytes, count), "{bytes:?}");
        good += usize::from(read.is_ok());
    }
    assert!(good > 500, "some mutations harm nothing: {good}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_changed_byte_under_the_checksum_breaks_it(
        values in vec(vec(any::<u8>(), 0..50), 1..5), at in any::<prop::sample::Index>(), with in 1..=255_u8,
    ) {
        let mut builder = BatchBuilder::new();
        for value in &values {
            builder.append(NOW, None, Some(value), &[]);
        }
        let mut bytes = builder.finish();
        let at = 17 + at.index(bytes.len() - 17);
        bytes[at] ^= with;
        prop_assert!(!Batch::parse(&bytes).unwrap().0.crc_is_valid());
    }

    #[test]
    fn patches_change_what_they_say_and_nothing_else(
        offset in 0..i64::MAX, epoch in any::<i32>(), time in any::<i64>(), append in any::<bool>(),
        value in vec(any::<u8>(), 0..2_000),
    ) {
        let before = BatchBuilder::new().producer(1, 2, 3).append(NOW, None, Some(&value), &[]).finish();
        let mut bytes = before.clone();
        patch::set_base_offset(&mut bytes, offset);
        patch::set_leader_epoch(&mut bytes, epoch);
        if append {
            patch::set_log_append_time(&mut bytes, time);
        } else {
            patch::set_max_timestamp(&mut bytes, time);
        }
        let (batch, _) = Batch::parse(&bytes).unwrap();
        prop_assert!(batch.crc_is_valid());
        prop_assert_eq!((batch.base_offset(), batch.partition_leader_epoch()), (offset, epoch));
        prop_assert_eq!(batch.max_timestamp(), time);
        prop_assert_eq!(&bytes[23..35], &before[23..35]);
        prop_assert_eq!(&bytes[43..], &before[43..]);
    }

    #[test]
    fn any_bytes_parse_or_say_why(bytes in vec(any::<u8>(), 0..300)) {
        match Batch::parse(&bytes) {
            Ok((batch, rest)) => prop_assert_eq!(batch.size() + rest.len(), bytes.len()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
