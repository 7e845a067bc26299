//! Offsets that transactions commit: pending until a marker comes, then the later record wins. Against a model
//! that knows what Kafka knows, where each record lies, and against the log, also one that was compacted.

use super::super::records;
use super::model::Dice;
use super::*;
use crate::wire::group_records::OffsetCommitValue;
use crate::wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use std::collections::BTreeSet;

/// What lies in the log.
#[derive(Debug, Clone)]
enum Entry {
    Plain(Record),
    Of(i64, Record),
    End(i64, bool),
}

fn record(group: &str, topic: &str, partition: i32, offset: i64, metadata: &str) -> Record {
    let commit_timestamp = START;
    let value =
        OffsetCommitValue { offset, metadata, commit_timestamp, ..OffsetCommitValue::default() };
    records::commit(group, topic, partition, &value)
}

fn take(shard: &mut Shard, at: usize, entry: &Entry) {
    match entry {
        Entry::Plain(record) => shard.replay(&record.key, record.value.as_deref()),
        Entry::Of(producer, record) => {
            let value = record.value.as_deref();
            shard.replay_of_transaction(*producer, at as i64, &record.key, value)
        }
        Entry::End(producer, is_commit) => {
            shard.replay_end_of_transaction(*producer, *is_commit);
            Ok(())
        }
    }
    .unwrap();
}

/// As the loader does: entries keep their offsets.
fn loaded<'e>(log: impl Iterator<Item = (usize, &'e Entry)>) -> Shard {
    let mut shard = Shard::new();
    log.for_each(|(at, entry)| take(&mut shard, at, entry));
    shard.check();
    shard
}

impl Bench {
    fn begin(&mut self, producer: i64, at: i64, (topic, partition): (&str, i32), offset: i64) {
        let Record { key, value } = record("g", topic, partition, offset, "");
        let value = value.as_deref();
        self.shard.replay_of_transaction(producer, at, &key, value).unwrap();
        self.shard.check();
    }

    fn stable(&self, topic: &str, partition: i32) -> Result<Option<i64>, ErrorCode> {
        let fetched = self.shard.fetch("g", (None, -1), true).unwrap();
        let found = fetched.get(topic, Uuid::ZERO, partition)?;
        Ok(found.map(|found| found.offset))
    }
}

const UNSTABLE: Result<Option<i64>, ErrorCode> = Err(ErrorCode::UNSTABLE_OFFSET_COMMIT);

#[test]
fn an_offset_of_a_transaction_counts_with_its_commit_and_never_after_an_abort() {
    let mut bench = Bench::new();
    bench.commit("g", "a", &[(0, 5)]);
    bench.begin(7, 10, ("a", 0), 9);
    bench.begin(8, 11, ("a", 1), 3);
    assert_eq!(bench.stable("a", 0), UNSTABLE);
    assert_eq!((bench.stable("a", 1), bench.stable("a", 2)), (UNSTABLE, Ok(None)));
    assert_eq!((bench.offset("g", "a", 0), bench.offset("g", "a", 1)), (Some(5), None));
    assert!(bench.shard.member_bytes() > 0, "it takes memory");
    bench.shard.replay_end_of_transaction(8, false);
    assert_eq!((bench.stable("a", 0), bench.stable("a", 1)), (UNSTABLE, Ok(None)));
    bench.shard.replay_end_of_transaction(7, true);
    bench.shard.replay_end_of_transaction(7, true);
    assert_eq!(bench.stable("a", 0), Ok(Some(9)));
    assert_eq!(bench.shard.member_bytes(), 0);
}

#[test]
fn a_later_record_is_not_undone_by_an_earlier_one_whose_marker_comes_late() {
    let mut bench = Bench::new();
    bench.begin(7, 10, ("a", 0), 1);
    bench.begin(8, 11, ("a", 0), 2);
    bench.begin(9, 12, ("a", 0), 3);
    bench.shard.replay_end_of_transaction(8, true);
    assert_eq!((bench.offset("g", "a", 0), bench.stable("a", 0)), (Some(2), UNSTABLE));
    bench.shard.replay_end_of_transaction(7, true);
    assert_eq!(bench.offset("g", "a", 0), Some(2));
    bench.commit("g", "a", &[(0, 4)]);
    bench.shard.replay_end_of_transaction(9, true);
    assert_eq!(bench.stable("a", 0), Ok(Some(4)));
}

