//! The records of consumer groups, as Kafka writes them (`GroupCoordinatorRecordHelpers`).

use super::super::Record;
use super::assign::Partitions;
use super::member::Owned;
use super::wishes::Resolved;
use super::{Consumer, Member};
use crate::wire::codec::Array;
use crate::wire::group_records::*;
use std::sync::Arc;

/// What a member said of itself.
pub(super) fn member(group: &str, member: &Member) -> Record {
    let key = ConsumerGroupMemberMetadataKey { group_id: group, member_id: &member.id };
    let topics: Vec<&str> = member.topics.iter().map(|topic| &**topic).collect();
    let protocols: Vec<ClassicProtocol<'_>> = member
        .classic
        .iter()
        .flat_map(|side| &side.protocols)
        .map(|(name, metadata)| ClassicProtocol { name, metadata })
        .collect();
    let classic = member.classic.as_ref().map(|side| ClassicMemberMetadata {
        session_timeout_ms: side.session_timeout,
        supported_protocols: Array::from(&protocols),
    });
    let value = ConsumerGroupMemberMetadataValue {
        instance_id: member.instance_id.as_deref(),
        rack_id: member.rack_id.as_deref(),
        client_id: &member.client_id,
        client_host: &member.client_host,
        subscribed_topic_names: Array::from(&topics),
        subscribed_topic_regex: Some(&member.regex),
        rebalance_timeout_ms: member.rebalance_timeout,
        server_assignor: member.assignor.as_deref(),
        classic_member_metadata: classic,
    };
    let key = GroupKey::ConsumerGroupMemberMetadata(key).to_bytes();
    Record { key, value: Some(value.to_bytes()) }
}

/// The group's epoch.
pub(super) fn epoch(group: &str, epoch: i32, metadata_hash: i64) -> Record {
    let key = GroupKey::ConsumerGroupMetadata(ConsumerGroupMetadataKey { group_id: group });
    let value = ConsumerGroupMetadataValue { epoch, metadata_hash };
    Record { key: key.to_bytes(), value: Some(value.to_bytes()) }
}

/// What a member is to have.
pub(super) fn target(group: &str, member: &str, target: &Partitions) -> Record {
    let lists: Vec<Vec<i32>> = target.values().map(|some| some.iter().copied().collect()).collect();
    let topics: Vec<TopicPartition<'_>> = target
        .keys()
        .zip(&lists)
        .map(|(topic, list)| TopicPartition { topic_id: *topic, partitions: Array::from(list) })
        .collect();
    let value = ConsumerGroupTargetAssignmentMemberValue { topic_partitions: Array::from(&topics) };
    Record { key: target_key(group, member), value: Some(value.to_bytes()) }
}

/// The epoch that the targets are for.
pub(super) fn target_epoch(group: &str, epoch: i32, now_ms: i64) -> Record {
    let value = ConsumerGroupTargetAssignmentMetadataValue {
        assignment_epoch: epoch,
        assignment_timestamp: now_ms,
    };
    Record { key: target_epoch_key(group), value: Some(value.to_bytes()) }
}

/// What a member has.
pub(super) fn current(group: &str, member: &Member) -> Record {
    let (assigned, revoking) = (lists(&member.assigned), lists(&member.revoking));
    let (assigned, revoking) = (topics(&assigned), topics(&revoking));
    let value = ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: member.epoch,
        previous_member_epoch: member.previous_epoch,
        state: member.state.code(),
        assigned_partitions: Array::from(&assigned),
        partitions_pending_revocation: Array::from(&revoking),
    };
    Record { key: current_key(group, &member.id), value: Some(value.to_bytes()) }
}

type List = (crate::wire::uuid::Uuid, Vec<i32>, Vec<i32>);

fn lists(owned: &Owned) -> Vec<List> {
    owned
        .iter()
        .map(|(topic, some)| {
            (*topic, some.keys().copied().collect(), some.values().copied().collect())
        })
        .collect()
}

fn topics(lists: &[List]) -> Vec<TopicPartitions<'_>> {
    lists
        .iter()
        .map(|(topic, partitions, epochs)| TopicPartitions {
            topic_id: *topic,
            partitions: Array::from(partitions),
            assignment_epochs: Some(Array::from(epochs)),
        })
        .collect()
}

/// The topics that an expression stands for.
pub(super) fn regex(group: &str, regex: &str, resolved: &Resolved) -> Record {
    let topics: Vec<&str> = resolved.topics.iter().map(|topic| &**topic).collect();
    let value = ConsumerGroupRegularExpressionValue {
        topics: Array::from(&topics),
        version: resolved.version,
        timestamp: resolved.time,
    };
    Record { key: regex_key(group, regex), value: Some(value.to_bytes()) }
}

/// Nobody has an expression any more.
pub(super) fn no_regex(group: &str, regex: &str) -> Record {
    Record { key: regex_key(group, regex), value: None }
}

/// A member is gone. The order counts: what it has first.
pub(super) fn no_member(group: &str, member: &str) -> [Record; 3] {
    let key = ConsumerGroupMemberMetadataKey { group_id: group, member_id: member };
    let key = GroupKey::ConsumerGroupMemberMetadata(key).to_bytes();
    [current_key(group, member), target_key(group, member), key]
        .map(|key| Record { key, value: None })
}

/// The record of a type that is not written any more is not needed.
pub(super) fn no_obsolete(group: &str) -> Record {
    let key = ConsumerGroupPartitionMetadataKey { group_id: group };
    Record { key: GroupKey::ConsumerGroupPartitionMetadata(key).to_bytes(), value: None }
}

impl Consumer {
    /// The end of the group, in Kafka's order.
    pub(in super::super) fn tombstones(&self) -> Vec<Record> {
        self.tombstones_of(&|id| id.into())
    }

    /// The same, where a member's records bear another id.
    pub(super) fn tombstones_of(&self, id: &dyn Fn(&str) -> Arc<str>) -> Vec<Record> {
        let group = &*self.id;
        let (mut current, mut targets, mut members) = (Vec::new(), Vec::new(), Vec::new());
        for member in self.members.keys() {
            let [has, is_to_have, is] = no_member(group, &id(member));
            current.push(has);
            targets.push(is_to_have);
            members.push(is);
        }
        let mut records = current;
        records.append(&mut targets);
        records.push(Record { key: target_epoch_key(group), value: None });
        records.append(&mut members);
        records.extend(self.regexes.keys().map(|regex| no_regex(group, regex)));
        records.push(no_obsolete(group));
        let key = ConsumerGroupMetadataKey { group_id: group };
        let key = GroupKey::ConsumerGroupMetadata(key).to_bytes();
        records.push(Record { key, value: None });
        records
    }
}

fn target_key(group: &str, member: &str) -> Vec<u8> {
    let key = ConsumerGroupTargetAssignmentMemberKey { group_id: group, member_id: member };
    GroupKey::ConsumerGroupTargetAssignmentMember(key).to_bytes()
}

fn target_epoch_key(group: &str) -> Vec<u8> {
    let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: group };
    GroupKey::ConsumerGroupTargetAssignmentMetadata(key).to_bytes()
}

fn current_key(group: &str, member: &str) -> Vec<u8> {
    let key = ConsumerGroupCurrentMemberAssignmentKey { group_id: group, member_id: member };
    GroupKey::ConsumerGroupCurrentMemberAssignment(key).to_bytes()
}

fn regex_key(group: &str, regex: &str) -> Vec<u8> {
    let key = ConsumerGroupRegularExpressionKey { group_id: group, regular_expression: regex };
    GroupKey::ConsumerGroupRegularExpression(key).to_bytes()
}
