//! DeleteTopics (Kafka's `ControllerApis.deleteTopics`): by name, or by id from v6.

use std::collections::BTreeMap;

use super::call::{Call, decode, respond};
use crate::broker::Controller;
use crate::catalog::ApiError;
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use crate::wire::uuid::Uuid;

/// One row of the answer.
struct Row {
    name: Option<String>,
    id: Uuid,
    outcome: Result<(), ApiError>,
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
    let request: DeleteTopicsRequest<'_> = decode(call, body)?;
    let asked: Vec<DeleteTopicState<'_>> = match call.version() {
        ..6 => request
            .topic_names
            .iter()
            .map(|name| DeleteTopicState { name: Some(name), ..Default::default() })
            .collect(),
        _ => request.topics.iter().collect(),
    };
    let mut rows = if controller.shared().config().delete_topic_enable() {
        resolve(controller, &asked)
    } else {
        let code = if call.version() < 3 {
            ErrorCode::INVALID_REQUEST
        } else {
            ErrorCode::TOPIC_DELETION_DISABLED
        };
        let row = |topic: &DeleteTopicState<'_>| Row {
            outcome: Err(ApiError::bare(code)),
            ..refused(topic, code, "")
        };
        asked.iter().map(row).collect()
    };
    for row in rows.iter_mut().filter(|row| row.outcome.is_ok()) {
        row.outcome = controller.delete_topic(row.id);
    }
    encode(call, &rows, out);
    Ok(())
}

fn refused(topic: &DeleteTopicState<'_>, code: ErrorCode, message: &str) -> Row {
    let name = topic.name.map(str::to_owned);
    Row { name, id: topic.topic_id, outcome: Err(ApiError::new(code, message)) }
}

/// Rows in which `Ok` means that the topic with the row's id is to be deleted.
fn resolve(controller: &Controller, asked: &[DeleteTopicState<'_>]) -> Vec<Row> {
    let image = controller.shared().image();
    let mut rows = Vec::new();
    let (mut names, mut ids) = (BTreeMap::new(), BTreeMap::new());
    for topic in asked {
        match (topic.name, topic.topic_id.is_zero()) {
            (Some(_), false) => {
                let message = "You may not specify both topic name and topic id.";
                rows.push(refused(topic, ErrorCode::INVALID_REQUEST, message));
            }
            (None, true) => {
                let message = "Neither topic name nor id were specified.";
                rows.push(refused(topic, ErrorCode::INVALID_REQUEST, message));
            }
            (Some(name), true) => *names.entry(name).or_insert(0) += 1,
            (None, false) => *ids.entry(topic.topic_id).or_insert(0) += 1,
        }
    }
    for (id, count) in &ids {
        let topic = DeleteTopicState { name: None, topic_id: *id };
        let name = image.topic_by_id(*id).map(|topic| topic.name.to_string());
        rows.push(match (&name, count) {
            (_, 2..) => refused(&topic, ErrorCode::INVALID_REQUEST, "Duplicate topic id."),
            (None, _) => {
                refused(&topic, ErrorCode::UNKNOWN_TOPIC_ID, ErrorCode::UNKNOWN_TOPIC_ID.message())
            }
            (Some(_), _) => Row { name, id: *id, outcome: Ok(()) },
        });
    }
    for (name, count) in &names {
        let topic = DeleteTopicState { name: Some(name), topic_id: Uuid::ZERO };
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        let twice = "The provided topic name maps to an ID that was already supplied.";
        match image.topic(name) {
            _ if *count > 1 => {
                rows.push(refused(&topic, ErrorCode::INVALID_REQUEST, "Duplicate topic name."))
            }
            None => rows.push(refused(&topic, unknown, unknown.message())),
            Some(known) if ids.contains_key(&known.id) => {
                rows.retain(|row| row.id != known.id);
                let topic = DeleteTopicState { topic_id: known.id, ..topic };
                rows.push(refused(&topic, ErrorCode::INVALID_REQUEST, twice));
            }
            Some(known) => {
                rows.push(Row { name: Some(name.to_string()), id: known.id, outcome: Ok(()) })
            }
        }
    }
    rows
}

fn encode(call: &Call<'_>, rows: &[Row], out: &mut Writer) {
    let mut results = Vec::with_capacity(rows.len());
    for row in rows {
        let failed = row.outcome.as_ref().err();
        results.push(DeletableTopicResult {
            name: row.name.as_deref(),
            topic_id: row.id,
            error_code: failed.map_or(ErrorCode::NONE, |why| why.code),
            error_message: failed.and_then(|why| why.message.as_deref()),
        });
    }
    respond(
        call,
        &DeleteTopicsResponse { responses: Array::from(&results), ..Default::default() },
        out,
    );
}
