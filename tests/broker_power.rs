//! A broker through power cuts: the topics, records and producer ids that it has promised are there.
//!
//! The broker runs in this process, with all its threads; what it brings to the disk is watched, the
//! cut comes at some sync. `BROKER_POWER_SEED=<n>` tries one seed; threads make no two runs of it
//! quite the same. `BROKER_POWER_SEEDS=<n>` tries more.
#![allow(clippy::unwrap_used)]

mod power_support;
#[path = "log_support/mod.rs"]
mod support;

use barnabas::broker::{Broker, Controller, Place, Shared, WorkerMessage, now_ms};
use barnabas::catalog::{NewTopic, Partition};
use barnabas::config::Config;
use barnabas::log::{Bound, FlushTicket};
use barnabas::net::{Mailbox, Receiver};
use barnabas::wire::records::{Batch, BatchBuilder};
use power_support::Disk;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use support::*;

const SEEDS: u64 = 300;

/// What clients were told: how many records of each topic are safe, and the last producer id.
#[derive(Clone, Debug, Default)]
struct Promise {
    records: BTreeMap<String, i64>,
    producer_id: i64,
}

struct World {
    random: Random,
    data: std::path::PathBuf,
    disk: Arc<Disk<Promise>>,
    broker: Option<(Broker, Receiver<WorkerMessage>)>,
    topics: Vec<String>,
    _dir: TempDir,
}

fn open(data: &Path) -> (Broker, Receiver<WorkerMessage>) {
    let settings = [("log.dirs", data.to_str().unwrap()), ("log.initial.task.delay.ms", "3600000")];
    let config = Arc::new(Config::from_pairs(&settings).unwrap());
    let broker = Broker::open(config, Place::Kept).unwrap();
    let (sender, messages) = Mailbox::for_thread(1 << 16);
    broker.attach(vec![sender], Vec::new());
    (broker, messages)
}

/// Runs a job on the controller thread and waits for what it gives.
fn on_controller<T: Send + 'static>(
    shared: &Shared,
    job: impl FnOnce(&mut Controller) -> T + Send + 'static,
) -> T {
    let (tell, told) = channel();
    shared.on_controller(move |controller| _ = tell.send(job(controller))).unwrap();
    told.recv().unwrap()
}

fn record(topic: &str, offset: i64) -> Vec<u8> {
    let mut batch = BatchBuilder::new();
    batch.append(now_ms(), None, Some(format!("{topic} {offset}").as_bytes()), &[]);
    batch.finish()
}

impl World {
    fn new(seed: u64) -> World {
        let dir = TempDir::in_memory("broker-power");
        let data = dir.path().join("disk/data");
        std::fs::create_dir_all(&data).unwrap();
        let disk = Disk::watch(&dir.path().join("disk"), &dir.path().join("left"));
        let mut random = Random::new(seed);
        if random.one_in(4) {
            // Otherwise at the end.
        } else {
            disk.cut_at(random.below(120), Random::new(seed ^ 5));
        }
        let broker = Some(open(&data));
        World { random, data, disk, broker, topics: Vec::new(), _dir: dir }
    }

    fn shared(&self) -> &Arc<Shared> {
        self.broker.as_ref().unwrap().0.shared()
    }

    fn step(&mut self, number: u64) {
        match self.random.below(100) {
            0..15 => self.create(number),
            15..75 => self.produce(),
            75..85 => self.take_producer_id(),
            85..90 => self.delete(),
            90..95 => self.restart(),
            _ => self.broker.as_ref().unwrap().0.settle(),
        }
    }

    fn create(&mut self, number: u64) {
        let name = format!("topic-{number}");
        let of_controller = name.clone();
        on_controller(self.shared(), move |controller| {
            let configs = vec![("flush.messages", Some("1")), ("segment.bytes", Some("1048576"))];
            let topic = NewTopic {
                name: &of_controller,
                num_partitions: 1,
                replication_factor: 1,
                configs,
                ..NewTopic::default()
            };
            controller.create_topic(&topic, false).unwrap();
        });
        self.topics.push(name);
    }

    fn any_topic(&mut self) -> Option<String> {
        let at = self.random.below(self.topics.len().max(1) as u64) as usize;
        self.topics.get(at).cloned()
    }

