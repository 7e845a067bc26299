//! A log through power cuts while it is truncated, compacted and loses segments to retention: it is
//! as it was or as it is to be, or has fewer of the segments that go; what was flushed and need not go
//! is there, and no aborted transaction is shown.
//!
//! Each seed is one history with a cut at some moment, most of them in the middle of a step.
//! `LOG_POWER_SEED=<n>` replays one, `LOG_POWER_SEEDS=<n>` tries more.
#![allow(clippy::unwrap_used)]

mod cleaner_support;
mod log_support;
mod power_support;
use log_support as support;

use barnabas::config::{CleanupPolicy, TopicConfig};
use barnabas::log::{Bound, Keepers, Log, Opening, Recovery};
use barnabas::wire::records::BatchBuilder;
use cleaner_support::{Flat, LIMITS, flat, on, records};
use log_support::*;
use power_support::{Disk, disk_of_logs, each_seed};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

const SEEDS: u64 = 600;
const STEPS: u64 = 60;

/// A record that was appended, and what may have become of it.
#[derive(Clone)]
struct Written {
    flat: Flat,
    aborted: bool,
    /// Compaction may have taken it.
    may_go: bool,
}

/// What must be in the log.
#[derive(Clone, Default)]
struct State {
    records: BTreeMap<i64, Written>,
    /// Transactions: first offset, marker, and whether it aborts.
    ended: Vec<(i64, i64, bool)>,
    /// By producer: where its open transaction began.
    open: HashMap<i64, i64>,
    log_start: i64,
    end: i64,
    /// It is compacted.
    has_gaps: bool,
}

/// What the broker has written down of the log.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    recovery_point: i64,
    log_start: i64,
    checkpoint: Option<i64>,
}

