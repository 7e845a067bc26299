//! FindCoordinator (PROTOCOL 5.2): which node coordinates a group or a transactional id.
//!
//! Coordinators are not built yet, and the answers say so: a group's is not available (clients that
//! merely carry a group id, as librdkafka's consumers must, go on without), and a transaction's is
//! refused for good, so that a transactional producer fails at once instead of retrying for ever.
//! The API itself must be there: librdkafka takes its absence for a broker without lz4.

use super::call::{Call, decode, respond};
use crate::broker::Shared;
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// Answers the request.
///
/// # Errors
/// When the body cannot be read.
pub fn handle(
    _shared: &Shared,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), DecodeError> {
    let request: FindCoordinatorRequest<'_> = decode(call, body)?;
    let coordinator = |key| {
        let (error_code, message) = refusal(request.key_type, key);
        let error_message = Some(message);
        Coordinator { key, node_id: -1, host: "", port: -1, error_code, error_message }
    };
    let (code, message) = refusal(request.key_type, request.key);
    let coordinators: Vec<Coordinator<'_>> =
        request.coordinator_keys.iter().map(coordinator).collect();
    let response = FindCoordinatorResponse {
        error_code: code,
        error_message: Some(message),
        node_id: -1,
        host: "",
        port: -1,
        coordinators: Array::from(&coordinators),
        ..Default::default()
    };
    respond(call, &response, out);
    Ok(())
}

fn refusal(key_type: i8, key: &str) -> (ErrorCode, &'static str) {
    let unavailable = ErrorCode::COORDINATOR_NOT_AVAILABLE;
    let invalid = ErrorCode::INVALID_REQUEST;
    match key_type {
        GROUP => (unavailable, unavailable.message()),
        TRANSACTION => (invalid, "Transactions are not served by this broker yet."),
        // A share coordinator's key is "group:topic:partition" or none.
        SHARE if key.split(':').count() != 3 => (invalid, ""),
        SHARE => (invalid, "Share groups are not served by this broker yet."),
        _ => (invalid, invalid.message()),
    }
}
