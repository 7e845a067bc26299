//! InitProducerId (PROTOCOL 7.4): an id for an idempotent producer, never given twice.

use super::call::{Call, decode, respond};
use crate::broker::{Controller, Shared};
use crate::wire::codec::{DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

/// Answers the request on the worker if it needs no new block of ids.
///
/// # Errors
/// When the body cannot be read.
pub fn handle_quickly(
    shared: &Shared,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<bool, DecodeError> {
    let request: InitProducerIdRequest<'_> = decode(call, body)?;
    let answer = match check(&request) {
        Ok(()) => match shared.producer_ids.take() {
            Some(id) => Ok(id),
            None => return Ok(false),
        },
        Err(code) => Err(code),
    };
    respond(call, &response(answer), out);
    Ok(true)
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
    let request: InitProducerIdRequest<'_> = decode(call, body)?;
    let id = check(&request).and_then(|()| {
        controller.next_producer_id().map_err(|_| ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)
    });
    respond(call, &response(id), out);
    Ok(())
}

fn response(id: Result<i64, ErrorCode>) -> InitProducerIdResponse {
    match id {
        Ok(producer_id) => {
            InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() }
        }
        Err(error_code) => InitProducerIdResponse {
            error_code,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        },
    }
}

fn check(request: &InitProducerIdRequest<'_>) -> Result<(), ErrorCode> {
    let half_given = (request.producer_id == -1) != (request.producer_epoch == -1);
    match request.transactional_id {
        _ if half_given => Err(ErrorCode::INVALID_REQUEST),
        None => Ok(()),
        Some("") => Err(ErrorCode::INVALID_REQUEST),
        // No node coordinates transactions yet; FindCoordinator says so too.
        Some(_) => Err(ErrorCode::NOT_COORDINATOR),
    }
}
