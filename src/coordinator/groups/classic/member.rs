//! A member of a classic group (Kafka's `ClassicGroupMember`).

use super::super::room::{MEMBER, NAME};
use super::super::{JoinMember, Token};
use std::sync::Arc;

/// What a member offers: names of protocols with its metadata for each, the one it likes best first.
pub type Protocols = Vec<(Arc<str>, Arc<[u8]>)>;

/// See the module's comment.
#[derive(Debug, Clone)]
pub struct Member {
    /// Made by the coordinator.
    pub id: Arc<str>,
    /// The name by which a static member is known across restarts (KIP-345).
    pub instance_id: Option<Arc<str>>,
    /// Of its last join.
    pub client_id: Arc<str>,
    /// Of its last join.
    pub client_host: Arc<str>,
    /// How long a rebalance waits for it, in milliseconds.
    pub rebalance_timeout: i32,
    /// How long it may be silent, in milliseconds.
    pub session_timeout: i32,
    /// What it offers.
    pub protocols: Protocols,
    /// What the leader gave it.
    pub assignment: Arc<[u8]>,
    /// Its JoinGroup that waits for the join phase to end.
    pub(in super::super) join: Option<Token>,
    /// Its SyncGroup that waits for the leader's.
    pub(in super::super) sync: Option<Token>,
    /// Its first join is not over: nobody knows whether it is still there.
    pub(in super::super) is_new: bool,
    /// When it must have been heard of, in ticks.
    pub(in super::super) expected: i64,
    /// When its timer fires, while it is set: not later than that.
    pub(in super::super) alarm: Option<i64>,
}

/// What protocols take in memory.
pub(super) fn bytes_of(protocols: &Protocols) -> usize {
    protocols.iter().map(|(name, metadata)| name.len() + metadata.len() + NAME).sum()
}

/// The protocols that are named once.
pub(super) fn named_once(protocols: &Protocols) -> Vec<&Arc<str>> {
    let mut names: Vec<&Arc<str>> = protocols.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    let single = |same: &[_]| if let [name] = same { Some(*name) } else { None };
    names.chunk_by(|one, other| one == other).filter_map(single).collect()
}

impl Member {
    /// What it takes in memory.
    pub(in super::super) fn bytes(&self) -> usize {
        let names = self.id.len() + self.client_id.len() + self.client_host.len();
        let instance = self.instance_id.as_ref().map_or(0, |name| name.len() + NAME);
        MEMBER + names + instance + bytes_of(&self.protocols) + self.assignment.len()
    }

    /// Whether it offers the same as before.
    pub(super) fn offers(&self, protocols: &Protocols) -> bool {
        self.protocols == *protocols
    }

    /// Its metadata for a protocol.
    pub fn metadata(&self, protocol: &str) -> Option<&Arc<[u8]>> {
        self.protocols.iter().find(|(name, _)| &**name == protocol).map(|(_, metadata)| metadata)
    }

    /// The first of its protocols that all members have.
    pub(super) fn vote(&self, is_candidate: impl Fn(&str) -> bool) -> Option<&Arc<str>> {
        self.protocols.iter().map(|(name, _)| name).find(|name| is_candidate(name))
    }

    /// Whether its session may pass although nothing was heard of it: it waits for us. In its first
    /// join that is no excuse, for a client that has gone would stay for ever.
    pub(super) fn is_excused(&self) -> bool {
        !self.is_new && (self.join.is_some() || self.sync.is_some())
    }

    /// As its leader is told of it.
    pub(super) fn for_leader(&self, protocol: Option<&Arc<str>>) -> JoinMember {
        let metadata = protocol.and_then(|protocol| self.metadata(protocol)).cloned();
        JoinMember {
            member_id: self.id.clone(),
            instance_id: self.instance_id.clone(),
            metadata: metadata.unwrap_or_else(|| Arc::from([])),
        }
    }
}
