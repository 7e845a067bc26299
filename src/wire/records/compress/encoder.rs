//! Compresses records as they come, behind bytes that are already there (a batch's header).
//!
//! It gives up as soon as the result passes a limit, so that a batch that will be refused for its
//! size is never held whole.

use std::io;

use super::{Codec, CompressError};
#[cfg(feature = "compression")]
use super::{gzip, lz4, snappy, zstandard};

/// Bytes that may not pass a limit.
#[derive(Debug)]
pub(super) struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Bounded {
    pub(super) fn push(&mut self, more: &[u8]) -> Result<(), CompressError> {
        if self.bytes.len().saturating_add(more.len()) > self.limit {
            return Err(CompressError::TooLarge { limit: self.limit });
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    /// What an error of a stream that writes here means.
    #[cfg(feature = "compression")]
    pub(super) fn explain(&self, codec: Codec, error: &io::Error) -> CompressError {
        if error.kind() == io::ErrorKind::FileTooLarge {
            CompressError::TooLarge { limit: self.limit }
        } else {
            CompressError::Corrupt(codec, error.to_string().into())
        }
    }
}

impl io::Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        self.push(more).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the bytes go.
enum Sink {
    Plain(Bounded),
    #[cfg(feature = "compression")]
    Gzip(Box<gzip::Writer>),
    #[cfg(feature = "compression")]
    Snappy(Box<snappy::Writer>),
    #[cfg(feature = "compression")]
    Lz4(lz4::Writer),
    #[cfg(feature = "compression")]
    Zstd(zstandard::Writer),
}

/// Compresses the records of one batch.
pub struct Encoder {
    sink: Sink,
}

impl Encoder {
    /// An encoder that appends to `out` until it holds `limit` bytes.
    ///
    /// # Errors
    /// If the codec is not built in or does not have the level, or `out` is at its limit already.
    pub fn new(
        codec: Codec,
        level: i32,
        out: Vec<u8>,
        limit: usize,
    ) -> Result<Self, CompressError> {
        if !codec.is_built_in() {
            return Err(CompressError::NotBuiltIn(codec));
        }
        if !codec.has_level(level) && codec != Codec::None && codec != Codec::Snappy {
            return Err(CompressError::Level(codec, level));
        }
        let out = Bounded { bytes: out, limit };
        let sink = match codec {
            Codec::None => Sink::Plain(out),
            #[cfg(feature = "compression")]
            Codec::Gzip => Sink::Gzip(Box::new(gzip::Writer::new(level, out))),
            #[cfg(feature = "compression")]
            Codec::Snappy => Sink::Snappy(Box::new(snappy::Writer::new(out)?)),
            #[cfg(feature = "compression")]
            Codec::Lz4 => Sink::Lz4(lz4::Writer::new(out)?),
            #[cfg(feature = "compression")]
            Codec::Zstd => Sink::Zstd(zstandard::Writer::new(level, out)?),
            #[cfg(not(feature = "compression"))]
            other => return Err(CompressError::NotBuiltIn(other)),
        };
        Ok(Self { sink })
    }

    /// Compresses more bytes.
    ///
    /// # Errors
    /// If the result passes the limit.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), CompressError> {
        match &mut self.sink {
            Sink::Plain(out) => out.push(bytes),
            #[cfg(feature = "compression")]
            Sink::Gzip(writer) => writer.write(bytes),
            #[cfg(feature = "compression")]
            Sink::Snappy(writer) => writer.write(bytes),
            #[cfg(feature = "compression")]
            Sink::Lz4(writer) => writer.write(bytes),
            #[cfg(feature = "compression")]
            Sink::Zstd(writer) => writer.write(bytes),
        }
    }

    /// Ends the stream and gives back all bytes.
    ///
    /// # Errors
    /// If the result passes the limit.
    pub fn finish(self) -> Result<Vec<u8>, CompressError> {
        match self.sink {
            Sink::Plain(out) => Ok(out.bytes),
            #[cfg(feature = "compression")]
            Sink::Gzip(writer) => Ok(writer.finish()?.bytes),
            #[cfg(feature = "compression")]
            Sink::Snappy(writer) => Ok(writer.finish()?.bytes),
            #[cfg(feature = "compression")]
            Sink::Lz4(writer) => Ok(writer.finish()?.bytes),
            #[cfg(feature = "compression")]
            Sink::Zstd(writer) => Ok(writer.finish()?.bytes),
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}
