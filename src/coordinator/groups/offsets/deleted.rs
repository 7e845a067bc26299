//! Offsets of topics that are gone are removed (`onTopicsDeleted`), an append's worth at a time: they go by
//! themselves and take no group along, so that tools see it until the next look for what has ended.
//!
//! One topic after the other, and of each a walk over the groups that have something of it, which keeps its place
//! by name: whatever comes and goes meanwhile, it passes nobody over who was there before.

use super::super::effects::Then;
use super::super::{Timer, World};
use super::records::{self, Batch};
use super::{AfterAppend, Committed, Effects, Offsets, Shard, TopicOffsets, Uuid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Groups that are looked at in one go.
const STEPS: usize = 4096;

/// A walk over the groups that have something of a topic, from the last to the first by name: first over those
/// in the store, then over those of open transactions.
#[derive(Debug, Default)]
pub(super) struct Walk {
    in_pending: bool,
    before: Option<Arc<str>>,
}

impl Shard {
    /// Topics were deleted: their offsets go.
    pub fn topics_deleted(
        &mut self,
        world: &mut World<'_>,
        topics: &[(Arc<str>, Uuid)],
        effects: &mut Effects,
    ) {
        let Offsets { store, pending, .. } = &self.offsets;
        let is_here = |name: &str| store.has_topic(name) || !pending.is_empty();
        let here = topics.iter().filter(|(name, _)| is_here(name));
        let here: Vec<_> = here.cloned().collect();
        self.offsets.deleted.extend(here);
        // The next one is another now.
        self.offsets.walk = Walk::default();
        self.remove_deleted_topics(world, effects);
    }

    /// A crash may have come between the end of a topic and that of its offsets. Who finds them under a new
    /// topic of that name would begin where nothing is.
    pub(in super::super) fn look_for_deleted_topics(&mut self, world: &World<'_>) {
        let mut gone = BTreeMap::new();
        let mut last = Uuid::ZERO;
        for topic in self.offsets.store.groups().flat_map(|(_, offsets)| offsets.topics()) {
            for id in topic.iter().map(|(_, committed)| committed.topic_id) {
                // Without an id it is not known whose they are. Most are of the same one.
                let is_another = !id.is_zero() && std::mem::replace(&mut last, id) != id;
                if is_another && world.topics.name(id).is_none() {
                    gone.insert(id, topic.name().clone());
                }
            }
        }
        for (topic, id) in self.offsets.pending.topics() {
            if !id.is_zero() && world.topics.name(id).is_none() {
                gone.insert(id, topic.clone());
            }
        }
        self.offsets.deleted.extend(gone.into_iter().map(|(id, name)| (name, id)));
        self.go_on_with_deleted_topics(world.tick_ms);
    }

    /// One append's worth of the offsets of deleted topics.
    pub(in super::super) fn remove_deleted_topics(
        &mut self,
        world: &mut World<'_>,
        effects: &mut Effects,
    ) {
        let mut batch = Batch::part(world);
        self.add_deleted_topics(&mut batch);
        if batch.records.is_empty() {
            return self.go_on_with_deleted_topics(world.tick_ms);
        }
        ::log::info!(offsets = batch.records.len(); "offsets of deleted topics are removed");
        effects.append(batch.records, Then::Offsets(AfterAppend::DeletedTopics));
    }

    /// What the last append had no room for, or was not taken.
    pub(super) fn go_on_with_deleted_topics(&mut self, time: i64) {
        if !self.offsets.deleted.is_empty() {
            self.timers.set(Timer::DeletedTopics, time);
        }
    }

    /// Stops where there is no room for more, and after so many groups.
    fn add_deleted_topics(&mut self, batch: &mut Batch) {
        for _ in 0..STEPS {
            let Some((name, id)) = self.offsets.deleted.last().cloned() else { return };
            let Offsets { store, pending, walk, .. } = &self.offsets;
            let before = walk.before.as_deref();
            let next = match walk.in_pending {
                false => store.holder_before(&name, before),
                true => pending.group_before(before),
            };
            match next.cloned() {
                Some(group) => {
                    if !self.add_deleted_of(&group, &name, id, batch) {
                        return;
                    }
                    self.offsets.walk.before = Some(group);
                }
                None if !self.offsets.walk.in_pending => {
                    self.offsets.walk = Walk { in_pending: true, before: None };
                }
                // It stays on the list until nothing of it is left.
                None if !batch.records.is_empty() => return,
                None => {
                    self.offsets.walk = Walk::default();
                    self.offsets.deleted.pop();
                }
            }
        }
    }

    fn add_deleted_of(&self, group: &str, name: &str, id: Uuid, batch: &mut Batch) -> bool {
        let of_it =
            |committed: &Committed<'_>| committed.topic_id == id || committed.topic_id.is_zero();
        let offsets = self.offsets.store.group(group).and_then(|offsets| offsets.topic(name));
        let in_store = |partition| offsets.and_then(|topic| topic.get(partition));
        let here = offsets.into_iter().flat_map(TopicOffsets::iter);
        let here = here.filter(|(_, committed)| of_it(committed)).map(|(partition, _)| partition);
        // What is also in the store has its tombstone.
        let pending = self.offsets.pending.of_topic(group, name).filter(|(partition, each)| {
            each.values().any(|open| of_it(&open.show()))
                && !in_store(*partition).is_some_and(|one| of_it(&one))
        });
        let mut gone = here.chain(pending.map(|(partition, _)| partition));
        gone.all(|partition| batch.add(vec![records::tombstone(group, name, partition)]))
    }
}
