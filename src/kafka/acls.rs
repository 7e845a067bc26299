//! DescribeAcls, CreateAcls, DeleteAcls (PROTOCOL 5.5; Kafka's `AclApis`): there is no authorizer,
//! and all of them say so.
//!
//! Entries that a Kafka has left in the metadata are kept and have no effect; they are not told,
//! as Kafka tells them only through its authorizer. A request with an UNKNOWN in it ends the
//! connection, as Kafka's own classes refuse to be made of one.

use super::call::{Call, bounded, decode, respond};
use crate::broker::Shared;
use crate::wire::codec::{Array, DecodeError, Reader, Reason, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::create_acls::{
    AclCreationResult, CreateAclsRequest, CreateAclsResponse,
};
use crate::wire::messages::delete_acls::{
    DeleteAclsFilterResult, DeleteAclsRequest, DeleteAclsResponse,
};
use crate::wire::messages::describe_acls::{DescribeAclsRequest, DescribeAclsResponse};

/// Kafka's words to those who look.
const NONE_ON_THE_BROKER: &str = "No Authorizer is configured on the broker";
/// Kafka's words to those who change.
const NONE: &str = "No Authorizer is configured.";
/// The code of whatever the sender has no name for: of a resource, pattern, operation or permission.
const UNKNOWN: i8 = 0;

/// Answers DescribeAcls.
///
/// # Errors
/// When the body cannot be read, or something in it is UNKNOWN.
pub fn describe(
    _shared: &Shared,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), DecodeError> {
    let it: DescribeAclsRequest<'_> = decode(call, body)?;
    check(
        body,
        [it.resource_type_filter, it.pattern_type_filter, it.operation, it.permission_type],
    )?;
    let response = DescribeAclsResponse {
        error_code: ErrorCode::SECURITY_DISABLED,
        error_message: Some(NONE_ON_THE_BROKER),
        ..Default::default()
    };
    respond(call, &response, out);
    Ok(())
}

/// Answers CreateAcls.
///
/// # Errors
/// When the body cannot be read, or something in it is UNKNOWN.
pub fn create(
    _shared: &Shared,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), DecodeError> {
    let request: CreateAclsRequest<'_> = decode(call, body)?;
    bounded(body, request.creations.len())?;
    for it in request.creations.iter() {
        check(
            body,
            [it.resource_type, it.resource_pattern_type, it.operation, it.permission_type],
        )?;
    }
    let refused =
        AclCreationResult { error_code: ErrorCode::SECURITY_DISABLED, error_message: Some(NONE) };
    let results = vec![refused; request.creations.len()];
    respond(
        call,
        &CreateAclsResponse { results: Array::from(&results), ..Default::default() },
        out,
    );
    Ok(())
}

/// Answers DeleteAcls.
///
/// # Errors
/// When the body cannot be read, or something in it is UNKNOWN.
pub fn delete(
    _shared: &Shared,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), DecodeError> {
    let request: DeleteAclsRequest<'_> = decode(call, body)?;
    bounded(body, request.filters.len())?;
    for it in request.filters.iter() {
        check(
            body,
            [it.resource_type_filter, it.pattern_type_filter, it.operation, it.permission_type],
        )?;
    }
    let refused = DeleteAclsFilterResult {
        error_code: ErrorCode::SECURITY_DISABLED,
        error_message: Some(NONE),
        ..Default::default()
    };
    let filter_results = vec![refused; request.filters.len()];
    respond(
        call,
        &DeleteAclsResponse { filter_results: Array::from(&filter_results), ..Default::default() },
        out,
    );
    Ok(())
}

fn check(body: &Reader<'_>, codes: [i8; 4]) -> Result<(), DecodeError> {
    match codes.contains(&UNKNOWN) {
        true => Err(body.error(Reason::Unknown)),
        false => Ok(()),
    }
}
