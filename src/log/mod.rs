//! The log of one partition: its bytes on disk, in Kafka's format. Knows records, not requests.
//!
//! ```text
//! Log            one writer lock; readers never take it            mod, append, active, read, times
//!  ├ Segment     .log, .index, .timeindex of a range of offsets     segment, index, time_index, scan
//!  │  └ Tail     the one writer of a file; readers share it        file/growing
//!  ├ Watermarks  the four offsets and their law                    offsets
//!  ├ Producers   idempotence, transactions, .snapshot, .txnindex   producers, producer_snapshot,
//!  │                                                               txn_index
//!  ├ LeaderEpochs  leader-epoch-checkpoint                         epochs
//!  ├ Preparer    grows and faults in ahead of need (a keeper)      preparer
//!  └ Janitor     removes what was given up, later (a keeper)       janitor, delete, retention, truncate
//! open, listing, trust, recover, state: from a directory to a log, also after a crash; damage: only looking
//! ```
//!
//! The promise: what was appended is in the shared mapping, hence in the page cache, before
//! `append` returns; no crash of the process can lose it. Flushing to the disk is [`Log::flush`],
//! which blocks and belongs to a keeper.
//!
//! Appending takes the writer lock, copies the batch once, patches its header in place and
//! publishes; it makes no system call while the preparer keeps up. Readers see only what is
//! published, up to the bound that they ask for.

mod active;
mod anchors;
mod append;
mod at_hand;
mod backlog;
mod changes;
mod checkpoint;
mod cleaner;
mod damage;
mod delete;
mod dirty_limit;
mod durability;
mod epochs;
mod error;
mod exclusive;
mod file;
mod flush;
#[cfg(test)]
mod flush_tests;
mod flusher;
mod ground;
mod home;
mod incoming;
mod index;
mod janitor;
mod keepers;
mod lifecycle;
pub mod limits;
mod listing;
mod lookup;
mod marker;
mod milestone;
mod names;
mod offsets;
mod open;
mod preparer;
mod pressure;
mod producer_snapshot;
mod producers;
mod read;
mod rebuild;
mod recover;
mod report;
mod reset;
mod rest;
mod retention;
mod run;
mod sanity;
mod scan;
mod segment;
mod state;
mod steps;
pub mod sync;
mod time_index;
mod times;
mod truncate;
#[cfg(test)]
mod truncate_tests;
mod trust;
mod txn_index;
mod txn_rebuild;
pub mod validate;
mod verified;
pub mod volume;
mod walk;
mod whole_file;

pub use append::Appended;
pub use changes::Change;
pub use cleaner::{CleanError, Cleanable, Cleaned, CleanerLimits, Pace};
pub use damage::Damage;
pub use delete::Deleted;
pub use dirty_limit::background_limit;
pub use durability::{FlushListener, FlushTicket, WakeRequest};
pub use error::{AppendError, LogError, ReadError, StorageError, is_a_lack};
pub use exclusive::{is_locked, lock_exclusively};
pub use flusher::{Deliver, Flusher};
pub use janitor::Janitor;
pub use keepers::Keepers;
pub use marker::marker_commits;
pub use names::{aside_dir_name, is_beside_records};
pub use offsets::{Bound, Offsets};
pub use run::Run;

pub use preparer::Preparer;
pub use read::Read;
pub use recover::Cut;
pub use report::{Missing, Opening, Progress, Recovery, RecoveryReport};
pub use reset::reset_files;
pub use scan::Bad;
pub use times::TimestampedOffset;
pub use txn_index::AbortedTxn;
pub use whole_file::{create_regular, open_regular, read_text, read_whole, write_whole};

use crate::config::TopicConfig;
use append::Writer;
use backlog::Backlog;
use durability::Durability;
use epochs::LeaderEpochs;
use home::Home;
use offsets::{Position, Published, Watermarks};
use preparer::NextSegment;
use segment::{Segment, SegmentFiles};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The log of one partition. See the module's documentation.
pub struct Log {
    /// `<topic>-<partition>`: the directory's name, for messages.
    name: String,
    home: Home,
    writer: Arc<Mutex<Writer>>,
    marks: Arc<Watermarks>,
    /// In order of their base offsets; never empty; the last one is written to.
    segments: Arc<RwLock<Vec<Arc<Segment>>>>,
    epochs: Mutex<LeaderEpochs>,
    /// Held by who takes segments away or puts others in their place; before the writer's.
    upkeep: Mutex<()>,
    /// `cleanup.policy` has compact.
    compacts: AtomicBool,
    /// Transactions may hold the last stable offset back: moving the high watermark must look.
    unstable: AtomicBool,
    /// The names of what lies before the log start may come back.
    start_is_unsure: AtomicBool,
    /// How far it is on the disk, not only in the page cache.
    durability: Arc<Durability>,
    next: Arc<NextSegment>,
    backlog: Arc<Backlog>,
    keepers: Keepers,
}

