//! DescribeLogDirs (PROTOCOL 5.3): how large partitions are and how much room there is.

use std::sync::Arc;

use super::call::{Call, decode, respond};
use crate::broker::Controller;
use crate::catalog::{Partition, Topic};
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};

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
    let request: DescribeLogDirsRequest<'_> = decode(call, body)?;
    let shared = controller.shared();
    let mut described: Vec<(Arc<Topic>, Vec<DescribeLogDirsPartition>)> = Vec::new();
    match request.topics {
        None => {
            let all = shared.topics.all().into_iter();
            described.extend(
                all.map(|topic| (topic.clone(), topic.partitions().iter().map(row).collect())),
            );
        }
        Some(topics) => {
            for asked in topics.iter() {
                // What is not here is left out.
                let Some(topic) = shared.topics.by_name(asked.topic) else { continue };
                let partitions = asked.partitions.iter().filter_map(|index| topic.partition(index));
                let rows = partitions.map(row).collect();
                described.push((topic.clone(), rows));
            }
        }
    }
    described.retain(|(_, rows)| !rows.is_empty());
    let mut topics = Vec::with_capacity(described.len());
    for (topic, rows) in &described {
        topics.push(DescribeLogDirsTopic { name: &topic.name, partitions: Array::from(rows) });
    }
    let log_dir = std::path::absolute(&shared.data_dir).unwrap_or_else(|_| shared.data_dir.clone());
    let log_dir = log_dir.to_string_lossy();
    let (total_bytes, usable_bytes) =
        crate::log::volume::bytes(&shared.data_dir).unwrap_or((-1, -1));
    let results = [DescribeLogDirsResult {
        log_dir: &log_dir,
        topics: Array::from(&topics),
        total_bytes,
        usable_bytes,
        ..Default::default()
    }];
    respond(
        call,
        &DescribeLogDirsResponse { results: Array::from(&results[..]), ..Default::default() },
        out,
    );
    Ok(())
}

fn row(partition: &Arc<Partition>) -> DescribeLogDirsPartition {
    let size = partition.size();
    DescribeLogDirsPartition {
        partition_index: partition.index,
        partition_size: i64::try_from(size).unwrap_or(i64::MAX),
        offset_lag: 0,
        is_future_key: false,
    }
}
