//! The codec under the declarations: reading and writing Kafka's primitive types.
//!
//! Decoding is total and borrows: any byte string gives a value or a [`DecodeError`] that says
//! which field, where and why; strings, bytes and arrays stay slices of the input. Nothing here may
//! panic on input, read past its slice, or allocate while it decodes.
//!
//! The encodings are those of Kafka's message generator (`MessageDataGenerator.java`) and of
//! `ByteUtils.java` for the variable-length integers (KIP-482 for the compact forms).

mod array;
mod decode_error;
mod reader;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod writer;

pub use array::{Array, Encoded, Iter, Wire};
pub use decode_error::{DecodeError, Reason};
pub use reader::Reader;
pub use value::{Form, Message, Nullable, Records, Root, Value};
pub use writer::{External, Told, Writer};

/// The longest string that the protocol can carry, in bytes, in both forms.
pub const MAX_STRING: usize = 0x7fff;
