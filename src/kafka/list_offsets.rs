//! ListOffsets (PROTOCOL 9.1; Kafka's `KafkaApis.handleListOffsetRequest`,
//! `ReplicaManager.fetchOffset`): offsets by time, and the special ones.
//!
//! Offloaded: a look-up by time reads the log, which may have to come from the disk.

use std::collections::BTreeMap;

use super::call::{Call, decode, respond};
use super::fetch::check_leader_epoch;
use crate::broker::{Controller, Shared};
use crate::catalog::Partition;
use crate::log::{Bound, ReadError, TimestampedOffset};
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

/// What a negative timestamp asks for, and from which version on.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: (i64, i16) = (-3, 7);
const EARLIEST_LOCAL: (i64, i16) = (-4, 8);
const LAST_TIERED: (i64, i16) = (-5, 9);
const EARLIEST_PENDING_UPLOAD: (i64, i16) = (-6, 11);
/// The replica id of a consumer.
const CONSUMER: i32 = -1;

/// Answers the request on the worker if nothing is looked up by time.
///
/// # Errors
/// When the body cannot be read.
pub fn handle_quickly(
    shared: &Shared,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<bool, DecodeError> {
    let request: ListOffsetsRequest<'_> = decode(call, body)?;
    let at_hand = |asked: ListOffsetsPartition| matches!(asked.timestamp, LATEST | EARLIEST);
    let quick = request.topics.iter().all(|topic| topic.partitions.iter().all(at_hand));
    if quick {
        answer(shared, call, &request, out);
    }
    Ok(quick)
}

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
    let request: ListOffsetsRequest<'_> = decode(call, body)?;
    answer(controller.shared(), call, &request, out);
    Ok(())
}

fn answer(shared: &Shared, call: &Call<'_>, request: &ListOffsetsRequest<'_>, out: &mut Writer) {
    let mut mentions: BTreeMap<(&str, i32), usize> = BTreeMap::new();
    for topic in request.topics.iter() {
        for asked in topic.partitions.iter() {
            *mentions.entry((topic.name, asked.partition_index)).or_default() += 1;
        }
    }
    let bound = bound_of(request);
    let mut answers = Vec::with_capacity(request.topics.len());
    for topic in request.topics.iter() {
        let known = shared.topics.by_name(topic.name);
        let mut rows = Vec::with_capacity(topic.partitions.len());
        for asked in topic.partitions.iter() {
            // A partition that is listed twice gets one row, and that says so.
            let answer = match mentions.remove(&(topic.name, asked.partition_index)) {
                None => continue,
                Some(2..) => Err(ErrorCode::INVALID_REQUEST),
                Some(_) => bound.and_then(|bound| {
                    let partition =
                        known.as_ref().and_then(|known| known.partition(asked.partition_index));
                    let partition = partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
                    look_up(partition, &asked, bound, call.version())
                }),
            };
            rows.push(row(asked.partition_index, answer));
        }
        answers.push((topic.name, rows));
    }
    let mut topics = Vec::with_capacity(answers.len());
    for (name, rows) in &answers {
        topics.push(ListOffsetsTopicResponse { name, partitions: Array::from(rows) });
    }
    respond(call, &ListOffsetsResponse { topics: Array::from(&topics), ..Default::default() }, out);
}

fn bound_of(request: &ListOffsetsRequest<'_>) -> Result<Bound, ErrorCode> {
    match (request.isolation_level, request.replica_id) {
        (0, CONSUMER) => Ok(Bound::HighWatermark),
        (1, CONSUMER) => Ok(Bound::LastStable),
        (0 | 1, _) => Ok(Bound::LogEnd),
        _ => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
    }
}

/// An offset with its timestamp and leader epoch; −1 each when there is none.
struct Found {
    offset: i64,
    timestamp: i64,
    epoch: i32,
}

const NOTHING: Found = Found { offset: -1, timestamp: -1, epoch: -1 };

fn look_up(
    partition: &Partition,
    asked: &ListOffsetsPartition,
    bound: Bound,
    version: i16,
) -> Result<Found, ErrorCode> {
    let leading = partition.leader_epoch();
    check_leader_epoch(asked.current_leader_epoch, leading)?;
    let log = partition.log().ok_or(ErrorCode::KAFKA_STORAGE_ERROR)?;
    let offsets = log.offsets();
    let special = |(code, since): (i64, i16)| asked.timestamp == code && version >= since;
    let at = |offset| {
        let epoch = log.epoch_of(offset, leading).unwrap_or(-1);
        Found { offset, timestamp: -1, epoch }
    };
    let visible = match bound {
        Bound::LogEnd => offsets.log_end,
        Bound::HighWatermark => offsets.high_watermark,
        Bound::LastStable => offsets.last_stable,
    };
    if asked.timestamp == LATEST {
        return Ok(Found { epoch: log.latest_epoch(leading).unwrap_or(-1), ..at(visible) });
    }
    if asked.timestamp == EARLIEST || special(EARLIEST_LOCAL) {
        return Ok(at(offsets.log_start));
    }
    if special(LAST_TIERED) || special(EARLIEST_PENDING_UPLOAD) {
        return Ok(NOTHING); // Nothing is tiered.
    }
    let found = if special(MAX_TIMESTAMP) {
        // What may not be read yet is not told of (ReplicaManager.fetchOffset).
        let found = by_time(partition, log.max_timestamp())?;
        if found.offset < visible { found } else { NOTHING }
    } else if asked.timestamp >= 0 {
        by_time(partition, log.offset_for_timestamp(asked.timestamp, bound))?
    } else {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    };
    Ok(found)
}

fn by_time(
    partition: &Partition,
    found: Result<Option<TimestampedOffset>, ReadError>,
) -> Result<Found, ErrorCode> {
    let found = found.map_err(|why| {
        partition.fail_if_permanent(why.storage());
        why.code()
    })?;
    Ok(found.map_or(NOTHING, |found| Found {
        offset: found.offset,
        timestamp: found.timestamp,
        epoch: found.leader_epoch.unwrap_or(-1),
    }))
}

fn row(partition_index: i32, answer: Result<Found, ErrorCode>) -> ListOffsetsPartitionResponse {
    let (found, error_code) = match answer {
        Ok(found) => (found, ErrorCode::NONE),
        Err(code) => (NOTHING, code),
    };
    let Found { offset, timestamp, epoch } = found;
    ListOffsetsPartitionResponse {
        partition_index,
        error_code,
        timestamp,
        offset,
        leader_epoch: epoch,
    }
}
