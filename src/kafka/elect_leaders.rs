//! ElectLeaders: on a single node each partition's only replica leads already, so no election is
//! ever needed; unknown partitions and election types are told as Kafka tells them.

use super::call::{Call, decode, respond};
use crate::broker::Shared;
use crate::catalog::Image;
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};

/// A partition, what its election came to, and that in words.
type Row = (i32, ErrorCode, String);

/// Preferred and unclean.
const ELECTION_TYPES: std::ops::RangeInclusive<i8> = 0..=1;

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
    let request: ElectLeadersRequest<'_> = decode(call, body)?;
    let image = shared.image();
    let known_type = ELECTION_TYPES.contains(&request.election_type);
    let wrong_type = format!("Unknown election type {}", request.election_type);
    let mut answers: Vec<(&str, Vec<Row>)> = Vec::new();
    match request.topic_partitions {
        None if known_type => {
            answers.extend(image.topics().map(|topic| (&*topic.name, Vec::new())))
        }
        None => {}
        Some(topics) => {
            for topic in topics.iter() {
                let row = |index| match known_type {
                    true => elect(&image, topic.topic, index),
                    false => (index, ErrorCode::INVALID_REQUEST, wrong_type.clone()),
                };
                answers.push((topic.topic, topic.partitions.iter().map(row).collect()));
            }
        }
    }
    let error_code = if known_type || answers.iter().all(|(_, rows)| rows.is_empty()) {
        ErrorCode::NONE
    } else {
        ErrorCode::INVALID_REQUEST
    };
    encode(call, error_code, &answers, out);
    Ok(())
}

fn elect(image: &Image, topic: &str, index: i32) -> (i32, ErrorCode, String) {
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let Some(known) = image.topic(topic) else {
        return (index, unknown, format!("No such topic as {topic}"));
    };
    let is_known = usize::try_from(index).is_ok_and(|at| at < known.partitions.len());
    if !is_known {
        return (index, unknown, format!("No such partition as {topic}-{index}"));
    }
    let not_needed = ErrorCode::ELECTION_NOT_NEEDED;
    (index, not_needed, not_needed.message().to_owned())
}

fn encode(call: &Call<'_>, error_code: ErrorCode, answers: &[(&str, Vec<Row>)], out: &mut Writer) {
    let mut partitions = Vec::with_capacity(answers.len());
    for (_, rows) in answers {
        let mut results = Vec::with_capacity(rows.len());
        for (partition_id, error_code, message) in rows {
            let error_message = Some(message.as_str());
            results.push(PartitionResult {
                partition_id: *partition_id,
                error_code: *error_code,
                error_message,
            });
        }
        partitions.push(results);
    }
    let mut topics = Vec::with_capacity(answers.len());
    for ((topic, _), results) in answers.iter().zip(&partitions) {
        topics.push(ReplicaElectionResult { topic, partition_result: Array::from(results) });
    }
    let response = ElectLeadersResponse {
        error_code,
        replica_election_results: Array::from(&topics),
        ..Default::default()
    };
    respond(call, &response, out);
}
