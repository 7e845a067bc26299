//! The buffer that encoders write to.
//!
//! It holds the bytes of a message and, for record data that is to go from a file to the socket
//! without passing through here, marks where such data belongs. It counts the error codes that are
//! written, so that whoever sends an answer knows what went wrong without reading it again.

use crate::wire::error::ErrorCode;

/// Bytes that are not in the writer: a file range of `len` bytes belongs before `bytes()[at]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct External {
    /// Where it belongs, as an index into the writer's own bytes.
    pub at: usize,
    /// How many bytes it has.
    pub len: u32,
}

/// Bytes of memory that a cleared writer keeps at most: one large answer must not stay for ever.
const KEPT: usize = 256 * 1024;

/// An error code, and how often a message tells it.
pub type Told = (ErrorCode, u32);

/// An encoded message, or several.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    externals: Vec<External>,
    external_len: usize,
    /// One entry for a code: there are not many.
    errors: Vec<Told>,
}

impl Writer {
    /// An empty writer that holds no memory.
    pub fn new() -> Self {
        Writer::default()
    }

    /// Forgets what was written and keeps memory for the next, but no more than `KEPT`.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.externals.clear();
        self.externals.shrink_to(KEPT / size_of::<External>());
        self.external_len = 0;
        self.errors.clear();
    }

    /// The errors that were written, each code once; `NONE` is not one.
    #[inline]
    pub fn errors(&self) -> &[Told] {
        &self.errors
    }

    /// The same, to be kept; none are left.
    pub fn take_errors(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.errors)
    }

    /// Counts an error code so often. One that Kafka does not have counts as that without a name.
    #[cold]
    pub fn count_error(&mut self, code: ErrorCode, times: u32) {
        let code = if code.is_known() { code } else { ErrorCode::UNKNOWN_SERVER_ERROR };
        match self.errors.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count = count.saturating_add(times),
            None => self.errors.push((code, times)),
        }
    }

    /// The bytes written, without the external ones.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes written, to patch a length or a count in place.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The bytes written, as a vector of their own.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Where bytes from elsewhere belong, in order.
    #[inline]
    pub fn externals(&self) -> &[External] {
        &self.externals
    }

    /// Number of bytes written, without the external ones.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True when nothing was written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.externals.is_empty()
    }

    /// Bytes of memory that it holds, without that for external ranges.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Number of bytes that the message has on the wire: own and external ones.
    #[inline]
    pub fn total_len(&self) -> usize {
        self.bytes.len() + self.external_len
    }

    /// Bytes as they are.
    #[inline]
    pub fn write_slice(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Marks that `len` bytes from elsewhere belong here. Their length prefix is the caller's.
    pub fn write_external(&mut self, len: u32) {
        if len > 0 {
            self.externals.push(External { at: self.bytes.len(), len });
            self.external_len += len as usize;
        }
    }

    /// What another writer holds, external ranges and errors included.
    pub fn write_parts(&mut self, other: &Writer) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        for external in &other.externals {
            self.externals.push(External { at: base + external.at, len: external.len });
            self.external_len += external.len as usize;
        }
        for (code, times) in &other.errors {
            self.count_error(*code, *times);
        }
    }

    /// One byte, 0 or 1.
    #[inline]
    pub fn write_bool(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    /// A signed byte.
    #[inline]
    pub fn write_i8(&mut self, value: i8) {
        self.write_slice(&value.to_be_bytes());
    }

    /// A big-endian `int16`.
    #[inline]
    pub fn write_i16(&mut self, value: i16) {
        self.write_slice(&value.to_be_bytes());
    }

    /// A big-endian `uint16`.
    #[inline]
    pub fn write_u16(&mut self, value: u16) {
        self.write_slice(&value.to_be_bytes());
    }

    /// A big-endian `int32`.
    #[inline]
    pub fn write_i32(&mut self, value: i32) {
        self.write_slice(&value.to_be_bytes());
    }

    /// A big-endian `uint32`.
    #[inline]
    pub fn write_u32(&mut self, value: u32) {
        self.write_slice(&value.to_be_bytes());
    }

    /// A big-endian `int64`.
    #[inline]
    pub fn write_i64(&mut self, value: i64) {
        self.write_slice(&value.to_be_bytes());
    }

    /// A big-endian IEEE 754 `float64`.
    #[inline]
    pub fn write_f64(&mut self, value: f64) {
        self.write_slice(&value.to_be_bytes());
    }

    /// An unsigned LEB128 integer.
    #[inline]
    pub fn write_uvarint(&mut self, value: u32) {
        if value < 0x80 {
            self.bytes.push(value as u8);
        } else {
            self.write_leb128(u64::from(value));
        }
    }

    /// A zig-zag LEB128 integer of 32 bits (used inside record batches).
    #[inline]
    pub fn write_varint(&mut self, value: i32) {
        self.write_uvarint(((value << 1) ^ (value >> 31)) as u32);
    }

    /// A zig-zag LEB128 integer of 64 bits (used inside record batches).
    #[inline]
    pub fn write_varlong(&mut self, value: i64) {
        self.write_leb128(((value << 1) ^ (value >> 63)) as u64);
    }

    fn write_leb128(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// The length before a string; `None` is null. The caller keeps `len` within `MAX_STRING`.
    #[inline]
    pub fn write_string_len(&mut self, len: Option<usize>, flexible: bool) {
        debug_assert!(len.unwrap_or(0) <= super::MAX_STRING);
        if flexible {
            self.write_uvarint(len.map_or(0, |n| n as u32 + 1));
        } else {
            self.write_i16(len.map_or(-1, |n| n as i16));
        }
    }

    /// The length before bytes or records, or the count before an array; `None` is null.
    #[inline]
    pub fn write_len(&mut self, len: Option<usize>, flexible: bool) {
        // A frame's size is an int32, so what is longer could not be sent anyway.
        debug_assert!(len.unwrap_or(0) <= i32::MAX as usize);
        if flexible {
            self.write_uvarint(len.map_or(0, |n| n as u32 + 1));
        } else {
            self.write_i32(len.map_or(-1, |n| n as i32));
        }
    }

    /// A tagged field: its tag, the size of what `value` writes, and that.
    pub fn write_tagged(&mut self, tag: u32, value: impl FnOnce(&mut Writer)) {
        self.write_uvarint(tag);
        let size_at = self.bytes.len();
        self.bytes.push(0);
        value(self);
        let size = self.bytes.len() - size_at - 1;
        debug_assert!(self.externals.last().is_none_or(|e| e.at <= size_at));
        if size < 0x80 {
            self.bytes[size_at] = size as u8;
            return;
        }
        let mut prefix = Writer::new();
        prefix.write_uvarint(size as u32);
        self.bytes.splice(size_at..=size_at, prefix.bytes);
    }

    /// Overwrites the four bytes at `at` with a big-endian `int32`, say a frame's size that is
    /// known only now. `at` must be within what was written.
    pub fn patch_i32(&mut self, at: usize, value: i32) {
        assert!(at + 4 <= self.bytes.len(), "patch at {at} is outside {} bytes", self.bytes.len());
        self.bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
}
