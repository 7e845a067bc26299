//! Opens compressed records piece by piece, out of one buffer that is used again.
//!
//! It never gives out more than its limit and never holds more than [`super::MAX_WINDOW`].

use super::{Codec, CompressError};
#[cfg(feature = "compression")]
use super::{gzip, lz4, snappy, zstandard};

/// Bytes of a piece, unless the codec's own blocks are larger.
const CHUNK: usize = 64 << 10;

/// A buffer above this goes back to the system after use.
const KEEP: usize = 1 << 20;

/// What decoders use again and again: one per thread is enough.
#[derive(Default)]
pub struct DecoderScratch {
    buffer: Vec<u8>,
    #[cfg(feature = "compression")]
    zstd: zstandard::Context,
}

impl std::fmt::Debug for DecoderScratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecoderScratch").field("held", &self.held()).finish()
    }
}

impl DecoderScratch {
    /// Bytes that it holds between uses.
    #[must_use]
    pub fn held(&self) -> usize {
        #[cfg(feature = "compression")]
        let zstd = self.zstd.held();
        #[cfg(not(feature = "compression"))]
        let zstd = 0;
        self.buffer.capacity() + zstd
    }

    fn shrink(&mut self) {
        if self.buffer.capacity() > KEEP {
            self.buffer = Vec::new();
        }
        #[cfg(feature = "compression")]
        self.zstd.shrink(KEEP);
    }
}

/// Where the pieces come from.
enum Source<'a> {
    Plain(&'a [u8]),
    #[cfg(feature = "compression")]
    Gzip(Box<gzip::Reader<'a>>),
    #[cfg(feature = "compression")]
    Snappy(snappy::Reader<'a>),
    #[cfg(feature = "compression")]
    Lz4(lz4::Reader<'a>),
    #[cfg(feature = "compression")]
    Zstd(zstandard::Reader<'a>),
}

/// Opens the records of one batch.
pub struct Decoder<'a, 's> {
    source: Source<'a>,
    scratch: &'s mut DecoderScratch,
    produced: usize,
    limit: usize,
}

impl<'a, 's> Decoder<'a, 's> {
    /// A decoder for `input` that gives up after `limit` bytes.
    ///
    /// # Errors
    /// If the codec is not built in, or the data do not begin as they must.
    pub fn new(
        codec: Codec,
        input: &'a [u8],
        limit: usize,
        scratch: &'s mut DecoderScratch,
    ) -> Result<Self, CompressError> {
        if scratch.buffer.len() < CHUNK {
            scratch.buffer.resize(CHUNK, 0);
        }
        let source = match codec {
            Codec::None => Source::Plain(input),
            #[cfg(feature = "compression")]
            Codec::Gzip => Source::Gzip(Box::new(gzip::Reader::new(input))),
            #[cfg(feature = "compression")]
            Codec::Snappy => Source::Snappy(snappy::Reader::new(input)?),
            #[cfg(feature = "compression")]
            Codec::Lz4 => Source::Lz4(lz4::Reader::new(input)?),
            #[cfg(feature = "compression")]
            Codec::Zstd => Source::Zstd(zstandard::Reader::new(input, &mut scratch.zstd)?),
            #[cfg(not(feature = "compression"))]
            other => return Err(CompressError::NotBuiltIn(other)),
        };
        Ok(Self { source, scratch, produced: 0, limit })
    }

    /// The next piece; an empty one is the end.
    ///
    /// # Errors
    /// If the data are corrupt, or more than the limit comes out.
    pub fn next_chunk(&mut self) -> Result<&[u8], CompressError> {
        let length = self.fill()?;
        Ok(self.scratch.buffer.get(..length).unwrap_or_default())
    }

    /// Puts the next piece into the buffer and says how long it is; 0 is the end.
    pub(in crate::wire::records) fn fill(&mut self) -> Result<usize, CompressError> {
        let buffer = &mut self.scratch.buffer;
        let length = match &mut self.source {
            Source::Plain(rest) => {
                let length = rest.len().min(buffer.len());
                let (head, tail) = rest.split_at(length);
                buffer[..length].copy_from_slice(head);
                *rest = tail;
                length
            }
            #[cfg(feature = "compression")]
            Source::Gzip(reader) => reader.fill(buffer)?,
            #[cfg(feature = "compression")]
            Source::Snappy(reader) => reader.fill(buffer)?,
            #[cfg(feature = "compression")]
            Source::Lz4(reader) => reader.fill(buffer)?,
            #[cfg(feature = "compression")]
            Source::Zstd(reader) => reader.fill(buffer, &mut self.scratch.zstd)?,
        };
        self.produced = self.produced.saturating_add(length);
        if self.produced > self.limit {
            return Err(CompressError::TooLarge { limit: self.limit });
        }
        Ok(length)
    }

    /// The buffer that [`Self::fill`] fills.
    #[inline]
    pub(in crate::wire::records) fn buffer(&self) -> &[u8] {
        &self.scratch.buffer
    }
}

impl Drop for Decoder<'_, '_> {
    fn drop(&mut self) {
        self.scratch.shrink();
    }
}
