//! The checkpoint files of the data directory: an offset per partition, in one file for each kind
//! (Kafka's OffsetCheckpointFile.java and CheckpointFile.java, byte for byte).
//!
//! What a file says of a partition holds until the partition's log says something else: a log that
//! nobody opened since the start keeps its entry. Entries go with their partition. A file that is
//! damaged anywhere is not believed at all; what it said is found out from the logs then.
//!
//! Files are replaced whole and brought to the disk before they count. Writing blocks: for keepers
//! and for the start and the stop.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::catalog::{CLUSTER_METADATA, Partition, Topics};
use crate::log::{Log, create_regular, read_text, sync, volume};

/// The largest file that is believed: a bound on what a damaged one can make us read. A million
/// partitions with names of common length have 40 MiB.
const MAX_BYTES: u64 = 256 << 20;

/// Offsets by topic and partition.
type Entries = BTreeMap<String, BTreeMap<i32, i64>>;

/// The kinds of checkpoints that a data directory has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Up to here a log is on the disk.
    RecoveryPoint,
    /// Where a log begins whose first records were deleted.
    LogStart,
    /// Up to here consumers see.
    HighWatermark,
    /// Up to here a log is compacted.
    Cleaner,
}

impl Kind {
    const ALL: [Kind; 4] =
        [Kind::RecoveryPoint, Kind::LogStart, Kind::HighWatermark, Kind::Cleaner];

    /// The file's name, Kafka's.
    pub fn file_name(self) -> &'static str {
        match self {
            Kind::RecoveryPoint => "recovery-point-offset-checkpoint",
            Kind::LogStart => "log-start-offset-checkpoint",
            Kind::HighWatermark => "replication-offset-checkpoint",
            Kind::Cleaner => "cleaner-offset-checkpoint",
        }
    }

    /// What is done without the file.
    fn consequence(self) -> &'static str {
        match self {
            Kind::RecoveryPoint => "logs that were not closed are checked from their beginning",
            Kind::LogStart => "deleted records may come back, up to whole segments",
            Kind::HighWatermark => "high watermarks begin at the ends of the logs",
            Kind::Cleaner => "compaction begins anew",
        }
    }

    /// What a log says now; `None` if its entry goes.
    fn of(self, log: &Log) -> Option<i64> {
        match self {
            Kind::RecoveryPoint => Some(log.recovery_point()),
            Kind::HighWatermark => Some(log.offsets().high_watermark),
            Kind::LogStart => log.log_start_to_note(),
            Kind::Cleaner => None,
        }
    }
}

/// One file, and what it holds.
struct Checkpoint {
    path: PathBuf,
    kind: Kind,
    /// What the file says, or will say when it is written next.
    entries: Entries,
    /// The file says something else, or nothing.
    is_stale: bool,
    /// The file has entries of partitions that are no more.
    has_ghosts: bool,
}

/// The checkpoints of a data directory.
pub struct Checkpoints {
    dir: PathBuf,
    files: [Mutex<Checkpoint>; 4],
}

impl Checkpoints {
    /// Reads the files that there are, and changes nothing. What is damaged is reported and left out.
    pub fn load(dir: &Path) -> Self {
        let load = |kind: Kind| {
            let path = dir.join(kind.file_name());
            let entries = read(&path).unwrap_or_else(|why| {
                let consequence = kind.consequence();
                ::log::warn!(
                    path:% = path.display(), error:% = why, consequence;
                    "a checkpoint is not used"
                );
                None
            });
            let is_stale = entries.is_none();
            let entries = entries.unwrap_or_default();
            Mutex::new(Checkpoint { path, kind, entries, is_stale, has_ghosts: false })
        };
        Self { dir: dir.to_owned(), files: Kind::ALL.map(load) }
    }

    /// Makes the file of log starts if there is none: on a full disk it can be written only if it is there.
    pub fn make_room(&self) {
        let log_starts = self.dir.join(Kind::LogStart.file_name());
        if !log_starts.exists() {
            let _ = fs::write(log_starts, render(&Entries::new()));
        }
    }

