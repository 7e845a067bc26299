//! DeleteRecords (PROTOCOL 5.3; Kafka's `ReplicaManager.deleteRecordsOnLocalLog`): moves the log
//! start offset; what lies below is gone for readers.

use std::sync::Arc;

use super::call::{Call, decode, respond};
use crate::broker::Controller;
use crate::catalog::{Partition, Topic};
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteRecordsTopicResult,
};

/// Stands for the high watermark.
const TO_HIGH_WATERMARK: i64 = -1;

/// Answers the request.
///
/// # Errors
/// When the body cannot be read.
pub fn handle(
    controller: &mut Controller,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), DecodeError> {
    let request: DeleteRecordsRequest<'_> = decode(call, body)?;
    let shared = controller.shared().clone();
    let mut answers = Vec::with_capacity(request.topics.len());
    let mut moved = Vec::new();
    for topic in request.topics.iter() {
        let known = shared.topics.by_name(topic.name);
        let mut row = |asked: DeleteRecordsPartition| {
            let known = known.as_deref().ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            let (low_watermark, error_code) = match known.and_then(|topic| delete(topic, &asked)) {
                Ok((partition, low_watermark)) => {
                    moved.push(partition);
                    (low_watermark, ErrorCode::NONE)
                }
                Err(code) => (-1, code),
            };
            DeleteRecordsPartitionResult {
                partition_index: asked.partition_index,
                low_watermark,
                error_code,
            }
        };
        answers.push((topic.name, topic.partitions.iter().map(&mut row).collect::<Vec<_>>()));
    }
    encode(call, &answers, out);
    // What is answered outlives this process.
    for row in answers.iter_mut().flat_map(|(_, rows)| rows) {
        if row.error_code == ErrorCode::NONE {
            (row.low_watermark, row.error_code) = (-1, ErrorCode::KAFKA_STORAGE_ERROR);
        }
    }
    let mut refusal = Writer::new();
    encode(call, &answers, &mut refusal);
    controller.note_log_starts(moved, refusal.into());
    Ok(())
}

fn encode(
    call: &Call<'_>,
    answers: &[(&str, Vec<DeleteRecordsPartitionResult>)],
    out: &mut Writer,
) {
    let mut topics = Vec::with_capacity(answers.len());
    for (name, rows) in answers {
        topics.push(DeleteRecordsTopicResult { name, partitions: Array::from(rows) });
    }
    respond(
        call,
        &DeleteRecordsResponse { topics: Array::from(&topics), ..Default::default() },
        out,
    );
}

fn delete(
    topic: &Topic,
    asked: &DeleteRecordsPartition,
) -> Result<(Arc<Partition>, i64), ErrorCode> {
    let partition =
        topic.partition(asked.partition_index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    if topic.internal {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    let policy = topic.config().cleanup_policy;
    if policy.compact && !policy.delete {
        return Err(ErrorCode::POLICY_VIOLATION);
    }
    let log = partition.log().ok_or(ErrorCode::KAFKA_STORAGE_ERROR)?;
    let high_watermark = log.offsets().high_watermark;
    let target = if asked.offset == TO_HIGH_WATERMARK { high_watermark } else { asked.offset };
    if !(0..=high_watermark).contains(&target) {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    log.delete_records_before(target).map_err(|why| {
        ::log::error!(partition:% = partition.name(), error:% = why; "cannot delete records");
        partition.fail_if_permanent(why.storage());
        why.code()
    })?;
    Ok((partition.clone(), log.offsets().log_start))
}
