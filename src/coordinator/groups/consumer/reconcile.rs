//! A member on its way to its target: first it gives back, then it gets what is free
//! (`CurrentAssignmentBuilder`).
//!
//! ```text
//!             target has other partitions            gave them back, others have theirs
//! Stable ──────────────────────> Unrevoked ─────────────────────────> Unreleased
//!   ^ │                              │ gave them back, all are free        │ they are free
//!   │ └── nothing to give back ──────┼─────────────────────────────────────┤
//!   └────────────────────────────────┴─────────────────────────────────────┘
//! ```
//!
//! Only in `Unrevoked` it stays in its epoch. A partition is given only when nobody has it.

use super::assign::Partitions;
use super::member::Owned;
use super::{Member, MemberState, Refusal};
use crate::wire::error::ErrorCode;
use crate::wire::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet};

/// What a member is reconciled with.
pub(super) struct Reconcile<'a> {
    pub(super) target_epoch: i32,
    pub(super) target: &'a Partitions,
    /// It has just subscribed to something else.
    pub(super) has_changed: bool,
    /// Whether it subscribes to nothing at all.
    pub(super) wants_nothing: bool,
    pub(super) wants: &'a dyn Fn(Uuid) -> bool,
    /// What it says that it has, if it says it.
    pub(super) owned: Option<&'a Partitions>,
    /// Whether somebody has a partition or is still to give it back.
    pub(super) is_held: &'a dyn Fn(Uuid, i32) -> bool,
}

impl Reconcile<'_> {
    /// The member as it is next; the same if it cannot go on.
    pub(super) fn next(&self, member: &Member) -> Result<Member, Refusal> {
        match member.state {
            MemberState::Stable if member.epoch != self.target_epoch => {
                Ok(self.toward_target(member, member.epoch))
            }
            MemberState::Stable if self.has_changed => Ok(self.drop_unwanted(member)),
            MemberState::Stable => Ok(member.clone()),
            MemberState::Unrevoked if self.still_owns(&member.revoking) => match self.has_changed {
                true => Ok(self.drop_unwanted(member)),
                false => Ok(member.clone()),
            },
            MemberState::Unrevoked | MemberState::Unreleased => {
                Ok(self.toward_target(member, member.epoch))
            }
            MemberState::Unknown if self.owned.is_some_and(BTreeMap::is_empty) => {
                Ok(self.toward_target(member, self.target_epoch))
            }
            MemberState::Unknown => Err(Refusal::new(
                ErrorCode::FENCED_MEMBER_EPOCH,
                "The consumer group member is in a unknown state. \
                 The member must abandon all its partitions and rejoin.",
            )),
        }
    }

    /// What it does not say is not known: then it may have them.
    fn still_owns(&self, revoking: &Owned) -> bool {
        let Some(owned) = self.owned else { return true };
        owned.iter().any(|(topic, list)| {
            let revoking = revoking.get(topic);
            revoking.is_some_and(|some| list.iter().any(|partition| some.contains_key(partition)))
        })
    }

    /// Topics that it does not want any more are to be given back, before there is a new target.
    fn drop_unwanted(&self, member: &Member) -> Member {
        let mut assigned = (*member.assigned).clone();
        let mut revoking = (*member.revoking).clone();
        let drops_all = self.wants_nothing && revoking.is_empty();
        if drops_all {
            revoking = std::mem::take(&mut assigned);
        } else {
            for topic in member.assigned.keys().filter(|topic| !(self.wants)(**topic)) {
                let dropped = assigned.remove(topic).unwrap_or_default();
                revoking.entry(*topic).or_default().extend(dropped);
            }
        }
        let mut next = member.clone();
        // Whoever wants nothing at all begins its epoch anew, in Kafka, even if it had nothing.
        if assigned.len() == member.assigned.len() && !drops_all {
            return next;
        }
        if !revoking.is_empty() && self.still_owns(&revoking) {
            next.advance(member.epoch, MemberState::Unrevoked, assigned, revoking);
        } else {
            // It has given them back already.
            next.advance(member.epoch, member.state, assigned, (*member.revoking).clone());
        }
        next
    }

    fn toward_target(&self, member: &Member, epoch: i32) -> Member {
        let mut parts = Parts::default();
        let topics: BTreeSet<Uuid> =
            self.target.keys().chain(member.assigned.keys()).copied().collect();
        for topic in topics {
            self.sort_out(member, topic, &mut parts);
        }
        let mut next = member.clone();
        if !parts.revoking.is_empty() && self.still_owns(&parts.revoking) {
            next.advance(epoch, MemberState::Unrevoked, parts.assigned, parts.revoking);
        } else {
            for (topic, partition) in parts.free {
                let got = parts.assigned.entry(topic).or_default();
                got.insert(partition, self.target_epoch);
            }
            let state = if parts.waits { MemberState::Unreleased } else { MemberState::Stable };
            next.advance(self.target_epoch, state, parts.assigned, Owned::new());
        }
        next
    }

    fn sort_out(&self, member: &Member, topic: Uuid, parts: &mut Parts) {
        let nothing = BTreeSet::new();
        let wanted = self.target.get(&topic).filter(|_| (self.wants)(topic)).unwrap_or(&nothing);
        let has = member.assigned.get(&topic);
        let (keeps, gives): (BTreeMap<i32, i32>, BTreeMap<i32, i32>) =
            has.into_iter().flatten().partition(|(partition, _)| wanted.contains(partition));
        let was_to_give = member.revoking.get(&topic);
        for partition in wanted.iter().filter(|partition| !keeps.contains_key(partition)) {
            // What it has just given back itself is free, though it is held in its name.
            let own = was_to_give.is_some_and(|some| some.contains_key(partition));
            if own || !(self.is_held)(topic, *partition) {
                parts.free.push((topic, *partition));
            } else {
                parts.waits = true;
            }
        }
        if !keeps.is_empty() {
            parts.assigned.insert(topic, keeps);
        }
        if !gives.is_empty() {
            parts.revoking.insert(topic, gives);
        }
    }
}

/// A member's partitions, sorted out.
#[derive(Default)]
struct Parts {
    assigned: Owned,
    revoking: Owned,
    free: Vec<(Uuid, i32)>,
    /// Others have some of its target.
    waits: bool,
}