#[test]
fn a_group_that_waits_for_a_transaction_neither_expires_nor_ends() {
    let mut bench = Bench::new();
    bench.commit("g", "a", &[(0, 5), (1, 5)]);
    bench.begin(7, 10, ("a", 1), 6);
    bench.begin(7, 11, ("b", 0), 6);
    bench.pass(2 * RETENTION);
    assert_eq!((bench.offset("g", "a", 0), bench.offset("g", "a", 1)), (None, Some(5)));
    assert_eq!(bench.state("g"), Some("Empty"));
    bench.shard.replay_end_of_transaction(7, false);
    bench.pass(2 * INTERVAL);
    assert_eq!((bench.offset("g", "a", 1), bench.state("g")), (None, None));
    // One whose own offsets are on their way out.
    bench.commit("g", "a", &[(0, 5)]);
    bench.begin(9, 12, ("b", 0), 6);
    bench.pass(RETENTION + INTERVAL);
    assert_eq!((bench.offset("g", "a", 0), bench.state("g")), (None, Some("Empty")));
    bench.shard.replay_end_of_transaction(9, false);
    bench.commit("h", "a", &[(0, 1)]);
    bench.pass(RETENTION + 2 * INTERVAL);
    assert_eq!(bench.state("g"), None);
    // One that has nothing else.
    bench.begin(8, 12, ("a", 0), 6);
    bench.pass(2 * RETENTION);
    assert_eq!(bench.state("g"), Some("Empty"));
    bench.shard.replay_end_of_transaction(8, false);
    bench.commit("h", "a", &[(0, 1)]);
    bench.pass(2 * INTERVAL);
    assert_eq!(bench.state("g"), None);
}

#[test]
fn who_deletes_a_group_an_offset_or_a_topic_deletes_what_is_pending_too() {
    let mut bench = Bench::new();
    bench.begin(7, 10, ("a", 0), 6);
    bench.begin(7, 11, ("a", 1), 6);
    bench.begin(7, 12, ("b", 0), 6);
    bench.begin(8, 13, ("b", 1), 6);
    let partitions = [OffsetDeleteRequestPartition { partition_index: 0 }];
    let topics = [OffsetDeleteRequestTopic { name: "a", partitions: Array::from(&partitions) }];
    let request = OffsetDeleteRequest { group_id: "g", topics: Array::from(&topics) };
    bench.run(|shard, world, effects| shard.delete_offsets(world, &request, TOKEN, effects));
    assert_eq!((bench.stable("a", 0), bench.stable("a", 1)), (Ok(None), UNSTABLE));
    let deleted = [("b".into(), id(2))];
    bench.run(|shard, world, effects| shard.topics_deleted(world, &deleted, effects));
    bench.pass(0);
    assert_eq!((bench.stable("b", 0), bench.stable("b", 1)), (Ok(None), Ok(None)));
    bench.commit("g", "a", &[(2, 1)]);
    bench.run(|shard, world, effects| shard.delete_group(world, "g", TOKEN, effects));
    assert_eq!((bench.state("g"), bench.stable("a", 1)), (None, Ok(None)));
    assert_eq!(bench.log.len(), 7, "a tombstone for each partition and the group, a commit");
    bench.shard.replay_end_of_transaction(7, true);
    bench.shard.replay_end_of_transaction(8, true);
    assert_eq!((listed(&bench.shard), bench.shard.member_bytes()), (vec![], 0));
}

