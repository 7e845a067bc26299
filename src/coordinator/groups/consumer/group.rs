//! A consumer group's state, and what follows from its members alone.

use super::super::room::{Held, PARTITION, names};
use super::assign::{Partitions, Targets};
use super::wishes::{Resolved, Wishes, lower};
use super::{Member, MemberState};
use crate::wire::uuid::Uuid;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The state of a group as it is told to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody is a member; there may be committed offsets.
    Empty,
    /// There is no target for the group's epoch yet.
    Assigning,
    /// Some members are on their way to their targets.
    Reconciling,
    /// Everybody has what it is to have.
    Stable,
}

impl State {
    /// As it is told to clients.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::Assigning => "Assigning",
            State::Reconciling => "Reconciling",
            State::Stable => "Stable",
        }
    }
}

/// See the module's comment. All but the last three fields is what records say, or follows from it.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// The group's name.
    pub id: Arc<str>,
    /// Grows when there must be a new target.
    pub epoch: i32,
    /// Of the topics that it is subscribed to.
    pub metadata_hash: i64,
    /// The epoch that the targets are for; −1 once they were deleted.
    pub target_epoch: i32,
    /// When they were computed; 0 if that is not known.
    pub target_time: i64,
    /// By id.
    pub members: BTreeMap<Arc<str>, Member>,
    /// By member.
    pub targets: Targets,
    /// What the members take, and what follows from them.
    pub(in super::super) held: Held,
    /// By expression.
    pub regexes: BTreeMap<Arc<str>, Resolved>,
    /// There is a record of a type that is not written any more: it is to be deleted.
    pub(super) has_obsolete_record: bool,
    /// Members' ids by their own names.
    pub(super) static_members: BTreeMap<Arc<str>, Arc<str>>,
    pub(super) wishes: Wishes,
    /// How many members would like each assignor.
    pub(super) assignors: BTreeMap<Arc<str>, usize>,
    /// Who has each partition, or is still to give it back.
    pub(super) owners: HashMap<(Uuid, i32), Arc<str>>,
    /// Who is to have each partition.
    pub(super) targeted: HashMap<(Uuid, i32), Arc<str>>,
    /// How many members speak the classic protocol.
    pub(super) classic_members: usize,
    /// How many of them offer each protocol.
    pub(super) classic_protocols: BTreeMap<Arc<str>, usize>,
    /// The catalog that the topics were last looked at in: a new coordinator has not looked yet.
    pub(super) looked: Option<u64>,
    /// The catalog that all expressions were last looked up in.
    pub(super) resolved_at: Option<u64>,
    /// They are being looked up.
    pub(super) looks_up: bool,
}

impl Consumer {
    /// A group without members.
    pub fn new(id: Arc<str>) -> Consumer {
        Consumer {
            id,
            epoch: 1,
            metadata_hash: 0,
            target_epoch: 1,
            target_time: 0,
            members: BTreeMap::new(),
            targets: Targets::new(),
            held: Held::default(),
            regexes: BTreeMap::new(),
            has_obsolete_record: false,
            static_members: BTreeMap::new(),
            wishes: Wishes::default(),
            assignors: BTreeMap::new(),
            owners: HashMap::new(),
            targeted: HashMap::new(),
            classic_members: 0,
            classic_protocols: BTreeMap::new(),
            looked: None,
            resolved_at: None,
            looks_up: false,
        }
    }

    /// Nobody is a member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// See [`State`].
    pub fn state(&self) -> State {
        if self.members.is_empty() {
            State::Empty
        } else if self.epoch > self.target_epoch {
            State::Assigning
        } else if self.members.values().all(|member| member.is_at(self.target_epoch)) {
            State::Stable
        } else {
            State::Reconciling
        }
    }

