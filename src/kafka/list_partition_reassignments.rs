//! ListPartitionReassignments: what is being moved. On a single node nothing can be.

use super::call::{Call, decode, respond};
use crate::broker::Shared;
use crate::wire::codec::{DecodeError, Reader, Writer};
use crate::wire::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

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
    let _request: ListPartitionReassignmentsRequest<'_> = decode(call, body)?;
    respond(
        call,
        &ListPartitionReassignmentsResponse { error_message: None, ..Default::default() },
        out,
    );
    Ok(())
}
