//! Appending: the writer's side of a log (UnifiedLog.append, LogSegment.append and shouldRoll).
//!
//! Everything happens under the writer lock, in this order: check the producer, roll if needed,
//! write the batch with its own offset behind the tail, publish. What fails leaves the log as
//! it was. A batch becomes visible only when its last byte is in place.

use super::Log;
use super::active::{Active, NextBatch, capacities};
use super::error::{AppendError, StorageError};
use super::index::{self, IndexEntry};
use super::marker::{Marker, marker_of};
use super::names;
use super::offsets::{Position, Published};
use super::producers::{CachedBatch, Origin, Producers, Verdict};
use super::time_index;
use super::validate::{Patch, Validated};
use crate::config::TopicConfig;
use crate::wire::records::{BatchHeader, HEADER_LEN, MAGIC, patch};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How often a log that is written to looks for idle producers (Kafka's
/// `producer.id.expiration.check.interval.ms`).
const EXPIRY_INTERVAL_MS: i64 = 600_000;
/// The default of `producer.id.expiration.ms`.
pub(super) const PRODUCER_EXPIRATION_MS: i64 = 86_400_000;

/// What only the holder of the writer lock may touch.
pub(super) struct Writer {
    pub(super) config: Arc<TopicConfig>,
    pub(super) active: Active,
    pub(super) producers: Producers,
    /// The offset of the next record.
    pub(super) end: i64,
    /// Producers that were idle for this long are forgotten.
    pub(super) producer_expiration_ms: i64,
    /// When to look for such producers again; 0 before the first append.
    pub(super) next_expiry_ms: i64,
    /// Different for each log, the same for its life.
    pub(super) jitter_seed: u64,
    /// There is a producer snapshot as of this offset.
    pub(super) snapshot_at: i64,
    /// Something was appended since it was last looked at whether the log may rest.
    pub(super) used: bool,
    /// It is among the logs that are open for writing, see [`super::rest`].
    pub(super) listed: bool,
    /// Closed or deleted: nothing is appended any more.
    pub(super) closed: bool,
}

/// Where a batch ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of the batch's first record.
    pub base_offset: i64,
    /// The offset of its last record.
    pub last_offset: i64,
    /// The offset after it: the batch is replicated when the high watermark is here.
    pub next_offset: i64,
    /// The broker's time if it counts for the topic, else -1; a duplicate's own timestamp.
    pub log_append_time_ms: i64,
    /// The log start offset at that moment.
    pub log_start_offset: i64,
    /// The batch was in the log already; nothing was appended.
    pub duplicate: bool,
    /// `flush.messages` asks that everything below this offset is on the disk before the answer
    /// leaves and before consumers see the batch: see [`Log::await_flush`].
    pub flush_to: Option<i64>,
}

/// A batch on its way into the log.
struct Incoming<'b> {
    bytes: &'b [u8],
    header: BatchHeader,
    timestamps: Patch,
    log_append_time_ms: i64,
    leader_epoch: i32,
    origin: Origin,
    marker: Option<Marker>,
    now_ms: i64,
}