/// What is known of a producer that wrote to this partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerInfo {
    /// The producer's id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// The last sequence number, -1 if none.
    pub last_sequence: i32,
    /// The timestamp of its last batch, -1 if none.
    pub last_timestamp: i64,
    /// The epoch of the coordinator that ended its last transaction, -1 if none.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins, -1 if none is open.
    pub current_txn_start_offset: i64,
}

impl Log {
    /// `<topic>-<partition>`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory.
    pub fn dir(&self) -> Arc<Path> {
        self.home.path()
    }

    /// The four offsets, as of one moment.
    pub fn offsets(&self) -> Offsets {
        self.marks.get().offsets()
    }

    /// Moves the high watermark forward to `to`, or to the log end if that is less: everything
    /// below is replicated. Going back is ignored. A new or opened log has its high watermark at
    /// the log start.
    pub fn advance_high_watermark(&self, to: i64) {
        let mut before = i64::MAX;
        let now = self.marks.set(|published| {
            before = published.high_watermark.offset;
            // All that was appended, as a rule: it needs no search, and so the lock is taken once.
            if to >= published.log_end.offset {
                published.high_watermark = published.log_end;
            }
        });
        let to = to.min(now.log_end.offset);
        if to <= before {
            return;
        }
        if now.high_watermark.offset < to {
            let position = self.position_of(to, &now);
            self.marks.set(|published| {
                if published.high_watermark.offset < to {
                    published.high_watermark = position;
                }
            });
        }
        if self.unstable.load(Ordering::Acquire) {
            self.publish(&mut self.lock_writer(), None);
        }
        self.keepers.janitor.note(Change::HighWatermark);
        self.note_dirty();
    }

    /// The base offset of the first segment.
    pub fn first_segment(&self) -> i64 {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.first().map_or(0, |first| first.base)
    }

    /// Bytes of batches in all segments.
    pub fn size(&self) -> u64 {
        self.files().0
    }

    /// The same, and how many segments they are in.
    pub fn files(&self) -> (u64, usize) {
        let segments = self.segments();
        (segments.iter().map(|segment| segment.size()).sum(), segments.len())
    }

    /// Takes new settings; those of files count from the next segment on.
    pub fn set_config(&self, config: Arc<TopicConfig>) {
        let (messages, ms) = (config.flush_messages, config.flush_ms);
        self.durability.set_rules(messages, ms, &self.keepers.flusher);
        self.compacts.store(config.cleanup_policy.compact, Ordering::Release);
        self.lock_writer().config = config;
        self.note_dirty();
    }

    /// Has the cleaner look at the log some time, if it is compacted.
    fn note_dirty(&self) {
        if self.compacts.load(Ordering::Acquire) {
            self.keepers.janitor.note(Change::Dirty);
        }
    }

    /// The producers that are remembered, in no particular order.
    pub fn producers(&self) -> Vec<ProducerInfo> {
        let writer = self.lock_writer();
        let info = |(producer_id, producer): (i64, &producers::Producer)| ProducerInfo {
            producer_id,
            producer_epoch: producer.epoch,
            last_sequence: producer.last_sequence(),
            last_timestamp: producer.last_timestamp,
            coordinator_epoch: producer.coordinator_epoch,
            current_txn_start_offset: producer.transaction.unwrap_or(-1),
        };
        writer.producers.iter().map(info).collect()
    }

    /// Whether the producer has a transaction open in this partition, in this epoch.
    pub fn has_open_transaction(&self, producer_id: i64, producer_epoch: i16) -> bool {
        self.lock_writer().producers.has_open_transaction(producer_id, producer_epoch)
    }

    /// Takes another `producer.id.expiration.ms` than the default of a day. Appends look for idle
    /// producers every ten minutes.
    pub fn set_producer_expiration(&self, expiration_ms: i64) {
        self.lock_writer().producer_expiration_ms = expiration_ms;
    }

