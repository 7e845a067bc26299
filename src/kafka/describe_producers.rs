//! DescribeProducers (PROTOCOL 5.3): the producers that a partition's log remembers.

use std::collections::BTreeSet;

use super::call::{Call, decode, respond};
use crate::broker::Shared;
use crate::catalog::Topic;
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState,
    TopicResponse,
};

type Row = (i32, Result<Vec<ProducerState>, (ErrorCode, Option<String>)>);

/// Answers the request.
///
/// # Errors
/// When the body cannot be read.
pub fn handle(
    shared: &Shared,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), DecodeError> {
    let request: DescribeProducersRequest<'_> = decode(call, body)?;
    let mut answers: Vec<(&str, Vec<Row>)> = Vec::with_capacity(request.topics.len());
    for topic in request.topics.iter() {
        let known = shared.topics.by_name(topic.name);
        // An answer holds thousands of times what was asked: each partition is told once.
        let indexes: BTreeSet<i32> = topic.partition_indexes.iter().collect();
        let row = |index| (index, describe(topic.name, known.as_deref(), index));
        let rows = indexes.into_iter().map(row);
        answers.push((topic.name, rows.collect()));
    }
    let partitions: Vec<Vec<PartitionResponse<'_>>> =
        answers.iter().map(|(_, rows)| rows.iter().map(partition).collect()).collect();
    let mut topics = Vec::with_capacity(answers.len());
    for ((name, _), partitions) in answers.iter().zip(&partitions) {
        topics.push(TopicResponse { name, partitions: Array::from(partitions) });
    }
    respond(
        call,
        &DescribeProducersResponse { topics: Array::from(&topics), ..Default::default() },
        out,
    );
    Ok(())
}

fn describe(
    name: &str,
    topic: Option<&Topic>,
    index: i32,
) -> Result<Vec<ProducerState>, (ErrorCode, Option<String>)> {
    if let Err(why) = crate::catalog::validate_topic_name(name) {
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, Some(why.to_string())));
    }
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let partition = topic.and_then(|topic| topic.partition(index));
    // Kafka has words for a topic that it does not know, none for a partition.
    let message = topic.is_none().then(|| unknown.message().to_owned());
    let partition = partition.ok_or((unknown, message))?;
    let log = partition.log().ok_or((ErrorCode::KAFKA_STORAGE_ERROR, None))?;
    let state = |producer: crate::log::ProducerInfo| ProducerState {
        producer_id: producer.producer_id,
        producer_epoch: i32::from(producer.producer_epoch),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.current_txn_start_offset,
    };
    Ok(log.producers().into_iter().map(state).collect())
}

fn partition((index, answer): &Row) -> PartitionResponse<'_> {
    match answer {
        Ok(producers) => PartitionResponse {
            partition_index: *index,
            active_producers: Array::from(producers),
            ..Default::default()
        },
        Err((error_code, message)) => PartitionResponse {
            partition_index: *index,
            error_code: *error_code,
            error_message: message.as_deref(),
            ..Default::default()
        },
    }
}
