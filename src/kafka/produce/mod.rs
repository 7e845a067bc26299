//! Produce (PROTOCOL 7; Kafka's `KafkaApis.handleProduceRequest`, `ReplicaManager.appendRecords`).
//!
//! Each partition stands for itself: its batch is validated outside any lock, appended under the
//! partition's, and visible at once since this node is the whole in-sync set (or, where
//! `flush.messages` asks for it, once it is on the disk: see `park`); `acks` then only decides
//! whether there is an answer. A request with `acks=0` never has one; if anything in it
//! failed its connection is closed, so that the client learns to ask for metadata again.
//! Who brings more than the disk takes is slowed down (see `throttle`), with `acks=0` too; who waits
//! for the disk is slow enough. Requests that lie one behind the other may be served together: see `run`.

mod answer;
mod park;
mod run;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use answer::{Named, encode, unflushed};

pub use answer::Outcome;
pub use park::{ParkedProduce, answer as answer_parked, leave};

use super::call::{Call, decode, refuse};
use super::service::{KafkaService, Session};
use super::throttle::{Debt, mute};
use super::twice::all_differ;
use super::wakes::Wakes;
use crate::broker::{Shared, now_ms};
use crate::catalog::{Partition, Topic};
use crate::config::TopicConfig;
use crate::log::validate::{Rules, Scratch, validate};
use crate::net::{Context, Flow, Slot};
use crate::wire::codec::{Reader, Records};
use crate::wire::error::ErrorCode;
use crate::wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::wire::records::{Attributes, Batch, BatchHeader};

/// The client id whose bearer may write internal topics (Kafka's `AdminUtils.ADMIN_CLIENT_ID`).
const ADMIN_CLIENT_ID: &str = "__admin_client";
/// From this version on topics are named by id.
const IDS_FROM: i16 = 13;
/// Outcomes that a worker keeps memory for.
const KEPT_OUTCOMES: usize = 256;

/// Serves a Produce request, and those behind it that go with it.
pub fn serve(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    session: &mut Session,
    call: &Call<'_>,
    slot: Slot,
    body: &mut Reader<'_>,
) -> Flow {
    let request: ProduceRequest<'_> = match decode(call, body) {
        Ok(request) => request,
        Err(why) => return refuse(call, &why),
    };
    if let Some(flow) = run::serve(service, cx, session, call, slot, &request) {
        return flow;
    }
    let one = [request.topic_data.iter().next().unwrap_or_default()];
    let many: Vec<_>;
    let asked: &[TopicProduceData<'_>] = match request.topic_data.len() {
        1 => &one,
        _ => {
            many = request.topic_data.iter().collect();
            &many
        }
    };
    let outcomes = std::mem::take(&mut service.outcomes);
    let (outcomes, bytes) = append_all(service, call, &request, asked, outcomes);
    let price = service.shared.price_of(bytes);
    let due = Due { acks: request.acks, price, debt: &mut session.debt };
    finish(service, cx, call, slot, asked.iter().map(key), outcomes, due)
}

/// What a request asks for, and what it is to pay for.
struct Due<'s> {
    acks: i16,
    price: Duration,
    debt: &'s mut Debt,
}

/// Answers a request, now or when the disk has what it brought, and slows the connection down.
fn finish<'r>(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    call: &Call<'_>,
    slot: Slot,
    topics: impl Iterator<Item = Named<'r>>,
    outcomes: Vec<Outcome>,
    due: Due<'_>,
) -> Flow {
    let waits = unflushed(&outcomes).next().is_some();
    if waits && due.acks != 0 {
        return park::park(service, cx, call, slot, topics, outcomes);
    }
    let throttle_ms = due.debt.charge(due.price);
    if due.acks == 0 {
        if waits {
            park::flush_only(service, &outcomes);
        }
        let failed = outcomes.iter().any(|outcome| outcome.code.is_error());
        cx.skip(slot);
        note_unanswered(service, call, slot, &outcomes);
        keep(service, outcomes);
        let why = "a Produce request with acks=0 that could not be served in full";
        return match failed {
            true => Flow::Close(Cow::Borrowed(why)),
            false => mute(service, cx, slot.conn(), throttle_ms),
        };
    }
    encode(call.into(), topics, &outcomes, throttle_ms, &mut service.out);
    keep(service, outcomes);
    service.answer(cx, slot, call.tag());
    mute(service, cx, slot.conn(), throttle_ms)
}

/// Counts a request that has no answer, and what the answer would have told.
fn note_unanswered(service: &mut KafkaService, call: &Call<'_>, slot: Slot, outcomes: &[Outcome]) {
    service.out.clear();
    for outcome in outcomes.iter().filter(|outcome| outcome.code.is_error()) {
        service.out.count_error(outcome.code, 1);
    }
    service.note(slot, call.tag());
}

