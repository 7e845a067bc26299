//! ConsumerGroupHeartbeat (PROTOCOL 5.2, KIP-848): the answer's body.

use crate::coordinator::groups::consumer::ConsumerReply;
use crate::wire::codec::{Array, Message, Writer};
use crate::wire::messages::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatResponse, TopicPartitions,
};

/// Writes the body of an answer.
pub(super) fn write(reply: &ConsumerReply, version: i16, out: &mut Writer) {
    let lists: Vec<(_, Vec<i32>)> = reply
        .assignment
        .iter()
        .flat_map(|assignment| assignment.iter())
        .map(|(topic, list)| (*topic, list.keys().copied().collect()))
        .collect();
    let topics: Vec<TopicPartitions<'_>> = lists
        .iter()
        .map(|(topic, list)| TopicPartitions { topic_id: *topic, partitions: Array::from(list) })
        .collect();
    let has_assignment = reply.assignment.is_some();
    let response = ConsumerGroupHeartbeatResponse {
        throttle_time_ms: 0,
        error_code: reply.code,
        error_message: reply.message.as_deref(),
        member_id: reply.member_id.as_deref(),
        member_epoch: reply.member_epoch,
        heartbeat_interval_ms: reply.heartbeat_interval,
        assignment: has_assignment.then(|| Assignment { topic_partitions: Array::from(&topics) }),
    };
    response.encode(out, version);
}
