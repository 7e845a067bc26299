//! Offsets that transactions have committed which are not over: they count when the marker of a commit comes,
//! and never if it is one of an abort (`pendingTransactionalOffsets`, `openTransactions`).
//!
//! They lie beside the store, by group, topic, partition and producer. A tombstone takes them along. Of what was
//! committed for a partition, by transactions or without, the later *record* wins, wherever the markers
//! are: compaction keeps that one. So one that is older than what the store has got since is *outdone*: its
//! partition is as unstable as before, and its marker brings nothing.
//!
//! What they take in memory counts with what members take: as many may be open as a client likes. What a group has
//! of them is looked up where it lies, or copied as the store's offsets are, with its chunks in common: nothing
//! walks over all of them while others wait.

use super::super::room::{Held, PENDING};
use super::sorted::{Keyed, Sorted};
use super::{Committed, Uuid};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// Group, topic and partition.
pub(super) type Place = (Arc<str>, Arc<str>, i32);

/// What the transaction of one producer has committed for a partition.
#[derive(Debug, Clone)]
pub(super) struct Open {
    /// The offset of its record.
    pub(super) at: i64,
    /// The store has got a later one.
    pub(super) is_outdone: bool,
    offset: i64,
    leader_epoch: i32,
    metadata: Box<str>,
    committed_at: i64,
    ends_at: Option<i64>,
    topic_id: Uuid,
}

impl Open {
    fn new(at: i64, committed: &Committed<'_>) -> Open {
        let Committed { offset, leader_epoch, metadata, committed_at, ends_at, topic_id } =
            *committed;
        let metadata = metadata.into();
        let is_outdone = false;
        Open { at, is_outdone, offset, leader_epoch, metadata, committed_at, ends_at, topic_id }
    }

    pub(super) fn show(&self) -> Committed<'_> {
        Committed {
            offset: self.offset,
            leader_epoch: self.leader_epoch,
            metadata: &self.metadata,
            committed_at: self.committed_at,
            ends_at: self.ends_at,
            topic_id: self.topic_id,
        }
    }
}

/// By producer.
type Each = BTreeMap<i64, Open>;

/// What a group has, by topic and partition.
#[derive(Debug, Clone, Default)]
pub(super) struct OfGroup(Sorted<OfTopic>);

#[derive(Debug, Clone)]
struct OfTopic {
    name: Arc<str>,
    partitions: Sorted<OfPartition>,
}

#[derive(Debug, Clone)]
struct OfPartition {
    index: i32,
    each: Each,
}

impl Keyed for OfTopic {
    type Key = str;
    fn key(&self) -> &str {
        &self.name
    }
}

impl Keyed for OfPartition {
    type Key = i32;
    fn key(&self) -> &i32 {
        &self.index
    }
}

impl OfGroup {
    /// Whether a transaction that is not over has committed for a partition.
    pub(super) fn contains(&self, topic: &str, partition: i32) -> bool {
        self.each(topic, partition).is_some()
    }

    fn each(&self, topic: &str, partition: i32) -> Option<&Each> {
        self.0.get(topic)?.partitions.get(&partition).map(|of| &of.each)
    }

    fn each_mut(&mut self, topic: &str, partition: i32) -> Option<&mut Each> {
        self.0.get_mut(topic)?.partitions.get_mut(&partition).map(|of| &mut of.each)
    }

    fn put(&mut self, topic: &Arc<str>, partition: i32, producer: i64, open: Open) -> Option<Open> {
        if self.0.get(topic).is_none() {
            self.0.insert(OfTopic { name: topic.clone(), partitions: Sorted::default() });
        }
        let partitions = &mut self.0.get_mut(topic)?.partitions;
        if partitions.get(&partition).is_none() {
            partitions.insert(OfPartition { index: partition, each: Each::new() });
        }
        partitions.get_mut(&partition)?.each.insert(producer, open)
    }

    fn take(&mut self, topic: &str, partition: i32, producer: i64) -> Option<Open> {
        let partitions = &mut self.0.get_mut(topic)?.partitions;
        let each = &mut partitions.get_mut(&partition)?.each;
        let open = each.remove(&producer)?;
        if each.is_empty() {
            partitions.remove(&partition);
        }
        if partitions.is_empty() {
            self.0.remove(topic);
        }
        Some(open)
    }
}

