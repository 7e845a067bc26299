//! Builds batches: for the broker's own logs, for compaction, for tests.
//!
//! It is given trusted values; bytes from clients go through `log::validate` instead. What it
//! makes is what Kafka's `MemoryRecordsBuilder` makes: base timestamp of the first record, maximum
//! of all (or the append time), canonical varints, record attributes 0.

use super::varint::{varint_len, varlong_len, write_varint, write_varlong};
use super::{
    BatchHeader, Codec, CompressError, HEADER_LEN, LOG_OVERHEAD, NO_TIMESTAMP, TimestampType,
    compress, crc,
};

/// A header of a record to be built: key and value.
pub type NewHeader<'a> = (&'a str, Option<&'a [u8]>);

/// A batch in the making.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    header: BatchHeader,
    codec: Codec,
    level: i32,
    log_append_time: Option<i64>,
    last_offset: Option<i64>,
    records: Vec<u8>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// An empty batch at offset 0: uncompressed, CreateTime, no producer id, no leader epoch.
    #[must_use]
    pub fn new() -> Self {
        Self {
            header: BatchHeader::default(),
            codec: Codec::None,
            level: 0,
            log_append_time: None,
            last_offset: None,
            records: Vec::new(),
        }
    }

    /// Sets the offset of the batch. To be set before the first record.
    #[must_use]
    pub fn base_offset(mut self, offset: i64) -> Self {
        self.header.base_offset = offset;
        self
    }

    /// Sets the leader epoch.
    #[must_use]
    pub fn leader_epoch(mut self, epoch: i32) -> Self {
        self.header.partition_leader_epoch = epoch;
        self
    }

    /// Compresses with the codec's default level.
    #[must_use]
    pub fn codec(self, codec: Codec) -> Self {
        self.codec_level(codec, codec.default_level())
    }

    /// Compresses with a level.
    #[must_use]
    pub fn codec_level(mut self, codec: Codec, level: i32) -> Self {
        (self.codec, self.level) = (codec, level);
        self
    }

    /// Gives all records this append time.
    #[must_use]
    pub fn log_append_time(mut self, now_ms: i64) -> Self {
        self.log_append_time = Some(now_ms);
        self
    }

    /// Sets the producer's id, epoch and first sequence number.
    #[must_use]
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        self.header.producer_id = id;
        self.header.producer_epoch = epoch;
        self.header.base_sequence = base_sequence;
        self
    }

    /// Makes the batch part of a transaction.
    #[must_use]
    pub fn transactional(mut self, on: bool) -> Self {
        self.header.attributes = self.header.attributes.with_transactional(on);
        self
    }

    /// Makes it a batch of control records.
    #[must_use]
    pub fn control(mut self, on: bool) -> Self {
        self.header.attributes = self.header.attributes.with_control(on);
        self
    }

    /// Stores a delete horizon, which becomes the base of the timestamps. To be set before the first
    /// record.
    #[must_use]
    pub fn delete_horizon(mut self, horizon_ms: i64) -> Self {
        self.header.attributes = self.header.attributes.with_delete_horizon(true);
        self.header.base_timestamp = horizon_ms;
        self
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.header.record_count as usize
    }

    /// There are no records yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.header.record_count == 0
    }

    /// What the batch would measure without compression.
    #[must_use]
    pub fn uncompressed_len(&self) -> usize {
        HEADER_LEN + self.records.len()
    }

    /// Adds a record at the next offset.
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[NewHeader<'_>],
    ) -> &mut Self {
        let offset = self.last_offset.map_or(self.header.base_offset, |last| last + 1);
        self.append_at(offset, timestamp, key, value, headers)
    }

    /// Adds a record at an offset above those before it (compaction leaves gaps).
    ///
    /// # Panics
    /// If the offset does not rise, or is too far from the base offset.
    pub fn append_at(
        &mut self,
        offset: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[NewHeader<'_>],
    ) -> &mut Self {
        assert!(self.last_offset.is_none_or(|last| offset > last), "offsets rise within a batch");
        let delta = offset.wrapping_sub(self.header.base_offset);
        let range = 0..=i64::from(i32::MAX);
        assert!(range.contains(&delta), "an offset is less than 2^31 above its batch's base");
        let delta = delta as i32;
        self.note(offset, delta, timestamp);
        let timestamp_delta = timestamp.wrapping_sub(self.header.base_timestamp);
        let length = 1
            + varlong_len(timestamp_delta)
            + varint_len(delta)
            + bytes_len(key)
            + bytes_len(value)
            + varint_len(headers.len() as i32)
            + headers
                .iter()
                .map(|(k, v)| bytes_len(Some(k.as_bytes())) + bytes_len(*v))
                .sum::<usize>();
        let out = &mut self.records;
        assert!(length <= i32::MAX as usize, "a record is below 2 GiB");
        out.reserve(varint_len(length as i32) + length);
        write_varint(out, length as i32);
        out.push(0);
        write_varlong(out, timestamp_delta);
        write_varint(out, delta);
        write_bytes(out, key);
        write_bytes(out, value);
        write_varint(out, headers.len() as i32);
        for (key, value) in headers {
            write_bytes(out, Some(key.as_bytes()));
            write_bytes(out, *value);
        }
        self
    }

    /// The batch keeps an offset range that ends here although its last records are gone.
    pub fn override_last_offset(&mut self, offset: i64) -> &mut Self {
        self.header.last_offset_delta = (offset - self.header.base_offset) as i32;
        self
    }

    /// The finished batch.
    ///
    /// # Panics
    /// If the codec is not built in: then use [`Self::try_finish`].
    #[must_use]
    pub fn finish(&self) -> Vec<u8> {
        let built = self.try_finish();
        assert!(
            built.is_ok(),
            "the codec of a batch that the broker builds is built in: {built:?}"
        );
        built.unwrap_or_default()
    }

    /// The finished batch.
    ///
    /// # Errors
    /// If the codec is not built in or does not have the level.
    pub fn try_finish(&self) -> Result<Vec<u8>, CompressError> {
        // What it takes without compression; with it, rarely more.
        let mut batch = Vec::with_capacity(HEADER_LEN + self.records.len());
        batch.resize(HEADER_LEN, 0);
        compress::compress(self.codec, self.level, &self.records, &mut batch)?;
        let mut header = self.header;
        header.attributes = header.attributes.with_codec(self.codec);
        if let Some(now) = self.log_append_time {
            header.attributes = header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
            header.max_timestamp = now;
        }
        seal(header, &mut batch);
        Ok(batch)
    }

    /// Takes a record's offset and timestamp into the header.
    fn note(&mut self, offset: i64, delta: i32, timestamp: i64) {
        let header = &mut self.header;
        if header.record_count == 0 && !header.attributes.has_delete_horizon() {
            header.base_timestamp = timestamp;
        }
        header.max_timestamp = header.max_timestamp.max(timestamp).max(NO_TIMESTAMP);
        header.last_offset_delta = delta;
        header.record_count += 1;
        self.last_offset = Some(offset);
    }
}

