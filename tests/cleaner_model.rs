//! Compaction against a model: a plain list of records. Random histories of appends, transactions,
//! rounds of cleaning, deletions of records and restarts; what readers know at the end is the same.
//!
//! Each seed is one history; a failure names its seed, and `CLEANER_MODEL_SEED=<n>` replays that one.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod cleaner_support;
mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::{Bound, CleanerLimits, Log, Recovery};
use barnabas::wire::records::{BatchBuilder, Codec};
use cleaner_support::*;
use log_support::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Histories that are tried; `CLEANER_MODEL_SEEDS=<n>` tries more.
const SEEDS: u64 = 12;
const STEPS: u64 = 120;
/// Tombstones stay for good, or go as soon as they may.
const FOREVER: i64 = i64::MAX / 4;

/// A producer with transactions: where its open one began, and its next sequence number.
#[derive(Default)]
struct Producer {
    open: Option<usize>,
    sequence: i32,
}

struct World {
    dir: TempDir,
    random: Random,
    config: Arc<TopicConfig>,
    log: Option<Log>,
    /// Every record of data that was ever appended, and whether it was aborted.
    all: Vec<(Flat, bool)>,
    producers: HashMap<i64, Producer>,
    checkpoint: Option<i64>,
    now_ms: i64,
    rounds: usize,
    removed: u64,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let config = TopicConfig {
            segment_bytes: 400 + random.below(3000) as i32,
            index_interval_bytes: random.below(500) as i32,
            segment_index_bytes: 1 << 12,
            delete_retention_ms: if random.one_in(2) { 0 } else { FOREVER },
            ..TopicConfig::default()
        };
        let (dir, config) = (TempDir::new("cleaner-model"), Arc::new(config));
        let log = Some(create(&dir.partition(), &config));
        World {
            dir,
            random,
            config,
            log,
            all: Vec::new(),
            producers: HashMap::new(),
            checkpoint: None,
            now_ms: 1_000,
            rounds: 0,
            removed: 0,
        }
    }

    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    fn builder(&mut self) -> BatchBuilder {
        let codecs: Vec<Codec> = Codec::ALL.into_iter().filter(|c| c.is_built_in()).collect();
        let codec = codecs[self.random.below(codecs.len() as u64) as usize];
        BatchBuilder::new().codec(if self.random.one_in(2) { codec } else { Codec::None })
    }

    fn fill(&mut self, mut builder: BatchBuilder) -> Vec<u8> {
        for _ in 0..=self.random.below(4) {
            let key = format!("key-{}", self.random.below(15));
            let value = vec![b'v'; self.random.below(60) as usize];
            let value = if self.random.one_in(4) { None } else { Some(value.as_slice()) };
            let header = [("h", Some(key.as_bytes()))];
            let headers = if self.random.one_in(3) { &header[..] } else { &[] };
            let time = self.now_ms - self.random.below(100) as i64;
            builder.append(time, Some(key.as_bytes()), value, headers);
        }
        builder.finish()
    }

    /// Appends what the broker itself would, or a client; both are the same to the cleaner.
    fn append(&mut self, batch: &[u8]) {
        let appended = self.log().append_internal(batch, 0).unwrap();
        self.log().advance_high_watermark(appended.next_offset);
        let stored = stored(batch, appended.base_offset, 0);
        self.all.extend(flat(&stored).into_iter().filter(|r| !r.control).map(|r| (r, false)));
    }

    fn append_plain(&mut self) {
        let builder = self.builder();
        let batch = self.fill(builder);
        self.append(&batch);
    }

    fn append_in_transaction(&mut self, id: i64) {
        let first = self.all.len();
        let producer = self.producers.entry(id).or_default();
        producer.open.get_or_insert(first);
        let sequence = producer.sequence;
        let builder = self.builder().producer(id, 0, sequence).transactional(true);
        let batch = self.fill(builder);
        self.producers.get_mut(&id).unwrap().sequence += header(&batch).record_count;
        self.append(&batch);
    }

    fn end_transaction(&mut self, id: i64) {
        let Some(first) = self.producers.entry(id).or_default().open.take() else { return };
        let commit = self.random.one_in(2);
        let builder = BatchBuilder::new().producer(id, 0, -1).transactional(true).control(true);
        let key = [0, 0, 0, u8::from(commit)];
        let marker = builder.clone().append(self.now_ms, Some(&key), Some(&[0; 6]), &[]).finish();
        if !commit {
            let own = self.all[first..].iter_mut().filter(|(record, _)| record.producer_id == id);
            own.for_each(|(_, aborted)| *aborted = true);
        }
        self.append(&marker);
    }

    fn clean(&mut self) {
        let cleanable = self.log().cleanable(self.checkpoint, self.now_ms).unwrap();
        assert!(cleanable.end <= self.log().offsets().last_stable.max(cleanable.first_dirty));
        if cleanable.dirty_bytes == 0 {
            return;
        }
        let memory = if self.random.one_in(4) { 24 * 5 } else { 1 << 16 };
        let limits = CleanerLimits { map_memory: memory, load_factor: 0.9 };
        let offsets = self.log().offsets();
        let cleaned = self.log().clean(&cleanable, limits, self.now_ms, &mut on).unwrap();
        assert_eq!(self.log().offsets(), offsets, "no offset moves");
        self.checkpoint = Some(cleaned.up_to);
        self.rounds += 1;
        self.removed += cleaned.records.0 - cleaned.records.1;
        unique_below(self.log(), cleaned.up_to);
    }

    fn restart(&mut self) {
        let how = match self.random.below(2) {
            0 => {
                self.log().close().unwrap();
                Recovery::Clean
            }
            _ => Recovery::Unclean,
        };
        self.log = None;
        let (log, report) = open(&self.dir.partition(), &self.config, how);
        assert!(report.cuts.is_empty() && report.removed_segments == 0, "{report:?}");
        let end = log.offsets().log_end;
        log.advance_high_watermark(end);
        self.log = Some(log);
    }

    fn step(&mut self) {
        self.now_ms += self.random.below(50) as i64;
        let id = 1 + self.random.below(3) as i64;
        match self.random.below(16) {
            0..=5 => self.append_plain(),
            6..=9 => self.append_in_transaction(id),
            10..=12 => self.end_transaction(id),
            13..=14 => self.clean(),
            _ => self.restart(),
        }
    }

    /// What a read_committed consumer that begins at the start knows at the end.
    fn committed(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let log = self.log();
        let (mut at, mut seen) = (log.offsets().log_start, Vec::new());
        loop {
            let read = log.read(at, 300, true, Bound::LastStable).unwrap();
            let Some(next) = without_aborted(&read, &mut seen) else { return state(&seen) };
            at = next;
        }
    }

    fn check(&self) {
        let offsets = self.log().offsets();
        let by_offset: HashMap<i64, &Flat> = self.all.iter().map(|(r, _)| (r.offset, r)).collect();
        let stored = records(self.log());
        for record in stored.iter().filter(|record| !record.control) {
            assert_eq!(by_offset.get(&record.offset), Some(&record), "what stays is what it was");
        }
        let stable = self
            .all
            .iter()
            .filter(|(record, aborted)| record.offset < offsets.last_stable && !aborted);
        let stable: Vec<Flat> = stable.map(|(record, _)| record.clone()).collect();
        assert_eq!(self.committed(), state(&stable), "what a reader knows at the end");
        if self.config.delete_retention_ms == FOREVER {
            self.check_tombstones(&stable, &stored);
        }
    }

    /// A reader that is behind sees every deletion.
    fn check_tombstones(&self, stable: &[Flat], stored: &[Flat]) {
        let last: HashMap<_, _> = stable.iter().map(|record| (&record.key, record)).collect();
        let there: HashSet<i64> = stored.iter().map(|record| record.offset).collect();
        for record in last.values().filter(|record| record.value.is_none()) {
            assert!(there.contains(&record.offset), "the tombstone at {}", record.offset);
        }
    }
}

