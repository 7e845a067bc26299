//! The answer to a Produce request: one row for each partition.

use std::borrow::Cow;
use std::sync::Arc;

use crate::broker::Tag;
use crate::catalog::Partition;
use crate::kafka::call::{Call, begin, finish};
use crate::wire::api::ApiKey;
use crate::wire::codec::{Array, Message, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use crate::wire::uuid::Uuid;

/// What became of one partition's batch.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) index: i32,
    pub(super) code: ErrorCode,
    pub(super) base_offset: i64,
    pub(super) log_append_time_ms: i64,
    pub(super) log_start_offset: i64,
    pub(super) message: Option<String>,
    pub(super) record_errors: Vec<(i32, Option<String>)>,
    /// The answer must wait until the batch is on the disk.
    pub(super) unflushed: Option<Unflushed>,
}

/// A batch that is not on the disk yet.
pub(super) struct Unflushed {
    pub(super) partition: Arc<Partition>,
    /// The offset after it.
    pub(super) to: i64,
    /// Bytes that consumers do not see yet.
    pub(super) bytes: u64,
}

impl Outcome {
    pub(super) fn failed(index: i32, code: ErrorCode) -> Self {
        let none = Self { base_offset: -1, log_append_time_ms: -1, ..Self::default() };
        Self { index, code, log_start_offset: -1, ..none }
    }

    /// The outcome after the flush that was waited for.
    fn after_flush(self) -> Self {
        match &self.unflushed {
            Some(batch) if !batch.partition.is_flushed(batch.to) => {
                Self::failed(self.index, ErrorCode::KAFKA_STORAGE_ERROR)
            }
            _ => self,
        }
    }
}

/// What became of one topic's batches.
pub(super) struct Row<'r> {
    pub(super) name: Cow<'r, str>,
    pub(super) topic_id: Uuid,
    pub(super) outcomes: Vec<Outcome>,
}

impl Row<'_> {
    /// The same, to be kept.
    pub(super) fn into_owned(self) -> Row<'static> {
        let Row { name, topic_id, outcomes } = self;
        Row { name: Cow::Owned(name.into_owned()), topic_id, outcomes }
    }

    /// The row after the flushes that were waited for.
    pub(super) fn after_flush(self) -> Self {
        let outcomes = self.outcomes.into_iter().map(Outcome::after_flush).collect();
        Row { outcomes, ..self }
    }

    /// The batches that are not on the disk yet.
    pub(super) fn unflushed(&self) -> impl Iterator<Item = &Unflushed> {
        self.outcomes.iter().filter_map(|outcome| outcome.unflushed.as_ref())
    }
}

/// What the head of an answer needs of its request.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) tag: Tag,
    correlation_id: i32,
}

impl From<&Call<'_>> for Head {
    fn from(call: &Call<'_>) -> Self {
        Self { tag: call.tag(), correlation_id: call.header.correlation_id }
    }
}

/// Writes the frame.
pub(super) fn encode(head: Head, topics: &[Row<'_>], throttle_time_ms: i32, out: &mut Writer) {
    let errors: Vec<_> = topics.iter().map(|topic| error_rows(&topic.outcomes)).collect();
    let mut partitions = Vec::with_capacity(topics.len());
    for (topic, errors) in topics.iter().zip(&errors) {
        partitions.push(partition_rows(&topic.outcomes, errors));
    }
    let mut rows = Vec::with_capacity(topics.len());
    for (topic, partitions) in topics.iter().zip(&partitions) {
        let partition_responses = Array::from(partitions);
        rows.push(TopicProduceResponse {
            name: &topic.name,
            topic_id: topic.topic_id,
            partition_responses,
        });
    }
    let responses = Array::from(&rows);
    let response = ProduceResponse { responses, throttle_time_ms, ..Default::default() };
    begin(ApiKey::Produce, head.tag.version, head.correlation_id, out);
    response.encode(out, head.tag.version);
    finish(out);
}

/// The rows of refused records, by partition; nothing at all when no record was refused.
fn error_rows(outcomes: &[Outcome]) -> Vec<Vec<BatchIndexAndErrorMessage<'_>>> {
    if outcomes.iter().all(|outcome| outcome.record_errors.is_empty()) {
        return Vec::new();
    }
    let mut all = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        let mut rows = Vec::with_capacity(outcome.record_errors.len());
        for (batch_index, message) in &outcome.record_errors {
            let batch_index_error_message = message.as_deref();
            rows.push(BatchIndexAndErrorMessage {
                batch_index: *batch_index,
                batch_index_error_message,
            });
        }
        all.push(rows);
    }
    all
}

fn partition_rows<'a>(
    outcomes: &'a [Outcome],
    errors: &'a [Vec<BatchIndexAndErrorMessage<'a>>],
) -> Vec<PartitionProduceResponse<'a>> {
    let row = |(at, outcome): (usize, &'a Outcome)| PartitionProduceResponse {
        index: outcome.index,
        error_code: outcome.code,
        base_offset: outcome.base_offset,
        log_append_time_ms: outcome.log_append_time_ms,
        log_start_offset: outcome.log_start_offset,
        record_errors: errors.get(at).map_or_else(Array::default, Array::from),
        error_message: outcome.message.as_deref(),
        ..Default::default()
    };
    outcomes.iter().enumerate().map(row).collect()
}
