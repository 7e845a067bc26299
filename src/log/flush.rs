//! One flush of one log: what is brought to the disk, in which order, and what follows from it.
//!
//! First the records, then the files of segments that were rolled (they have their final form
//! then: reserve cut off, indexes and snapshot beside them), then the names in the directory, then
//! what makes the directory itself findable. Only when all of it is there has anything been
//! flushed. The kernel reports a failed write-back once per open file: the segments that are not
//! flushed stay open until they are.

use super::backlog::{FinalFiles, Finished};
use super::changes::Change;
use super::durability::{Durability, Waiting, Work};
use super::error::StorageError;
use super::ground::Ground;
use super::milestone::Milestone;
use super::segment::{Segment, SegmentFiles};
use super::{names, steps, sync};
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

/// Small files of a partition that are written when it is made or its leadership changes.
const SIDE_FILES: [&str; 3] = ["partition.metadata", "leader-epoch-checkpoint", "quorum-state"];

/// A flush that has begun: everything below `end` is its business.
pub(super) struct Begun<'a> {
    log: &'a Durability,
    work: MutexGuard<'a, Work>,
    waiting: Waiting,
    end: i64,
    from: i64,
    /// It ends there, and leaves what the log has beyond.
    short: Option<Milestone>,
    /// Where the segment began that was written to.
    active: i64,
    names_made: u64,
    appended: u64,
    finished: Vec<Finished>,
}

impl Durability {
    /// Brings everything that was appended before the call to the disk, and tells who waits.
    ///
    /// # Errors
    /// When the disk fails, now or earlier.
    pub(crate) fn flush(&self, ground: &Ground) -> Result<i64, StorageError> {
        let work = self.lock_work();
        if self.is_over() {
            drop(work);
            return self.turn_away(ground);
        }
        let begun = self.begin(work);
        let outcome = begun.sync(ground);
        begun.commit(outcome, ground)
    }

    /// The same, but leaves the last of it if the log is written to just now and nobody waits: so appends
    /// meet no page that the flush has protected. Tells since when what it leaves has been there; the
    /// caller must see to it that it is flushed in time.
    ///
    /// # Errors
    /// When the disk fails, now or earlier.
    pub(super) fn flush_behind(&self, ground: &Ground) -> Result<Option<Instant>, StorageError> {
        let work = self.lock_work();
        if self.is_over() {
            drop(work);
            return self.turn_away(ground).map(|_| None);
        }
        if let Some(since) = self.left_since().filter(|&since| self.may_wait(since, ground)) {
            return Ok(Some(since));
        }
        let begun = self.begin(work).stop_short(ground);
        let left = begun.short.map(|short| short.at);
        let outcome = begun.sync(ground);
        begun.commit(outcome, ground).map(|_| left)
    }

    /// Whether what the last flush has left may go on waiting; the first of it came at `since`. Asked of
    /// a log that has not got to a later place to flush to.
    fn may_wait(&self, since: Instant, ground: &Ground) -> bool {
        let due = ground.delay_of(self).and_then(|delay| since.checked_add(delay));
        due.is_some_and(|due| due > Instant::now())
            && self.nobody_waits()
            && !ground.is_too_much(self.unflushed_bytes())
    }

    /// Notes that the whole volume was brought to the disk after the last append.
    ///
    /// # Errors
    /// When something of this log was not.
    pub(crate) fn covered(&self, ground: &Ground) -> Result<i64, StorageError> {
        let work = self.lock_work();
        if self.is_over() {
            drop(work);
            return self.turn_away(ground);
        }
        let begun = self.begin(work);
        let outcome = begun.check();
        begun.commit(outcome, ground)
    }

    /// Begins a flush, unless one is under way or the log takes none any more.
    pub(super) fn try_begin(&self) -> Option<Begun<'_>> {
        let work = self.work.try_lock().ok()?;
        (!self.is_over()).then(|| self.begin(work))
    }

    fn begin<'a>(&'a self, work: MutexGuard<'a, Work>) -> Begun<'a> {
        // First who waits, then the end: whoever comes in between asks again. Then the names, for those
        // of what lies below the end were noted before it was published.
        let waiting = self.take_orders();
        let appended = self.appended.load(Ordering::Relaxed);
        let (end, from) = (self.marks.get().log_end.offset, self.flushed());
        steps::reached(&self.dir());
        let names_made = self.names_made.load(Ordering::Acquire);
        let active = self.active_base();
        if self.backlog.finish().is_err() {
            // It has said why. Such files are never trusted without a check.
            self.uncut.store(true, Ordering::Release);
        }
        let finished = self.backlog.take_finished();
        let short = None;
        Begun { log: self, work, waiting, end, from, short, active, names_made, appended, finished }
    }

    /// Where the segment begins that is written to.
    fn active_base(&self) -> i64 {
        self.read_segments().last().map_or(0, |active| active.base)
    }

    /// Tells those who wait for a flush that will not be.
    fn turn_away(&self, ground: &Ground) -> Result<i64, StorageError> {
        tell(self.take_orders(), None, ground);
        self.failure().map_or_else(|| Ok(self.flushed()), Err)
    }
}

