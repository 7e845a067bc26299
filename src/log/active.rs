//! The active segment: opened at the first append, grown ahead of the tail, rolled when it is full or
//! old (LogSegment.shouldRoll, LocalLog.roll).
//!
//! All of it happens under the writer lock, before anything of a batch is written: what fails here
//! leaves the log as it was.

use super::Log;
use super::append::Writer;
use super::backlog::Rolled;
use super::error::StorageError;
use super::file::Tail;
use super::home::Home;
use super::names::SegmentPaths;
use super::offsets::Position;
use super::preparer::{Job, NextOrder};
use super::rest;
use super::segment::{Capacities, Segment, Tails};
use super::time_index::Largest;
use super::{index, names, producer_snapshot, steps, time_index};
use crate::config::TopicConfig;
use crate::wire::records::{HEADER_LEN, NO_TIMESTAMP};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// The next segment is made when this much is left of the active one, or a quarter.
const NEXT_AHEAD: u64 = 64 << 20;

/// The segment that is written to.
pub(super) struct Active {
    pub(super) segment: Arc<Segment>,
    /// Its files, opened for writing at the first append.
    pub(super) tails: Option<Tails>,
    /// Bytes since the batch that has the last index entry began, or since the segment was opened.
    pub(super) since_index: u64,
    /// The largest timestamp so far, and the one that the last entry of the time index has.
    pub(super) largest: Largest,
    pub(super) time_indexed: i64,
    /// The first batch's timestamp, by which the segment's age is told; -1 if it has none.
    pub(super) first_timestamp: i64,
    /// When the segment was made or opened, if it must be told without timestamps.
    created_ms: i64,
    next_asked: bool,
    /// Its files were closed for a while; everything else is as it was.
    resting: bool,
}

impl Active {
    pub(super) fn new(segment: Arc<Segment>) -> Active {
        Active {
            largest: Largest::none(segment.base),
            time_indexed: NO_TIMESTAMP,
            segment,
            tails: None,
            since_index: 0,
            first_timestamp: -1,
            created_ms: 0,
            next_asked: false,
            resting: false,
        }
    }

    /// Gives the time index its last entry: nothing is appended to the segment any more, or not for
    /// now (LogSegment.onBecomeInactiveSegment).
    pub(super) fn finish_time_index(&mut self, dir: &Path) -> Result<(), StorageError> {
        let Some(tails) = &mut self.tails else { return Ok(()) };
        let base = self.segment.base;
        let path = names::time_index_file(dir, base);
        time_index::append_final(&mut tails.time, &mut self.time_indexed, self.largest, base, &path)
    }

    /// Learns what appending needs to know of the segment, whose files have just been opened.
    fn look_at_found(&mut self, dir: &Path, now_ms: i64) -> Result<(), StorageError> {
        let files = self.segment.files(dir)?;
        // Kafka begins to count anew whenever it opens a segment.
        self.since_index = 0;
        let first = files.headers(0, files.size())?.next();
        self.first_timestamp = first.map_or(-1, |first| first.header.max_timestamp);
        self.created_ms = now_ms;
        self.largest = self.segment.opened_largest(dir)?;
        let indexed = time_index::ask(&files.time, self.segment.base, |entries| entries.last());
        let path = names::time_index_file(dir, self.segment.base);
        let indexed = indexed.map_err(|error| StorageError::new("read", &path, error))?;
        self.time_indexed = indexed.map_or(NO_TIMESTAMP, |entry| entry.timestamp);
        Ok(())
    }

    /// The files are closed for now.
    pub(super) fn rested(&mut self) {
        self.resting = true;
        self.forget_next();
    }

    /// What was made ahead is thrown away: it is asked for again.
    pub(super) fn forget_next(&mut self) {
        self.next_asked = false;
    }

    /// Some of its files are open, and not lean.
    pub(super) fn has_descriptors(&self) -> bool {
        self.tails.as_ref().is_some_and(Tails::have_descriptors)
    }

    /// Gives its descriptors back, see [`super::rest`]; false if some stay.
    pub(super) fn go_lean(&mut self, home: &Home) -> bool {
        let Some(tails) = &self.tails else { return true };
        self.segment.go_lean(tails, home).is_ok()
    }

    /// Gets them again, before its files get other names or are replaced.
    pub(super) fn retrieve(&mut self, dir: &Path) -> Result<(), StorageError> {
        let Some(tails) = &self.tails else { return Ok(()) };
        let path = names::log_file(dir, self.segment.base);
        tails.retrieve().map_err(StorageError::on("open", &path))
    }

    /// It was written to, and its files were closed since.
    pub(super) fn is_resting(&self) -> bool {
        self.resting
    }

    fn is_empty_and_too_small_for(&self, size: u64) -> bool {
        let too_small = |tails: &Tails| tails.log.len() == 0 && tails.log.room() < size;
        self.tails.as_ref().is_some_and(too_small)
    }
}

