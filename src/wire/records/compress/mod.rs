//! The five codecs of record batches, in the framings that Kafka's clients use.
//!
//! Opening is streamed: a decoder gives one piece after another out of a reused buffer, so that a
//! bomb costs no memory, and stops at a limit, so that it costs bounded time. No decoder holds more
//! than [`MAX_WINDOW`] at once. Rules: `common/compress`, KIP-110 (zstd), KIP-390 (levels).
//!
//! Without the feature `compression` every codec but `None` answers "not built in".

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

#[cfg(feature = "compression")]
mod gzip;
#[cfg(feature = "compression")]
mod lz4;
#[cfg(feature = "compression")]
mod snappy;
#[cfg(feature = "compression")]
#[cfg(test)]
mod tests;
#[cfg(feature = "compression")]
mod xxh32;
#[cfg(feature = "compression")]
mod zstandard;

mod decoder;
mod encoder;

pub use decoder::{Decoder, DecoderScratch};
pub use encoder::Encoder;

/// The most a decoder holds at once: zstd's own limit for a window, kept for the others too.
pub const MAX_WINDOW: usize = 128 << 20;

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// A gzip stream.
    Gzip,
    /// Snappy blocks in the xerial framing; one raw block is understood too.
    Snappy,
    /// An LZ4 frame of independent blocks.
    Lz4,
    /// A Zstandard frame.
    Zstd,
}

impl Codec {
    /// All codecs.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Its number in the batch attributes.
    #[must_use]
    pub fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The codec with this number.
    #[must_use]
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }

    /// Kafka's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The level that is used when none is set.
    #[must_use]
    pub fn default_level(self) -> i32 {
        match self {
            Self::None | Self::Snappy => 0,
            Self::Gzip => -1,
            Self::Lz4 => 9,
            Self::Zstd => 3,
        }
    }

    /// The levels that `compression.gzip.level`, `.lz4.level` and `.zstd.level` allow, besides the
    /// default level.
    #[must_use]
    pub fn levels(self) -> RangeInclusive<i32> {
        match self {
            Self::None | Self::Snappy => 0..=0,
            Self::Gzip => 1..=9,
            Self::Lz4 => 1..=17,
            Self::Zstd => -131_072..=22,
        }
    }

    /// The level is the default or within the allowed ones.
    #[must_use]
    pub fn has_level(self, level: i32) -> bool {
        level == self.default_level() || self.levels().contains(&level)
    }

    /// The codec is part of this build.
    #[must_use]
    pub fn is_built_in(self) -> bool {
        self == Self::None || cfg!(feature = "compression")
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why data could not be compressed or opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompressError {
    /// The codec is not part of this build.
    NotBuiltIn(Codec),
    /// No codec has this number.
    UnknownCodec(u8),
    /// The codec has no such level.
    Level(Codec, i32),
    /// The data are not what the codec writes.
    Corrupt(Codec, Cow<'static, str>),
    /// The result is larger than allowed, and was given up there.
    TooLarge {
        /// How many bytes were allowed.
        limit: usize,
    },
}

impl fmt::Display for CompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuiltIn(codec) => write!(f, "this build has no {codec} compression"),
            Self::UnknownCodec(id) => write!(f, "Unknown compression type id: {id}"),
            Self::Level(codec, level) => {
                write!(f, "{codec} doesn't support given compression level: {level}")
            }
            Self::Corrupt(codec, what) => write!(f, "cannot open {codec} data: {what}"),
            Self::TooLarge { limit } => write!(f, "more than {limit} bytes come out"),
        }
    }
}

impl std::error::Error for CompressError {}

/// Appends `input`, compressed, to `out`.
///
/// # Errors
/// If the codec is not built in or does not have the level.
pub fn compress(
    codec: Codec,
    level: i32,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    let mut encoder = Encoder::new(codec, level, std::mem::take(out), usize::MAX)?;
    encoder.write(input)?;
    *out = encoder.finish()?;
    Ok(())
}

/// Appends what `input` opens to, at most `limit` bytes, to `out`.
///
/// # Errors
/// If the codec is not built in, the data are corrupt, or more than `limit` bytes come out; `out`
/// then holds what came before.
pub fn decompress(
    codec: Codec,
    input: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<(), CompressError> {
    let mut scratch = DecoderScratch::default();
    let mut decoder = Decoder::new(codec, input, limit, &mut scratch)?;
    loop {
        let chunk = decoder.next_chunk()?;
        if chunk.is_empty() {
            return Ok(());
        }
        out.extend_from_slice(chunk);
    }
}
