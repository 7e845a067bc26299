//! `GET /v1/topics` and `GET /v1/topics/{name}`
//!
//! An end offset is that of what consumers see. A partition that is offline is left out: it has none.

use super::super::problem::Problem;
use crate::broker::Shared;
use crate::catalog::{self, Topic};
use crate::wire::error::ErrorCode;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
pub(super) struct Listed {
    name: String,
    partitions: usize,
    start_offset: i64,
    end_offset: i64,
}

#[derive(Serialize)]
pub(super) struct Described {
    name: String,
    partitions: Vec<Partition>,
}

#[derive(Serialize)]
struct Partition {
    partition: i32,
    start_offset: i64,
    end_offset: i64,
}

/// There is no topic with this name.
pub(super) fn unknown() -> Problem {
    Problem::kafka(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "Topic not found")
}

/// All topics, by name.
pub(super) fn sorted(shared: &Shared) -> Vec<Arc<Topic>> {
    let mut topics = shared.topics.all();
    topics.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    topics
}

pub(super) fn all(shared: &Shared) -> Vec<Listed> {
    let listed = |topic: &Arc<Topic>| {
        let ends = || topic.partitions().iter().filter_map(|partition| partition.ends());
        Listed {
            name: topic.name.to_string(),
            partitions: topic.partitions().len(),
            start_offset: ends().map(|(start, _)| start).min().unwrap_or(0),
            end_offset: ends().map(|(_, end)| end).max().unwrap_or(0),
        }
    };
    sorted(shared).iter().map(listed).collect()
}

pub(super) fn one(shared: &Shared, name: &str) -> Result<Described, Problem> {
    let topic = shared.topics.by_name(name).ok_or_else(unknown)?;
    let row = |partition: &Arc<catalog::Partition>| {
        let (start_offset, end_offset) = partition.ends()?;
        Some(Partition { partition: partition.index, start_offset, end_offset })
    };
    let partitions = topic.partitions().iter().filter_map(row).collect();
    Ok(Described { name: topic.name.to_string(), partitions })
}
