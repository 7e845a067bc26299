//! CreateTopics (PROTOCOL 14.1; Kafka's `ControllerApis.createTopics`, `ReplicationControlManager`).

use std::collections::BTreeSet;

use super::call::{Call, decode, respond};
use crate::broker::Controller;
use crate::catalog::{ApiError, Created, NewTopic};
use crate::config::{Config, Described, Source, describe_topic, topic_default_names};
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};

/// New partitions that one request may ask for (Kafka's `MAX_PARTITIONS_PER_BATCH`).
pub const MAX_PARTITIONS_PER_REQUEST: i64 = 10_000;

type Outcome = Result<(Created, Vec<Described>), ApiError>;

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
    let request: CreateTopicsRequest<'_> = decode(call, body)?;
    let default = i64::from(controller.shared().config().num_partitions());
    let partitions = request.topics.iter().map(|topic| partitions_of(&topic, default));
    let too_many = partitions.sum::<i64>() > MAX_PARTITIONS_PER_REQUEST;
    let (mut seen, mut repeated) = (BTreeSet::new(), BTreeSet::new());
    for topic in request.topics.iter() {
        if !seen.insert(topic.name) {
            repeated.insert(topic.name);
        }
    }
    let mut outcomes: Vec<(&str, Outcome)> = Vec::new();
    for topic in request.topics.iter().filter(|topic| seen.remove(topic.name)) {
        let refused = |code, message: &str| Err(ApiError::new(code, message));
        let outcome = match topic.name {
            name if repeated.contains(name) => {
                refused(ErrorCode::INVALID_REQUEST, "Duplicate topic name.")
            }
            _ if too_many => refused(
                ErrorCode::POLICY_VIOLATION,
                "Excessively large number of partitions per request.",
            ),
            _ => create(controller, &topic, request.validate_only),
        };
        outcomes.push((topic.name, outcome));
    }
    encode(call, &outcomes, out);
    Ok(())
}

fn partitions_of(topic: &CreatableTopic<'_>, default: i64) -> i64 {
    match (topic.assignments.len(), topic.num_partitions) {
        (0, -1) => default,
        (0, count) => i64::from(count.max(0)),
        (assigned, _) => i64::try_from(assigned).unwrap_or(i64::MAX),
    }
}

fn create(controller: &mut Controller, topic: &CreatableTopic<'_>, validate_only: bool) -> Outcome {
    let assignments = topic.assignments.iter();
    let new = NewTopic {
        name: topic.name,
        num_partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments
            .map(|a| (a.partition_index, a.broker_ids.iter().collect()))
            .collect(),
        configs: topic.configs.iter().map(|config| (config.name, config.value)).collect(),
    };
    let created = controller.create_topic(&new, validate_only)?;
    let config = controller.shared().config();
    let mut configs = describe_topic(&created.configs, &config, None);
    for described in &mut configs {
        as_the_controller_says(described, &created, &config);
    }
    Ok((created, configs))
}

/// Kafka's controller tells less exactly than its brokers: values as they were given, and as the
/// source of a default any broker setting that has a say in it.
fn as_the_controller_says(described: &mut Described, created: &Created, config: &Config) {
    if let Some(given) = created.configs.get(&described.name) {
        described.value = Some(given.clone());
    } else if described.source == Source::Default {
        let names = topic_default_names(&described.name);
        let mut sources = names.into_iter().map(|name| config.source(name));
        described.source =
            sources.find(|source| *source != Source::Default).unwrap_or(Source::Default);
    }
}

fn encode(call: &Call<'_>, outcomes: &[(&str, Outcome)], out: &mut Writer) {
    let configs: Vec<Vec<CreatableTopicConfigs<'_>>> =
        outcomes.iter().map(|(_, outcome)| config_rows(outcome)).collect();
    let mut rows = Vec::with_capacity(outcomes.len());
    for ((name, outcome), configs) in outcomes.iter().zip(&configs) {
        let configs = Some(Array::from(configs));
        rows.push(match outcome {
            Ok((created, _)) => CreatableTopicResult {
                name,
                error_message: None,
                topic_id: created.id,
                num_partitions: created.partitions,
                replication_factor: created.replication_factor,
                configs,
                ..Default::default()
            },
            Err(why) => CreatableTopicResult {
                name,
                error_code: why.code,
                error_message: why.message.as_deref(),
                configs,
                ..Default::default()
            },
        });
    }
    respond(call, &CreateTopicsResponse { topics: Array::from(&rows), ..Default::default() }, out);
}

fn config_rows(outcome: &Outcome) -> Vec<CreatableTopicConfigs<'_>> {
    let Ok((_, configs)) = outcome else { return Vec::new() };
    let mut rows = Vec::with_capacity(configs.len());
    for config in configs {
        rows.push(CreatableTopicConfigs {
            name: &config.name,
            value: config.value.as_deref(),
            read_only: config.read_only,
            config_source: config.source.id(),
            is_sensitive: config.sensitive,
        });
    }
    rows
}
