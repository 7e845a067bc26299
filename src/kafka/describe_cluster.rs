//! DescribeCluster (PROTOCOL 5.3): the brokers, the controller, the cluster's id.

use super::call::{Call, decode, respond};
use super::metadata::{CLUSTER_OPERATIONS, NOT_ASKED};
use crate::broker::Shared;
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

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
    let request: DescribeClusterRequest = decode(call, body)?;
    if request.endpoint_type != BROKERS {
        let (error_code, message) = refusal(request.endpoint_type);
        let response = DescribeClusterResponse {
            error_code,
            error_message: Some(&message),
            ..Default::default()
        };
        respond(call, &response, out);
        return Ok(());
    }
    let endpoint = call.endpoint(shared);
    let config = shared.config();
    let brokers = [DescribeClusterBroker {
        broker_id: shared.node.node_id,
        host: &endpoint.host,
        port: i32::from(endpoint.port),
        rack: config.broker_rack(),
        is_fenced: false,
    }];
    let ask = request.include_cluster_authorized_operations;
    let response = DescribeClusterResponse {
        cluster_id: &shared.cluster_id,
        controller_id: shared.node.node_id,
        brokers: Array::from(&brokers[..]),
        cluster_authorized_operations: if ask { CLUSTER_OPERATIONS } else { NOT_ASKED },
        ..Default::default()
    };
    respond(call, &response, out);
    Ok(())
}

fn refusal(endpoint_type: i8) -> (ErrorCode, String) {
    match endpoint_type {
        CONTROLLERS => (
            ErrorCode::MISMATCHED_ENDPOINT_TYPE,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER".into(),
        ),
        other => (ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, format!("Unsupported endpoint type {other}")),
    }
}
