//! What the broker has the janitor do: retention, expiry of producers, and what DeleteRecords left
//! to be freed (`LogManager.cleanupLogs` and its schedule).
//!
//! There is no tick: a check that is over asks for the next one only as long as there are
//! partitions; with the first partition it begins again. Nothing here may hold up a request: it
//! runs on the janitor's thread, takes no lock of a log for longer than a step, and looks between
//! two logs whether the broker stops.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::checkpoints::Kind;
use super::cleaner::Cleaner;
use super::shared::{Shared, now_ms};
use crate::catalog::Partition;
use crate::log::{Change, Deleted, Log, LogError, StorageError};

/// Names of partitions.
type Key = (Arc<str>, i32);

/// Closed logs that one check of retention opens: they stay open, so that each has its turn.
const OPENED_PER_CHECK: usize = 1_000;

/// What is asked of the janitor already.
#[derive(Default)]
pub struct Chores {
    retention: AtomicBool,
    producers: AtomicBool,
    /// Partitions whose log start has passed segments. Bounded by the number of partitions.
    below_log_start: Mutex<BTreeMap<Key, Arc<Partition>>>,
    pub(super) cleaner: Cleaner,
}

impl Shared {
    /// To be called when there are new partitions: from the first one on there are checks. The
    /// first check comes after `log.initial.task.delay.ms`, so that a start is not disturbed.
    pub(super) fn watch_partitions(self: &Arc<Self>) {
        let delay_ms = self.config().log_initial_task_delay_ms();
        self.check_retention_in(millis(delay_ms));
        self.expire_producers_in(millis(delay_ms));
        self.look_for_dirty_logs_in(delay_ms);
    }

    /// From now on what changes in the logs is written down after the intervals that are set for it
    /// (`LogManager.checkpointLogRecoveryOffsets` and its like). Where nothing changes nothing is
    /// written.
    pub(super) fn watch_changes(self: &Arc<Self>) {
        self.tell_idle_cleaner();
        let shared = Arc::downgrade(self);
        self.keepers.janitor.on_change(move |change| {
            if let Some(shared) = shared.upgrade() {
                let (after, write) = shared.checkpoint_of(change);
                shared.on_janitor(after, write);
            }
        });
    }

    fn checkpoint_of(&self, change: Change) -> (Duration, fn(&Arc<Shared>)) {
        let config = self.config();
        let (after_ms, write): (i64, fn(&Arc<Shared>)) = match change {
            Change::RecoveryPoint => {
                (config.log_flush_offset_checkpoint_interval_ms().into(), |shared| {
                    shared.write_checkpoint(Change::RecoveryPoint, Kind::RecoveryPoint)
                })
            }
            Change::LogStart => {
                (config.log_flush_start_offset_checkpoint_interval_ms().into(), |shared| {
                    shared.write_checkpoint(Change::LogStart, Kind::LogStart)
                })
            }
            Change::Dirty => (config.log_cleaner_backoff_ms(), Shared::look_for_dirty_logs),
            Change::HighWatermark => {
                (config.replica_high_watermark_checkpoint_interval_ms(), |shared| {
                    shared.write_checkpoint(Change::HighWatermark, Kind::HighWatermark)
                })
            }
        };
        (millis(after_ms), write)
    }

    fn write_checkpoint(&self, change: Change, kind: Kind) {
        self.keepers.janitor.take(change);
        if let Err(why) = self.checkpoints.write(kind, &self.topics) {
            let path = self.data_dir.join(kind.file_name());
            ::log::error!(
                path:% = path.display(), error:% = why;
                "cannot write a checkpoint; it is tried again later"
            );
            self.keepers.janitor.note(change);
        }
    }

    /// How long the directory of a deleted partition stays (`log.segment.delete.delay.ms`).
    pub(super) fn delete_delay(&self) -> Duration {
        millis(self.config().topic_defaults().file_delete_delay_ms)
    }

    /// Frees what the log start of a partition has passed, soon.
    pub fn free_soon(self: &Arc<Self>, partition: &Arc<Partition>) {
        let log = partition.log_if_open();
        if !log.is_some_and(Log::has_segments_below_log_start) {
            return;
        }
        let key = (partition.topic.clone(), partition.index);
        let waiting = &self.chores.below_log_start;
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = waiting.is_empty();
        waiting.insert(key, partition.clone());
        drop(waiting);
        if is_first {
            self.on_janitor(Duration::ZERO, Shared::free_below_log_start);
        }
    }