    fn lock(&self, kind: Kind) -> MutexGuard<'_, Checkpoint> {
        self.files[kind as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is noted of a partition.
    pub fn get(&self, kind: Kind, topic: &str, index: i32) -> Option<i64> {
        self.lock(kind).entries.get(topic)?.get(&index).copied()
    }

    /// Notes an offset that no log knows, such as the cleaner's; it is written by the next
    /// [`Checkpoints::write`] of that kind.
    pub fn set(&self, kind: Kind, topic: &str, index: i32, offset: i64) {
        self.lock(kind).set(topic, index, Some(offset));
    }

    /// Writes down how far logs are on the disk, unless nothing changed.
    ///
    /// # Errors
    /// When the disk fails; the file is as before then.
    pub fn write_recovery_points(&self, topics: &Topics) -> io::Result<()> {
        self.write(Kind::RecoveryPoint, topics)
    }

    /// Writes down where logs begin, unless nothing changed. What it says is on the disk after that.
    ///
    /// # Errors
    /// When the disk fails; the file is as before then.
    pub fn write_log_starts(&self, topics: &Topics) -> io::Result<()> {
        self.write(Kind::LogStart, topics)
    }

    /// The same, asking only the logs of these partitions: for few of many.
    ///
    /// # Errors
    /// When the disk fails; the file is as before then.
    pub fn write_log_starts_of<'p>(
        &self,
        partitions: impl IntoIterator<Item = &'p Partition>,
    ) -> io::Result<()> {
        let mut file = self.lock(Kind::LogStart);
        partitions.into_iter().for_each(|partition| file.refresh_one(partition));
        file.store(&self.dir)
    }

    /// Writes down what consumers see, unless nothing changed.
    ///
    /// # Errors
    /// When the disk fails; the file is as before then.
    pub fn write_high_watermarks(&self, topics: &Topics) -> io::Result<()> {
        self.write(Kind::HighWatermark, topics)
    }

    /// Asks all logs that are open, and writes the file if it says something else.
    ///
    /// # Errors
    /// When the disk fails; the file is as before then.
    pub fn write(&self, kind: Kind, topics: &Topics) -> io::Result<()> {
        // Held while the file is written: who comes second finds what the first one has done.
        let mut file = self.lock(kind);
        file.refresh(topics);
        file.store(&self.dir)
    }

    /// Forgets what is noted of partitions that are about to be made, in the files too: what is
    /// said of an earlier topic with the same name does not hold for them.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn forget(&self, topic: &str, indexes: std::ops::Range<i32>) -> io::Result<()> {
        for kind in Kind::ALL {
            let mut file = self.lock(kind);
            if let Some(partitions) = file.entries.get_mut(topic) {
                let before = partitions.len();
                partitions.retain(|index, _| !indexes.contains(index));
                let (has_gone, is_empty) = (partitions.len() != before, partitions.is_empty());
                file.removed(has_gone);
                if is_empty {
                    file.entries.remove(topic);
                }
            }
            if file.has_ghosts {
                file.store(&self.dir)?;
            }
        }
        Ok(())
    }
}

impl Checkpoint {
    /// Takes in what the logs say.
    fn refresh(&mut self, topics: &Topics) {
        let all = topics.all();
        let names: HashSet<&str> = all.iter().map(|topic| &*topic.name).collect();
        let before = self.entries.len();
        self.entries.retain(|name, _| names.contains(name.as_str()) || name == CLUSTER_METADATA);
        self.removed(self.entries.len() != before);
        for topic in &all {
            for partition in topic.partitions() {
                self.refresh_one(partition);
            }
            if let Some(partitions) = self.entries.get_mut(&*topic.name) {
                let (before, count) = (partitions.len(), topic.partitions().len());
                partitions.retain(|&index, _| usize::try_from(index).is_ok_and(|i| i < count));
                let has_gone = partitions.len() != before;
                self.removed(has_gone);
            }
        }
    }

    /// Notes that entries went, if they did.
    fn removed(&mut self, has_gone: bool) {
        self.is_stale |= has_gone;
        self.has_ghosts |= has_gone;
    }

