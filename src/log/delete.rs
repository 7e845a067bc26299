//! Giving files up: segments out of a log, and whole logs (LocalLog.deleteSegmentFiles,
//! UnifiedLog.deleteSegments, LogManager.asyncDelete).
//!
//! What is given up gets another name first, by which a start after a crash finds it, and is
//! removed after `file.delete.delay.ms` by the janitor. Readers are never disturbed: whoever holds
//! a range keeps its file and its mapping, and whoever has just found the segment still finds its
//! files. Only a prefix of the log is ever taken here, so that a crash in between leaves a log.

use super::Log;
use super::changes::Change;
use super::error::{LogError, StorageError};
use super::names;
use super::offsets::Position;
use super::segment::Segment;
use super::{checkpoint, producer_snapshot, steps, sync};
use crate::config::TopicConfig;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// How many segments.
    pub segments: usize,
    /// Bytes of batches in them.
    pub bytes: u64,
}

impl std::ops::AddAssign for Deleted {
    fn add_assign(&mut self, other: Deleted) {
        self.segments += other.segments;
        self.bytes += other.bytes;
    }
}

/// A producer snapshot belongs to the segment that begins there; without it, it goes too.
pub(super) fn delete_snapshot(dir: &Path, base: i64) -> Option<PathBuf> {
    let snapshot = names::snapshot_file(dir, base);
    let renamed = names::deleted(&snapshot);
    fs::rename(snapshot, &renamed).ok().map(|()| renamed)
}

/// `file.delete.delay.ms`
pub(super) fn delete_delay(config: &TopicConfig) -> Duration {
    Duration::from_millis(u64::try_from(config.file_delete_delay_ms).unwrap_or(0))
}

impl Log {
    /// Who holds this may take segments out of the log or put others in their place; nobody else
    /// does meanwhile. It comes before the writer's lock. Appends and reads go on.
    pub(super) fn lock_upkeep(&self) -> MutexGuard<'_, ()> {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same; `None` if somebody has it.
    pub(super) fn try_lock_upkeep(&self) -> Option<MutexGuard<'_, ()>> {
        match self.upkeep.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// `file.delete.delay.ms`
    pub(super) fn delete_delay(&self) -> Duration {
        delete_delay(&self.lock_writer().config)
    }

    /// Takes the oldest segments out of the log, all of `going`, which are not the last one. The log
    /// start moves to what remains. Needs the lock for upkeep.
    ///
    /// # Errors
    /// When a file cannot be renamed, or that cannot be brought to the disk. What bears its name still is
    /// in the log again, below its start, where the next check finds it. That start must be noted
    /// elsewhere ([`Log::log_start_to_note`]), or the next one believes the files.
    pub(super) fn delete_oldest(&self, going: &[Arc<Segment>]) -> Result<Deleted, LogError> {
        let Some(last) = going.last() else { return Ok(Deleted::default()) };
        let Some((_, Some(new_start))) = self.segment_of(last.base) else {
            unreachable!("the last segment is never deleted")
        };
        // A snapshot that is still to be written must not come back after it was deleted.
        self.backlog.settle();
        self.keep_producers(going, new_start)?;
        // What can be lacking comes before anything is changed.
        let path = self.dir();
        let dir = sync::Directory::open(&path)?;
        // Noted even if not all of it can be done.
        let started = self.start_at_segment(new_start);
        self.keepers.janitor.note(Change::LogStart);
        started?;
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let same = |(gone, deleted): (Arc<Segment>, &Arc<Segment>)| Arc::ptr_eq(&gone, deleted);
        assert!(segments.drain(..going.len()).zip(going).all(same), "only a prefix goes");
        assert!(!segments.is_empty(), "a log has a segment");
        drop(segments);
        let delay = self.delete_delay();
        match self.give_up(&dir, going, delay) {
            // The whole log was deleted meanwhile, and its directory has another name.
            Err(_) if self.lock_writer().closed => Ok(Deleted::default()),
            Err(error) => {
                self.take_back(going, &error);
                Err(error.into())
            }
            Ok(done) => Ok(done),
        }
    }

    /// Puts those of `going` back in front of the log that were not given up. Needs the lock for upkeep.
    fn take_back(&self, going: &[Arc<Segment>], why: &StorageError) {
        // Names that did not reach the disk come back after a power cut.
        self.start_is_unsure.store(true, Ordering::Release);
        let mut staying: Vec<_> = going.iter().filter(|one| !one.is_deleted()).cloned().collect();
        if why.doing == "rename" && why.is_missing() {
            staying.remove(0); // Somebody has removed it already.
        }
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.splice(..0, staying);
    }

    /// Where the log begins, unless its first segment says so, as in Kafka: what must be written down
    /// elsewhere.
    pub fn log_start_to_note(&self) -> Option<i64> {
        let start = self.marks.get().log_start;
        let is_unsure = self.start_is_unsure.load(Ordering::Acquire);
        (is_unsure || start > self.first_segment()).then_some(start)
    }

