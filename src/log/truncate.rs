//! Truncation: the end of a log is taken back, because another leader's log went on otherwise
//! (UnifiedLog.truncateTo, truncateFullyAndStartAt; LocalLog.truncateTo).
//!
//! Bytes that a reader holds never change: a segment that is cut is replaced by a copy of what it
//! keeps, the old file lives as long as somebody holds it. A crash at any moment leaves the log as it
//! was, as it is to be, or with fewer of the segments that go: those go from the end on, and the cut
//! one is put in place by one rename. What can fail without harm (reading, copying) comes first; if
//! a later step fails, the log takes no appends any more.
//!
//! The caller writes the recovery point, the log start offset and up to where the log is clean down
//! before it appends: a crash must not bring back what they said of the longer log.

use super::Log;
use super::active::Active;
use super::append::Writer;
use super::changes::Change;
use super::delete::delete_delay;
use super::epochs::LeaderEpochs;
use super::error::{LogError, StorageError};
use super::names::{self, SegmentPaths};
use super::offsets::{Position, Published};
use super::producer_snapshot;
use super::producers::Producers;
use super::recover::{self, Depth};
use super::scan::Scanner;
use super::segment::Segment;
use super::state::account;
use super::{steps, sync};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// What a truncation is about to do, found out before anything is changed.
struct Plan {
    /// The segments that stay whole, and then the one that becomes the last.
    kept: usize,
    last: Arc<Segment>,
    /// How many of the last segment's bytes stay, and which of its aborted transactions.
    cut: u64,
    aborted: Vec<u8>,
    /// The log's new end.
    end: i64,
    producers: Producers,
}

impl Log {
    /// Takes away the records from `offset` on. The batch that holds `offset` goes whole, so that the
    /// log may end below it; gives its end. Nothing happens if it ends there already. Below the
    /// first segment it is [`Log::truncate_fully_and_start_at`]. Blocks for as long as it takes to
    /// copy what is kept of one segment.
    ///
    /// # Errors
    /// When the disk fails. The log is as before then, or takes no appends any more.
    pub fn truncate_to(&self, offset: i64) -> Result<i64, LogError> {
        assert!(offset >= 0, "a log is not truncated to {offset}");
        let _upkeep = self.lock_upkeep();
        let mut writer = self.lock_writer();
        if offset >= writer.end {
            self.truncate_epochs(offset)?;
            return Ok(writer.end);
        }
        if self.segments().first().is_none_or(|first| first.base > offset) {
            self.start_over(&mut writer, offset)?;
            return Ok(offset);
        }
        self.backlog.finish()?;
        writer.active.retrieve(&self.dir())?;
        let plan = self.plan_truncation(&writer, offset)?;
        let copy = self.copy_kept(&plan)?;
        let end = plan.end;
        let done = self.carry_out(&mut writer, plan, copy);
        self.settle(&mut writer, done)?;
        ::log::info!(partition = self.name(), end; "truncated");
        Ok(end)
    }

    /// Takes all records away: the log is empty and begins at `offset`.
    ///
    /// # Errors
    /// When the disk fails. The log takes no appends any more then.
    pub fn truncate_fully_and_start_at(&self, offset: i64) -> Result<(), LogError> {
        assert!(offset >= 0, "a log does not begin at {offset}");
        let _upkeep = self.lock_upkeep();
        self.start_over(&mut self.lock_writer(), offset)
    }

    fn start_over(&self, writer: &mut Writer, offset: i64) -> Result<(), LogError> {
        self.backlog.finish()?;
        writer.active.retrieve(&self.dir())?;
        let done = self.replace_all(writer, offset);
        self.settle(writer, done)?;
        ::log::info!(partition = self.name(), offset; "truncated fully; it begins there now");
        Ok(())
    }

    /// After a truncation, whether it was done or not.
    fn settle(&self, writer: &mut Writer, done: Result<(), LogError>) -> Result<(), LogError> {
        if done.is_err() {
            writer.closed = true;
        }
        self.durability.note_names();
        for change in Change::ALL {
            self.keepers.janitor.note(change);
        }
        done
    }

    /// Finds out where to cut.
    fn plan_truncation(&self, writer: &Writer, offset: i64) -> Result<Plan, LogError> {
        let segments = self.segments();
        let kept = segments.partition_point(|segment| segment.base <= offset) - 1;
        let last = segments[kept].clone();
        let dir = self.dir();
        let files = last.files(&dir)?;
        let found = files.locate(offset, last.size())?;
        let cut = found.map_or(last.size(), |found| found.position);
        // A batch that begins before the offset goes, too; and what compaction took before it has left
        // no trace that the next start could tell the end by.
        let end = self.end_of_kept(&last, cut)?.min(offset);
        assert!(end <= writer.end && cut <= last.size(), "{end} and {cut} are within the log");
        let producers = self.producers_at(&segments[..=kept], cut, end)?;
        let aborted = last.aborted_before(&dir, end)?;
        Ok(Plan { kept, last, cut, aborted, end, producers })
    }

