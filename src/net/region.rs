//! A range of a file on its way to a socket.
//!
//! What a reply may point at instead of carrying bytes: the bytes go from the page cache to the
//! socket (`sendfile` for large ranges, one gathered write from the mapping for small ones) and
//! never through a buffer of ours. This module knows nothing of what the bytes mean; whoever
//! implements [`Region`] keeps the file and its mapping alive and unchanged in the ranges that it
//! has handed out.

use std::fmt;
use std::os::fd::AsFd;
use std::sync::Arc;

/// A file, and perhaps its mapping, that replies may be sent from.
pub trait Region: Send + Sync {
    /// The open file that holds the bytes; where there is none at the moment, they are mapped.
    fn file(&self) -> Option<Arc<dyn AsFd>>;

    /// The bytes themselves if they are mapped and readable without waiting for a disk, else
    /// `None`: then they are sent by `sendfile`, whatever their size.
    fn bytes(&self, start: u64, len: u32) -> Option<&[u8]>;

    /// Whether the file still holds what was written to it, as far as is known. Once it does not,
    /// nothing of it is sent any more.
    fn is_intact(&self) -> bool {
        true
    }
}

/// `len` bytes of `region` from byte `start` on.
#[derive(Clone)]
pub struct FileRange {
    /// Where the bytes are; kept alive until the last of them is sent.
    pub region: Arc<dyn Region>,
    /// The first byte's position in the file.
    pub start: u64,
    /// How many bytes.
    pub len: u32,
}

impl FileRange {
    /// The range as bytes, where it is mapped.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.region.bytes(self.start, self.len)
    }

    /// Leaves out the first `n` bytes: they have been sent.
    pub(crate) fn advance(&mut self, n: u32) {
        assert!(n <= self.len, "{n} bytes sent of a range that has {}", self.len);
        self.start += u64::from(n);
        self.len -= n;
    }
}

impl fmt::Debug for FileRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileRange")
            .field("start", &self.start)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