struct World {
    dir: TempDir,
    random: Random,
    config: Arc<TopicConfig>,
    /// The most bytes of a value: with large ones there is something to flush behind the tail.
    value: u64,
    keepers: Keepers,
    disk: Arc<Disk<i64>>,
    log: Option<Log>,
    state: State,
    /// While it is truncated: what was in it before.
    before: Option<State>,
    known: Known,
    now_ms: i64,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let dir = TempDir::in_memory("power-upkeep");
        let (root, disk, keepers) = disk_of_logs(dir.path());
        let compact = random.one_in(2);
        let (value, segment_bytes) = match random.below(16) {
            0 => (300_000, 5 << 20),
            1..6 => (150, 600),
            6..11 => (150, 1_500),
            _ => (150, 5_000),
        };
        let config = Arc::new(TopicConfig {
            segment_bytes,
            index_interval_bytes: [0, 200, 4_096][random.below(3) as usize],
            segment_index_bytes: 1 << 12,
            cleanup_policy: CleanupPolicy { delete: !compact, compact },
            delete_retention_ms: if random.one_in(2) { 0 } else { i64::MAX / 4 },
            retention_bytes: 1_000 + random.below(5_000) as i64,
            retention_ms: -1,
            ..TopicConfig::default()
        });
        if !random.one_in(4) {
            disk.cut_at(random.below(250), Random::new(seed ^ 77));
        }
        let log = Log::create(root.join("topic-0"), config.clone(), keepers.clone()).unwrap();
        World {
            dir,
            random,
            config,
            value,
            keepers,
            disk,
            log: Some(log),
            state: State { has_gaps: compact, ..State::default() },
            before: None,
            known: Known::default(),
            now_ms: 1_000,
        }
    }

    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    fn step(&mut self) {
        self.now_ms += self.random.below(50) as i64;
        match self.random.below(100) {
            0..45 => self.append(),
            45..55 => self.append_in_transaction(),
            55..63 => self.end_transaction(),
            63..70 => self.promise(self.log().flush().unwrap()),
            70..73 => self.promise(self.log().flush_behind().unwrap()),
            73..78 => self.known.recovery_point = self.log().recovery_point(),
            78..80 => self.delete_records(),
            80..85 => self.truncate(),
            85 => self.start_over(),
            86..88 => self.reopen(Recovery::Clean),
            88..90 => self.reopen(Recovery::Unclean),
            _ if self.config.cleanup_policy.compact => self.clean(),
            _ => self.retain(),
        }
    }

    fn promise(&self, offset: i64) {
        let mut promised = self.disk.promised.lock().unwrap();
        *promised = offset.max(*promised);
    }

    /// From now on no more than this is promised.
    fn unpromise(&self, offset: i64) {
        let mut promised = self.disk.promised.lock().unwrap();
        *promised = offset.min(*promised);
    }

    fn fill(&mut self, mut builder: BatchBuilder) -> Vec<u8> {
        for _ in 0..=self.random.below(3) {
            let key = format!("key-{}", self.random.below(8));
            let value = vec![b'v'; self.random.below(self.value) as usize];
            let value = if self.random.one_in(5) { None } else { Some(value.as_slice()) };
            builder.append(self.now_ms, Some(key.as_bytes()), value, &[]);
        }
        builder.finish()
    }

    fn write(&mut self, bytes: &[u8]) -> i64 {
        let at = self.log().append_internal(bytes, 0).unwrap();
        self.log().advance_high_watermark(at.next_offset);
        for flat in flat(&stored(bytes, at.base_offset, 0)) {
            let written = Written { flat, aborted: false, may_go: false };
            self.state.records.insert(written.flat.offset, written);
        }
        self.state.end = at.next_offset;
        at.base_offset
    }

    fn append(&mut self) {
        let bytes = self.fill(BatchBuilder::new());
        self.write(&bytes);
    }

    fn append_in_transaction(&mut self) {
        let id = 1 + self.random.below(2) as i64;
        let known = self.log().producers().into_iter().find(|one| one.producer_id == id);
        let sequence = known.map_or(0, |one| one.last_sequence + 1);
        let builder = BatchBuilder::new().producer(id, 0, sequence).transactional(true);
        let bytes = self.fill(builder);
        let base = self.write(&bytes);
        self.state.open.entry(id).or_insert(base);
    }

    fn end_transaction(&mut self) {
        let id = 1 + self.random.below(2) as i64;
        let Some(first) = self.state.open.remove(&id) else { return };
        let abort = self.random.one_in(2);
        let marker = self.write(&marker(id, 0, 0, !abort));
        self.state.ended.push((first, marker, abort));
        for (_, written) in self.state.records.range_mut(first..marker) {
            written.aborted |= abort && written.flat.producer_id == id;
        }
    }

    fn delete_records(&mut self) {
        let to = self.random.below(self.log().offsets().high_watermark as u64 + 1) as i64;
        self.state.log_start = self.log().delete_records_before(to).unwrap();
        self.known.log_start = self.state.log_start;
    }

    fn truncate(&mut self) {
        let range = (self.state.end - self.state.log_start) as u64;
        let to = self.state.log_start + self.random.below(range + 1) as i64;
        self.before = Some(self.state.clone());
        // The batch that holds the offset goes whole.
        self.unpromise((to - 3).max(0));
        let end = self.log().truncate_to(to).unwrap();
        assert!(end <= to || to >= self.state.end, "to {to}: {end}");
        self.unpromise(end);
        self.state.cut(end);
        self.write_down_after_truncation();
    }

    fn start_over(&mut self) {
        let offset = self.random.below(self.state.end as u64 + 20) as i64;
        self.before = Some(self.state.clone());
        self.unpromise(0);
        self.log().truncate_fully_and_start_at(offset).unwrap();
        self.state = State {
            log_start: offset,
            end: offset,
            has_gaps: self.state.has_gaps,
            ..State::default()
        };
        self.write_down_after_truncation();
        self.known.log_start = offset;
    }

    /// As whoever truncates a log must before he appends.
    fn write_down_after_truncation(&mut self) {
        let (known, end) = (&mut self.known, self.state.end);
        known.recovery_point = known.recovery_point.min(end);
        known.log_start = known.log_start.min(end);
        known.checkpoint = known.checkpoint.map(|at| at.min(end));
        self.state.log_start = self.log().offsets().log_start;
    }

    fn clean(&mut self) {
        let cleanable = self.log().cleanable(self.known.checkpoint, self.now_ms).unwrap();
        self.state.may_be_cleaned(cleanable.end, self.config.delete_retention_ms == 0);
        let cleaned = self.log().clean(&cleanable, LIMITS, self.now_ms, &mut on).unwrap();
        self.known.checkpoint = Some(cleaned.up_to);
        if self.random.one_in(2) {
            self.log().delete_segments_below_log_start(self.now_ms).unwrap();
        }
    }

    fn retain(&mut self) {
        self.log().delete_old_segments(self.now_ms).unwrap();
        self.state.log_start = self.log().offsets().log_start;
        // The broker writes it down some time.
        if self.random.one_in(2) {
            self.known.log_start = self.state.log_start;
        }
    }

    fn reopen(&mut self, how: Recovery) {
        if how == Recovery::Clean {
            self.log().close().unwrap();
            self.promise(self.state.end);
            self.known.recovery_point = self.log().recovery_point();
        }
        self.log = None;
        let dir = self.dir.path().join("data/topic-0");
        let log = self.open(&dir, how);
        self.state.matches(&log, i64::MAX).unwrap();
        self.state.log_start = log.offsets().log_start;
        assert_eq!(log.offsets().log_end, self.state.end);
        self.log = Some(log);
    }

    fn open(&self, dir: &Path, recovery: Recovery) -> Log {
        let Known { recovery_point, log_start, checkpoint } = self.known;
        let opening = Opening {
            recovery_point: Some(recovery_point),
            log_start: Some(log_start),
            compacted: checkpoint.is_some(),
            ..recovery.into()
        };
        let (config, keepers) = (self.config.clone(), self.keepers.clone());
        let log = Log::open(dir.to_owned(), config, opening, keepers).unwrap().0;
        log.advance_high_watermark(log.offsets().log_end);
        log
    }
}

