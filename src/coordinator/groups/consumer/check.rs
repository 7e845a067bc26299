//! What a ConsumerGroupHeartbeat must look like before any group is looked at
//! (`throwIfConsumerGroupHeartbeatRequestIsInvalid`).

use super::super::Settings;
use super::Refusal;
use super::member::{LEAVES, LEAVES_FOR_NOW};
use crate::wire::error::ErrorCode;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;

/// From this version on members make their ids themselves.
const OWN_ID: i16 = 1;

pub(super) fn check(
    request: &ConsumerGroupHeartbeatRequest<'_>,
    version: i16,
    settings: &Settings,
) -> Result<(), Refusal> {
    let epoch = request.member_epoch;
    if version >= OWN_ID || epoch > 0 || epoch == LEAVES {
        not_empty(Some(request.member_id), "MemberId can't be empty.")?;
    }
    not_empty(Some(request.group_id), "GroupId can't be empty.")?;
    not_empty(request.instance_id, "InstanceId can't be empty.")?;
    not_empty(request.rack_id, "RackId can't be empty.")?;
    if epoch == 0 {
        check_join(request)?;
    } else if epoch == LEAVES_FOR_NOW && request.instance_id.is_none() {
        return Err(invalid("InstanceId can't be null."));
    } else if epoch < LEAVES_FOR_NOW {
        return Err(invalid("MemberEpoch is invalid."));
    }
    let known = &settings.consumer.assignors;
    match request.server_assignor {
        Some(name) if !known.iter().any(|(known, _)| &**known == name) => {
            let names: Vec<&str> = known.iter().map(|(name, _)| &**name).collect();
            let message = format!(
                "ServerAssignor {name} is not supported. Supported assignors: {}.",
                names.join(", ")
            );
            Err(Refusal::new(ErrorCode::UNSUPPORTED_ASSIGNOR, message))
        }
        _ => Ok(()),
    }
}

/// Who joins says all, and has nothing. To want no topic is to be there without any.
fn check_join(request: &ConsumerGroupHeartbeatRequest<'_>) -> Result<(), Refusal> {
    if request.rebalance_timeout_ms == -1 {
        return Err(invalid("RebalanceTimeoutMs must be provided in first request."));
    }
    if request.topic_partitions.is_none_or(|owned| !owned.is_empty()) {
        return Err(invalid("TopicPartitions must be empty when (re-)joining."));
    }
    if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
        return Err(invalid(
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        ));
    }
    Ok(())
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(ErrorCode::INVALID_REQUEST, message)
}

fn not_empty(text: Option<&str>, message: &str) -> Result<(), Refusal> {
    match text {
        // As Java trims: what is not above a space.
        Some(text) if text.chars().all(|c| c <= ' ') => Err(invalid(message)),
        _ => Ok(()),
    }
}