    fn refresh_one(&mut self, partition: &Partition) {
        // The cleaner's progress is no log's.
        if self.kind == Kind::Cleaner {
            return;
        }
        if let Some(log) = partition.log_if_open() {
            self.set(&partition.topic, partition.index, self.kind.of(log));
        }
    }

    fn set(&mut self, topic: &str, index: i32, offset: Option<i64>) {
        let known = self.entries.get_mut(topic);
        match (offset, known) {
            (None, None) => {}
            (None, Some(partitions)) => {
                self.is_stale |= partitions.remove(&index).is_some();
                if partitions.is_empty() {
                    self.entries.remove(topic);
                }
            }
            (Some(offset), Some(partitions)) => {
                self.is_stale |= partitions.insert(index, offset) != Some(offset);
            }
            (Some(offset), None) => {
                self.entries.insert(topic.to_owned(), BTreeMap::from([(index, offset)]));
                self.is_stale = true;
            }
        }
    }

    /// Replaces the file if it says something else.
    fn store(&mut self, dir: &Path) -> io::Result<()> {
        if !self.is_stale {
            return Ok(());
        }
        replace(dir, &self.path, render(&self.entries).as_bytes())?;
        (self.is_stale, self.has_ghosts) = (false, false);
        Ok(())
    }
}

/// Replaces a file for good, on a full disk in place: where logs begin must be noted to make room.
fn replace(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_whole(dir, path, bytes).or_else(|error| {
        match volume::is_full(&error) && volume::overwrite(path, bytes).is_ok() {
            true => Ok(()),
            false => Err(error),
        }
    })
}

/// Writes a file beside the old one, brings it to the disk and puts it in the old one's place.
fn replace_whole(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    let mut file = create_regular(&beside)?;
    file.write_all(bytes)?;
    sync::file(&file, &beside).map_err(|why| why.source)?;
    fs::rename(&beside, path)?;
    sync::dir(dir).map_err(|why| why.source)
}

fn render(entries: &Entries) -> String {
    let count: usize = entries.values().map(BTreeMap::len).sum();
    let mut text = format!("0\n{count}\n");
    for (topic, partitions) in entries {
        for (index, offset) in partitions {
            let written = writeln!(text, "{topic} {index} {offset}");
            debug_assert!(written.is_ok(), "a string takes everything");
        }
    }
    text
}

/// What a file says; `None` if there is none or it is empty, as Kafka leaves a new one, or why it
/// cannot be believed.
fn read(path: &Path) -> Result<Option<Entries>, String> {
    let text = match read_text(path, MAX_BYTES) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|why| format!("cannot read it: {why}"))?,
    };
    if text.is_empty() {
        return Ok(None);
    }
    parse(&text).map(Some)
}

/// The entries of a file's text, or which line is wrong.
fn parse(text: &str) -> Result<Entries, String> {
    let mut lines = text.lines();
    let version = lines.next().map(str::trim);
    if version != Some("0") {
        return Err(format!("its version is {:?}, not 0", version.unwrap_or_default()));
    }
    let count = lines.next().and_then(|count| count.trim().parse::<usize>().ok());
    let count = count.ok_or("its second line is not a count")?;
    let (mut entries, mut found) = (Entries::new(), 0);
    for (at, line) in (3..).zip(lines) {
        let (topic, index, offset) =
            parse_line(line).ok_or_else(|| format!("line {at} is not `topic partition offset`"))?;
        found += 1;
        match entries.get_mut(topic) {
            Some(partitions) => drop(partitions.insert(index, offset)),
            None => drop(entries.insert(topic.to_owned(), BTreeMap::from([(index, offset)]))),
        }
    }
    if found != count {
        return Err(format!("it has {found} entries and says {count}"));
    }
    Ok(entries)
}

fn parse_line(line: &str) -> Option<(&str, i32, i64)> {
    let mut parts = line.split_whitespace();
    let (topic, index, offset) = (parts.next()?, parts.next()?, parts.next()?);
    let (index, offset) = (index.parse::<i32>().ok()?, offset.parse::<i64>().ok()?);
    (parts.next().is_none() && index >= 0 && offset >= 0).then_some((topic, index, offset))
}

#[cfg(test)]
#[path = "checkpoints_tests.rs"]
mod tests;