    /// Forgets producers whose last batch is older than `producer.id.expiration.ms`; gives how
    /// many went. For the janitor.
    pub fn expire_producers(&self, now_ms: i64, expiration_ms: i64) -> usize {
        self.lock_writer().producers.expire(now_ms, expiration_ms)
    }

    /// The newest leader epoch, if there is any. `leading`, here and below, is the epoch of who leads now
    /// (-1: nobody): where nothing was appended in it yet, it begins at the end of the log, as if it
    /// had been noted there.
    pub fn latest_epoch(&self, leading: i32) -> Option<i32> {
        self.with_epochs(leading, |epochs, _| epochs.latest())
    }

    /// The leader epoch in which the record at `offset` was, or will be, appended.
    pub fn epoch_of(&self, offset: i64, leading: i32) -> Option<i32> {
        self.with_epochs(leading, |epochs, _| epochs.epoch_of(offset))
    }

    /// The largest known epoch that is at most `epoch`, and the offset where it ends; (-1, -1) if
    /// nothing is known (OffsetForLeaderEpoch).
    pub fn end_offset_for_epoch(&self, epoch: i32, leading: i32) -> (i32, i64) {
        self.with_epochs(leading, |epochs, log_end| epochs.end_offset_for(epoch, log_end))
    }

    /// Kafka notes the epoch of each partition that it leads when it starts. Here that would open every
    /// log at each start and write a file for it, so what Kafka would have noted is only thought.
    fn with_epochs<R>(&self, leading: i32, ask: impl FnOnce(&LeaderEpochs, i64) -> R) -> R {
        // The epochs are held first: nothing is appended in an epoch that is not among them, so the
        // end cannot move beyond what is thought of it.
        let epochs = self.lock_epochs();
        let log_end = self.offsets().log_end;
        if epochs.latest().is_some_and(|latest| leading <= latest) {
            return ask(&epochs, log_end);
        }
        let mut led = epochs.clone();
        led.assign(leading, log_end);
        ask(&led, log_end)
    }

    /// Notes that `epoch` begins at the log end: to be called when this broker becomes the leader.
    /// Appending does it too. Writes a small file.
    pub fn assign_epoch(&self, epoch: i32) -> Result<(), LogError> {
        let mut writer = self.lock_writer();
        Ok(self.begin_epoch(&mut writer, epoch)?)
    }

    fn lock_writer(&self) -> MutexGuard<'_, Writer> {
        // In a release build a panic ends the process; in tests the state that it leaves behind
        // is consistent up to the published end.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_epochs(&self) -> MutexGuard<'_, LeaderEpochs> {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A segment's files, opened if they are not.
    fn files_of(&self, segment: &Segment) -> Result<Arc<SegmentFiles>, StorageError> {
        match segment.opened() {
            Some(files) => Ok(files),
            None => self.home.with(|dir| segment.files(dir)),
        }
    }

    /// The segment that holds `offset`, and the one after it.
    fn segment_of(&self, offset: i64) -> Option<(Arc<Segment>, Option<i64>)> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let after = segments.partition_point(|segment| segment.base <= offset);
        let segment = segments.get(after.checked_sub(1)?)?.clone();
        Some((segment, segments.get(after).map(|next| next.base)))
    }

    /// The boundary of the batch that holds `offset`, or of the first one after it. Where it cannot
    /// be looked up, a position that shows nothing: a bound must never show too much.
    fn position_of(&self, offset: i64, published: &Published) -> Position {
        let end = published.log_end;
        let mut at = offset;
        while let Some((segment, next)) = self.segment_of(at) {
            let found = self.visible(&segment, next, end).and_then(|len| {
                let files = self.files_of(&segment)?;
                files.locate(offset, len)
            });
            match (found, next) {
                (Ok(Some(found)), _) => {
                    return Position { offset, segment: segment.base, byte: found.position };
                }
                (Ok(None), Some(next)) => at = next,
                (Ok(None), None) => return Position { offset, ..end },
                (Err(error), _) => {
                    ::log::error!(
                        partition:% = self.name, offset, error:%;
                        "cannot find an offset"
                    );
                    break;
                }
            }
        }
        Position { offset, segment: -1, byte: 0 }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("name", &self.name).field("offsets", &self.offsets()).finish()
    }
}
