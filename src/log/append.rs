//! Appending: the writer's side of a log (UnifiedLog.append, LogSegment.append and shouldRoll).
//!
//! Everything happens under the writer lock, in this order: check the producer, roll if needed,
//! write the batch with its own offset behind the tail, publish. What fails leaves the log as
//! it was. A batch becomes visible only when its last byte is in place. Several batches that came together may be
//! written and published together, see [`super::run`].

use super::Log;
use super::active::{Active, NextBatch, capacities};
use super::error::{AppendError, StorageError};
use super::incoming::Incoming;
use super::index::{self, IndexEntry};
use super::names;
use super::offsets::{Position, Published};
use super::producers::{CachedBatch, Producers, Verdict};
use super::run::Run;
use super::time_index;
use super::validate::Validated;
use crate::config::TopicConfig;
use crate::wire::records::BatchHeader;
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

impl Log {
    /// Appends a batch that a client produced and that was validated. `now_ms` is the wall clock.
    pub fn append(
        &self,
        batch: &Validated<'_>,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        let incoming = Incoming::of_client(batch, leader_epoch, now_ms);
        self.append_incoming(&[incoming]).map(|run| run.first)
    }

    /// Appends the first of some batches that came together, as [`Log::append`] does, and those of the others with it
    /// that may be: see [`super::run`].
    /// There is one at least.
    pub fn append_run(
        &self,
        batches: &[Validated<'_>],
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<Run, AppendError> {
        let of_client = |batch| Incoming::of_client(batch, leader_epoch, now_ms);
        match batches {
            [one] => self.append_incoming(&[of_client(one)]),
            many => self.append_incoming(&many.iter().map(of_client).collect::<Vec<_>>()),
        }
    }

    /// Appends one batch that the broker itself built, with the timestamps that it has; control
    /// batches too. Its CRC must be right. Sequence numbers are not checked.
    pub fn append_internal(
        &self,
        batch: &[u8],
        leader_epoch: i32,
    ) -> Result<Appended, AppendError> {
        let incoming = Incoming::internal(batch, leader_epoch)?;
        self.append_incoming(&[incoming]).map(|run| run.first)
    }

    /// Appends the first of these, and together with it those behind it that may be.
    fn append_incoming(&self, incoming: &[Incoming<'_>]) -> Result<Run, AppendError> {
        let [first, ..] = incoming else { unreachable!("there is one at least") };
        let mut writer = self.lock_writer();
        if writer.closed {
            return Err(AppendError::Closed(self.name.clone()));
        }
        if let Some(failure) = self.durability.failure() {
            return Err(AppendError::Storage(failure));
        }
        expire_producers(&mut writer, first.now_ms);
        if let Verdict::Duplicate(batch) = self.check_producer(&writer, first)? {
            return Ok(Run::of_one(self.already_appended(batch)));
        }
        let next = self.as_next(&writer, first)?;
        self.prepare_active(&mut writer, next)?;
        let run = &incoming[..self.run_length(&writer, incoming)];
        let size = run.iter().map(Incoming::size).sum::<u64>();
        let before_last = size - run.last().map_or(0, Incoming::size);
        self.make_way(&mut writer, size, run.len() as u32, before_last)?;
        self.begin_epoch(&mut writer, first.leader_epoch)?;
        let aborted = self.stage_aborted(&writer, first)?;
        let position = self.write(&mut writer, run)?;
        if aborted {
            // Before the end moves: nobody may read past a marker and miss what it aborted.
            writer.active.segment.publish_aborted();
        }
        let published = self.account(&mut writer, run, position, size);
        self.durability.note_start(position, size);
        let flush_to = self.flush_to(writer.end);
        if flush_to.is_none() {
            self.durability.note_append(size, &self.keepers.flusher);
        }
        let appended = Appended {
            base_offset: position.offset,
            last_offset: next.last_offset,
            next_offset: next.last_offset + 1,
            log_append_time_ms: first.log_append_time_ms,
            log_start_offset: published.log_start,
            duplicate: false,
            flush_to,
        };
        Ok(Run { first: appended, count: run.len(), next_offset: writer.end })
    }

    /// What the first batch is to the segment that it may belong into.
    fn as_next(&self, writer: &Writer, first: &Incoming<'_>) -> Result<NextBatch, AppendError> {
        let (size, now_ms) = (first.size(), first.now_ms);
        debug_assert_eq!(size, first.header.size() as u64, "one whole batch");
        let segment_bytes = capacities(&writer.config).log;
        if size > segment_bytes {
            return Err(AppendError::TooLarge { size, segment_bytes });
        }
        let last_offset = writer.end.saturating_add(i64::from(first.header.last_offset_delta));
        if last_offset == i64::MAX {
            return Err(AppendError::Malformed("there are no offsets left in this log"));
        }
        Ok(NextBatch { size, last_offset, max_timestamp: first.max_timestamp(), now_ms })
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

    /// Puts batches into the log and makes them visible up to [`super::Bound::LogEnd`]. Fails, and
    /// shows nothing, if the file turns out not to be there.
    fn write(&self, writer: &mut Writer, run: &[Incoming<'_>]) -> Result<Position, StorageError> {
        let (active, offset) = (&mut writer.active, writer.end);
        let Some(tails) = &mut active.tails else { unreachable!("the segment was prepared") };
        let start = Position { offset, segment: active.segment.base, byte: tails.log.len() };
        let log = &mut tails.log;
        let written = match run {
            [one] => {
                let (head, rest) = one.as_in_the_log(offset);
                log.write(std::iter::once([&head[..], rest]))
            }
            many => {
                let mut next = offset;
                let batches = many.iter().map(|batch| {
                    let as_in_the_log = batch.as_in_the_log(next);
                    next = batch.header_at(next).next_offset();
                    as_in_the_log
                });
                let batches: Vec<_> = batches.collect();
                log.write(batches.iter().map(|(head, rest)| [&head[..], *rest]))
            }
        };
        let size = run.iter().map(Incoming::size).sum();
        let written = written.and_then(|()| tails.log.publish(size));
        let path = || names::log_file(&self.dir(), start.segment);
        written.map_err(|error| StorageError::new("write", &path(), error))?;
        Ok(start)
    }

    /// Updates everything that follows from the batches of `size` bytes that begin at `start`, and publishes the new end.
    fn account(
        &self,
        writer: &mut Writer,
        run: &[Incoming<'_>],
        start: Position,
        size: u64,
    ) -> Published {
        let mut position = start;
        for incoming in run {
            let header = incoming.header_at(position.offset);
            note_batch(writer, &header, position.byte);
            writer.producers.appended(&header, incoming.marker, Some(position));
            position.offset = header.next_offset();
            position.byte += incoming.size();
        }
        debug_assert_eq!(position.byte, start.byte + size);
        writer.end = position.offset;
        self.ask_ahead(writer);
        self.publish(writer, Some(position))
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

/// Notes in the active segment a batch that is in its file, and in its indexes, if it is time for an entry.
fn note_batch(writer: &mut Writer, header: &BatchHeader, byte: u64) {
    let size = header.size() as u64;
    let interval = writer.config.index_interval_bytes;
    let active = &mut writer.active;
    let Some(tails) = &mut active.tails else { unreachable!("it was written to") };
    let is_largest = active.largest.update(header.max_timestamp, header.last_offset());
    active.segment.appended(byte + size, is_largest.then_some(active.largest));
    if byte == 0 {
        active.first_timestamp = header.max_timestamp;
    }
    if index::entry_is_due(active.since_index, interval) {
        let base = active.segment.base;
        let relative_offset = (header.last_offset() - base) as u32;
        let entry = IndexEntry { relative_offset, position: byte as u32 };
        // The batch is there already: an index that is not refuses the next one.
        let _ = index::append(&mut tails.index, entry);
        let time = &mut tails.time;
        time_index::append_if_larger(time, &mut active.time_indexed, active.largest, base);
        active.since_index = 0;
    }
    active.since_index += size;
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
