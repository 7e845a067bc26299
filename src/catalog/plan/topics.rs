//! Creating and deleting topics.

use std::collections::BTreeMap;

use super::partitions::{check_assignment, partition_record};
use super::{ApiError, NodeView, Plan};
use crate::catalog::{Image, name};
use crate::config::{Config, TopicConfig};
use crate::wire::error::ErrorCode;
use crate::wire::metadata_records::{ConfigRecord, MetadataRecord, RemoveTopicRecord, TopicRecord};
use crate::wire::uuid::Uuid;

/// Partitions of all topics together: a bound on memory, mappings and files.
const MAX_PARTITIONS: usize = 200_000;

/// One entry of a CreateTopics request.
#[derive(Debug, Clone, Default)]
pub struct NewTopic<'a> {
    /// The name asked for.
    pub name: &'a str,
    /// The number of partitions; −1 for the broker's default.
    pub num_partitions: i32,
    /// The replication factor; −1 for the broker's default.
    pub replication_factor: i16,
    /// Manual assignments: partition index and its replicas.
    pub assignments: Vec<(i32, Vec<i32>)>,
    /// Configs to set.
    pub configs: Vec<(&'a str, Option<&'a str>)>,
}

/// What a new topic would be.
#[derive(Debug, PartialEq)]
pub struct Created {
    /// The records that make it.
    pub plan: Plan,
    /// Its id.
    pub id: Uuid,
    /// How many partitions it gets.
    pub partitions: i32,
    /// How many replicas each of them gets.
    pub replication_factor: i16,
    /// The configs that were set.
    pub configs: BTreeMap<String, String>,
}

/// Plans a topic.
///
/// # Errors
/// In Kafka's order: the name, whether it exists or collides, the counts or assignments, the configs.
pub fn create_topic(
    image: &Image,
    config: &Config,
    node: NodeView,
    topic: &NewTopic<'_>,
    id: Uuid,
) -> Result<Created, ApiError> {
    check_name(image, topic.name)?;
    let (partitions, replication_factor) = if topic.assignments.is_empty() {
        check_counts(config, topic)?
    } else {
        check_assignments(node, topic)?
    };
    let configs = check_configs(config, topic)?;
    check_partition_limit(image, usize::try_from(partitions).unwrap_or(usize::MAX))?;
    let mut plan = Plan::over(image);
    plan.push(&MetadataRecord::TopicRecord(TopicRecord { name: topic.name, topic_id: id }));
    for (key, value) in &configs {
        plan.push(&MetadataRecord::ConfigRecord(ConfigRecord {
            resource_type: super::super::ResourceKind::Topic as i8,
            resource_name: topic.name,
            name: key,
            value: Some(value),
        }));
    }
    for index in 0..partitions {
        partition_record(&mut plan, id, index, node);
    }
    Ok(Created { plan, id, partitions, replication_factor, configs })
}

/// Plans the end of a topic.
///
/// # Errors
/// UNKNOWN_TOPIC_ID when there is no topic with this id.
pub fn delete_topic(image: &Image, id: Uuid) -> Result<Plan, ApiError> {
    if image.topic_by_id(id).is_none() {
        return Err(ApiError::plain(ErrorCode::UNKNOWN_TOPIC_ID));
    }
    let mut plan = Plan::over(image);
    plan.push(&MetadataRecord::RemoveTopicRecord(RemoveTopicRecord { topic_id: id }));
    Ok(plan)
}

fn check_name(image: &Image, topic: &str) -> Result<(), ApiError> {
    name::validate(topic)
        .map_err(|why| ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, why.to_string()))?;
    if topic == name::CLUSTER_METADATA {
        let message = format!("Creation of internal topic {topic} is prohibited.");
        return Err(ApiError::new(ErrorCode::INVALID_REQUEST, message));
    }
    if image.topic(topic).is_some() {
        let message = format!("Topic '{topic}' already exists.");
        return Err(ApiError::new(ErrorCode::TOPIC_ALREADY_EXISTS, message));
    }
    if let Some(other) = image.colliding(topic) {
        let message = format!("Topic '{topic}' collides with existing topic: {other}");
        return Err(ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message));
    }
    Ok(())
}

