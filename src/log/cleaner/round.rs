//! One round of cleaning: the keys of the dirty part, then every group of segments written anew and
//! swapped in (Cleaner.doClean, buildOffsetMap, cleanSegments, cleanInto).
//!
//! It reads by `pread` and checks every batch; nothing is swapped in unless all of its group was
//! read and is on the disk. Appends and reads of the log go on; the writer's lock is taken for
//! moments only.

use super::error::CleanError;
use super::filter::{LastOfProducer, Rules, Work};
use super::grouping::{self, Limits, Sizes};
use super::offset_map::{Capacity, OffsetMap};
use super::output::Output;
use super::plan::{Cleanable, Sealed, Situation};
use super::transactions::CleanedTransactions;
use crate::config::TopicConfig;
use crate::log::error::{LogError, StorageError};
use crate::log::scan::Scanner;
use crate::log::segment::Segment;
use crate::log::{AbortedTxn, Log, names};
use crate::wire::records::Batch;
use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// What bounds a round.
#[derive(Clone, Copy, Debug)]
pub struct CleanerLimits {
    /// Bytes of the offset map (`log.cleaner.dedupe.buffer.size`, divided by the threads).
    pub map_memory: usize,
    /// How full it may become (`log.cleaner.io.buffer.load.factor`).
    pub load_factor: f64,
}

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cleaned {
    /// The log is clean below this offset: where the next round's dirty part begins.
    pub up_to: i64,
    /// Bytes read to learn the keys.
    pub map_bytes: u64,
    /// Keys in the dirty part.
    pub keys: u64,
    /// Bytes of the offset map.
    pub map_memory: u64,
    /// Bytes of batches before and after.
    pub bytes: (u64, u64),
    /// Records before and after, as the batches' headers count them.
    pub records: (u64, u64),
    /// Segments before and after.
    pub segments: (usize, usize),
}

/// Called before each piece of I/O of so many bytes: may wait, and may end the round.
pub type Pace<'p> = &'p mut dyn FnMut(u64) -> ControlFlow<()>;

/// A round on its way.
struct Round<'r> {
    log: &'r Log,
    dir: Arc<Path>,
    config: Arc<TopicConfig>,
    cleanable: Cleanable,
    now_ms: i64,
    /// All segments of the log as the round began.
    segments: Vec<Arc<Segment>>,
    pace: Pace<'r>,
    work: Work,
    done: Cleaned,
}

impl Log {
    /// The part of the log that can be cleaned, given up to where it was cleaned before.
    ///
    /// # Errors
    /// When the timestamps of a segment cannot be read.
    pub fn cleanable(&self, checkpoint: Option<i64>, now_ms: i64) -> Result<Cleanable, LogError> {
        let config = self.lock_writer().config.clone();
        let (offsets, segments) = (self.offsets(), self.segments());
        let Some((active, sealed)) = segments.split_last() else { unreachable!("one at least") };
        let of = |segment: &Arc<Segment>| Sealed { base: segment.base, size: segment.size() };
        let of_base = |base: i64| {
            let at = sealed.binary_search_by_key(&base, |segment| segment.base);
            at.ok().map(|at| &sealed[at])
        };
        let situation = Situation {
            sealed: &sealed.iter().map(of).collect::<Vec<_>>(),
            active_base: active.base,
            log_start: offsets.log_start,
            last_stable: offsets.last_stable,
            log_end: offsets.log_end,
            checkpoint,
            now_ms,
        };
        let largest = |base| of_base(base).map_or(Ok(-1), |one| self.largest_timestamp(one));
        let first = |base| of_base(base).map_or(Ok(-1), |one| self.first_timestamp(one));
        Ok(situation.cleanable(&config, largest, first)?)
    }

    /// The timestamp of a segment's first batch, -1 if it has none.
    fn first_timestamp(&self, segment: &Segment) -> Result<i64, StorageError> {
        let files = self.files_of(segment)?;
        let first = files.headers(0, files.size())?.next();
        Ok(first.map_or(-1, |first| first.header.max_timestamp))
    }

    /// Cleans that part. `now_ms` is the wall clock, from which tombstones get their horizon. Blocks
    /// for as long as it takes; one round at a time per log.
    ///
    /// # Errors
    /// See [`CleanError`]; the log is then as it was, but for groups that were swapped in before.
    pub fn clean(
        &self,
        cleanable: &Cleanable,
        limits: CleanerLimits,
        now_ms: i64,
        pace: Pace<'_>,
    ) -> Result<Cleaned, CleanError> {
        let mut round = Round {
            log: self,
            dir: self.dir(),
            config: self.lock_writer().config.clone(),
            cleanable: *cleanable,
            now_ms,
            segments: self.segments(),
            pace,
            work: Work::default(),
            done: Cleaned { up_to: cleanable.first_dirty, ..Cleaned::default() },
        };
        if cleanable.end <= cleanable.first_dirty {
            return Ok(round.done);
        }
        let outcome = round.run(limits);
        let first = self.first_segment();
        let is_shorter = round.segments.first().is_some_and(|segment| segment.base < first);
        // The files of segments that retention takes away meanwhile are gone at some moment.
        outcome.map_err(|error| if is_shorter { error.unless_missing() } else { error })?;
        Ok(round.done)
    }

