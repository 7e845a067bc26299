//! ListTransactions (PROTOCOL 5.4; Kafka's `TransactionStateManager`): none, since none can be begun
//! here. What a Kafka has left of its transactions is not read: then nobody here can list them, and
//! the answer is that there is no coordinator.

use super::call::{Call, bounded, decode, respond};
use crate::broker::{Controller, Shared};
use crate::coordinator::groups::is_regular_expression;
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::list_transactions::{ListTransactionsRequest, ListTransactionsResponse};

/// Where Kafka keeps the state of transactions.
const STATE_TOPIC: &str = "__transaction_state";
/// Kafka's names of their states.
const STATES: [&str; 8] = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
];

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
    let request: ListTransactionsRequest<'_> = decode(call, body)?;
    bounded(body, request.state_filters.len())?;
    let response = match check(controller.shared(), &request) {
        Err(error_code) => ListTransactionsResponse { error_code, ..Default::default() },
        Ok(()) => ListTransactionsResponse::default(),
    };
    let mut unknown: Vec<&str> = Vec::new();
    if response.error_code == ErrorCode::NONE {
        unknown.extend(request.state_filters.iter().filter(|state| !STATES.contains(state)));
        unknown.sort_unstable();
        unknown.dedup();
    }
    let response =
        ListTransactionsResponse { unknown_state_filters: Array::from(&unknown), ..response };
    respond(call, &response, out);
    Ok(())
}

fn check(shared: &Shared, request: &ListTransactionsRequest<'_>) -> Result<(), ErrorCode> {
    let left = shared.topics.by_name(STATE_TOPIC);
    if left.is_some_and(|topic| topic.partitions().iter().any(|state| state.size() > 0)) {
        return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    }
    match request.transactional_id_pattern {
        Some(pattern) if !is_regular_expression(pattern) => {
            Err(ErrorCode::INVALID_REGULAR_EXPRESSION)
        }
        _ => Ok(()),
    }
}
