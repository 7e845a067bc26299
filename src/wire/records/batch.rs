//! A view of one whole batch in somebody else's bytes.
//!
//! [`Batch::parse`] checks the length and the magic number; the checksum is a separate question,
//! because it costs a pass over the bytes and stored batches were checked when they came.
//! Rules: `DefaultRecordBatch`, `ByteBufferLogInputStream`.

use std::fmt;

use super::header::at;
use super::{
    Attributes, BatchHeader, Codec, CompressError, HEADER_LEN, LOG_OVERHEAD, MAGIC, RecordIter,
    compress, crc,
};

/// Why bytes are not a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchError {
    /// The bytes end before the batch does.
    Incomplete {
        /// Bytes that the batch takes, as far as is known.
        need: usize,
        /// Bytes that there are.
        have: usize,
    },
    /// The stated length is too small to be a batch's.
    Length(i32),
    /// Not format version 2.
    Magic(i8),
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { need, have } => {
                write!(f, "the batch needs {need} bytes, only {have} are there")
            }
            Self::Length(length) => write!(
                f,
                "batch length {length} is below the minimum of {}",
                HEADER_LEN - LOG_OVERHEAD
            ),
            Self::Magic(magic) => write!(f, "record format version (magic) {magic} is not 2"),
        }
    }
}

impl std::error::Error for BatchError {}

/// A view of one whole batch.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The batch at the front of `bytes`, and what follows it.
    ///
    /// Length and magic are checked, the checksum is not.
    ///
    /// # Errors
    /// When the bytes do not begin with a whole batch of format 2.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BatchError> {
        if let Some(&magic) = bytes.get(at::MAGIC)
            && magic as i8 != MAGIC
        {
            return Err(BatchError::Magic(magic as i8));
        }
        let incomplete = |need| BatchError::Incomplete { need, have: bytes.len() };
        let overhead = bytes.first_chunk::<LOG_OVERHEAD>().ok_or(incomplete(HEADER_LEN))?;
        let [.., a, b, c, d] = *overhead;
        let length = i32::from_be_bytes([a, b, c, d]);
        let size = usize::try_from(length).unwrap_or(0) + LOG_OVERHEAD;
        if size < HEADER_LEN {
            return Err(BatchError::Length(length));
        }
        let header = bytes.first_chunk::<HEADER_LEN>().ok_or(incomplete(size))?;
        let (batch, rest) = bytes.split_at_checked(size).ok_or(incomplete(size))?;
        Ok((Self { header: BatchHeader::read(header), bytes: batch }, rest))
    }

    /// All header fields.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Offset of the first record.
    #[must_use]
    pub fn base_offset(&self) -> i64 {
        self.header.base_offset
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.header.last_offset()
    }

    /// Offset after the last record.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.header.next_offset()
    }

    /// Bytes after the length field.
    #[must_use]
    pub fn batch_length(&self) -> i32 {
        self.header.batch_length
    }

    /// Bytes of the whole batch.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Epoch of the leader that appended the batch.
    #[must_use]
    pub fn partition_leader_epoch(&self) -> i32 {
        self.header.partition_leader_epoch
    }

    /// Format version: always 2.
    #[must_use]
    pub fn magic(&self) -> i8 {
        self.header.magic
    }

    /// The stored checksum.
    #[must_use]
    pub fn crc(&self) -> u32 {
        self.header.crc
    }

    /// Codec and flags.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        self.header.attributes
    }

    /// Last offset minus base offset.
    #[must_use]
    pub fn last_offset_delta(&self) -> i32 {
        self.header.last_offset_delta
    }

    /// Base of the records' timestamp deltas.
    #[must_use]
    pub fn base_timestamp(&self) -> i64 {
        self.header.base_timestamp
    }

    /// Largest timestamp, or the append time.
    #[must_use]
    pub fn max_timestamp(&self) -> i64 {
        self.header.max_timestamp
    }

    /// Producer id, -1 when not idempotent.
    #[must_use]
    pub fn producer_id(&self) -> i64 {
        self.header.producer_id
    }

    /// Producer epoch, -1 when not idempotent.
    #[must_use]
    pub fn producer_epoch(&self) -> i16 {
        self.header.producer_epoch
    }

    /// Sequence number of the first record, -1 when not idempotent.
    #[must_use]
    pub fn base_sequence(&self) -> i32 {
        self.header.base_sequence
    }

    /// Sequence number of the last record, with the wrap.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        self.header.last_sequence()
    }

    /// Number of records, as the header claims.
    #[must_use]
    pub fn record_count(&self) -> i32 {
        self.header.record_count
    }

    /// The records, compressed if the batch is.
    #[must_use]
    pub fn records_bytes(&self) -> &'a [u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    /// The whole batch.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The checksum of the bytes as they are.
    #[must_use]
    pub fn compute_crc(&self) -> u32 {
        crc::crc32c(self.bytes.get(at::ATTRIBUTES..).unwrap_or_default())
    }

    /// The stored checksum is that of the bytes.
    #[must_use]
    pub fn crc_is_valid(&self) -> bool {
        self.crc() == self.compute_crc()
    }

    /// The records of a batch, decompressed into `scratch` when they are compressed.
    ///
    /// # Errors
    /// When the codec is unknown or not built in, the data are corrupt, or the records take more
    /// than `limit` bytes.
    pub fn records<'s>(
        &self,
        scratch: &'s mut Vec<u8>,
        limit: usize,
    ) -> Result<RecordIter<'s>, CompressError>
    where
        'a: 's,
    {
        let id = self.attributes().codec_id();
        let codec = Codec::from_id(id).ok_or(CompressError::UnknownCodec(id))?;
        if codec == Codec::None {
            return Ok(RecordIter::new(self.records_bytes(), self.record_count()));
        }
        scratch.clear();
        compress::decompress(codec, self.records_bytes(), scratch, limit)?;
        Ok(RecordIter::new(scratch, self.record_count()))
    }
}

/// The batches that lie back to back in some bytes. Ends at the first error, which it reports.
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Batches<'a> {
    /// The batches of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let parsed = Batch::parse(self.rest);
        self.rest = parsed.as_ref().map(|(_, rest)| *rest).unwrap_or_default();
        Some(parsed.map(|(batch, _)| batch))
    }
}
