//! From a directory to a log (LogLoader.java).
//!
//! After a clean close the files are believed: sizes are looked up, and the batches after the last
//! index entry are walked to find the end. After anything else, or where the log does not end as a
//! close leaves it, every batch is checked from the segment on that holds the recovery point; the
//! log is cut at the first bad byte, and what follows a loss goes. Nothing is ever overwritten that
//! was not looked at first.

use super::Log;
use super::active::Active;
use super::append::{PRODUCER_EXPIRATION_MS, Writer};
use super::backlog::Backlog;
use super::durability::{Durability, Parts};
use super::epochs::LeaderEpochs;
use super::error::{LogError, StorageError};
use super::home::Home;
use super::keepers::Keepers;
use super::listing::Listing;
use super::names::{self, SegmentPaths};
use super::offsets::{Position, Published, Watermarks};
use super::producers::Producers;
use super::recover::{self, Checked, Cut, Depth};
use super::report::{Missing, Opening, Recovery, RecoveryReport};
use super::segment::Segment;
use super::state::{account, note_epoch};
use super::trust::Trust;
use super::txn_rebuild::RebuiltTxns;
use crate::config::TopicConfig;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};

/// A log on its way from its files into memory.
pub(super) struct Loader<'d> {
    pub(super) dir: &'d Path,
    pub(super) interval_bytes: i32,
    pub(super) snapshots: Vec<i64>,
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) end: i64,
    pub(super) producers: Producers,
    /// Where the snapshot is that the producers' state began with.
    pub(super) snapshot_at: i64,
    pub(super) epochs: LeaderEpochs,
    /// There is no time to read the log.
    pub(super) quick: bool,
    /// Bytes were cut off, if only unused reserve.
    pub(super) was_cut: bool,
    /// Everything below was on the disk before.
    flushed: i64,
    pub(super) report: RecoveryReport,
    /// The directory is new: not even its name is on the disk.
    made: bool,
    /// Segments follow each other without gaps: nothing was compacted behind the recovery point.
    gapless: bool,
    /// Segments whose indexes may have been made anew.
    pub(super) indexed: Vec<i64>,
}

impl Log {
    /// Makes a new, empty log in `dir`, which is made too. Blocks.
    pub fn create(
        dir: PathBuf,
        config: Arc<TopicConfig>,
        keepers: Keepers,
    ) -> Result<Log, LogError> {
        fs::create_dir_all(&dir).map_err(StorageError::on("create", &dir))?;
        let listing = Listing::read(&dir).map_err(StorageError::on("list", &dir))?;
        if !listing.logs.is_empty() {
            return Err(LogError::Exists(dir));
        }
        let mut loader = Loader::new(&dir, &config, &listing);
        loader.begin_at(0)?;
        loader.made = true;
        Ok(loader.finish(config, keepers, 0)?.0)
    }

    /// Opens the log in `dir`. Blocks, after a crash for as long as it takes to read what is not
    /// known to be on the disk.
    pub fn open(
        dir: PathBuf,
        config: Arc<TopicConfig>,
        opening: impl Into<Opening>,
        keepers: Keepers,
    ) -> Result<(Log, RecoveryReport), LogError> {
        let opening = opening.into();
        let listing = Listing::read(&dir).map_err(StorageError::on("list", &dir))?;
        let mut loader = Loader::new(&dir, &config, &listing);
        loader.quick = opening.quick;
        loader.load(&listing, &opening)?;
        let log_start = loader.begins_at(&opening);
        if loader.segments.is_empty() || log_start > loader.end {
            loader.set_aside()?;
            loader.begin_at(log_start)?;
        }
        loader.finish(config, keepers, log_start)
    }
}

