//! Why bytes could not be read: which field, at which byte, and what was wrong with it.
//!
//! The connection that sent them is closed (Kafka answers nothing to a body that it cannot parse),
//! so this text is all that an operator will ever see of the problem.

use std::fmt;

/// A byte string that is not the message it was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeError {
    /// The innermost declared field, as `Struct.field`; empty when none is known.
    pub field: &'static str,
    /// Where the value in question starts, in bytes from the start of the reader's input.
    pub at: usize,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The value needs more bytes than are left.
    Truncated {
        /// Bytes that the value takes.
        needed: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// An array claims more elements than there are bytes left.
    TooManyElements {
        /// The count that was read.
        count: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// A string longer than 32767 bytes.
    StringTooLong(usize),
    /// A string that is not UTF-8.
    NotUtf8,
    /// Null where this version does not allow it.
    UnexpectedNull,
    /// A variable-length integer that does not end or does not fit its type.
    BadVarint,
    /// A tagged field whose value does not take the bytes that its size says.
    BadTagSize {
        /// The tag.
        tag: u32,
        /// Bytes of its size that the value did not use.
        unused: usize,
    },
    /// A version that this message does not have.
    UnknownVersion(i16),
    /// A number that names no request.
    UnknownApiKey(i16),
    /// A metadata record type that is not known.
    UnknownRecordType(u32),
    /// A metadata record in a frame of another version.
    UnknownFrameVersion(u32),
    /// 0 where it stands for a value that the sender does not know itself.
    Unknown,
}

impl DecodeError {
    /// An error in a value that starts at `at`; the declaration adds the field's name.
    #[cold]
    pub fn new(at: usize, reason: Reason) -> Self {
        DecodeError { field: "", at, reason }
    }

    /// Names the field, unless an inner one has been named already.
    #[cold]
    #[must_use]
    pub fn within(mut self, field: &'static str) -> Self {
        if self.field.is_empty() {
            self.field = field;
        }
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{} ", self.field)?;
        }
        write!(f, "at byte {}: {}", self.at, self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Truncated { needed, left } => {
                write!(f, "the value takes {needed} bytes, {left} are left")
            }
            Reason::TooManyElements { count, left } => {
                write!(f, "{count} elements cannot be in the {left} bytes that are left")
            }
            Reason::StringTooLong(n) => {
                write!(f, "a string of {n} bytes is longer than {}", super::MAX_STRING)
            }
            Reason::NotUtf8 => f.write_str("the string is not UTF-8"),
            Reason::UnexpectedNull => f.write_str("null is not allowed in this version"),
            Reason::BadVarint => f.write_str("the variable-length integer is too long"),
            Reason::BadTagSize { tag, unused } => {
                write!(f, "tagged field {tag} leaves {unused} bytes of its size unused")
            }
            Reason::UnknownVersion(v) => write!(f, "there is no version {v} of this message"),
            Reason::UnknownApiKey(k) => write!(f, "there is no request with the key {k}"),
            Reason::UnknownRecordType(t) => write!(f, "there is no metadata record of type {t}"),
            Reason::UnknownFrameVersion(v) => {
                write!(f, "a metadata record in a frame of version {v}, not 1")
            }
            Reason::Unknown => {
                f.write_str("0 means unknown, and what is unknown cannot be asked for")
            }
        }
    }
}

impl std::error::Error for DecodeError {}
