//! What happens to a log besides appends and reads: records deleted, flushed, closed.
//!
//! All of it may block: it belongs to keepers and to start and stop. Readers are never disturbed:
//! whoever still sends from a segment keeps its file and its mapping.

use super::Log;
use super::append::Writer;
use super::changes::Change;
use super::error::{LogError, StorageError};
use super::{checkpoint, names, producer_snapshot};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::Ordering;

impl Log {
    /// Moves the log start offset forward to `offset`, but not beyond the high watermark; going
    /// back is ignored. Gives the log start. It survives this process only if the caller writes it
    /// down and gives it back by [`super::Opening`].
    pub fn delete_records_before(&self, offset: i64) -> Result<i64, LogError> {
        let mut writer = self.lock_writer();
        let published = self.marks.get();
        let high_watermark = published.high_watermark.offset;
        if offset > high_watermark {
            return Err(LogError::OffsetOutOfRange { offset, high_watermark });
        }
        if offset <= published.log_start {
            return Ok(published.log_start);
        }
        self.marks.set(|published| published.log_start = offset);
        self.publish(&mut writer, None);
        drop(writer);
        self.keepers.janitor.note(Change::LogStart);
        self.forget_old_epochs()?;
        Ok(offset)
    }

    /// Brings everything that was appended before the call to the disk; gives the offset up to
    /// which the log is there. Blocks for as long as the disk takes.
    pub fn flush(&self) -> Result<i64, LogError> {
        let dir = self.dir();
        let flushed = self.flushed.load(Ordering::Acquire);
        let end = self.marks.get().log_end.offset;
        if flushed >= end {
            return Ok(flushed);
        }
        let segments = self.segments();
        let after = segments.partition_point(|segment| segment.base <= flushed);
        for segment in &segments[after.saturating_sub(1)..] {
            if segment.is_deleted() {
                continue; // What is given up need not be on the disk.
            }
            let files = segment.files(&dir)?;
            let path = names::log_file(&dir, segment.base);
            files.log.file().sync_data().map_err(StorageError::on("flush", &path))?;
        }
        sync_dir(&dir)?;
        if self.flushed.fetch_max(end, Ordering::AcqRel) < end {
            self.keepers.janitor.note(Change::RecoveryPoint);
        }
        Ok(end)
    }

    /// Starts to write what was appended to the active segment to the disk, without waiting and
    /// without a promise: it makes the next flush short. For a keeper, every few MiB.
    pub fn start_write_back(&self) -> Result<(), LogError> {
        let Some(active) = self.segments().pop() else { return Ok(()) };
        let Some(files) = active.opened() else { return Ok(()) };
        let path = names::log_file(&self.dir(), active.base);
        Ok(files.log.start_write_back().map_err(StorageError::on("write back", &path))?)
    }

    /// The offset up to which the log is known to be on the disk (Kafka's recovery point).
    pub fn flushed_offset(&self) -> i64 {
        self.flushed.load(Ordering::Acquire)
    }

    /// Notes that somebody brought the whole volume to the disk after the log was sealed.
    pub fn note_flushed(&self) {
        assert!(self.lock_writer().closed, "what is appended to may have grown since");
        self.flushed.fetch_max(self.marks.get().log_end.offset, Ordering::AcqRel);
    }

    /// Closes the log: [`Log::seal`], then everything is flushed. After it, the log can be opened as
    /// [`super::Recovery::Clean`].
    pub fn close(&self) -> Result<(), LogError> {
        self.seal()?;
        if let Some(active) = self.segments().pop()
            && let Some(files) = active.opened()
        {
            let path = names::index_file(&self.dir(), active.base);
            let synced = files.index.file().sync_data();
            synced
                .and_then(|()| files.time.file().sync_data())
                .map_err(StorageError::on("flush", &path))?;
        }
        self.flush()?;
        Ok(())
    }

    /// Takes no appends any more and brings the files into the form that they keep. Nothing is
    /// flushed: who seals many logs flushes once, see [`super::volume::sync`]. Reading goes on.
    pub fn seal(&self) -> Result<(), LogError> {
        let mut writer = self.lock_writer();
        writer.closed = true;
        let dir = self.dir();
        let finished = self.backlog.finish();
        self.next.discard();
        self.seal_active(&mut writer, &dir)?;
        if writer.end > writer.snapshot_at {
            let path = names::snapshot_file(&dir, writer.end);
            checkpoint::replace(&path, &producer_snapshot::encode(&writer.producers))
                .map_err(StorageError::on("write", &path))?;
            writer.snapshot_at = writer.end;
        }
        Ok(finished?)
    }

    fn seal_active(&self, writer: &mut Writer, dir: &Path) -> Result<(), StorageError> {
        writer.active.finish_time_index(dir)?;
        let segment = &writer.active.segment;
        if let Some(tails) = writer.active.tails.take() {
            segment.seal(tails);
        }
        // Nothing to do for a segment that was never opened: it is as it was found.
        let Some(files) = segment.opened() else { return Ok(()) };
        files.trim().map_err(StorageError::on("cut", &names::log_file(dir, segment.base)))
    }
}

/// Dropped without a close, a log leaves what a crash leaves; but nobody works on its files after
/// that, so that they can be opened again.
impl Drop for Log {
    fn drop(&mut self) {
        self.backlog.clear();
        self.next.discard();
        if let Some(tails) = self.lock_writer().active.tails.take() {
            tails.seal();
        }
    }
}

/// Makes renames and new files in a directory last.
fn sync_dir(dir: &Path) -> Result<(), StorageError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(StorageError::on("flush", dir))
}