impl Begun<'_> {
    /// Leaves what is written to just now, if it may.
    fn stop_short(mut self, ground: &Ground) -> Self {
        if self.waiting.is_nobody()
            && let Some(short) = self.log.milestone.beyond(self.from)
            && short.end.offset < self.end
            && !ground.is_too_much(self.appended.saturating_sub(short.appended))
        {
            (self.end, self.appended, self.short) = (short.end.offset, short.appended, Some(short));
        }
        self
    }

    /// Brings everything to the disk.
    pub(super) fn sync(&self, ground: &Ground) -> Result<(), StorageError> {
        let dir = self.log.dir();
        if self.from < self.end {
            self.sync_records(&dir)?;
        }
        // Nobody shall wait for these any more, whatever keeps them from counting as flushed.
        self.log.share.written_to(self.appended);
        for finished in &self.finished {
            finished.sync(&dir)?;
        }
        if self.work.names_synced < self.names_made {
            for name in SIDE_FILES {
                there(sync::file_at(&dir.join(name)))?;
            }
            if !self.work.settled {
                self.sync_found_indexes(&dir)?;
            }
            sync::dir(&dir)?;
        }
        ground.settle(self.log, self.work.settled, &dir)
    }

    /// Opening the log may have made the last segment's indexes anew, and nothing may ever be appended to it:
    /// a close must not leave them to the system.
    fn sync_found_indexes(&self, dir: &Path) -> Result<(), StorageError> {
        sync_index_files(dir, self.active)
    }

    fn sync_records(&self, dir: &Path) -> Result<(), StorageError> {
        let active = self.log.read_segments().last().map(|active| active.base);
        for segment in self.segments() {
            if segment.is_deleted() {
                continue; // What is given up need not be on the disk.
            }
            let path = names::log_file(dir, segment.base);
            steps::reached(dir);
            let open = || (!self.log.is_retired()).then(|| segment.files_for_now(dir));
            let (files, is_ours) = match self.log.home.while_at(dir, open).flatten() {
                // By now the name may be that of another log's file, which would pass for its own; or nobody will
                // ask it to close what is opened.
                None => return Err(deleted(&path)),
                Some(Err(error)) if error.is_missing() && !self.has(segment.base) => continue,
                Some(files) => files?,
            };
            // A lean one is opened once, and what is lacking then says nothing of the disk.
            let opened = files.log.file().map_err(StorageError::on("open", &path))?;
            let is_active = Some(segment.base) == active;
            let short = self.short.filter(|short| short.end.segment == segment.base);
            let end = short.map_or_else(|| files.log.len(), |short| short.end.byte);
            let written = files.log.write_out(end, |n| self.log.share.written(n, self.appended));
            written.map_err(StorageError::on("flush", &path))?;
            match short {
                Some(short) => sync::front(&files.log, short.end.byte, &path)?,
                None if is_active => sync::front(&files.log, files.log.len(), &path)?,
                None => sync::file(&opened, &path)?,
            }
            // What somebody has truncated is not on the disk, and no sync says so.
            files.log.is_whole().map_err(StorageError::on("flush", &path))?;
            if is_active && self.short.is_some() {
                files.log.flushed_behind();
            } else if is_active {
                files.log.flushed();
            } else {
                // Perhaps a recovery has just made them.
                files.sync_indexes(dir)?;
            }
            if is_ours {
                segment.release(&files);
            }
        }
        Ok(())
    }

    /// What a flush of the whole volume has covered is checked for errors that it did not see.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        let dir = self.log.dir();
        let opened =
            self.segments().iter().filter_map(|segment| segment.opened()).collect::<Vec<_>>();
        for files in opened.iter().chain(self.finished.iter().filter_map(|one| one.files.opened()))
        {
            let path = names::log_file(&dir, files.base());
            let _opened = files.log.file().map_err(StorageError::on("open", &path))?;
            let intact = files.log.write_back_error().and_then(|()| files.log.is_whole());
            intact.map_err(StorageError::on("flush", &path))?;
            files.log.flushed();
        }
        Ok(())
    }

    /// The segments that have something to flush.
    fn segments(&self) -> Vec<Arc<Segment>> {
        let mut segments = self.log.read_segments();
        if self.short.is_some() {
            segments.truncate(segments.partition_point(|segment| segment.base < self.end));
        }
        let after = segments.partition_point(|segment| segment.base <= self.from);
        segments.split_off(after.saturating_sub(1))
    }

    fn has(&self, base: i64) -> bool {
        self.log.read_segments().iter().any(|segment| segment.base == base)
    }

    /// Leaves everything to another flush.
    pub(super) fn abandon(self) {
        self.log.backlog.add_finished(self.finished);
        self.log.put_back(self.waiting);
    }

    /// Notes the outcome and tells who waits for it.
    pub(super) fn commit(
        mut self,
        outcome: Result<(), StorageError>,
        ground: &Ground,
    ) -> Result<i64, StorageError> {
        let log = self.log;
        if let Err(error) = outcome {
            return self.failed(error, ground);
        }
        self.work.names_synced = self.names_made;
        self.work.settled = true;
        log.flushed.fetch_max(self.end, Ordering::AcqRel);
        log.flushed_bytes.store(self.appended, Ordering::Relaxed);
        log.share.written_to(self.appended);
        if !log.uncut.load(Ordering::Acquire) {
            // Of a segment that was rolled meanwhile not everything is in its final form.
            let was_rolled = log.active_base() != self.active;
            let point = if was_rolled { self.end.min(self.active) } else { self.end };
            let before = log.recovery_point.fetch_max(point, Ordering::AcqRel);
            if before < point {
                ground.janitor.note(Change::RecoveryPoint);
            }
        }
        // Showing what was flushed may take the writer's lock, that others hold while they want
        // this one.
        let Begun { work, waiting, end, .. } = self;
        drop(work);
        tell(waiting, Some(end), ground);
        Ok(end)
    }

    fn failed(self, error: StorageError, ground: &Ground) -> Result<i64, StorageError> {
        let Begun { log, work, mut waiting, finished, .. } = self;
        if log.is_retired() {
            // Its files go while it is flushed.
        } else if is_of_catalog(log, &error, ground) || passes(&error) {
            // Nothing was asked of the disk, or nothing of this log's is lost: the next flush is as
            // good. Requests are answered now.
            if passes(&error) {
                ::log::warn!(partition:% = log.name, error:%; "not flushed");
            }
            log.backlog.add_finished(finished);
            let tickets = std::mem::take(&mut waiting.tickets);
            log.put_back(std::mem::replace(
                &mut waiting,
                Waiting { tickets, ..Waiting::default() },
            ));
        } else {
            let _ = log.failed.set((error.path.clone(), error.source.to_string()));
            log.share.give_up();
            ::log::error!(
                partition:% = log.name, error:%, recovery_point = log.recovery_point();
                "cannot flush, and what was not on the disk may be lost: once the disk is well, start the \
                 broker again, which checks the partition from its recovery point on; it is offline until \
                 then"
            );
        }
        drop(work);
        tell(waiting, None, ground);
        Err(error)
    }
}