/// Keeps the memory for the next request, but not that of a large one.
fn keep(service: &mut KafkaService, mut outcomes: Vec<Outcome>) {
    outcomes.clear();
    outcomes.shrink_to(KEPT_OUTCOMES);
    service.outcomes = outcomes;
}

/// Appends what may be appended; gives what became of each batch, in the order of topics, and the bytes that
/// are to be paid for.
fn append_all(
    service: &mut KafkaService,
    call: &Call<'_>,
    request: &ProduceRequest<'_>,
    asked: &[TopicProduceData<'_>],
    outcomes: Vec<Outcome>,
) -> (Vec<Outcome>, u64) {
    let refusal = refuse_whole(request, asked);
    let mentions = LastMentions::of(asked);
    let mut append = Append {
        shared: &service.shared,
        wakes: &mut service.wakes,
        scratch: &mut service.scratch,
        call,
        acks: request.acks,
        now_ms: now_ms(),
        bytes: 0,
        outcomes,
    };
    let mut places = HashMap::new();
    let mut is_sorted = true;
    for (at, topic) in asked.iter().enumerate() {
        if topic.partition_data.is_empty() {
            continue;
        }
        // One row for a topic, however often named.
        let place = match asked {
            [_] => at,
            _ => *places.entry(key(topic)).or_insert(at),
        };
        is_sorted &= place == at;
        append.topic(topic, place, refusal, |partition, index| {
            mentions.is_last(topic, partition, (at, index))
        });
    }
    append.count_failures(asked);
    let Append { mut outcomes, bytes, .. } = append;
    if !is_sorted {
        outcomes.sort_by_key(|outcome| outcome.topic);
    }
    (outcomes, bytes)
}

/// Errors that concern every partition of a request.
fn refuse_whole(request: &ProduceRequest<'_>, asked: &[TopicProduceData<'_>]) -> Option<ErrorCode> {
    let transactional = || {
        let batches = asked.iter().flat_map(|topic| topic.partition_data.iter());
        let mut bytes = batches.filter_map(|data| data.records?.bytes());
        // A look at one bit spares nearly all of them the reading of their headers.
        bytes.any(|bytes| {
            BatchHeader::attributes_in(bytes).is_some_and(Attributes::is_transactional)
                && Batch::parse(bytes).is_ok()
        })
    };
    if request.transactional_id.is_none() && transactional() {
        return Some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    }
    None
}

fn key<'r>(topic: &TopicProduceData<'r>) -> Named<'r> {
    (topic.name, topic.topic_id)
}

/// The topic that a request names.
fn find(shared: &Shared, call: &Call<'_>, (name, id): Named<'_>) -> Result<Arc<Topic>, ErrorCode> {
    let topic = match call.version() {
        IDS_FROM.. => shared.topics.by_id(id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?,
        _ => shared.topics.by_name(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?,
    };
    if topic.internal && call.header.client_id != Some(ADMIN_CLIENT_ID) {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    Ok(topic)
}

/// Where each partition is named last, if some is named twice: it counts once, as it is named last,
/// for Kafka keeps a map. No client does that; the check must cost next to nothing.
#[derive(Default)]
struct LastMentions<'r>(Option<HashMap<(Named<'r>, i32), (usize, usize)>>);

impl<'r> LastMentions<'r> {
    fn of(asked: &[TopicProduceData<'r>]) -> Self {
        if matches!(asked, [topic] if topic.partition_data.len() == 1) {
            return Self::default();
        }
        let of_topic = |topic: &TopicProduceData<'r>| {
            let name = key(topic);
            topic.partition_data.iter().map(move |data| (name, data.index))
        };
        if all_differ(asked.iter().flat_map(of_topic)) {
            return Self::default();
        }
        let count = asked.iter().map(|topic| topic.partition_data.len()).sum();
        let mut places = HashMap::with_capacity(count);
        for (at, topic) in asked.iter().enumerate() {
            for (index, data) in topic.partition_data.iter().enumerate() {
                places.insert((key(topic), data.index), (at, index));
            }
        }
        Self((places.len() < count).then_some(places))
    }

    fn is_last(&self, topic: &TopicProduceData<'r>, partition: i32, place: (usize, usize)) -> bool {
        let Some(places) = &self.0 else { return true };
        places.get(&(key(topic), partition)) == Some(&place)
    }
}

/// Whether an error counts as a failure of the broker's: the usual ones do not, as in Kafka (`appendRecordsToLeader`).
fn is_unusual(code: ErrorCode) -> bool {
    let usual = [
        ErrorCode::NONE,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::MESSAGE_TOO_LARGE,
        ErrorCode::RECORD_LIST_TOO_LARGE,
        ErrorCode::CORRUPT_MESSAGE,
        ErrorCode::KAFKA_STORAGE_ERROR,
        ErrorCode::UNKNOWN_TOPIC_ID,
    ];
    !usual.contains(&code)
}

struct Append<'a> {
    shared: &'a Shared,
    wakes: &'a mut Wakes,
    scratch: &'a mut Scratch,
    call: &'a Call<'a>,
    acks: i16,
    /// The time of the request.
    now_ms: i64,
    /// What was appended and is left to be written back in time, or that nobody waits for.
    bytes: u64,
    outcomes: Vec<Outcome>,
}

