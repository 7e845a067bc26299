//! Compressed bombs: a kilobyte that opens to a gigabyte costs bounded memory and bounded work.
//!
//! One test, because it looks at the memory of the whole process.

#![allow(clippy::unwrap_used)]
#![cfg(all(feature = "compression", target_os = "linux"))]

use barnabas::config::TopicConfig;
use barnabas::log::validate::{Rules, Scratch, uncompressed_limit, validate};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::records::{
    Attributes, BatchHeader, Codec, CompressError, compress, crc, decompress,
};

const MIB: usize = 1 << 20;
const BLOCK: usize = 128 << 10;

/// A zstd frame written by hand: `head`, then `zeros` zero bytes as runs, then `tail`.
fn zstd_bomb(window_log: u8, head: &[u8], zeros: usize, tail: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (window_log - 10) << 3];
    let block = |frame: &mut Vec<u8>, last: bool, kind: u32, size: usize| {
        let header = u32::from(last) | kind << 1 | (size as u32) << 3;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
    };
    block(&mut frame, false, 0, head.len());
    frame.extend_from_slice(head);
    let mut left = zeros;
    while left > 0 {
        let now = left.min(BLOCK);
        block(&mut frame, false, 1, now);
        frame.push(0);
        left -= now;
    }
    block(&mut frame, true, 0, tail.len());
    frame.extend_from_slice(tail);
    frame
}

fn varint(value: usize) -> Vec<u8> {
    let (mut value, mut out) = ((value as u64) << 1, Vec::new());
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// A batch of one record whose value is so many zeros.
fn batch(zeros: usize) -> Vec<u8> {
    let fixed = [0, 0, 0, 1];
    let length = fixed.len() + varint(zeros).len() + zeros + 1;
    let head = [&varint(length)[..], &fixed, &varint(zeros)].concat();
    let records = zstd_bomb(17, &head, zeros, &[0]);
    let header = BatchHeader {
        batch_length: (49 + records.len()) as i32,
        attributes: Attributes::default().with_codec(Codec::Zstd),
        record_count: 1,
        base_timestamp: 1,
        max_timestamp: 1,
        ..BatchHeader::default()
    };
    let mut bytes = [&header.write()[..], &records].concat();
    let sum = crc::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// The most memory that the process ever had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

#[test]
fn bombs_stop() {
    let config = TopicConfig::default();
    let rules = Rules { config: &config, now_ms: 1, produce_version: 12, topic: "t", partition: 0 };
    let mut scratch = Scratch::new();
    let before = peak();

    // A gigabyte: over the limit. It stops there, whatever is still to come.
    let bomb = batch(1 << 30);
    assert!(bomb.len() < 64 << 10, "{} bytes open to a gigabyte", bomb.len());
    let invalid = validate(&bomb, &rules, &mut scratch).unwrap_err();
    assert_eq!(invalid.code, ErrorCode::MESSAGE_TOO_LARGE);

    // 200 MB in one record: legal in Kafka, and here.
    let large = batch(200 * MIB);
    assert!(200 * MIB < uncompressed_limit(&config));
    assert!(validate(&large, &rules, &mut scratch).is_ok());

    // Written anew it would be too large: the result is given up, not held.
    let plain = TopicConfig {
        compression_type: barnabas::config::CompressionType::Uncompressed,
        ..TopicConfig::default()
    };
    let plain = Rules { config: &plain, ..rules };
    let invalid = validate(&large, &plain, &mut scratch).unwrap_err();
    assert_eq!(invalid.code, ErrorCode::MESSAGE_TOO_LARGE);

    let grown = peak() - before;
    assert!(grown < 16 * MIB, "{grown} bytes more than before");
    assert!(scratch.held() < 2 * MIB, "{} bytes held", scratch.held());

    // Every codec stops at the limit of `decompress`, and holds no more than that.
    for codec in Codec::ALL.into_iter().skip(1) {
        let (mut packed, mut out) = (Vec::new(), Vec::new());
        compress(codec, codec.default_level(), &vec![0; 4 * MIB], &mut packed).unwrap();
        let opened = decompress(codec, &packed, &mut out, MIB);
        assert_eq!(opened, Err(CompressError::TooLarge { limit: MIB }), "{codec}");
        assert!(out.len() <= MIB);
        out.clear();
        decompress(codec, &packed, &mut out, 4 * MIB).unwrap();
        assert_eq!(out.len(), 4 * MIB);
    }

    // A window above 128 MiB, and a Snappy block that claims more than it can hold.
    let wide = zstd_bomb(28, b"x", 0, b"y");
    let opened = decompress(Codec::Zstd, &wide, &mut Vec::new(), MIB);
    assert!(matches!(opened, Err(CompressError::Corrupt(Codec::Zstd, _))), "{opened:?}");
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0];
    let opened = decompress(Codec::Snappy, &claim, &mut Vec::new(), usize::MAX);
    assert!(matches!(opened, Err(CompressError::Corrupt(Codec::Snappy, _))), "{opened:?}");
}
