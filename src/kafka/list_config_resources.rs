//! ListConfigResources (PROTOCOL 5.4; Kafka's `KafkaApis`): topics and brokers, whether or not anything is set for
//! them; groups and subscriptions to client metrics for which something is.

use super::call::{Call, bounded, decode, respond};
use crate::broker::Shared;
use crate::catalog::ResourceKind;
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};

/// All types, in Kafka's order.
const ALL: [ResourceKind; 5] = [
    ResourceKind::Group,
    ResourceKind::ClientMetrics,
    ResourceKind::BrokerLogger,
    ResourceKind::Broker,
    ResourceKind::Topic,
];

/// Answers the request.
///
/// # Errors
/// When the body cannot be read, or it names too much.
pub fn handle(
    shared: &Shared,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), DecodeError> {
    let request: ListConfigResourcesRequest<'_> = decode(call, body)?;
    bounded(body, request.resource_types.len())?;
    let Some(kinds) = asked(&request, call.version()) else {
        let error_code = ErrorCode::UNSUPPORTED_VERSION;
        respond(call, &ListConfigResourcesResponse { error_code, ..Default::default() }, out);
        return Ok(());
    };
    let (image, topics) = (shared.image(), shared.topics.all());
    let node = shared.config().node_id().to_string();
    let mut resources = Vec::new();
    for kind in kinds {
        let mut add = |resource_name| {
            resources.push(ConfigResource { resource_name, resource_type: kind as i8 });
        };
        match kind {
            ResourceKind::Topic => topics.iter().for_each(|topic| add(&topic.name)),
            ResourceKind::Broker | ResourceKind::BrokerLogger => add(&node),
            ResourceKind::ClientMetrics | ResourceKind::Group => {
                image.all_configs(kind).for_each(|(name, _)| add(name));
            }
        }
    }
    let config_resources = Array::from(&resources);
    respond(call, &ListConfigResourcesResponse { config_resources, ..Default::default() }, out);
    Ok(())
}

/// The types that are asked for, each once; none: there is one that is not known.
fn asked(request: &ListConfigResourcesRequest<'_>, version: i16) -> Option<Vec<ResourceKind>> {
    if version == 0 {
        return Some(vec![ResourceKind::ClientMetrics]);
    }
    let kinds: Option<Vec<_>> =
        request.resource_types.iter().map(ResourceKind::from_code).collect();
    let kinds = kinds?;
    Some(ALL.into_iter().filter(|kind| kinds.is_empty() || kinds.contains(kind)).collect())
}
