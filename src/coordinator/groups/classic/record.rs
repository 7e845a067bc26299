//! A classic group's record: written as `GroupMetadata`, read back at a start.

use super::super::Record;
use super::super::shard::{Group, Shard};
use super::{Classic, Member, State};
use crate::wire::codec::{Array, Reader};
use crate::wire::group_records::{GroupKey, GroupMetadataKey, GroupMetadataValue, MemberMetadata};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Classic {
    /// The group with these assignments.
    pub(in super::super) fn record(&self, assignment: &dyn Fn(&Arc<str>) -> Arc<[u8]>) -> Record {
        let protocol = self.protocol.as_deref();
        let given: Vec<_> = self.members.values().map(|member| assignment(&member.id)).collect();
        let members: Vec<_> = self
            .members
            .values()
            .zip(&given)
            .map(|(member, assignment)| MemberMetadata {
                member_id: &member.id,
                group_instance_id: member.instance_id.as_deref(),
                client_id: &member.client_id,
                client_host: &member.client_host,
                rebalance_timeout: member.rebalance_timeout,
                session_timeout: member.session_timeout,
                subscription: protocol.and_then(|name| member.metadata(name)).map_or(&[], |m| m),
                assignment,
            })
            .collect();
        let value = GroupMetadataValue {
            protocol_type: self.protocol_type.as_deref().unwrap_or_default(),
            generation: self.generation,
            protocol,
            leader: self.leader.as_deref(),
            current_state_timestamp: self.state_since.unwrap_or(-1),
            members: Array::from(&members),
        };
        Record { key: self.key(), value: Some(value.to_bytes()) }
    }

    /// A group that has just been made and that nobody is a member of yet.
    pub(super) fn empty_record(&self) -> Record {
        let value = GroupMetadataValue {
            protocol_type: "",
            generation: 0,
            protocol: None,
            leader: None,
            current_state_timestamp: self.state_since.unwrap_or(-1),
            members: Array::default(),
        };
        Record { key: self.key(), value: Some(value.to_bytes()) }
    }

    /// The end of the group.
    pub(in super::super) fn tombstone(&self) -> Record {
        Record { key: self.key(), value: None }
    }

    fn key(&self) -> Vec<u8> {
        GroupKey::GroupMetadata(GroupMetadataKey { group: &self.id }).to_bytes()
    }

    /// The group as its record has it: stable, if it has members.
    pub(in super::super) fn from_record(id: Arc<str>, value: &GroupMetadataValue<'_>) -> Classic {
        let mut group = Classic::new(id, value.current_state_timestamp);
        group.state_since =
            (value.current_state_timestamp != -1).then_some(value.current_state_timestamp);
        group.generation = value.generation;
        group.protocol = value.protocol.map(Arc::from);
        let protocol_type: Arc<str> = value.protocol_type.into();
        for member in value.members.iter() {
            let known = member
                .group_instance_id
                .is_some_and(|name| group.static_members.contains_key(name));
            // Who writes to the topic by hand may name somebody twice.
            if !known && !group.members.contains_key(member.member_id) {
                group.add(loaded(&member, group.protocol.clone()), &protocol_type);
            }
        }
        group.protocol_type = (!protocol_type.is_empty()).then_some(protocol_type);
        let leader = value.leader.filter(|leader| group.members.contains_key(*leader));
        group.leader = leader.map(Arc::from).or(group.leader);
        if !group.members.is_empty() {
            group.state = State::Stable;
        }
        group.subscribe_to(group.subscribed_topics());
        group
    }

    /// The topics of all members: known of consumers, where all their metadata can be read.
    pub(in super::super) fn subscribed_topics(&self) -> Option<BTreeSet<Arc<str>>> {
        if !self.is_of_consumers() {
            return None;
        }
        let mut topics = BTreeSet::new();
        if self.members.is_empty() {
            return Some(topics);
        }
        let protocol = self.protocol.as_deref()?;
        for member in self.members.values() {
            let metadata = member.metadata(protocol)?;
            add_topics_of(metadata, &mut topics)?;
        }
        Some(topics)
    }
}

/// Takes a group's record over at the start.
pub(in super::super) fn replay(shard: &mut Shard, id: &str, value: Option<GroupMetadataValue<'_>>) {
    if let Some(other @ Group::Foreign(_)) = shard.groups.get(id) {
        if value.is_some() {
            let kind = other.kind_name();
            ::log::warn!(
                group:% = id, kind:%;
                "a record of a classic group, but the group is of another kind"
            );
        }
        return;
    }
    match value {
        None => {
            if let Some(group) = shard.groups.remove(id) {
                group.cancel_timers(&mut shard.timers);
            }
        }
        Some(value) => {
            let id: Arc<str> = id.into();
            let group = Classic::from_record(id.clone(), &value);
            shard.insert(id, Group::Classic(group));
        }
    }
}

/// More names than there can be partitions are not kept: such a group is taken to want all topics.
const MAX_TOPICS: usize = 200_000;

/// The topics of a consumer's subscription (`ConsumerProtocolSubscription.json`). What the first
/// version has is the beginning of all.
fn add_topics_of(subscription: &[u8], topics: &mut BTreeSet<Arc<str>>) -> Option<()> {
    let mut r = Reader::new(subscription);
    r.read_i16().ok()?;
    let count = r.read_i32().ok()?;
    for _ in 0..count {
        let len = r.read_string_len(false).ok()??;
        let name = std::str::from_utf8(r.read_slice(len).ok()?).ok()?;
        if !topics.contains(name) {
            topics.insert(name.into());
        }
        if topics.len() > MAX_TOPICS {
            return None;
        }
    }
    Some(())
}

fn loaded(member: &MemberMetadata<'_>, protocol: Option<Arc<str>>) -> Member {
    let rebalance_timeout = match member.rebalance_timeout {
        -1 => member.session_timeout,
        timeout => timeout,
    };
    Member {
        id: member.member_id.into(),
        instance_id: member.group_instance_id.map(Arc::from),
        client_id: member.client_id.into(),
        client_host: member.client_host.into(),
        rebalance_timeout,
        session_timeout: member.session_timeout,
        protocols: vec![(protocol.unwrap_or_else(|| "".into()), member.subscription.into())],
        assignment: member.assignment.into(),
        join: None,
        sync: None,
        is_new: false,
        expected: 0,
        alarm: None,
    }
}