/// Writes the header, with length and checksum, before the records that `batch` already holds.
///
/// # Panics
/// If the batch has no room for the header, or is 2 GiB or more.
pub(super) fn seal(mut header: BatchHeader, batch: &mut [u8]) -> BatchHeader {
    let length = batch.len() - LOG_OVERHEAD;
    assert!(length <= i32::MAX as usize, "a batch is below 2 GiB");
    header.batch_length = length as i32;
    write_header(&header, batch);
    header.crc = crc::crc32c(&batch[super::header::at::ATTRIBUTES..]);
    write_header(&header, batch);
    header
}

fn write_header(header: &BatchHeader, batch: &mut [u8]) {
    batch[..HEADER_LEN].copy_from_slice(&header.write());
}

pub(super) fn bytes_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint_len(bytes.len() as i32) + bytes.len())
}

pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => write_varint(out, -1),
        Some(bytes) => {
            write_varint(out, bytes.len() as i32);
            out.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, BatchError, Batches};
    use super::*;

    #[test]
    fn a_batch_says_what_was_put_in() {
        let mut builder = BatchBuilder::new()
            .base_offset(50)
            .leader_epoch(3)
            .producer(9, 2, 100)
            .transactional(true);
        builder.append(20, Some(b"a"), Some(b"1"), &[("h", Some(b"x")), ("n", None)]);
        builder.append(10, None, None, &[]);
        assert_eq!(builder.len(), 2);
        let bytes = builder.finish();
        assert_eq!(bytes.len(), builder.uncompressed_len());
        let (batch, rest) = Batch::parse(&bytes).unwrap();
        assert!(rest.is_empty() && batch.crc_is_valid() && batch.attributes().is_transactional());
        assert_eq!((batch.base_offset(), batch.last_offset(), batch.next_offset()), (50, 51, 52));
        assert_eq!((batch.base_timestamp(), batch.max_timestamp()), (20, 20));
        assert_eq!((batch.producer_id(), batch.producer_epoch()), (9, 2));
        assert_eq!((batch.base_sequence(), batch.last_sequence()), (100, 101));
        assert_eq!((batch.partition_leader_epoch(), batch.record_count()), (3, 2));
        let mut scratch = Vec::new();
        let records: Vec<_> =
            batch.records(&mut scratch, 0).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!((records[0].key, records[0].value), (Some(&b"a"[..]), Some(&b"1"[..])));
        assert_eq!((records[1].timestamp_delta, records[1].offset_delta), (-10, 1));
        let headers: Vec<_> = records[0].headers.iter().map(|h| (h.key, h.value)).collect();
        assert_eq!(headers, [(&b"h"[..], Some(&b"x"[..])), (&b"n"[..], None)]);
    }

    #[test]
    fn gaps_and_an_overridden_end_keep_the_offset_range() {
        let mut builder = BatchBuilder::new().base_offset(10);
        builder.append_at(13, 1, None, None, &[]).override_last_offset(20);
        let bytes = builder.finish();
        let (batch, _) = Batch::parse(&bytes).unwrap();
        assert_eq!((batch.base_offset(), batch.last_offset(), batch.record_count()), (10, 20, 1));
    }

    #[test]
    fn a_delete_horizon_is_the_base_of_timestamps() {
        let mut builder = BatchBuilder::new().delete_horizon(1_000);
        builder.append(900, Some(b"k"), None, &[]);
        let bytes = builder.finish();
        let (batch, _) = Batch::parse(&bytes).unwrap();
        assert_eq!(batch.header().delete_horizon_ms(), Some(1_000));
        let mut scratch = Vec::new();
        let record = batch.records(&mut scratch, 0).unwrap().next().unwrap().unwrap();
        assert_eq!(batch.base_timestamp() + record.timestamp_delta, 900);
    }

    #[test]
    fn batches_end_at_the_first_that_is_cut() {
        let mut bytes = BatchBuilder::new().append(1, None, None, &[]).finish();
        let size = bytes.len();
        bytes.extend_from_within(..size - 1);
        let all: Vec<_> = Batches::new(&bytes).map(|batch| batch.map(|b| b.size())).collect();
        assert_eq!(all, [Ok(size), Err(BatchError::Incomplete { need: size, have: size - 1 })]);
    }

    #[test]
    fn what_is_not_a_batch_is_named() {
        let whole = BatchBuilder::new().finish();
        let parse = |bytes: &[u8]| Batch::parse(bytes).map(|_| ()).unwrap_err();
        assert_eq!(parse(&[]), BatchError::Incomplete { need: 61, have: 0 });
        assert_eq!(parse(&whole[..60]), BatchError::Incomplete { need: 61, have: 60 });
        let mut bytes = whole.clone();
        bytes[16] = 1;
        assert_eq!(parse(&bytes), BatchError::Magic(1));
        let mut bytes = whole.clone();
        bytes[11] = 48;
        assert_eq!(parse(&bytes), BatchError::Length(48));
        bytes[8] = 0xff;
        assert!(matches!(parse(&bytes), BatchError::Length(_)));
        let mut bytes = whole;
        bytes[8] = 0x7f;
        assert!(
            matches!(parse(&bytes), BatchError::Incomplete { need, .. } if need > 2_000_000_000)
        );
    }
}
