//! DescribeTopicPartitions (PROTOCOL 5.3; Kafka's `DescribeTopicPartitionsRequestHandler`): topics
//! in the order of their names, in pages of partitions.

use std::collections::BTreeSet;

use super::call::{Call, decode, respond};
use super::metadata::{NOT_ASKED, TOPIC_OPERATIONS};
use crate::broker::Shared;
use crate::catalog::{Image, PartitionImage, is_internal, validate_topic_name};
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use crate::wire::uuid::Uuid;

/// A topic of the page: its name, its id, and the partitions from an index on.
struct Entry<'i> {
    name: &'i str,
    found: Option<(Uuid, i32, &'i [PartitionImage])>,
}

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
    let request: DescribeTopicPartitionsRequest<'_> = decode(call, body)?;
    let image = shared.image();
    if request.topics.iter().any(|topic| topic.name.is_empty()) {
        // Kafka stumbles over the empty name, and over the whole request with it.
        refuse(call, &request, ErrorCode::UNKNOWN_SERVER_ERROR, out);
        return Ok(());
    }
    let Some(names) = names(&image, &request) else {
        refuse(call, &request, ErrorCode::INVALID_REQUEST, out);
        return Ok(());
    };
    let limit = request
        .response_partition_limit
        .clamp(1, shared.config().max_request_partition_size_limit());
    let limit = usize::try_from(limit).unwrap_or(1);
    let (entries, next_cursor) = page(&image, &names, request.cursor, limit);
    encode(call, &entries, next_cursor, out);
    Ok(())
}

/// The names from the cursor on, sorted; `None` when the cursor leaves nothing or makes no sense.
fn names<'i>(
    image: &'i Image,
    request: &DescribeTopicPartitionsRequest<'i>,
) -> Option<BTreeSet<&'i str>> {
    let start = request.cursor.map_or("", |cursor| cursor.topic_name);
    let mut names: BTreeSet<&str> = if request.topics.is_empty() {
        image.topics().map(|topic| &*topic.name).collect()
    } else {
        request.topics.iter().map(|topic| topic.name).collect()
    };
    let is_asked = request.topics.is_empty() || names.contains(start);
    names.retain(|name| *name >= start);
    match request.cursor {
        Some(cursor) if cursor.partition_index < 0 || !is_asked => None,
        Some(_) if names.is_empty() => None,
        _ => Some(names),
    }
}

/// As many partitions as fit, and where to go on.
fn page<'i>(
    image: &'i Image,
    names: &BTreeSet<&'i str>,
    cursor: Option<Cursor<'i>>,
    limit: usize,
) -> (Vec<Entry<'i>>, Option<Cursor<'i>>) {
    let mut left = limit;
    let mut entries = Vec::new();
    for name in names.iter().copied() {
        let Some(topic) = image.topic(name) else {
            entries.push(Entry { name, found: None });
            continue;
        };
        if left == 0 {
            return (entries, Some(Cursor { topic_name: name, partition_index: 0 }));
        }
        let first = cursor
            .filter(|cursor| cursor.topic_name == name)
            .map_or(0, |cursor| cursor.partition_index);
        let start = usize::try_from(first).unwrap_or(0).min(topic.partitions.len());
        let end = topic.partitions.len().min(start + left);
        entries.push(Entry { name, found: Some((topic.id, first, &topic.partitions[start..end])) });
        left -= end - start;
        if end < topic.partitions.len() {
            let partition_index = i32::try_from(end).unwrap_or(i32::MAX);
            return (entries, Some(Cursor { topic_name: name, partition_index }));
        }
    }
    (entries, None)
}

fn encode(
    call: &Call<'_>,
    entries: &[Entry<'_>],
    next_cursor: Option<Cursor<'_>>,
    out: &mut Writer,
) {
    let mut partitions = Vec::with_capacity(entries.len());
    for entry in entries {
        let (first, found) = entry.found.map_or((0, &[][..]), |(_, first, found)| (first, found));
        partitions.push(found.iter().zip(first..).map(row).collect::<Vec<_>>());
    }
    let mut topics = Vec::with_capacity(entries.len());
    for (entry, partitions) in entries.iter().zip(&partitions) {
        topics.push(DescribeTopicPartitionsResponseTopic {
            error_code: match entry.found {
                Some(_) => ErrorCode::NONE,
                None if validate_topic_name(entry.name).is_err() => {
                    ErrorCode::INVALID_TOPIC_EXCEPTION
                }
                None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            },
            name: Some(entry.name),
            topic_id: entry.found.map_or(Uuid::ZERO, |(id, ..)| id),
            is_internal: is_internal(entry.name),
            partitions: Array::from(partitions),
            topic_authorized_operations: TOPIC_OPERATIONS,
        });
    }
    let response = DescribeTopicPartitionsResponse {
        topics: Array::from(&topics),
        next_cursor,
        ..Default::default()
    };
    respond(call, &response, out);
}

fn row<'i>(
    (partition, partition_index): (&'i PartitionImage, i32),
) -> DescribeTopicPartitionsResponsePartition<'i> {
    DescribeTopicPartitionsResponsePartition {
        partition_index,
        leader_id: partition.leader,
        leader_epoch: partition.leader_epoch,
        replica_nodes: Array::from(&partition.replicas),
        isr_nodes: Array::from(&partition.isr),
        eligible_leader_replicas: Some(Array::default()),
        last_known_elr: Some(Array::default()),
        ..Default::default()
    }
}

fn refuse(
    call: &Call<'_>,
    request: &DescribeTopicPartitionsRequest<'_>,
    error_code: ErrorCode,
    out: &mut Writer,
) {
    let mut topics = Vec::with_capacity(request.topics.len());
    for name in request.topics.iter().map(|topic| topic.name) {
        topics.push(DescribeTopicPartitionsResponseTopic {
            error_code,
            name: Some(name),
            topic_authorized_operations: NOT_ASKED,
            ..Default::default()
        });
    }
    respond(
        call,
        &DescribeTopicPartitionsResponse { topics: Array::from(&topics), ..Default::default() },
        out,
    );
}
