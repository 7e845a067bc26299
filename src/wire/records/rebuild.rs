//! Writes a batch anew while its records stream past: another codec, or offsets put right.
//!
//! Records get the offsets 0, 1, 2, ... and attributes 0; key, value and headers are copied as they
//! are. The result is never held beyond its limit: what would pass it is dropped, and only the fact
//! is kept. Rule: `LogValidator.buildRecordsAndAssignOffsets`.

use super::builder::seal;
use super::stream::{Prefix, Tap};
use super::varint::{varint_len, varlong_len, write_varint, write_varlong};
use super::{Attributes, BatchHeader, Codec, CompressError, Encoder, HEADER_LEN, TimestampType};

/// A batch that is being written anew.
#[derive(Debug)]
pub struct Rebuilder {
    codec: Codec,
    /// `None` once the result is not wanted any more.
    encoder: Option<Encoder>,
    failed: Option<CompressError>,
    base_timestamp: Option<i64>,
    count: i32,
    scratch: Vec<u8>,
}

impl Rebuilder {
    /// An empty batch that may grow to `limit` bytes.
    ///
    /// # Errors
    /// If the codec is not built in or does not have the level.
    pub fn new(codec: Codec, level: i32, limit: usize) -> Result<Self, CompressError> {
        let limit = limit.max(HEADER_LEN);
        let mut rebuilder = Self {
            codec,
            encoder: None,
            failed: None,
            base_timestamp: None,
            count: 0,
            scratch: Vec::new(),
        };
        match Encoder::new(codec, level, vec![0; HEADER_LEN], limit) {
            Ok(encoder) => rebuilder.encoder = Some(encoder),
            Err(error @ CompressError::TooLarge { .. }) => rebuilder.failed = Some(error),
            Err(error) => return Err(error),
        }
        Ok(rebuilder)
    }

    /// Begins the next record; its tail must follow through the [`Tap`].
    pub fn begin(&mut self, prefix: &Prefix, timestamp: i64) {
        let base = *self.base_timestamp.get_or_insert(timestamp);
        let delta = timestamp.wrapping_sub(base);
        let length = 1 + varlong_len(delta) + varint_len(self.count) + prefix.rest;
        let mut head = std::mem::take(&mut self.scratch);
        head.clear();
        match i32::try_from(length) {
            Ok(length) => write_varint(&mut head, length),
            Err(_) => self.give_up(CompressError::TooLarge { limit: i32::MAX as usize }),
        }
        head.push(0);
        write_varlong(&mut head, delta);
        write_varint(&mut head, self.count);
        self.write(&head);
        self.scratch = head;
        self.count += 1;
    }

    /// The result is not wanted: the batch is refused. What follows is not compressed.
    pub fn abandon(&mut self) {
        self.encoder = None;
    }

    /// The finished batch, with the producer's fields of `old`, and its header. The offset is 0 and
    /// the leader epoch that of `old`.
    ///
    /// # Errors
    /// If the batch grew beyond the limit, or was abandoned.
    pub fn finish(
        mut self,
        old: &BatchHeader,
        timestamp_type: TimestampType,
        max_timestamp: i64,
    ) -> Result<(Vec<u8>, BatchHeader), CompressError> {
        assert!(self.count > 0, "a batch is rebuilt from at least one record");
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let encoder = self.encoder.take().ok_or(CompressError::TooLarge { limit: 0 })?;
        let mut batch = encoder.finish()?;
        let attributes = Attributes::default()
            .with_transactional(old.attributes.is_transactional())
            .with_codec(self.codec)
            .with_timestamp_type(timestamp_type);
        let header = BatchHeader {
            base_offset: 0,
            attributes,
            last_offset_delta: self.count - 1,
            base_timestamp: self.base_timestamp.unwrap_or(max_timestamp),
            max_timestamp,
            record_count: self.count,
            ..*old
        };
        let header = seal(header, &mut batch);
        Ok((batch, header))
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(encoder) = &mut self.encoder
            && let Err(error) = encoder.write(bytes)
        {
            self.give_up(error);
        }
    }

    fn give_up(&mut self, error: CompressError) {
        self.encoder = None;
        self.failed.get_or_insert(error);
    }
}

impl Tap for Rebuilder {
    fn take(&mut self, bytes: &[u8]) -> Result<(), CompressError> {
        self.write(bytes);
        Ok(())
    }
}
