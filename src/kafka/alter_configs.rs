//! AlterConfigs and IncrementalAlterConfigs (PROTOCOL 5.3; Kafka's `ConfigAdminManager`,
//! `ControllerApis`, `ConfigurationControlManager`): all or nothing per resource.

use std::collections::BTreeMap;

use super::call::{Call, decode, respond};
use crate::broker::Controller;
use crate::catalog::{ApiError, ConfigChange, ConfigOp, ResourceKind, validate_topic_name};
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResourceResponse, AlterConfigsResponse,
};
use crate::wire::messages::incremental_alter_configs as incremental;

type Outcome<'a> = (i8, &'a str, Result<(), ApiError>);

/// Answers AlterConfigs: each resource gets exactly the configs that are given.
///
/// # Errors
/// When the body cannot be read.
pub fn handle_replace(
    controller: &mut Controller,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), DecodeError> {
    let request: AlterConfigsRequest<'_> = decode(call, body)?;
    let repeats =
        Repeats::count(request.resources.iter().map(|r| (r.resource_type, r.resource_name)));
    let mut outcomes: Vec<Outcome<'_>> = Vec::new();
    for resource in request.resources.iter() {
        let place = (resource.resource_type, resource.resource_name);
        let configs: Vec<(&str, Option<&str>)> =
            resource.configs.iter().map(|c| (c.name, c.value)).collect();
        let outcome = prepare(controller, &repeats, place, false, configs.iter().copied())
            .and_then(|kind| {
                let set: Vec<(&str, &str)> =
                    configs.iter().map(|(key, value)| (*key, value.unwrap_or_default())).collect();
                controller.replace_configs(kind, place.1, &set, request.validate_only)
            });
        outcomes.push((place.0, place.1, outcome));
    }
    let mut responses = Vec::with_capacity(outcomes.len());
    for (resource_type, resource_name, outcome) in &outcomes {
        let (error_code, error_message) = told(outcome);
        let (resource_type, resource_name) = (*resource_type, *resource_name);
        responses.push(AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type,
            resource_name,
        });
    }
    respond(
        call,
        &AlterConfigsResponse { responses: Array::from(&responses), ..Default::default() },
        out,
    );
    Ok(())
}

/// Answers IncrementalAlterConfigs: each resource is changed key by key.
///
/// # Errors
/// When the body cannot be read.
pub fn handle_incremental(
    controller: &mut Controller,
    call: &Call<'_>,
    body: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), DecodeError> {
    let request: incremental::IncrementalAlterConfigsRequest<'_> = decode(call, body)?;
    let repeats =
        Repeats::count(request.resources.iter().map(|r| (r.resource_type, r.resource_name)));
    let mut outcomes: Vec<Outcome<'_>> = Vec::new();
    for resource in request.resources.iter() {
        let place = (resource.resource_type, resource.resource_name);
        let outcome = alter_one(controller, &repeats, &resource, request.validate_only);
        outcomes.push((place.0, place.1, outcome));
    }
    let mut responses = Vec::with_capacity(outcomes.len());
    for (resource_type, resource_name, outcome) in &outcomes {
        let (error_code, error_message) = told(outcome);
        let (resource_type, resource_name) = (*resource_type, *resource_name);
        responses.push(incremental::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type,
            resource_name,
        });
    }
    let response = incremental::IncrementalAlterConfigsResponse {
        responses: Array::from(&responses),
        ..Default::default()
    };
    respond(call, &response, out);
    Ok(())
}