    /// The offset after the last batch in the first bytes of a segment.
    fn end_of_kept(&self, segment: &Segment, bytes: u64) -> Result<i64, StorageError> {
        let path = names::log_file(&self.dir(), segment.base);
        let file = File::open(&path).map_err(StorageError::on("open", &path))?;
        let mut scanner = Scanner::new(&file, bytes, segment.base, false);
        while let Some(step) = scanner.next().map_err(StorageError::on("read", &path))? {
            if let Err(bad) = step {
                let bad = io::Error::new(io::ErrorKind::InvalidData, bad.to_string());
                return Err(StorageError::new("read", &path, bad));
            }
        }
        Ok(scanner.next_offset())
    }

    /// The producers' state as of `end`: that of a snapshot, and what lies between it and the end of
    /// these segments, which are the log's first ones; of the last one only so many bytes count.
    pub(super) fn producers_at(
        &self,
        segments: &[Arc<Segment>],
        last_size: u64,
        end: i64,
    ) -> Result<Producers, LogError> {
        let (dir, first) = (self.dir(), segments.first().map_or(end, |first| first.base));
        let snapshots = snapshots(&dir).map_err(StorageError::on("list", &dir))?;
        let usable = snapshots.into_iter().rev().filter(|at| (first..=end).contains(at));
        let mut read = usable.filter_map(|at| {
            producer_snapshot::decode(&fs::read(names::snapshot_file(&dir, at)).ok()?, at)
        });
        let mut producers = read.next().unwrap_or_else(|| Producers::starting_at(first));
        let behind = segments.partition_point(|segment| segment.base <= producers.end());
        for (at, segment) in segments.iter().enumerate().skip(behind.saturating_sub(1)) {
            let is_last = at + 1 == segments.len();
            let size = if is_last { last_size } else { segment.size() };
            let path = names::log_file(&dir, segment.base);
            let file = File::open(&path).map_err(StorageError::on("open", &path))?;
            let mut scanner = Scanner::new(&file, size, segment.base, false);
            while let Some(step) = scanner.next().map_err(StorageError::on("read", &path))? {
                let Ok((found, bytes)) = step else { break };
                account(&mut producers, &found, bytes);
            }
        }
        Ok(producers)
    }