    /// Sees to it that there is a snapshot of the producers' state where the log will begin: what
    /// went into it before cannot be read again. After a crash there may be none, for a roll writes it
    /// behind.
    fn keep_producers(&self, going: &[Arc<Segment>], new_start: i64) -> Result<(), LogError> {
        let dir = self.dir();
        let path = names::snapshot_file(&dir, new_start);
        if path.exists() {
            return Ok(());
        }
        let last_size = going.last().map_or(0, |last| last.size());
        let producers = self.producers_at(going, last_size, new_start)?;
        let bytes = producer_snapshot::encode(&producers);
        let replace = || checkpoint::replace(&path, &bytes);
        let write = || self.home.while_at(&dir, replace).unwrap_or(Ok(()));
        let write = || write().map_err(StorageError::on("write", &path));
        let written = write().or_else(|error| {
            if error.is_out_of_space() {
                // What was made ahead gives its room back.
                self.next.discard();
                return write();
            }
            Err(error)
        });
        match written {
            // What goes makes room, so it must not need any. The next roll or a clean stop writes a
            // later one; after a crash before that, who has written nothing since is not known.
            Err(error) if error.is_out_of_space() => {
                ::log::warn!(
                    partition = self.name(), error:%;
                    "deleted without a snapshot of producers"
                );
                Ok(())
            }
            written => Ok(written?),
        }
    }

    /// Moves the log start to where a segment begins, unless it is beyond that already, and the
    /// epochs with it.
    fn start_at_segment(&self, base: i64) -> Result<(), LogError> {
        let mut writer = self.lock_writer();
        let at = Position { offset: base, segment: base, byte: 0 };
        self.marks.set(|published| {
            assert!(published.high_watermark.offset >= base, "what is not replicated stays");
            published.log_start = published.log_start.max(base);
            if published.high_watermark.offset == base {
                published.high_watermark = at;
            }
        });
        self.publish(&mut writer, None);
        drop(writer);
        self.forget_old_epochs()
    }

    /// Drops the epochs that have no records any more.
    pub(super) fn forget_old_epochs(&self) -> Result<(), LogError> {
        let log_start = self.marks.get().log_start;
        let mut epochs = self.lock_epochs();
        let mut next = epochs.clone();
        if next.truncate_from_start(log_start) {
            // A crash before this leaves epochs that no offset has; opening drops them. So a full
            // disk does not matter, and must not: what is deleted makes room.
            let dir = self.dir();
            match self.home.while_at(&dir, || next.store(&dir)) {
                Some(Err(error)) if !error.is_out_of_space() => return Err(error.into()),
                _ => *epochs = next,
            }
        }
        Ok(())
    }

    /// Renames the files of segments that are out of the log already, in this order, and has them
    /// removed later. Each is gone for good before the next one goes: names that a power cut brings
    /// back must not leave a gap between those that stay. Ends early where the whole log is deleted.
    pub(super) fn give_up(
        &self,
        dir: &sync::Directory<'_>,
        segments: &[Arc<Segment>],
        delay: Duration,
    ) -> Result<Deleted, StorageError> {
        let mut deleted = Deleted::default();
        for segment in segments {
            steps::reached(dir.path());
            let rename = || {
                let mut files = segment.rename_deleted(dir.path())?;
                files.extend(delete_snapshot(dir.path(), segment.base));
                Ok(files)
            };
            let Some(files) = self.home.while_at(dir.path(), rename) else { break };
            let files = files?;
            dir.sync()?;
            self.keepers.janitor.remove(files, delay);
            deleted += Deleted { segments: 1, bytes: segment.size() };
        }
        Ok(deleted)
    }

    /// Takes the partition out of the directory's namespace: nothing is appended any more, and the
    /// directory is renamed, so that a new one of the same name can be made. Its files are let go
    /// of. [`Log::remove`] must follow, or the janitor be told, or the next start of the broker
    /// removes what is left.
    ///
    /// # Errors
    /// When the directory cannot be renamed.
    pub fn mark_deleted(&self) -> Result<(), LogError> {
        let mut writer = self.lock_writer();
        writer.closed = true;
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| {
            let error = std::io::Error::other(error.to_string());
            StorageError::new("draw a name for the deletion of", &self.dir(), error)
        })?;
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        self.durability.retire();
        // A rolled segment's chores must not reach into a new log of the same name.
        self.backlog.clear();
        self.next.discard();
        self.home.rename(&names::delete_dir_name(&self.name, &id))?;
        if let Some(tails) = writer.active.tails.take() {
            writer.active.segment.seal(tails);
        }
        self.segments().iter().for_each(|segment| segment.release_files());
        Ok(())
    }

    /// Removes the directory and all files in it. Only after [`Log::mark_deleted`].
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn remove(&self) -> Result<(), LogError> {
        assert!(self.lock_writer().closed, "a log that takes appends cannot be removed");
        self.segments().iter().for_each(|segment| segment.release_files());
        let dir = self.dir();
        match fs::remove_dir_all(&*dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StorageError::new("remove", &dir, error).into())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "delete_tests.rs"]
mod tests;
