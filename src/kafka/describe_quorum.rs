//! DescribeQuorum (Kafka's `KafkaRaftClient`, `LeaderState`): who leads the metadata, and how far its
//! log is. A quorum of one: this node leads, and nobody follows.
//!
//! A node's listeners are those of its controller, and none is opened here: the answer names none,
//! not the address that the log keeps for a Kafka on this directory.

use super::call::{Call, bounded, decode, respond};
use crate::broker::{Controller, now_ms};
use crate::catalog::CLUSTER_METADATA;
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Node, PartitionData, ReplicaState, TopicData,
};

/// Answers the request.
///
/// # Errors
/// When the body cannot be read, or it names too much.
pub fn handle(
    controller: &mut Controller,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), DecodeError> {
    let request: DescribeQuorumRequest<'_> = decode(call, body)?;
    let asked = |topic: &str, partitions: &[i32]| topic == CLUSTER_METADATA && partitions == [0];
    let mut topics: Vec<(&str, Vec<i32>)> = Vec::new();
    let mut count = request.topics.len();
    for topic in request.topics.iter() {
        count += topic.partitions.len();
        bounded(body, count)?;
        let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
        topics.push((topic.topic_name, indexes.collect()));
    }
    match &topics[..] {
        [(topic, partitions)] if asked(topic, partitions) => tell(controller, call, out),
        _ => refuse(&topics, call, out),
    }
    Ok(())
}

fn tell(controller: &Controller, call: &Call<'_>, out: &mut Writer) {
    let quorum = controller.quorum();
    let now = now_ms();
    let voters = [ReplicaState {
        replica_id: quorum.node_id,
        replica_directory_id: quorum.directory_id,
        log_end_offset: quorum.log_end,
        last_fetch_timestamp: now,
        last_caught_up_timestamp: now,
    }];
    let partitions = [PartitionData {
        leader_id: quorum.node_id,
        leader_epoch: quorum.epoch,
        high_watermark: quorum.high_watermark,
        current_voters: Array::from(&voters),
        ..Default::default()
    }];
    let topics = [TopicData { topic_name: CLUSTER_METADATA, partitions: Array::from(&partitions) }];
    let nodes = [Node { node_id: quorum.node_id, ..Default::default() }];
    let response = DescribeQuorumResponse {
        topics: Array::from(&topics),
        nodes: Array::from(&nodes),
        ..Default::default()
    };
    respond(call, &response, out);
}

/// Only one partition has a quorum, and it must be asked for alone.
fn refuse(asked: &[(&str, Vec<i32>)], call: &Call<'_>, out: &mut Writer) {
    let error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let row = |partition_index: &i32| PartitionData {
        partition_index: *partition_index,
        error_code,
        error_message: Some(error_code.message()),
        ..Default::default()
    };
    let rows: Vec<Vec<PartitionData<'_>>> =
        asked.iter().map(|(_, partitions)| partitions.iter().map(row).collect()).collect();
    let mut topics = Vec::with_capacity(asked.len());
    for ((topic_name, _), partitions) in asked.iter().zip(&rows) {
        topics.push(TopicData { topic_name, partitions: Array::from(partitions) });
    }
    let response = DescribeQuorumResponse { topics: Array::from(&topics), ..Default::default() };
    respond(call, &response, out);
}
