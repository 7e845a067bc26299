//! What a broker still knows after a clean stop, after a kill, and after kills under load.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use barnabas::wire::records::{Batch, Codec};
use broker_support::*;
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that a client can ask a broker about its topics.
#[derive(Debug, PartialEq)]
struct State {
    cluster: ClusterInfo,
    configs: BTreeMap<String, BTreeMap<String, (Option<String>, i8)>>,
    logs: BTreeMap<(String, i32), LogState>,
}

/// Log start, end, producers and all bytes of a partition.
type LogState = (i64, i64, Vec<ProducerInfo>, Vec<u8>);

fn state(client: &mut Client) -> State {
    let mut cluster = client.cluster();
    // The port is another one after each start.
    cluster.brokers.iter_mut().for_each(|broker| broker.2 = 0);
    let (mut configs, mut logs) = (BTreeMap::new(), BTreeMap::new());
    for (name, topic) in &cluster.topics {
        configs.insert(name.clone(), client.topic_configs(name));
        for index in 0..topic.epochs.len() as i32 {
            let at = (name.as_str(), index);
            let (start, end) = (client.offset(at, -2), client.offset(at, -1));
            let log = (start, end, client.producers(at), client.fetch_all(at));
            logs.insert((name.clone(), index), log);
        }
    }
    State { cluster, configs, logs }
}

/// What `furnish` leaves for later: an idempotent producer in partition 1 of `kept` that has sent
/// batches of three records with sequences 0, 3 and 6, at these offsets.
struct Furnished {
    producer: i64,
    offsets: [i64; 3],
}

/// Fills a broker with one of everything.
fn furnish(client: &mut Client) -> Furnished {
    client.create_with("kept", 3, &[("retention.ms", "-1"), ("max.message.bytes", "200000")]);
    client.create_with("appended", 1, &[("message.timestamp.type", "LogAppendTime")]);
    // Small segments, so that there are several.
    client.create_with("rolled", 1, &[("segment.bytes", "1048576")]);
    client.create("doomed", 2);
    client.create("again", 1);
    let codecs = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    for (seed, codec) in (1..).zip(codecs) {
        client.append(("kept", 0), &compressed(codec, seed, 20, 300));
        client.append(("appended", 0), &compressed(codec, seed, 5, 30));
    }
    for seed in 0..30 {
        client.append(("rolled", 0), &batch(seed, 10, 10_000));
    }
    let (producer, epoch) = client.producer_id();
    let send = |n: i32| sequenced(producer, epoch, 3 * n, n as u64, 3, 40);
    let offsets = [0, 1, 2].map(|n| client.append(("kept", 1), &send(n)));
    assert_eq!(client.delete_records(("kept", 0), 50), 50);
    for name in ["doomed", "again"] {
        client.append((name, 0), &batch(9, 10, 100));
        client.delete(name);
    }
    client.create("again", 2);
    Furnished { producer, offsets }
}

/// An idempotent producer that goes on where it was: so many of its last batches are known, a gap is
/// not let through, the next batch is.
fn assert_producer_goes_on(client: &mut Client, furnished: &Furnished, known: usize) {
    let at = ("kept", 1);
    let send = |n: i32| sequenced(furnished.producer, 0, 3 * n, n as u64, 3, 40);
    let end = client.offset(at, -1);
    for (n, offset) in (0..).zip(furnished.offsets).skip(furnished.offsets.len() - known) {
        let again = client.produce(at, &send(n));
        assert_eq!((again.code, again.base_offset), (ErrorCode::NONE, offset), "a duplicate");
    }
    assert_eq!(client.offset(at, -1), end, "duplicates are not stored");
    assert_eq!(client.produce(at, &send(4)).code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(client.append(at, &send(3)), end);
    let (other, _) = client.producer_id();
    assert!(other > furnished.producer, "an id is never given twice: {other}");
}

#[test]
fn everything_survives_a_clean_stop() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &[]);
    let mut client = broker.client();
    let furnished = furnish(&mut client);
    let before = state(&mut client);
    assert_eq!(before.logs[&("kept".to_owned(), 0)].0, 50, "the log start is moved");
    assert!(!before.cluster.topics.contains_key("doomed"));
    broker.stop_cleanly();
    for _ in 0..2 {
        let broker = Broker::start(&dir.join("data"), &[]);
        assert_eq!(state(&mut broker.client()), before, "leader epochs too");
        broker.stop_cleanly();
    }
    let broker = Broker::start(&dir.join("data"), &[]);
    // Kafka's producer snapshot, which a clean stop leaves, holds a producer's last batch.
    assert_producer_goes_on(&mut broker.client(), &furnished, 1);
    assert_no_strays(&dir.join("data"), &broker.client().cluster());
    broker.stop_cleanly();
}