/// See the module's comment.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// None of these is empty.
    groups: BTreeMap<Arc<str>, OfGroup>,
    /// Where each producer has something.
    producers: HashMap<i64, BTreeSet<Place>>,
    pub(super) held: Held,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many have something here.
    pub(super) fn producers(&self) -> usize {
        self.producers.len()
    }

    pub(super) fn has_group(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }

    /// Whether a transaction that is not over has committed for a partition.
    pub(super) fn contains(&self, group: &str, topic: &str, partition: i32) -> bool {
        self.each_of(group, topic, partition).is_some()
    }

    fn each_of(&self, group: &str, topic: &str, partition: i32) -> Option<&Each> {
        self.groups.get(group)?.each(topic, partition)
    }

    /// What a group has, if anything.
    pub(super) fn group(&self, group: &str) -> Option<&OfGroup> {
        self.groups.get(group)
    }

    /// The next group, from the last to the first by name.
    pub(super) fn group_before(&self, before: Option<&str>) -> Option<&Arc<str>> {
        let until = before.map_or(Bound::Unbounded, Bound::Excluded);
        let groups = self.groups.range::<str, _>((Bound::Unbounded, until));
        groups.map(|(group, _)| group).next_back()
    }

    /// Topic, partition, and what each producer has committed there.
    pub(super) fn of_group(&self, group: &str) -> impl Iterator<Item = (&Arc<str>, i32, &Each)> {
        let topics = self.groups.get(group).into_iter().flat_map(|of| of.0.iter());
        topics.flat_map(|topic| topic.partitions.iter().map(|of| (&topic.name, of.index, &of.each)))
    }

    /// The same of one topic.
    pub(super) fn of_topic(&self, group: &str, topic: &str) -> impl Iterator<Item = (i32, &Each)> {
        let of = self.groups.get(group).and_then(|of| of.0.get(topic));
        of.into_iter().flat_map(|topic| topic.partitions.iter().map(|of| (of.index, &of.each)))
    }

    /// Topic and id of all.
    pub(super) fn topics(&self) -> impl Iterator<Item = (&Arc<str>, Uuid)> {
        let of_group = |group| self.of_group(group);
        let all = self.groups.keys().flat_map(move |group| of_group(group));
        all.flat_map(|(topic, _, each)| each.values().map(move |open| (topic, open.topic_id)))
    }

    /// A producer has committed, with the record at this offset.
    pub(super) fn put(&mut self, place: Place, producer: i64, at: i64, committed: &Committed<'_>) {
        let (group, topic, partition) = &place;
        let of_group = self.groups.entry(group.clone()).or_default();
        let open = Open::new(at, committed);
        let new = weight(&place, &open);
        let old = of_group.put(topic, *partition, producer, open);
        let old = old.map_or(0, |old| weight(&place, &old));
        self.held.replace(old, new);
        self.producers.entry(producer).or_default().insert(place);
    }

    /// A tombstone: whatever was committed here is gone, and never comes. True if its group has nothing left.
    pub(super) fn remove(&mut self, group: &str, topic: &str, partition: i32) -> bool {
        let Some(producers) = self.each_of(group, topic, partition) else { return false };
        let producers: Vec<i64> = producers.keys().copied().collect();
        let place: Place = (group.into(), topic.into(), partition);
        for producer in producers {
            self.take(&place, producer);
            if let Some(places) = self.producers.get_mut(&producer) {
                places.remove(&place);
                if places.is_empty() {
                    self.producers.remove(&producer);
                }
            }
        }
        !self.has_group(group)
    }

    /// The store has got an offset whose record is at `at`.
    pub(super) fn outdo(&mut self, (group, topic, partition): (&str, &str, i32), at: i64) {
        let of_group = self.groups.get_mut(group);
        let each = of_group.and_then(|of| of.each_mut(topic, partition));
        let older = each.into_iter().flat_map(BTreeMap::values_mut).filter(|open| open.at < at);
        older.for_each(|open| open.is_outdone = true);
    }

    /// The transaction of a producer is over: all that it has committed.
    pub(super) fn end(&mut self, producer: i64) -> Vec<(Place, Open)> {
        let places = self.producers.remove(&producer).unwrap_or_default();
        let taken = places.into_iter().map(|place| {
            let open = self.take(&place, producer)?;
            Some((place, open))
        });
        taken.flatten().collect()
    }

    fn take(&mut self, place: &Place, producer: i64) -> Option<Open> {
        let (group, topic, partition) = place;
        let of_group = self.groups.get_mut(group)?;
        let open = of_group.take(topic, *partition, producer)?;
        if of_group.0.is_empty() {
            self.groups.remove(group);
        }
        self.held.replace(weight(place, &open), 0);
        Some(open)
    }

    /// What all of them take. Panics where producers and groups do not agree. For simulations.
    pub(super) fn weigh(&self) -> usize {
        let (mut sum, mut count) = (0, 0);
        for (producer, places) in &self.producers {
            for place in places {
                let (group, topic, partition) = place;
                let open = self.each_of(group, topic, *partition).and_then(|e| e.get(producer));
                sum += open.map_or(0, |open| weight(place, open));
                count += 1;
            }
        }
        let all = self.groups.keys().flat_map(|group| self.of_group(group));
        let all: usize = all.map(|(.., each)| each.len()).sum();
        assert_eq!(all, count, "producers have what groups have");
        sum
    }
}

fn weight((group, topic, _): &Place, open: &Open) -> usize {
    group.len() + topic.len() + open.metadata.len() + PENDING
}
