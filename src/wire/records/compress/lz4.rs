//! The LZ4 frame format as Kafka's Java classes read and write it.
//!
//! Writing: version 1, independent blocks of 64 KiB, no checksums but the header's. Reading refuses
//! dependent blocks and reserved bits, checks the header's and the blocks' checksums, skips the
//! content size and the content checksum, and ends at the first end mark, whatever follows.
//! Rules: `Lz4BlockOutputStream`, `Lz4BlockInputStream`. The level changes nothing here: the
//! encoder has one, that of Kafka's default (lz4-java's fast compressor).

use lz4_flex::block;

use super::encoder::Bounded;
use super::xxh32::xxh32;
use super::{Codec, CompressError};

const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
/// Version 1, independent blocks.
const FLAGS: u8 = 0x60;
/// Blocks of at most 64 KiB.
const BLOCK_64_KIB: u8 = 4 << 4;
const BLOCK: usize = 64 << 10;
/// In a block's length: the block is stored as it is.
const STORED: u32 = 1 << 31;

pub(super) struct Reader<'a> {
    rest: &'a [u8],
    block_max: usize,
    block_checksums: bool,
    content_checksum: bool,
    finished: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a [u8]) -> Result<Self, CompressError> {
        let (start, rest) = input.split_first_chunk::<6>().ok_or(corrupt(CUT))?;
        let [m0, m1, m2, m3, flags, descriptor] = *start;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(corrupt("Stream unsupported (invalid magic bytes)"));
        }
        check_flags(flags)?;
        let size_code = descriptor >> 4;
        if descriptor & 0x8f != 0 || size_code < 4 {
            return Err(corrupt("bad block descriptor"));
        }
        let content_size = if flags & 0x08 != 0 { 8 } else { 0 };
        let (content_size, rest) = rest.split_at_checked(content_size).ok_or(corrupt(CUT))?;
        let (checksum, rest) = rest.split_first().ok_or(corrupt(CUT))?;
        let hash = xxh32(&[&[flags, descriptor], content_size].concat());
        if *checksum != (hash >> 8) as u8 {
            return Err(corrupt("Stream frame descriptor corrupted"));
        }
        Ok(Self {
            rest,
            block_max: 1 << (2 * size_code + 8),
            block_checksums: flags & 0x10 != 0,
            content_checksum: flags & 0x04 != 0,
            finished: false,
        })
    }

    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<usize, CompressError> {
        while !self.finished {
            let length = self.read_block(buffer)?;
            if length > 0 {
                return Ok(length);
            }
        }
        Ok(0)
    }

    fn read_block(&mut self, buffer: &mut Vec<u8>) -> Result<usize, CompressError> {
        let stated = self.take_u32()?;
        let length = (stated & !STORED) as usize;
        if length == 0 {
            self.finished = true;
            if self.content_checksum {
                self.take_u32()?;
            }
            return Ok(0);
        }
        if length > self.block_max {
            return Err(corrupt("a block exceeds the frame's maximum"));
        }
        let (block, rest) = self.rest.split_at_checked(length).ok_or(corrupt(CUT))?;
        self.rest = rest;
        if buffer.len() < self.block_max {
            buffer.resize(self.block_max, 0);
        }
        let opened = if stated & STORED != 0 {
            buffer[..length].copy_from_slice(block);
            length
        } else {
            block::decompress_into(block, &mut buffer[..self.block_max])
                .map_err(|error| CompressError::Corrupt(Codec::Lz4, error.to_string().into()))?
        };
        if self.block_checksums && self.take_u32()? != xxh32(block) {
            return Err(corrupt("Block checksum mismatch"));
        }
        Ok(opened)
    }

    fn take_u32(&mut self) -> Result<u32, CompressError> {
        let (bytes, rest) = self.rest.split_first_chunk::<4>().ok_or(corrupt(CUT))?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }
}

const CUT: &str = "Stream ended prematurely";

fn check_flags(flags: u8) -> Result<(), CompressError> {
    if flags & 0x03 != 0 {
        return Err(corrupt("Reserved bits must be 0"));
    }
    if flags & 0x20 == 0 {
        return Err(corrupt("Dependent block stream is unsupported"));
    }
    if flags >> 6 != 1 {
        return Err(corrupt("unsupported version"));
    }
    Ok(())
}

fn corrupt(what: &'static str) -> CompressError {
    CompressError::Corrupt(Codec::Lz4, what.into())
}

pub(super) struct Writer {
    out: Bounded,
    pending: Vec<u8>,
    block: Vec<u8>,
}

impl Writer {
    pub(super) fn new(mut out: Bounded) -> Result<Self, CompressError> {
        let descriptor = [FLAGS, BLOCK_64_KIB];
        out.push(&MAGIC)?;
        out.push(&descriptor)?;
        out.push(&[(xxh32(&descriptor) >> 8) as u8])?;
        let block = vec![0; block::get_maximum_output_size(BLOCK)];
        Ok(Self { out, pending: Vec::with_capacity(BLOCK), block })
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), CompressError> {
        while !bytes.is_empty() {
            let room = BLOCK - self.pending.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == BLOCK {
                self.write_block()?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Bounded, CompressError> {
        if !self.pending.is_empty() {
            self.write_block()?;
        }
        self.out.push(&0_u32.to_le_bytes())?;
        Ok(self.out)
    }

    fn write_block(&mut self) -> Result<(), CompressError> {
        let length = block::compress_into(&self.pending, &mut self.block)
            .map_err(|error| CompressError::Corrupt(Codec::Lz4, error.to_string().into()))?;
        if length >= self.pending.len() {
            self.out.push(&(self.pending.len() as u32 | STORED).to_le_bytes())?;
            self.out.push(&self.pending)?;
        } else {
            self.out.push(&(length as u32).to_le_bytes())?;
            self.out.push(&self.block[..length])?;
        }
        self.pending.clear();
        Ok(())
    }
}
