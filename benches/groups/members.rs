//! Memory of groups with members, as they are after a start: by the group and by the member, of each protocol.

use super::resident;
use barnabas::coordinator::groups::Shard;
use barnabas::wire::codec::Array;
use barnabas::wire::group_records::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue, GroupKey, GroupMetadataKey, GroupMetadataValue,
    MemberMetadata, TopicPartition, TopicPartitions,
};
use barnabas::wire::uuid::Uuid;

pub const PROTOCOLS: [&str; 2] = ["classic", "consumer"];
/// Groups and members of each.
pub const SHAPES: [[usize; 2]; 3] = [[10_000, 10], [100_000, 1], [10, 10_000]];

const TOPIC: &str = "some.topic";
const STATE_STABLE: i8 = 0;

/// Replays groups of a protocol; prints what each group and each member takes.
pub fn replay(protocol: usize, shape: usize) {
    let [groups, members] = SHAPES[shape];
    let mut shard = Shard::new();
    let before = resident();
    for group in 0..groups {
        let group = format!("consumers-of-{group}");
        match protocol {
            0 => classic(&mut shard, &group, members),
            _ => consumer(&mut shard, &group, members),
        }
    }
    let taken = resident() - before;
    let counted = shard.member_bytes() as i64;
    let all = (groups * members) as i64;
    println!("{} | {} | {}", taken / groups as i64, taken / all, counted / all);
}

fn name(member: usize) -> String {
    format!("consumer-some-application-1-0c2f1b1e-6d0a-4a53-9a2b-{member:012}")
}

/// A member's subscription to one topic, and one partition of it, as Java's range assignor writes them.
fn classic(shard: &mut Shard, group: &str, members: usize) {
    let names: Vec<String> = (0..members).map(name).collect();
    let subscription =
        [&[0, 1, 0, 0, 0, 1, 0, TOPIC.len() as u8][..], TOPIC.as_bytes(), &[255; 8]].concat();
    let assignment =
        [&[0, 1, 0, 0, 0, 1, 0, TOPIC.len() as u8][..], TOPIC.as_bytes(), &[0; 12]].concat();
    let members: Vec<MemberMetadata<'_>> = names
        .iter()
        .map(|name| MemberMetadata {
            member_id: name,
            client_id: "some-application-1",
            client_host: "/127.0.0.1",
            rebalance_timeout: 300_000,
            session_timeout: 45_000,
            subscription: &subscription,
            assignment: &assignment,
            ..Default::default()
        })
        .collect();
    let value = GroupMetadataValue {
        protocol_type: "consumer",
        generation: 1,
        protocol: Some("range"),
        leader: names.first().map(String::as_str),
        current_state_timestamp: 1,
        members: Array::from(&members),
    };
    put(shard, GroupKey::GroupMetadata(GroupMetadataKey { group }), &value.to_bytes());
}

fn consumer(shard: &mut Shard, group: &str, members: usize) {
    let epoch = GroupKey::ConsumerGroupMetadata(ConsumerGroupMetadataKey { group_id: group });
    put(shard, epoch, &ConsumerGroupMetadataValue { epoch: 1, metadata_hash: 1 }.to_bytes());
    let topic = Uuid::from_bytes([7; 16]);
    for member in 0..members {
        let member_id = &*name(member);
        let key = ConsumerGroupMemberMetadataKey { group_id: group, member_id };
        let value = ConsumerGroupMemberMetadataValue {
            client_id: "some-application-1",
            client_host: "/127.0.0.1",
            subscribed_topic_names: Array::from(&[TOPIC]),
            rebalance_timeout_ms: 300_000,
            ..Default::default()
        };
        put(shard, GroupKey::ConsumerGroupMemberMetadata(key), &value.to_bytes());
        let partitions = [member as i32];
        let key = ConsumerGroupTargetAssignmentMemberKey { group_id: group, member_id };
        let topics = [TopicPartition { topic_id: topic, partitions: Array::from(&partitions) }];
        let value =
            ConsumerGroupTargetAssignmentMemberValue { topic_partitions: Array::from(&topics) };
        put(shard, GroupKey::ConsumerGroupTargetAssignmentMember(key), &value.to_bytes());
        let key = ConsumerGroupCurrentMemberAssignmentKey { group_id: group, member_id };
        let topics = [TopicPartitions {
            topic_id: topic,
            partitions: Array::from(&partitions),
            ..Default::default()
        }];
        let value = ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: 1,
            state: STATE_STABLE,
            assigned_partitions: Array::from(&topics),
            ..Default::default()
        };
        put(shard, GroupKey::ConsumerGroupCurrentMemberAssignment(key), &value.to_bytes());
    }
    let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: group };
    let value =
        ConsumerGroupTargetAssignmentMetadataValue { assignment_epoch: 1, assignment_timestamp: 1 };
    put(shard, GroupKey::ConsumerGroupTargetAssignmentMetadata(key), &value.to_bytes());
}

fn put(shard: &mut Shard, key: GroupKey<'_>, value: &[u8]) {
    shard.replay(&key.to_bytes(), Some(value)).expect("a record");
}