type Key = (&'static str, i32);

/// Kafka's tables: where the record of each offset lies, and what it says.
#[derive(Default)]
struct Model {
    offsets: BTreeMap<Key, (usize, i64)>,
    pending: BTreeMap<i64, BTreeMap<Key, (usize, i64)>>,
}

impl Model {
    fn end(&mut self, producer: i64, is_commit: bool) {
        for (key, (at, offset)) in self.pending.remove(&producer).unwrap_or_default() {
            let is_later = self.offsets.get(&key).is_none_or(|(known, _)| at > *known);
            if is_commit && is_later {
                self.offsets.insert(key, (at, offset));
            }
        }
    }

    fn remove(&mut self, key: Key) {
        self.offsets.remove(&key);
        self.pending.values_mut().for_each(|of| _ = of.remove(&key));
    }

    fn agrees(&self, shard: &Shard) {
        let known = listed(shard).into_iter().map(|one| ((one.1, one.2), one.3));
        let expected = self.offsets.iter().map(|(key, one)| ((key.0.to_owned(), key.1), one.1));
        assert_eq!(known.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        let fetched = shard.fetch("g", (None, -1), true).unwrap();
        let open: BTreeSet<Key> = self.pending.values().flat_map(|of| of.keys().copied()).collect();
        for topic in ["a", "b"] {
            for index in 0..3 {
                let is_stable = fetched.check_stable(topic, index).is_ok();
                assert_eq!(is_stable, !open.contains(&(topic, index)), "{topic}-{index}");
            }
        }
    }
}

/// What compaction leaves: below the first open transaction the last record of each key that counts.
fn compacted(log: &[Entry], dice: &mut Dice) -> Vec<(usize, Entry)> {
    let end_of = |at: usize, producer: i64| {
        log[at..].iter().find_map(|entry| match entry {
            Entry::End(of, is_commit) if *of == producer => Some(*is_commit),
            _ => None,
        })
    };
    let open = log.iter().enumerate().position(
        |(at, entry)| matches!(entry, Entry::Of(producer, _) if end_of(at, *producer).is_none()),
    );
    let cleaned = dice.below(open.unwrap_or(log.len()) as i32 + 1) as usize;
    let mut last = BTreeMap::new();
    for (at, entry) in log[..cleaned].iter().enumerate() {
        match entry {
            Entry::Plain(record) => _ = last.insert(&record.key, at),
            Entry::Of(producer, record) if end_of(at, *producer) == Some(true) => {
                last.insert(&record.key, at);
            }
            _ => {}
        }
    }
    let stays = |(at, entry): &(usize, &Entry)| match entry {
        _ if *at >= cleaned => true,
        Entry::End(..) => true,
        Entry::Plain(record) | Entry::Of(_, record) => last.get(&record.key) == Some(at),
    };
    let kept = log.iter().enumerate().filter(stays);
    kept.map(|(at, entry)| (at, entry.clone())).collect()
}

fn run(seed: u64) {
    let (mut dice, mut model, mut shard) = (Dice(seed), Model::default(), Shard::new());
    let mut log = Vec::new();
    for step in 0..600 {
        let key: Key = (["a", "b"][dice.below(2) as usize], dice.below(3));
        let (at, offset) = (log.len(), i64::from(dice.below(1000)));
        let producer = i64::from(dice.below(4));
        let written = record("g", key.0, key.1, offset, "");
        let entry = match dice.below(100) {
            0..25 => {
                model.offsets.insert(key, (at, offset));
                Entry::Plain(written)
            }
            25..65 => {
                model.pending.entry(producer).or_default().insert(key, (at, offset));
                Entry::Of(producer, written)
            }
            65..75 => {
                model.remove(key);
                Entry::Plain(records::tombstone("g", key.0, key.1))
            }
            draw => {
                let is_commit = draw < 90;
                model.end(producer, is_commit);
                Entry::End(producer, is_commit)
            }
        };
        take(&mut shard, at, &entry);
        log.push(entry);
        shard.check();
        model.agrees(&shard);
        if step % 20 == 0 {
            model.agrees(&loaded(log.iter().enumerate()));
            let left = compacted(&log, &mut dice);
            model.agrees(&loaded(left.iter().map(|(at, entry)| (*at, entry))));
        }
    }
}

#[test]
fn what_transactions_commit_is_what_kafka_makes_of_the_same_log() {
    (0..40).for_each(run);
}
