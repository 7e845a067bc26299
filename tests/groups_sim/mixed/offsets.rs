//! What the committed offsets must be: the last ones that were acknowledged, those in doubt because
//! the coordinator died over them, and none where Kafka's rules let them end. Beside it who may
//! commit, by the state of the group before.

use super::Parts;
use super::request::{Commit, Who, metadata_of};
use barnabas::coordinator::groups::classic::State;
use barnabas::coordinator::groups::offsets::Committed;
use barnabas::coordinator::groups::{Kind, Shard};
use barnabas::wire::uuid::Uuid;
use std::collections::BTreeMap;

/// Group, topic, partition.
pub type Key = (String, String, i32);

/// A committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    pub offset: i64,
    pub leader_epoch: i32,
    pub committed_at: i64,
    pub topic_id: Uuid,
}

impl Value {
    fn is(&self, found: &Committed<'_>) -> bool {
        let same = (self.offset, self.leader_epoch, self.committed_at, self.topic_id)
            == (found.offset, found.leader_epoch, found.committed_at, found.topic_id);
        same && found.metadata == metadata_of(self.offset) && found.ends_at.is_none()
    }
}

#[derive(Debug)]
struct Entry {
    /// One of these is there; more than one after a death.
    may_be: Vec<Option<Value>>,
    /// Its topic was deleted.
    is_of_no_topic: bool,
}

/// See the module's comment.
#[derive(Debug, Default)]
pub struct Model {
    entries: BTreeMap<Key, Entry>,
    /// When a group had members last.
    alive: BTreeMap<String, i64>,
    /// When it had some in the log: who joins is not there before all have synced.
    in_log: BTreeMap<String, i64>,
    retention: i64,
}

impl Model {
    pub fn new(retention: i64) -> Model {
        Model { retention, ..Model::default() }
    }

    /// It was acknowledged.
    pub fn put(&mut self, key: Key, value: Value) {
        let entry = Entry { may_be: vec![Some(value)], is_of_no_topic: false };
        self.entries.insert(key, entry);
    }

    /// It may have been written, or deleted.
    pub fn doubt(&mut self, key: Key, value: Option<Value>) {
        let nothing = || Entry { may_be: vec![None], is_of_no_topic: false };
        self.entries.entry(key).or_insert_with(nothing).may_be.push(value);
    }

    /// Its deletion was acknowledged.
    pub fn delete(&mut self, key: &Key) {
        self.entries.remove(key);
    }

    pub fn of_group(&self, group: &str) -> Vec<Key> {
        self.entries.keys().filter(|(of, ..)| of == group).cloned().collect()
    }

    pub fn topic_deleted(&mut self, name: &str, id: Uuid) {
        for ((_, topic, _), entry) in &mut self.entries {
            let of_it = |value: &Value| value.topic_id == id;
            entry.is_of_no_topic |= topic == name && entry.may_be.iter().flatten().any(of_it);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Offsets that are certain to be there: if there are as many in the store, there are those.
    pub fn len(&self) -> Option<usize> {
        let is_certain = |entry: &Entry| entry.may_be.len() == 1;
        self.entries.values().all(is_certain).then_some(self.entries.len())
    }

    /// The coordinator has died: groups are what the log says.
    pub fn died(&mut self) {
        self.alive.clone_from(&self.in_log);
    }

    /// Panics where an offset is not what it must be.
    pub fn check(&mut self, shard: &Shard, log: &Shard, now: i64) {
        note_members(&mut self.alive, shard, now);
        note_members(&mut self.in_log, log, now);
        let entries = std::mem::take(&mut self.entries);
        for (key, mut entry) in entries {
            let (group, topic, partition) = &key;
            let found = shard.offsets().get(group, topic, *partition);
            let is_it = |value: &Option<Value>| match (value, &found) {
                (Some(value), Some(found)) => value.is(found),
                (None, None) => true,
                _ => false,
            };
            let known = entry.may_be.iter().find(|value| is_it(value)).copied();
            match known {
                Some(None) => {}
                Some(value) => {
                    entry.may_be = vec![value];
                    self.entries.insert(key, entry);
                }
                None => {
                    assert!(found.is_none(), "{key:?}: {found:?}, not {entry:?}");
                    let ended = self.may_have_ended(shard, &key, &entry, now);
                    assert!(ended, "{key:?} is lost at {now}: {entry:?}");
                }
            }
        }
        assert_eq!(shard.offsets().len(), self.entries.len(), "no offset comes from nowhere");
    }

    fn may_have_ended(&self, shard: &Shard, key: &Key, entry: &Entry, now: i64) -> bool {
        let (id, topic, _) = key;
        if entry.is_of_no_topic {
            return true;
        }
        let newest = entry.may_be.iter().flatten().map(|value| value.committed_at).max();
        let is_old = newest.is_none_or(|at| now - at >= self.retention);
        if let Ok(group) = shard.describe_consumer(id) {
            return is_old && !group.is_subscribed_to(topic);
        }
        let was_left = self.alive.get(id).is_some_and(|at| now - at >= self.retention);
        match shard.classic(id) {
            Some(group) if group.state == State::Stable => {
                is_old && group.subscribed.as_ref().is_some_and(|topics| !topics.contains(&**topic))
            }
            Some(group) if !group.is_empty() => false,
            _ => is_old || was_left,
        }
    }
}

fn note_members(alive: &mut BTreeMap<String, i64>, shard: &Shard, now: i64) {
    for id in crate::replica::groups(shard, Kind::Classic) {
        if shard.classic(&id).is_some_and(|group| !group.is_empty()) {
            alive.insert(id, now);
        }
    }
    // One that becomes a classic group has been without members since then at the earliest.
    for id in crate::replica::groups(shard, Kind::Consumer) {
        if shard.describe_consumer(&id).is_ok_and(|group| !group.is_empty()) {
            alive.insert(id, now);
        }
    }
}

/// Whether an offset of this partition is taken from them.
pub fn may_commit(shard: &Shard, who: &Who, commit: &Commit, partition: i32) -> bool {
    if let Ok(group) = shard.describe_consumer(&who.group) {
        return match group.members.get(&*who.id) {
            Some(member) => {
                let since = member.epoch_of(commit.topic_id, partition);
                who.epoch == member.epoch
                    || since.is_some_and(|since| (since..=member.epoch).contains(&who.epoch))
            }
            None => group.is_empty() && who.epoch < 0,
        };
    }
    match shard.classic(&who.group) {
        Some(group) if group.is_empty() => who.epoch < 0,
        Some(group) => {
            let is_member = group.members.contains_key(&*who.id);
            let knows_what_it_has = group.state != State::CompletingRebalance;
            is_member && knows_what_it_has && who.epoch == group.generation
        }
        None => who.epoch < 0,
    }
}

/// A partition that somebody has, or any.
pub fn some_of(parts: &Parts, roll: u64) -> Option<(Uuid, i32)> {
    parts.iter().nth(roll as usize % parts.len().max(1)).copied()
}
