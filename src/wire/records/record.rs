//! Records of an uncompressed batch: borrowed views, read in one pass without allocation.
//!
//! Total: whatever the bytes say, reading ends with the records or with an error, and looks only at
//! the bytes it was given. A record's stated length must be exactly what its fields take.
//! Rules: `DefaultRecord.readFrom`, `DefaultRecordBatch.RecordIterator`.

use std::fmt;

use super::varint::{read_varint, read_varlong, take_byte};

/// Why bytes are not the records that a batch claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordError {
    /// The bytes end inside a record, or there are fewer records than claimed.
    Truncated,
    /// A variable-length number does not end where it must.
    Varint,
    /// A record states a length that its fields do not take.
    Length {
        /// What the record states.
        stated: i32,
    },
    /// A negative number of headers, or more than the record has bytes for.
    HeaderCount(i32),
    /// A header key of negative length: keys cannot be null.
    HeaderKey(i32),
    /// The batch claims a negative number of records.
    RecordCount(i32),
    /// Bytes follow the last record that the batch claims.
    Remaining,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("Incorrect declared batch size, premature EOF reached"),
            Self::Varint => f.write_str("Found invalid record structure: a varint is too long"),
            Self::Length { stated } => write!(
                f,
                "Invalid record size: expected {stated} bytes in record payload, which its fields \
                 do not take"
            ),
            Self::HeaderCount(count) => {
                write!(f, "Found invalid number of record headers {count}")
            }
            Self::HeaderKey(length) => write!(f, "Invalid negative header key size {length}"),
            Self::RecordCount(count) => {
                write!(f, "Found invalid record count {count} in magic v2 batch")
            }
            Self::Remaining => {
                f.write_str("Incorrect declared batch size, records still remaining in file")
            }
        }
    }
}

impl std::error::Error for RecordError {}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Unused by Kafka: 0.
    pub attributes: i8,
    /// Timestamp minus the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Offset minus the batch's base offset.
    pub offset_delta: i32,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone on a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers, already checked.
    pub headers: Headers<'a>,
}

/// The headers of a record: checked when the record was read, decoded when asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headers<'a> {
    count: usize,
    bytes: &'a [u8],
}

/// One header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The key: UTF-8 by convention, which the broker does not check.
    pub key: &'a [u8],
    /// The value.
    pub value: Option<&'a [u8]>,
}

impl<'a> Headers<'a> {
    /// How many headers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers as they lie in the record, after their count.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The headers one by one.
    pub fn iter(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let mut bytes = self.bytes;
        (0..self.count).map_while(move |_| read_header(&mut bytes).ok())
    }
}

/// The records of an uncompressed batch. Ends at the first error, which it reports.
#[derive(Debug, Clone)]
pub struct RecordIter<'a> {
    bytes: &'a [u8],
    left: i32,
}

impl<'a> RecordIter<'a> {
    /// The `count` records that `bytes` must hold, no more and no fewer.
    #[must_use]
    pub fn new(bytes: &'a [u8], count: i32) -> Self {
        Self { bytes, left: count }
    }

    /// What is not read yet: bytes, and records.
    #[must_use]
    pub fn rest(&self) -> (&'a [u8], i32) {
        (self.bytes, self.left)
    }

    #[inline]
    fn read(&mut self) -> Result<Record<'a>, RecordError> {
        if self.left < 0 {
            return Err(RecordError::RecordCount(self.left));
        }
        let record = read_record(&mut self.bytes)?;
        self.left -= 1;
        if self.left == 0 && !self.bytes.is_empty() {
            return Err(RecordError::Remaining);
        }
        Ok(record)
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let record = self.read();
        if record.is_err() {
            self.left = 0;
        }
        Some(record)
    }
}

/// Reads one record off the front of `bytes`.
#[inline(always)]
fn read_record<'a>(bytes: &mut &'a [u8]) -> Result<Record<'a>, RecordError> {
    let stated = read_varint(|| take_byte(bytes))?;
    let length = usize::try_from(stated).map_err(|_| RecordError::Length { stated })?;
    let (mut body, rest) = bytes.split_at_checked(length).ok_or(RecordError::Truncated)?;
    *bytes = rest;
    let body = &mut body;
    let attributes = take_byte(body)? as i8;
    let timestamp_delta = read_varlong(|| take_byte(body))?;
    let offset_delta = read_varint(|| take_byte(body))?;
    let key = read_bytes(body)?;
    let value = read_bytes(body)?;
    let headers = read_headers(body)?;
    if !body.is_empty() {
        return Err(RecordError::Length { stated });
    }
    Ok(Record { attributes, timestamp_delta, offset_delta, key, value, headers })
}