    /// A copy of what is kept of the cut segment, on the disk; `None` if it stays whole.
    fn copy_kept(&self, plan: &Plan) -> Result<Option<PathBuf>, LogError> {
        if plan.cut == plan.last.size() {
            return Ok(None);
        }
        let path = names::log_file(&self.dir(), plan.last.base);
        let copy = names::temporary(&path);
        let copied = File::open(&path).and_then(|from| {
            let mut to = File::create(&copy)?;
            let bytes = io::copy(&mut from.take(plan.cut), &mut to)?;
            if bytes != plan.cut {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            sync::file(&to, &copy).map_err(|error| error.source)
        });
        copied.map_err(|error| {
            let _ = fs::remove_file(&copy);
            StorageError::new("copy to", &copy, error)
        })?;
        Ok(Some(copy))
    }

    fn carry_out(
        &self,
        writer: &mut Writer,
        plan: Plan,
        copy: Option<PathBuf>,
    ) -> Result<(), LogError> {
        let Plan { kept, last, cut, aborted, end, mut producers } = plan;
        // Before the end goes back: a flush that begins after that may find the copy, and must not count
        // without its name.
        self.durability.note_names();
        self.retract(&mut producers, Position { offset: end, segment: last.base, byte: cut });
        if let Some(tails) = writer.active.tails.take() {
            // It may be the one that is gone on with.
            writer.active.segment.seal(tails).settle();
        }
        writer.end = end;
        writer.producers = producers;
        // The close of the log writes one if nothing does before.
        writer.snapshot_at = writer.snapshot_at.min((end - 1).max(0));
        let dir = self.dir();
        // Whoever has found the segment finds the file that it has now.
        last.keep_files(&dir)?;
        let segments = self.segments();
        self.give_up_from_the_end(writer, &segments[kept + 1..])?;
        let replaced = match copy {
            Some(copy) => self.put_copy_in_place(writer, &last, &copy, &aborted)?,
            None => Segment::new(last.base, cut),
        };
        replaced.set_txn_size(aborted.len() as u64);
        replaced.set_upper(end);
        let replaced = Arc::new(replaced);
        self.replace_segments(kept, replaced.clone());
        writer.active = Active::new(replaced);
        steps::reached(&dir);
        remove_snapshots_beyond(&dir, end).map_err(StorageError::on("clear", &dir))?;
        self.truncate_epochs(end)?;
        sync::dir(&dir)?;
        Ok(())
    }

    /// Shows readers the shorter log, before its files are: they never look beyond what is shown.
    fn retract(&self, producers: &mut Producers, end: Position) {
        let mut published = self.marks.get();
        published.log_end = end;
        published.log_start = published.log_start.min(end.offset);
        if published.high_watermark.offset >= end.offset {
            published.high_watermark = end;
        }
        published.first_unstable = None;
        let first = producers.first_unstable(published.high_watermark.offset);
        published.first_unstable =
            first.map(|(offset, _)| self.position_of(offset.max(published.log_start), &published));
        self.unstable.store(first.is_some(), Ordering::Release);
        self.marks.retract(published);
        self.durability.truncated_to(end.offset);
    }

    /// Puts the copy in the place of the segment's file, with indexes of its own.
    fn put_copy_in_place(
        &self,
        writer: &Writer,
        last: &Segment,
        copy: &Path,
        aborted: &[u8],
    ) -> Result<Segment, LogError> {
        let dir = self.dir();
        let [log, index, time, txn] = names::segment_files(&dir, last.base);
        steps::reached(&dir);
        fs::rename(copy, &log).map_err(StorageError::on("replace", &log))?;
        // Readers have the old indexes mapped: new files, not new bytes. Until they are there, a
        // start after a crash makes them; but what was aborted is not forgotten for a moment.
        let mut outdated = vec![index, time];
        if aborted.is_empty() {
            outdated.push(txn);
        } else {
            steps::reached(&dir);
            let beside = names::temporary(&txn);
            let written = fs::write(&beside, aborted).and_then(|()| fs::rename(&beside, &txn));
            written.map_err(StorageError::on("replace", &txn))?;
        }
        let renamed = outdated.into_iter().filter_map(|path| {
            steps::reached(&dir);
            let to = names::deleted(&path);
            fs::rename(&path, &to).is_ok().then_some(to)
        });
        self.keepers.janitor.remove(renamed.collect(), delete_delay(&writer.config));
        steps::reached(&dir);
        let interval = writer.config.index_interval_bytes;
        let checked =
            recover::check(&dir, last.base, interval, Depth::Headers, i64::MAX, |_, _| {})?;
        let segment = Segment::new(last.base, checked.size);
        segment.set_opened_largest(checked.largest);
        Ok(segment)
    }

    fn replace_all(&self, writer: &mut Writer, offset: i64) -> Result<(), LogError> {
        let end = Position { offset, segment: offset, byte: 0 };
        self.unstable.store(false, Ordering::Release);
        self.marks.retract(Published::new(end, end));
        self.durability.truncated_to(offset);
        if let Some(tails) = writer.active.tails.take() {
            writer.active.segment.seal(tails);
        }
        writer.end = offset;
        writer.producers = Producers::starting_at(offset);
        writer.snapshot_at = offset;
        let dir = self.dir();
        self.give_up_from_the_end(writer, &self.segments())?;
        let SegmentPaths { log, index, time } = SegmentPaths::of(&dir, offset);
        for path in [index, time, log] {
            File::create(&path).map_err(StorageError::on("create", &path))?;
        }
        let fresh = Arc::new(Segment::new(offset, 0));
        self.replace_segments(0, fresh.clone());
        writer.active = Active::new(fresh);
        remove_snapshots_beyond(&dir, -1).map_err(StorageError::on("clear", &dir))?;
        let mut epochs = self.lock_epochs();
        *epochs = LeaderEpochs::default();
        epochs.store(&dir)?;
        sync::dir(&dir)?;
        Ok(())
    }

    /// A crash in between leaves a log without a gap.
    fn give_up_from_the_end(
        &self,
        writer: &Writer,
        segments: &[Arc<Segment>],
    ) -> Result<(), LogError> {
        let segments: Vec<_> = segments.iter().rev().cloned().collect();
        let path = self.dir();
        let dir = sync::Directory::open(&path)?;
        self.give_up(&dir, &segments, delete_delay(&writer.config))?;
        Ok(())
    }

    /// The first segments stay, then comes this one, and it is the last.
    fn replace_segments(&self, kept: usize, last: Arc<Segment>) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.truncate(kept);
        segments.push(last);
    }

    fn truncate_epochs(&self, end: i64) -> Result<(), LogError> {
        let mut epochs = self.lock_epochs();
        let mut next = epochs.clone();
        if next.truncate_from_end(end) {
            next.store(&self.dir())?;
            *epochs = next;
        }
        Ok(())
    }
}

impl Segment {
    /// The transaction index as far as it is about transactions that ended before `end`.
    pub(crate) fn aborted_before(&self, dir: &Path, end: i64) -> Result<Vec<u8>, StorageError> {
        let mut found = Vec::new();
        if self.has_aborted() {
            self.collect_aborted(dir, (self.base, i64::MAX), &mut found)?;
        }
        let ended = found.iter().filter(|txn| txn.last_offset < end);
        Ok(ended.flat_map(|txn| txn.to_bytes()).collect())
    }
}

/// The offsets of the snapshots in a directory, in order.
fn snapshots(dir: &Path) -> io::Result<Vec<i64>> {
    let mut offsets = Vec::new();
    for entry in fs::read_dir(dir)? {
        if let names::FileKind::Snapshot(at) =
            names::FileKind::of(&entry?.file_name().to_string_lossy())
        {
            offsets.push(at);
        }
    }
    offsets.sort_unstable();
    Ok(offsets)
}

fn remove_snapshots_beyond(dir: &Path, end: i64) -> io::Result<()> {
    let beyond = snapshots(dir)?.into_iter().filter(|&at| at > end);
    beyond.map(|at| names::snapshot_file(dir, at)).try_for_each(fs::remove_file)
}