impl Log {
    /// Appends a batch that a client produced and that was validated. `now_ms` is the wall clock.
    pub fn append(
        &self,
        batch: &Validated<'_>,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        self.append_incoming(&Incoming {
            bytes: &batch.bytes,
            header: batch.header,
            timestamps: batch.timestamps,
            log_append_time_ms: batch.log_append_time_ms,
            leader_epoch,
            origin: Origin::Client,
            marker: None,
            now_ms,
        })
    }

    /// Appends one batch that the broker itself built, with the timestamps that it has; control
    /// batches too. Its CRC must be right. Sequence numbers are not checked.
    pub fn append_internal(
        &self,
        batch: &[u8],
        leader_epoch: i32,
    ) -> Result<Appended, AppendError> {
        let header = whole_batch(batch)?;
        let marker = header.attributes.is_control().then(|| marker_of(batch)).flatten();
        self.append_incoming(&Incoming {
            bytes: batch,
            header,
            timestamps: Patch::Keep,
            log_append_time_ms: -1,
            leader_epoch,
            origin: Origin::Coordinator,
            marker,
            // Such batches carry the time at which they were built; control of age is all it is for.
            now_ms: header.max_timestamp,
        })
    }

    fn append_incoming(&self, incoming: &Incoming<'_>) -> Result<Appended, AppendError> {
        let size = incoming.bytes.len() as u64;
        debug_assert_eq!(size, incoming.header.size() as u64, "one whole batch");
        let mut writer = self.lock_writer();
        if writer.closed {
            return Err(AppendError::Closed(self.name.clone()));
        }
        if let Some(failure) = self.durability.failure() {
            return Err(AppendError::Storage(failure));
        }
        expire_producers(&mut writer, incoming.now_ms);
        if let Verdict::Duplicate(batch) = self.check_producer(&writer, incoming)? {
            return Ok(self.already_appended(batch));
        }
        let segment_bytes = capacities(&writer.config).log;
        if size > segment_bytes {
            return Err(AppendError::TooLarge { size, segment_bytes });
        }
        let last_offset = writer.end.saturating_add(i64::from(incoming.header.last_offset_delta));
        if last_offset == i64::MAX {
            return Err(AppendError::Malformed("there are no offsets left in this log"));
        }
        let (max_timestamp, now_ms) = (incoming.max_timestamp(), incoming.now_ms);
        let next = NextBatch { size, last_offset, max_timestamp, now_ms };
        self.prepare_active(&mut writer, next)?;
        self.begin_epoch(&mut writer, incoming.leader_epoch)?;
        let aborted = self.stage_aborted(&writer, incoming)?;
        let position = self.write(&mut writer, incoming, max_timestamp)?;
        if aborted {
            // Before the end moves: nobody may read past a marker and miss what it aborted.
            writer.active.segment.publish_aborted();
        }
        let published = self.account(&mut writer, incoming, position, max_timestamp);
        self.durability.note_start(position, size);
        let flush_to = self.flush_to(last_offset + 1);
        if flush_to.is_none() {
            self.durability.note_append(size, &self.keepers.flusher);
        }
        Ok(Appended {
            base_offset: position.offset,
            last_offset,
            next_offset: last_offset + 1,
            log_append_time_ms: incoming.log_append_time_ms,
            log_start_offset: published.log_start,
            duplicate: false,
            flush_to,
        })
    }

    fn flush_to(&self, next_offset: i64) -> Option<i64> {
        let must = self.durability.must_flush(next_offset, &self.keepers.flusher);
        must.then_some(next_offset)
    }

    fn check_producer(
        &self,
        writer: &Writer,
        incoming: &Incoming<'_>,
    ) -> Result<Verdict, AppendError> {
        let verdict = writer.producers.check(&incoming.header, incoming.origin)?;
        if let Some(marker) = incoming.marker {
            writer.producers.check_marker(incoming.header.producer_id, marker)?;
        }
        Ok(verdict)
    }

    /// Writes down the transaction that the batch aborts, before the batch itself; false if there
    /// is none.
    fn stage_aborted(
        &self,
        writer: &Writer,
        incoming: &Incoming<'_>,
    ) -> Result<bool, StorageError> {
        let header = BatchHeader { base_offset: writer.end, ..incoming.header };
        let aborted = writer.producers.aborted_by(&header, incoming.marker);
        let Some(aborted) = aborted else { return Ok(false) };
        writer.active.segment.stage_aborted(&self.dir(), aborted)?;
        Ok(true)
    }

    fn already_appended(&self, batch: CachedBatch) -> Appended {
        Appended {
            base_offset: batch.first_offset(),
            last_offset: batch.last_offset,
            next_offset: batch.last_offset + 1,
            log_append_time_ms: batch.timestamp,
            log_start_offset: self.marks.get().log_start,
            duplicate: true,
            // The answer to the first attempt may still wait for the disk.
            flush_to: self.flush_to(batch.last_offset + 1),
        }
    }

    /// Copies the batch into the log and makes it visible up to [`super::Bound::LogEnd`]. Fails, and
    /// shows nothing, if the file turns out not to be there.
    fn write(
        &self,
        writer: &mut Writer,
        incoming: &Incoming<'_>,
        max_timestamp: i64,
    ) -> Result<Position, StorageError> {
        let interval = writer.config.index_interval_bytes;
        let (active, end) = (&mut writer.active, writer.end);
        let Some(tails) = &mut active.tails else { unreachable!("the segment was prepared") };
        let position =
            Position { offset: end, segment: active.segment.base, byte: tails.log.len() };
        let (head, rest) = incoming.as_in_the_log(end);
        let size = incoming.bytes.len() as u64;
        let written = tails.log.write(&head, rest).and_then(|()| tails.log.publish(size));
        let path = || names::log_file(&self.dir(), position.segment);
        written.map_err(|error| StorageError::new("write", &path(), error))?;
        let last_offset = end + i64::from(incoming.header.last_offset_delta);
        let is_largest = active.largest.update(max_timestamp, last_offset);
        active.segment.appended(tails.log.len(), is_largest.then_some(active.largest));
        if position.byte == 0 {
            active.first_timestamp = max_timestamp;
        }
        if index::entry_is_due(active.since_index, interval) {
            let relative_offset = (last_offset - active.segment.base) as u32;
            let entry = IndexEntry { relative_offset, position: position.byte as u32 };
            // The batch is there already: an index that is not refuses the next one.
            let _ = index::append(&mut tails.index, entry);
            let (time, base) = (&mut tails.time, active.segment.base);
            time_index::append_if_larger(time, &mut active.time_indexed, active.largest, base);
            active.since_index = 0;
        }
        active.since_index += size;
        self.ask_ahead(writer);
        Ok(position)
    }

    /// Updates everything that follows from the batch at `position`, and publishes the new end.
    fn account(
        &self,
        writer: &mut Writer,
        incoming: &Incoming<'_>,
        position: Position,
        max_timestamp: i64,
    ) -> Published {
        let header = BatchHeader { base_offset: position.offset, max_timestamp, ..incoming.header };
        writer.end = header.next_offset();
        writer.producers.appended(&header, incoming.marker, Some(position));
        let end = Position {
            offset: writer.end,
            segment: position.segment,
            byte: position.byte + incoming.bytes.len() as u64,
        };
        self.publish(writer, Some(end))
    }

    /// Publishes the log end if it moved, and with it the first offset of the earliest transaction
    /// that is not over: a reader never sees the one without the other.
    pub(super) fn publish(&self, writer: &mut Writer, log_end: Option<Position>) -> Published {
        let first_unstable = self.first_unstable(writer);
        if first_unstable.is_some() {
            self.unstable.store(true, Ordering::Release);
        }
        let published = self.marks.set(|published| {
            published.first_unstable = first_unstable;
            published.log_end = log_end.unwrap_or(published.log_end);
        });
        if first_unstable.is_none() {
            self.unstable.store(false, Ordering::Release);
        }
        published
    }

    /// Where the earliest transaction begins that is open, or not replicated to its end.
    fn first_unstable(&self, writer: &mut Writer) -> Option<Position> {
        if !writer.producers.has_transactions() {
            return None;
        }
        let published = self.marks.get();
        let (offset, known) = writer.producers.first_unstable(published.high_watermark.offset)?;
        let from = offset.max(published.log_start);
        let known = known.filter(|_| from == offset);
        Some(known.unwrap_or_else(|| self.position_of(from, &published)))
    }

    /// Notes the epoch of the batches from here on, on disk before anything is appended in it.
    pub(super) fn begin_epoch(&self, writer: &mut Writer, epoch: i32) -> Result<(), StorageError> {
        let mut epochs = self.lock_epochs();
        // An epoch that is over does not begin again.
        if epoch < 0 || epochs.latest().is_some_and(|latest| epoch <= latest) {
            return Ok(());
        }
        let mut next = epochs.clone();
        if next.assign(epoch, writer.end) {
            next.store(&self.dir())?;
            *epochs = next;
            self.durability.note_names();
        }
        Ok(())
    }
}

