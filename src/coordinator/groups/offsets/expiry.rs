//! What has ended is removed: offsets that nobody has used for long, offsets of topics that are gone,
//! and groups without members and offsets (`cleanupGroupMetadata`, `onTopicsDeleted`).
//!
//! One append of tombstones at a time; where there is more, the timer fires again at once. Offsets of
//! deleted topics go by themselves and take no group along: tools see it until the next check. Kafka
//! looks every `offsets.retention.check.interval.ms`; here that is the shortest pause, and while it
//! is known that nothing can have ended the shard sleeps on. That is known from bounds: no offset of
//! a group was committed, or has an end of its own, before a certain time. Bounds are counted anew
//! whenever a group turns out to be younger than they say.

use super::super::any_group::Since;
use super::super::effects::Then;
use super::super::{Timer, World};
use super::records::{self, Batch};
use super::{AfterAppend, Committed, Effects, Group, Offsets, Shard, TopicOffsets, Uuid, Walk};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Nothing will end before something happens to the group.
const NEVER: i64 = i64::MAX;
/// Groups that are looked at in one go.
const STEPS: usize = 4096;

impl Shard {
    /// Topics were deleted: their offsets go.
    pub fn topics_deleted(
        &mut self,
        world: &mut World<'_>,
        topics: &[(Arc<str>, Uuid)],
        effects: &mut Effects,
    ) {
        let Offsets { store, pending, .. } = &self.offsets;
        let is_here = |name: &str| store.has_topic(name) || pending.has_topic(name);
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
        let mut batch = Batch::new(world);
        self.add_deleted_topics(&mut batch);
        if batch.records.is_empty() {
            return self.go_on_with_deleted_topics(world.tick_ms);
        }
        ::log::info!("{} offsets are of deleted topics", batch.records.len());
        effects.append(batch.records, Then::Offsets(AfterAppend::DeletedTopics));
    }

    /// What the last append had no room for, or was not taken.
    pub(super) fn go_on_with_deleted_topics(&mut self, time: i64) {
        if !self.offsets.deleted.is_empty() {
            self.timers.set(Timer::DeletedTopics, time);
        }
    }

    /// The timer: one append's worth of what has ended.
    pub(in super::super) fn remove_ended(&mut self, world: &mut World<'_>, effects: &mut Effects) {
        self.unset_timer();
        let mut batch = Batch::new(world);
        let more = !self.add_ended_groups(world, &mut batch);
        if batch.records.is_empty() {
            return self.look_when_something_can_have_ended(world);
        }
        ::log::info!("{} records say what has ended of groups and offsets", batch.records.len());
        effects.append(batch.records, Then::Offsets(AfterAppend::Ended { more }));
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
        let pending = self.offsets.pending.of_group(group).filter(|(topic, ..)| ***topic == *name);
        let pending = pending.filter(|(_, partition, each)| {
            each.values().any(|open| of_it(&open.show()))
                && !in_store(*partition).is_some_and(|one| of_it(&one))
        });
        let mut gone = here.chain(pending.map(|(_, partition, _)| partition));
        gone.all(|partition| batch.add(vec![records::tombstone(group, name, partition)]))
    }

    /// False if there is no room for all. Groups are looked for once; what became of them meanwhile is
    /// seen when it is their turn.
    fn add_ended_groups(&mut self, world: &World<'_>, batch: &mut Batch) -> bool {
        if self.offsets.ended.is_empty() {
            let is_due = |id: &&Arc<str>| self.ends_at(id, world) <= world.now_ms;
            let mut due: Vec<_> = self.groups.keys().filter(is_due).cloned().collect();
            due.sort_by(|one, other| other.cmp(one));
            self.offsets.ended = due;
        }
        while let Some(id) = self.offsets.ended.last().cloned() {
            if !self.add_ended_of(&id, world, batch) {
                return false;
            }
            self.offsets.ended.pop();
        }
        true
    }