    pub(super) fn on_janitor(self: &Arc<Self>, delay: Duration, chore: fn(&Arc<Shared>)) {
        // A chore that waits must not keep a broker alive that is gone.
        let shared: Weak<Shared> = Arc::downgrade(self);
        self.keepers.janitor.run(delay, move || {
            if let Some(shared) = shared.upgrade().filter(|shared| !shared.is_stopping()) {
                chore(&shared);
            }
        });
    }

    fn check_retention_in(self: &Arc<Self>, delay: Duration) {
        if !self.chores.retention.swap(true, Ordering::AcqRel) {
            self.on_janitor(delay, Shared::check_retention);
        }
    }

    fn expire_producers_in(self: &Arc<Self>, delay: Duration) {
        if !self.chores.producers.swap(true, Ordering::AcqRel) {
            self.on_janitor(delay, Shared::expire_producers);
        }
    }

    /// One check of all partitions, and the next one asked for.
    fn check_retention(self: &Arc<Self>) {
        // Before the topics are looked at: a topic that comes after that asks itself.
        self.chores.retention.store(false, Ordering::Release);
        let partitions = self.partitions();
        let mut deleted = Deleted::default();
        let mut closed = 0;
        for partition in &partitions {
            if self.is_stopping() {
                return;
            }
            if partition.log_if_open().is_none() {
                closed += 1;
                if closed > OPENED_PER_CHECK || !self.may_have_old_segments(partition) {
                    continue;
                }
            }
            deleted += self.delete(partition, Log::delete_old_segments);
        }
        if deleted.segments > 0 {
            let Deleted { segments, bytes } = deleted;
            ::log::info!(segments, bytes; "retention is done: segments were deleted in all");
        }
        if !partitions.is_empty() {
            self.check_retention_in(millis(self.config().log_retention_check_interval_ms()));
        }
    }

    /// Whether retention may find something in a log that nobody has opened since a clean stop.
    fn may_have_old_segments(&self, partition: &Partition) -> bool {
        let Some(topic) = self.topics.by_name(&partition.topic) else { return false };
        let config = topic.config();
        config.cleanup_policy.delete && (config.retention_ms >= 0 || config.retention_bytes >= 0)
    }

    /// Forgets idle producers in all partitions (`producer.id.expiration.ms`).
    fn expire_producers(self: &Arc<Self>) {
        self.chores.producers.store(false, Ordering::Release);
        let expiration_ms = i64::from(self.config().producer_id_expiration_ms());
        let partitions = self.partitions();
        for log in partitions.iter().filter_map(|partition| partition.log_if_open()) {
            if self.is_stopping() {
                return;
            }
            let expired = log.expire_producers(now_ms(), expiration_ms);
            if expired > 0 {
                ::log::debug!(
                    partition = log.name(), producers = expired;
                    "idle producers were forgotten"
                );
            }
        }
        if !partitions.is_empty() {
            let interval = self.config().producer_id_expiration_check_interval_ms();
            self.expire_producers_in(millis(i64::from(interval)));
        }
    }

    fn free_below_log_start(self: &Arc<Self>) {
        let waiting = &self.chores.below_log_start;
        let waiting = std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for partition in waiting.into_values() {
            self.delete(&partition, Log::delete_segments_below_log_start);
        }
    }

    fn delete(
        &self,
        partition: &Partition,
        segments: fn(&Log, now_ms: i64) -> Result<Deleted, LogError>,
    ) -> Deleted {
        let Some(log) = partition.log() else { return Deleted::default() };
        segments(log, now_ms()).unwrap_or_else(|why| {
            ::log::error!(partition = log.name(), error:% = why; "old segments stay for now");
            // While the log is asked still: what was deleted must not come back with the next start.
            if why.storage().is_some_and(StorageError::is_permanent)
                && let Err(why) = self.checkpoints.write_log_starts_of([partition])
            {
                ::log::error!(
                    partition = log.name(), error:% = why;
                    "cannot note where it begins"
                );
            }
            partition.fail_if_permanent(why.storage());
            Deleted::default()
        })
    }

    fn partitions(&self) -> Vec<Arc<Partition>> {
        self.topics.all().iter().flat_map(|topic| topic.partitions().to_vec()).collect()
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