impl<'d> Loader<'d> {
    fn new(dir: &'d Path, config: &TopicConfig, listing: &Listing) -> Loader<'d> {
        Loader {
            dir,
            interval_bytes: config.index_interval_bytes,
            snapshots: listing.snapshots.clone(),
            segments: Vec::new(),
            end: 0,
            producers: Producers::default(),
            snapshot_at: 0,
            epochs: LeaderEpochs::default(),
            quick: false,
            was_cut: false,
            flushed: 0,
            report: RecoveryReport::default(),
            made: false,
            gapless: !config.cleanup_policy.compact,
            indexed: Vec::new(),
        }
    }

    /// Finds out what can be believed, checks the rest.
    fn load(&mut self, listing: &Listing, opening: &Opening) -> Result<(), LogError> {
        let bases: Vec<i64> = listing.logs.keys().copied().collect();
        // What was compacted once has gaps for good. Of a log that nothing is known of that may be so.
        self.gapless &= opening.recovery_point.is_some() && !opening.compacted;
        let trust = match opening.recovery {
            Recovery::Clean => Trust { segments: bases.len(), verify: false },
            Recovery::Unclean => Trust { segments: holder(&bases, opening), verify: true },
        };
        let mut trusted = self.trust(&bases, trust, listing)?;
        let was_closed = opening.recovery == Recovery::Clean
            && trusted == bases.len()
            && opening.recovery_point.is_none_or(|point| point == self.end);
        if opening.recovery == Recovery::Clean && !was_closed {
            // Not what a close leaves: a power cut may bring back the sign of an earlier one.
            self.may_read()?;
            self.segments.clear();
            let trust = Trust { segments: holder(&bases, opening), verify: true };
            trusted = self.trust(&bases, trust, listing)?;
        }
        self.rebuild(!was_closed)?;
        if !was_closed {
            self.check_from(&bases, trusted, opening)?;
        }
        let known = if was_closed { Some(self.end) } else { opening.recovery_point };
        self.flushed = known.map_or(0, |point| point.min(self.end));
        self.sync_indexes(self.flushed, was_closed)?;
        let lost = |&point: &i64| point > self.end;
        let missing = |recovery_point| Missing { log_end: self.end, recovery_point };
        self.report.missing = opening.recovery_point.filter(lost).map(missing);
        Ok(())
    }

    /// Before anything that takes long.
    pub(super) fn may_read(&self) -> Result<(), LogError> {
        if self.quick { Err(LogError::Slow(self.dir.to_owned())) } else { Ok(()) }
    }

    /// Checks the segments from one on, cuts the log where it stops being one, and rebuilds what
    /// follows from it.
    fn check_from(
        &mut self,
        bases: &[i64],
        first: usize,
        opening: &Opening,
    ) -> Result<(), StorageError> {
        self.report.checked = true;
        self.report.checked_from = self.end;
        for (at, &base) in bases.iter().enumerate().skip(first) {
            // After a cut only a segment that follows without a gap can still be believed: an
            // earlier one that ends in its unused reserve is the rule after a crash. Without
            // compaction there are no gaps: the end of a file that was not on the disk is lost
            // without a trace in it.
            if base < self.end || ((self.was_cut || self.gapless) && base != self.end) {
                self.remove(&bases[at..])?;
                break;
            }
            let checked = self.check_segment(base, opening)?;
            self.was_cut |= checked.cut.is_some();
            self.end = checked.next_offset;
        }
        Ok(())
    }

    fn check_segment(&mut self, base: i64, opening: &Opening) -> Result<Checked, StorageError> {
        let (producers, epochs) = (&mut self.producers, &mut self.epochs);
        let mut txns = RebuiltTxns::new(self.dir, base)?;
        self.indexed.push(base);
        let (interval, on_disk) = (self.interval_bytes, opening.on_disk());
        let checked =
            recover::check(self.dir, base, interval, Depth::Whole, on_disk, |found, bytes| {
                opening.progress.add(found.header.size());
                txns.note(producers, found, bytes);
                note_epoch(epochs, &found.header);
                account(producers, found, bytes);
            })?;
        let segment = Segment::new(base, checked.size);
        segment.set_checked();
        segment.set_opened_largest(checked.largest);
        segment.set_txn_size(txns.store(self.dir)?);
        self.segments.push(Arc::new(segment));
        self.report.rebuilt_indexes += usize::from(checked.index_rebuilt);
        self.report.cuts.extend(checked.cut.filter(Cut::is_a_loss));
        Ok(checked)
    }

    /// Renames the segments that a cut log cannot have: what is in them may be whole.
    fn remove(&mut self, bases: &[i64]) -> Result<(), StorageError> {
        for &base in bases {
            ::log::warn!(
                dir:% = self.dir.display(), segment = base, end = self.end;
                "a segment does not follow the one before; its files are renamed to *.aside"
            );
            self.rename_aside(base)?;
        }
        self.report.removed_segments += bases.len();
        Ok(())
    }

    /// Renames segments that lie wholly below the log start although none follows them. Either the
    /// end of the log was lost, or whoever says where it begins is wrong: they may be all there is.
    fn set_aside(&mut self) -> Result<(), StorageError> {
        self.report.segments_aside = self.segments.len();
        let segments = std::mem::take(&mut self.segments);
        segments.iter().try_for_each(|segment| self.rename_aside(segment.base))
    }

    /// An empty one goes.
    fn rename_aside(&self, base: i64) -> Result<(), StorageError> {
        let is_empty =
            fs::metadata(names::log_file(self.dir, base)).is_ok_and(|meta| meta.len() == 0);
        for path in names::segment_files(self.dir, base) {
            if is_empty {
                let _ = fs::remove_file(path);
                continue;
            }
            match fs::rename(&path, names::aside(&path)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StorageError::new("set aside", &path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes one empty segment that begins at `offset`: for a new log, or one whose data were all
    /// deleted or lost.
    fn begin_at(&mut self, offset: i64) -> Result<(), StorageError> {
        assert!(self.segments.is_empty(), "a log begins where nothing is");
        let SegmentPaths { log, index, time } = SegmentPaths::of(self.dir, offset);
        for path in [log, index, time] {
            File::create(&path).map_err(StorageError::on("create", &path))?;
        }
        self.segments.push(Arc::new(Segment::new(offset, 0)));
        self.end = offset;
        self.flushed = offset;
        self.producers = Producers::starting_at(offset);
        self.snapshot_at = offset;
        Ok(())
    }

    fn finish(
        mut self,
        config: Arc<TopicConfig>,
        keepers: Keepers,
        log_start: i64,
    ) -> Result<(Log, RecoveryReport), LogError> {
        self.settle_side_files(log_start)?;
        self.tell_segments_where_they_end();
        let Some(last) = self.segments.last().cloned() else { unreachable!("at least one") };
        let end = Position { offset: self.end, segment: last.base, byte: last.size() };
        let start = self.position_of_start(log_start, end)?;
        self.report.log_start = log_start;
        self.report.log_end = self.end;
        self.report.segments = self.segments.len();
        self.report.bytes = self.segments.iter().map(|segment| segment.size()).sum();
        self.report.producers = self.producers.len();
        let name = self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let compacts = config.cleanup_policy.compact;
        let writer = Writer {
            config: config.clone(),
            active: Active::new(last),
            producers: self.producers,
            end: self.end,
            producer_expiration_ms: PRODUCER_EXPIRATION_MS,
            next_expiry_ms: 0,
            jitter_seed: seed_of(&name),
            snapshot_at: self.snapshot_at,
            used: false,
            listed: false,
            closed: false,
        };
        let parts = Parts {
            name: name.clone(),
            home: Home::new(self.dir),
            segments: Arc::new(RwLock::new(self.segments)),
            marks: Arc::new(Watermarks::new(Published::new(start, end))),
            backlog: Arc::new(Backlog::new(!keepers.flusher.is_off())),
        };
        let (home, marks) = (parts.home.clone(), parts.marks.clone());
        let (segments, backlog) = (parts.segments.clone(), parts.backlog.clone());
        let is_closed = !self.made && !self.report.checked;
        let durability = Durability::new(parts, self.flushed, is_closed, &config, &keepers.flusher);
        let log = Log {
            name,
            home,
            writer: Arc::new(Mutex::new(writer)),
            marks,
            segments,
            epochs: Mutex::new(self.epochs),
            upkeep: Mutex::default(),
            compacts: AtomicBool::new(compacts),
            unstable: AtomicBool::new(false),
            start_is_unsure: AtomicBool::new(false),
            durability,
            next: Arc::default(),
            backlog,
            keepers,
        };
        log.publish(&mut log.lock_writer(), None);
        Ok((log, self.report))
    }

    /// What readers check of bytes that were found depends on it.
    fn tell_segments_where_they_end(&self) {
        let next = self.segments.iter().skip(1).map(|next| next.base).chain([self.end]);
        self.segments.iter().zip(next).for_each(|(segment, upper)| segment.set_upper(upper));
    }

    /// Makes the side files say nothing that the log does not.
    fn settle_side_files(&mut self, log_start: i64) -> Result<(), StorageError> {
        self.epochs.truncate_from_end(self.end);
        self.epochs.truncate_from_start(log_start);
        let stored = LeaderEpochs::load(self.dir);
        if stored.as_ref() != Some(&self.epochs)
            && (stored.is_some() || self.epochs.latest().is_some())
        {
            self.epochs.store(self.dir)?;
        }
        let of_segments = |offset: i64| self.segments.iter().any(|segment| segment.base == offset);
        let latest = self.snapshots.iter().rev().find(|&&offset| offset <= self.end).copied();
        for &offset in &self.snapshots {
            if offset > self.end || (!of_segments(offset) && Some(offset) != latest) {
                let _ = fs::remove_file(names::snapshot_file(self.dir, offset));
            }
        }
        Ok(())
    }

    fn position_of_start(&self, log_start: i64, end: Position) -> Result<Position, StorageError> {
        let after = self.segments.partition_point(|segment| segment.base <= log_start);
        let Some(segment) = after.checked_sub(1).map(|at| &self.segments[at]) else {
            return Ok(end);
        };
        let mut start = Position { offset: log_start, segment: segment.base, byte: 0 };
        if log_start == end.offset {
            return Ok(end);
        }
        if log_start > segment.base {
            let files = segment.files(self.dir)?;
            start.byte = match files.locate(log_start, segment.size()) {
                Ok(found) => found.map_or(segment.size(), |found| found.position),
                // Whoever reads there is told; the other records are none the worse for it.
                Err(error) if error.is_corrupt() => 0,
                Err(error) => return Err(error),
            };
            segment.release_files();
        }
        Ok(start)
    }
}

/// The index of the segment that holds the recovery point; the first one's if nothing is known.
fn holder(bases: &[i64], opening: &Opening) -> usize {
    let point = opening.recovery_point.unwrap_or(i64::MIN);
    bases.partition_point(|&base| base <= point).saturating_sub(1)
}

impl Cut {
    /// More than unused reserve went.
    pub(super) fn is_a_loss(&self) -> bool {
        self.reason != super::Bad::ZeroTail
    }
}

/// A number that is another one for each name (FNV-1a).
fn seed_of(name: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}
