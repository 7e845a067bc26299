//! A log through power cuts: what was flushed is there, in order, byte for byte, and nothing that was
//! not written is served, whatever part of the rest the disk has kept.
//!
//! Each seed is one history with a cut at some moment, some of them in the middle of a flush.
//! `LOG_POWER_SEED=<n>` replays one, `LOG_POWER_SEEDS=<n>` tries more.
#![allow(clippy::unwrap_used)]

mod power_support;
#[path = "log_support/mod.rs"]
mod support;

use barnabas::config::TopicConfig;
use barnabas::log::{Bound, Keepers, Log, Opening, Recovery};
use power_support::{Disk, disk_of_logs, each_seed};
use std::path::Path;
use std::sync::Arc;
use support::*;

const SEEDS: u64 = 1_000;
const STEPS: u64 = 40;
/// Records of up to so many bytes: there is something to flush behind the tail soon.
const LARGE: u64 = 400_000;

struct World {
    dir: TempDir,
    random: Random,
    config: Arc<TopicConfig>,
    /// The most bytes of a record.
    record: u64,
    keepers: Keepers,
    disk: Arc<Disk<i64>>,
    log: Option<Log>,
    /// All batches as they must lie in the log, with the offsets after them.
    batches: Vec<(Vec<u8>, i64)>,
    /// What the broker has written down of the log, and when it is on the disk for sure.
    recovery_point: i64,
    log_start: i64,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let dir = TempDir::in_memory("power");
        let (root, disk, keepers) = disk_of_logs(dir.path());
        let (record, segment_bytes) = match random.below(10) {
            0 => (LARGE, 6 << 20),
            1..4 => (600, 2_000),
            4..7 => (600, 5_000),
            _ => (600, 20_000),
        };
        let config = Arc::new(TopicConfig {
            segment_bytes,
            index_interval_bytes: [0, 200, 4_096][random.below(3) as usize],
            segment_index_bytes: 1 << 16,
            flush_messages: match random.below(3) {
                0 if record < LARGE => 1,
                1 if record < LARGE => 3,
                _ => i64::MAX,
            },
            ..TopicConfig::default()
        });
        if random.one_in(2) {
            disk.cut_at(random.below(60), Random::new(seed ^ 77));
        }
        let log = Log::create(root.join("topic-0"), config.clone(), keepers.clone()).unwrap();
        let batches = Vec::new();
        let (recovery_point, log_start) = (0, 0);
        World {
            dir,
            random,
            config,
            record,
            keepers,
            disk,
            log: Some(log),
            batches,
            recovery_point,
            log_start,
        }
    }

    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..70 => self.append(),
            70..75 if self.record < LARGE => self.promise(self.log().flush().unwrap()),
            70..80 => self.promise(self.log().flush_behind().unwrap()),
            80..86 => self.recovery_point = self.log().recovery_point(),
            86..90 => self.delete_records(),
            90..93 => self.close_and_open(),
            93..96 => self.drop_and_open(),
            _ => _ = self.log().start_write_back(),
        }
    }

    fn promise(&self, offset: i64) {
        let mut promised = self.disk.promised.lock().unwrap();
        *promised = offset.max(*promised);
    }

    fn append(&mut self) {
        let (count, size) =
            (1 + self.random.below(4) as i32, self.random.below(self.record) as usize);
        let bytes = match self.random.below(3) {
            0 => produced(7, 0, 0, count), // Perhaps a duplicate.
            _ => batch(count, size, self.random.below(9_999) as i64),
        };
        let Ok(appended) = try_append(self.log(), &bytes) else { return };
        if !appended.duplicate {
            let stored = stored(&bytes, appended.base_offset, 0);
            self.batches.push((stored, appended.next_offset));
        }
        if let Some(offset) = appended.flush_to {
            self.log().ask_flush();
            assert!(self.log().flushed_offset() >= offset);
            self.promise(offset);
        }
        let end = self.log().offsets().log_end;
        self.log().advance_high_watermark(end);
    }

    fn delete_records(&mut self) {
        let end = self.log().offsets().high_watermark;
        // It is written down before it is done, as the broker does.
        let to = self.random.below(end as u64 + 1) as i64;
        self.log_start = self.log().delete_records_before(to).unwrap();
    }

    fn close_and_open(&mut self) {
        self.log().close().unwrap();
        self.promise(self.log().offsets().log_end);
        self.recovery_point = self.log().recovery_point();
        self.reopen(Recovery::Clean);
    }

    fn drop_and_open(&mut self) {
        self.log = None;
        self.reopen(Recovery::Unclean);
    }

    fn reopen(&mut self, recovery: Recovery) {
        self.log = None;
        let dir = self.dir.path().join("data/topic-0");
        self.log = Some(self.open(&dir, recovery));
        assert_eq!(self.log().offsets().log_end, self.batches.last().map_or(0, |last| last.1));
    }

    fn open(&self, dir: &Path, recovery: Recovery) -> Log {
        let opening = Opening {
            recovery_point: Some(self.recovery_point),
            log_start: Some(self.log_start),
            ..recovery.into()
        };
        let (config, keepers) = (self.config.clone(), self.keepers.clone());
        let log = Log::open(dir.to_owned(), config, opening, keepers).unwrap().0;
        log.advance_high_watermark(log.offsets().log_end);
        log
    }
}

