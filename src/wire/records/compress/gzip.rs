//! gzip, read as Java's `GZIPInputStream` reads it: members may follow each other, and what follows
//! the last one and does not begin a member is ignored.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::encoder::Bounded;
use super::{Codec, CompressError};

/// The first bytes of a member.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Header and trailer of the smallest member.
const SMALLEST_MEMBER: usize = 18;

pub(super) struct Reader<'a> {
    decoder: Option<GzDecoder<&'a [u8]>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { decoder: Some(GzDecoder::new(input)) }
    }

    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, CompressError> {
        while let Some(decoder) = &mut self.decoder {
            let length = decoder.read(buffer).map_err(|error| corrupt(error.to_string()))?;
            if length > 0 {
                return Ok(length);
            }
            self.decoder = self.decoder.take().and_then(next_member);
        }
        Ok(0)
    }
}

fn next_member(ended: GzDecoder<&[u8]>) -> Option<GzDecoder<&[u8]>> {
    let rest = ended.into_inner();
    let is_member = rest.starts_with(&MAGIC) && rest.len() > SMALLEST_MEMBER;
    is_member.then(|| GzDecoder::new(rest))
}

fn corrupt(what: String) -> CompressError {
    CompressError::Corrupt(Codec::Gzip, what.into())
}

pub(super) struct Writer {
    encoder: GzEncoder<Bounded>,
}

impl Writer {
    pub(super) fn new(level: i32, out: Bounded) -> Self {
        let level = u32::try_from(level).map_or_else(|_| Compression::default(), Compression::new);
        Self { encoder: GzEncoder::new(out, level) }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), CompressError> {
        let written = self.encoder.write_all(bytes);
        written.map_err(|error| self.encoder.get_ref().explain(Codec::Gzip, &error))
    }

    pub(super) fn finish(mut self) -> Result<Bounded, CompressError> {
        let ended = self.encoder.try_finish();
        ended.map_err(|error| self.encoder.get_ref().explain(Codec::Gzip, &error))?;
        self.encoder.finish().map_err(|error| corrupt(error.to_string()))
    }
}
