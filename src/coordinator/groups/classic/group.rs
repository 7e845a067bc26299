//! A classic group's members and what follows from them alone.

use super::super::room::Held;
use super::super::{JoinMember, JoinReply, java};
use super::member::{bytes_of, named_once};
use super::{Member, Protocols, State};
use crate::wire::error::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// See the module's comment and [`super`].
#[derive(Debug, Clone)]
pub struct Classic {
    /// The group's name.
    pub id: Arc<str>,
    /// The state, changed by [`Classic::become_at`].
    pub state: State,
    /// The state before: a rebalance that began in an empty group is its first.
    pub(super) previous: State,
    /// Since when it is in its state, in milliseconds since the epoch.
    pub state_since: Option<i64>,
    /// Grows with every rebalance.
    pub generation: i32,
    /// What all members have in common; none for a group that only commits offsets.
    pub protocol_type: Option<Arc<str>>,
    /// What was chosen of the members' protocols.
    pub protocol: Option<Arc<str>>,
    /// The member that assigns.
    pub leader: Option<Arc<str>>,
    /// By id.
    pub members: BTreeMap<Arc<str>, Member>,
    /// Members' ids by their own names.
    pub(super) static_members: BTreeMap<Arc<str>, Arc<str>>,
    /// What the members take.
    pub(in super::super) held: Held,
    /// Ids that were given out and have not joined yet (KIP-394).
    pub(super) pending_joins: BTreeSet<Arc<str>>,
    /// Members that have not synced in this generation.
    pub(super) pending_syncs: BTreeSet<Arc<str>>,
    /// How many members offer each protocol, and name it once.
    pub(super) supported: BTreeMap<Arc<str>, usize>,
    /// How many members wait in a join.
    pub(super) joined: usize,
    /// Somebody has joined since the first join phase was extended.
    pub(super) new_member_added: bool,
    /// While the first join phase lasts: its current step, and what can be added after it.
    pub(super) initial: Option<(i32, i32)>,
    /// The topics of all members, if they can be known.
    pub subscribed: Option<BTreeSet<Arc<str>>>,
}

impl Classic {
    /// A group without members.
    pub fn new(id: Arc<str>, now_ms: i64) -> Classic {
        Classic {
            id,
            state: State::Empty,
            previous: State::Empty,
            state_since: Some(now_ms),
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            held: Held::default(),
            pending_joins: BTreeSet::new(),
            pending_syncs: BTreeSet::new(),
            supported: BTreeMap::new(),
            joined: 0,
            new_member_added: false,
            initial: None,
            subscribed: None,
        }
    }

    /// Goes to another state.
    pub(super) fn become_at(&mut self, next: State, now_ms: i64) {
        assert!(self.state.may_become(next), "{:?} does not become {next:?}", self.state);
        (self.previous, self.state) = (self.state, next);
        self.state_since = Some(now_ms);
    }

    /// A group that was never joined: somebody commits offsets under its name.
    pub fn is_simple(&self) -> bool {
        self.protocol_type.is_none() && self.state == State::Empty && self.pending_joins.is_empty()
    }

    /// Nobody is a member.
    pub fn is_empty(&self) -> bool {
        self.state == State::Empty
    }