impl World {
    /// For replays: what there is.
    fn tell(&self, left: &Path, promised: i64) {
        for dir in [&*self.dir.path().join("data/topic-0"), left] {
            for name in files(dir) {
                let len = std::fs::metadata(dir.join(&name)).unwrap().len();
                println!("{} {len}", dir.join(name).display());
            }
        }
        let (point, start) = (self.recovery_point, self.log_start);
        println!(
            "promised {promised}, recovery point {point}, log start {start}, {:?}",
            self.config
        );
        let ends: Vec<i64> = self.batches.iter().map(|batch| batch.1).collect();
        println!("batches end at {ends:?}");
    }
}

/// What the world knew when the power was cut.
fn run(seed: u64) {
    let mut world = World::new(seed);
    let steps = world.random.below(STEPS) + 1;
    for _ in 0..steps {
        let (point, start) = (world.recovery_point, world.log_start);
        world.step();
        if world.disk.is_cut() {
            // In the middle of the step: what it has written down may not be there.
            (world.recovery_point, world.log_start) = (point, start);
            break;
        }
    }
    let (left, promised) = world.disk.cut(Random::new(seed ^ 99));
    world.log = None;
    check(&world, &left, promised);
}

fn check(world: &World, left: &Path, promised: i64) {
    let dir = left.join("topic-0");
    if !dir.exists() {
        assert_eq!(promised, 0, "the directory is gone");
        return;
    }
    if std::env::var_os("LOG_POWER_SEED").is_some() {
        world.tell(&dir, promised);
    }
    let log = world.open(&dir, Recovery::Unclean);
    let offsets = log.offsets();
    assert!(offsets.log_end >= promised, "flushed up to {promised}, left {offsets:?}");
    let end = world.batches.last().map_or(0, |last| last.1);
    assert!(offsets.log_end <= end.max(world.log_start), "{offsets:?} of {end}");
    assert_same(world, &log);
    // It goes on from here.
    let appended = try_append(&log, &batch(2, 30, 1)).unwrap();
    assert_eq!(appended.base_offset, offsets.log_end);
    assert_eq!(log.flush().unwrap(), appended.next_offset);
}

/// What is read is what was written, without a gap, up to the log's end.
fn assert_same(world: &World, log: &Log) {
    let offsets = log.offsets();
    let mut at = offsets.log_start;
    for read in read_all(log, offsets.log_start, Bound::LogEnd) {
        let written = world.batches.iter().find(|(_, next)| *next == header(&read).next_offset());
        let (written, next) = written.expect("nobody has written this");
        assert!(read == *written, "other bytes before offset {next}");
        assert!(header(&read).base_offset <= at, "a gap at offset {at}");
        at = *next;
        // By the index as well.
        let found =
            log.read(header(&read).base_offset.max(offsets.log_start), 1, true, Bound::LogEnd);
        let found = found.unwrap().range.unwrap();
        assert!(found.bytes().unwrap() == read, "not found by the index: offset {next}");
    }
    assert_eq!(at, offsets.log_end, "{offsets:?}");
}

#[test]
fn what_was_flushed_survives_a_power_cut() {
    each_seed(SEEDS, run);
}