impl Append<'_> {
    /// Appends to one topic; `place` is where the request names it first.
    fn topic(
        &mut self,
        data: &TopicProduceData<'_>,
        place: usize,
        refusal: Option<ErrorCode>,
        is_last: impl Fn(i32, usize) -> bool,
    ) {
        let topic = refusal.map_or_else(|| find(self.shared, self.call, key(data)), Err);
        let config = topic.as_ref().ok().map(|topic| topic.config());
        for (at, partition) in data.partition_data.iter().enumerate() {
            if !is_last(partition.index, at) {
                continue;
            }
            let outcome = match (&topic, &config) {
                (Ok(topic), Some(config)) => self.partition(topic, config, &partition),
                (Err(code), _) => Outcome::failed(partition.index, *code),
                (Ok(_), None) => Outcome::failed(partition.index, ErrorCode::UNKNOWN_SERVER_ERROR),
            };
            self.outcomes.push(Outcome { topic: place, ..outcome });
        }
    }

    fn partition(
        &mut self,
        topic: &Topic,
        config: &TopicConfig,
        data: &PartitionProduceData<'_>,
    ) -> Outcome {
        let Some(partition) = topic.partition(data.index) else {
            return Outcome::failed(data.index, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        };
        if !matches!(self.acks, -1..=1) {
            return Outcome::failed(data.index, ErrorCode::INVALID_REQUIRED_ACKS);
        }
        if let Some(traffic) = partition.traffic() {
            traffic.produced();
        }
        let bytes = match data.records {
            Some(Records::Bytes(bytes)) => bytes,
            _ => return Outcome::failed(data.index, ErrorCode::INVALID_RECORD),
        };
        self.append(topic, config, partition, bytes)
    }

    /// Counts what Kafka counts as a failure.
    fn count_failures(&self, asked: &[TopicProduceData<'_>]) {
        for outcome in self.outcomes.iter().filter(|outcome| is_unusual(outcome.code)) {
            let topic = asked
                .get(outcome.topic)
                .and_then(|data| find(self.shared, self.call, key(data)).ok());
            let partition = topic.as_ref().and_then(|topic| topic.partition(outcome.index));
            if let Some(traffic) = partition.and_then(|partition| partition.traffic()) {
                traffic.produce_failed();
            }
        }
    }

    fn append(
        &mut self,
        topic: &Topic,
        config: &TopicConfig,
        partition: &Arc<Partition>,
        bytes: &[u8],
    ) -> Outcome {
        let now_ms = self.now_ms;
        let index = partition.index;
        let produce_version = self.call.version();
        let rules = Rules { config, now_ms, produce_version, topic: &topic.name, partition: index };
        let log_start = || partition.log().map_or(-1, |log| log.offsets().log_start);
        let valid = match validate(bytes, &rules, self.scratch) {
            Ok(valid) => valid,
            Err(why) => {
                let log_start_offset =
                    if why.answers_log_start_offset() { log_start() } else { -1 };
                let message = why.answer_message().map(str::to_owned);
                let failed = Outcome::failed(index, why.code);
                return Outcome {
                    log_start_offset,
                    message,
                    record_errors: why.record_errors,
                    ..failed
                };
            }
        };
        if valid.header.attributes.is_transactional() {
            // Transactions are not served yet, so no transaction can be open here.
            return Outcome {
                log_start_offset: log_start(),
                ..Outcome::failed(index, ErrorCode::INVALID_TXN_STATE)
            };
        }
        match partition.append(&valid, now_ms, |waiter| self.wakes.add(waiter)) {
            Ok(appended) => {
                let bytes = if appended.duplicate { 0 } else { valid.bytes.len() as u64 };
                if appended.flush_to.is_none() || self.acks == 0 {
                    self.bytes += bytes;
                }
                Outcome::appended(partition, &appended, bytes)
            }
            Err(None) => Outcome::failed(index, ErrorCode::KAFKA_STORAGE_ERROR),
            Err(Some(why)) => {
                let passes = why.storage().is_none_or(|why| !why.is_permanent());
                let of_storage = why.code() == ErrorCode::KAFKA_STORAGE_ERROR;
                if of_storage && passes && partition.may_report(now_ms) {
                    ::log::error!(
                        partition:% = format_args!("{}-{}", topic.name, index), error:% = why;
                        "cannot append"
                    );
                }
                Outcome { log_start_offset: log_start(), ..Outcome::failed(index, why.code()) }
            }
        }
    }
}
