//! The framings byte by byte, and what is refused. Other people's data: `tests/records_oracle.rs`,
//! `tests/records_java.rs`.

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use std::io::Write;

use super::xxh32::xxh32;
use super::*;

fn packed(codec: Codec, input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compress(codec, codec.default_level(), input, &mut out).unwrap();
    out
}

fn opened(codec: Codec, input: &[u8]) -> Result<Vec<u8>, CompressError> {
    let mut out = Vec::new();
    decompress(codec, input, &mut out, 1 << 24)?;
    Ok(out)
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| step()).collect()
}

fn lz4_frame(info: FrameInfo, input: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(input).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_goes_in_comes_out() {
    for codec in Codec::ALL {
        for length in [0, 1, 100, 32 << 10, (32 << 10) + 1, 64 << 10, (64 << 10) + 1, 300_000] {
            for input in [vec![b'x'; length], noise(length)] {
                assert_eq!(
                    opened(codec, &packed(codec, &input)).unwrap(),
                    input,
                    "{codec} {length}"
                );
            }
        }
    }
}

#[test]
fn output_is_appended() {
    for codec in Codec::ALL {
        let mut out = b"before".to_vec();
        compress(codec, codec.default_level(), b"text", &mut out).unwrap();
        assert_eq!(out[..6], *b"before");
        let mut text = b"before".to_vec();
        decompress(codec, &out[6..], &mut text, 4).unwrap();
        assert_eq!(text, b"beforetext");
        let short = decompress(codec, &out[6..], &mut Vec::new(), 3);
        assert_eq!(short, Err(CompressError::TooLarge { limit: 3 }), "{codec}");
    }
}

#[test]
fn cut_data_are_refused() {
    for codec in Codec::ALL.into_iter().skip(1) {
        let whole = packed(codec, &[b'x'; 100_000]);
        for end in [1, 7, whole.len() / 2, whole.len() - 1] {
            let cut = opened(codec, &whole[..end]);
            assert!(
                matches!(cut, Err(CompressError::Corrupt(by, _)) if by == codec),
                "{codec} {end}"
            );
        }
    }
}

#[test]
fn levels_are_kafkas() {
    for (codec, good, bad) in [
        (Codec::Gzip, [-1, 1, 9], [-2, 0, 10]),
        (Codec::Lz4, [1, 9, 17], [-1, 0, 18]),
        (Codec::Zstd, [-131_072, 0, 22], [-131_073, 23, i32::MAX]),
    ] {
        for level in good {
            let mut out = Vec::new();
            compress(codec, level, b"text", &mut out).unwrap();
            assert_eq!(opened(codec, &out).unwrap(), b"text");
        }
        for level in bad {
            let refused = compress(codec, level, b"text", &mut Vec::new());
            assert_eq!(refused, Err(CompressError::Level(codec, level)));
        }
    }
}

#[test]
fn higher_levels_compress_more() {
    let text: Vec<u8> =
        (0..5_000).flat_map(|i| format!("record {} ", i * i % 977).into_bytes()).collect();
    for (codec, low, high) in [(Codec::Gzip, 1, 9), (Codec::Zstd, -50, 19)] {
        let size = |level| {
            let mut out = Vec::new();
            compress(codec, level, &text, &mut out).unwrap();
            out.len()
        };
        assert!(size(high) < size(low), "{codec}");
    }
}

#[test]
fn snappy_is_written_in_the_xerial_framing() {
    let bytes = packed(Codec::Snappy, &noise(100_000));
    assert_eq!(bytes[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
    let (mut rest, mut blocks) = (&bytes[16..], Vec::new());
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let (block, more) = more.split_at(u32::from_be_bytes(*length) as usize);
        blocks.push(snap::raw::decompress_len(block).unwrap());
        rest = more;
    }
    assert_eq!(blocks, [32_768, 32_768, 32_768, 1_696]);
}

#[test]
fn snappy_blocks_must_be_whole_and_honest() {
    let good = packed(Codec::Snappy, b"some text");
    let mut old = good.clone();
    old[11] = 0;
    let mut negative = good.clone();
    negative[16] = 0xff;
    let mut short = good.clone();
    short[19] -= 1;
    for bytes in [old, negative, short] {
        assert!(matches!(opened(Codec::Snappy, &bytes), Err(CompressError::Corrupt(..))));
    }
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
    assert!(matches!(opened(Codec::Snappy, &claim), Err(CompressError::Corrupt(..))));
}

#[test]
fn lz4_is_written_as_java_writes_it() {
    let bytes = packed(Codec::Lz4, &vec![b'x'; 65_537]);
    assert_eq!(bytes[..7], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
    let first = u32::from_le_bytes(bytes[7..11].try_into().unwrap()) as usize;
    assert!(first < 1_000, "a block of 64 KiB, compressed");
    let second = &bytes[11 + first..];
    assert_eq!(second, [1, 0, 0, 0x80, b'x', 0, 0, 0, 0], "one byte as it is, then the end mark");
}

#[test]
fn lz4_frames_with_checksums_and_content_size_are_read() {
    let input = [&vec![b'x'; 200_000][..], &noise(100_000)].concat();
    for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB] {
        let info = FrameInfo::new()
            .block_mode(BlockMode::Independent)
            .block_size(size)
            .block_checksums(true)
            .content_checksum(true)
            .content_size(Some(input.len() as u64));
        let frame = lz4_frame(info, &input);
        assert_eq!(opened(Codec::Lz4, &frame).unwrap(), input);
        let mut wrong = frame;
        let at = wrong.len() - 20;
        wrong[at] ^= 1;
        assert!(opened(Codec::Lz4, &wrong).is_err(), "a block that does not match its checksum");
    }
}

#[test]
fn lz4_frames_that_java_refuses() {
    let refused = |bytes: &[u8], what: &str| {
        let error = opened(Codec::Lz4, bytes).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    };
    let linked = FrameInfo::new().block_mode(BlockMode::Linked);
    refused(&lz4_frame(linked, b"text"), "Dependent block stream is unsupported");
    let good = packed(Codec::Lz4, b"text");
    let header = |flags: u8, descriptor: u8| {
        let mut bytes = good.clone();
        bytes[4..6].copy_from_slice(&[flags, descriptor]);
        bytes[6] = (xxh32(&[flags, descriptor]) >> 8) as u8;
        bytes
    };
    assert!(opened(Codec::Lz4, &header(0x60, 0x40)).is_ok());
    refused(&header(0x61, 0x40), "Reserved bits must be 0");
    refused(&header(0xa0, 0x40), "unsupported version");
    refused(&header(0x60, 0x41), "block descriptor");
    refused(&header(0x60, 0xc0), "block descriptor");
    refused(&header(0x60, 0x30), "block descriptor");
    let mut bytes = good.clone();
    bytes[6] ^= 1;
    refused(&bytes, "Stream frame descriptor corrupted");
    bytes[0] = 0;
    refused(&bytes, "invalid magic");
    let mut bytes = good;
    bytes[7..11].copy_from_slice(&65_537_u32.to_le_bytes());
    refused(&bytes, "exceeds the frame's maximum");
}

#[test]
fn what_follows_gzip_is_ignored_unless_it_is_gzip() {
    let mut bytes = packed(Codec::Gzip, b"text");
    bytes.extend_from_slice(b"anything that is no member");
    assert_eq!(opened(Codec::Gzip, &bytes).unwrap(), b"text");
}

#[test]
fn a_checksum_in_gzip_is_checked() {
    let mut bytes = packed(Codec::Gzip, b"text");
    let at = bytes.len() - 8;
    bytes[at] ^= 1;
    assert!(matches!(opened(Codec::Gzip, &bytes), Err(CompressError::Corrupt(..))));
}

#[test]
fn the_window_is_used_again_and_given_back() {
    let mut scratch = DecoderScratch::default();
    assert_eq!(scratch.held(), 0);
    let large = [vec![b'x'; 3 << 20], noise(3 << 20)].concat();
    for codec in Codec::ALL {
        let bytes = packed(codec, &large);
        let mut decoder = Decoder::new(codec, &bytes, usize::MAX, &mut scratch).unwrap();
        let mut length = 0;
        loop {
            match decoder.next_chunk().unwrap().len() {
                0 => break,
                chunk => length += chunk,
            }
        }
        assert_eq!(length, large.len());
        drop(decoder);
        assert!(scratch.held() <= 2 << 20, "{codec} leaves {} bytes", scratch.held());
    }
}