    /// Whether the group wants a topic: its offsets are not deleted then.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        self.wishes.has_topic(topic)
    }

    /// The member that has a static member's name.
    pub fn static_member(&self, instance: &str) -> Option<&Member> {
        self.static_members.get(instance).and_then(|id| self.members.get(id))
    }

    /// What a member is to have.
    pub fn target(&self, member: &str) -> Arc<Partitions> {
        self.targets.get(member).cloned().unwrap_or_default()
    }

    /// The assignor that most members would like, as if one member were another; of those that are
    /// liked as much as each other the one that only this member likes, else the last by name: so it
    /// comes out of Kafka's hash map of the two.
    pub(super) fn preferred_assignor(
        &self,
        old: Option<&Member>,
        new: Option<&Member>,
    ) -> Option<Arc<str>> {
        let mut counts = self.assignors.clone();
        if let Some(name) = old.and_then(|member| member.assignor.as_ref()) {
            lower(&mut counts, name);
        }
        let liked = new.and_then(|member| member.assignor.as_ref());
        let alone = liked.filter(|name| !counts.contains_key(*name));
        if let Some(name) = liked {
            *counts.entry(name.clone()).or_default() += 1;
        }
        let rank = |name: &Arc<str>, count| (count, Some(name) == alone);
        counts.into_iter().max_by_key(|(name, count)| rank(name, *count)).map(|(name, _)| name)
    }

    /// A member is new or has changed.
    pub(super) fn put(&mut self, member: Member) {
        let old = self.members.get(&member.id).cloned();
        self.account(old.as_ref(), Some(&member));
        self.held.replace(old.as_ref().map_or(0, Member::bytes), member.bytes());
        if let Some(old) = old.filter(|old| old.instance_id != member.instance_id) {
            self.release_name(&old);
        }
        if let Some(instance) = &member.instance_id {
            self.static_members.insert(instance.clone(), member.id.clone());
        }
        self.members.insert(member.id.clone(), member);
    }

    /// A member is gone.
    pub(super) fn remove(&mut self, id: &str) {
        let Some(old) = self.members.remove(id) else { return };
        self.account(Some(&old), None);
        self.held.replace(old.bytes(), 0);
        self.release_name(&old);
    }

    /// A member does not have its name any more. (Kafka keeps it for one that has taken another.)
    fn release_name(&mut self, old: &Member) {
        if let Some(instance) = &old.instance_id {
            // Another member may have taken the name over.
            if self.static_members.get(instance) == Some(&old.id) {
                self.static_members.remove(instance);
            }
        }
    }

    /// Keeps what follows from the members.
    fn account(&mut self, old: Option<&Member>, new: Option<&Member>) {
        self.wishes.replace(old, new);
        if let Some(name) = old.and_then(|member| member.assignor.as_ref()) {
            lower(&mut self.assignors, name);
        }
        if let Some(name) = new.and_then(|member| member.assignor.as_ref()) {
            *self.assignors.entry(name.clone()).or_default() += 1;
        }
        self.account_partitions(old, new);
        if let Some(side) = old.and_then(|member| member.classic.as_ref()) {
            self.classic_members = self.classic_members.saturating_sub(1);
            side.protocols.iter().for_each(|(name, _)| lower(&mut self.classic_protocols, name));
        }
        if let Some(side) = new.and_then(|member| member.classic.as_ref()) {
            self.classic_members += 1;
            for (name, _) in &side.protocols {
                *self.classic_protocols.entry(name.clone()).or_default() += 1;
            }
        }
    }

    fn account_partitions(&mut self, old: Option<&Member>, new: Option<&Member>) {
        if let (Some(old), Some(new)) = (old, new)
            && old.assigned == new.assigned
            && old.revoking == new.revoking
        {
            return;
        }
        let before = self.owners.len();
        for held in old.iter().flat_map(|member| member.holds()) {
            if self.owners.get(&held) == old.map(|member| &member.id) {
                self.owners.remove(&held);
            }
        }
        if let Some(member) = new {
            for held in member.holds() {
                self.owners.insert(held, member.id.clone());
            }
        }
        self.held.replace(before * PARTITION, self.owners.len() * PARTITION);
    }

    /// A member is to have something else.
    pub(super) fn set_target(&mut self, member: &str, target: Option<Partitions>) {
        let id: Arc<str> = member.into();
        let old = self.targets.remove(member).unwrap_or_default();
        let before = self.targeted.len();
        let each = |partitions: &Partitions| -> Vec<(Uuid, i32)> {
            partitions.iter().flat_map(|(topic, some)| some.iter().map(|p| (*topic, *p))).collect()
        };
        for partition in each(&old) {
            // It may be somebody else's already, whose record came first.
            if self.targeted.get(&partition) == Some(&id) {
                self.targeted.remove(&partition);
            }
        }
        if let Some(target) = target {
            for partition in each(&target) {
                self.targeted.insert(partition, id.clone());
            }
            self.targets.insert(id, Arc::new(target));
        }
        self.held.replace(before * PARTITION, self.targeted.len() * PARTITION);
    }

    /// An expression stands for other topics, or is not needed any more.
    pub(super) fn set_regex(&mut self, regex: &str, resolved: Option<Resolved>) {
        let old = self.regexes.remove(regex);
        let bytes = |one: &Option<Resolved>| {
            one.as_ref().map_or(0, |one| regex.len() + names(one.topics.iter()))
        };
        self.held.replace(bytes(&old), bytes(&resolved));
        self.wishes.resolve(old.as_ref(), resolved.as_ref());
        if let Some(resolved) = resolved {
            self.regexes.insert(regex.into(), resolved);
        }
    }

    /// Whether a member waits for a partition that somebody else still has.
    pub(super) fn waits_for_others(&self, member: &Member) -> bool {
        let has = |topic: &Uuid, partition: &i32| {
            member.assigned.get(topic).is_some_and(|some| some.contains_key(partition))
        };
        member.state == MemberState::Unreleased
            && self.target(&member.id).iter().any(|(topic, some)| {
                let missing = some.iter().filter(|partition| !has(topic, partition));
                missing.into_iter().any(|partition| self.owners.contains_key(&(*topic, *partition)))
            })
    }
}
