//! A log and its model, and the steps that are taken with both.

use crate::log_support::*;
use crate::model::{Model, ModelBatch, Rule, Sender};
use barnabas::config::{CleanupPolicy, TopicConfig};
use barnabas::log::{AppendError, Appended, Bound, Log, Recovery};
use barnabas::wire::records::{BatchBuilder, Codec};
use std::sync::Arc;

const CODECS: [Codec; 8] = [
    Codec::None,
    Codec::None,
    Codec::None,
    Codec::None,
    Codec::Gzip,
    Codec::Snappy,
    Codec::Lz4,
    Codec::Zstd,
];
/// Producers without transactions, and with.
const IDEMPOTENT: [i64; 3] = [100, 101, 102];
const TRANSACTIONAL: [i64; 3] = [200, 201, 202];
/// Timestamps are below it.
pub const TIMES: u64 = 10_000;

pub struct World {
    pub dir: TempDir,
    pub random: Random,
    pub config: Arc<TopicConfig>,
    /// `None` only while it is opened again.
    log: Option<Log>,
    pub model: Model,
    pub epoch: i32,
    /// Up to here the log was cleaned, as its broker knows.
    pub checkpoint: Option<i64>,
    /// The cleaner's clock.
    pub now_ms: i64,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let dir = TempDir::in_memory("model");
        let config = random_config(&mut random);
        let log = Some(create(&dir.partition(), &config));
        World {
            dir,
            random,
            config,
            log,
            model: Model::default(),
            epoch: 0,
            checkpoint: None,
            now_ms: 20_000,
        }
    }

    pub fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    /// One step, and what must be so after any.
    pub fn step(&mut self) {
        match self.random.below(104) {
            0..20 => self.append(),
            20..32 => self.append_idempotent(),
            32..42 => self.append_transactional(),
            42..52 => self.advance(),
            52..64 => self.read(),
            64..68 => self.bytes_from(),
            68..73 => self.look_up_time(),
            73..76 => self.delete_records(),
            76..80 => self.retain(),
            80..83 => self.truncate(),
            83 => self.start_over(),
            84..88 => self.reopen(),
            88..90 => self.epoch += 1,
            90..92 => self.change_settings(),
            92..94 => assert!(self.log().flush().unwrap() >= self.model.end),
            94..97 => self.look_up_epoch(),
            100.. => self.clean(),
            _ => self.compare(),
        }
        let (offsets, model) = (self.log().offsets(), &self.model);
        assert_eq!((offsets.log_start, offsets.log_end), (model.log_start, model.end));
        assert_eq!(offsets.high_watermark, model.high_watermark);
        if model.high_watermark >= model.stable_from {
            assert_eq!(offsets.last_stable, model.last_stable());
        }
    }

    /// The offsets at which segments begin, by their files.
    pub fn bases(&self) -> Vec<i64> {
        let names = files(&self.dir.partition());
        names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect()
    }

    pub fn any_offset(&mut self) -> i64 {
        self.random.below(self.model.end as u64 + 3) as i64 - 1
    }

    /// A batch of some records, and their timestamps.
    fn batch(&mut self, builder: BatchBuilder) -> (Vec<u8>, Vec<i64>) {
        let mut builder = builder.codec(CODECS[self.random.below(8) as usize]);
        let count = 1 + self.random.below(6);
        let size = self.random.below(400) as usize;
        let time = self.random.below(TIMES - 50) as i64;
        let mut timestamps = Vec::new();
        for _ in 0..count {
            let timestamp = time + self.random.below(50) as i64;
            timestamps.push(timestamp);
            let key = self.random.below(20).to_be_bytes();
            let value = vec![b'v'; size];
            let value = if self.random.one_in(6) { None } else { Some(value.as_slice()) };
            builder.append(timestamp, Some(&key), value, &[]);
        }
        (builder.finish(), timestamps)
    }

    fn taken(&mut self, bytes: &[u8], timestamps: Vec<i64>, sender: Option<Sender>, at: Appended) {
        let base = self.model.end;
        assert_eq!((at.base_offset, at.duplicate), (base, false));
        assert_eq!(at.next_offset, base + timestamps.len() as i64);
        assert_eq!(at.log_start_offset, self.model.log_start);
        let bytes = stored(bytes, base, self.epoch);
        let records = (base..).zip(timestamps).collect();
        self.model.push(ModelBatch { bytes, base, records, sender }, self.epoch);
    }

    fn append(&mut self) {
        let (bytes, timestamps) = self.batch(BatchBuilder::new());
        let appended = self.log().append(&validated(&bytes), self.epoch, 1_000).unwrap();
        self.taken(&bytes, timestamps, None, appended);
    }

    fn append_idempotent(&mut self) {
        let id = IDEMPOTENT[self.random.below(3) as usize];
        self.append_of(id, false);
    }

    /// A batch of a producer: the next one, one in a new epoch, its last one again, or one too far.
    fn append_of(&mut self, id: i64, transactional: bool) {
        let known = self.model.producers().get(&id).copied();
        let (epoch, next) = known
            .map_or((0, 0), |known| (known.epoch, known.last.map_or(0, |(_, _, last)| last + 1)));
        let (epoch, sequence) = match self.random.below(8) {
            0 if known.is_some() => return self.refused(id, epoch, next + 1, transactional),
            1 if known.is_some() => return self.repeat(id, transactional),
            2 if !transactional => (epoch + 1, 0),
            _ => (epoch, next),
        };
        let builder =
            BatchBuilder::new().producer(id, epoch, sequence).transactional(transactional);
        let (bytes, timestamps) = self.batch(builder);
        let appended = self.log().append(&validated(&bytes), self.epoch, 1_000).unwrap();
        let sender = Sender { id, epoch, transactional, marker: None };
        self.taken(&bytes, timestamps, Some(sender), appended);
    }

    fn refused(&mut self, id: i64, epoch: i16, sequence: i32, transactional: bool) {
        let epoch = if self.random.one_in(2) { epoch } else { epoch - 1 };
        if epoch < 0 {
            return;
        }
        let builder =
            BatchBuilder::new().producer(id, epoch, sequence).transactional(transactional);
        let (bytes, _) = self.batch(builder);
        match self.log().append(&validated(&bytes), self.epoch, 1_000) {
            Err(AppendError::OutOfOrderSequence { .. }) => {
                assert_eq!(epoch, self.model.producers()[&id].epoch);
            }
            Err(AppendError::InvalidProducerEpoch { .. }) => {
                assert!(epoch < self.model.producers()[&id].epoch);
            }
            other => panic!("{other:?}"),
        }
    }

    fn repeat(&mut self, id: i64, transactional: bool) {
        let known = self.model.producers()[&id];
        let Some((base, first, last)) = known.last else { return };
        let builder = BatchBuilder::new().producer(id, known.epoch, first);
        let mut builder = builder.transactional(transactional);
        for _ in first..=last {
            builder.append(1, None, Some(b"again"), &[]);
        }
        let bytes = builder.finish();
        let appended = self.log().append(&validated(&bytes), self.epoch, 1_000).unwrap();
        assert_eq!((appended.duplicate, appended.base_offset), (true, base));
    }

    fn append_transactional(&mut self) {
        let id = TRANSACTIONAL[self.random.below(3) as usize];
        let known = self.model.producers().get(&id).copied();
        let open = known.filter(|known| known.transaction.is_some());
        match open.filter(|_| self.random.one_in(3)) {
            Some(known) => {
                let raised = i16::from(self.random.one_in(2));
                self.append_marker(id, known.epoch + raised, known.coordinator_epoch.max(0));
            }
            None => self.append_of(id, true),
        }
    }

    fn append_marker(&mut self, id: i64, epoch: i16, coordinator_epoch: i32) {
        let commit = self.random.one_in(2);
        let time = self.random.below(TIMES) as i64;
        let builder = BatchBuilder::new().producer(id, epoch, -1);
        let mut builder = builder.transactional(true).control(true);
        let key = [0, 0, 0, u8::from(commit)];
        let value = [&[0, 0][..], &coordinator_epoch.to_be_bytes()].concat();
        builder.append(time, Some(&key), Some(&value), &[]);
        let bytes = builder.finish();
        let appended = self.log().append_internal(&bytes, self.epoch).unwrap();
        let sender =
            Sender { id, epoch, transactional: true, marker: Some((coordinator_epoch, commit)) };
        self.taken(&bytes, vec![time], Some(sender), appended);
    }

    fn advance(&mut self) {
        // Any offset, also inside of a batch, also backwards or too far.
        let to = self.any_offset() + 1;
        self.log().advance_high_watermark(to);
        let model = &mut self.model;
        model.high_watermark = model.high_watermark.max(to.min(model.end));
    }

    fn delete_records(&mut self) {
        let to = self.any_offset();
        match self.log().delete_records_before(to) {
            Ok(start) => {
                assert!(to <= self.model.high_watermark);
                self.model.log_start = self.model.log_start.max(to);
                assert_eq!(start, self.model.log_start);
            }
            Err(error) => assert!(to > self.model.high_watermark, "{error}"),
        }
    }

    /// Retention by some limits; often by none but the log start.
    fn retain(&mut self) {
        let now = 5_000 + self.random.below(TIMES) as i64;
        let limit = |random: &mut Random, below| match random.below(3) {
            0 => random.below(below) as i64,
            _ => -1,
        };
        let bytes = limit(&mut self.random, 20_000);
        let ms = limit(&mut self.random, TIMES);
        let delete = !self.random.one_in(4);
        let mut config = (*self.config).clone();
        (config.retention_bytes, config.retention_ms) = (bytes, ms);
        config.cleanup_policy = CleanupPolicy { delete, compact: self.random.one_in(2) };
        self.log().set_config(Arc::new(config));
        let before = self.bases();
        let deleted = self.log().delete_old_segments(now).unwrap();
        self.log().set_config(self.config.clone());
        let mut bases = self.model.retain(before.clone(), Rule::LogStart);
        if delete && bytes >= 0 {
            bases = self.model.retain(bases, Rule::Bytes(bytes));
        }
        if delete && ms >= 0 {
            bases = self.model.retain(bases, Rule::Age { now, limit: ms });
        }
        assert_eq!(self.bases(), bases, "of {before:?}");
        let gone = before.iter().filter(|base| !bases.contains(base)).count();
        assert_eq!(deleted.segments, gone);
    }

    fn truncate(&mut self) {
        let to = self.any_offset().max(0);
        let held = self.log().read(self.model.log_start, 1 << 20, true, Bound::LogEnd).unwrap();
        let held = held.range.map(|range| (range.bytes().unwrap().to_vec(), range));
        match self.bases().into_iter().rfind(|&base| base <= to) {
            None => self.model.start_over(to),
            Some(base) => self.model.truncate(to, base),
        }
        assert_eq!(self.log().truncate_to(to).unwrap(), self.model.end, "to {to}");
        self.note_end();
        if self.model.cleaned > 0 && !self.knows_producers() {
            // What they did last is gone and what they did before was compacted: what is known of them
            // depends on which snapshots there are.
            self.compare_records();
            return self.begin_anew();
        }
        self.append();
        if let Some((before, range)) = held {
            assert!(range.bytes().unwrap() == before, "what a reader holds does not change");
        }
        self.compare();
    }

    fn start_over(&mut self) {
        if self.random.one_in(5) {
            self.begin_anew();
        }
    }

    fn begin_anew(&mut self) {
        let offset = self.random.below(self.model.end as u64 + 100) as i64;
        self.log().truncate_fully_and_start_at(offset).unwrap();
        self.model.start_over(offset);
        self.note_end();
        assert_eq!(self.bases(), [offset]);
        self.compare();
    }

    fn reopen(&mut self) {
        let clean = self.random.one_in(2);
        if clean {
            self.log().close().unwrap();
            self.log().close().unwrap();
        }
        let flushed = self.log().flushed_offset();
        assert!(!clean || flushed == self.model.end, "a log that is closed is on the disk");
        // A crash is like a drop without a close: the page cache has everything.
        self.log = None;
        let how = if clean { Recovery::Clean } else { Recovery::Unclean };
        self.config = random_config(&mut self.random);
        let mut opening = beginning_at(how, self.model.log_start);
        opening.recovery_point = Some(flushed);
        opening.compacted = self.checkpoint.is_some();
        let (log, report) = open(&self.dir.partition(), &self.config, opening);
        assert!(!report.has_losses() && report.checked != clean, "{report:?}");
        assert_eq!(log.offsets().high_watermark, self.model.log_start);
        if self.model.unreplicated_end().is_some() {
            self.model.high_watermark = self.model.end;
        }
        log.advance_high_watermark(self.model.high_watermark);
        self.model.forgets |= self.model.cleaned > 0;
        self.log = Some(log);
        self.compare();
    }

    /// Who truncates a log sees to it that nobody takes for clean what is appended then.
    fn note_end(&mut self) {
        self.checkpoint = self.checkpoint.map(|at| at.min(self.model.end));
    }

    fn change_settings(&mut self) {
        self.config = random_config(&mut self.random);
        self.log().set_config(self.config.clone());
    }
}

fn random_config(random: &mut Random) -> Arc<TopicConfig> {
    let segment_bytes = [3_000, 5_000, 20_000, 1 << 20][random.below(4) as usize];
    let interval = [0, 200, 1_000, 4_096][random.below(4) as usize];
    let index = [64, 800, 1 << 20][random.below(3) as usize];
    Arc::new(TopicConfig {
        segment_index_bytes: index,
        file_delete_delay_ms: [0, 60_000][random.below(2) as usize],
        delete_retention_ms: [0, 1_000, i64::MAX / 4][random.below(3) as usize],
        ..(*config(segment_bytes, interval)).clone()
    })
}
