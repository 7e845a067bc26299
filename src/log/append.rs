//! Appending: the writer's side of a log (UnifiedLog.append, LogSegment.append and shouldRoll).
//!
//! Everything happens under the writer lock, in this order: check the producer, roll if needed,
//! copy the batch behind the tail, patch its header there, publish. What fails leaves the log as
//! it was. A batch becomes visible only when its last byte is in place.

use super::Log;
use super::error::{AppendError, StorageError};
use super::file::Tail;
use super::index::{self, IndexEntry};
use super::marker::{Marker, marker_of};
use super::names;
use super::offsets::Position;
use super::preparer::{Job, NextOrder, Rolled};
use super::producer_snapshot;
use super::producers::{CachedBatch, Origin, Producers, Verdict};
use super::segment::{Segment, Tails};
use super::validate::{Patch, Validated};
use crate::config::TopicConfig;
use crate::wire::records::{BatchHeader, HEADER_LEN, MAGIC, patch};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// The next segment is made when this much is left of the active one, or a quarter.
const NEXT_AHEAD: u64 = 64 << 20;

/// What only the holder of the writer lock may touch.
pub(super) struct Writer {
    pub(super) config: Arc<TopicConfig>,
    pub(super) active: Active,
    pub(super) producers: Producers,
    /// The offset of the next record.
    pub(super) end: i64,
    /// There is a producer snapshot as of this offset.
    pub(super) snapshot_at: i64,
    /// Closed or deleted: nothing is appended any more.
    pub(super) closed: bool,
}

/// The segment that is written to.
pub(super) struct Active {
    pub(super) segment: Arc<Segment>,
    /// Its files, opened for writing at the first append.
    pub(super) tails: Option<Tails>,
    /// Bytes since the batch that has the last index entry began.
    since_index: u64,
    /// The first batch's timestamp, by which the segment's age is told; -1 if it has none.
    first_timestamp: i64,
    /// When the segment was made or opened, if it must be told without timestamps.
    created_ms: i64,
    next_asked: bool,
}

impl Active {
    pub(super) fn new(segment: Arc<Segment>) -> Active {
        Active {
            segment,
            tails: None,
            since_index: 0,
            first_timestamp: -1,
            created_ms: 0,
            next_asked: false,
        }
    }

    fn is_empty_and_too_small_for(&self, size: u64) -> bool {
        let too_small = |tails: &Tails| tails.log.len() == 0 && tails.log.room() < size;
        self.tails.as_ref().is_some_and(too_small)
    }
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
        if let Verdict::Duplicate(batch) = self.check_producer(&writer, incoming)? {
            return Ok(self.already_appended(batch));
        }
        let segment_bytes = capacities(&writer.config).0;
        if size > segment_bytes {
            return Err(AppendError::TooLarge { size, segment_bytes });
        }
        let last_offset = writer.end + i64::from(incoming.header.last_offset_delta);
        let max_timestamp = incoming.max_timestamp();
        self.prepare_active(&mut writer, size, last_offset, max_timestamp, incoming.now_ms)?;
        self.begin_epoch(&mut writer, incoming.leader_epoch)?;
        let position = self.write(&mut writer, incoming, max_timestamp);
        self.account(&mut writer, incoming, position, max_timestamp);
        Ok(Appended {
            base_offset: position.offset,
            last_offset,
            next_offset: last_offset + 1,
            log_append_time_ms: incoming.log_append_time_ms,
            log_start_offset: self.marks.get().log_start,
            duplicate: false,
        })
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

    fn already_appended(&self, batch: CachedBatch) -> Appended {
        Appended {
            base_offset: batch.first_offset(),
            last_offset: batch.last_offset,
            next_offset: batch.last_offset + 1,
            log_append_time_ms: batch.timestamp,
            log_start_offset: self.marks.get().log_start,
            duplicate: true,
        }
    }