fn check_configs(
    config: &Config,
    topic: &NewTopic<'_>,
) -> Result<BTreeMap<String, String>, ApiError> {
    let nulls: Vec<&str> =
        topic.configs.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| *key).collect();
    if !nulls.is_empty() {
        let message = format!("Null value not supported for topic configs: {}", nulls.join(","));
        return Err(ApiError::new(ErrorCode::INVALID_CONFIG, message));
    }
    let set = |(key, value): &(&str, Option<&str>)| Some((key.to_string(), (*value)?.to_owned()));
    let configs: BTreeMap<String, String> = topic.configs.iter().filter_map(set).collect();
    TopicConfig::resolve(&configs, config)
        .map_err(|why| ApiError::new(ErrorCode::INVALID_CONFIG, why.to_string()))?;
    Ok(configs)
}

fn check_counts(config: &Config, topic: &NewTopic<'_>) -> Result<(i32, i16), ApiError> {
    if topic.replication_factor < -1 || topic.replication_factor == 0 {
        return Err(ApiError::new(
            ErrorCode::INVALID_REPLICATION_FACTOR,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ));
    }
    if topic.num_partitions < -1 || topic.num_partitions == 0 {
        return Err(ApiError::new(
            ErrorCode::INVALID_PARTITIONS,
            "Number of partitions was set to an invalid non-positive value.",
        ));
    }
    let partitions =
        if topic.num_partitions == -1 { config.num_partitions() } else { topic.num_partitions };
    let default = || i16::try_from(config.default_replication_factor()).unwrap_or(i16::MAX);
    let factor = if topic.replication_factor == -1 { default() } else { topic.replication_factor };
    if factor > 1 {
        return Err(ApiError::new(
            ErrorCode::INVALID_REPLICATION_FACTOR,
            format!(
                "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} \
                 cannot be reached because only 1 broker(s) are registered or some brokers have all their log \
                 directories cordoned."
            ),
        ));
    }
    Ok((partitions, factor))
}

fn check_assignments(node: NodeView, topic: &NewTopic<'_>) -> Result<(i32, i16), ApiError> {
    let invalid_request = |what: &str| {
        let message =
            format!("A manual partition assignment was specified, but {what} was not set to -1.");
        Err(ApiError::new(ErrorCode::INVALID_REQUEST, message))
    };
    if topic.replication_factor != -1 {
        return invalid_request("replication factor");
    }
    if topic.num_partitions != -1 {
        return invalid_request("numPartitions");
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut factor = None;
    for (index, replicas) in &topic.assignments {
        if !seen.insert(*index) {
            return Err(ApiError::new(
                ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                format!("Found multiple manual partition assignments for partition {index}"),
            ));
        }
        check_assignment(replicas, factor, node)?;
        factor = Some(replicas.len());
    }
    let consecutive = seen.iter().zip(0..).all(|(index, expected)| *index == expected);
    if !consecutive {
        return Err(ApiError::new(
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "partitions should be a consecutive 0-based integer sequence",
        ));
    }
    let partitions = i32::try_from(seen.len()).unwrap_or(i32::MAX);
    Ok((partitions, factor.and_then(|f| i16::try_from(f).ok()).unwrap_or(1)))
}

/// Refuses more partitions than the broker is made for.
pub(super) fn check_partition_limit(image: &Image, additional: usize) -> Result<(), ApiError> {
    if image.partition_count().saturating_add(additional) > MAX_PARTITIONS {
        let message = format!(
            "The broker holds {} partition(s); {additional} more would pass its limit of {MAX_PARTITIONS}.",
            image.partition_count()
        );
        return Err(ApiError::new(ErrorCode::INVALID_PARTITIONS, message));
    }
    Ok(())
}