/// Bytes behind their length; a negative length is null.
#[inline(always)]
fn read_bytes<'a>(body: &mut &'a [u8]) -> Result<Option<&'a [u8]>, RecordError> {
    let length = read_varint(|| take_byte(body))?;
    match usize::try_from(length) {
        Ok(length) => take_bytes(body, length).map(Some),
        Err(_) => Ok(None),
    }
}

#[inline(always)]
fn take_bytes<'a>(body: &mut &'a [u8], length: usize) -> Result<&'a [u8], RecordError> {
    let (bytes, rest) = body.split_at_checked(length).ok_or(RecordError::Truncated)?;
    *body = rest;
    Ok(bytes)
}

#[inline(always)]
fn read_headers<'a>(body: &mut &'a [u8]) -> Result<Headers<'a>, RecordError> {
    let stated = read_varint(|| take_byte(body))?;
    if stated == 0 {
        return Ok(Headers::default());
    }
    let count = usize::try_from(stated).map_err(|_| RecordError::HeaderCount(stated))?;
    if count > body.len() {
        return Err(RecordError::HeaderCount(stated));
    }
    let all = *body;
    for _ in 0..count {
        read_header(body)?;
    }
    Ok(Headers { count, bytes: all.get(..all.len() - body.len()).unwrap_or_default() })
}

fn read_header<'a>(bytes: &mut &'a [u8]) -> Result<Header<'a>, RecordError> {
    let stated = read_varint(|| take_byte(bytes))?;
    let length = usize::try_from(stated).map_err(|_| RecordError::HeaderKey(stated))?;
    let key = take_bytes(bytes, length)?;
    Ok(Header { key, value: read_bytes(bytes)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Length 11, attributes 0, timestamp +2, offset +1, key "k", value null, header "h" = "v".
    const ONE: [u8; 12] = [22, 0, 4, 2, 2, b'k', 1, 2, 2, b'h', 2, b'v'];

    fn read_all(bytes: &[u8], count: i32) -> Result<Vec<Record<'_>>, RecordError> {
        RecordIter::new(bytes, count).collect()
    }

    #[test]
    fn one_record_with_all_its_fields() {
        let records = read_all(&ONE, 1).unwrap();
        let record = records[0];
        assert_eq!((record.attributes, record.timestamp_delta, record.offset_delta), (0, 2, 1));
        assert_eq!((record.key, record.value), (Some(&b"k"[..]), None));
        let headers: Vec<_> = record.headers.iter().collect();
        assert_eq!(headers, [Header { key: b"h", value: Some(b"v") }]);
        assert_eq!((record.headers.len(), record.headers.as_bytes()), (1, &ONE[8..]));
    }

    #[test]
    fn every_cut_is_refused() {
        for end in 0..ONE.len() {
            assert_eq!(read_all(&ONE[..end], 1), Err(RecordError::Truncated), "cut at {end}");
        }
    }

    #[test]
    fn the_count_must_be_exact() {
        let two = [ONE, ONE].concat();
        assert_eq!(read_all(&two, 2).unwrap().len(), 2);
        assert_eq!(read_all(&two, 1), Err(RecordError::Remaining));
        assert_eq!(read_all(&two, 3), Err(RecordError::Truncated));
        assert_eq!(read_all(&two, -1), Err(RecordError::RecordCount(-1)));
        assert_eq!(read_all(&[], 0), Ok(Vec::new()));
    }

    #[test]
    fn the_stated_length_must_be_exact() {
        let mut long = ONE.to_vec();
        long[0] = 24;
        long.push(0);
        assert_eq!(read_all(&long, 1), Err(RecordError::Length { stated: 12 }));
        let mut short = ONE;
        short[0] = 20;
        assert_eq!(read_all(&short, 1), Err(RecordError::Truncated));
        assert_eq!(read_all(&[1], 1), Err(RecordError::Length { stated: -1 }));
    }

    #[test]
    fn header_counts_and_keys_are_checked() {
        let with = |at: usize, byte: u8| {
            let mut bytes = ONE;
            bytes[at] = byte;
            bytes
        };
        assert_eq!(read_all(&with(7, 1), 1), Err(RecordError::HeaderCount(-1)));
        assert_eq!(read_all(&with(7, 100), 1), Err(RecordError::HeaderCount(50)));
        assert_eq!(read_all(&with(8, 1), 1), Err(RecordError::HeaderKey(-1)));
        assert_eq!(read_all(&with(8, 100), 1), Err(RecordError::Truncated));
    }

    #[test]
    fn nothing_follows_an_error() {
        let mut records = RecordIter::new(&[1, 1, 1], 3);
        assert!(records.next().unwrap().is_err());
        assert!(records.next().is_none());
    }
}
