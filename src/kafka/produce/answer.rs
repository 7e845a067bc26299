//! The answer to a Produce request: one row for each partition.

use std::sync::Arc;

use crate::broker::Tag;
use crate::catalog::Partition;
use crate::kafka::call::{Call, begin, finish};
use crate::log::Appended;
use crate::wire::api::ApiKey;
use crate::wire::codec::{Array, Message, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use crate::wire::uuid::Uuid;

/// What became of one partition's batch.
#[derive(Default)]
pub struct Outcome {
    /// The place of its topic among those of the request, where it is named first.
    pub(super) topic: usize,
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

    /// That of a batch that is in the log, and of which so many bytes were not before.
    pub(super) fn appended(partition: &Arc<Partition>, appended: &Appended, bytes: u64) -> Self {
        let to_flush = |to| Unflushed { partition: partition.clone(), to, bytes };
        Self {
            unflushed: appended.flush_to.map(to_flush),
            base_offset: appended.base_offset,
            log_append_time_ms: appended.log_append_time_ms,
            log_start_offset: appended.log_start_offset,
            ..Self::failed(partition.index, ErrorCode::NONE)
        }
    }

    /// The outcome after the flush that was waited for.
    pub(super) fn after_flush(self) -> Self {
        match &self.unflushed {
            Some(batch) if !batch.partition.is_flushed(batch.to) => Self {
                topic: self.topic,
                ..Self::failed(self.index, ErrorCode::KAFKA_STORAGE_ERROR)
            },
            _ => self,
        }
    }
}

/// A topic of a request: its name, and its id.
pub(super) type Named<'r> = (&'r str, Uuid);

/// The batches that are not on the disk yet.
pub(super) fn unflushed(outcomes: &[Outcome]) -> impl Iterator<Item = &Unflushed> {
    outcomes.iter().filter_map(|outcome| outcome.unflushed.as_ref())
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

/// Writes the frame. Outcomes are in the order of their topics; what has none is not told.
pub(super) fn encode<'r>(
    head: Head,
    topics: impl Iterator<Item = Named<'r>>,
    outcomes: &[Outcome],
    throttle_time_ms: i32,
    out: &mut Writer,
) {
    let mut topics = topics.enumerate();
    let mut named = |at: usize| topics.find(|(place, _)| *place == at).unwrap_or_default().1;
    // One partition is the most common of all requests, and takes no memory.
    if let [outcome] = outcomes
        && outcome.record_errors.is_empty()
    {
        let partition = [partition_row(outcome, Array::default())];
        let row = [topic_row(named(outcome.topic), Array::from(&partition))];
        return encode_rows(head, Array::from(&row), throttle_time_ms, out);
    }
    let errors: Vec<_> = outcomes.iter().map(error_rows).collect();
    let partition = |(outcome, errors)| partition_row(outcome, Array::from(errors));
    let partitions: Vec<_> = outcomes.iter().zip(&errors).map(partition).collect();
    let mut rows = Vec::new();
    let mut rest = &partitions[..];
    for of_topic in outcomes.chunk_by(|one, next| one.topic == next.topic) {
        let (row, behind) = rest.split_at(of_topic.len());
        rows.push(topic_row(named(of_topic[0].topic), Array::from(row)));
        rest = behind;
    }
    encode_rows(head, Array::from(&rows), throttle_time_ms, out);
}

fn encode_rows(
    head: Head,
    responses: Array<'_, TopicProduceResponse<'_>>,
    throttle_time_ms: i32,
    out: &mut Writer,
) {
    let response = ProduceResponse { responses, throttle_time_ms, ..Default::default() };
    begin(ApiKey::Produce, head.tag.version, head.correlation_id, out);
    response.encode(out, head.tag.version);
    finish(out);
}

fn topic_row<'a>(
    (name, topic_id): Named<'a>,
    partition_responses: Array<'a, PartitionProduceResponse<'a>>,
) -> TopicProduceResponse<'a> {
    TopicProduceResponse { name, topic_id, partition_responses }
}

/// The rows of refused records.
fn error_rows(outcome: &Outcome) -> Vec<BatchIndexAndErrorMessage<'_>> {
    let rows = outcome.record_errors.iter().map(|(at, message)| BatchIndexAndErrorMessage {
        batch_index: *at,
        batch_index_error_message: message.as_deref(),
    });
    rows.collect()
}

fn partition_row<'a>(
    outcome: &'a Outcome,
    record_errors: Array<'a, BatchIndexAndErrorMessage<'a>>,
) -> PartitionProduceResponse<'a> {
    PartitionProduceResponse {
        index: outcome.index,
        error_code: outcome.code,
        base_offset: outcome.base_offset,
        log_append_time_ms: outcome.log_append_time_ms,
        log_start_offset: outcome.log_start_offset,
        record_errors,
        error_message: outcome.message.as_deref(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::Reader;
    use crate::wire::header::ResponseHeader;

    /// Topics and partitions that an answer tells, and of each the message of its first refused record.
    type Told = Vec<(String, Vec<(i32, Option<String>)>)>;

    fn told(outcomes: &[Outcome]) -> Told {
        let version = 9;
        let names = ["a", "b", "c"].map(|name| (name, Uuid::ZERO));
        let mut out = Writer::new();
        let tag = Tag { api: ApiKey::Produce, version, received: std::time::Instant::now() };
        let head = Head { tag, correlation_id: 7 };
        encode(head, names.into_iter(), outcomes, 0, &mut out);
        let mut r = Reader::new(&out.bytes()[4..]);
        let header = ResponseHeader::decode(&mut r, ApiKey::Produce, version).unwrap();
        assert_eq!(header.correlation_id, 7);
        let response = ProduceResponse::decode(&mut r, version).unwrap();
        assert_eq!(r.remaining(), 0);
        let partition = |row: PartitionProduceResponse<'_>| {
            let error = row.record_errors.iter().next();
            let message = error.and_then(|error| error.batch_index_error_message);
            (row.index, message.map(str::to_owned))
        };
        let topic = |row: TopicProduceResponse<'_>| {
            (row.name.to_owned(), row.partition_responses.iter().map(partition).collect())
        };
        response.responses.iter().map(topic).collect()
    }

    fn outcome(topic: usize, index: i32, message: Option<&str>) -> Outcome {
        let record_errors = message.map(|message| (0, Some(message.to_owned())));
        let failed = Outcome::failed(index, ErrorCode::NONE);
        Outcome { topic, record_errors: record_errors.into_iter().collect(), ..failed }
    }

    #[test]
    fn partitions_are_told_under_their_topics_and_topics_without_any_are_not() {
        let row = |index| (index, None);
        assert_eq!(told(&[]), []);
        assert_eq!(told(&[outcome(1, 5, None)]), [("b".to_owned(), vec![row(5)])]);
        let refused = [("c".to_owned(), vec![(5, Some("why".to_owned()))])];
        assert_eq!(told(&[outcome(2, 5, Some("why"))]), refused);
        let several = [outcome(0, 3, None), outcome(0, 1, Some("no")), outcome(2, 0, None)];
        let rows = vec![row(3), (1, Some("no".to_owned()))];
        assert_eq!(told(&several), [("a".to_owned(), rows), ("c".to_owned(), vec![row(0)])]);
    }
}