    /// Sees to it that `size` bytes can be written to the active segment without failing.
    fn prepare_active(
        &self,
        writer: &mut Writer,
        size: u64,
        last_offset: i64,
        max_timestamp: i64,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        if writer.active.tails.is_none() {
            activate(writer, &self.dir(), now_ms)?;
        }
        if should_roll(writer, size, last_offset, max_timestamp, now_ms) {
            self.roll(writer, now_ms)?;
        }
        if writer.active.is_empty_and_too_small_for(size) {
            // Settings have changed since it was made.
            if let Some(tails) = writer.active.tails.take() {
                writer.active.segment.seal(tails);
            }
            activate(writer, &self.dir(), now_ms)?;
        }
        let base = writer.active.segment.base;
        let Some(tails) = &mut writer.active.tails else { unreachable!("activated above") };
        let failed = |path: PathBuf, error| StorageError::new("extend", &path, error);
        let room = tails.log.make_room(size);
        room.map_err(|error| failed(names::log_file(&self.dir(), base), error))?;
        let room = tails.index.make_room(index::ENTRY);
        room.map_err(|error| failed(names::index_file(&self.dir(), base), error))
    }

    /// Copies the batch into the log and makes it visible up to [`super::Bound::LogEnd`].
    fn write(&self, writer: &mut Writer, incoming: &Incoming<'_>, max_timestamp: i64) -> Position {
        let interval = writer.config.index_interval_bytes;
        let (active, end) = (&mut writer.active, writer.end);
        let Some(tails) = &mut active.tails else { unreachable!("the segment was prepared") };
        let position =
            Position { offset: end, segment: active.segment.base, byte: tails.log.len() };
        let staged = tails.log.stage(incoming.bytes);
        patch::set_leader_epoch(staged, incoming.leader_epoch);
        match incoming.timestamps {
            Patch::Keep => {}
            Patch::LogAppendTime(time) => patch::set_log_append_time(staged, time),
            Patch::MaxTimestamp(time) => patch::set_max_timestamp(staged, time),
        }
        // Last, so that a crash in between leaves a batch whose offset does not fit.
        patch::set_base_offset(staged, end);
        let size = incoming.bytes.len() as u64;
        tails.log.publish(size);
        active.segment.appended(tails.log.len(), max_timestamp);
        if position.byte == 0 {
            active.first_timestamp = max_timestamp;
        }
        let last_offset = end + i64::from(incoming.header.last_offset_delta);
        if index::entry_is_due(active.since_index, interval) {
            let relative_offset = (last_offset - active.segment.base) as u32;
            let entry = IndexEntry { relative_offset, position: position.byte as u32 };
            index::append(&mut tails.index, entry);
            active.since_index = 0;
        }
        active.since_index += size;
        self.ask_ahead(writer);
        position
    }

    /// Updates everything that follows from the batch at `position`, and publishes the new end.
    fn account(
        &self,
        writer: &mut Writer,
        incoming: &Incoming<'_>,
        position: Position,
        max_timestamp: i64,
    ) {
        let header = BatchHeader { base_offset: position.offset, max_timestamp, ..incoming.header };
        writer.end = header.next_offset();
        writer.producers.appended(&header, incoming.marker, Some(position));
        let end = Position {
            offset: writer.end,
            segment: position.segment,
            byte: position.byte + incoming.bytes.len() as u64,
        };
        self.publish(writer, Some(end));
    }

    /// Asks the preparer for what will be needed soon.
    fn ask_ahead(&self, writer: &mut Writer) {
        let Some(tails) = &writer.active.tails else { return };
        for tail in [&tails.log, &tails.index] {
            if tail.shared().should_grow(tail.len()) {
                self.preparer.ask(Job::Grow(tail.shared().clone()));
            }
        }
        let capacity = tails.log.shared().capacity();
        let ahead = NEXT_AHEAD.min(capacity / 4);
        if !writer.active.next_asked && tails.log.room() < ahead {
            writer.active.next_asked = true;
            let order = NextOrder { dir: self.dir(), capacities: capacities(&writer.config) };
            self.preparer.ask(Job::Next(self.next.clone(), order));
        }
    }

    /// Begins a new segment at the end of the log.
    fn roll(&self, writer: &mut Writer, now_ms: i64) -> Result<(), StorageError> {
        let (dir, base) = (self.dir(), writer.end);
        assert!(base > writer.active.segment.base, "an empty segment is not rolled");
        let tails = self.new_files(&dir, base, capacities(&writer.config))?;
        let segment = Arc::new(Segment::fresh(base, &tails));
        let fresh =
            Active { tails: Some(tails), created_ms: now_ms, ..Active::new(segment.clone()) };
        let old = std::mem::replace(&mut writer.active, fresh);
        if let Some(tails) = old.tails {
            let files = old.segment.seal(tails);
            let snapshot = producer_snapshot::encode(&writer.producers);
            self.backlog
                .push(Rolled { files, snapshot: (names::snapshot_file(&dir, base), snapshot) });
            self.preparer.ask(Job::Finish(self.backlog.clone()));
            writer.snapshot_at = base;
        }
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        // Readers of old segments come and go; those of the last two are the rule.
        let old = segments.len().saturating_sub(1);
        segments[..old].iter().for_each(|segment| segment.release_files());
        segments.push(segment);
        Ok(())
    }

