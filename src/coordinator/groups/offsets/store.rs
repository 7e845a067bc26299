//! The committed offsets of a shard: group, topic, partition.
//!
//! There may be millions, so an offset takes 32 bytes here and more only where it says more than
//! most: metadata, an end of its own, a topic id that its topic's others do not have. Names of
//! topics are kept once. It changes only by what is replayed.

use super::sorted::{Keyed, Sorted};
use crate::wire::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// A committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed<'s> {
    /// The next one to be read.
    pub offset: i64,
    /// −1 if unknown.
    pub leader_epoch: i32,
    /// What the client wrote beside it.
    pub metadata: &'s str,
    /// When it was committed, in milliseconds since the epoch.
    pub committed_at: i64,
    /// When it ends, if that was said with the commit.
    pub ends_at: Option<i64>,
    /// Zero if the record has none.
    pub topic_id: Uuid,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    partition: i32,
    leader_epoch: i32,
    offset: i64,
    committed_at: i64,
    more: Option<Box<More>>,
}

/// What most offsets do not have.
#[derive(Debug, Clone, PartialEq)]
struct More {
    metadata: Box<str>,
    ends_at: Option<i64>,
    topic_id: Option<Uuid>,
}

impl Keyed for Entry {
    type Key = i32;
    fn key(&self) -> &i32 {
        &self.partition
    }
}

impl Entry {
    fn set_topic_id(&mut self, topic_id: Option<Uuid>) {
        match &mut self.more {
            Some(more) => more.topic_id = topic_id,
            None if topic_id.is_some() => {
                self.more = Some(Box::new(More { metadata: "".into(), ends_at: None, topic_id }));
            }
            None => {}
        }
    }
}

/// The offsets of one topic in a group.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicOffsets {
    name: Arc<str>,
    /// That of most of them.
    id: Uuid,
    entries: Sorted<Entry>,
}

impl Keyed for TopicOffsets {
    type Key = str;
    fn key(&self) -> &str {
        &self.name
    }
}

impl TopicOffsets {
    /// The topic's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How many partitions have an offset.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never true of a topic that is found in a group.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The offset of a partition.
    pub fn get(&self, partition: i32) -> Option<Committed<'_>> {
        self.entries.get(&partition).map(|entry| self.show(entry))
    }

    /// All of them, by partition.
    pub fn iter(&self) -> impl Iterator<Item = (i32, Committed<'_>)> {
        self.entries.iter().map(|entry| (entry.partition, self.show(entry)))
    }

    fn show<'s>(&self, entry: &'s Entry) -> Committed<'s> {
        let more = entry.more.as_deref();
        Committed {
            offset: entry.offset,
            leader_epoch: entry.leader_epoch,
            metadata: more.map_or("", |more| &more.metadata),
            committed_at: entry.committed_at,
            ends_at: more.and_then(|more| more.ends_at),
            topic_id: more.and_then(|more| more.topic_id).unwrap_or(self.id),
        }
    }

    /// Puts an offset in its place; true if there was none.
    fn put(&mut self, partition: i32, committed: &Committed<'_>) -> bool {
        let id = committed.topic_id;
        if self.entries.is_empty() {
            self.id = id;
        } else if self.id.is_zero() && !id.is_zero() {
            // Written by a Kafka that knew no ids; from now on most will have one.
            let without = |entry: &mut Entry| entry.set_topic_id(Some(Uuid::ZERO));
            self.entries.iter_mut().for_each(without);
            self.id = id;
        }
        let topic_id = (id != self.id).then_some(id);
        let says_more =
            !committed.metadata.is_empty() || committed.ends_at.is_some() || topic_id.is_some();
        let more = says_more.then(|| {
            let (metadata, ends_at) = (committed.metadata.into(), committed.ends_at);
            Box::new(More { metadata, ends_at, topic_id })
        });
        let (leader_epoch, offset) = (committed.leader_epoch, committed.offset);
        let committed_at = committed.committed_at;
        let entry = Entry { partition, leader_epoch, offset, committed_at, more };
        self.entries.insert(entry).is_none()
    }
}

/// The offsets of one group.
#[derive(Debug, Clone, Default)]
pub struct GroupOffsets {
    topics: Sorted<TopicOffsets>,
    /// None was committed before this.
    oldest: Earliest,
    /// None has an end of its own before this.
    first_end: Earliest,
}

/// A time that nothing lies before: exact when counted, and never later than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Earliest(pub(super) i64);

impl Default for Earliest {
    fn default() -> Self {
        Earliest(i64::MAX)
    }
}

impl Earliest {
    fn include(&mut self, time: i64) {
        self.0 = self.0.min(time);
    }
}

