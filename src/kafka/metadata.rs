//! Metadata (PROTOCOL 5.1; Kafka's `KafkaApis.handleTopicMetadataRequest`): brokers and topics.
//!
//! A topic that is asked for and missing may be created by this (auto-creation); the answer says
//! unknown all the same, and the client asks again.

use std::collections::BTreeSet;

use super::call::{Call, decode, respond};
use crate::broker::Shared;
use crate::catalog::{Image, TopicImage, is_internal, validate_topic_name};
use crate::wire::codec::{Array, DecodeError, Reader, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use crate::wire::uuid::Uuid;

/// Every operation that there is for a topic, as bits of their codes: nothing is forbidden without
/// an authorizer (Kafka's `AclEntry.supportedOperations`).
pub const TOPIC_OPERATIONS: i32 = 3576;
/// Every operation that there is for the cluster.
pub const CLUSTER_OPERATIONS: i32 = 8096;
/// What a bit field of operations says that was not asked for.
pub const NOT_ASKED: i32 = i32::MIN;

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
    let request: MetadataRequest<'_> = decode(call, body)?;
    if let Some(response) = refuse(call, &request) {
        let topics: Vec<_> = response
            .iter()
            .map(|(name, topic_id, code)| MetadataResponseTopic {
                topic_id: *topic_id,
                is_internal: false,
                ..failed(*code, Some(name))
            })
            .collect();
        let response = MetadataResponse { topics: Array::from(&topics), ..Default::default() };
        respond(call, &response, out);
        return Ok(());
    }
    let image = shared.image();
    let wanted = Wanted::of(call, &request);
    let (found, missing) = wanted.split(&image);
    create_missing(shared, call, &request, &missing);
    let operations =
        if request.include_topic_authorized_operations { TOPIC_OPERATIONS } else { NOT_ASKED };
    let partitions: Vec<Vec<MetadataResponsePartition<'_>>> =
        found.iter().map(|topic| partition_rows(topic)).collect();
    let mut topics = Vec::with_capacity(found.len() + missing.len());
    for (topic, partitions) in found.iter().zip(&partitions) {
        topics.push(MetadataResponseTopic {
            name: Some(&topic.name),
            topic_id: topic.id,
            is_internal: is_internal(&topic.name),
            partitions: Array::from(partitions),
            topic_authorized_operations: operations,
            ..Default::default()
        });
    }
    topics.extend(missing.into_iter().map(|topic| MetadataResponseTopic {
        topic_authorized_operations: if topic.topic_id.is_zero()
            && topic.error_code != ErrorCode::INVALID_TOPIC_EXCEPTION
        {
            operations
        } else {
            NOT_ASKED
        },
        ..topic
    }));
    respond_with(shared, call, &request, &topics, out);
    Ok(())
}

fn respond_with(
    shared: &Shared,
    call: &Call<'_>,
    request: &MetadataRequest<'_>,
    topics: &[MetadataResponseTopic<'_>],
    out: &mut Writer,
) {
    let endpoint = call.endpoint(shared);
    let config = shared.config();
    let broker = [MetadataResponseBroker {
        node_id: shared.node.node_id,
        host: &endpoint.host,
        port: i32::from(endpoint.port),
        rack: config.broker_rack(),
    }];
    let ask = request.include_cluster_authorized_operations;
    let response = MetadataResponse {
        brokers: Array::from(&broker[..]),
        cluster_id: Some(&shared.cluster_id),
        controller_id: shared.node.node_id,
        topics: Array::from(topics),
        cluster_authorized_operations: if ask { CLUSTER_OPERATIONS } else { NOT_ASKED },
        ..Default::default()
    };
    respond(call, &response, out);
}

/// Requests that are wrong as a whole: below v12 every topic must have a name and none an id; from
/// then on it must have one of them. Names and the code to tell.
fn refuse<'r>(
    call: &Call<'_>,
    request: &MetadataRequest<'r>,
) -> Option<Vec<(&'r str, Uuid, ErrorCode)>> {
    let topics = request.topics?;
    let code = if call.version() < 12 {
        ErrorCode::INVALID_REQUEST
    } else {
        ErrorCode::UNKNOWN_SERVER_ERROR
    };
    let wrong = |topic: MetadataRequestTopic<'_>| match call.version() {
        ..12 => topic.name.is_none() || !topic.topic_id.is_zero(),
        _ => topic.name.is_none() && topic.topic_id.is_zero(),
    };
    let any = topics.iter().any(wrong);
    any.then(|| {
        topics.iter().map(|topic| (topic.name.unwrap_or_default(), topic.topic_id, code)).collect()
    })
}