impl<'b> Incoming<'b> {
    /// The batch as it will be in the log: its header, and what follows it.
    fn as_in_the_log(&self, offset: i64) -> ([u8; HEADER_LEN], &'b [u8]) {
        let Some((head, rest)) = self.bytes.split_first_chunk::<HEADER_LEN>() else {
            unreachable!("its header was read")
        };
        let mut head = *head;
        patch::set_leader_epoch(&mut head, self.leader_epoch);
        match self.timestamps {
            Patch::Keep => {}
            Patch::LogAppendTime(time) => patch::set_log_append_time(&mut head, time),
            Patch::MaxTimestamp(time) => patch::set_max_timestamp(&mut head, time),
        }
        patch::set_base_offset(&mut head, offset);
        (head, rest)
    }

    /// The batch's largest timestamp as it will be in the log.
    fn max_timestamp(&self) -> i64 {
        match self.timestamps {
            Patch::Keep => self.header.max_timestamp,
            Patch::LogAppendTime(time) | Patch::MaxTimestamp(time) => time,
        }
    }
}

/// Forgets idle producers now and then. There is no timer for it: a log that nobody writes to keeps
/// what it has, and its memory does not grow.
fn expire_producers(writer: &mut Writer, now_ms: i64) {
    if writer.next_expiry_ms == 0 {
        writer.next_expiry_ms = now_ms.saturating_add(EXPIRY_INTERVAL_MS);
    } else if now_ms >= writer.next_expiry_ms {
        writer.next_expiry_ms = now_ms.saturating_add(EXPIRY_INTERVAL_MS);
        writer.producers.expire(now_ms, writer.producer_expiration_ms);
    }
}

/// The header of bytes that are one batch and nothing else.
fn whole_batch(batch: &[u8]) -> Result<BatchHeader, AppendError> {
    let header = batch.first_chunk::<HEADER_LEN>().map(BatchHeader::read);
    let header = header.ok_or(AppendError::Malformed("shorter than a batch header"))?;
    if header.magic != MAGIC {
        return Err(AppendError::Malformed("its record format is not 2"));
    }
    if header.size() != batch.len() || header.last_offset_delta < 0 {
        return Err(AppendError::Malformed("its length is not that of the bytes"));
    }
    Ok(header)
}
