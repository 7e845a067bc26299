//! Reads the records of a batch while they are decompressed, without keeping them.
//!
//! A window of the decoder's size is all that is held, however long a record is. The same rules as
//! [`super::RecordIter`] hold: exact lengths, exact count, nothing after the last record. A
//! [`Tap`] can receive the tail of each record (key, value, headers) as it passes, which is how a
//! batch is rebuilt with another codec in one pass.

use std::fmt;

use super::compress::Decoder;
use super::varint::{read_varint, read_varlong};
use super::{CompressError, RecordError};

/// Why the records of a batch cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamError {
    /// The data cannot be opened, or come to more than the limit.
    Compress(CompressError),
    /// What came out is not the records that the batch claims.
    Record(RecordError),
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compress(error) => error.fmt(f),
            Self::Record(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StreamError {}

impl From<CompressError> for StreamError {
    fn from(error: CompressError) -> Self {
        Self::Compress(error)
    }
}

impl From<RecordError> for StreamError {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

/// The fixed part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// Unused by Kafka: 0.
    pub attributes: i8,
    /// Timestamp minus the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Offset minus the batch's base offset.
    pub offset_delta: i32,
    /// The length that the record states.
    stated: i32,
    /// Bytes that follow: key, value and headers.
    pub rest: usize,
}

/// The lengths of a record's key and value, -1 for null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// Bytes of the key.
    pub key: i32,
    /// Bytes of the value.
    pub value: i32,
}

/// Receives the bytes of a record's tail in pieces.
pub trait Tap {
    /// Takes the next piece.
    ///
    /// # Errors
    /// If it cannot be taken (a limit); reading then stops.
    fn take(&mut self, bytes: &[u8]) -> Result<(), CompressError>;
}

/// A tap that nobody drinks from.
impl Tap for () {
    #[inline]
    fn take(&mut self, _: &[u8]) -> Result<(), CompressError> {
        Ok(())
    }
}

/// The records of a batch as a stream. For each record call [`Self::prefix`], then [`Self::rest`].
pub struct RecordStream<'a, 's> {
    decoder: Decoder<'a, 's>,
    /// Read position and end of the current piece in the decoder's buffer.
    at: usize,
    end: usize,
    /// Bytes of the current record that are still to come.
    left: usize,
    records: i32,
}

impl<'a, 's> RecordStream<'a, 's> {
    /// The `count` records that `decoder` must give, no more and no fewer.
    #[must_use]
    pub fn new(decoder: Decoder<'a, 's>, count: i32) -> Self {
        Self { decoder, at: 0, end: 0, left: 0, records: count }
    }

    /// The fixed part of the next record, `None` after the last.
    ///
    /// # Errors
    /// If the data cannot be opened, or are not the claimed records.
    pub fn prefix(&mut self) -> Result<Option<Prefix>, StreamError> {
        assert!(self.left == 0, "the record before is read to its end");
        if self.records < 0 {
            return Err(RecordError::RecordCount(self.records).into());
        }
        if self.records == 0 {
            return Ok(None);
        }
        self.records -= 1;
        let stated = read_varint(|| self.next_byte(&mut (), &mut 0))?;
        let length = usize::try_from(stated).map_err(|_| RecordError::Length { stated })?;
        self.left = length;
        let attributes = self.byte(&mut (), &mut 0)? as i8;
        let timestamp_delta = read_varlong(|| self.byte(&mut (), &mut 0))?;
        let offset_delta = read_varint(|| self.byte(&mut (), &mut 0))?;
        Ok(Some(Prefix { attributes, timestamp_delta, offset_delta, stated, rest: self.left }))
    }

    /// Reads the tail of the record that `prefix` began, and passes it to `tap`.
    ///
    /// # Errors
    /// If the data cannot be opened, are not the claimed records, or the tap refuses them.
    pub fn rest<T: Tap>(&mut self, prefix: Prefix, tap: &mut T) -> Result<Lengths, StreamError> {
        let mut from = self.at;
        let key = self.sized(tap, &mut from)?;
        let value = self.sized(tap, &mut from)?;
        let stated = read_varint(|| self.byte(tap, &mut from))?;
        let count = usize::try_from(stated).map_err(|_| RecordError::HeaderCount(stated))?;
        if count > self.left {
            return Err(RecordError::HeaderCount(stated).into());
        }
        for _ in 0..count {
            let key = self.sized(tap, &mut from)?;
            if key < 0 {
                return Err(RecordError::HeaderKey(key).into());
            }
            self.sized(tap, &mut from)?;
        }
        if self.left != 0 {
            return Err(RecordError::Length { stated: prefix.stated }.into());
        }
        self.give(tap, from)?;
        if self.records == 0 {
            self.expect_end()?;
        }
        Ok(Lengths { key, value })
    }

    /// Skips bytes behind their length and says the length; negative is null.
    fn sized<T: Tap>(&mut self, tap: &mut T, from: &mut usize) -> Result<i32, StreamError> {
        let length = read_varint(|| self.byte(tap, from))?;
        let mut skip = usize::try_from(length).unwrap_or(0);
        if skip > self.left {
            return Err(RecordError::Truncated.into());
        }
        self.left -= skip;
        while skip > self.end - self.at {
            skip -= self.end - self.at;
            self.refill(tap, from)?;
        }
        self.at += skip;
        Ok(length)
    }

    /// The next byte of the current record.
    #[inline]
    fn byte<T: Tap>(&mut self, tap: &mut T, from: &mut usize) -> Result<u8, StreamError> {
        self.left = self.left.checked_sub(1).ok_or(RecordError::Truncated)?;
        self.next_byte(tap, from)
    }

    #[inline]
    fn next_byte<T: Tap>(&mut self, tap: &mut T, from: &mut usize) -> Result<u8, StreamError> {
        if self.at == self.end {
            self.refill(tap, from)?;
        }
        let byte = *self.decoder.buffer().get(self.at).ok_or(RecordError::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    /// Gives the tap what it has not had of the current piece, and gets the next piece.
    fn refill<T: Tap>(&mut self, tap: &mut T, from: &mut usize) -> Result<(), StreamError> {
        self.at = self.end;
        self.give(tap, *from)?;
        *from = 0;
        self.at = 0;
        self.end = self.decoder.fill()?;
        if self.end == 0 {
            return Err(RecordError::Truncated.into());
        }
        Ok(())
    }

    fn give<T: Tap>(&mut self, tap: &mut T, from: usize) -> Result<(), CompressError> {
        tap.take(self.decoder.buffer().get(from..self.at).unwrap_or_default())
    }

    /// Nothing follows the last record, and the compressed stream ends as it must.
    fn expect_end(&mut self) -> Result<(), StreamError> {
        if self.at != self.end || self.decoder.fill()? != 0 {
            return Err(RecordError::Remaining.into());
        }
        Ok(())
    }
}
