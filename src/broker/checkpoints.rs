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
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::catalog::{Partition, Topics};
use crate::log::Log;

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
            Kind::RecoveryPoint => Some(log.flushed_offset()),
            Kind::HighWatermark => Some(log.offsets().high_watermark),
            // As in Kafka: where a log begins with a segment, the segment says so.
            Kind::LogStart => {
                let start = log.offsets().log_start;
                (start > log.first_segment()).then_some(start)
            }
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
    /// The file says something else, or cannot be read.
    is_stale: bool,
}

/// The checkpoints of a data directory.
pub struct Checkpoints {
    dir: PathBuf,
    files: [Mutex<Checkpoint>; 4],
}

impl Checkpoints {
    /// Reads the files that there are. What is damaged is reported and left out.
    pub fn load(dir: &Path) -> Self {
        let load = |kind: Kind| {
            let path = dir.join(kind.file_name());
            let entries = read(&path).unwrap_or_else(|why| {
                let consequence = kind.consequence();
                ::log::warn!("{}: {why}; it is not used: {consequence}", path.display());
                None
            });
            let entries = entries.unwrap_or_default();
            Mutex::new(Checkpoint { path, kind, entries, is_stale: false })
        };
        Self { dir: dir.to_owned(), files: Kind::ALL.map(load) }
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
            let Some(partitions) = file.entries.get_mut(topic) else { continue };
            let before = partitions.len();
            partitions.retain(|index, _| !indexes.contains(index));
            if partitions.len() != before {
                if partitions.is_empty() {
                    file.entries.remove(topic);
                }
                file.is_stale = true;
            }
            file.store(&self.dir)?;
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
        self.entries.retain(|name, _| names.contains(name.as_str()));
        self.is_stale |= self.entries.len() != before;
        for topic in &all {
            for partition in topic.partitions() {
                self.refresh_one(partition);
            }
            if let Some(partitions) = self.entries.get_mut(&*topic.name) {
                let (before, count) = (partitions.len(), topic.partitions().len());
                partitions.retain(|&index, _| usize::try_from(index).is_ok_and(|i| i < count));
                self.is_stale |= partitions.len() != before;
            }
        }
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
        self.is_stale = false;
        Ok(())
    }
}

