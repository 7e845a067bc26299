//! ConsumerGroupDescribe (PROTOCOL 5.2, KIP-848): the answer's body, group by group.

use super::super::metadata::NOT_ASKED;
use super::describe_groups::GROUP_OPERATIONS;
use super::room::{Rows, Unserved};
use crate::coordinator::groups::consumer::{Consumer, Member, Refusal};
use crate::coordinator::groups::{Settings, TopicsView};
use crate::wire::codec::{Array, Message, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::consumer_group_describe::{
    Assignment, ConsumerGroupDescribeResponse, DescribedGroup, Member as Described, TopicPartitions,
};
use crate::wire::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The groups described so far, encoded.
#[derive(Debug)]
pub(super) struct Description {
    groups: Rows,
}

/// Partitions of the topics that are still there.
type Lists = Vec<(Uuid, Arc<str>, Vec<i32>)>;

impl Description {
    /// Of no group yet, in so many bytes at most.
    pub(super) fn within(limit: usize) -> Description {
        Description { groups: Rows::within(limit) }
    }

    /// Adds a group that there is, or why there is none.
    pub(super) fn add(
        &mut self,
        group_id: &str,
        described: Result<&Consumer, Refusal>,
        with_operations: bool,
        (topics, settings): (&dyn TopicsView, &Settings),
        version: i16,
    ) -> Result<(), Unserved> {
        let group = match described {
            Ok(group) => group,
            Err(refusal) => {
                return self.push_refused(group_id, refusal.code, Some(&refusal.message), version);
            }
        };
        let mut members = Writer::new();
        for member in group.members.values() {
            add_member(group, member, topics, version, &mut members);
            if members.len() > self.groups.left() {
                // It was named again and again.
                return self.add_refused(group_id, ErrorCode::UNKNOWN_SERVER_ERROR, version);
            }
        }
        let assignor = group.assignor_name(settings);
        let group = DescribedGroup {
            group_id,
            group_state: group.state().name(),
            group_epoch: group.epoch,
            assignment_epoch: group.target_epoch,
            assignor_name: &assignor,
            members: Array::written(group.members.len(), &members, version),
            authorized_operations: if with_operations { GROUP_OPERATIONS } else { NOT_ASKED },
            ..Default::default()
        };
        self.groups.push(&group, version)
    }

    /// Adds a group whose coordinator cannot be asked.
    pub(super) fn add_refused(
        &mut self,
        group_id: &str,
        error_code: ErrorCode,
        version: i16,
    ) -> Result<(), Unserved> {
        self.push_refused(group_id, error_code, None, version)
    }

    fn push_refused(
        &mut self,
        group_id: &str,
        error_code: ErrorCode,
        error_message: Option<&str>,
        version: i16,
    ) -> Result<(), Unserved> {
        let group = DescribedGroup { error_code, error_message, group_id, ..Default::default() };
        self.groups.push(&group, version)
    }

    /// Writes the body of the answer.
    pub(super) fn write(&self, version: i16, out: &mut Writer) {
        let groups = self.groups.all(version);
        ConsumerGroupDescribeResponse { throttle_time_ms: 0, groups }.encode(out, version);
    }
}

fn add_member(
    group: &Consumer,
    member: &Member,
    topics: &dyn TopicsView,
    version: i16,
    out: &mut Writer,
) {
    let names: Vec<&str> = member.topics.iter().map(|name| &**name).collect();
    // It has what it is to give back until it has done so.
    let mut holds: BTreeMap<Uuid, BTreeSet<i32>> = BTreeMap::new();
    for (topic, list) in member.assigned.iter().chain(member.revoking.iter()) {
        holds.entry(*topic).or_default().extend(list.keys());
    }
    let (holds, target) = (named(&holds, topics), named(&group.target(&member.id), topics));
    let (holds, target) = (encoded(&holds), encoded(&target));
    let described = Described {
        member_id: &member.id,
        instance_id: member.instance_id.as_deref(),
        rack_id: member.rack_id.as_deref(),
        member_epoch: member.epoch,
        client_id: &member.client_id,
        client_host: &member.client_host,
        subscribed_topic_names: Array::from(&names),
        subscribed_topic_regex: Some(&member.regex),
        assignment: Assignment { topic_partitions: Array::from(&holds) },
        target_assignment: Assignment { topic_partitions: Array::from(&target) },
        member_type: i8::from(member.classic.is_none()),
    };
    described.encode(out, version);
}

fn named(partitions: &BTreeMap<Uuid, BTreeSet<i32>>, topics: &dyn TopicsView) -> Lists {
    let one = |(id, list): (&Uuid, &BTreeSet<i32>)| {
        Some((*id, topics.name(*id)?, list.iter().copied().collect()))
    };
    partitions.iter().filter_map(one).collect()
}

fn encoded(lists: &Lists) -> Vec<TopicPartitions<'_>> {
    lists
        .iter()
        .map(|(topic_id, topic_name, list)| TopicPartitions {
            topic_id: *topic_id,
            topic_name,
            partitions: Array::from(list),
        })
        .collect()
}