#[test]
fn everything_survives_a_kill_and_the_leader_epochs_grow() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &[]);
    let mut client = broker.client();
    let furnished = furnish(&mut client);
    let mut before = state(&mut client);
    broker.kill();
    for _ in 0..2 {
        let broker = Broker::start(&dir.join("data"), &[]);
        for topic in before.cluster.topics.values_mut() {
            topic.epochs.iter_mut().for_each(|epoch| *epoch += 1);
        }
        assert_eq!(state(&mut broker.client()), before);
        broker.kill();
    }
    let broker = Broker::start(&dir.join("data"), &[]);
    let mut client = broker.client();
    assert_producer_goes_on(&mut client, &furnished, 3);
    assert_no_strays(&dir.join("data"), &client.cluster());
    assert_eq!(client.topic_configs("kept")["retention.ms"], (Some("-1".to_owned()), 1));
    broker.stop_cleanly();
}

#[test]
fn epochs_tell_where_each_leader_ended() {
    let dir = TempDir::new();
    let at = ("t", 0);
    let mut expected = Vec::new();
    for epoch in 0..3 {
        let broker = Broker::start(&dir.join("data"), &[]);
        if epoch == 0 {
            broker.client().create("t", 1);
        }
        // A clean stop in between changes nothing, neither now nor for the kill that follows.
        broker.stop_cleanly();
        let broker = Broker::start(&dir.join("data"), &[]);
        let mut client = broker.client();
        assert_eq!(client.cluster().topics["t"].epochs, [epoch]);
        let batch = batch(epoch as u64, 4, 50);
        let offset = client.append(at, &batch);
        assert_eq!(offset, i64::from(epoch) * 4);
        expected.extend(stored(&batch, offset, epoch));
        assert_eq!(client.fetch_all(at), expected, "each batch bears the epoch of its leader");
        for earlier in 0..=epoch {
            assert_eq!(client.end_of_epoch(at, earlier), (earlier, i64::from(earlier + 1) * 4));
        }
        broker.kill();
    }
}

