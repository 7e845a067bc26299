//! From a directory to a log (LogLoader.java).
//!
//! After a clean close the files are believed: sizes are looked up, and the batches after the last
//! index entry are walked to find the end. After anything else, or where that walk meets something
//! unexpected, every batch is checked; the log is cut at the first bad byte, and what follows a
//! loss goes. Nothing is ever overwritten that was not looked at first.

use super::active::Active;
use super::append::{PRODUCER_EXPIRATION_MS, Writer};
use super::epochs::LeaderEpochs;
use super::error::{LogError, StorageError};
use super::index::{ENTRY, Entries};
use super::keepers::Keepers;
use super::listing::Listing;
use super::marker::marker_of;
use super::names::{self, SegmentPaths};
use super::offsets::{Position, Published, Watermarks};
use super::producers::Producers;
use super::recover::{self, Checked, Cut, Depth};
use super::report::{Recovery, RecoveryReport};
use super::scan::{Found, Scanner};
use super::segment::Segment;
use super::{Log, checkpoint, producer_snapshot};
use crate::config::TopicConfig;
use crate::wire::records::{BatchHeader, HEADER_LEN};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex, RwLock};

/// A log on its way from its files into memory.
struct Loader<'d> {
    dir: &'d Path,
    interval_bytes: i32,
    snapshots: Vec<i64>,
    segments: Vec<Arc<Segment>>,
    end: i64,
    producers: Producers,
    /// Where the snapshot is that the producers' state began with.
    snapshot_at: i64,
    epochs: LeaderEpochs,
    report: RecoveryReport,
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
        Ok(loader.finish(config, keepers, 0)?.0)
    }

    /// Opens the log in `dir`. Blocks, after a crash for as long as it takes to read everything.
    pub fn open(
        dir: PathBuf,
        config: Arc<TopicConfig>,
        recovery: Recovery,
        keepers: Keepers,
    ) -> Result<(Log, RecoveryReport), LogError> {
        let listing = Listing::read(&dir).map_err(StorageError::on("list", &dir))?;
        let mut loader = Loader::new(&dir, &config, &listing);
        let known_start = log_start_checkpoint(&dir);
        if recovery == Recovery::Unclean || !loader.load_clean(&listing)? {
            loader = Loader::new(&dir, &config, &listing);
            loader.load_checked(&listing)?;
        }
        let base = loader.segments.first().map_or(0, |first| first.base);
        let log_start = known_start.unwrap_or(base).max(base);
        if loader.segments.is_empty() || log_start > loader.end {
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
            report: RecoveryReport::default(),
        }
    }

    /// Believes the files; false if they are not those of a log that was closed.
    fn load_clean(&mut self, listing: &Listing) -> Result<bool, StorageError> {
        for (&base, &size) in &listing.logs {
            let mut size = size;
            if !listing.is_complete(base) {
                let checked =
                    recover::check(self.dir, base, self.interval_bytes, Depth::Headers, |_, _| {})?;
                self.report.rebuilt_indexes += 1;
                if checked.cut.is_some() {
                    return Ok(false);
                }
                size = checked.size;
            }
            self.segments.push(Arc::new(Segment::new(base, size)));
        }
        let Some(last) = self.segments.last() else { return Ok(true) };
        let path = names::log_file(self.dir, last.base);
        let end = end_of(self.dir, last).map_err(StorageError::on("read", &path))?;
        let Some(end) = end else { return Ok(false) };
        self.end = end;
        let epochs = LeaderEpochs::load(self.dir);
        let mut rebuilt = epochs.is_none().then(LeaderEpochs::default);
        self.producers = self.latest_snapshot();
        self.snapshot_at = self.producers.end();
        let from = if rebuilt.is_some() { i64::MIN } else { self.producers.end() };
        self.replay(from, &mut rebuilt)?;
        self.epochs = epochs.or(rebuilt).unwrap_or_default();
        Ok(true)
    }

    /// The producers' state of the latest snapshot that can be believed, or that of nobody.
    fn latest_snapshot(&self) -> Producers {
        let not_beyond = self.snapshots.iter().rev().filter(|&&offset| offset <= self.end);
        let start = self.segments.first().map_or(0, |first| first.base);
        not_beyond
            .filter(|&&offset| offset >= start)
            .find_map(|&offset| self.read_snapshot(offset))
            .unwrap_or_else(|| Producers::starting_at(start))
    }

    fn read_snapshot(&self, offset: i64) -> Option<Producers> {
        let path = names::snapshot_file(self.dir, offset);
        let producers = producer_snapshot::decode(&fs::read(&path).ok()?, offset);
        if producers.is_none() {
            ::log::warn!("{} is damaged; it is not used", path.display());
        }
        producers
    }

    /// Walks the batches from offset `from` on, for the producers and, if wanted, the epochs.
    fn replay(&mut self, from: i64, epochs: &mut Option<LeaderEpochs>) -> Result<(), StorageError> {
        if from >= self.end {
            return Ok(());
        }
        let after = self.segments.partition_point(|segment| segment.base <= from);
        for segment in &self.segments[after.saturating_sub(1)..] {
            let path = names::log_file(self.dir, segment.base);
            let on = |doing| StorageError::on(doing, &path);
            let file = File::open(&path).map_err(on("open"))?;
            let mut scanner = Scanner::new(&file, segment.size(), segment.base, false);
            while let Some(Ok((found, bytes))) = scanner.next().map_err(on("read"))? {
                if let Some(epochs) = epochs {
                    note_epoch(epochs, &found.header);
                }
                account(&mut self.producers, &found, bytes);
            }
        }
        Ok(())
    }

    /// Checks everything, cuts the log where it stops being one, and rebuilds what follows from it.
    fn load_checked(&mut self, listing: &Listing) -> Result<(), StorageError> {
        self.report.checked = true;
        let first = listing.logs.keys().next().copied().unwrap_or(0);
        let known = self.snapshots.contains(&first).then(|| self.read_snapshot(first)).flatten();
        self.producers = known.unwrap_or_else(|| Producers::starting_at(first));
        self.end = first;
        let mut was_cut = false;
        let bases: Vec<i64> = listing.logs.keys().copied().collect();
        for (at, &base) in bases.iter().enumerate() {
            // After a cut only a segment that follows without a gap can still be believed: an
            // earlier one that ends in its unused reserve is the rule after a crash.
            if base < self.end || (was_cut && base != self.end) {
                self.remove(&bases[at..]);
                break;
            }
            let checked = self.check_segment(base)?;
            was_cut |= checked.cut.is_some();
            self.end = checked.next_offset;
        }
        Ok(())
    }

    fn check_segment(&mut self, base: i64) -> Result<Checked, StorageError> {
        let (producers, epochs) = (&mut self.producers, &mut self.epochs);
        let checked =
            recover::check(self.dir, base, self.interval_bytes, Depth::Whole, |found, bytes| {
                note_epoch(epochs, &found.header);
                account(producers, found, bytes);
            })?;
        let segment = Segment::new(base, checked.size);
        segment.set_opened_largest(checked.largest);
        self.segments.push(Arc::new(segment));
        self.report.rebuilt_indexes += usize::from(checked.index_rebuilt);
        self.report.cuts.extend(checked.cut.filter(Cut::is_a_loss));
        Ok(checked)
    }

    /// Removes the segments that a cut log cannot have.
    fn remove(&mut self, bases: &[i64]) {
        for &base in bases {
            ::log::warn!(
                "{}: segment {base} does not follow offset {}; removed",
                self.dir.display(),
                self.end
            );
            Segment::new(base, 0).delete(self.dir);
        }
        self.report.removed_segments += bases.len();
    }

    /// Leaves one empty segment that begins at `offset`: for a new log, or one whose data were
    /// all deleted or lost.
    fn begin_at(&mut self, offset: i64) -> Result<(), StorageError> {
        for segment in self.segments.drain(..) {
            segment.delete(self.dir);
        }
        let SegmentPaths { log, index, time } = SegmentPaths::of(self.dir, offset);
        for path in [log, index, time] {
            File::create(&path).map_err(StorageError::on("create", &path))?;
        }
        self.segments.push(Arc::new(Segment::new(offset, 0)));
        self.end = offset;
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
        let Some(last) = self.segments.last().cloned() else { unreachable!("at least one") };
        let end = Position { offset: self.end, segment: last.base, byte: last.size() };
        let start = self.position_of_start(log_start, end)?;
        let clean = !self.report.checked;
        self.report.log_start = log_start;
        self.report.log_end = self.end;
        self.report.segments = self.segments.len();
        self.report.bytes = self.segments.iter().map(|segment| segment.size()).sum();
        self.report.producers = self.producers.len();
        let name = self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let writer = Writer {
            config,
            active: Active::new(last),
            producers: self.producers,
            end: self.end,
            producer_expiration_ms: PRODUCER_EXPIRATION_MS,
            next_expiry_ms: 0,
            jitter_seed: seed_of(&name),
            snapshot_at: self.snapshot_at,
            closed: false,
        };
        let log = Log {
            name,
            dir: RwLock::new(Arc::from(self.dir)),
            writer: Mutex::new(writer),
            marks: Watermarks::new(Published::new(start, end)),
            segments: RwLock::new(self.segments),
            epochs: Mutex::new(self.epochs),
            upkeep: Mutex::default(),
            unstable: AtomicBool::new(false),
            flushed: AtomicI64::new(if clean { self.end } else { 0 }),
            next: Arc::default(),
            backlog: Arc::default(),
            keepers,
        };
        log.publish(&mut log.lock_writer(), None);
        Ok((log, self.report))
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
            let found = files.locate(log_start, segment.size())?;
            start.byte = found.map_or(segment.size(), |found| found.position);
            segment.release_files();
        }
        Ok(start)
    }
}