    /// The last thing that is known of each producer, by which its sequence numbers survive.
    fn last_of_producers(&self) -> HashMap<i64, LastOfProducer> {
        let writer = self.lock_writer();
        let last = |(id, producer): (i64, &crate::log::producers::Producer)| {
            let last = producer.last_batch();
            let marker = LastOfProducer::Marker(producer.epoch);
            (id, last.map_or(marker, |batch| LastOfProducer::Data(batch.last_offset)))
        };
        writer.producers.iter().map(last).collect()
    }
}

impl Round<'_> {
    fn run(&mut self, limits: CleanerLimits) -> Result<(), CleanError> {
        let map = self.build_map(limits)?;
        self.done.keys = map.len() as u64;
        self.done.map_memory = map.memory() as u64;
        let up_to = map.latest() + 1;
        let mut walk = CleanedTransactions::default();
        for group in self.groups(up_to)? {
            self.clean_group(&group, &map, &mut walk)?;
        }
        self.done.up_to = up_to;
        Ok(())
    }

    /// Learns the last offset of each key in the dirty part, as far as the map's memory goes.
    fn build_map(&mut self, limits: CleanerLimits) -> Result<OffsetMap, CleanError> {
        let Cleanable { first_dirty, end, .. } = self.cleanable;
        let keys = end.saturating_sub(first_dirty).unsigned_abs();
        let capacity =
            Capacity { memory: limits.map_memory, load_factor: limits.load_factor, keys };
        let map = OffsetMap::new(capacity);
        let mut map = map.map_err(StorageError::on("draw a key for the cleaning of", &self.dir))?;
        let dirty: Vec<(Arc<Segment>, i64)> = self.ranges_from(first_dirty, end);
        let mut walk = CleanedTransactions::default();
        walk.add_aborted(self.aborted(first_dirty, end)?);
        for (segment, next) in dirty {
            if !self.map_segment(&segment, &mut map, &mut walk)? {
                return Ok(map);
            }
            // There may be a gap at the end of the segment.
            map.looked_at(next - 1);
        }
        Ok(map)
    }

    /// The segments that have offsets in `from..to`, each with the offset where the next begins.
    fn ranges_from(&self, from: i64, to: i64) -> Vec<(Arc<Segment>, i64)> {
        let first = self.segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
        let next = |at: usize| self.segments.get(at + 1).map_or(to, |next| next.base.min(to));
        let ranges = self.segments.iter().enumerate().skip(first);
        let ranges = ranges.take_while(|(_, segment)| segment.base < to);
        ranges.map(|(at, segment)| (segment.clone(), next(at))).collect()
    }

    /// Adds a segment's keys to the map; false if it is full.
    fn map_segment(
        &mut self,
        segment: &Segment,
        map: &mut OffsetMap,
        walk: &mut CleanedTransactions,
    ) -> Result<bool, CleanError> {
        let from = self.cleanable.first_dirty;
        let mut full = false;
        let read = self.each_batch(segment, from, |round, batch, _| {
            if batch.attributes().is_control() {
                walk.end(batch);
            } else if !walk.is_aborted(batch) {
                round.work.each_record(batch, |offset, record| {
                    if let Some(key) = record.key.filter(|_| offset >= from) {
                        full = !map.put(key, offset);
                    }
                    !full
                })?;
            }
            if !full && batch.last_offset() >= from {
                map.looked_at(batch.last_offset());
            }
            Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        self.done.map_bytes += read;
        Ok(!full)
    }

    /// Shows every batch of a segment that ends at or beyond `from`, checked; gives the bytes read.
    fn each_batch(
        &mut self,
        segment: &Segment,
        from: i64,
        mut show: impl FnMut(&mut Self, &Batch<'_>, u64) -> Result<ControlFlow<()>, Refused>,
    ) -> Result<u64, CleanError> {
        if segment.is_deleted() {
            return Err(CleanError::Stopped); // Nothing of this round could be swapped in.
        }
        let files = self.log.files_of(segment)?;
        let path = names::log_file(&self.dir, segment.base);
        let file = files.log.file().map_err(StorageError::on("open", &path))?;
        let mut scanner = Scanner::new(&file, segment.size(), segment.base, true);
        if from > segment.base
            && let Some(first) = files.locate(from, segment.size())?
        {
            scanner = scanner.starting_at(first.position, first.header.base_offset);
        }
        let begin = scanner.position();
        loop {
            let position = scanner.position();
            let unreadable =
                |why: String| CleanError::Unreadable { path: path.clone(), position, why };
            let step = scanner.next().map_err(StorageError::on("read", &path))?;
            let bytes = match step {
                None => break,
                Some(Err(bad)) => return Err(unreadable(bad.to_string())),
                Some(Ok((_, bytes))) => bytes,
            };
            if (self.pace)(bytes.len() as u64).is_break() {
                return Err(CleanError::Stopped);
            }
            let (batch, _) = Batch::parse(bytes).map_err(|why| unreadable(why.to_string()))?;
            match show(self, &batch, position) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(Refused::Unreadable(why)) => return Err(unreadable(why)),
                Err(Refused::Failed(error)) => return Err(error),
            }
        }
        self.work.shrink();
        Ok(scanner.position() - begin)
    }

    /// The aborted transactions that overlap with offsets, by the indexes of the segments from the
    /// one on that holds `from`.
    fn aborted(&self, from: i64, to: i64) -> Result<Vec<AbortedTxn>, StorageError> {
        let first = self.segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
        let mut found = Vec::new();
        for segment in self.segments.iter().skip(first).filter(|segment| segment.has_aborted()) {
            let mut collect = |dir: &Path| segment.collect_aborted(dir, (from, to), &mut found);
            if self.log.home.with(&mut collect)? {
                break;
            }
        }
        Ok(found)
    }

    /// The segments to be cleaned into one each, up to offset `up_to`.
    fn groups(&self, up_to: i64) -> Result<Vec<Vec<Arc<Segment>>>, StorageError> {
        let below = self.segments.partition_point(|segment| segment.base < up_to);
        let segments = &self.segments[..below];
        let sizes = segments.iter().map(|segment| {
            let files = self.log.files_of(segment)?;
            let (index, time_index) = (files.index.len(), files.time.len());
            Ok(Sizes { base: segment.base, log: segment.size(), index, time_index })
        });
        let sizes = sizes.collect::<Result<Vec<_>, StorageError>>()?;
        let of = |setting: i32| u64::try_from(setting).unwrap_or(0);
        let limits = Limits {
            log: of(self.config.segment_bytes),
            index: of(self.config.segment_index_bytes),
        };
        let groups = grouping::group(&sizes, limits, self.cleanable.end);
        Ok(groups.into_iter().map(|group| segments[group].to_vec()).collect())
    }

    /// Writes a group anew and puts it in its place.
    fn clean_group(
        &mut self,
        group: &[Arc<Segment>],
        map: &OffsetMap,
        walk: &mut CleanedTransactions,
    ) -> Result<(), CleanError> {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(()) };
        if let Some(half) = group.iter().find(|segment| segment.is_swapping()) {
            let path = names::swapped(&names::log_file(&self.dir, half.base));
            let why = "an earlier compaction failed before its end, the next start completes it";
            return Err(StorageError::new("compact", &path, io::Error::other(why)).into());
        }
        let rules = Rules {
            map,
            now_ms: self.now_ms,
            delete_retention_ms: self.config.delete_retention_ms,
            end_of_round: self.cleanable.end,
            producers: self.log.last_of_producers(),
        };
        let mut output = self.log.begin_output(first.base)?;
        let mut old = Vec::with_capacity(group.len());
        for (segment, next) in self.ranges_from(first.base, self.end_of(last)) {
            old.push((segment.clone(), segment.size()));
            walk.add_aborted(self.aborted(segment.base, next)?);
            self.clean_segment(&segment, &rules, walk, &mut output)?;
        }
        let size = output.len();
        let finished = output.finish(modified(&self.log.files_of(last)?.log))?;
        self.log.swap_in(&finished, &old)?;
        self.done.bytes.1 += size;
        self.done.segments.0 += group.len();
        self.done.segments.1 += 1;
        Ok(())
    }

    /// Where the segment after this one begins.
    fn end_of(&self, segment: &Segment) -> i64 {
        let after = self.segments.partition_point(|other| other.base <= segment.base);
        self.segments.get(after).map_or(self.cleanable.end, |next| next.base)
    }

    fn clean_segment(
        &mut self,
        segment: &Segment,
        rules: &Rules<'_>,
        walk: &mut CleanedTransactions,
        output: &mut Output,
    ) -> Result<(), CleanError> {
        let read = self.each_batch(segment, i64::MIN, |round, batch, _| {
            let filtered = rules.filter(batch, walk, &mut round.work, &mut output.buffer)?;
            round.done.records.0 += u64::try_from(batch.record_count()).unwrap_or(0);
            round.done.records.1 += filtered.retained;
            if let Some(header) = filtered.header {
                output.note(&header)?;
            }
            if let Some(txn) = filtered.index {
                output.note_aborted(txn);
            }
            let written = output.write_if_full().map_err(CleanError::Storage)?;
            Ok(match written {
                0 => ControlFlow::Continue(()),
                written => (round.pace)(written),
            })
        })?;
        self.done.bytes.0 += read;
        Ok(())
    }
}

/// Why a batch that was shown ended the walk.
enum Refused {
    Unreadable(String),
    Failed(CleanError),
}

impl From<super::filter::Unreadable> for Refused {
    fn from(why: super::filter::Unreadable) -> Refused {
        Refused::Unreadable(why.to_string())
    }
}

impl From<CleanError> for Refused {
    fn from(error: CleanError) -> Refused {
        Refused::Failed(error)
    }
}

/// The time of the last change of a file; now if the system does not say.
fn modified(file: &crate::log::file::GrowingFile) -> SystemTime {
    let modified = file.file().and_then(|file| file.metadata()).and_then(|meta| meta.modified());
    modified.unwrap_or_else(|_| SystemTime::now())
}