    fn add_ended_of(&mut self, id: &Arc<str>, world: &World<'_>, batch: &mut Batch) -> bool {
        let Some(group) = self.groups.get(id) else { return true };
        let before = batch.records.len();
        // A transaction may bring something yet.
        let mut left = self.offsets.pending.has_group(id);
        let offsets = self.offsets.store.group(id);
        for topic in offsets.iter().flat_map(|offsets| offsets.topics()) {
            let name = topic.name();
            let is_subscribed = group.is_subscribed(name);
            for (partition, committed) in topic.iter() {
                let ended = !is_subscribed
                    && has_ended(group, &committed, world)
                    && !self.offsets.is_pending(id, name, partition);
                if !ended {
                    left = true;
                } else if !batch.add(vec![records::tombstone(id, name, partition)]) {
                    return false;
                }
            }
        }
        if !left && group.is_empty() {
            return batch.add(group.tombstones());
        }
        if batch.records.len() == before {
            // What was committed early was committed again since.
            self.offsets.store.group_mut(id).into_iter().for_each(super::GroupOffsets::recount);
        }
        true
    }

    /// The earliest time at which something of a group can have ended, by the wall clock.
    fn ends_at(&self, id: &str, world: &World<'_>) -> i64 {
        let Some(group) = self.groups.get(id) else { return NEVER };
        let Some(offsets) = self.offsets.store.group(id) else {
            let stays = !group.is_empty() || self.offsets.pending.has_group(id);
            return if stays { NEVER } else { i64::MIN };
        };
        let (oldest, first_end) = offsets.bounds();
        let Some(since) = group.idle_since() else { return NEVER };
        let since = match since {
            Since::Commit => oldest.0,
            // Not of those with an end of their own.
            Since::Time(time) if oldest.0 != NEVER => time,
            Since::Time(_) => NEVER,
        };
        since.saturating_add(world.settings.offsets_retention).min(first_end.0)
    }

    /// Sets the timer anew by what is known of all groups.
    pub(in super::super) fn look_when_something_can_have_ended(&mut self, world: &World<'_>) {
        self.unset_timer();
        self.offsets.lost_last = false;
        let ends = self.groups.keys().map(|id| self.ends_at(id, world));
        let first = ends.min().unwrap_or(NEVER);
        self.look_for_ended_by(first, world);
    }

    /// Something has happened to a group: it may end earlier than anything else.
    pub(in super::super) fn group_has_changed(&mut self, id: &str, world: &World<'_>) {
        self.look_for_ended_by(self.ends_at(id, world), world);
    }

    /// After each replay: what was committed may end earlier than all else, and a group may have
    /// nothing left to stay for.
    pub(in super::super) fn offsets_have_changed(&mut self, world: &World<'_>) {
        if std::mem::take(&mut self.offsets.lost_last) {
            self.look_for_ended_at(self.next_check(world));
        }
        let (oldest, first_end) = std::mem::take(&mut self.offsets.fresh);
        let first = oldest.0.saturating_add(world.settings.offsets_retention).min(first_end.0);
        self.look_for_ended_by(first, world);
    }

    /// By the wall clock, but no earlier than the next check is due.
    fn look_for_ended_by(&mut self, time: i64, world: &World<'_>) {
        if time != NEVER {
            let after = time.saturating_sub(world.now_ms);
            self.look_for_ended_at(self.next_check(world).max(world.tick_ms.saturating_add(after)));
        }
    }

    pub(super) fn next_check(&self, world: &World<'_>) -> i64 {
        world.tick_ms.saturating_add(world.settings.retention_check_interval)
    }

    fn unset_timer(&mut self) {
        self.offsets.armed = None;
        self.timers.cancel(&Timer::Expiry);
    }

    pub(super) fn look_for_ended_at(&mut self, deadline: i64) {
        if self.offsets.armed.is_none_or(|armed| deadline < armed) {
            self.offsets.armed = Some(deadline);
            self.timers.set(Timer::Expiry, deadline);
        }
    }
}

fn has_ended(group: &Group, committed: &Committed<'_>, world: &World<'_>) -> bool {
    let Some(since) = group.idle_since() else { return false };
    let since = match since {
        Since::Commit => committed.committed_at,
        Since::Time(time) => time,
    };
    match committed.ends_at {
        Some(end) => world.now_ms >= end,
        None => world.now_ms.saturating_sub(since) >= world.settings.offsets_retention,
    }
}
