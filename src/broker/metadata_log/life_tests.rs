//! The metadata log over several starts: epochs, snapshots and what goes with them, ends that a power
//! cut left.

use std::fs;
use std::path::{Path, PathBuf};

use super::existing::Left;
use super::snapshot_files;
use super::{DIRECTORY, MetadataLog};
use crate::broker::StartError;
use crate::broker::data_dir::DataDir;
use crate::broker::now_ms;
use crate::catalog::{Image, Plan};
use crate::config::Config;
use crate::log::{Keepers, Recovery};
use crate::wire::metadata_records::*;
use crate::wire::records::Batch;
use crate::wire::uuid::Uuid;

/// A directory that goes with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("barnabas-life-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn dir(&self) -> PathBuf {
        self.0.join(DIRECTORY)
    }

    fn log_file(&self) -> PathBuf {
        self.dir().join("00000000000000000000.log")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One start of the log, with its image.
struct Life {
    metadata: MetadataLog,
    image: Image,
    keepers: Keepers,
    _data: DataDir,
}

impl Life {
    fn try_begin(
        path: &Path,
        recovery: Recovery,
        sets: &[(&str, &str)],
    ) -> Result<Self, StartError> {
        let config = Config::from_pairs(sets).unwrap();
        let data = DataDir::open(path, 1, None).map_err(StartError::DataDir)?;
        let keepers = Keepers::spawn().unwrap();
        let left = Left { recovery, recovery_point: None };
        let opened = MetadataLog::open(&data, &config, left, keepers.clone());
        let (mut metadata, mut image) = opened.inspect_err(|_| keepers.stop())?;
        let first = metadata.lead(&image, &config)?;
        replay(&mut image, &first);
        Ok(Self { metadata, image, keepers, _data: data })
    }

    fn begin(scratch: &Scratch, sets: &[(&str, &str)]) -> Self {
        Self::try_begin(&scratch.0, Recovery::Clean, sets).unwrap()
    }

    fn commit(&mut self, records: &[MetadataRecord<'_>]) {
        let mut plan = Plan::over(&self.image);
        records.iter().for_each(|record| plan.push(record));
        self.metadata.append(&plan, now_ms()).unwrap();
        replay(&mut self.image, &plan);
    }

    fn topic(&mut self, name: &str, number: u8) {
        self.commit(&[TopicRecord { name, topic_id: Uuid([number; 16]) }.into()]);
    }

    fn snapshot(&mut self) {
        let snapshot = self.metadata.snapshot(&self.image);
        snapshot.write().unwrap();
        self.metadata.clean(now_ms());
    }

    fn names(&self) -> Vec<String> {
        self.image.topics().map(|topic| topic.name.to_string()).collect()
    }

    fn end(self) -> Image {
        self.metadata.close().unwrap();
        self.keepers.stop();
        self.image
    }

    /// An end without a close: the log file keeps its reserve.
    fn crash(self) {
        self.keepers.stop();
    }
}

fn replay(image: &mut Image, plan: &Plan) {
    for frame in &plan.records {
        image.replay(&MetadataRecord::decode(frame).unwrap()).unwrap();
    }
}

/// Where the batches of a log file begin, with their epochs.
fn positions(bytes: &[u8]) -> Vec<(usize, i32)> {
    let (mut at, mut found) = (0, Vec::new());
    while let Ok((batch, _)) = Batch::parse(&bytes[at..]) {
        found.push((at, batch.partition_leader_epoch()));
        at += batch.size();
    }
    found
}

#[test]
fn each_start_has_an_epoch_of_its_own() {
    let scratch = Scratch::new("epochs");
    let mut before = Image::new();
    for number in 1..4 {
        let mut life = Life::begin(&scratch, &[]);
        if number > 1 {
            assert_eq!(life.image, before);
        }
        life.topic(&format!("t{number}"), number);
        before = life.end();
        let epochs = positions(&fs::read(scratch.log_file()).unwrap());
        assert_eq!(epochs.last().map(|(_, epoch)| *epoch), Some(i32::from(number)));
        let state = fs::read_to_string(scratch.dir().join("quorum-state")).unwrap();
        assert!(state.contains(&format!("\"leaderEpoch\":{number},")), "{state}");
    }
    // The file is lost: the log knows.
    fs::remove_file(scratch.dir().join("quorum-state")).unwrap();
    Life::begin(&scratch, &[]).end();
    let epochs = positions(&fs::read(scratch.log_file()).unwrap());
    assert_eq!(epochs.last().map(|(_, epoch)| *epoch), Some(4));
    // It is ahead: the log follows.
    let ahead = r#"{"leaderId":-1,"leaderEpoch":9,"votedId":1,"data_version":1}"#;
    fs::write(scratch.dir().join("quorum-state"), ahead).unwrap();
    assert_eq!(Life::begin(&scratch, &[]).end(), before);
    let epochs = positions(&fs::read(scratch.log_file()).unwrap());
    assert_eq!(epochs.last().map(|(_, epoch)| *epoch), Some(10));
}

#[test]
fn a_transaction_that_never_ended_is_aborted() {
    let scratch = Scratch::new("transaction");
    let mut life = Life::begin(&scratch, &[]);
    life.topic("kept", 1);
    let begun = BeginTransactionRecord::default().into();
    life.commit(&[begun, TopicRecord { name: "void", topic_id: Uuid([2; 16]) }.into()]);
    life.end();
    let mut life = Life::begin(&scratch, &[]);
    assert_eq!(life.names(), ["kept"]);
    life.topic("void", 3);
    life.end();
    let life = Life::begin(&scratch, &[]);
    assert_eq!(life.names(), ["kept", "void"]);
    life.end();
}

const SMALL: [(&str, &str); 2] =
    [("metadata.log.segment.bytes", "8388608"), ("metadata.max.retention.bytes", "1")];

#[test]
fn a_snapshot_lets_the_log_before_it_go() {
    let scratch = Scratch::new("retention");
    let mut life = Life::begin(&scratch, &SMALL);
    life.topic("t", 1);
    let value = "x".repeat(30_000);
    for round in 0..3 {
        for number in 0..150 {
            let name = format!("key {round} {}", number % 7);
            let record = ConfigRecord {
                resource_type: 2,
                resource_name: "t",
                name: &name,
                value: Some(&value),
            };
            life.commit(&[record.into()]);
        }
        life.snapshot();
        assert_eq!(snapshot_files::list(&scratch.dir()).unwrap().len(), 1, "the last one stays");
    }
    assert!(!scratch.log_file().exists(), "the first segment is on its way out");
    let before = life.end();
    for turn in 0..2 {
        let mut life = Life::begin(&scratch, &SMALL);
        assert_eq!(life.image, before, "turn {turn}");
        if turn == 1 {
            life.snapshot();
        }
        life.end();
    }
    // Without any snapshot nobody knows what came before the log.
    for id in snapshot_files::list(&scratch.dir()).unwrap() {
        snapshot_files::remove(&scratch.dir(), id).unwrap();
    }
    let refused = Life::try_begin(&scratch.0, Recovery::Clean, &SMALL).map(drop).unwrap_err();
    assert!(refused.to_string().contains("no whole snapshot goes that far"), "{refused}");
}

#[test]
fn a_damaged_snapshot_is_passed_over_while_the_log_goes_back_far_enough() {
    let scratch = Scratch::new("damaged");
    let mut life = Life::begin(&scratch, &[]);
    life.topic("a", 1);
    life.snapshot();
    life.topic("b", 2);
    life.snapshot();
    let before = life.end();
    let latest = *snapshot_files::list(&scratch.dir()).unwrap().last().unwrap();
    let path = snapshot_files::path(&scratch.dir(), latest);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(Life::begin(&scratch, &[]).end(), before);
}

#[test]
fn a_log_that_ends_before_its_snapshot_begins_anew_there() {
    let scratch = Scratch::new("behind");
    let mut life = Life::begin(&scratch, &[]);
    life.topic("a", 1);
    life.topic("b", 2);
    life.snapshot();
    let before = life.end();
    let bytes = fs::read(scratch.log_file()).unwrap();
    let (last, _) = *positions(&bytes).last().unwrap();
    fs::write(scratch.log_file(), &bytes[..last]).unwrap();
    let mut life = Life::try_begin(&scratch.0, Recovery::Unclean, &[]).unwrap();
    assert_eq!(life.image, before);
    life.topic("c", 3);
    let before = life.end();
    assert!(!scratch.log_file().exists());
    assert_eq!(Life::begin(&scratch, &[]).end(), before);
}

#[test]
fn a_crash_while_a_log_begins_anew_changes_nothing() {
    let scratch = Scratch::new("anew");
    let mut life = Life::begin(&scratch, &[]);
    life.topic("a", 1);
    life.snapshot();
    let before = life.end();
    let kinds = ["log", "index", "timeindex", "snapshot"];
    let is_of_segments =
        |path: &Path| kinds.iter().any(|kind| path.extension() == Some(kind.as_ref()));
    let paths = fs::read_dir(scratch.dir()).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<(PathBuf, Vec<u8>)> = paths
        .filter(|path| is_of_segments(path))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    // Any of them may have gone already, and nothing else be there yet.
    for gone in 0..1 << files.len() {
        let paths = fs::read_dir(scratch.dir()).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| is_of_segments(path)).for_each(|path| fs::remove_file(path).unwrap());
        for (at, (path, bytes)) in files.iter().enumerate() {
            let is_log = path == &scratch.log_file();
            let (last, _) = *positions(bytes).last().unwrap_or(&(bytes.len(), 0));
            if gone & (1 << at) == 0 {
                fs::write(path, if is_log { &bytes[..last] } else { bytes }).unwrap();
            }
        }
        let mut life = Life::try_begin(&scratch.0, Recovery::Unclean, &[]).unwrap();
        assert_eq!(life.image, before, "{gone:b}");
        life.topic("b", 2);
        let after = life.end();
        assert_eq!(Life::begin(&scratch, &[]).end(), after, "{gone:b}");
    }
}

#[test]
fn what_had_not_reached_the_disk_may_be_torn_and_what_had_may_not() {
    let scratch = Scratch::new("torn");
    let mut life = Life::begin(&scratch, &[]);
    life.topic("early", 1);
    life.end();
    let mut life = Life::begin(&scratch, &[]);
    for (name, number) in [("one", 2), ("two", 3), ("three", 4)] {
        life.topic(name, number);
    }
    life.crash();
    let whole = fs::read(scratch.log_file()).unwrap();
    let at = positions(&whole);
    let last_epoch = at.iter().filter(|(_, epoch)| *epoch == 2).count();
    assert_eq!(last_epoch, 4, "the leader change and the topics");
    let begin = |recovery| Life::try_begin(&scratch.0, recovery, &[]);
    let flip = |position: usize| {
        let mut bytes = whole.clone();
        bytes[position + 70] ^= 1;
        fs::write(scratch.log_file(), &bytes).unwrap();
        bytes
    };
    // A page of the last start that was lost, with pages behind it that were not.
    let two = at[at.len() - 2].0;
    let damaged = flip(two);
    let refused = begin(Recovery::Clean).map(drop).unwrap_err().to_string();
    assert!(refused.contains(&format!("is damaged at byte {two}")), "{refused}");
    assert_eq!(fs::read(scratch.log_file()).unwrap(), damaged, "nothing is touched");
    let life = begin(Recovery::Unclean).unwrap();
    assert_eq!(life.names(), ["early", "one"]);
    life.crash();
    let mut copies = fs::read_dir(scratch.dir()).unwrap().flatten().map(|entry| entry.path());
    let is_copy = |path: PathBuf| {
        path.to_string_lossy().contains(".log.cut-at-") && fs::read(path).unwrap() == damaged
    };
    assert!(copies.any(is_copy), "the file as it was is kept");
    // What an earlier start wrote was on the disk before this one began.
    let early = at.iter().rfind(|(_, epoch)| *epoch == 1).unwrap().0;
    let damaged = flip(early);
    for recovery in [Recovery::Clean, Recovery::Unclean] {
        let refused = begin(recovery).map(drop).unwrap_err().to_string();
        assert!(refused.contains(&format!("is damaged at byte {early}")), "{refused}");
    }
    assert_eq!(fs::read(scratch.log_file()).unwrap(), damaged, "nothing is touched");
}

/// How many topics a start finds.
fn topics_of(
    scratch: &Scratch,
    recovery: Recovery,
    recovery_point: Option<i64>,
) -> Result<usize, StartError> {
    let data = DataDir::open(&scratch.0, 1, None).unwrap();
    let keepers = Keepers::spawn().unwrap();
    let left = Left { recovery, recovery_point };
    let opened = MetadataLog::open(&data, &Config::default(), left, keepers.clone());
    keepers.stop();
    opened.map(|(_, image)| image.topics().count())
}

#[test]
fn a_recovery_point_makes_the_torn_end_shorter() {
    let scratch = Scratch::new("point");
    let mut life = Life::begin(&scratch, &[]);
    life.topic("one", 1);
    life.topic("two", 2);
    life.topic("three", 3);
    let end = life.metadata.next_offset();
    life.crash();
    let mut bytes = fs::read(scratch.log_file()).unwrap();
    let at = positions(&bytes);
    bytes[at[at.len() - 2].0 + 70] ^= 1;
    fs::write(scratch.log_file(), &bytes).unwrap();
    let open = |point| topics_of(&scratch, Recovery::Unclean, Some(point));
    assert!(open(end).is_err(), "it was on the disk");
    assert_eq!(open(end - 2).unwrap(), 1);
}

#[test]
fn a_log_that_has_lost_its_end_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new("end");
    let mut life = Life::begin(&scratch, &[]);
    life.topic("one", 1);
    life.topic("two", 2);
    let end = life.metadata.next_offset();
    life.crash();
    let bytes = fs::read(scratch.log_file()).unwrap();
    let last = positions(&bytes).last().unwrap().0;
    let mut flipped = bytes.clone();
    flipped[last + 70] ^= 1;
    for lost in [flipped, bytes[..last].to_vec()] {
        fs::write(scratch.log_file(), &lost).unwrap();
        for recovery in [Recovery::Clean, Recovery::Unclean] {
            let refused = topics_of(&scratch, recovery, Some(end)).unwrap_err().to_string();
            assert!(refused.contains("was on the disk"), "{refused}");
            assert_eq!(fs::read(scratch.log_file()).unwrap(), lost, "nothing is touched");
        }
    }
}

#[test]
fn a_first_start_that_lost_its_power_begins_anew_unless_there_are_partitions() {
    let scratch = Scratch::new("first");
    let mut life = Life::begin(&scratch, &[]);
    life.topic("one", 1);
    life.crash();
    // The first batch has not reached the disk, those behind it have.
    let mut bytes = fs::read(scratch.log_file()).unwrap();
    bytes[70] ^= 1;
    fs::write(scratch.log_file(), &bytes).unwrap();
    let open = || topics_of(&scratch, Recovery::Unclean, None);
    let partition = scratch.0.join("one-0");
    fs::create_dir(&partition).unwrap();
    assert!(open().is_err(), "they would be nobody's");
    assert!(fs::read(scratch.log_file()).unwrap() == bytes, "and nothing is touched");
    fs::remove_dir(&partition).unwrap();
    assert_eq!(open().unwrap(), 0);
}