impl State {
    /// Nothing is left from `end` on.
    fn cut(&mut self, end: i64) {
        self.end = self.end.min(end);
        self.records.split_off(&end);
        let (kept, gone): (Vec<_>, Vec<_>) =
            self.ended.iter().partition(|&&(_, marker, _)| marker < end);
        self.ended = kept;
        self.open.retain(|_, first| *first < end);
        for (first, ..) in gone {
            // Open again.
            let Some(id) = self.records.get(&first).map(|one| one.flat.producer_id) else {
                continue;
            };
            self.open.insert(id, first);
            let own = self.records.range_mut(first..).filter(|(_, one)| one.flat.producer_id == id);
            own.for_each(|(_, one)| one.aborted = false);
        }
    }

    /// A round of cleaning up to this offset begins.
    fn may_be_cleaned(&mut self, end: i64, tombstones: bool) {
        let mut later: HashMap<Vec<u8>, ()> = HashMap::new();
        for (_, Written { flat, aborted, may_go }) in self.records.range_mut(..end).rev() {
            let is_tombstone = flat.value.is_none() && tombstones;
            let key = flat.key.clone().unwrap_or_default();
            *may_go |= flat.control || *aborted || is_tombstone || later.contains_key(&key);
            if !flat.control && !*aborted {
                later.insert(key, ());
            }
        }
    }

    /// Whether this log can be what is left of it.
    fn matches(&self, log: &Log, promised: i64) -> Result<(), String> {
        let offsets = log.offsets();
        if offsets.log_end == offsets.log_start && self.log_start >= offsets.log_end {
            return Ok(());
        }
        if offsets.log_end > self.end || offsets.log_start > self.log_start.max(offsets.log_end) {
            return Err(format!("{offsets:?}, written from {} to {}", self.log_start, self.end));
        }
        let left = records(log);
        let there: BTreeMap<i64, &Flat> = left.iter().map(|flat| (flat.offset, flat)).collect();
        for (offset, flat) in &there {
            if self.records.get(offset).map(|written| &written.flat) != Some(*flat) {
                return Err(format!("nobody has written this at {offset}"));
            }
        }
        for (offset, written) in self.records.range(offsets.log_start..offsets.log_end) {
            // Where there may be gaps, the lost end of a file that was not flushed looks like one.
            let is_promised = *offset < promised || !self.has_gaps;
            if is_promised && !written.may_go && !there.contains_key(offset) {
                return Err(format!("{offset} is lost, {offsets:?}"));
            }
        }
        self.no_value_is_back(&there, offsets.log_end)?;
        self.aborted_are_told(log, &there)
    }

