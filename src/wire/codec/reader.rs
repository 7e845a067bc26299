//! The cursor that decoders read with.
//!
//! Every read either gives a value from inside the slice or an error; the cursor never moves past
//! the end. Encodings: Kafka's `ByteBufferAccessor.java` and `ByteUtils.java`.

use super::{DecodeError, Reason};

/// A cursor over bytes that somebody else sent.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// The position of the end of `rest`, counted from the start of the first reader's input.
    end: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from their start.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, end: bytes.len() }
    }

    /// Bytes that have not been read.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Bytes that have been read.
    #[inline]
    pub fn position(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The bytes that have not been read.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// An error about the value that starts here.
    #[cold]
    pub fn error(&self, reason: Reason) -> DecodeError {
        DecodeError::new(self.position(), reason)
    }

    #[cold]
    fn truncated(&self, needed: usize) -> DecodeError {
        self.error(Reason::Truncated { needed, left: self.rest.len() })
    }

    #[inline]
    fn read_chunk<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((chunk, rest)) => {
                self.rest = rest;
                Ok(*chunk)
            }
            None => Err(self.truncated(N)),
        }
    }

    /// The next `len` bytes, not copied.
    #[inline]
    pub fn read_slice(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((slice, rest)) => {
                self.rest = rest;
                Ok(slice)
            }
            None => Err(self.truncated(len)),
        }
    }

    /// One byte; any but zero is true, as in Kafka.
    #[inline]
    pub fn read_bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.read_chunk::<1>()? != [0])
    }

    /// A signed byte.
    #[inline]
    pub fn read_i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.read_chunk()?))
    }

    /// A big-endian `int16`.
    #[inline]
    pub fn read_i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.read_chunk()?))
    }

    /// A big-endian `uint16`.
    #[inline]
    pub fn read_u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.read_chunk()?))
    }

    /// A big-endian `int32`.
    #[inline]
    pub fn read_i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.read_chunk()?))
    }

    /// A big-endian `uint32`.
    #[inline]
    pub fn read_u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.read_chunk()?))
    }

    /// A big-endian `int64`.
    #[inline]
    pub fn read_i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.read_chunk()?))
    }

    /// A big-endian IEEE 754 `float64`.
    #[inline]
    pub fn read_f64(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_be_bytes(self.read_chunk()?))
    }

    /// Sixteen bytes.
    #[inline]
    pub fn read_uuid(&mut self) -> Result<[u8; 16], DecodeError> {
        self.read_chunk()
    }

    /// An unsigned LEB128 integer of at most 32 bits.
    #[inline]
    pub fn read_uvarint(&mut self) -> Result<u32, DecodeError> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u32::from(*byte))
            }
            [low, high, rest @ ..] if *high < 0x80 => {
                self.rest = rest;
                Ok(u32::from(low & 0x7f) | u32::from(*high) << 7)
            }
            _ => self.read_uvarint_slow(),
        }
    }

    fn read_uvarint_slow(&mut self) -> Result<u32, DecodeError> {
        let at = self.position();
        let value = self.read_leb128(5)?;
        u32::try_from(value).map_err(|_| DecodeError::new(at, Reason::BadVarint))
    }

    /// A zig-zag LEB128 integer of at most 32 bits (used inside record batches).
    #[inline]
    pub fn read_varint(&mut self) -> Result<i32, DecodeError> {
        let raw = self.read_uvarint()?;
        Ok((raw >> 1) as i32 ^ -((raw & 1) as i32))
    }

    /// A zig-zag LEB128 integer of at most 64 bits (used inside record batches).
    #[inline]
    pub fn read_varlong(&mut self) -> Result<i64, DecodeError> {
        let raw = self.read_leb128(10)?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// LEB128 of at most `max` bytes (10 or fewer); the tenth byte may hold one bit only.
    fn read_leb128(&mut self, max: usize) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for (i, &byte) in self.rest.iter().take(max).enumerate() {
            if i == 9 && byte > 1 {
                return Err(self.error(Reason::BadVarint));
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.rest = &self.rest[i + 1..];
                return Ok(value);
            }
        }
        if self.rest.len() < max {
            return Err(self.truncated(self.rest.len() + 1));
        }
        Err(self.error(Reason::BadVarint))
    }

    /// The length before a string: `None` is null.
    #[inline]
    pub fn read_string_len(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        if flexible {
            return self.read_compact_len();
        }
        // Kafka reads every negative length as null, not only -1.
        Ok(usize::try_from(self.read_i16()?).ok())
    }

    /// The length before bytes or records, or the count before an array: `None` is null.
    #[inline]
    pub fn read_len(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        if flexible {
            return self.read_compact_len();
        }
        Ok(usize::try_from(self.read_i32()?).ok())
    }

    #[inline]
    fn read_compact_len(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok((self.read_uvarint()? as usize).checked_sub(1))
    }

    /// The head of a tagged field: its tag and a reader that ends where the value ends. This
    /// reader goes on behind it, whether or not the value is then looked at.
    #[inline]
    pub fn read_tag(&mut self) -> Result<(u32, Reader<'a>), DecodeError> {
        let tag = self.read_uvarint()?;
        let size = self.read_uvarint()? as usize;
        let value = self.read_slice(size)?;
        Ok((tag, Reader { rest: value, end: self.position() }))
    }

    /// Ends the reading of a tagged field's value: nothing of its size may be left.
    #[inline]
    pub fn finish_tag(&self, tag: u32) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            unused => Err(self.error(Reason::BadTagSize { tag, unused })),
        }
    }
}
