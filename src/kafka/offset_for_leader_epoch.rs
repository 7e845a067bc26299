//! OffsetForLeaderEpoch (PROTOCOL 9.3): where an epoch ends, for clients that look for truncation.

use super::call::{Call, decode, respond};
use super::fetch::check_leader_epoch;
use crate::broker::Shared;
use crate::catalog::Partition;
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

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
    let request: OffsetForLeaderEpochRequest<'_> = decode(call, body)?;
    let mut answers = Vec::with_capacity(request.topics.len());
    for topic in request.topics.iter() {
        let known = shared.topics.by_name(topic.topic);
        let answer = |asked: OffsetForLeaderPartition| {
            let partition = known.as_ref().and_then(|known| known.partition(asked.partition));
            let found = partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            row(asked.partition, found.and_then(|partition| end_of_epoch(partition, &asked)))
        };
        answers.push((topic.topic, topic.partitions.iter().map(answer).collect::<Vec<_>>()));
    }
    let mut topics = Vec::with_capacity(answers.len());
    for (topic, rows) in &answers {
        topics.push(OffsetForLeaderTopicResult { topic, partitions: Array::from(rows) });
    }
    respond(
        call,
        &OffsetForLeaderEpochResponse { topics: Array::from(&topics), ..Default::default() },
        out,
    );
    Ok(())
}

fn end_of_epoch(
    partition: &Partition,
    asked: &OffsetForLeaderPartition,
) -> Result<(i32, i64), ErrorCode> {
    check_leader_epoch(asked.current_leader_epoch, partition.leader_epoch())?;
    partition.end_offset_for_epoch(asked.leader_epoch).ok_or(ErrorCode::KAFKA_STORAGE_ERROR)
}

fn row(partition: i32, answer: Result<(i32, i64), ErrorCode>) -> EpochEndOffset {
    match answer {
        Ok((leader_epoch, end_offset)) => {
            EpochEndOffset { error_code: ErrorCode::NONE, partition, leader_epoch, end_offset }
        }
        Err(error_code) => EpochEndOffset { error_code, partition, ..Default::default() },
    }
}
