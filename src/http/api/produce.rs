//! `POST /v1/topics/{name}/messages`: produces as a client with acks=all does, by the same validation and
//! the same append; where `flush.messages` asks for it, the answer waits for the disk.
//!
//! A batch is made for each partition that messages go to. Partitions stand for themselves, as in a Produce
//! request: where some fail and others do not, the error says what became of each.

use super::super::problem::Problem;
use super::super::query::Query;
use super::super::response::Response;
use super::given::New;
use super::messages::partition;
use super::{Made, controlled, partitioner};
use crate::broker::{Shared, Unflushed, WorkerMessage, now_ms};
use crate::catalog::{NewTopic, Partition, Topic, is_internal};
use crate::log::validate::{Rules, Scratch, validate};
use crate::wire::api::ApiKey;
use crate::wire::error::ErrorCode;
use crate::wire::records::BatchBuilder;
use crate::wire::records::builder::NewHeader;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What became of the messages: StrikeMQ's shape, of the first message's partition. Where there are others
/// `partitions` has them all.
#[derive(Serialize)]
struct Produced<'t> {
    topic: &'t str,
    partition: i32,
    base_offset: i64,
    record_count: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    partitions: Vec<Row>,
}

/// An error, and what became of each partition.
#[derive(Serialize)]
struct Failed<'p> {
    error: &'p str,
    code: &'static str,
    partitions: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    partition: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_offset: Option<i64>,
    record_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

/// What one partition says.
struct Outcome {
    partition: i32,
    records: usize,
    offset: Result<i64, Problem>,
}

pub(super) fn produce(
    shared: &Arc<Shared>,
    name: &str,
    query: &Query,
    messages: &[New],
) -> Result<Made, Problem> {
    let asked = query.index("partition");
    let topic = match shared.topics.by_name(name) {
        Some(topic) => topic,
        None => {
            ensure_within(shared, messages, asked)?;
            create(shared, name)?
        }
    };
    if topic.internal {
        let internal = ErrorCode::INVALID_TOPIC_EXCEPTION;
        return Err(Problem::kafka(internal, "Topics of the broker's own are not produced to"));
    }
    let places = places(&topic, messages, asked)?;
    let mut by_partition: BTreeMap<i32, Vec<&New>> = BTreeMap::new();
    for (message, index) in messages.iter().zip(&places) {
        by_partition.entry(*index).or_default().push(message);
    }
    let (due, wakes) = (Vec::new(), BTreeMap::new());
    let mut append = Append { shared, topic: &topic, now: now_ms(), due, wakes, bytes: 0 };
    let mut outcomes = Vec::with_capacity(by_partition.len());
    for (index, messages) in &by_partition {
        let offset = append.partition(*index, messages);
        outcomes.push(Outcome { partition: *index, records: messages.len(), offset });
    }
    let Append { due, wakes, bytes, .. } = append;
    for (worker, keys) in wakes {
        shared.tell_answer(worker, WorkerMessage::Wake(keys));
    }
    let first = places.first().copied().unwrap_or(0);
    // Who waits for the disk is slowed down by that.
    let delay = if due.is_empty() { shared.price_of(bytes) } else { Duration::ZERO };
    Ok(Made { response: answer(name, first, &outcomes), due, delay })
}

/// Refuses what a topic that is made for it would not have: a refusal leaves no topic behind.
fn ensure_within(shared: &Shared, messages: &[New], asked: Option<i32>) -> Result<(), Problem> {
    let all = 0..shared.config().num_partitions();
    let mut named = messages.iter().filter_map(|message| message.partition.or(asked));
    if named.all(|index| all.contains(&index)) { Ok(()) } else { Err(no_such_partition()) }
}

fn no_such_partition() -> Problem {
    Problem::kafka(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "Topic/partition not found")
}

/// The topic, made as it is for a producer that asks for one which is not there.
fn create(shared: &Arc<Shared>, name: &str) -> Result<Arc<Topic>, Problem> {
    let unknown = super::topics::unknown;
    if !shared.config().auto_create_topics_enable() || is_internal(name) {
        return Err(unknown());
    }
    let owned = name.to_owned();
    let created = controlled(shared, move |controller| {
        let (num_partitions, replication_factor) = (-1, -1);
        let topic =
            NewTopic { name: &owned, num_partitions, replication_factor, ..Default::default() };
        controller.create_topic(&topic, false)
    })?;
    match created {
        Ok(_) => ::log::info!(topic = name; "topic was created because a client asked for it"),
        // Somebody else was quicker.
        Err(why) if why.code == ErrorCode::TOPIC_ALREADY_EXISTS => {}
        Err(why) => return Err(why.into()),
    }
    shared.topics.by_name(name).ok_or_else(unknown)
}

