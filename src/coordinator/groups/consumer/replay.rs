//! The records of consumer groups come into force: after they were appended, or at a start.
//!
//! What is read at a start may be anything that was ever written to the topic: a record that does
//! not fit what is there is left out, with a line where Kafka would refuse to load.

use super::super::shard::{Group, Shard};
use super::assign::Partitions;
use super::member::{ClassicSide, LEAVES, Owned};
use super::wishes::Resolved;
use super::{Consumer, Member, MemberState};
use crate::wire::codec::{Array, DecodeError};
use crate::wire::group_records::*;
use std::sync::Arc;

/// Takes a record over, if it is one of a consumer group.
///
/// # Errors
/// When the value cannot be read.
pub(in super::super) fn replay(
    shard: &mut Shard,
    key: &GroupKey<'_>,
    value: Option<&[u8]>,
) -> Result<(), DecodeError> {
    match key {
        GroupKey::ConsumerGroupMetadata(key) => {
            let value = value.map(ConsumerGroupMetadataValue::from_bytes).transpose()?;
            group_epoch(shard, key.group_id, value);
        }
        GroupKey::ConsumerGroupPartitionMetadata(key) => {
            if let Some(group) = shard.replayed(key.group_id, value.is_some()) {
                group.has_obsolete_record = value.is_some();
            }
        }
        GroupKey::ConsumerGroupMemberMetadata(key) => {
            let value = value.map(ConsumerGroupMemberMetadataValue::from_bytes).transpose()?;
            member(shard, key, value.as_ref());
        }
        GroupKey::ConsumerGroupTargetAssignmentMetadata(key) => {
            let value = value.map(ConsumerGroupTargetAssignmentMetadataValue::from_bytes);
            let value = value.transpose()?;
            if let Some(group) = shard.replayed(key.group_id, value.is_some()) {
                let said = value.map(|value| (value.assignment_epoch, value.assignment_timestamp));
                (group.target_epoch, group.target_time) = said.unwrap_or((-1, 0));
            }
        }
        GroupKey::ConsumerGroupTargetAssignmentMember(key) => {
            let value = value.map(ConsumerGroupTargetAssignmentMemberValue::from_bytes);
            let value = value.transpose()?;
            if let Some(group) = shard.replayed(key.group_id, value.is_some()) {
                group.set_target(key.member_id, value.map(|value| partitions(&value)));
            }
        }
        GroupKey::ConsumerGroupCurrentMemberAssignment(key) => {
            let value = value.map(ConsumerGroupCurrentMemberAssignmentValue::from_bytes);
            current(shard, key, value.transpose()?.as_ref());
        }
        GroupKey::ConsumerGroupRegularExpression(key) => {
            let value = value.map(ConsumerGroupRegularExpressionValue::from_bytes).transpose()?;
            if let Some(group) = shard.replayed(key.group_id, value.is_some()) {
                group.set_regex(key.regular_expression, value.map(|value| resolved(&value)));
            }
        }
        GroupKey::OffsetCommit(_)
        | GroupKey::GroupMetadata(_)
        | GroupKey::Foreign(_)
        | GroupKey::Other(_) => {}
    }
    Ok(())
}

impl Shard {
    /// The group of a record; a tombstone makes none.
    fn replayed(&mut self, id: &str, create: bool) -> Option<&mut Consumer> {
        let is_free = match self.groups.get(id) {
            None => true,
            // It is in no record: it was made for committed offsets.
            Some(Group::Classic(group)) => group.is_simple(),
            Some(Group::Consumer(_) | Group::Foreign(_)) => false,
        };
        if is_free && create {
            let id: Arc<str> = id.into();
            self.insert(id.clone(), Group::Consumer(Box::new(Consumer::new(id))));
        }
        match self.groups.get_mut(id)? {
            Group::Consumer(group) => Some(group),
            other => {
                if create {
                    let kind = other.kind_name();
                    ::log::warn!(
                        group:% = id, kind:%;
                        "a record of a consumer group, but the group is of another kind"
                    );
                }
                None
            }
        }
    }
}

