//! A file of the log as the network sends from it.

use super::GrowingFile;
use crate::net::Region;
use std::os::fd::AsFd;
use std::sync::Arc;

impl Region for GrowingFile {
    fn file(&self) -> Option<Arc<dyn AsFd>> {
        self.opened().map(|opened| opened as Arc<dyn AsFd>)
    }

    fn bytes(&self, start: u64, len: u32) -> Option<&[u8]> {
        self.slice(start, u64::from(len)).ok()
    }

    fn is_intact(&self) -> bool {
        self.intact().is_ok()
    }
}
