//! OffsetCommit (PROTOCOL 10.5): the answer's body.

use crate::coordinator::groups::offsets::{CommitReply, TopicResults};
use crate::wire::codec::{Array, Message, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

/// Writes the body of the answer.
pub(super) fn write(reply: &CommitReply, version: i16, out: &mut Writer) {
    let partition = |(partition_index, error_code): &(_, _)| OffsetCommitResponsePartition {
        partition_index: *partition_index,
        error_code: *error_code,
    };
    let partitions = |topic: &TopicResults| topic.partitions.iter().map(partition).collect();
    let partitions: Vec<Vec<_>> = reply.topics.iter().map(partitions).collect();
    let topics: Vec<_> = reply
        .topics
        .iter()
        .zip(&partitions)
        .map(|(topic, partitions)| OffsetCommitResponseTopic {
            name: &topic.name,
            topic_id: topic.id,
            partitions: Array::from(partitions),
        })
        .collect();
    OffsetCommitResponse { topics: Array::from(&topics), ..Default::default() }
        .encode(out, version);
}

/// The answer where there is no coordinator: every partition has its error.
pub(super) fn refused(request: &OffsetCommitRequest<'_>, code: ErrorCode) -> CommitReply {
    let topic = |topic: OffsetCommitRequestTopic<'_>| TopicResults {
        name: topic.name.into(),
        id: topic.topic_id,
        partitions: topic.partitions.iter().map(|one| (one.partition_index, code)).collect(),
    };
    CommitReply { topics: request.topics.iter().map(topic).collect() }
}
