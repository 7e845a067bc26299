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
    let (code, message) = refusal(call.version(), request.key_type);
    let coordinator = |key| Coordinator {
        key,
        node_id: -1,
        host: "",
        port: -1,
        error_code: code,
        error_message: Some(message),
    };
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

fn refusal(version: i16, key_type: i8) -> (ErrorCode, &'static str) {
    match key_type {
        GROUP => {
            (ErrorCode::COORDINATOR_NOT_AVAILABLE, ErrorCode::COORDINATOR_NOT_AVAILABLE.message())
        }
        TRANSACTION => {
            (ErrorCode::INVALID_REQUEST, "Transactions are not served by this broker yet.")
        }
        SHARE if version >= 6 => {
            (ErrorCode::INVALID_REQUEST, "Share groups are not served by this broker yet.")
        }
        _ => (ErrorCode::INVALID_REQUEST, ErrorCode::INVALID_REQUEST.message()),
    }
}