    fn produce(&mut self) {
        let Some(name) = self.any_topic() else { return };
        let topic = self.shared().topics.by_name(&name).unwrap();
        let partition = topic.partition(0).unwrap().clone();
        let before = partition.log().unwrap().offsets().log_end;
        let count = 1 + self.random.below(5) as i64;
        let ticket = FlushTicket::new(0, 7);
        for offset in before..before + count {
            let bytes = record(&name, offset);
            let appended = partition.append(&validated(&bytes), now_ms(), |_| {}).unwrap();
            assert_eq!(appended.flush_to, Some(offset + 1));
            partition.await_flush(bytes.len() as u64, Some(ticket.clone()));
        }
        partition.ask_flush();
        if !ticket.settle() {
            let (_, messages) = self.broker.as_mut().unwrap();
            let Some(WorkerMessage::Wake(keys)) = messages.recv() else { panic!("no wake-up") };
            assert_eq!(keys, [7]);
        }
        assert!(partition.is_flushed(before + count));
        assert_eq!(partition.log().unwrap().offsets().high_watermark, before + count);
        self.disk.promised.lock().unwrap().records.insert(name, before + count);
    }

    fn take_producer_id(&mut self) {
        let id = on_controller(self.shared(), |controller| controller.next_producer_id().unwrap());
        let mut promised = self.disk.promised.lock().unwrap();
        assert!(id >= promised.producer_id);
        promised.producer_id = id + 1;
    }

    fn delete(&mut self) {
        let Some(name) = self.any_topic() else { return };
        // Nothing is promised of it from the moment on when its deletion is asked for.
        self.disk.promised.lock().unwrap().records.remove(&name);
        self.topics.retain(|topic| *topic != name);
        let id = self.shared().topics.by_name(&name).unwrap().id;
        on_controller(self.shared(), move |controller| controller.delete_topic(id).unwrap());
    }

    fn restart(&mut self) {
        let (broker, messages) = self.broker.take().unwrap();
        broker.close().unwrap();
        drop(messages);
        self.broker = Some(open(&self.data));
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    for number in 0..30 {
        world.step(number);
        if world.disk.is_cut() {
            break;
        }
    }
    let (left, promise) = world.disk.cut(Random::new(seed ^ 9));
    world.broker = None;
    check(&left.join("data"), &promise);
}

fn check(data: &Path, promise: &Promise) {
    if promise.records.is_empty()
        && promise.producer_id == 0
        && !data.join("meta.properties").exists()
    {
        return; // Nothing was promised yet.
    }
    if std::env::var_os("BROKER_POWER_SEED").is_some() {
        tell(data, promise);
    }
    let (broker, _messages) = open(data);
    let shared = broker.shared();
    for (name, &end) in &promise.records {
        let topic = shared.topics.by_name(name).unwrap_or_else(|| panic!("{name} is gone"));
        check_partition(name, topic.partition(0).unwrap(), end);
    }
    let id = on_controller(shared, |controller| controller.next_producer_id().unwrap());
    assert!(id >= promise.producer_id, "producer id {id} is given out twice");
    broker.close().unwrap();
}

/// For replays: what there is.
fn tell(dir: &Path, promise: &Promise) {
    println!("{promise:?}");
    for name in files(dir) {
        let path = dir.join(name);
        println!("{} {}", path.display(), std::fs::metadata(&path).unwrap().len());
        if path.is_dir() {
            tell(&path, promise);
        }
    }
}

fn check_partition(name: &str, partition: &Partition, end: i64) {
    // A log that is not as its close left it is checked behind the start.
    while partition.log().is_none() {
        assert!(!partition.is_offline(), "{name} is offline");
        std::thread::yield_now();
    }
    let log = partition.log().unwrap();
    let offsets = log.offsets();
    assert!(offsets.log_end >= end, "{name}: {end} promised, {offsets:?} left");
    assert_eq!(offsets.high_watermark, offsets.log_end);
    let mut at = 0;
    for bytes in read_all(log, 0, Bound::HighWatermark) {
        let (batch, _) = Batch::parse(&bytes).unwrap();
        assert_eq!(batch.base_offset(), at);
        let mut room = Vec::new();
        let record = batch.records(&mut room, 0).unwrap().next().unwrap().unwrap();
        assert_eq!(record.value.unwrap(), format!("{name} {at}").as_bytes());
        at += 1;
    }
    assert_eq!(at, offsets.log_end);
}

#[test]
fn what_was_promised_survives_a_power_cut() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seeds = match number("BROKER_POWER_SEED") {
        Some(one) => one..one + 1,
        None => 0..number("BROKER_POWER_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| run(seed));
        assert!(outcome.is_ok(), "replay with BROKER_POWER_SEED={seed}");
    }
}
