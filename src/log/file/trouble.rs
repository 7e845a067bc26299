//! What is wrong with a file that no error code of the system tells: the sources of an
//! [`io::Error`], by which [`crate::log::StorageError`] knows them again.

use std::fmt;
use std::io;

/// A mapped page of the file could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Faulted {
    /// The first byte that was asked for in vain.
    pub(crate) byte: u64,
}

impl fmt::Display for Faulted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let byte = self.byte;
        write!(f, "byte {byte} is not there any more: the file was truncated, or its disk fails")
    }
}

impl std::error::Error for Faulted {}

impl From<Faulted> for io::Error {
    fn from(faulted: Faulted) -> io::Error {
        io::Error::other(faulted)
    }
}

/// The file has fewer bytes than were written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short {
    /// Bytes that it has.
    pub(crate) has: u64,
    /// Bytes that it must have.
    pub(crate) needs: u64,
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Short { has, needs } = self;
        write!(f, "it has {has} bytes, {needs} were written to it: somebody has truncated it")
    }
}

impl std::error::Error for Short {}

impl From<Short> for io::Error {
    fn from(short: Short) -> io::Error {
        io::Error::new(io::ErrorKind::UnexpectedEof, short)
    }
}

/// More was asked for than was published in it. No disk does that: whoever asked has a bound that is not one of this
/// file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beyond {
    /// The bytes that were asked for.
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Bytes that were published when it was found out.
    pub(crate) len: u64,
    /// Nobody writes to it, or not through this.
    pub(crate) is_sealed: bool,
}

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Beyond { from, to, len, is_sealed } = self;
        let state = if *is_sealed { "not written to" } else { "written to" };
        write!(
            f,
            "bytes {from} to {to} were asked for, of {len} in a file that is {state}; the disk has nothing to do with \
             it, please report this"
        )
    }
}

impl std::error::Error for Beyond {}

impl From<Beyond> for io::Error {
    fn from(beyond: Beyond) -> io::Error {
        io::Error::new(io::ErrorKind::UnexpectedEof, beyond)
    }
}

/// The name of the file is another one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replaced;

impl fmt::Display for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is another file than it was: somebody has replaced it")
    }
}

impl std::error::Error for Replaced {}

impl From<Replaced> for io::Error {
    fn from(replaced: Replaced) -> io::Error {
        io::Error::other(replaced)
    }
}
