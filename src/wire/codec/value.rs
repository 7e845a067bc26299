//! What every field type can do: be read, be written, have an empty value, describe itself.
//!
//! One trait for plain values, one for those that can be null, so that a declaration needs no case
//! distinction: Kafka's rules for null and for compact forms live here, once.

use super::{DecodeError, Reader, Reason, Writer};
use crate::wire::schema::{Schema, Struct, Type, Versions};

/// In which form a field is to be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// The message's version.
    pub version: i16,
    /// True for compact lengths and tagged fields (KIP-482).
    pub flexible: bool,
    /// True where this version lets the field be null.
    pub nullable: bool,
    /// True for a tagged field, where a struct marks null otherwise than elsewhere.
    pub tagged: bool,
}

/// A type that a field can have.
pub trait Value<'a>: Copy + PartialEq {
    /// How the schema calls it.
    const TYPE: Type;
    /// The value of a field that declares no default and is absent from a version.
    const EMPTY: Self;
    /// Bytes that every value takes, or 0 when that varies.
    const SIZE: usize = 0;
    /// Reads one value.
    fn read(r: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError>;
    /// Writes it.
    fn write(&self, w: &mut Writer, form: Form);
}

/// A type whose null the protocol can express.
pub trait Nullable<'a>: Value<'a> {
    /// What a nullable field is when it declares no default: not null, but for records.
    const EMPTY_OPTION: Option<Self> = Some(Self::EMPTY);
    /// Reads a value or null, as far as `form` allows null.
    fn read_option(r: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError>;
    /// Writes null.
    fn write_null(w: &mut Writer, form: Form);
    /// Writes a value that is not null where null is allowed: only a struct marks the difference.
    #[inline]
    fn write_some(&self, w: &mut Writer, form: Form) {
        self.write(w, form);
    }
}

/// A declared structure: a message's body, or a part of it.
///
/// All versions of one message share the type: a field that a version lacks takes its default on
/// decode and is dropped on encode.
pub trait Message<'a>: Sized {
    /// The first version with compact forms and tagged fields; `i16::MAX` when there is none.
    const FLEXIBLE_FROM: i16;
    /// The declaration as data.
    const STRUCT: &'static Struct;
    /// Reads it; bytes behind it stay in the reader.
    fn decode(r: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError>;
    /// Writes it. `version` must be one that the message has.
    fn encode(&self, w: &mut Writer, version: i16);
}

/// A whole message: a request, a response or a record, not a part of one.
pub trait Root<'a>: Message<'a> {
    /// Its number: an API key, or the type of a metadata record.
    const KEY: i16;
    /// The versions that it has.
    const VERSIONS: Versions;
    /// The declaration as data.
    const SCHEMA: &'static Schema;
}

/// Record batches as a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records<'a> {
    /// The batches themselves.
    Bytes(&'a [u8]),
    /// So many bytes that the writer does not hold (a file range); only encodes.
    External(u32),
}

impl<'a> Records<'a> {
    /// The batches, where they are here.
    #[inline]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Records::Bytes(bytes) => Some(bytes),
            Records::External(_) => None,
        }
    }

    /// Size in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Records::Bytes(bytes) => bytes.len(),
            Records::External(len) => *len as usize,
        }
    }

    /// True when there are no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Fixed-size values: the Rust type, Kafka's name, the empty value, and how to read and write.
macro_rules! fixed {
    ($($rust:ty: $kafka:ident, $size:literal, $empty:expr, $read:ident, $write:ident;)+) => {$(
        impl<'a> Value<'a> for $rust {
            const TYPE: Type = Type::$kafka;
            const EMPTY: Self = $empty;
            const SIZE: usize = $size;
            #[inline]
            fn read(r: &mut Reader<'a>, _: Form) -> Result<Self, DecodeError> {
                r.$read()
            }
            #[inline]
            fn write(&self, w: &mut Writer, _: Form) {
                w.$write(*self);
            }
        }
    )+};
}

fixed! {
    bool: Bool, 1, false, read_bool, write_bool;
    i8: Int8, 1, 0, read_i8, write_i8;
    i16: Int16, 2, 0, read_i16, write_i16;
    u16: Uint16, 2, 0, read_u16, write_u16;
    i32: Int32, 4, 0, read_i32, write_i32;
    u32: Uint32, 4, 0, read_u32, write_u32;
    i64: Int64, 8, 0, read_i64, write_i64;
    f64: Float64, 8, 0.0, read_f64, write_f64;
}

impl<'a> Value<'a> for &'a [u8] {
    const TYPE: Type = Type::Bytes;
    const EMPTY: Self = &[];
    #[inline]
    fn read(r: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        read_required(r, form)
    }
    #[inline]
    fn write(&self, w: &mut Writer, form: Form) {
        w.write_len(Some(self.len()), form.flexible);
        w.write_slice(self);
    }
}

impl<'a> Nullable<'a> for &'a [u8] {
    #[inline]
    fn read_option(r: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
        match r.read_len(form.flexible)? {
            Some(len) => r.read_slice(len).map(Some),
            None => Ok(None),
        }
    }
    #[inline]
    fn write_null(w: &mut Writer, form: Form) {
        w.write_len(None, form.flexible);
    }
}

impl<'a> Value<'a> for Records<'a> {
    const TYPE: Type = Type::Records;
    const EMPTY: Self = Records::Bytes(&[]);
    #[inline]
    fn read(r: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        <&[u8]>::read(r, form).map(Records::Bytes)
    }
    #[inline]
    fn write(&self, w: &mut Writer, form: Form) {
        match self {
            Records::Bytes(bytes) => bytes.write(w, form),
            Records::External(len) => {
                w.write_len(Some(*len as usize), form.flexible);
                w.write_external(*len);
            }
        }
    }
}

impl<'a> Nullable<'a> for Records<'a> {
    const EMPTY_OPTION: Option<Self> = None;
    #[inline]
    fn read_option(r: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
        Ok(<&[u8]>::read_option(r, form)?.map(Records::Bytes))
    }
    #[inline]
    fn write_null(w: &mut Writer, form: Form) {
        w.write_len(None, form.flexible);
    }
}

impl<'a, T: Nullable<'a>> Value<'a> for Option<T> {
    const TYPE: Type = T::TYPE;
    const EMPTY: Self = T::EMPTY_OPTION;
    #[inline]
    fn read(r: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        if form.nullable { T::read_option(r, form) } else { T::read(r, form).map(Some) }
    }
    /// Null in a version that has none for this field is a mistake of ours; it goes out empty.
    #[inline]
    fn write(&self, w: &mut Writer, form: Form) {
        match self {
            Some(value) if form.nullable => value.write_some(w, form),
            Some(value) => value.write(w, form),
            None if form.nullable => T::write_null(w, form),
            None => {
                debug_assert!(false, "null in version {}, which has none", form.version);
                T::EMPTY.write(w, form);
            }
        }
    }
}

/// Reads a value that has a null form where null is not allowed.
#[inline]
pub(super) fn read_required<'a, T: Nullable<'a>>(
    r: &mut Reader<'a>,
    form: Form,
) -> Result<T, DecodeError> {
    let at = r.position();
    match T::read_option(r, form)? {
        Some(value) => Ok(value),
        None => Err(DecodeError::new(at, Reason::UnexpectedNull)),
    }
}
