//! When a snapshot is taken, and what of the log and of older snapshots goes afterwards
//! (`SnapshotGenerator.java`, `KafkaRaftLog.maybeClean`).
//!
//! The bytes are made where the image is, which takes no longer than to copy it; they are written and
//! flushed elsewhere, since that takes a disk's time. A snapshot counts only when it is on the disk,
//! and only then may go what it stands for; the last one never goes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::snapshot::{self, SnapshotId};
use super::{MetadataLog, snapshot_files};
use crate::broker::now_ms;
use crate::catalog::Image;
use crate::log::Log;

/// What was committed since the latest snapshot.
#[derive(Debug, Default)]
pub(super) struct Unsnapshotted {
    /// Bytes of records.
    pub(super) bytes: u64,
    /// When the first of them was seen.
    pub(super) since: Option<Instant>,
}

impl Unsnapshotted {
    /// Counts a batch.
    pub(super) fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.since.get_or_insert_with(Instant::now);
    }
}

/// A snapshot that is on its way to the disk.
pub struct Snapshot {
    id: SnapshotId,
    bytes: Vec<u8>,
    dir: PathBuf,
    log: Arc<Log>,
}

impl Snapshot {
    /// Writes it. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// When the disk fails or is full; nothing is left of it then.
    pub fn write(&self) -> Result<(), String> {
        // A snapshot must not know more than a log that a power cut has shortened.
        self.log.flush().map_err(|why| why.to_string())?;
        snapshot_files::write(&self.dir, self.id, &self.bytes).map_err(|why| why.to_string())
    }
}

impl MetadataLog {
    /// Whether a snapshot is due.
    pub fn is_snapshot_due(&self, now: Instant) -> bool {
        let most = self.settings.metadata_log_max_record_bytes_between_snapshots;
        let by_size = self.unsnapshotted.bytes >= most;
        !self.temporary && (by_size || self.snapshot_deadline().is_some_and(|at| at <= now))
    }

    /// When a snapshot is due for its age; `None` while nothing is new.
    pub fn snapshot_deadline(&self) -> Option<Instant> {
        let interval = self.settings.metadata_log_max_snapshot_interval_ms;
        let since = self.unsnapshotted.since.filter(|_| interval > 0 && !self.temporary)?;
        since.checked_add(Duration::from_millis(interval))
    }

    /// A snapshot of the image, which must be as of the log's end.
    pub fn snapshot(&mut self, image: &Image) -> Snapshot {
        let id = SnapshotId { offset: self.next_offset(), epoch: self.quorum.epoch };
        let bytes = snapshot::encode(image, &self.quorum, id, now_ms());
        self.unsnapshotted = Unsnapshotted::default();
        Snapshot { id, bytes, dir: self.dir.clone(), log: self.log.clone() }
    }

    /// Removes the oldest snapshots, and the log before the oldest that stays, while there is more
    /// than the settings allow.
    pub fn clean(&self, now_ms: i64) {
        if let Err(why) = self.try_clean(now_ms) {
            ::log::warn!(
                dir:% = self.dir.display(), error:% = why;
                "old metadata cannot be removed"
            );
        }
    }

    fn try_clean(&self, now_ms: i64) -> Result<(), String> {
        let ids = snapshot_files::list(&self.dir).map_err(|why| why.to_string())?;
        for (oldest, next) in ids.iter().zip(ids.iter().skip(1)) {
            if !self.is_too_much(&ids, *oldest) && !self.is_too_old(*oldest, now_ms) {
                break;
            }
            self.log.delete_records_before(next.offset).map_err(|why| why.to_string())?;
            self.log.delete_segments_below_log_start(now_ms).map_err(|why| why.to_string())?;
            snapshot_files::remove(&self.dir, *oldest).map_err(|why| why.to_string())?;
            ::log::info!(
                dir:% = self.dir.display(), offset = oldest.offset;
                "an old snapshot went"
            );
        }
        Ok(())
    }

    fn is_too_much(&self, ids: &[SnapshotId], oldest: SnapshotId) -> bool {
        let Ok(most) = u64::try_from(self.settings.metadata_max_retention_bytes) else {
            return false;
        };
        let left = ids.iter().filter(|id| **id >= oldest);
        let snapshots: u64 = left.map(|id| snapshot_files::size(&self.dir, *id)).sum();
        self.log.size() + snapshots > most
    }

    fn is_too_old(&self, oldest: SnapshotId, now_ms: i64) -> bool {
        let most = self.settings.metadata_max_retention_ms;
        let last = snapshot_files::last_contained_timestamp(&self.dir, oldest);
        most >= 0 && last.is_some_and(|last| now_ms.saturating_sub(last) > most)
    }
}
