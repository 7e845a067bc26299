//! Requests as they were when they were sent, and how the coordinator is asked them.

use super::Parts;
use barnabas::coordinator::groups::{Caller, Effects, Shard, Token, World};
use barnabas::wire::codec::Array;
use barnabas::wire::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, TopicPartitions,
};
use barnabas::wire::messages::heartbeat::HeartbeatRequest;
use barnabas::wire::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use barnabas::wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use barnabas::wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use barnabas::wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use barnabas::wire::uuid::Uuid;
use std::collections::BTreeMap;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Who {
    pub group: String,
    pub id: String,
    pub instance: Option<String>,
    /// The generation, or the member's epoch.
    pub epoch: i32,
}

/// What is asked.
#[derive(Debug, Clone)]
pub enum Ask {
    /// ConsumerGroupHeartbeat; what is not said is as it was.
    Report {
        wishes: Option<Wishes>,
        owned: Option<Parts>,
    },
    Join {
        version: i16,
        session: i32,
        rebalance: i32,
        metadata: Vec<u8>,
    },
    Sync {
        plan: BTreeMap<String, Vec<u8>>,
    },
    Beat,
    Leave,
    Commit(Commit),
}

/// What a member wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wishes {
    pub topics: Vec<String>,
    pub regex: String,
    pub assignor: Option<String>,
    pub timeout: i32,
}

/// One offset or more of one topic.
#[derive(Debug, Clone)]
pub struct Commit {
    pub version: i16,
    pub topic: String,
    pub topic_id: Uuid,
    /// Partition, offset and leader epoch; what is written beside it follows from the offset.
    pub partitions: Vec<(i32, i64, i32)>,
}

pub fn metadata_of(offset: i64) -> String {
    if offset % 3 == 0 { format!("at {offset}") } else { String::new() }
}

type Coordinator<'a, 'w> = (&'a mut Shard, &'a mut World<'w>, &'a mut Effects);

pub fn ask(who: &Who, ask: &Ask, token: Token, coordinator: Coordinator<'_, '_>) {
    let (shard, world, effects) = coordinator;
    let (group_id, member_id) = (who.group.as_str(), who.id.as_str());
    let group_instance_id = who.instance.as_deref();
    match ask {
        Ask::Report { wishes, owned } => {
            report(who, (wishes.as_ref(), owned.as_ref()), token, (shard, world, effects));
        }
        Ask::Join { version, session, rebalance, metadata } => {
            let protocols = [JoinGroupRequestProtocol { name: "range", metadata }];
            let request = JoinGroupRequest {
                group_id,
                session_timeout_ms: *session,
                rebalance_timeout_ms: *rebalance,
                member_id,
                group_instance_id,
                protocol_type: "consumer",
                protocols: Array::from(&protocols),
                reason: None,
            };
            let caller = Caller { client_id: "c", host: "/127.0.0.1", version: *version };
            shard.join(world, caller, &request, token, effects);
        }
        Ask::Sync { plan } => {
            let given: Vec<_> = plan
                .iter()
                .map(|(member_id, assignment)| SyncGroupRequestAssignment { member_id, assignment })
                .collect();
            let request = SyncGroupRequest {
                group_id,
                generation_id: who.epoch,
                member_id,
                group_instance_id,
                protocol_type: Some("consumer"),
                protocol_name: Some("range"),
                assignments: Array::from(&given),
            };
            shard.sync(world, &request, token, effects);
        }
        Ask::Beat => {
            let generation_id = who.epoch;
            let request =
                HeartbeatRequest { group_id, generation_id, member_id, group_instance_id };
            shard.heartbeat(world, &request, token, effects);
        }
        Ask::Leave => {
            let one = [MemberIdentity { member_id, group_instance_id, reason: None }];
            let request = LeaveGroupRequest { group_id, member_id, members: Array::from(&one) };
            shard.leave(world, 5, &request, token, effects);
        }
        Ask::Commit(commit) => committed(who, commit, token, (shard, world, effects)),
    }
}

fn report(
    who: &Who,
    (wishes, owned): (Option<&Wishes>, Option<&Parts>),
    token: Token,
    (shard, world, effects): Coordinator<'_, '_>,
) {
    let names: Option<Vec<&str>> =
        wishes.map(|wishes| wishes.topics.iter().map(String::as_str).collect());
    let mut by_topic: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in owned.into_iter().flatten() {
        by_topic.entry(*topic).or_default().push(*partition);
    }
    let owned: Option<Vec<TopicPartitions<'_>>> = owned.map(|_| {
        let one = |(topic_id, list): (&Uuid, _)| TopicPartitions {
            topic_id: *topic_id,
            partitions: Array::from(list),
        };
        by_topic.iter().map(one).collect()
    });
    let request = ConsumerGroupHeartbeatRequest {
        group_id: &who.group,
        member_id: &who.id,
        member_epoch: who.epoch,
        instance_id: who.instance.as_deref(),
        rack_id: None,
        rebalance_timeout_ms: wishes.map_or(-1, |wishes| wishes.timeout),
        subscribed_topic_names: names.as_ref().map(Array::from),
        subscribed_topic_regex: wishes.map(|wishes| wishes.regex.as_str()),
        server_assignor: wishes.and_then(|wishes| wishes.assignor.as_deref()),
        topic_partitions: owned.as_ref().map(Array::from),
    };
    let caller = Caller { client_id: "c", host: "/127.0.0.1", version: 1 };
    shard.consumer_heartbeat(world, caller, &request, token, effects);
}

fn committed(
    who: &Who,
    commit: &Commit,
    token: Token,
    (shard, world, effects): Coordinator<'_, '_>,
) {
    let texts: Vec<_> =
        commit.partitions.iter().map(|(_, offset, _)| metadata_of(*offset)).collect();
    let partitions: Vec<_> = commit
        .partitions
        .iter()
        .zip(&texts)
        .map(|((partition, offset, epoch), text)| OffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *offset,
            committed_leader_epoch: *epoch,
            committed_metadata: Some(text),
        })
        .collect();
    let topics = [OffsetCommitRequestTopic {
        name: &commit.topic,
        topic_id: commit.topic_id,
        partitions: Array::from(&partitions),
    }];
    let request = OffsetCommitRequest {
        group_id: &who.group,
        generation_id_or_member_epoch: who.epoch,
        member_id: &who.id,
        group_instance_id: who.instance.as_deref(),
        retention_time_ms: -1,
        topics: Array::from(&topics),
    };
    shard.commit(world, commit.version, &request, token, effects);
}
