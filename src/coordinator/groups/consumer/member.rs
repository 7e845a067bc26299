//! A member of a consumer group: what it said of itself, what it has, what it is to give back.

use super::assign::Partitions;
use crate::wire::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Partitions by topic, each with the epoch in which the member got it.
pub type Owned = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// Of a member that leaves.
pub const LEAVES: i32 = -1;
/// Of a static member that leaves and will be back.
pub const LEAVES_FOR_NOW: i32 = -2;

/// Where a member stands on its way to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    /// It has all that it is to have.
    Stable,
    /// It is to give partitions back first.
    Unrevoked,
    /// It waits for partitions that others have not given back.
    Unreleased,
    /// Written by a Kafka that knows more states.
    Unknown,
}

impl MemberState {
    /// As in a record.
    pub fn code(self) -> i8 {
        match self {
            MemberState::Stable => 0,
            MemberState::Unrevoked => 1,
            MemberState::Unreleased => 2,
            MemberState::Unknown => 127,
        }
    }

    /// Out of a record.
    pub fn of(code: i8) -> MemberState {
        match code {
            0 => MemberState::Stable,
            1 => MemberState::Unrevoked,
            2 => MemberState::Unreleased,
            _ => MemberState::Unknown,
        }
    }
}

/// What a member that speaks the classic protocol is known by in addition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicSide {
    /// Its own session timeout.
    pub session_timeout: i32,
    /// Its protocols with its metadata, the one it likes best first.
    pub protocols: Vec<(Arc<str>, Arc<[u8]>)>,
}

/// See the module's comment. Cheap to clone: what is large is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: Arc<str>,
    /// The epoch of the target that it is on; negative while it is leaving.
    pub epoch: i32,
    /// The one before: the answer that told of the new one may have been lost.
    pub previous_epoch: i32,
    /// See [`MemberState`].
    pub state: MemberState,
    /// Its own name, if it is a static member.
    pub instance_id: Option<Arc<str>>,
    /// Where it is.
    pub rack_id: Option<Arc<str>>,
    /// How long it may take to give partitions back.
    pub rebalance_timeout: i32,
    /// The client id of its requests.
    pub client_id: Arc<str>,
    /// Where its requests come from.
    pub client_host: Arc<str>,
    /// The topics that it named.
    pub topics: Arc<BTreeSet<Arc<str>>>,
    /// The expression of the topics that it wants; empty if it has none.
    pub regex: Arc<str>,
    /// The assignor that it would like.
    pub assignor: Option<Arc<str>>,
    /// What it has.
    pub assigned: Arc<Owned>,
    /// What it is to give back.
    pub revoking: Arc<Owned>,
    /// If it speaks the classic protocol.
    pub classic: Option<Arc<ClassicSide>>,
}

impl Member {
    /// A member of which nothing is known yet.
    pub fn new(id: Arc<str>) -> Member {
        let nothing: Arc<str> = "".into();
        Member {
            id,
            epoch: 0,
            previous_epoch: -1,
            state: MemberState::Stable,
            instance_id: None,
            rack_id: None,
            rebalance_timeout: -1,
            client_id: nothing.clone(),
            client_host: nothing.clone(),
            topics: Arc::default(),
            regex: nothing,
            assignor: None,
            assigned: Arc::default(),
            revoking: Arc::default(),
            classic: None,
        }
    }

    /// Its expression, if it has one.
    pub fn pattern(&self) -> Option<&Arc<str>> {
        Some(&self.regex).filter(|regex| !regex.is_empty())
    }

    /// It has all of the target of this epoch.
    pub fn is_at(&self, target_epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == target_epoch
    }

    /// Its metadata as a classic member; all its protocols have the same.
    pub(super) fn metadata(&self) -> Option<&Arc<[u8]>> {
        self.classic.as_ref()?.protocols.first().map(|(_, metadata)| metadata)
    }

    /// The epoch in which it got a partition that it has or is still to give back.
    pub fn epoch_of(&self, topic: Uuid, partition: i32) -> Option<i32> {
        let of = |owned: &Owned| owned.get(&topic).and_then(|some| some.get(&partition)).copied();
        of(&self.assigned).or_else(|| of(&self.revoking))
    }

    /// Goes on in an epoch, with what it has and is to give back then.
    pub(super) fn advance(
        &mut self,
        epoch: i32,
        state: MemberState,
        assigned: Owned,
        revoking: Owned,
    ) {
        (self.previous_epoch, self.epoch) = (self.epoch, epoch);
        self.state = state;
        (self.assigned, self.revoking) = (Arc::new(assigned), Arc::new(revoking));
    }

    /// All partitions that nobody else may have: those it has and those it is to give back.
    pub(super) fn holds(&self) -> impl Iterator<Item = (Uuid, i32)> + '_ {
        let each = |owned: &'_ Arc<Owned>| {
            let pairs = owned.iter().flat_map(|(topic, list)| list.keys().map(|p| (*topic, *p)));
            pairs.collect::<Vec<_>>()
        };
        each(&self.assigned).into_iter().chain(each(&self.revoking))
    }
}

/// The same partitions, all since one epoch.
pub(super) fn since(partitions: &Partitions, epoch: i32) -> Owned {
    let one = |list: &BTreeSet<i32>| list.iter().map(|partition| (*partition, epoch)).collect();
    partitions.iter().map(|(topic, list)| (*topic, one(list))).collect()
}

/// The partitions alone.
pub(super) fn partitions(owned: &Owned) -> Partitions {
    owned.iter().map(|(topic, list)| (*topic, list.keys().copied().collect())).collect()
}