/// What decides about a roll.
#[derive(Clone, Copy)]
pub(super) struct NextBatch {
    /// With that of the batches that are written before it.
    pub(super) size: u64,
    pub(super) last_offset: i64,
    pub(super) max_timestamp: i64,
    pub(super) now_ms: i64,
}

impl Log {
    /// Sees to it that there is an active segment that a batch belongs into. [`Log::make_way`] follows.
    pub(super) fn prepare_active(
        &self,
        writer: &mut Writer,
        batch: NextBatch,
    ) -> Result<(), StorageError> {
        writer.used = true;
        if writer.active.tails.is_none() {
            activate(writer, &self.dir(), batch.now_ms)?;
        }
        if !std::mem::replace(&mut writer.listed, true) {
            rest::opened(self);
        }
        if rest::is_too_much_open() {
            rest::get_some_back(self);
        }
        if should_roll(writer, batch) {
            self.roll(writer, batch.now_ms)?;
        }
        if writer.active.is_empty_and_too_small_for(batch.size) {
            // Settings have changed since it was made.
            if let Some(tails) = writer.active.tails.take() {
                writer.active.segment.seal(tails).settle();
            }
            activate(writer, &self.dir(), batch.now_ms)?;
        }
        Ok(())
    }

    /// Sees to it that batches can be written to the active segment without failing: so many bytes and batches, of which
    /// so many bytes come before the last.
    pub(super) fn make_way(
        &self,
        writer: &mut Writer,
        size: u64,
        batches: u32,
        before_last: u64,
    ) -> Result<(), StorageError> {
        let (base, since) = (writer.active.segment.base, writer.active.since_index);
        let Some(tails) = &mut writer.active.tails else { unreachable!("it was prepared") };
        let failed = |path: PathBuf, error| StorageError::new("extend", &path, error);
        let room = tails.log.make_way(size, batches);
        room.map_err(|error| failed(names::log_file(&self.dir(), base), error))?;
        // Small logs get no index entries: theirs are never mapped.
        if !index::entry_is_due(since + before_last, writer.config.index_interval_bytes) {
            return Ok(());
        }
        let entries = u64::from(batches);
        let room = tails.index.make_room(entries * index::ENTRY);
        room.map_err(|error| failed(names::index_file(&self.dir(), base), error))?;
        let room = tails.time.make_room(entries * time_index::ENTRY);
        room.map_err(|error| failed(names::time_index_file(&self.dir(), base), error))
    }

    /// Asks the preparer for what will be needed soon.
    pub(super) fn ask_ahead(&self, writer: &mut Writer) {
        let Some(tails) = &writer.active.tails else { return };
        for tail in [&tails.log, &tails.index, &tails.time] {
            if tail.shared().is_in_use() && tail.shared().should_grow(tail.len()) {
                self.keepers.preparer.ask(Job::Grow(Arc::downgrade(tail.shared())));
            }
        }
        let capacity = tails.log.shared().capacity();
        let ahead = NEXT_AHEAD.min(capacity / 4);
        if !writer.active.next_asked && tails.log.room() < ahead {
            writer.active.next_asked = true;
            let (round, capacities) = (self.next.round(), capacities(&writer.config));
            let (home, by_call) = (self.home.clone(), tails.log.shared().step_of_next());
            let order = NextOrder { round, home, capacities, by_call };
            self.keepers.preparer.ask(Job::Next(self.next.clone(), order));
        }
    }

    /// Begins a new segment at the end of the log.
    fn roll(&self, writer: &mut Writer, now_ms: i64) -> Result<(), StorageError> {
        let (dir, base) = (self.dir(), writer.end);
        assert!(base > writer.active.segment.base, "an empty segment is not rolled");
        writer.active.retrieve(&dir)?;
        writer.active.finish_time_index(&dir)?;
        let tails = self.new_files(&dir, base, capacities(&writer.config))?;
        let segment = Arc::new(Segment::fresh(base, &tails));
        let fresh =
            Active { tails: Some(tails), created_ms: now_ms, ..Active::new(segment.clone()) };
        let old = std::mem::replace(&mut writer.active, fresh);
        if let Some(tails) = old.tails {
            let files = old.segment.seal(tails);
            let snapshot = producer_snapshot::encode(&writer.producers);
            let snapshot = (names::snapshot_file(&dir, base), snapshot);
            match self.backlog.push(Rolled { files, snapshot }) {
                true => self.keepers.preparer.ask(Job::Finish(self.backlog.clone())),
                false => self.backlog.help_with_one(),
            }
            writer.snapshot_at = base;
        }
        self.durability.note_names();
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        // Readers of old segments come and go; those of the last two are the rule.
        let old = segments.len().saturating_sub(1);
        let closing: Vec<_> = segments[..old].iter().filter_map(|old| old.take_files()).collect();
        segments.push(segment);
        drop(segments);
        if !closing.is_empty() {
            self.keepers.preparer.ask(Job::Close(closing));
        }
        let end = Position { offset: base, segment: base, byte: 0 };
        self.durability.note_roll(end, &self.keepers.flusher);
        Ok(())
    }