    /// Its members are consumers, by their protocol.
    pub fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some("consumer")
    }

    pub(super) fn is_leader(&self, member: &str) -> bool {
        self.leader.as_deref() == Some(member)
    }

    /// The longest that a rebalance waits, in milliseconds.
    pub(super) fn rebalance_timeout(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or(0).max(0)
    }

    pub(super) fn all_have_joined(&self) -> bool {
        self.joined == self.members.len() && self.pending_joins.is_empty()
    }

    /// Whether a member with these protocols can be in the group.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &Protocols) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let common =
            |name: &str| self.supported.get(name).copied().unwrap_or(0) == self.members.len();
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|(name, _)| common(name))
    }

    pub(in super::super) fn add(&mut self, member: Member, protocol_type: &Arc<str>) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.clone());
        }
        assert_eq!(self.protocol_type.as_ref(), Some(protocol_type), "one type for all members");
        if let Some(instance) = &member.instance_id {
            let before = self.static_members.insert(instance.clone(), member.id.clone());
            assert!(before.is_none(), "a static member is replaced, not added twice");
        }
        self.leader.get_or_insert_with(|| member.id.clone());
        self.count(&member.protocols, 1);
        self.joined += usize::from(member.join.is_some());
        self.forget_pending(&member.id.clone());
        self.held.replace(0, member.bytes());
        let before = self.members.insert(member.id.clone(), member);
        assert!(before.is_none(), "a member is added once");
    }

    /// Takes a member or a pending id out. Whoever waits in it must have been answered before.
    pub(super) fn remove(&mut self, id: &str) -> Option<Member> {
        let removed = self.members.remove(id);
        if let Some(member) = &removed {
            self.held.replace(member.bytes(), 0);
            self.count(&member.protocols.clone(), -1);
            self.joined -= usize::from(member.join.is_some());
            if let Some(instance) = &member.instance_id {
                self.static_members.remove(instance);
            }
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.forget_pending(id);
        self.pending_syncs.remove(id);
        removed
    }

    /// Whether there is a protocol for all if this member offers these. One that somebody names twice is
    /// nobody's: Kafka counts names, and finds that there are more of them than members. Where that leaves
    /// none it fails in the middle of the rebalance.
    pub(super) fn could_elect(&self, id: &str, protocols: &Protocols) -> bool {
        let own = self.members.get(id).map(|member| &member.protocols);
        let own: BTreeSet<&Arc<str>> = own.map(named_once).into_iter().flatten().collect();
        let others = self.members.len() - usize::from(self.members.contains_key(id));
        named_once(protocols).into_iter().any(|name| {
            let count = self.supported.get(name).copied().unwrap_or(0);
            count - usize::from(own.contains(name)) == others
        })
    }

    fn count(&mut self, protocols: &Protocols, by: isize) {
        for name in named_once(protocols) {
            let count = self.supported.entry(name.clone()).or_default();
            *count = count.saturating_add_signed(by);
            if *count == 0 {
                self.supported.remove(name);
            }
        }
    }

    /// Puts another offer of a member in the place of the one it had.
    pub(super) fn offer(&mut self, id: &str, protocols: Protocols) -> Protocols {
        let Some(member) = self.members.get_mut(id) else { return Vec::new() };
        let before = std::mem::replace(&mut member.protocols, protocols.clone());
        self.held.replace(bytes_of(&before), bytes_of(&protocols));
        self.count(&before, -1);
        self.count(&protocols, 1);
        before
    }

    /// The protocol that most members like best, of those that all have. Where votes are even the
    /// order of Kafka's hash map decides.
    pub(in super::super) fn elect_protocol(&self) -> Option<Arc<str>> {
        let candidate =
            |name: &str| self.supported.get(name).copied().unwrap_or(0) == self.members.len();
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for vote in self.members.values().filter_map(|member| member.vote(candidate)) {
            *votes.entry(vote).or_default() += 1;
        }
        let most = votes.values().max().copied()?;
        let best = votes.iter().filter(|(_, count)| **count == most).map(|(name, _)| *name);
        best.min_by_key(|name| java::bucket(name, votes.len())).cloned()
    }

    /// Sees to it that the leader is one of those who have joined; false if nobody has.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else { return false };
        if self.members.get(leader).is_some_and(|leader| leader.join.is_some()) {
            return true;
        }
        let joined = self.members.values().find(|member| member.join.is_some());
        let Some(joined) = joined.map(|member| member.id.clone()) else { return false };
        ::log::info!(
            group:% = self.id, leader:%, now:% = joined;
            "the leader has not joined in time; another one leads"
        );
        self.leader = Some(joined);
        true
    }

    /// Who a request says it is: the member's id, checked against the name of a static one.
    pub(super) fn check_member(&self, id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.static_members.get(instance) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(known) if &**known != id => return Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => {}
            }
        }
        match self.members.contains_key(id) {
            true => Ok(()),
            false => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        }
    }

    /// All members as the leader is told of them.
    pub(super) fn for_leader(&self) -> Vec<JoinMember> {
        let protocol = self.protocol.as_ref();
        self.members.values().map(|member| member.for_leader(protocol)).collect()
    }

    /// The answer to a member's join as of this generation.
    pub(super) fn joined_as(&self, id: &Arc<str>, members: Vec<JoinMember>) -> JoinReply {
        JoinReply {
            code: ErrorCode::NONE,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_else(|| "".into()),
            skip_assignment: false,
            member_id: id.clone(),
            members,
        }
    }
}
