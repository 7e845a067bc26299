//! Encoding a fetch's answer: rows, and between their bytes ranges of segments.

use std::sync::PoisonError;

use super::read::{Outcome, Row};
use super::target::{Fetch, Mode, Target};
use crate::broker::Told;
use crate::kafka::call::{Call, begin, finish, respond};
use crate::kafka::service::KafkaService;
use crate::net::{Context, FileRange, Part, Slot};
use crate::wire::api::ApiKey;
use crate::wire::codec::{Array, Message, Records, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::fetch::{
    EpochEndOffset, FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};

/// Answers a fetch.
pub fn send(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    slot: Slot,
    fetch: Fetch,
    mut outcome: Outcome,
) {
    let session_id = settle_session(service, &fetch, &mut outcome);
    let told = || fetch.targets.iter().zip(&outcome.rows).filter(|(_, row)| row.is_told);
    let (mut some, row) = (told(), |(target, row)| partition_data(&fetch, target, row));
    // One partition is the most common of all requests, and takes no memory.
    if let (Some(one), None) = (some.next(), some.next()) {
        let data = [row(one)];
        let topic = [topic_row(one.0, &data)];
        encode(&fetch, session_id, Array::from(&topic), &mut service.out);
    } else {
        let targets: Vec<_> = told().map(|(target, _)| target).collect();
        let data: Vec<_> = told().map(row).collect();
        let topics = group(&targets, &data);
        encode(&fetch, session_id, Array::from(&topics), &mut service.out);
    }
    count(&fetch, &outcome);
    let rows = outcome.rows.iter_mut().filter(|row| row.is_told);
    reply(service, cx, slot, rows.filter_map(|row| row.records.take()));
    service.note(slot, fetch.tag);
}

/// Counts what went out of each partition.
fn count(fetch: &Fetch, outcome: &Outcome) {
    for (target, row) in fetch.targets.iter().zip(&outcome.rows) {
        if let Some(traffic) = target.partition.as_ref().ok().and_then(|one| one.traffic()) {
            traffic.fetched(u64::from(row.bytes()));
            if row.code.is_error() && is_unusual(row.code) {
                traffic.fetch_failed();
            }
        }
    }
}

/// Whether an error counts as a failure of the broker's: the usual ones do not, as in Kafka (`readFromLog`).
fn is_unusual(code: ErrorCode) -> bool {
    let usual = [
        ErrorCode::OFFSET_OUT_OF_RANGE,
        ErrorCode::UNKNOWN_LEADER_EPOCH,
        ErrorCode::FENCED_LEADER_EPOCH,
        ErrorCode::KAFKA_STORAGE_ERROR,
    ];
    !usual.contains(&code)
}

fn encode(
    fetch: &Fetch,
    session_id: i32,
    responses: Array<'_, FetchableTopicResponse<'_>>,
    out: &mut Writer,
) {
    let response = FetchResponse { session_id, responses, ..Default::default() };
    begin(ApiKey::Fetch, fetch.version, fetch.correlation_id, out);
    response.encode(out, fetch.version);
    finish(out);
}

/// Sends what is encoded, with the ranges in the places that the encoder left for them.
fn reply(
    service: &KafkaService,
    cx: &mut Context<'_>,
    slot: Slot,
    mut ranges: impl Iterator<Item = FileRange>,
) {
    let (bytes, externals) = (service.out.bytes(), service.out.externals());
    if let [external] = externals
        && let Some(range) = ranges.next()
    {
        assert_eq!(external.len, range.len, "the place is filled by its own range");
        let (head, tail) = bytes.split_at(external.at);
        cx.reply(slot, &[Part::Bytes(head), Part::File(range), Part::Bytes(tail)]);
        return;
    }
    let mut parts = Vec::with_capacity(2 * externals.len() + 1);
    let mut sent = 0;
    for (external, range) in externals.iter().zip(ranges) {
        assert_eq!(external.len, range.len, "each place is filled by its own range");
        parts.push(Part::Bytes(&bytes[sent..external.at]));
        parts.push(Part::File(range));
        sent = external.at;
    }
    parts.push(Part::Bytes(&bytes[sent..]));
    cx.reply(slot, &parts);
}

/// Answers a request whose session or isolation level is wrong. No partition is told of a session
/// error; the other one is told for each.
pub fn refuse_whole(
    service: &mut KafkaService,
    call: &Call<'_>,
    request: &FetchRequest<'_>,
    code: ErrorCode,
) {
    let of_session = [
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
        ErrorCode::INVALID_FETCH_SESSION_EPOCH,
        ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
    ];
    let failed = |index| PartitionData {
        partition_index: index,
        error_code: code,
        high_watermark: -1,
        aborted_transactions: Some(Array::default()),
        records: Some(Records::Bytes(&[])),
        ..Default::default()
    };
    let mut partitions: Vec<Vec<PartitionData<'_>>> = Vec::new();
    if !of_session.contains(&code) {
        let rows = request
            .topics
            .iter()
            .map(|topic| topic.partitions.iter().map(|p| failed(p.partition)).collect());
        partitions.extend(rows);
    }
    let mut topics = Vec::new();
    for (topic, rows) in request.topics.iter().zip(&partitions) {
        let (topic, topic_id) = (topic.topic, topic.topic_id);
        topics.push(FetchableTopicResponse { topic, topic_id, partitions: Array::from(rows) });
    }
    let response =
        FetchResponse { error_code: code, responses: Array::from(&topics), ..Default::default() };
    respond(call, &response, &mut service.out);
}

/// The session id to tell; marks the rows that are not told. Opens the session of a full fetch.
fn settle_session(service: &KafkaService, fetch: &Fetch, outcome: &mut Outcome) -> i32 {
    match &fetch.mode {
        Mode::Sessionless => 0,
        Mode::Opening => {
            let uses_ids = fetch.version >= 13;
            let partitions = fetch.targets.iter().map(|target| target.to_remember(uses_ids));
            let opened = service.shared.sessions.open(uses_ids, false, partitions, fetch.now);
            let Some(session) = opened else { return 0 };
            let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
            for (target, row) in fetch.targets.iter().zip(&outcome.rows) {
                session.remember(&target.asked.topic, target.asked.index, told(row));
            }
            session.id
        }
        Mode::Incremental(session) => {
            let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
            for (target, row) in fetch.targets.iter().zip(&mut outcome.rows) {
                let asked = &target.asked;
                row.is_told = session.must_tell(&asked.topic, asked.index, told(row));
            }
            session.id
        }
    }
}

fn told(row: &Row) -> Told {
    Told {
        has_records: row.bytes() > 0,
        has_error: row.code != ErrorCode::NONE || row.diverging.is_some(),
        high_watermark: row.high_watermark,
        log_start: row.log_start,
    }
}

fn partition_data<'a>(fetch: &Fetch, target: &Target, row: &'a Row) -> PartitionData<'a> {
    let code = match row.code {
        // Before v6 clients do not know this code.
        ErrorCode::KAFKA_STORAGE_ERROR if fetch.version <= 5 => ErrorCode::NOT_LEADER_OR_FOLLOWER,
        code => code,
    };
    let diverging_epoch =
        row.diverging.map_or_else(EpochEndOffset::default, |(epoch, end_offset)| EpochEndOffset {
            epoch,
            end_offset,
        });
    PartitionData {
        partition_index: target.asked.index,
        error_code: code,
        high_watermark: row.high_watermark,
        last_stable_offset: row.last_stable,
        log_start_offset: row.log_start,
        diverging_epoch,
        aborted_transactions: (fetch.read_committed || row.unread)
            .then(|| Array::from(&row.aborted)),
        records: Some(match &row.records {
            Some(range) => Records::External(range.len),
            None => Records::Bytes(&[]),
        }),
        ..Default::default()
    }
}

/// Rows of one topic that follow each other make one entry.
fn group<'a>(
    targets: &[&'a Target],
    data: &'a [PartitionData<'a>],
) -> Vec<FetchableTopicResponse<'a>> {
    let mut topics = Vec::new();
    let mut start = 0;
    while start < targets.len() {
        let first = targets[start];
        let same = |target: &&&Target| target.asked.topic == first.asked.topic;
        let end = start + targets[start..].iter().take_while(same).count();
        topics.push(topic_row(first, &data[start..end]));
        start = end;
    }
    topics
}

fn topic_row<'a>(target: &'a Target, data: &'a [PartitionData<'a>]) -> FetchableTopicResponse<'a> {
    let partitions = Array::from(data);
    FetchableTopicResponse { topic: &target.name, topic_id: target.topic_id, partitions }
}