impl Cut {
    /// More than unused reserve went.
    fn is_a_loss(&self) -> bool {
        self.reason != super::Bad::ZeroTail
    }
}

/// The offset after the last batch of a segment that was closed, found from its last index entry
/// on; `None` if its files are not in that state.
fn end_of(dir: &Path, segment: &Segment) -> io::Result<Option<i64>> {
    let log = File::open(names::log_file(dir, segment.base))?;
    let index = File::open(names::index_file(dir, segment.base))?;
    let index_size = index.metadata()?.len();
    let mut scanner = Scanner::new(&log, segment.size(), segment.base, false);
    if !index_size.is_multiple_of(ENTRY) {
        return Ok(None);
    }
    if index_size > 0 {
        let mut last = [0; ENTRY as usize];
        index.read_exact_at(&mut last, index_size - ENTRY)?;
        let Some(entry) = Entries::new(&last).last() else { return Ok(None) };
        let position = u64::from(entry.position);
        if position + HEADER_LEN as u64 > segment.size() {
            return Ok(None);
        }
        let mut header = [0; HEADER_LEN];
        log.read_exact_at(&mut header, position)?;
        let header = BatchHeader::read(&header);
        let described = segment.base.saturating_add(i64::from(entry.relative_offset));
        if header.last_offset() != described || header.base_offset < segment.base {
            return Ok(None);
        }
        scanner = scanner.starting_at(position, header.base_offset);
    }
    loop {
        match scanner.next()? {
            None => return Ok(Some(scanner.next_offset())),
            Some(Ok(_)) => {}
            Some(Err(_)) => return Ok(None),
        }
    }
}

/// A number that is another one for each name (FNV-1a).
fn seed_of(name: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}

/// Notes the epoch that a batch carries.
fn note_epoch(epochs: &mut LeaderEpochs, header: &BatchHeader) {
    let epoch = header.partition_leader_epoch;
    if epoch >= 0 && epochs.latest().is_none_or(|latest| epoch > latest) {
        epochs.assign(epoch, header.base_offset);
    }
}

/// Accounts for a batch that the producers' state does not have yet.
fn account(producers: &mut Producers, found: &Found, bytes: &[u8]) {
    if found.header.base_offset >= producers.end() {
        let is_control = found.header.attributes.is_control();
        let marker = is_control.then(|| marker_of(bytes)).flatten();
        producers.appended(&found.header, marker, None);
    }
}

/// The log start offset that was set by deleting records, if there is a file that says so.
fn log_start_checkpoint(dir: &Path) -> Option<i64> {
    let text = fs::read_to_string(names::log_start_file(dir)).ok()?;
    let offset = |line: &str| line.rsplit_once(' ')?.1.parse::<i64>().ok();
    let entries = checkpoint::parse(&text, offset)?;
    entries.first().copied().filter(|&offset| offset >= 0)
}