/// Writes a file beside the old one, brings it to the disk and puts it in the old one's place, for
/// good.
fn replace(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(dir)?.sync_all()
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

/// What a file says; `None` if there is none, or why it cannot be believed.
fn read(path: &Path) -> Result<Option<Entries>, String> {
    let meta = match fs::metadata(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(format!("cannot read it: {why}")),
        Ok(meta) => meta,
    };
    if !meta.is_file() || meta.len() > MAX_BYTES {
        return Err("it is no file of a plausible size".to_owned());
    }
    let mut bytes = Vec::new();
    let opened = File::open(path).map(|file| file.take(MAX_BYTES));
    let read = opened.and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|why| format!("cannot read it: {why}"))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not text".to_owned())?;
    parse(text).map(Some)
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
mod tests {
    use super::*;
    use crate::catalog::Topic;
    use crate::config::TopicConfig;
    use crate::log::Keepers;
    use crate::wire::records::BatchBuilder;
    use crate::wire::uuid::Uuid;
    use std::sync::Arc;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let name = format!("barnabas-checkpoints-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Scratch(path)
        }

        fn text(&self, kind: Kind) -> Option<String> {
            fs::read_to_string(self.0.join(kind.file_name())).ok()
        }

        /// A partition with so many records.
        fn partition(&self, topic: &str, index: i32, records: i64) -> Arc<Partition> {
            let dir = self.0.join(format!("{topic}-{index}"));
            let config = Arc::new(TopicConfig::default());
            let keepers = Keepers::spawn().unwrap();
            let log = Log::create(dir, config, keepers).unwrap();
            for _ in 0..records {
                let mut batch = BatchBuilder::new();
                batch.append(1, None, Some(b"value"), &[]);
                log.append_internal(&batch.finish(), 0).unwrap();
            }
            log.advance_high_watermark(records);
            Arc::new(Partition::new(topic.into(), index, 0, Some(log)))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// A partition that nobody opened.
    fn unopened(topic: &str, index: i32) -> Arc<Partition> {
        struct Never;
        impl crate::catalog::Opener for Never {
            fn open(&self, partition: &Partition) -> crate::catalog::Opened {
                panic!("{}-{} is opened", partition.topic, partition.index)
            }
            fn opened(&self, _: &Partition, _: &Log) {}
            fn size(&self, _: &Partition) -> u64 {
                0
            }
        }
        Arc::new(Partition::unopened(topic.into(), index, 0, Arc::new(Never)))
    }

    fn topics(all: &[(&str, Vec<Arc<Partition>>)]) -> Topics {
        let topics = Topics::default();
        for (at, (name, partitions)) in all.iter().enumerate() {
            let (id, config) = (Uuid::from_bytes([at as u8 + 1; 16]), Arc::default());
            topics.insert(Arc::new(Topic::new((*name).into(), id, config, partitions.clone())));
        }
        topics
    }

    #[test]
    fn only_whole_files_are_believed() {
        let good = "0\n3\na 0 5\na 1 6\nb.c-d 10 9223372036854775807\n";
        let entries = parse(good).unwrap();
        assert_eq!((entries["a"][&1], entries["b.c-d"][&10]), (6, i64::MAX));
        assert_eq!(render(&entries), good);
        assert_eq!(parse("0\n0\n").unwrap(), Entries::new());
        assert_eq!(parse("0\n1\na\t0  5").unwrap()["a"][&0], 5, "as Kafka splits lines");
        for bad in [
            "",
            "0",
            "0\n",
            "1\n0\n",
            "0\n-1\n",
            "x\n0\n",
            "0\n1\n",
            "0\n2\na 0 5\n",
            "0\n0\na 0 5\n",
            "0\n1\na 0\n",
            "0\n1\na 0 5 6\n",
            "0\n1\na -1 5\n",
            "0\n1\na 0 -5\n",
            "0\n1\na 0 99999999999999999999\n",
            "0\n1\na 0 5\n\n",
            "0\n1\n\0\0\0\n",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn whatever_bytes_a_file_has_it_is_believed_wholly_or_not_at_all() {
        let scratch = Scratch::new("fuzz");
        let path = scratch.0.join("file");
        let good = "0\n3\na 0 5\na 1 6\nb 10 7\n";
        let mut state = 0x5eed_u64;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        for _ in 0..2_000 {
            let mut bytes = good.as_bytes().to_vec();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                match random(4) {
                    0 => bytes[at] = random(256) as u8,
                    1 => bytes.truncate(at + 1),
                    2 => bytes.insert(at, b"0 \n9-a"[random(6)]),
                    _ => bytes[at] ^= 1 << random(8),
                }
            }
            fs::write(&path, &bytes).unwrap();
            if let Ok(Some(entries)) = read(&path) {
                let text = String::from_utf8(bytes).unwrap();
                let lines = text.lines().skip(2).count();
                let count = entries.values().map(BTreeMap::len).sum::<usize>();
                assert!(count <= lines && entries.values().flatten().all(|(_, &o)| o >= 0));
                assert_eq!(text.lines().nth(1).unwrap().trim().parse(), Ok(lines), "{text:?}");
            }
        }
    }

    #[test]
    fn a_directory_or_a_pipe_in_the_place_of_a_file_is_not_read() {
        let scratch = Scratch::new("kinds");
        fs::create_dir(scratch.0.join(Kind::RecoveryPoint.file_name())).unwrap();
        let pipe = scratch.0.join(Kind::LogStart.file_name());
        let pipe = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
        assert!(
            std::process::Command::new("mkfifo")
                .arg(pipe.to_str().unwrap())
                .status()
                .unwrap()
                .success()
        );
        let checkpoints = Checkpoints::load(&scratch.0);
        assert_eq!(checkpoints.get(Kind::RecoveryPoint, "t", 0), None);
        assert_eq!(checkpoints.get(Kind::LogStart, "t", 0), None);
    }

    #[test]
    fn open_logs_say_where_they_are_and_the_others_keep_what_the_file_said() {
        let scratch = Scratch::new("write");
        let before = "0\n4\ngone 0 7\nt 0 1\nt 1 99\nt 2 5\n";
        for kind in [Kind::RecoveryPoint, Kind::LogStart, Kind::HighWatermark] {
            fs::write(scratch.0.join(kind.file_name()), before).unwrap();
        }
        let open = scratch.partition("t", 0, 3);
        open.log().unwrap().flush().unwrap();
        let topics = topics(&[("t", vec![open.clone(), unopened("t", 1)])]);
        let checkpoints = Checkpoints::load(&scratch.0);
        checkpoints.write_recovery_points(&topics).unwrap();
        checkpoints.write_high_watermarks(&topics).unwrap();
        checkpoints.write_log_starts(&topics).unwrap();
        // A topic that is no more, and a partition that there is none of, go.
        let after = Some("0\n2\nt 0 3\nt 1 99\n".to_owned());
        assert_eq!(scratch.text(Kind::RecoveryPoint), after);
        assert_eq!(scratch.text(Kind::HighWatermark), after);
        assert_eq!(scratch.text(Kind::LogStart).as_deref(), Some("0\n1\nt 1 99\n"));
        open.log().unwrap().delete_records_before(2).unwrap();
        checkpoints.write_log_starts_of([&*open]).unwrap();
        assert_eq!(scratch.text(Kind::LogStart).as_deref(), Some("0\n2\nt 0 2\nt 1 99\n"));
        let again = Checkpoints::load(&scratch.0);
        assert_eq!(again.get(Kind::LogStart, "t", 0), Some(2));
        assert_eq!(again.get(Kind::RecoveryPoint, "t", 1), Some(99));
        assert!(!scratch.0.join("log-start-offset-checkpoint.tmp").exists());
    }

    #[test]
    fn nothing_is_written_when_nothing_changed() {
        let scratch = Scratch::new("idle");
        let topics = topics(&[("t", vec![scratch.partition("t", 0, 3)])]);
        let checkpoints = Checkpoints::load(&scratch.0);
        checkpoints.write_log_starts(&topics).unwrap();
        assert_eq!(scratch.text(Kind::LogStart), None, "there is nothing to say");
        checkpoints.write_high_watermarks(&topics).unwrap();
        let path = scratch.0.join(Kind::HighWatermark.file_name());
        fs::remove_file(&path).unwrap();
        checkpoints.write_high_watermarks(&topics).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_new_partition_has_nothing_of_an_earlier_one_with_its_name() {
        let scratch = Scratch::new("forget");
        let before = "0\n3\nt 0 1\nt 1 2\nu 0 3\n";
        fs::write(scratch.0.join(Kind::LogStart.file_name()), before).unwrap();
        let checkpoints = Checkpoints::load(&scratch.0);
        checkpoints.forget("t", 1..5).unwrap();
        assert_eq!(scratch.text(Kind::LogStart).as_deref(), Some("0\n2\nt 0 1\nu 0 3\n"));
        checkpoints.forget("t", 0..1).unwrap();
        assert_eq!(scratch.text(Kind::LogStart).as_deref(), Some("0\n1\nu 0 3\n"));
        assert_eq!(scratch.text(Kind::RecoveryPoint), None);
    }

    #[test]
    fn the_cleaners_progress_stays_until_its_topic_goes() {
        let scratch = Scratch::new("cleaner");
        let checkpoints = Checkpoints::load(&scratch.0);
        checkpoints.set(Kind::Cleaner, "t", 0, 12);
        let known = topics(&[("t", vec![scratch.partition("t", 0, 1)])]);
        checkpoints.write(Kind::Cleaner, &known).unwrap();
        assert_eq!(scratch.text(Kind::Cleaner).as_deref(), Some("0\n1\nt 0 12\n"));
        checkpoints.write(Kind::Cleaner, &topics(&[])).unwrap();
        assert_eq!(scratch.text(Kind::Cleaner).as_deref(), Some("0\n0\n"));
    }
}