fn group_epoch(shard: &mut Shard, id: &str, value: Option<ConsumerGroupMetadataValue>) {
    let Some(group) = shard.replayed(id, value.is_some()) else { return };
    match value {
        Some(value) => (group.epoch, group.metadata_hash) = (value.epoch, value.metadata_hash),
        None if group.members.is_empty() => drop(shard.groups.remove(id)),
        None => ::log::warn!(group:% = id; "the end of a group was written, but it has members"),
    }
}

fn member(
    shard: &mut Shard,
    key: &ConsumerGroupMemberMetadataKey<'_>,
    value: Option<&ConsumerGroupMemberMetadataValue<'_>>,
) {
    let Some(group) = shard.replayed(key.group_id, value.is_some()) else { return };
    let Some(value) = value else { return group.remove(key.member_id) };
    let mut member = group.known_or_new(key.member_id);
    let shared = |text: Option<&str>| text.map(Arc::from);
    member.instance_id = shared(value.instance_id);
    member.rack_id = shared(value.rack_id);
    member.client_id = value.client_id.into();
    member.client_host = value.client_host.into();
    member.topics = Arc::new(value.subscribed_topic_names.iter().map(Arc::from).collect());
    member.regex = value.subscribed_topic_regex.unwrap_or_default().into();
    member.rebalance_timeout = value.rebalance_timeout_ms;
    member.assignor = shared(value.server_assignor);
    member.classic = value.classic_member_metadata.as_ref().map(|side| {
        let protocols = side.supported_protocols.iter();
        Arc::new(ClassicSide {
            session_timeout: side.session_timeout_ms,
            protocols: protocols.map(|one| (one.name.into(), one.metadata.into())).collect(),
        })
    });
    group.put(member);
}

fn current(
    shard: &mut Shard,
    key: &ConsumerGroupCurrentMemberAssignmentKey<'_>,
    value: Option<&ConsumerGroupCurrentMemberAssignmentValue<'_>>,
) {
    let Some(group) = shard.replayed(key.group_id, value.is_some()) else { return };
    if value.is_none() && !group.members.contains_key(key.member_id) {
        return;
    }
    let mut member = group.known_or_new(key.member_id);
    match value {
        Some(value) => {
            member.epoch = value.member_epoch;
            member.previous_epoch = value.previous_member_epoch;
            member.state = MemberState::of(value.state);
            member.assigned = Arc::new(owned(value.assigned_partitions, value.member_epoch));
            member.revoking =
                Arc::new(owned(value.partitions_pending_revocation, value.member_epoch));
        }
        None => {
            (member.epoch, member.previous_epoch) = (LEAVES, LEAVES);
            (member.assigned, member.revoking) = (Arc::default(), Arc::default());
        }
    }
    group.put(member);
}

impl Consumer {
    fn known_or_new(&self, member: &str) -> Member {
        self.members.get(member).cloned().unwrap_or_else(|| Member::new(member.into()))
    }
}

fn partitions(value: &ConsumerGroupTargetAssignmentMemberValue<'_>) -> Partitions {
    let topics = value.topic_partitions.iter();
    topics.map(|one| (one.topic_id, one.partitions.iter().collect())).collect()
}

/// Before Kafka 4.2 no epochs were written: those partitions are as old as the member's epoch.
fn owned(topics: Array<'_, TopicPartitions<'_>>, epoch: i32) -> Owned {
    let one = |topic: TopicPartitions<'_>| {
        let epochs = topic.assignment_epochs.filter(|list| list.len() == topic.partitions.len());
        let list = match epochs {
            Some(epochs) => topic.partitions.iter().zip(epochs.iter()).collect(),
            None => topic.partitions.iter().map(|partition| (partition, epoch.max(0))).collect(),
        };
        (topic.topic_id, list)
    };
    topics.iter().map(one).collect()
}

fn resolved(value: &ConsumerGroupRegularExpressionValue<'_>) -> Resolved {
    let topics = value.topics.iter().map(Arc::from).collect();
    Resolved { topics: Arc::new(topics), version: value.version, time: value.timestamp }
}
