//! DescribeConfigs (PROTOCOL 5.3; Kafka's `ConfigHelper`): settings with their values, where those
//! come from, and what stands behind them.

use super::call::{Call, decode, respond};
use crate::broker::Shared;
use crate::catalog::{ApiError, ResourceKind, validate_topic_name};
use crate::config::{Described, describe_broker, describe_cluster, describe_group, describe_topic};
use crate::wire::codec::{Array, DecodeError, Reader, Reason, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};

/// The resource type of topics.
const TOPIC: i8 = ResourceKind::Topic as i8;
/// Resources that one request may name.
const MAX_RESOURCES: usize = 20_000;
/// Resources other than topics that one request may name: each answers with hundreds of rows.
const MAX_OTHER_RESOURCES: usize = 100;

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
    let request: DescribeConfigsRequest<'_> = decode(call, body)?;
    check_size(body, &request)?;
    let answers: Vec<(DescribeConfigsResource<'_>, Result<Vec<Described>, ApiError>)> =
        request.resources.iter().map(|resource| (resource, describe(shared, &resource))).collect();
    let synonyms: Vec<Vec<Vec<DescribeConfigsSynonym<'_>>>> =
        answers.iter().map(|(_, answer)| synonym_rows(answer, request.include_synonyms)).collect();
    let configs: Vec<Vec<DescribeConfigsResourceResult<'_>>> = answers
        .iter()
        .zip(&synonyms)
        .map(|((_, answer), synonyms)| config_rows(answer, synonyms, request.include_documentation))
        .collect();
    let mut results = Vec::with_capacity(answers.len());
    for ((resource, answer), configs) in answers.iter().zip(&configs) {
        let failed = answer.as_ref().err();
        results.push(DescribeConfigsResult {
            error_code: failed.map_or(ErrorCode::NONE, |why| why.code),
            error_message: Some(failed.and_then(|why| why.message.as_deref()).unwrap_or_default()),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            configs: Array::from(configs),
        });
    }
    respond(
        call,
        &DescribeConfigsResponse { results: Array::from(&results), ..Default::default() },
        out,
    );
    Ok(())
}

/// An answer holds hundreds of times what was asked: who asks for too much gets none.
fn check_size(body: &Reader<'_>, request: &DescribeConfigsRequest<'_>) -> Result<(), DecodeError> {
    let resources = request.resources;
    let others = resources.iter().filter(|resource| resource.resource_type != TOPIC).count();
    if resources.len() > MAX_RESOURCES || others > MAX_OTHER_RESOURCES {
        let (count, left) = (resources.len(), MAX_RESOURCES);
        return Err(body.error(Reason::TooManyElements { count, left }));
    }
    Ok(())
}

fn describe(
    shared: &Shared,
    resource: &DescribeConfigsResource<'_>,
) -> Result<Vec<Described>, ApiError> {
    let keys: Option<Vec<&str>> = resource.configuration_keys.map(|keys| keys.iter().collect());
    let wanted = keys.as_deref();
    let name = resource.resource_name;
    match ResourceKind::from_code(resource.resource_type) {
        Some(ResourceKind::Topic) => describe_one_topic(shared, name, wanted),
        Some(ResourceKind::Broker) if name.is_empty() => {
            Ok(describe_cluster(&shared.config(), wanted))
        }
        Some(ResourceKind::Broker) => {
            check_broker_id(name, shared.node.node_id, " or empty string,")?;
            Ok(describe_broker(&shared.config(), wanted))
        }
        Some(ResourceKind::BrokerLogger) if name.is_empty() => {
            Err(ApiError::new(ErrorCode::INVALID_REQUEST, "Broker id must not be empty"))
        }
        Some(ResourceKind::BrokerLogger) => {
            check_broker_id(name, shared.node.node_id, "")?;
            Ok(Vec::new())
        }
        Some(ResourceKind::ClientMetrics) if name.is_empty() => Err(ApiError::new(
            ErrorCode::INVALID_REQUEST,
            "Client metrics subscription name must not be empty",
        )),
        Some(ResourceKind::Group) if name.is_empty() => {
            Err(ApiError::new(ErrorCode::INVALID_REQUEST, "Group name must not be empty"))
        }
        Some(ResourceKind::Group) => {
            let (image, config) = (shared.image(), shared.config());
            Ok(describe_group(image.configs(ResourceKind::Group, name), &config, wanted))
        }
        // There are none yet, so nothing can have been set for them.
        Some(ResourceKind::ClientMetrics) => Ok(Vec::new()),
        None => Err(ApiError::plain(ErrorCode::INVALID_REQUEST)),
    }
}

fn describe_one_topic(
    shared: &Shared,
    name: &str,
    wanted: Option<&[&str]>,
) -> Result<Vec<Described>, ApiError> {
    validate_topic_name(name)
        .map_err(|why| ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, why.to_string()))?;
    let image = shared.image();
    if image.topic(name).is_none() {
        return Err(ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ""));
    }
    Ok(describe_topic(image.configs(ResourceKind::Topic, name), &shared.config(), wanted))
}

/// A broker is described by itself alone.
fn check_broker_id(name: &str, own: i32, or: &str) -> Result<(), ApiError> {
    let message = match name.parse::<i32>() {
        Ok(id) if id == own => return Ok(()),
        Ok(id) => format!("Unexpected broker id, expected {own}{or} but received {id}"),
        Err(_) => format!("Broker id must be an integer, but it is: {name}"),
    };
    Err(ApiError::new(ErrorCode::INVALID_REQUEST, message))
}

fn synonym_rows(
    answer: &Result<Vec<Described>, ApiError>,
    include: bool,
) -> Vec<Vec<DescribeConfigsSynonym<'_>>> {
    let mut all = Vec::new();
    for config in answer.iter().flatten() {
        let mut rows = Vec::new();
        for synonym in config.synonyms.iter().filter(|_| include) {
            let (value, source) = (synonym.value.as_deref(), synonym.source.id());
            rows.push(DescribeConfigsSynonym { name: &synonym.name, value, source });
        }
        all.push(rows);
    }
    all
}

fn config_rows<'a>(
    answer: &'a Result<Vec<Described>, ApiError>,
    synonyms: &'a [Vec<DescribeConfigsSynonym<'a>>],
    documentation: bool,
) -> Vec<DescribeConfigsResourceResult<'a>> {
    let row = |(config, synonyms): (&'a Described, &'a Vec<_>)| DescribeConfigsResourceResult {
        name: &config.name,
        value: config.value.as_deref(),
        read_only: config.read_only,
        config_source: config.source.id(),
        is_sensitive: config.sensitive,
        synonyms: Array::from(synonyms),
        config_type: config.kind.map_or(0, |kind| kind.id()),
        documentation: documentation.then_some(config.doc),
    };
    answer.iter().flatten().zip(synonyms).map(row).collect()
}