fn alter_one(
    controller: &mut Controller,
    repeats: &Repeats<'_>,
    resource: &incremental::AlterConfigsResource<'_>,
    validate_only: bool,
) -> Result<(), ApiError> {
    let place = (resource.resource_type, resource.resource_name);
    let is_delete = |op| op == ConfigOp::Delete as i8;
    let values = resource
        .configs
        .iter()
        .map(|c| (c.name, if is_delete(c.config_operation) { Some("") } else { c.value }));
    let kind = prepare(controller, repeats, place, true, values)?;
    let mut changes = Vec::with_capacity(resource.configs.len());
    for config in resource.configs.iter() {
        let op = ConfigOp::from_code(config.config_operation);
        let op = op.ok_or_else(|| ApiError::bare(ErrorCode::UNKNOWN_SERVER_ERROR))?;
        changes.push(ConfigChange { key: config.name, op, value: config.value });
    }
    controller.incremental_alter_configs(kind, place.1, &changes, validate_only)
}

fn told(outcome: &Result<(), ApiError>) -> (ErrorCode, Option<&str>) {
    match outcome {
        Ok(()) => (ErrorCode::NONE, None),
        Err(why) => (why.code, why.message.as_deref()),
    }
}

/// How often each resource is named.
struct Repeats<'a>(BTreeMap<(i8, &'a str), usize>);

impl<'a> Repeats<'a> {
    fn count(resources: impl Iterator<Item = (i8, &'a str)>) -> Self {
        let mut counts = BTreeMap::new();
        resources.for_each(|place| *counts.entry(place).or_insert(0) += 1);
        Self(counts)
    }
}

/// The checks that come before the metadata is asked.
fn prepare<'a>(
    controller: &Controller,
    repeats: &Repeats<'_>,
    (resource_type, name): (i8, &str),
    incremental: bool,
    configs: impl Iterator<Item = (&'a str, Option<&'a str>)> + Clone,
) -> Result<ResourceKind, ApiError> {
    let invalid = |message: String| Err(ApiError::new(ErrorCode::INVALID_REQUEST, message));
    if repeats.0.get(&(resource_type, name)).is_some_and(|count| *count > 1) {
        return invalid("Each resource must appear at most once.".into());
    }
    let nulls: Vec<&str> =
        configs.clone().filter(|(_, value)| value.is_none()).map(|(key, _)| key).collect();
    if !nulls.is_empty() {
        return invalid(format!("Null value not supported for : {}", nulls.join(", ")));
    }
    let mut keys: Vec<&str> = configs.map(|(key, _)| key).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return invalid("Error due to duplicate config keys".into());
    }
    let own = controller.shared().node.node_id;
    match ResourceKind::from_code(resource_type) {
        Some(ResourceKind::Topic) if name.is_empty() => {
            invalid("Default topic resources are not allowed.".into())
        }
        Some(ResourceKind::Topic) => match validate_topic_name(name) {
            Ok(()) => Ok(ResourceKind::Topic),
            Err(why) => Err(ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, why.to_string())),
        },
        Some(ResourceKind::Broker) if name.is_empty() => Ok(ResourceKind::Broker),
        Some(kind @ ResourceKind::Broker) => match name.parse::<i32>() {
            Ok(id) if id == own => Ok(kind),
            Ok(id) => invalid(format!("Unexpected broker id, expected {own}, but received {id}")),
            Err(_) => invalid(format!("Node id must be an integer, but it is: {name}")),
        },
        Some(ResourceKind::BrokerLogger) if incremental => match name.parse::<i32>() {
            Ok(id) if id == own => {
                invalid("The levels of loggers cannot be changed while the broker runs.".into())
            }
            Ok(id) => invalid(format!("Unexpected node id. Expected {own}, but received {id}")),
            Err(_) => invalid(format!("Node id must be an integer, but it is: {name}")),
        },
        Some(ResourceKind::Group) if name.is_empty() => {
            invalid("Default group resources are not allowed.".into())
        }
        Some(ResourceKind::Group) => Ok(ResourceKind::Group),
        Some(kind @ ResourceKind::ClientMetrics) => invalid(format!(
            "Configs of resource type {} are not served by this broker yet.",
            kind as i8
        )),
        Some(ResourceKind::BrokerLogger) | None => {
            invalid(format!("Unknown resource type {resource_type}"))
        }
    }
}