    /// Begins a new segment at the end of the log without a batch for it, because all others go.
    /// A log that nobody has written to is left without open files again, a lean one lean: retention does this to
    /// ten thousand logs in a row.
    pub(super) fn roll_now(&self, writer: &mut Writer, now_ms: i64) -> Result<(), StorageError> {
        if rest::is_too_much_open() {
            rest::get_some_back(self);
        }
        let was_open = writer.active.tails.is_some();
        let was_lean = was_open && !writer.active.has_descriptors();
        if !was_open {
            activate(writer, &self.dir(), now_ms)?;
        }
        self.roll(writer, now_ms)?;
        if was_lean {
            writer.active.go_lean(&self.home);
        }
        let end = Position { offset: writer.end, segment: writer.end, byte: 0 };
        self.marks.set(|published| {
            if published.high_watermark.offset == end.offset {
                published.high_watermark = end;
            }
            published.log_end = end;
        });
        if !was_open && let Some(tails) = writer.active.tails.take() {
            let files = writer.active.segment.seal(tails);
            let path = names::log_file(&self.dir(), end.segment);
            files.trim().map_err(StorageError::on("cut", &path))?;
            writer.active.segment.release_files();
        }
        Ok(())
    }

    /// The files of a new segment: those made ahead, if they are there.
    fn new_files(
        &self,
        dir: &Path,
        base: i64,
        capacities: Capacities,
    ) -> Result<Tails, StorageError> {
        let paths = SegmentPaths::of(dir, base);
        if let Some(made) = self.next.take(capacities) {
            match made.paths.rename(&paths) {
                Ok(()) => return Ok(made.tails),
                Err(error) => ::log::warn!(
                    path:% = made.paths.log.display(), error:%;
                    "cannot use a segment that was made ahead of need"
                ),
            }
        }
        // No segment begins here, so such files can only be what a failed roll left.
        paths.remove();
        Tails::create(&paths, capacities)
    }
}

/// What the files of a segment may grow to: whole entries, and at least one
/// (AbstractIndex.roundDownToExactMultiple).
pub(super) fn capacities(config: &TopicConfig) -> Capacities {
    let of = |setting: i32| u64::try_from(setting).unwrap_or(0);
    let index = of(config.segment_index_bytes);
    let entries = |size: u64| (index / size * size).max(size);
    Capacities {
        log: of(config.segment_bytes).max(HEADER_LEN as u64),
        index: entries(index::ENTRY),
        time: entries(time_index::ENTRY),
    }
}

/// Opens the last segment for writing, at the first append.
fn activate(writer: &mut Writer, dir: &Path, now_ms: i64) -> Result<(), StorageError> {
    let active = &mut writer.active;
    let tails = active.segment.activate(dir, capacities(&writer.config))?;
    if std::mem::take(&mut active.resting) {
        active.tails = Some(tails);
        return Ok(());
    }
    steps::reached(dir);
    if let Err(error) = active.look_at_found(dir, now_ms) {
        // Nobody writes to them: as such they must not be found, neither by readers nor by a close.
        active.segment.seal(tails);
        active.segment.release_files();
        return Err(error);
    }
    active.tails = Some(tails);
    Ok(())
}

/// Whether a batch must go into a new segment (LogSegment.shouldRoll).
pub(super) fn should_roll(writer: &Writer, batch: NextBatch) -> bool {
    let (active, config) = (&writer.active, &writer.config);
    let Some(tails) = &active.tails else { return false };
    if tails.log.len() == 0 {
        return false;
    }
    let segment_bytes = capacities(config).log;
    let left = segment_bytes.min(tails.log.shared().capacity()).saturating_sub(tails.log.len());
    let age = match active.first_timestamp {
        first if first >= 0 => batch.max_timestamp.saturating_sub(first),
        _ => batch.now_ms.saturating_sub(active.created_ms),
    };
    batch.size > left
        || age > max_segment_ms(config) - jitter_ms(config, writer.jitter_seed)
        || is_full(&tails.index)
        || time_index::is_full(&tails.time)
        || batch.last_offset - active.segment.base > i64::from(i32::MAX)
}

/// The age at which a segment is rolled: where the log is compacted, in time for the cleaner, which
/// leaves the active segment alone (LogConfig.maxSegmentMs).
fn max_segment_ms(config: &TopicConfig) -> i64 {
    match config.max_compaction_lag_ms {
        lag if config.cleanup_policy.compact && lag > 0 => lag.min(config.segment_ms),
        _ => config.segment_ms,
    }
}

/// `segment.jitter.ms`, as far as this log is concerned: it keeps logs that were made at the same
/// time from rolling at the same time.
fn jitter_ms(config: &TopicConfig, seed: u64) -> i64 {
    match config.segment_jitter_ms.min(config.segment_ms) {
        jitter if jitter > 0 => (seed % jitter.unsigned_abs()) as i64,
        _ => 0,
    }
}

fn is_full(index: &Tail) -> bool {
    index.room() < index::ENTRY
}

#[cfg(test)]
#[path = "active_tests.rs"]
mod tests;