/// The log was deleted while it was flushed.
fn deleted(path: &Path) -> StorageError {
    StorageError::new("flush", path, io::ErrorKind::NotFound.into())
}

/// Shows what was flushed, and wakes those whose last flush it was.
fn tell(waiting: Waiting, flushed: Option<i64>, ground: &Ground) {
    let mut keys: Vec<(usize, u64)> = Vec::new();
    let mut wake = |worker, key| keys.push((worker, key));
    if let (Some(listener), Some(offset)) = (waiting.listener, flushed) {
        listener.flushed(offset, waiting.bytes, &mut wake);
    }
    for ticket in waiting.tickets {
        if ticket.settle() {
            wake(ticket.worker, ticket.key);
        }
    }
    ground.deliver(keys);
}

impl Finished {
    /// A segment in its final form: all its files. A file that is gone was deleted meanwhile.
    fn sync(&self, dir: &Path) -> Result<(), StorageError> {
        match &self.files {
            FinalFiles::Open(files) => {
                sync::growing(&files.log, &names::log_file(dir, files.base()))?;
                files.sync_indexes(dir)?;
            }
            // Its records are flushed by themselves, if they are not on the disk already.
            FinalFiles::AtRest(base) => sync_index_files(dir, *base)?,
            FinalFiles::AsFound => {}
        }
        there(sync::file_at(&self.snapshot))
    }
}

impl SegmentFiles {
    /// Brings everything but the `.log` to the disk.
    fn sync_indexes(&self, dir: &Path) -> Result<(), StorageError> {
        let base = self.base();
        sync::growing(&self.index, &names::index_file(dir, base))?;
        sync::growing(&self.time, &names::time_index_file(dir, base))?;
        there(sync::file_at(&names::txn_index_file(dir, base)))
    }
}

/// Brings the index files of a segment to the disk that may not be open.
fn sync_index_files(dir: &Path, base: i64) -> Result<(), StorageError> {
    names::index_files(dir, base).iter().try_for_each(|path| there(sync::file_at(path)))
}

/// Takes a file that is not there for one that needs no flush.
pub(super) fn there(outcome: Result<(), StorageError>) -> Result<(), StorageError> {
    outcome.or_else(|error| if error.is_missing() { Ok(()) } else { Err(error) })
}

/// The catalog's log has failed, and said so. What depends on it cannot count as flushed, but it is
/// none the worse: it goes on for all who do not wait for the disk.
fn is_of_catalog(log: &Durability, error: &StorageError, ground: &Ground) -> bool {
    ground.catalog.get().is_some_and(|catalog| {
        !std::ptr::eq(&**catalog, log)
            && catalog.has_failed()
            && error.path.starts_with(catalog.dir())
    })
}

/// A lack of descriptors, or of memory for one, says nothing of the disk.
fn passes(error: &StorageError) -> bool {
    let lacks = |code| [libc::EMFILE, libc::ENFILE, libc::ENOMEM].contains(&code);
    error.doing == "open" && error.source.raw_os_error().is_some_and(lacks)
}
