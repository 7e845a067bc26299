//! One partition of the offsets topic: its groups and their timers.
//!
//! This file holds what is common to all groups: where a request finds its group, what follows from
//! an append, what a timer does. What each protocol does stands in its own module.

use super::classic::{self, Classic};
use super::consumer::{self, Consumer};
use super::effects::Then;
use super::foreign::{self, Foreign};
use super::offsets::Offsets;
use super::{AppendOutcome, Effects, Record, Timer, Timers, World};
use crate::wire::codec::DecodeError;
use crate::wire::group_records::{GroupKey, GroupMetadataValue, OffsetCommitValue};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// A group of either protocol, or of a kind that is not served.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the larger one is the common one: groups with offsets alone"
)]
pub(super) enum Group {
    /// The members assign, the coordinator keeps them in step.
    Classic(Classic),
    /// The coordinator assigns.
    Consumer(Box<Consumer>),
    /// Others serve it; here it is kept.
    Foreign(Box<Foreign>),
}

/// See the module's comment.
#[derive(Debug, Default)]
pub struct Shard {
    /// By name, so that a walk over all of them can go in parts. (A hash table of many would also be copied whole now
    /// and then, while all wait.)
    pub(super) groups: BTreeMap<Arc<str>, Group>,
    pub(super) timers: Timers,
    pub(super) offsets: Offsets,
    /// What the members of all groups take.
    pub(super) member_bytes: Arc<AtomicUsize>,
}

impl Shard {
    /// A shard without groups.
    pub fn new() -> Shard {
        Shard::default()
    }

    /// Goes on after the append that `effects` asked for, and takes the records out of it. It may
    /// ask for another append.
    pub fn appended(
        &mut self,
        world: &mut World<'_>,
        effects: &mut Effects,
        outcome: AppendOutcome,
    ) {
        let records = std::mem::take(&mut effects.records);
        assert!(!records.is_empty(), "nothing was to be appended");
        match std::mem::take(&mut effects.then) {
            Then::Replay => self.replay_all(&records, outcome),
            Then::Answer(to, reply) => {
                self.replay_all(&records, outcome);
                let reply = match outcome {
                    Ok(()) => reply,
                    Err(code) => reply.failed(code),
                };
                effects.reply(to, reply);
            }
            Then::Consumer(plan) => {
                let group = plan.group().clone();
                self.replay_all(&records, outcome);
                consumer::planned(self, *plan, world, effects, outcome);
                self.group_has_changed(&group, world);
            }
            Then::Classic(after) => {
                let group = after.group().clone();
                classic::appended(self, after, world, effects, outcome);
                self.group_has_changed(&group, world);
            }
            Then::Offsets(after) => {
                self.replay_all(&records, outcome);
                self.offsets_appended(after, world, effects, outcome);
            }
        }
        self.offsets_have_changed(world);
    }

    /// What was appended is in force, unless it was not.
    fn replay_all(&mut self, records: &[Record], outcome: AppendOutcome) {
        for record in records.iter().filter(|_| outcome.is_ok()) {
            let replayed = self.replay(&record.key, record.value.as_deref());
            assert!(replayed.is_ok(), "what was made here can be read here: {replayed:?}");
        }
    }

    /// Takes over a record of the offsets topic: one that has just been appended, or one that is read
    /// at the start.
    ///
    /// # Errors
    /// When it cannot be read; nothing has changed then.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), DecodeError> {
        match GroupKey::decode(key)? {
            GroupKey::GroupMetadata(key) => {
                let value = value.map(GroupMetadataValue::from_bytes).transpose()?;
                classic::replay(self, key.group, value);
                Ok(())
            }
            GroupKey::OffsetCommit(key) => {
                let value = value.map(OffsetCommitValue::from_bytes).transpose()?;
                self.replay_offset(key, value);
                Ok(())
            }
            GroupKey::Foreign(of) => {
                foreign::replay(self, &of, key, value.is_some());
                Ok(())
            }
            key => consumer::replay(self, &key, value),
        }
    }

    /// Everything has been replayed: sessions begin anew.
    pub fn loaded(&mut self, world: &mut World<'_>, effects: &mut Effects) {
        classic::loaded(self, world, effects);
        consumer::loaded(self, world);
        self.look_for_deleted_topics(world);
        self.look_when_something_can_have_ended(world);
    }

    /// The classic group with this name.
    pub fn classic(&self, id: &str) -> Option<&Classic> {
        match self.groups.get(id)? {
            Group::Classic(group) => Some(group),
            Group::Consumer(_) | Group::Foreign(_) => None,
        }
    }

    /// Panics where a law is broken. For simulations.
    pub fn check(&self) {
        for group in self.groups.values() {
            match group {
                Group::Classic(group) => group.check(&self.timers),
                Group::Consumer(group) => group.check(&self.timers),
                Group::Foreign(group) => group.check(),
            }
        }
        for timer in self.timers.each() {
            assert!(self.needs(timer), "{timer:?} is set for nothing");
        }
        self.check_room();
    }

    fn needs(&self, timer: &Timer) -> bool {
        let Some(group) = timer.group() else { return true };
        match self.groups.get(group) {
            Some(Group::Classic(group)) => group.needs(timer),
            Some(Group::Consumer(group)) => group.needs(timer),
            Some(Group::Foreign(_)) | None => false,
        }
    }

    /// When [`Shard::tick`] must be called next, at the latest.
    pub fn next_tick(&self) -> Option<i64> {
        self.timers.next()
    }

    /// Fires one timer whose time has come; false when there is none.
    pub fn tick(&mut self, world: &mut World<'_>, effects: &mut Effects) -> bool {
        let Some(timer) = self.timers.pop(world.tick_ms) else { return false };
        match timer {
            Timer::Heartbeat(group, member) => {
                self.heartbeat_expired(&group, &member, world, effects)
            }
            Timer::Join(group) => self.join_expired(&group, world, effects),
            Timer::Sync(group) => self.sync_expired(&group, world, effects),
            Timer::Session(..) | Timer::Revoke(..) | Timer::Rejoin(..) | Timer::Resync(..) => {
                self.member_expired(&timer, world, effects);
            }
            Timer::Expiry => self.remove_ended(world, effects),
            Timer::DeletedTopics => self.remove_deleted_topics(world, effects),
        }
        true
    }
}
