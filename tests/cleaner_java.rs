//! The same logs cleaned by Apache Kafka's own cleaner and by us: the same part, the same records, and
//! where nothing is compressed the same bytes in the same files.
//!
//! `cleaner_java/CleanerVectors.java` made the files: random logs with all that a log can have,
//! written and cleaned by Kafka's classes. `CLEANER_VECTORS=<directory>` reads others.

#![allow(clippy::unwrap_used)] // Tests and their helpers.
#![cfg(feature = "compression")]

mod cleaner_support;
mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::{CleanerLimits, Log, Recovery};
use barnabas::wire::records::{BatchHeader, Codec};
use cleaner_support::*;
use log_support::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Files = BTreeMap<String, Vec<u8>>;

/// One round: what Kafka found, did, and left.
struct Round {
    config: Arc<TopicConfig>,
    map_memory: usize,
    plain: bool,
    now_ms: i64,
    checkpoint: Option<i64>,
    before: Files,
    last_stable: i64,
    first_dirty: i64,
    end: i64,
    clean_bytes: u64,
    dirty_bytes: u64,
    up_to: i64,
    after: Files,
}

/// Reads what Java's `DataOutputStream` wrote.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    fn long(&mut self) -> i64 {
        i64::from_be_bytes(self.take(8).try_into().unwrap())
    }

    fn int(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    fn files(&mut self) -> Files {
        let count = self.int();
        let mut file = || {
            let len = u16::from_be_bytes(self.take(2).try_into().unwrap());
            let name = String::from_utf8(self.take(usize::from(len)).to_vec()).unwrap();
            let len = usize::try_from(self.int()).unwrap();
            (name, self.take(len).to_vec())
        };
        (0..count).map(|_| file()).collect()
    }

    fn round(&mut self) -> Round {
        let (segment_bytes, index_interval_bytes) = (self.int(), self.int());
        let (delete_retention_ms, min_compaction_lag_ms) = (self.long(), self.long());
        let config = TopicConfig {
            segment_bytes,
            index_interval_bytes,
            segment_index_bytes: 4096,
            delete_retention_ms,
            min_compaction_lag_ms,
            ..TopicConfig::default()
        };
        Round {
            config: Arc::new(config),
            map_memory: usize::try_from(self.int()).unwrap(),
            plain: self.take(1) == [1],
            now_ms: self.long(),
            checkpoint: Some(self.long()).filter(|&offset| offset >= 0),
            before: self.files(),
            last_stable: self.long(),
            first_dirty: self.long(),
            end: self.long(),
            clean_bytes: self.long().unsigned_abs(),
            dirty_bytes: self.long().unsigned_abs(),
            up_to: self.long(),
            after: self.files(),
        }
    }
}

/// The files of a log's directory that a cleaning is about.
fn segments(files: &Files) -> Files {
    let of_segment = |name: &str| {
        ["log", "index", "timeindex", "txnindex"].iter().any(|kind| name.ends_with(kind))
    };
    files.iter().filter(|(name, _)| of_segment(name)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn read_dir(dir: &Path) -> Files {
    let read = |name: String| {
        let bytes = std::fs::read(dir.join(&name)).unwrap();
        (name, bytes)
    };
    files(dir).into_iter().map(read).collect()
}

/// A header without what depends on the compressor.
fn comparable(header: &BatchHeader) -> BatchHeader {
    match header.attributes.codec() {
        Some(Codec::None) => *header,
        _ => BatchHeader { batch_length: 0, crc: 0, ..*header },
    }
}

/// Batches as headers and records.
type Laid = Vec<(BatchHeader, Vec<Flat>)>;

/// The batches of all `.log` files, by file: headers and records.
fn batches(files: &Files) -> Vec<(&str, Laid)> {
    let logs = files.iter().filter(|(name, _)| name.ends_with(".log"));
    let laid = |bytes: &Vec<u8>| {
        let batches = split(bytes);
        batches.iter().map(|batch| (comparable(&header(batch)), flat(batch))).collect()
    };
    logs.map(|(name, bytes)| (name.as_str(), laid(bytes))).collect()
}

fn opened(dir: &Path, round: &Round) -> Log {
    std::fs::create_dir_all(dir).unwrap();
    for (name, bytes) in &round.before {
        std::fs::write(dir.join(name), bytes).unwrap();
    }
    let (log, _) = open(dir, &round.config, Recovery::Clean);
    let end = log.offsets().log_end;
    log.advance_high_watermark(end);
    log
}

fn compare(name: &str, round: &Round) {
    let scratch = TempDir::new("cleaner-java");
    let dir = scratch.partition();
    let log = opened(&dir, round);
    assert_eq!(log.offsets().last_stable, round.last_stable, "{name}: last stable offset");
    let cleanable = log.cleanable(round.checkpoint, round.now_ms).unwrap();
    assert_eq!(
        (cleanable.first_dirty, cleanable.end, cleanable.clean_bytes, cleanable.dirty_bytes),
        (round.first_dirty, round.end, round.clean_bytes, round.dirty_bytes),
        "{name}: what can be cleaned"
    );
    let mut up_to = cleanable.first_dirty;
    if cleanable.dirty_bytes > 0 {
        let limits = CleanerLimits { map_memory: round.map_memory, load_factor: 0.9 };
        up_to = log.clean(&cleanable, limits, round.now_ms, &mut on).unwrap().up_to;
    }
    assert_eq!(up_to, round.up_to, "{name}: how far it was cleaned");
    log.close().unwrap();
    drop(log);
    let (ours, kafkas) = (segments(&read_dir(&dir)), segments(&round.after));
    let (our_batches, kafka_batches) = (batches(&ours), batches(&kafkas));
    for (ours, kafkas) in our_batches.iter().zip(&kafka_batches) {
        assert_eq!(ours.0, kafkas.0, "{name}: names of segments");
        for (ours, kafkas) in ours.1.iter().zip(&kafkas.1) {
            assert_eq!(ours, kafkas, "{name}: a batch");
        }
    }
    assert_eq!(our_batches.len(), kafka_batches.len(), "{name}: number of segments");
    assert!(our_batches == kafka_batches, "{name}: batches of a segment");
    if round.plain {
        same_files(name, &ours, &kafkas);
    }
}

/// Every file has the same bytes; one that is empty may be missing.
fn same_files(name: &str, ours: &Files, kafkas: &Files) {
    let empty = Vec::new();
    for file in ours.keys().chain(kafkas.keys()) {
        let (ours, kafkas) = (ours.get(file).unwrap_or(&empty), kafkas.get(file).unwrap_or(&empty));
        assert_eq!(ours, kafkas, "{name}: {file}");
    }
}

fn vectors() -> Vec<PathBuf> {
    let dir = std::env::var_os("CLEANER_VECTORS").map(PathBuf::from);
    let dir = dir.unwrap_or_else(|| {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cleaner_java"))
    });
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "bin")).collect();
    paths.sort();
    paths
}

#[test]
fn we_clean_as_kafkas_cleaner_does() {
    let vectors = vectors();
    assert!(!vectors.is_empty());
    for path in vectors {
        let bytes = std::fs::read(&path).unwrap();
        let mut input = Input(&bytes);
        for number in 0..input.int() {
            let name = format!("{} round {number}", path.file_name().unwrap().display());
            compare(&name, &input.round());
        }
        assert!(input.0.is_empty());
    }
}
