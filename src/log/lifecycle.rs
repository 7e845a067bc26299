//! What happens to a log besides appends and reads: records deleted, flushed, closed.
//!
//! All of it may block: it belongs to keepers and to start and stop. Readers are never disturbed:
//! whoever still sends from a segment keeps its file and its mapping.

use super::Log;
use super::append::Writer;
use super::backlog::{FinalFiles, Finished};
use super::changes::Change;
use super::durability::{FlushListener, FlushTicket};
use super::error::{LogError, StorageError};
use super::{checkpoint, names, producer_snapshot};
use std::path::Path;
use std::sync::Arc;

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
        Ok(self.durability.flush(self.keepers.flusher.ground())?)
    }

    /// What the flusher does in the background: leaves the last of a log that is written to just now to
    /// the next flush, and so the appends alone. Gives the offset up to which the log is on the disk.
    pub fn flush_behind(&self) -> Result<i64, LogError> {
        let flusher = &self.keepers.flusher;
        if self.durability.flush_behind(flusher.ground())?.is_some() {
            self.durability.note_dirty(flusher);
        }
        Ok(self.flushed_offset())
    }

    /// Starts to write what was appended to the active segment to the disk, without waiting and
    /// without a promise: it makes the next flush short. For a keeper, every few MiB.
    pub fn start_write_back(&self) -> Result<(), LogError> {
        let started = self.durability.start_write_back();
        Ok(started.map_err(StorageError::on("write back", &self.dir()))?)
    }

    /// The offset up to which the log is on the disk.
    pub fn flushed_offset(&self) -> i64 {
        self.durability.flushed()
    }

    /// The offset up to which the log is on the disk in its final form: after a crash nothing
    /// below needs to be checked (Kafka's recovery point).
    pub fn recovery_point(&self) -> i64 {
        self.durability.recovery_point()
    }

    /// A flush has failed: nothing of this log can be relied on until it is opened again.
    pub fn has_failed(&self) -> bool {
        self.durability.has_failed()
    }

    /// Has `listener` told, and `ticket` settled, when everything that was appended until now is on
    /// the disk. [`Log::ask_flush`] must follow, once for many of these.
    pub fn await_flush(
        &self,
        bytes: u64,
        ticket: Option<Arc<FlushTicket>>,
        listener: Arc<dyn FlushListener>,
    ) {
        self.durability.wait(bytes, ticket, listener);
    }

    /// Asks for a flush at once, without waiting for it.
    pub fn ask_flush(&self) {
        self.durability.ask(&self.keepers.flusher);
    }

    /// Records from `offset` on are gone: what comes in their place is not on the disk. To be called
    /// when the end was moved back, before anything is appended.
    pub fn note_truncated(&self, offset: i64) {
        self.durability.truncated_to(offset);
    }

    /// Closes the log: [`Log::seal`], then everything is flushed. After it, the log can be opened as
    /// [`super::Recovery::Clean`].
    pub fn close(&self) -> Result<(), LogError> {
        self.seal()?;
        self.flush()?;
        Ok(())
    }

    /// Closes the log after [`Log::seal`] and a flush of the whole volume, see
    /// [`super::volume::sync`].
    ///
    /// # Errors
    /// When that flush, or one before it, has lost something of this log.
    pub fn close_flushed(&self) -> Result<(), LogError> {
        self.durability.covered(self.keepers.flusher.ground())?;
        Ok(())
    }

    /// Takes no appends any more and brings the files into the form that they keep. Nothing is
    /// flushed: who seals many logs flushes once. Reading goes on.
    pub fn seal(&self) -> Result<(), LogError> {
        let mut writer = self.lock_writer();
        writer.closed = true;
        if let Some(failure) = self.durability.failure() {
            return Err(failure.into());
        }
        let dir = self.dir();
        let finished = self.backlog.finish();
        self.next.discard();
        let files = self.seal_active(&mut writer, &dir)?;
        let snapshot = names::snapshot_file(&dir, writer.end);
        let is_new = writer.end > writer.snapshot_at;
        if is_new {
            checkpoint::replace(&snapshot, &producer_snapshot::encode(&writer.producers))
                .map_err(StorageError::on("write", &snapshot))?;
            writer.snapshot_at = writer.end;
        }
        if is_new || !matches!(files, FinalFiles::AsFound) {
            self.backlog.add_finished(vec![Finished { files, snapshot }]);
            self.durability.note_names();
        }
        Ok(finished?)
    }

    fn seal_active(&self, writer: &mut Writer, dir: &Path) -> Result<FinalFiles, StorageError> {
        writer.active.finish_time_index(dir)?;
        let segment = &writer.active.segment;
        if let Some(tails) = writer.active.tails.take() {
            segment.seal(tails);
        }
        let Some(files) = segment.opened() else {
            // Cut already, but its indexes have entries that no flush has seen.
            return Ok(match writer.active.is_resting() {
                true => FinalFiles::AtRest(segment.base),
                false => FinalFiles::AsFound,
            });
        };
        files.trim().map_err(StorageError::on("cut", &names::log_file(dir, segment.base)))?;
        Ok(FinalFiles::Open(files))
    }
}

/// Dropped without a close, a log leaves what a crash leaves; but nobody works on its files after
/// that, so that they can be opened again.
impl Drop for Log {
    fn drop(&mut self) {
        self.backlog.clear();
        self.next.discard();
        if let Some(tails) = self.lock_writer().active.tails.take() {
            tails.seal().iter().for_each(|file| file.settle());
        }
    }
}