/// Clients compare what they have seen with the epoch of the leader: one that forgot where its own
/// epoch begins would tell them that they are ahead of the log.
#[test]
fn the_leaders_epoch_is_known_before_anything_is_written_in_it() {
    let dir = TempDir::new();
    let at = ("t", 0);
    let broker = Broker::start(&dir.join("data"), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    assert_eq!(client.end_of_epoch(at, 0), (0, 0), "of an empty log");
    client.append(at, &batch(1, 4, 50));
    broker.kill();
    // Epoch 1 begins, and the stops after that are clean: it is not noted on any of them.
    for start in ["after a kill", "after a stop", "after another stop"] {
        let broker = Broker::start(&dir.join("data"), &[]);
        let mut client = broker.client();
        assert_eq!(client.cluster().topics["t"].epochs, [1], "{start}");
        assert_eq!(client.end_of_epoch(at, 0), (0, 4), "{start}");
        assert_eq!(client.end_of_epoch(at, 1), (1, 4), "{start}");
        assert_eq!(client.end_of_epoch(at, 2), (-1, -1), "{start}: there is no such leader");
        broker.stop_cleanly();
    }
    let broker = Broker::start(&dir.join("data"), &[]);
    let mut client = broker.client();
    client.append(at, &batch(2, 4, 50));
    assert_eq!(client.end_of_epoch(at, 0), (0, 4));
    assert_eq!(client.end_of_epoch(at, 1), (1, 8));
    broker.stop_cleanly();
}

/// Directories of the data directory that no partition owns.
fn assert_no_strays(data: &Path, cluster: &ClusterInfo) {
    let mut expected = vec!["__cluster_metadata-0".to_owned()];
    for (name, topic) in &cluster.topics {
        expected.extend((0..topic.epochs.len()).map(|index| format!("{name}-{index}")));
    }
    expected.sort();
    let mut found = names(data);
    // What was deleted a moment ago is removed later.
    found.retain(|name| data.join(name).is_dir() && !name.ends_with("-delete"));
    assert_eq!(found, expected);
}

const PARTITIONS: i32 = 3;
/// How often the broker is killed.
const KILLS: i32 = 200;
/// What an idempotent producer may have in flight, and what a broker remembers of it.
const IN_FLIGHT: usize = 5;

/// An idempotent producer on a partition of its own, which never gives up on a batch.
struct Producer {
    partition: i32,
    id: i64,
    /// Batches that were acked, all of them before those that were not.
    acked: usize,
    /// Offsets by batch, from the answers.
    offsets: Vec<i64>,
}

impl Producer {
    /// The batch with this number; batches differ in size, each follows from its number.
    fn batch(&self, n: usize) -> Vec<u8> {
        let seed = n as u64 * 31 + self.partition as u64;
        sequenced(self.id, 0, sequence(n), seed, records(n), 3_000)
    }

    /// Sends until the connection breaks; counts down the shared number of acks until the kill.
    fn run(&mut self, mut client: Client, kill: &dyn Fn()) {
        let at = ("t", self.partition);
        let mut sent = std::collections::VecDeque::new();
        let mut next = self.acked;
        loop {
            while sent.len() < IN_FLIGHT {
                sent.push_back(client.send_produce(at, -1, &self.batch(next)));
                next += 1;
            }
            let Some(answer) = client.try_answer(sent.pop_front().unwrap()) else { return };
            let produced = produced(&answer);
            assert_eq!(produced.code, ErrorCode::NONE, "batch {}: {produced:?}", self.acked);
            self.offsets.push(produced.base_offset);
            self.acked += 1;
            kill();
        }
    }
}

/// How many records batch `n` has: 1, 2, 3, 1, 2, 3, …
fn records(n: usize) -> usize {
    n % 3 + 1
}

/// The sequence number of batch `n`, which is its offset as well: producers are alone.
fn sequence(n: usize) -> i32 {
    (0..n % 3).map(records).sum::<usize>() as i32 + 6 * (n / 3) as i32
}

#[test]
fn nothing_acked_is_lost_or_doubled_by_kills_under_load() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let mut random = Random::new(0xba51);
    let mut broker = Some(Broker::start(&data, &["--workers", "2"]));
    let mut client = broker.as_ref().unwrap().client();
    client.create_with("t", PARTITIONS, &[("segment.bytes", "1048576")]);
    let new = |partition| Producer {
        partition,
        id: client.producer_id().0,
        acked: 0,
        offsets: Vec::new(),
    };
    let mut producers: Vec<Producer> = (0..PARTITIONS).map(new).collect();
    for round in 0..KILLS {
        let running = broker.take().unwrap();
        assert_eq!(running.client().cluster().topics["t"].epochs, [round; PARTITIONS as usize]);
        // The kill comes with one of the acks, at any stage of the requests behind it.
        let left = std::sync::atomic::AtomicI64::new(1 + random.below(100) as i64);
        let kill = || {
            if left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) == 1 {
                running.signal(libc::SIGKILL);
            }
        };
        std::thread::scope(|scope| {
            for producer in &mut producers {
                let client = running.client();
                scope.spawn(|| producer.run(client, &kill));
            }
        });
        assert_eq!(running.ended().code, None, "killed");
        broker = Some(Broker::start(&data, &["--workers", "2"]));
    }
    let broker = broker.unwrap();
    let mut client = broker.client();
    for producer in &producers {
        let files = names(&data.join(format!("t-{}", producer.partition)));
        assert!(files.iter().filter(|name| name.ends_with(".log")).count() > 1, "{files:?}");
        assert_exactly_once(producer, &client.fetch_all(("t", producer.partition)));
    }
    drop(client);
    broker.stop_cleanly();
}

