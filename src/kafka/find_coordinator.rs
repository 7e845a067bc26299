//! FindCoordinator (PROTOCOL 5.2): which node coordinates a group or a transactional id.
//!
//! A group's coordinator is this node, once the offsets topic is there; the first who asks has it
//! made. Transactions and share groups are not built yet, and the answers say so for good, so that a
//! client fails at once instead of retrying for ever. The API itself must be there: librdkafka takes
//! its absence for a broker without lz4.

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
/// From this version on a request has many keys.
const BATCH: i16 = 4;

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
    let request: FindCoordinatorRequest<'_> = decode(call, body)?;
    let endpoint = call.endpoint(shared);
    let find = |key| match find(shared, request.key_type, key) {
        Ok(()) => Coordinator {
            key,
            node_id: shared.node.node_id,
            host: &endpoint.host,
            port: i32::from(endpoint.port),
            error_code: ErrorCode::NONE,
            error_message: Some(if call.version() < BATCH { ErrorCode::NONE.name() } else { "" }),
        },
        Err((error_code, message)) => Coordinator {
            key,
            node_id: -1,
            host: "",
            port: -1,
            error_code,
            error_message: Some(message),
        },
    };
    let coordinators: Vec<Coordinator<'_>> = request.coordinator_keys.iter().map(find).collect();
    let single = if call.version() < BATCH { find(request.key) } else { Coordinator::default() };
    let response = FindCoordinatorResponse {
        error_code: single.error_code,
        error_message: single.error_message,
        node_id: single.node_id,
        host: single.host,
        port: single.port,
        coordinators: Array::from(&coordinators),
        ..Default::default()
    };
    respond(call, &response, out);
    Ok(())
}

fn find(shared: &Shared, key_type: i8, key: &str) -> Result<(), (ErrorCode, &'static str)> {
    let unavailable = ErrorCode::COORDINATOR_NOT_AVAILABLE;
    let invalid = ErrorCode::INVALID_REQUEST;
    match key_type {
        GROUP if shared.has_groups() => Ok(()),
        GROUP => Err((unavailable, unavailable.message())),
        TRANSACTION => Err((invalid, "Transactions are not served by this broker yet.")),
        // A share coordinator's key is "group:topic:partition" or none.
        SHARE if key.split(':').count() != 3 => Err((invalid, "")),
        SHARE => Err((invalid, "Share groups are not served by this broker yet.")),
        _ => Err((invalid, invalid.message())),
    }
}
