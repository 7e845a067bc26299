//! `GET /v1/topics` and `GET /v1/topics/{name}`
//!
//! An end offset is that of what consumers see. A partition that is offline is left out: it has none. To StrikeMQ's shape come the bytes
//! on the disk and, of all partitions together, the offsets that there are (`message_count`: those that were compacted away, and
//! markers of transactions, count) and that there have ever been (`end_offset_sum`, which only grows).

use super::super::problem::Problem;
use crate::broker::Shared;
use crate::catalog::{self, Outline, Topic};
use crate::wire::error::ErrorCode;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
pub(super) struct Listed {
    name: String,
    partitions: usize,
    start_offset: i64,
    end_offset: i64,
    message_count: i64,
    end_offset_sum: i64,
    size_bytes: u64,
    internal: bool,
}

#[derive(Serialize)]
pub(super) struct Described {
    name: String,
    internal: bool,
    size_bytes: u64,
    partitions: Vec<Partition>,
}

#[derive(Serialize)]
struct Partition {
    partition: i32,
    start_offset: i64,
    end_offset: i64,
    size_bytes: u64,
}

/// There is no topic with this name.
pub(super) fn unknown() -> Problem {
    Problem::kafka(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "Topic not found")
}

/// All topics, by name.
pub(super) fn all(shared: &Shared) -> Vec<Listed> {
    let listed = |topic: &Arc<Topic>| {
        let outlines: Vec<Outline> = topic.partitions().iter().map(|one| one.outline()).collect();
        let ends: Vec<(i64, i64)> = outlines.iter().filter_map(|outline| outline.ends).collect();
        let end_offset_sum = ends.iter().fold(0_i64, |sum, (_, end)| sum.saturating_add(*end));
        let gone = ends.iter().fold(0_i64, |sum, (start, _)| sum.saturating_add(*start));
        Listed {
            name: topic.name.to_string(),
            partitions: topic.partitions().len(),
            start_offset: ends.iter().map(|(start, _)| *start).min().unwrap_or(0),
            end_offset: ends.iter().map(|(_, end)| *end).max().unwrap_or(0),
            message_count: end_offset_sum.saturating_sub(gone),
            end_offset_sum,
            size_bytes: outlines.iter().map(|outline| outline.bytes).sum(),
            internal: topic.internal,
        }
    };
    shared.topics.all().iter().map(listed).collect()
}

pub(super) fn one(shared: &Shared, name: &str) -> Result<Described, Problem> {
    let topic = shared.topics.by_name(name).ok_or_else(unknown)?;
    let mut size_bytes = 0;
    let row = |partition: &Arc<catalog::Partition>| {
        let Outline { ends, bytes, .. } = partition.outline();
        size_bytes += bytes;
        let (start_offset, end_offset) = ends?;
        let partition = partition.index;
        Some(Partition { partition, start_offset, end_offset, size_bytes: bytes })
    };
    let partitions = topic.partitions().iter().filter_map(row).collect();
    let (name, internal) = (topic.name.to_string(), topic.internal);
    Ok(Described { name, internal, size_bytes, partitions })
}
