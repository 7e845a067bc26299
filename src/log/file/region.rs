//! A file of the log as the network sends from it.

use super::GrowingFile;
use crate::net::Region;
use std::os::fd::{AsFd, BorrowedFd};

impl Region for GrowingFile {
    fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    fn bytes(&self, start: u64, len: u32) -> Option<&[u8]> {
        self.slice(start, u64::from(len)).ok()
    }

    fn is_intact(&self) -> bool {
        self.intact().is_ok()
    }
}
