//! The attribute bits of a batch.
//!
//! Bits 0-2 codec, 3 timestamp type, 4 transactional, 5 control, 6 "base timestamp is the delete
//! horizon" (KIP-534). Like Kafka, bits above 6 are ignored on read and zero on write.

use super::compress::Codec;

const CODEC_MASK: i16 = 0x07;
const TIMESTAMP_TYPE: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
const DELETE_HORIZON: i16 = 0x40;
const KNOWN: i16 = 0x7f;

/// Who set the timestamps of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// The producer.
    #[default]
    CreateTime,
    /// The broker, at the append; every record then has the batch's maximum timestamp.
    LogAppendTime,
}

/// The attribute bits of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    /// The codec's number, which can be one that does not exist (5-7).
    #[must_use]
    pub fn codec_id(self) -> u8 {
        (self.0 & CODEC_MASK) as u8
    }

    /// The codec, `None` when its number is unknown.
    #[must_use]
    pub fn codec(self) -> Option<Codec> {
        Codec::from_id(self.codec_id())
    }

    /// Who set the timestamps.
    #[must_use]
    pub fn timestamp_type(self) -> TimestampType {
        if self.has(TIMESTAMP_TYPE) {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// The batch belongs to a transaction.
    #[must_use]
    pub fn is_transactional(self) -> bool {
        self.has(TRANSACTIONAL)
    }

    /// The batch holds control records (transaction markers, KRaft's own).
    #[must_use]
    pub fn is_control(self) -> bool {
        self.has(CONTROL)
    }

    /// The base timestamp is the delete horizon.
    #[must_use]
    pub fn has_delete_horizon(self) -> bool {
        self.has(DELETE_HORIZON)
    }

    /// The same bits with another codec.
    #[must_use]
    pub fn with_codec(self, codec: Codec) -> Self {
        Self((self.0 & KNOWN & !CODEC_MASK) | i16::from(codec.id()))
    }

    /// The same bits with another timestamp type.
    #[must_use]
    pub fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with(TIMESTAMP_TYPE, timestamp_type == TimestampType::LogAppendTime)
    }

    /// The same bits, transactional or not.
    #[must_use]
    pub fn with_transactional(self, on: bool) -> Self {
        self.with(TRANSACTIONAL, on)
    }

    /// The same bits, a control batch or not.
    #[must_use]
    pub fn with_control(self, on: bool) -> Self {
        self.with(CONTROL, on)
    }

    /// The same bits, with or without the delete horizon flag.
    #[must_use]
    pub fn with_delete_horizon(self, on: bool) -> Self {
        self.with(DELETE_HORIZON, on)
    }

    fn has(self, bit: i16) -> bool {
        self.0 & bit != 0
    }

    fn with(self, bit: i16, on: bool) -> Self {
        let others = self.0 & KNOWN & !bit;
        Self(if on { others | bit } else { others })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_is_where_kafka_has_it() {
        let all = Attributes::default()
            .with_codec(Codec::Zstd)
            .with_timestamp_type(TimestampType::LogAppendTime)
            .with_transactional(true)
            .with_control(true)
            .with_delete_horizon(true);
        assert_eq!(all.0, 0b0111_1100);
        assert_eq!(all.with_control(false).0, 0b0101_1100);
        assert_eq!(all.with_codec(Codec::None).codec(), Some(Codec::None));
        assert!(all.is_transactional() && all.is_control() && all.has_delete_horizon());
    }

    #[test]
    fn unknown_bits_are_dropped_on_write_and_unknown_codecs_have_no_name() {
        assert_eq!(Attributes(-1).with_transactional(false).0, 0b0110_1111);
        assert_eq!(Attributes(5).codec(), None);
        assert_eq!(Attributes(7).codec_id(), 7);
    }
}