    /// Where a deletion is gone, what it deleted is gone too.
    fn no_value_is_back(&self, there: &BTreeMap<i64, &Flat>, end: i64) -> Result<(), String> {
        let mut last: HashMap<&[u8], &Flat> = HashMap::new();
        let stays = |one: &&Written| !one.flat.control && !one.aborted;
        for written in self.records.range(..end).map(|(_, written)| written).filter(stays) {
            last.insert(written.flat.key.as_deref().unwrap_or_default(), &written.flat);
        }
        let gone = last.iter().filter(|(_, flat)| {
            let was_cleaned = self.records[&flat.offset].may_go;
            flat.value.is_none() && was_cleaned && !there.contains_key(&flat.offset)
        });
        for (key, deletion) in gone {
            let mut before = there.values().filter(|flat| flat.offset < deletion.offset);
            let visible = |flat: &&&Flat| {
                flat.key.as_deref() == Some(*key) && !self.records[&flat.offset].aborted
            };
            if let Some(back) = before.find(visible) {
                return Err(format!("{} is back, deleted by {}", back.offset, deletion.offset));
            }
        }
        Ok(())
    }

    /// A consumer is told of every aborted transaction that it has records of, and of no other.
    fn aborted_are_told(&self, log: &Log, there: &BTreeMap<i64, &Flat>) -> Result<(), String> {
        let offsets = log.offsets();
        let mut told = Vec::new();
        let mut at = offsets.log_start;
        while let Ok(read) = log.read(at, 300, true, Bound::LastStable) {
            let Some(range) = &read.range else { break };
            told.extend(read.aborted.iter().map(|txn| (txn.first_offset, txn.last_offset)));
            let batches = split(range.bytes().unwrap());
            at = header(batches.last().unwrap()).next_offset();
        }
        // Made anew from a compacted log, it may begin where the first of its records is that is left.
        let is_one = |&(first, end): &(i64, i64)| {
            self.ended.iter().any(|txn| txn.0 <= first && txn.1 == end && txn.2)
        };
        if let Some(wrong) = told.iter().find(|txn| !is_one(txn)) {
            return Err(format!("{wrong:?} was not aborted: {:?}", self.ended));
        }
        let stable = self.ended.iter().filter(|txn| txn.2 && txn.1 < offsets.last_stable);
        for &(first, end, _) in stable.filter(|txn| txn.1 > offsets.log_start) {
            let mut left = there.range(first.max(offsets.log_start)..end);
            let id = self.records.get(&first).map(|one| one.flat.producer_id);
            let is_of_it = |flat: &Flat| Some(flat.producer_id) == id && !flat.control;
            let Some((shown, _)) = left.find(|(_, flat)| is_of_it(flat)) else { continue };
            if !told.iter().any(|txn| txn.0 <= *shown && txn.1 == end) {
                return Err(format!("that {first} to {end} was aborted is forgotten: {told:?}"));
            }
        }
        Ok(())
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    let steps = world.random.below(STEPS) + 1;
    for _ in 0..steps {
        let known = world.known;
        world.before = None;
        world.step();
        if world.disk.is_cut() {
            // In the middle of the step: what it has written down may not be there.
            world.known = known;
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
        let before = world.before.as_ref().map(|before| before.end);
        println!("promised {promised}, {:?}", files(&dir));
        println!("{:?}, ends at {}, before {before:?}", world.known, world.state.end);
    }
    let log = world.open(&dir, Recovery::Unclean);
    let offsets = log.offsets();
    let is_cut_down = world.before.is_some() && world.known.log_start >= world.state.end;
    assert!(offsets.log_end >= promised, "flushed up to {promised}, left {offsets:?}");
    let outcome = world.state.matches(&log, promised).or_else(|why| match &world.before {
        Some(before) => {
            before.matches(&log, promised).map_err(|other| format!("{why}; or {other}"))
        }
        None => Err(why),
    });
    if !is_cut_down || offsets.log_start < offsets.log_end {
        outcome.unwrap();
    }
    // It goes on from here.
    let left = records(&log);
    let appended = append(&log, &batch(2, 30, 1));
    assert_eq!(appended.base_offset, offsets.log_end);
    assert_eq!(log.flush().unwrap(), appended.next_offset);
    log.close().unwrap();
    drop(log);
    let log = world.open(&dir, Recovery::Clean);
    assert_eq!(records(&log)[..left.len()], left);
    let cleanable = log.cleanable(world.known.checkpoint, world.now_ms).unwrap();
    log.clean(&cleanable, LIMITS, world.now_ms, &mut on).unwrap();
}

#[test]
fn upkeep_survives_a_power_cut() {
    each_seed(SEEDS, run);
}