impl GroupOffsets {
    /// The offsets of a topic.
    pub fn topic(&self, name: &str) -> Option<&TopicOffsets> {
        self.topics.get(name)
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &TopicOffsets> {
        self.topics.iter()
    }

    /// Topic, partition and offset of all, or of all behind a place.
    pub fn after(
        &self,
        place: Option<&(Arc<str>, i32)>,
    ) -> impl Iterator<Item = (&Arc<str>, i32, Committed<'_>)> {
        let topics = self.topics.iter_from(place.map(|(topic, _)| &**topic));
        topics.flat_map(move |topic| {
            let seen =
                place.filter(|(name, _)| *name == topic.name).map(|(_, partition)| partition);
            let entries = topic.entries.iter_from(seen);
            let new = entries.filter(move |entry| Some(&entry.partition) != seen);
            new.map(|entry| (&topic.name, entry.partition, topic.show(entry)))
        })
    }

    /// How many topics have an offset.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Never true of a group that is found in the store.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Nothing was committed before the first, nothing has an end of its own before the second.
    pub(super) fn bounds(&self) -> (Earliest, Earliest) {
        (self.oldest, self.first_end)
    }

    /// Counts the bounds anew: what was committed again since is not as old any more.
    pub(super) fn recount(&mut self) {
        let (mut oldest, mut first_end) = (Earliest::default(), Earliest::default());
        for (_, committed) in self.topics.iter().flat_map(TopicOffsets::iter) {
            bound(&mut oldest, &mut first_end, &committed);
        }
        (self.oldest, self.first_end) = (oldest, first_end);
    }
}

/// An end of its own counts, whenever the offset was committed.
pub(super) fn bound(oldest: &mut Earliest, first_end: &mut Earliest, committed: &Committed<'_>) {
    match committed.ends_at {
        Some(end) => first_end.include(end),
        None => oldest.include(committed.committed_at),
    }
}

/// See the module's comment.
#[derive(Debug, Default)]
pub struct Store {
    groups: BTreeMap<Arc<str>, GroupOffsets>,
    /// The name of each topic that has an offset, and the groups that have one.
    names: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
    len: usize,
}

impl Store {
    /// The offsets of a group, if it has any.
    pub fn group(&self, id: &str) -> Option<&GroupOffsets> {
        self.groups.get(id)
    }

    pub(super) fn group_mut(&mut self, id: &str) -> Option<&mut GroupOffsets> {
        self.groups.get_mut(id)
    }

    /// The offset of a partition.
    pub fn get(&self, group: &str, topic: &str, partition: i32) -> Option<Committed<'_>> {
        self.group(group)?.topic(topic)?.get(partition)
    }

    /// Every group that has offsets, by name.
    pub fn groups(&self) -> impl Iterator<Item = (&Arc<str>, &GroupOffsets)> {
        self.groups.iter()
    }

    /// The next group, from the last to the first by name, that has an offset of a topic.
    pub(super) fn holder_before(&self, topic: &str, before: Option<&str>) -> Option<&Arc<str>> {
        let until = before.map_or(Bound::Unbounded, Bound::Excluded);
        self.names.get(topic)?.range::<str, _>((Bound::Unbounded, until)).next_back()
    }

    /// How many offsets there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A topic's name as it is kept here, if it is.
    pub(super) fn name_of(&self, topic: &str) -> Arc<str> {
        self.names.get_key_value(topic).map_or_else(|| topic.into(), |(name, _)| name.clone())
    }

    /// Whether any group has an offset of this topic.
    pub(super) fn has_topic(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Puts an offset in its place.
    pub(super) fn put(
        &mut self,
        group: &Arc<str>,
        topic: &str,
        partition: i32,
        committed: &Committed<'_>,
    ) {
        if !self.groups.contains_key(group) {
            self.groups.insert(group.clone(), GroupOffsets::default());
        }
        let Some(of_group) = self.groups.get_mut(group) else { return };
        bound(&mut of_group.oldest, &mut of_group.first_end, committed);
        if of_group.topics.get(topic).is_none() {
            let name = match self.names.get_key_value(topic) {
                Some((name, _)) => name.clone(),
                None => topic.into(),
            };
            self.names.entry(name.clone()).or_default().insert(group.clone());
            let (id, entries) = (committed.topic_id, Sorted::default());
            of_group.topics.insert(TopicOffsets { name, id, entries });
        }
        if let Some(of_topic) = of_group.topics.get_mut(topic) {
            self.len += usize::from(of_topic.put(partition, committed));
        }
    }

    /// Takes an offset out; true if the group has none any more.
    pub(super) fn remove(&mut self, group: &str, topic: &str, partition: i32) -> bool {
        let Some(of_group) = self.groups.get_mut(group) else { return false };
        let Some(of_topic) = of_group.topics.get_mut(topic) else { return false };
        self.len -= usize::from(of_topic.entries.remove(&partition).is_some());
        if !of_topic.is_empty() {
            return false;
        }
        if of_group.topics.remove(topic).is_some() {
            let groups = self.names.get_mut(topic);
            if groups.is_some_and(|groups| groups.remove(group) && groups.is_empty()) {
                self.names.remove(topic);
            }
        }
        if !of_group.is_empty() {
            return false;
        }
        self.groups.remove(group);
        true
    }
}
