//! Any bytes as the records of a Produce request; the checksum is made right so that the records
//! are looked at. What passes must be readable.
#![no_main]

use barnabas::config::{CompressionType, TopicConfig};
use barnabas::log::validate::{Rules, Scratch, validate};
use barnabas::wire::records::{Batch, crc};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if choice & 1 == 0 && bytes.len() >= 61 {
        let length = (bytes.len() - 12) as i32;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[..8].fill(0);
        bytes[16] = 2;
        let sum = crc::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&sum.to_be_bytes());
    }
    let compression_type = match choice >> 1 & 7 {
        0 | 6 | 7 => CompressionType::Producer,
        1 => CompressionType::Uncompressed,
        2 => CompressionType::Gzip,
        3 => CompressionType::Snappy,
        4 => CompressionType::Lz4,
        _ => CompressionType::Zstd,
    };
    let config = TopicConfig { compression_type, ..TopicConfig::default() };
    let rules =
        Rules { config: &config, now_ms: 1 << 40, produce_version: 12, topic: "t", partition: 0 };
    if let Ok(validated) = validate(&bytes, &rules, &mut Scratch::new()) {
        let (batch, rest) = Batch::parse(&validated.bytes).expect("a batch");
        assert!(rest.is_empty() && batch.crc_is_valid());
        let mut opened = Vec::new();
        let records = batch.records(&mut opened, 256 << 20).expect("records that open");
        let records = records.map(|record| record.expect("a record"));
        assert!(records.map(|record| record.offset_delta).eq(0..batch.record_count()));
    }
});
