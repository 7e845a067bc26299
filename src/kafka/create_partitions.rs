//! CreatePartitions (Kafka's `ControllerApis.createPartitions`).

use std::collections::BTreeMap;

use super::call::{Call, decode, respond};
use super::create_topics::MAX_PARTITIONS_PER_REQUEST;
use crate::broker::Controller;
use crate::catalog::{ApiError, CreatePartitionsSpec};
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
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
    let request: CreatePartitionsRequest<'_> = decode(call, body)?;
    let mut counts = BTreeMap::new();
    request.topics.iter().for_each(|topic| *counts.entry(topic.name).or_insert(0) += 1);
    let too_many = added(controller, &request) > MAX_PARTITIONS_PER_REQUEST;
    let mut outcomes: Vec<(&str, Result<(), ApiError>)> = Vec::new();
    for topic in request.topics.iter() {
        let outcome = match counts.remove(topic.name) {
            None => continue, // The topic's one row is there already.
            Some(_) if too_many => Err(ApiError::new(
                ErrorCode::POLICY_VIOLATION,
                "Excessively large number of partitions per request.",
            )),
            Some(1) => controller.create_partitions(&spec(&topic), request.validate_only),
            Some(_) => Err(ApiError::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name.")),
        };
        outcomes.push((topic.name, outcome));
    }
    let mut rows = Vec::with_capacity(outcomes.len());
    for (name, outcome) in &outcomes {
        let failed = outcome.as_ref().err();
        rows.push(CreatePartitionsTopicResult {
            name,
            error_code: failed.map_or(ErrorCode::NONE, |why| why.code),
            error_message: failed.and_then(|why| why.message.as_deref()),
        });
    }
    respond(
        call,
        &CreatePartitionsResponse { results: Array::from(&rows), ..Default::default() },
        out,
    );
    Ok(())
}

/// How many partitions the request adds to the topics that there are.
fn added(controller: &Controller, request: &CreatePartitionsRequest<'_>) -> i64 {
    let image = controller.shared().image();
    let added = |topic: CreatePartitionsTopic<'_>| {
        let have = i64::try_from(image.topic(topic.name)?.partitions.len()).ok()?;
        Some((i64::from(topic.count) - have).max(0))
    };
    request.topics.iter().filter_map(added).sum()
}

fn spec<'a>(topic: &CreatePartitionsTopic<'a>) -> CreatePartitionsSpec<'a> {
    let assignments = topic
        .assignments
        .map(|all| all.iter().map(|one| one.broker_ids.iter().collect()).collect());
    CreatePartitionsSpec { topic: topic.name, count: topic.count, assignments }
}