/// Which topics are asked for.
enum Wanted<'r> {
    All,
    Some(Vec<MetadataRequestTopic<'r>>),
}

impl<'r> Wanted<'r> {
    fn of(call: &Call<'_>, request: &MetadataRequest<'r>) -> Self {
        match request.topics {
            None => Self::All,
            Some(topics) if topics.is_empty() && call.version() == 0 => Self::All,
            Some(topics) => Self::Some(topics.iter().collect()),
        }
    }

    /// The topics that are there, and rows for those that are not.
    fn split<'i>(&self, image: &'i Image) -> (Vec<&'i TopicImage>, Vec<MetadataResponseTopic<'r>>) {
        let Self::Some(topics) = self else { return (image.topics().collect(), Vec::new()) };
        let (mut found, mut missing, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for topic in topics {
            // Where both are given the id counts.
            let by_id = !topic.topic_id.is_zero();
            let name = if by_id { None } else { topic.name };
            if !seen.insert((topic.topic_id, name)) {
                continue;
            }
            let known = match name {
                Some(name) => image.topic(name),
                None => image.topic_by_id(topic.topic_id),
            };
            match (known, name) {
                (Some(known), _) => found.push(known),
                (None, Some(name)) if validate_topic_name(name).is_err() => {
                    missing.push(failed(ErrorCode::INVALID_TOPIC_EXCEPTION, Some(name)));
                }
                (None, Some(name)) => {
                    missing.push(failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(name)))
                }
                (None, None) => missing.push(MetadataResponseTopic {
                    topic_id: topic.topic_id,
                    ..failed(ErrorCode::UNKNOWN_TOPIC_ID, None)
                }),
            }
        }
        (found, missing)
    }
}

fn failed(code: ErrorCode, name: Option<&str>) -> MetadataResponseTopic<'_> {
    MetadataResponseTopic {
        error_code: code,
        name,
        is_internal: name.is_some_and(is_internal),
        topic_authorized_operations: NOT_ASKED,
        ..Default::default()
    }
}

fn partition_rows(topic: &TopicImage) -> Vec<MetadataResponsePartition<'_>> {
    let rows = topic.partitions.iter().zip(0..);
    rows.map(|(partition, index)| MetadataResponsePartition {
        partition_index: index,
        leader_id: partition.leader,
        leader_epoch: partition.leader_epoch,
        replica_nodes: Array::from(&partition.replicas),
        isr_nodes: Array::from(&partition.isr),
        ..Default::default()
    })
    .collect()
}

/// Asks the controller to create what may be created; the client will ask again.
fn create_missing(
    shared: &Shared,
    call: &Call<'_>,
    request: &MetadataRequest<'_>,
    missing: &[MetadataResponseTopic<'_>],
) {
    let allowed = call.version() < 4 || request.allow_auto_topic_creation;
    if !allowed || !shared.config().auto_create_topics_enable() {
        return;
    }
    let unknown =
        missing.iter().filter(|topic| topic.error_code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let names = unknown.filter_map(|topic| topic.name).filter(|name| !is_internal(name));
    names.for_each(|name| shared.create_soon(name));
}