    /// The files of a new segment: those made ahead, if they are there.
    fn new_files(
        &self,
        dir: &Path,
        base: i64,
        capacities: (u64, u64),
    ) -> Result<Tails, StorageError> {
        let (log, index) = (names::log_file(dir, base), names::index_file(dir, base));
        if let Some(made) = self.next.take(capacities) {
            match fs::rename(&made.index, &index).and_then(|()| fs::rename(&made.log, &log)) {
                Ok(()) => return Ok(made.tails),
                Err(error) => ::log::warn!("cannot use {}: {error}", made.log.display()),
            }
        }
        // No segment begins here, so such files can only be what a failed roll left.
        let _ = fs::remove_file(&log);
        let _ = fs::remove_file(&index);
        Tails::create((&log, &index), capacities)
    }

    /// Notes the epoch of the batches from here on, on disk before anything is appended in it.
    pub(super) fn begin_epoch(&self, writer: &mut Writer, epoch: i32) -> Result<(), StorageError> {
        let mut epochs = self.lock_epochs();
        if epoch < 0 || epochs.latest() == Some(epoch) {
            return Ok(());
        }
        let mut next = epochs.clone();
        if next.assign(epoch, writer.end) {
            next.store(&self.dir())?;
            *epochs = next;
        }
        Ok(())
    }
}

impl Incoming<'_> {
    /// The batch's largest timestamp as it will be in the log.
    fn max_timestamp(&self) -> i64 {
        match self.timestamps {
            Patch::Keep => self.header.max_timestamp,
            Patch::LogAppendTime(time) | Patch::MaxTimestamp(time) => time,
        }
    }
}

/// The address space of a segment's `.log` and `.index`: what they may grow to.
pub(super) fn capacities(config: &TopicConfig) -> (u64, u64) {
    let of = |setting: i32| u64::try_from(setting).unwrap_or(0);
    let index = of(config.segment_index_bytes) / index::ENTRY * index::ENTRY;
    (of(config.segment_bytes).max(HEADER_LEN as u64), index.max(index::ENTRY))
}

/// Opens the last segment for writing, at the first append.
fn activate(writer: &mut Writer, dir: &Path, now_ms: i64) -> Result<(), StorageError> {
    let active = &mut writer.active;
    let tails = active.segment.activate(dir, capacities(&writer.config))?;
    let files = active.segment.files(dir)?;
    let last = files.entries()?.last();
    let indexed = last.map_or(0, |entry| u64::from(entry.position));
    active.since_index = tails.log.len().saturating_sub(indexed);
    let first = files.headers(0, tails.log.len())?.next();
    active.first_timestamp = first.map_or(-1, |first| first.header.max_timestamp);
    active.created_ms = now_ms;
    active.tails = Some(tails);
    Ok(())
}

/// Whether a batch must go into a new segment (LogSegment.shouldRoll).
fn should_roll(
    writer: &Writer,
    size: u64,
    last_offset: i64,
    max_timestamp: i64,
    now_ms: i64,
) -> bool {
    let active = &writer.active;
    let Some(tails) = &active.tails else { return false };
    if tails.log.len() == 0 {
        return false;
    }
    let (segment_bytes, _) = capacities(&writer.config);
    let left = segment_bytes.min(tails.log.shared().capacity()).saturating_sub(tails.log.len());
    let age = match active.first_timestamp {
        first if first >= 0 => max_timestamp.saturating_sub(first),
        _ => now_ms.saturating_sub(active.created_ms),
    };
    size > left
        || age > writer.config.segment_ms
        || is_full(&tails.index)
        || last_offset - active.segment.base > i64::from(i32::MAX)
}

fn is_full(index: &Tail) -> bool {
    index.room() < index::ENTRY
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
