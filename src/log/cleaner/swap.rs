//! Putting a cleaned segment in the place of those that it replaces, in a log that is read and
//! written meanwhile, such that a crash at any moment leaves the old or the new
//! (LocalLog.replaceSegments).
//!
//! 1. `.cleaned` files are on the disk. A crash throws them away.
//! 2. They are renamed to `.swap`, the `.log` last. From here on a crash completes the swap.
//! 3. Readers find the new segment. Those that have the old ones keep them.
//! 4. The old files are renamed to `.deleted`, to be removed later.
//! 5. `.swap` is taken off the new ones, the `.log` last.
//!
//! The directory is flushed between the steps, so that a power cut finds them in this order too.

use super::error::CleanError;
use super::files::{CLEANED, SWAP, with_suffix};
use super::output::{self, Finished, Output};
use crate::log::error::StorageError;
use crate::log::segment::Segment;
use crate::log::{Log, names};
use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, PoisonError};

impl Log {
    /// Begins a cleaned segment, unless the log is closed or deleted.
    pub(super) fn begin_output(&self, base: i64) -> Result<Output, CleanError> {
        // The directory must not become another log's before the file is there.
        let writer = self.lock_writer();
        if writer.closed {
            return Err(CleanError::Stopped);
        }
        Ok(Output::create(self.dir(), base, writer.config.index_interval_bytes)?)
    }

    /// Puts a cleaned segment in the place of `old`, which are neighbours and not written to.
    ///
    /// # Errors
    /// `Stopped` if the log has been deleted or has other segments by now; otherwise when a file
    /// cannot be renamed: then the log goes on with what it has, and the next start completes it.
    pub(super) fn swap_in(&self, new: Finished, old: &[Arc<Segment>]) -> Result<(), CleanError> {
        let _upkeep = self.lock_upkeep();
        let dir = self.dir();
        if !self.may_replace(old, &new) {
            output::remove(&dir, new.base);
            return Err(CleanError::Stopped);
        }
        step("cleaned");
        rename_all(&dir, new.base, CLEANED, SWAP)?;
        step("swap");
        let segment = Segment::swapped_in(new.base, new.size, new.largest);
        // A snapshot that is still to be written must not come back after it was deleted.
        self.backlog.help();
        self.replace(old, Arc::new(segment).clone());
        Ok(())
    }
}
