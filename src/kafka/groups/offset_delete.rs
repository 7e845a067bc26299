//! OffsetDelete (PROTOCOL 5.2): the answer's body.

use crate::coordinator::groups::offsets::{OffsetDeleteReply, TopicResults};
use crate::wire::codec::{Array, Message, Writer};
use crate::wire::messages::offset_delete::{
    OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

/// Writes the body of the answer.
pub(super) fn write(reply: &OffsetDeleteReply, version: i16, out: &mut Writer) {
    let partition = |(partition_index, error_code): &(_, _)| OffsetDeleteResponsePartition {
        partition_index: *partition_index,
        error_code: *error_code,
    };
    let partitions = |topic: &TopicResults| topic.partitions.iter().map(partition).collect();
    let partitions: Vec<Vec<_>> = reply.topics.iter().map(partitions).collect();
    let topics: Vec<_> = reply
        .topics
        .iter()
        .zip(&partitions)
        .map(|(topic, partitions)| OffsetDeleteResponseTopic {
            name: &topic.name,
            partitions: Array::from(partitions),
        })
        .collect();
    let topics = Array::from(&topics);
    let (error_code, throttle_time_ms) = (reply.code, 0);
    OffsetDeleteResponse { error_code, throttle_time_ms, topics }.encode(out, version);
}
