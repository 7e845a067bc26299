//! Encoding a fetch's answer: rows, and between their bytes ranges of segments.

use std::sync::PoisonError;

use super::read::{Outcome, Row};
use super::target::{Fetch, Mode, Target};
use crate::broker::Told;
use crate::kafka::call::{Call, begin, finish, respond};
use crate::kafka::service::KafkaService;
use crate::net::{Context, FileRange, Part, Slot};
use crate::wire::api::ApiKey;
use crate::wire::codec::{Array, Message, Records};
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
    outcome: Outcome,
) {
    let (session_id, told) = settle_session(service, &fetch, &outcome);
    let (places, data) = rows(&fetch, &outcome, &told);
    let topics = group(&fetch, &places, &data);
    let response =
        FetchResponse { session_id, responses: Array::from(&topics), ..Default::default() };
    begin(ApiKey::Fetch, fetch.version, fetch.correlation_id, &mut service.out);
    response.encode(&mut service.out, fetch.version);
    finish(&mut service.out);
    let ranges = places.iter().filter_map(|at| outcome.rows[*at].records.clone());
    reply(service, cx, slot, ranges);
    service.note(slot, fetch.tag);
    count(&fetch, &outcome);
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

/// Sends what is encoded, with the ranges in the places that the encoder left for them.
fn reply(
    service: &KafkaService,
    cx: &mut Context<'_>,
    slot: Slot,
    ranges: impl Iterator<Item = FileRange>,
) {
    let (bytes, externals) = (service.out.bytes(), service.out.externals());
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

/// Which rows are told, and the session id to tell. Opens the session of a full fetch.
fn settle_session(service: &KafkaService, fetch: &Fetch, outcome: &Outcome) -> (i32, Vec<bool>) {
    let all = || vec![true; outcome.rows.len()];
    match &fetch.mode {
        Mode::Sessionless => (0, all()),
        Mode::Opening => {
            let partitions = fetch.targets.iter().map(|target| target.asked.clone());
            let uses_ids = fetch.version >= 13;
            let opened = service.shared.sessions.open(uses_ids, false, partitions, fetch.now);
            let Some(session) = opened else { return (0, all()) };
            let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
            for (target, row) in fetch.targets.iter().zip(&outcome.rows) {
                session.remember(&target.asked.topic, target.asked.index, told(row));
            }
            (session.id, all())
        }
        Mode::Incremental(session) => {
            let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
            let tell = |(target, row): (&Target, &Row)| {
                session.must_tell(&target.asked.topic, target.asked.index, told(row))
            };
            let rows = fetch.targets.iter().zip(&outcome.rows).map(tell).collect();
            (session.id, rows)
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

/// The rows that are told, and the place of each in the outcome.
fn rows<'a>(
    fetch: &Fetch,
    outcome: &'a Outcome,
    told: &[bool],
) -> (Vec<usize>, Vec<PartitionData<'a>>) {
    let told = told.iter().enumerate().filter(|(_, told)| **told).map(|(at, _)| at);
    let places: Vec<usize> = told.collect();
    let row = |at: &usize| partition_data(fetch, &fetch.targets[*at], &outcome.rows[*at]);
    let data = places.iter().map(row).collect();
    (places, data)
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
    fetch: &'a Fetch,
    places: &[usize],
    data: &'a [PartitionData<'a>],
) -> Vec<FetchableTopicResponse<'a>> {
    let mut topics = Vec::new();
    let mut start = 0;
    while start < places.len() {
        let first = &fetch.targets[places[start]];
        let same = |at: &&usize| fetch.targets[**at].asked.topic == first.asked.topic;
        let end = start + places[start..].iter().take_while(same).count();
        topics.push(FetchableTopicResponse {
            topic: &first.name,
            topic_id: first.topic_id,
            partitions: Array::from(&data[start..end]),
        });
        start = end;
    }
    topics
}
