//! Putting a cleaned segment in the place of those that it replaces, in a log that is read and
//! written meanwhile, such that a crash at any moment leaves the old or the new
//! (LocalLog.replaceSegments).
//!
//! 1. `.cleaned` files are on the disk. A crash throws them away.
//! 2. They are renamed to `.swap`, the `.log` last. From here on a crash completes the swap.
//! 3. Readers find the new segment. Those that have the old ones keep them.
//! 4. The old files are renamed to `.deleted`, to be removed later; those of the segment that the last
//!    batch came from when the others are gone for sure, for it bears that batch out ([`super::reach`]).
//! 5. `.swap` is taken off the new ones, the `.log` last.
//!
//! The directory is flushed between the steps, so that a power cut finds them in this order too.

use super::error::CleanError;
use super::output::{self, Finished, Output};
use crate::log::delete::delete_snapshot;
use crate::log::error::StorageError;
use crate::log::segment::Segment;
use crate::log::{Log, names, steps, sync};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};

impl Log {
    /// Begins a cleaned segment, unless the log is closed or deleted.
    pub(super) fn begin_output(&self, base: i64) -> Result<Output, CleanError> {
        // Under the lock the directory does not become another log's before the file is there.
        let writer = self.lock_writer();
        if writer.closed {
            return Err(CleanError::Stopped);
        }
        Ok(Output::create(self.home.clone(), base, writer.config.index_interval_bytes)?)
    }

    /// Puts a cleaned segment in the place of `old`: neighbours that nobody writes to, with the sizes
    /// that they had when they were read.
    ///
    /// # Errors
    /// `Stopped` if the log is closed, deleted or has other segments by now. Otherwise when a file
    /// cannot be opened or renamed: the log goes on with what it has, and the next start either
    /// throws the new segment away or completes the swap.
    pub(super) fn swap_in(
        &self,
        new: &Finished,
        old: &[(Arc<Segment>, u64)],
    ) -> Result<(), CleanError> {
        let _upkeep = self.lock_upkeep();
        let dir = self.dir();
        if !self.may_replace(&dir, new, old) {
            return Err(CleanError::Stopped);
        }
        match self.swap_at(&dir, new, old) {
            // Where nothing is there any more, nothing can be brought to the disk.
            Err(_) if self.dir() != dir => Err(CleanError::Stopped),
            done => done,
        }
    }

    fn swap_at(
        &self,
        dir: &Path,
        new: &Finished,
        old: &[(Arc<Segment>, u64)],
    ) -> Result<(), CleanError> {
        let segment = self.prepare(dir, new, old).inspect_err(|_| {
            old.iter().for_each(|(segment, _)| segment.let_go_of_files());
            self.home.while_at(dir, || forget_swap(dir, new.segment.base));
        })?;
        self.put_in_place(&segment, old);
        steps::reached(dir);
        let delay = self.delete_delay();
        // A snapshot that is still to be written must not come back after it was deleted.
        self.backlog.settle();
        let last_batch = new.last_batch.unwrap_or(new.segment.base);
        let origin = old.partition_point(|(segment, _)| segment.base <= last_batch);
        let is_origin = |at: usize| at + 1 == origin.max(1);
        let others = old.iter().enumerate().filter(|(at, _)| !is_origin(*at));
        let origins = old.iter().enumerate().filter(|(at, _)| is_origin(*at));
        for (at, (segment, _)) in others.chain(origins) {
            if is_origin(at) && old.len() > 1 {
                sync::dir(dir)?;
            }
            let rename = || {
                let mut files = segment.rename_deleted(dir)?;
                if segment.base != new.segment.base {
                    files.extend(delete_snapshot(dir, segment.base));
                }
                Ok::<_, StorageError>(files)
            };
            let files = self.home.while_at(dir, rename).ok_or(CleanError::Stopped)??;
            steps::reached(dir);
            self.keepers.janitor.remove(files, delay);
        }
        sync::dir(dir)?;
        self.home.while_at(dir, || segment.complete_swap(dir)).ok_or(CleanError::Stopped)??;
        Ok(sync::dir(dir)?)
    }

    /// Whether the log still has just these segments there, and is not written to in any of them.
    fn may_replace(&self, dir: &Path, new: &Finished, old: &[(Arc<Segment>, u64)]) -> bool {
        let segments = self.segments();
        let at = segments.partition_point(|segment| segment.base < new.segment.base);
        let there = segments.get(at..).unwrap_or_default();
        let same = |(there, (old, size)): (&Arc<Segment>, &(Arc<Segment>, u64))| {
            Arc::ptr_eq(there, old) && old.size() == *size
        };
        let unchanged = there.len() > old.len() && there.iter().zip(old).all(same);
        *dir == *new.dir && !self.lock_writer().closed && unchanged
    }

    /// Makes everything ready for the moment in which readers find the new segment.
    fn prepare(
        &self,
        dir: &Path,
        new: &Finished,
        old: &[(Arc<Segment>, u64)],
    ) -> Result<Arc<Segment>, CleanError> {
        self.home
            .while_at(dir, || become_swap(dir, new.segment.base))
            .ok_or(CleanError::Stopped)??;
        sync::dir(dir)?;
        let open = || {
            let segment = Segment::swapping(dir, &new.segment)?;
            old.iter().try_for_each(|(segment, _)| segment.keep_files(dir))?;
            Ok::<_, StorageError>(Arc::new(segment))
        };
        Ok(self.home.while_at(dir, open).ok_or(CleanError::Stopped)??)
    }

    /// From here on readers find the new segment.
    fn put_in_place(&self, new: &Arc<Segment>, old: &[(Arc<Segment>, u64)]) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let at = segments.partition_point(|segment| segment.base < new.base);
        old.iter().for_each(|(segment, _)| segment.set_replaced());
        // The log may only have grown meanwhile, for whoever takes segments away needs the upkeep.
        let gone: Vec<_> = segments.splice(at..at + old.len(), [new.clone()]).collect();
        let same = |(gone, (old, _)): (&Arc<Segment>, &(Arc<Segment>, u64))| Arc::ptr_eq(gone, old);
        assert!(gone.iter().zip(old).all(same), "only what was cleaned is replaced");
        debug_assert!(segments.is_sorted_by_key(|segment| segment.base));
    }
}

/// Takes a swap back that no reader has seen. As long as a `.cleaned` file is there a start takes it
/// back, too; without it, or without the `.log`, what is left would be put in the old files' places.
fn forget_swap(dir: &Path, base: i64) {
    let [log, others @ ..] = names::segment_files(dir, base);
    let _ = fs::rename(names::swapped(&log), names::cleaned(&log));
    let _ = sync::dir(dir);
    for path in &others {
        steps::reached(dir);
        let _ = fs::remove_file(names::swapped(path));
    }
    steps::reached(dir);
    output::remove(dir, base);
}

/// Renames the `.cleaned` files to `.swap`, the `.log` last: when it has that name, all have it.
fn become_swap(dir: &Path, base: i64) -> Result<(), StorageError> {
    let [log, others @ ..] = names::segment_files(dir, base);
    for path in others.iter().chain([&log]) {
        steps::reached(dir);
        let from = names::cleaned(path);
        match fs::rename(&from, names::swapped(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && *path != log => {}
            done => done.map_err(StorageError::on("rename", &from))?,
        }
    }
    Ok(())
}

/// What was never swapped in goes.
impl Drop for Finished {
    fn drop(&mut self) {
        self.home.while_at(&self.dir, || output::remove(&self.dir, self.segment.base));
    }
}