/// Every acked batch is there once and whole, where its answer said; behind them are at most those
/// that were in flight.
fn assert_exactly_once(producer: &Producer, bytes: &[u8]) {
    let found: Vec<Batch<'_>> = batches(bytes);
    assert!(found.len() >= producer.acked, "{} of {} batches", found.len(), producer.acked);
    assert!(found.len() <= producer.acked + IN_FLIGHT, "{} batches too many", found.len());
    for (n, batch) in found.iter().enumerate() {
        assert_eq!(batch.base_offset(), i64::from(sequence(n)), "batch {n}");
        assert!(sent_bytes(batch) == stored(&producer.batch(n), 0, -1), "batch {n} is another");
        assert!(producer.offsets.get(n).is_none_or(|told| *told == batch.base_offset()));
    }
}

/// What an admin client was told about its topics.
#[derive(Default)]
struct Told {
    created: BTreeMap<String, barnabas::wire::uuid::Uuid>,
    deleted: Vec<String>,
    /// The request that got no answer: either outcome is right.
    open: Option<String>,
}

/// Creates and deletes topics until the connection breaks.
fn churn(client: &mut Client, told: &mut Told, next: &mut u32, kill: &dyn Fn()) {
    loop {
        *next += 1;
        let name = format!("t{next}");
        told.open = Some(name.clone());
        let Some(id) = try_create(client, &name) else { return };
        told.created.insert(name, id);
        kill();
        if next.is_multiple_of(2) {
            let name = told.created.keys().next().unwrap().clone();
            told.open = Some(name.clone());
            let sent = client.send_delete(&name);
            if client.try_answer(sent).is_none() {
                return;
            }
            told.created.remove(&name);
            told.deleted.push(name);
            kill();
        }
        told.open = None;
    }
}

fn try_create(client: &mut Client, name: &str) -> Option<barnabas::wire::uuid::Uuid> {
    let sent = client.send_create(name, 2, &[]);
    client.try_answer(sent).map(|answer| created(&answer).unwrap())
}

#[test]
fn topics_are_there_or_not_as_was_answered_before_a_kill() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let mut random = Random::new(7);
    let (mut told, mut next) = (Told::default(), 0);
    for _ in 0..6 {
        let broker = Broker::start(&data, &[]);
        let mut client = broker.client();
        let left = std::cell::Cell::new(5 + random.below(40) as i64);
        let kill = || {
            left.set(left.get() - 1);
            if left.get() == 0 {
                broker.signal(libc::SIGKILL);
            }
        };
        churn(&mut client, &mut told, &mut next, &kill);
        assert_eq!(broker.ended().code, None, "killed");

        let broker = Broker::start(&data, &[]);
        let mut client = broker.client();
        let cluster = client.cluster();
        if let Some(open) = told.open.take() {
            told.created.remove(&open);
            told.deleted.retain(|name| *name != open);
            if let Some(topic) = cluster.topics.get(&open) {
                told.created.insert(open, topic.id);
            }
        }
        let found: BTreeMap<_, _> =
            cluster.topics.iter().map(|(name, topic)| (name.clone(), topic.id)).collect();
        assert_eq!(found, told.created);
        assert_no_strays(&data, &cluster);
        for name in cluster.topics.keys() {
            client.append((name, 1), &batch(1, 1, 10));
        }
        broker.kill();
    }
    assert!(told.deleted.len() > 10 && told.created.len() > 10, "something has happened");
}
