//! The log against a model of it: a plain list of batches. Random operations, the same answers.
//!
//! Each seed is one history; a failure names its seed, and `LOG_MODEL_SEED=<n>` replays that one.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

mod log_support;

use barnabas::config::TopicConfig;
use barnabas::log::{Bound, Log, ReadError, Recovery};
use barnabas::wire::records::{BatchBuilder, Codec};
use log_support::*;
use std::sync::Arc;

/// Histories that are tried; `LOG_MODEL_SEEDS=<n>` tries more.
const SEEDS: u64 = 15;
const STEPS: u64 = 250;

/// One batch of the model, with the timestamps of its records.
struct ModelBatch {
    bytes: Vec<u8>,
    base: i64,
    timestamps: Vec<i64>,
}

impl ModelBatch {
    fn next(&self) -> i64 {
        header(&self.bytes).next_offset()
    }
}

struct World {
    dir: TempDir,
    random: Random,
    config: Arc<TopicConfig>,
    /// `None` only while it is opened again.
    log: Option<Log>,
    batches: Vec<ModelBatch>,
    log_start: i64,
    high_watermark: i64,
    epoch: i32,
    /// Where each epoch with batches begins.
    epochs: Vec<(i32, i64)>,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let dir = TempDir::new("model");
        let config = random_config(&mut random);
        let log = Some(create(&dir.partition(), &config));
        let (batches, epochs) = (Vec::new(), Vec::new());
        World {
            dir,
            random,
            config,
            log,
            batches,
            log_start: 0,
            high_watermark: 0,
            epoch: 0,
            epochs,
        }
    }

    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    fn end(&self) -> i64 {
        self.batches.last().map_or(0, ModelBatch::next)
    }

    fn bound(&mut self) -> (Bound, i64) {
        match self.random.below(3) {
            0 => (Bound::LogEnd, self.end()),
            1 => (Bound::HighWatermark, self.high_watermark),
            _ => (Bound::LastStable, self.high_watermark),
        }
    }

    fn any_offset(&mut self) -> i64 {
        self.random.below(self.end() as u64 + 3) as i64 - 1
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..40 => self.append(),
            40..55 => self.advance(),
            55..75 => self.read(),
            75..80 => self.bytes_from(),
            80..86 => self.look_up_time(),
            86..89 => self.delete_records(),
            89..92 => self.reopen(),
            92..94 => self.epoch += 1,
            94..96 => self.change_settings(),
            96..98 => assert!(self.log().flush().unwrap() >= self.end()),
            _ => self.look_up_epoch(),
        }
        let offsets = self.log().offsets();
        assert_eq!((offsets.log_start, offsets.log_end), (self.log_start, self.end()));
        assert_eq!(offsets.high_watermark, self.high_watermark);
    }

    fn append(&mut self) {
        let count = 1 + self.random.below(6) as i32;
        let size = self.random.below(400) as usize;
        let time = self.random.below(10_000) as i64;
        let codec = if self.random.one_in(4) { Codec::Lz4 } else { Codec::None };
        let mut builder = BatchBuilder::new().codec(codec);
        let mut timestamps = Vec::new();
        for _ in 0..count {
            let timestamp = time + self.random.below(50) as i64;
            timestamps.push(timestamp);
            builder.append(timestamp, None, Some(&vec![b'v'; size]), &[]);
        }
        let bytes = builder.finish();
        let base = self.end();
        let appended = self.log().append(&validated(&bytes), self.epoch, time).unwrap();
        assert_eq!((appended.base_offset, appended.next_offset), (base, base + i64::from(count)));
        assert_eq!(appended.log_start_offset, self.log_start);
        if self.epochs.last().is_none_or(|&(epoch, _)| epoch != self.epoch) {
            self.epochs.push((self.epoch, base));
        }
        self.batches.push(ModelBatch { bytes: stored(&bytes, base, self.epoch), base, timestamps });
    }

    fn advance(&mut self) {
        // Any offset, also inside of a batch, also backwards or too far.
        let to = self.any_offset() + 1;
        self.log().advance_high_watermark(to);
        self.high_watermark = self.high_watermark.max(to.min(self.end()));
    }

    /// The batches that a reader from `offset` sees up to the bound: whole ones only.
    fn visible(&self, offset: i64, bound: i64) -> impl Iterator<Item = &ModelBatch> {
        let seen = move |batch: &&ModelBatch| batch.next() > offset && batch.next() <= bound;
        self.batches.iter().filter(seen)
    }

    fn read(&mut self) {
        let offset = self.any_offset();
        let (bound, visible_to) = self.bound();
        let (max, at_least_one) = (self.random.below(5_000) as u32, self.random.one_in(2));
        let read = match self.log().read(offset, max, at_least_one, bound) {
            Ok(read) => read,
            Err(ReadError::OutOfRange { .. }) => {
                return assert!(offset < self.log_start || offset > self.end());
            }
            Err(error) => panic!("{error}"),
        };
        assert!(offset >= self.log_start && offset <= self.end());
        // An offset at the bound or beyond it sees nothing, though its batch may begin below.
        let expected: Vec<&ModelBatch> =
            self.visible(offset, visible_to).filter(|_| offset < visible_to).collect();
        let got = read.range.as_ref().map_or(Vec::new(), |range| split(range.bytes().unwrap()));
        assert!(got.len() <= expected.len());
        for (got, expected) in got.iter().zip(&expected) {
            assert_eq!(*got, expected.bytes);
        }
        assert!(read.len() <= max || (at_least_one && got.len() == 1), "{} of {max}", read.len());
        assert!(read.size_available >= u64::from(read.len()));
        let Some(first) = expected.first() else { return };
        assert_eq!(read.base_offset, if got.is_empty() { offset } else { first.base });
        if at_least_one {
            assert!(!got.is_empty(), "a reader must get on");
        }
        // Nothing that fits and is in the same segment is left out.
        if read.size_available > u64::from(read.len()) {
            let next = expected[got.len()].bytes.len() as u32;
            assert!(read.len() + next > max, "{} + {next} fit into {max}", read.len());
        }
    }

    fn bytes_from(&mut self) {
        let offset = self.any_offset();
        let (bound, visible_to) = self.bound();
        let max = self.random.below(10_000);
        let expected: usize = self
            .visible(offset, visible_to)
            .filter(|_| offset < visible_to)
            .map(|batch| batch.bytes.len())
            .sum();
        let in_range = offset >= self.log_start && offset <= self.end();
        let expected = in_range.then_some((expected as u64).min(max));
        assert_eq!(self.log().bytes_from(offset, bound, max), expected, "from {offset}");
    }

    fn look_up_time(&mut self) {
        let wanted = self.random.below(10_200) as i64;
        let (bound, visible_to) = self.bound();
        let start = self.log_start;
        let records = self.batches.iter().flat_map(|batch| {
            (batch.base..).zip(&batch.timestamps).map(|(offset, &time)| (offset, time))
        });
        let records: Vec<(i64, i64)> = records.filter(|&(offset, _)| offset >= start).collect();
        // The record must be visible, and so must its batch be.
        let first = records.iter().find(|&&(_, time)| time >= wanted).copied();
        let whole =
            |offset: i64| self.visible(offset, visible_to).any(|batch| batch.base <= offset);
        let expected = first.filter(|&(offset, _)| offset < visible_to && whole(offset));
        let found = self.log().offset_for_timestamp(wanted, bound).unwrap();
        assert_eq!(found.map(|found| (found.offset, found.timestamp)), expected, "time {wanted}");

        let largest = records.iter().min_by_key(|&&(offset, time)| (-time, offset)).copied();
        let found = self.log().max_timestamp().unwrap();
        assert_eq!(found.map(|found| (found.offset, found.timestamp)), largest);
    }

    fn delete_records(&mut self) {
        let to = self.any_offset();
        match self.log().delete_records_before(to) {
            Ok(start) => {
                assert!(to <= self.high_watermark);
                self.log_start = self.log_start.max(to);
                assert_eq!(start, self.log_start);
            }
            Err(error) => assert!(to > self.high_watermark, "{error}"),
        }
    }

    fn reopen(&mut self) {
        let clean = self.random.one_in(2);
        if clean {
            self.log().close().unwrap();
            self.log().close().unwrap();
        }
        let flushed = self.log().flushed_offset();
        assert!(!clean || flushed == self.end(), "a log that is closed is on the disk");
        // A crash is like a drop without a close: the page cache has everything.
        self.log = None;
        let how = if clean { Recovery::Clean } else { Recovery::Unclean };
        self.config = random_config(&mut self.random);
        let mut opening = beginning_at(how, self.log_start);
        opening.recovery_point = Some(flushed);
        let (log, report) = open(&self.dir.partition(), &self.config, opening);
        assert!(!report.has_losses() && report.checked != clean, "{report:?}");
        assert_eq!(log.offsets().high_watermark, self.log_start);
        log.advance_high_watermark(self.high_watermark);
        self.log = Some(log);
    }

    fn change_settings(&mut self) {
        self.config = random_config(&mut self.random);
        self.log().set_config(self.config.clone());
    }

    fn look_up_epoch(&mut self) {
        let asked = self.random.below(self.epoch as u64 + 2) as i32;
        let start = self.log_start;
        let known: Vec<(i32, i64)> = self.epochs.clone();
        // Epochs that ended at or below the log start are forgotten.
        let alive = |at: usize| known.get(at + 1).is_none_or(|&(_, next)| next > start);
        let known: Vec<(i32, i64)> =
            (0..known.len()).filter(|&at| alive(at)).map(|at| known[at]).collect();
        let end_of = |at: usize| known.get(at + 1).map_or(self.end(), |&(_, next)| next);
        let at_most = known.iter().rposition(|&(epoch, _)| epoch <= asked);
        let expected = match at_most {
            Some(at) if at + 1 < known.len() || known[at].0 == asked => (known[at].0, end_of(at)),
            Some(_) => (-1, -1),
            None => known.first().map_or((-1, -1), |&(_, first)| (asked, first.max(start))),
        };
        let beyond_the_log = self.end() == start && self.log().latest_epoch().is_none();
        if !beyond_the_log {
            assert_eq!(
                self.log().end_offset_for_epoch(asked),
                expected,
                "epoch {asked} of {known:?}"
            );
        }
    }
}

fn random_config(random: &mut Random) -> Arc<TopicConfig> {
    let segment_bytes = [3_000, 5_000, 20_000, 1 << 20][random.below(4) as usize];
    let interval = [0, 200, 1_000, 4_096][random.below(4) as usize];
    let index = [64, 800, 1 << 20][random.below(3) as usize];
    Arc::new(TopicConfig {
        segment_index_bytes: index,
        ..(*config(segment_bytes, interval)).clone()
    })
}

#[test]
fn the_log_answers_as_the_model_does() {
    let number = |name| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let only = number("LOG_MODEL_SEED");
    let seeds = number("LOG_MODEL_SEEDS").unwrap_or(SEEDS);
    let range = only.map_or(0..seeds, |seed| seed..seed + 1);
    for seed in range {
        let history = move || {
            let mut world = World::new(seed);
            (0..STEPS).for_each(|_| world.step());
        };
        if let Err(panic) = std::panic::catch_unwind(history) {
            eprintln!("LOG_MODEL_SEED={seed} replays this");
            std::panic::resume_unwind(panic);
        }
    }
}
