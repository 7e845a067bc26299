//! Snappy in the xerial framing of snappy-java: a 16-byte header (magic, version, compatible
//! version), then blocks, each a big-endian length and a raw Snappy block.
//!
//! Some clients send one raw block without the framing: what does not begin with the magic is read
//! as that. A header may come again between blocks (concatenated streams). Writing always frames.

use snap::raw;

use super::encoder::Bounded;
use super::{Codec, CompressError, MAX_WINDOW};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER_LEN: usize = 16;
const VERSION: i32 = 1;
/// snappy-java's default block.
const BLOCK: usize = 32 << 10;

/// The most that one byte of Snappy data opens to: a copy of 64 bytes takes three, rounded up.
const MAX_RATIO: usize = 32;

pub(super) struct Reader<'a> {
    rest: &'a [u8],
    framed: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a [u8]) -> Result<Self, CompressError> {
        if input.is_empty() {
            return Err(corrupt("no data at all"));
        }
        if input.len() < HEADER_LEN || !input.starts_with(&MAGIC) {
            return Ok(Self { rest: input, framed: false });
        }
        Ok(Self { rest: after_header(input)?, framed: true })
    }

    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<usize, CompressError> {
        while !self.rest.is_empty() {
            let block =
                if self.framed { self.next_block()? } else { std::mem::take(&mut self.rest) };
            let length = open_block(block, buffer)?;
            if length > 0 {
                return Ok(length);
            }
        }
        Ok(0)
    }

    fn next_block(&mut self) -> Result<&'a [u8], CompressError> {
        while self.rest.starts_with(&MAGIC[..4]) {
            self.rest = after_header(self.rest)?;
            if self.rest.is_empty() {
                return Ok(&[]);
            }
        }
        let (length, rest) =
            self.rest.split_first_chunk::<4>().ok_or(corrupt("a cut block length"))?;
        let length = usize::try_from(i32::from_be_bytes(*length));
        let length = length.map_err(|_| corrupt("a negative block length"))?;
        let (block, rest) = rest.split_at_checked(length).ok_or(corrupt("a cut block"))?;
        self.rest = rest;
        Ok(block)
    }
}

/// Opens one raw block into the buffer, which grows only as far as the block can really reach.
fn open_block(block: &[u8], buffer: &mut Vec<u8>) -> Result<usize, CompressError> {
    if block.is_empty() {
        return Ok(0);
    }
    let length = raw::decompress_len(block).map_err(|_| corrupt("a bad block length"))?;
    if length > block.len().saturating_mul(MAX_RATIO) {
        return Err(corrupt("a block that claims more than it can hold"));
    }
    if length > MAX_WINDOW {
        return Err(CompressError::TooLarge { limit: MAX_WINDOW });
    }
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    let opened = raw::Decoder::new().decompress(block, buffer);
    opened.map_err(|error| CompressError::Corrupt(Codec::Snappy, error.to_string().into()))
}

fn after_header(input: &[u8]) -> Result<&[u8], CompressError> {
    let (header, rest) = input.split_first_chunk::<HEADER_LEN>().ok_or(corrupt("a cut header"))?;
    if !header.starts_with(&MAGIC) {
        return Err(corrupt("a bad header"));
    }
    let version = i32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    if version < VERSION {
        return Err(corrupt("a framing version below 1"));
    }
    Ok(rest)
}

fn corrupt(what: &'static str) -> CompressError {
    CompressError::Corrupt(Codec::Snappy, what.into())
}

pub(super) struct Writer {
    out: Bounded,
    pending: Vec<u8>,
    block: Vec<u8>,
    encoder: raw::Encoder,
}

impl Writer {
    pub(super) fn new(mut out: Bounded) -> Result<Self, CompressError> {
        out.push(&MAGIC)?;
        out.push(&VERSION.to_be_bytes())?;
        out.push(&VERSION.to_be_bytes())?;
        let block = vec![0; raw::max_compress_len(BLOCK)];
        Ok(Self { out, pending: Vec::with_capacity(BLOCK), block, encoder: raw::Encoder::new() })
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
        Ok(self.out)
    }

    fn write_block(&mut self) -> Result<(), CompressError> {
        let length = self.encoder.compress(&self.pending, &mut self.block);
        let length = length
            .map_err(|error| CompressError::Corrupt(Codec::Snappy, error.to_string().into()))?;
        self.pending.clear();
        self.out.push(&(length as i32).to_be_bytes())?;
        self.out.push(&self.block[..length])
    }
}