/// The partition of each message: its own, that of the request, or the one that is chosen.
fn places(topic: &Topic, messages: &[New], asked: Option<i32>) -> Result<Vec<i32>, Problem> {
    let count = topic.partitions().len();
    let mut sticky = None;
    let mut place = |message: &New| {
        let chosen = message.partition.or(asked);
        let index = match (chosen, &message.key) {
            (Some(index), _) => index,
            (None, Some(key)) => i32::try_from(partitioner::of_key(key, count)).unwrap_or(0),
            (None, None) => {
                let any = sticky.get_or_insert_with(|| partitioner::of_no_key(count));
                i32::try_from(*any).unwrap_or(0)
            }
        };
        topic.partition(index).is_some().then_some(index).ok_or_else(no_such_partition)
    };
    messages.iter().map(&mut place).collect()
}

/// An append to some partitions of a topic.
struct Append<'a> {
    shared: &'a Shared,
    topic: &'a Topic,
    now: i64,
    /// What must be on the disk before the answer leaves.
    due: Vec<Unflushed>,
    /// Whom to wake, by worker.
    wakes: BTreeMap<usize, Vec<u64>>,
    /// How many were appended.
    bytes: u64,
}

impl Append<'_> {
    fn partition(&mut self, index: i32, messages: &[&New]) -> Result<i64, Problem> {
        let partition = partition(self.shared, &self.topic.name, index)?;
        let batch = self.batch(messages);
        let config = self.topic.config();
        let rules = Rules {
            config: &config,
            now_ms: self.now,
            produce_version: ApiKey::Produce.latest_stable_version(),
            topic: &self.topic.name,
            partition: index,
        };
        let mut scratch = Scratch::new();
        let valid = validate(&batch, &rules, &mut scratch).map_err(|why| {
            let first = why.record_errors.iter().find_map(|(_, text)| text.clone());
            Problem::kafka(why.code, first.unwrap_or(why.message))
        })?;
        let wakes = &mut self.wakes;
        let appended = partition
            .append(&valid, self.now, |one| wakes.entry(one.worker).or_default().push(one.key));
        let appended = appended.map_err(|why| refused(&partition, why.as_ref()))?;
        let bytes = valid.bytes.len() as u64;
        self.bytes += bytes;
        if let Some(to) = appended.flush_to {
            self.due.push(Unflushed { partition, to, bytes });
        }
        Ok(appended.base_offset)
    }

    fn batch(&self, messages: &[&New]) -> Vec<u8> {
        let mut batch = BatchBuilder::new();
        for message in messages {
            let mut headers: Vec<NewHeader<'_>> = Vec::with_capacity(message.headers.len());
            headers.extend(message.headers.iter().map(|(key, value)| (&**key, value.as_deref())));
            let time = message.timestamp.unwrap_or(self.now);
            batch.append(time, message.key.as_deref(), message.value.as_deref(), &headers);
        }
        batch.finish()
    }
}

fn refused(partition: &Partition, why: Option<&crate::log::AppendError>) -> Problem {
    let Some(why) = why else {
        return Problem::kafka(ErrorCode::KAFKA_STORAGE_ERROR, "The partition is offline");
    };
    let passes = why.storage().is_none_or(|why| !why.is_permanent());
    let of_storage = why.code() == ErrorCode::KAFKA_STORAGE_ERROR;
    if of_storage && passes && partition.may_report(now_ms()) {
        ::log::error!(partition:% = partition.name(), error:% = why; "cannot append");
    }
    why.code().into()
}

fn answer(topic: &str, first: i32, outcomes: &[Outcome]) -> Response {
    let row = |outcome: &Outcome| {
        let failed = outcome.offset.as_ref().err();
        Row {
            partition: outcome.partition,
            base_offset: outcome.offset.as_ref().ok().copied(),
            record_count: outcome.records,
            error: failed.map(|problem| problem.text.clone().into_owned()),
            code: failed.map(|problem| problem.code),
        }
    };
    let partitions: Vec<Row> = outcomes.iter().map(row).collect();
    let failed = outcomes.iter().find_map(|outcome| outcome.offset.as_ref().err());
    if let Some(Problem { status, code, text }) = failed {
        return Response::json(*status, &Failed { error: text, code, partitions });
    }
    let own = outcomes.iter().find(|outcome| outcome.partition == first);
    let base_offset = own.and_then(|own| own.offset.as_ref().ok().copied()).unwrap_or(-1);
    let record_count = outcomes.iter().map(|outcome| outcome.records).sum();
    let partitions = if outcomes.len() > 1 { partitions } else { Vec::new() };
    let produced = Produced { topic, partition: first, base_offset, record_count, partitions };
    Response::json(200, &produced)
}