fn history(seed: u64) -> (usize, u64) {
    let mut world = World::new(seed);
    for step in 0..STEPS {
        world.step();
        if step % 10 == 9 {
            world.check();
        }
    }
    world.check();
    (world.rounds, world.removed)
}

#[test]
fn random_histories_end_with_what_the_model_knows() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("CLEANER_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CLEANER_MODEL_SEEDS").unwrap_or(SEEDS),
    };
    let (mut rounds, mut removed) = (0, 0);
    for seed in seeds.clone() {
        println!("CLEANER_MODEL_SEED={seed}");
        let (more_rounds, more_removed) = history(seed);
        (rounds, removed) = (rounds + more_rounds, removed + more_removed);
    }
    println!("{rounds} rounds removed {removed} records");
    assert!(seeds.end - seeds.start == 1 || (rounds > 20 && removed > 100));
}

#[test]
fn cleaning_once_more_changes_nothing() {
    for seed in 0..8 {
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        let all = |world: &mut World| {
            world.checkpoint = None;
            let cleanable = world.log().cleanable(None, world.now_ms).unwrap();
            let limits = CleanerLimits { map_memory: 1 << 16, load_factor: 0.9 };
            world.log().clean(&cleanable, limits, world.now_ms, &mut on).unwrap();
            read_all(world.log(), 0, Bound::LogEnd)
        };
        // Data goes, then its marker gets a horizon, then the marker goes: not more than that.
        let rounds: Vec<_> = (0..5).map(|_| all(&mut world)).collect();
        assert!(rounds[3] == rounds[4], "seed {seed}");
        let records = |batches: &Vec<Vec<u8>>| batches.iter().map(|b| flat(b).len()).sum::<usize>();
        assert!(rounds.iter().map(records).is_sorted_by(|before, after| before >= after));
    }
}
