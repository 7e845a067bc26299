//! `POST /v1/groups/{name}/offsets`: sets the offsets of a group, as `kafka-consumer-groups --reset-offsets` does:
//! by an OffsetCommit of nobody's, which the coordinator takes only while the group is empty.

use super::super::problem::Problem;
use super::super::response::Response;
use super::messages::{at_time, partition};
use super::object::Object;
use super::records::log_of;
use super::{Made, controlled};
use crate::broker::{Ran, Shared, Unflushed, WorkerMessage};
use crate::coordinator::groups::offsets::CommitReply;
use crate::coordinator::groups::{OFFSETS_TOPIC, Reply, Token};
use crate::wire::codec::Array;
use crate::wire::error::ErrorCode;
use crate::wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The version of the commit: the last one that names topics.
const VERSION: i16 = 9;
/// Who asks, as the coordinator knows him: no worker's request.
const SELF: Token = Token { worker: usize::MAX, key: 0 };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    offsets: Vec<Object<Asked>>,
}

/// One partition, and where its consumers are to go on: one of the three.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    topic: String,
    partition: i32,
    #[serde(default)]
    offset: Option<i64>,
    #[serde(default)]
    timestamp: Option<i64>,
    #[serde(default)]
    to: Option<End>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum End {
    Earliest,
    Latest,
}

#[derive(Serialize)]
struct Done<'d> {
    group_id: &'d str,
    offsets: Vec<Row<'d>>,
}

#[derive(Serialize)]
struct Row<'d> {
    topic: &'d str,
    partition: i32,
    offset: i64,
}

type Offsets = BTreeMap<String, BTreeMap<i32, i64>>;

/// Reads the body of a request.
pub(super) fn read(body: &[u8]) -> Result<Body, Problem> {
    let body: Body = super::body(body)?;
    if body.offsets.is_empty() {
        return Err(Problem::bad("No offsets found in body"));
    }
    Ok(body)
}

pub(super) fn reset(shared: &Arc<Shared>, group: &str, body: &Body) -> Result<Made, Problem> {
    let mut offsets = Offsets::new();
    for Object(asked) in &body.offsets {
        let offset = asked.resolve(shared)?;
        let topic = offsets.entry(asked.topic.clone()).or_default();
        if topic.insert(asked.partition, offset).is_some() {
            return Err(Problem::bad("A partition is there twice"));
        }
    }
    if !shared.groups.is_open() {
        // As when a client looks for its coordinator; what is behind that waits for it.
        shared.create_soon(OFFSETS_TOPIC);
        controlled(shared, |_| ())?;
    }
    let (reply, due) = commit(shared, group, &offsets)?;
    let codes =
        reply.topics.iter().flat_map(|topic| topic.partitions.iter().map(|(_, code)| *code));
    if let Some(code) = { codes }.find(|code| code.is_error()) {
        return Err(refused(code));
    }
    let mut rows = Vec::with_capacity(body.offsets.len());
    for (topic, all) in &offsets {
        let row = |(partition, offset): (&i32, &i64)| Row {
            topic,
            partition: *partition,
            offset: *offset,
        };
        rows.extend(all.iter().map(row));
    }
    let response = Response::json(200, &Done { group_id: group, offsets: rows });
    Ok(Made { due, ..response.into() })
}

impl Asked {
    fn resolve(&self, shared: &Shared) -> Result<i64, Problem> {
        let partition = partition(shared, &self.topic, self.partition)?;
        let offsets = log_of(&partition)?.offsets();
        match (self.offset, self.timestamp, self.to) {
            (Some(offset), None, None) => {
                let range = offsets.log_start..=offsets.high_watermark;
                let out = ErrorCode::OFFSET_OUT_OF_RANGE;
                let why = || {
                    let (start, end) = (range.start(), range.end());
                    format!("offset {offset} is out of range: there is {start} to {end}")
                };
                if range.contains(&offset) { Ok(offset) } else { Err(Problem::kafka(out, why())) }
            }
            (None, Some(time), None) if time >= 0 => at_time(&partition, time),
            (None, Some(_), None) => Err(Problem::bad("A timestamp is not below 0")),
            (None, None, Some(End::Earliest)) => Ok(offsets.log_start),
            (None, None, Some(End::Latest)) => Ok(offsets.high_watermark),
            _ => Err(Problem::bad("Each partition needs one of offset, timestamp and to")),
        }
    }
}

fn refused(code: ErrorCode) -> Problem {
    match code {
        // What the coordinator says to whoever is nobody's member of a group that has some.
        ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => {
            Problem::kafka(ErrorCode::NON_EMPTY_GROUP, ErrorCode::NON_EMPTY_GROUP.message())
        }
        code => code.into(),
    }
}

/// Commits, and says what must be on the disk before anybody hears of it.
fn commit(
    shared: &Arc<Shared>,
    group: &str,
    offsets: &Offsets,
) -> Result<(CommitReply, Vec<Unflushed>), Problem> {
    let partition = |(index, offset): (&i32, &i64)| OffsetCommitRequestPartition {
        partition_index: *index,
        committed_offset: *offset,
        committed_leader_epoch: -1,
        committed_metadata: Some(""),
    };
    let partitions: Vec<Vec<_>> =
        offsets.values().map(|all| all.iter().map(partition).collect()).collect();
    let mut topics = Vec::with_capacity(offsets.len());
    for (name, partitions) in offsets.keys().zip(&partitions) {
        let partitions = Array::from(partitions);
        topics.push(OffsetCommitRequestTopic { name, partitions, ..Default::default() });
    }
    let request =
        OffsetCommitRequest { group_id: group, topics: Array::from(&topics), ..Default::default() };
    let mut wakes: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    let ran = shared.in_group(
        group,
        |waiter| wakes.entry(waiter.worker).or_default().push(waiter.key),
        |shard, world, effects| shard.commit(world, VERSION, &request, SELF, effects),
    );
    for (worker, keys) in wakes {
        shared.tell_answer(worker, WorkerMessage::Wake(keys));
    }
    let Ran { replies, unflushed, .. } = ran?;
    let own = deliver(shared, replies, unflushed.as_ref());
    let own = own.ok_or_else(|| Problem::from(ErrorCode::COORDINATOR_NOT_AVAILABLE))?;
    Ok((own, unflushed.into_iter().collect()))
}

/// Hands the answers to others on, and gives back our own.
fn deliver(
    shared: &Shared,
    replies: Vec<(Token, Reply)>,
    unflushed: Option<&Unflushed>,
) -> Option<CommitReply> {
    let mut own = None;
    let mut by_worker: BTreeMap<usize, Vec<(Token, Reply)>> = BTreeMap::new();
    for (token, reply) in replies {
        match reply {
            Reply::Commit(reply) if token == SELF => own = Some(reply),
            reply => by_worker.entry(token.worker).or_default().push((token, reply)),
        }
    }
    for (worker, replies) in by_worker {
        // Their bytes are counted with ours.
        let due =
            |one: &Unflushed| Unflushed { partition: one.partition.clone(), to: one.to, bytes: 0 };
        shared.tell_answer(worker, WorkerMessage::Groups(replies, unflushed.map(due)));
    }
    own
}
