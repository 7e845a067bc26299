//! Partitions: manual assignments, more partitions, leaders after a start and at a stop.

use super::{ApiError, NodeView, Plan};
use crate::catalog::{Image, is_internal};
use crate::wire::error::ErrorCode;
use crate::wire::metadata_records::{MetadataRecord, PartitionChangeRecord, PartitionRecord};
use crate::wire::uuid::Uuid;

/// One entry of a CreatePartitions request.
#[derive(Debug, Clone)]
pub struct CreatePartitionsSpec<'a> {
    /// The topic.
    pub topic: &'a str,
    /// How many partitions it shall have in all.
    pub count: i32,
    /// Replicas of each new partition, or none to let the broker place them.
    pub assignments: Option<Vec<Vec<i32>>>,
}

/// The record of a new partition led by its first replica.
pub(super) fn partition_record(plan: &mut Plan, topic_id: Uuid, index: i32, node: NodeView) {
    let replicas = [node.node_id];
    let directories = [node.directory_id];
    plan.push(&MetadataRecord::PartitionRecord(PartitionRecord {
        partition_id: index,
        topic_id,
        replicas: (&replicas[..]).into(),
        isr: (&replicas[..]).into(),
        leader: node.node_id,
        leader_epoch: 0,
        partition_epoch: 0,
        directories: (&directories[..]).into(),
        ..Default::default()
    }));
}

/// Checks the replicas of one manually assigned partition.
pub(super) fn check_assignment(
    replicas: &[i32],
    expected: Option<usize>,
    node: NodeView,
) -> Result<(), ApiError> {
    let refuse =
        |message: String| Err(ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
    if replicas.is_empty() {
        return refuse("The manual partition assignment includes an empty replica list.".into());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for id in sorted {
        if id != node.node_id {
            return refuse(format!(
                "The manual partition assignment includes broker {id}, but no such broker is registered."
            ));
        }
        if previous == Some(id) {
            return refuse(format!(
                "The manual partition assignment includes the broker {id} more than once."
            ));
        }
        previous = Some(id);
    }
    match expected {
        Some(factor) if factor != replicas.len() => refuse(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not consistent \
             with previous partitions, which have {factor} replica(s).",
            replicas.len()
        )),
        _ => Ok(()),
    }
}

/// Plans more partitions for a topic.
///
/// # Errors
/// Kafka's, in its order: the topic, the count, the assignments.
pub fn create_partitions(
    image: &Image,
    node: NodeView,
    spec: &CreatePartitionsSpec<'_>,
) -> Result<Plan, ApiError> {
    let topic = image
        .topic(spec.topic)
        .ok_or_else(|| ApiError::bare(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
    let have = topic.partitions.len();
    let invalid = |message| Err(ApiError::new(ErrorCode::INVALID_PARTITIONS, message));
    let want = usize::try_from(spec.count).unwrap_or(0);
    if want == have {
        return invalid(format!("Topic already has {have} partition(s)."));
    }
    if want < have {
        return invalid(format!(
            "The topic {} currently has {have} partition(s); {} would not be an increase.",
            spec.topic, spec.count
        ));
    }
    let additional = want - have;
    super::topics::check_partition_limit(image, additional)?;
    if let Some(assignments) = &spec.assignments {
        if assignments.len() != additional {
            return Err(ApiError::new(
                ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                format!(
                    "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                    assignments.len()
                ),
            ));
        }
        let factor = topic.partitions.first().map(|partition| partition.replicas.len());
        for replicas in assignments {
            check_assignment(replicas, factor, node)?;
        }
    }
    let mut plan = Plan::over(image);
    for index in have..want {
        partition_record(&mut plan, topic.id, i32::try_from(index).unwrap_or(i32::MAX), node);
    }
    Ok(plan)
}

/// What a start changes.
#[derive(Debug, Default)]
pub struct Elected {
    /// The records.
    pub plan: Plan,
    /// The topics whose partitions they change.
    pub topics: Vec<Uuid>,
}

/// Plans a new leader epoch for each partition that this node does not lead alone, and with `all`
/// for the others too: after an unclean stop a log may be shorter than what a client saw under the
/// old epoch, and the epoch is how the client finds out (KIP-320).
pub fn elect_leaders_on_start(image: &Image, node: NodeView, all: bool) -> Elected {
    let mut elected = Elected { plan: Plan::over(image), topics: Vec::new() };
    let isr = [node.node_id];
    let nobody = || Some((&[]).into());
    for topic in image.topics() {
        let before = elected.plan.records.len();
        for (index, partition) in topic.partitions.iter().enumerate() {
            let led = partition.is_led_by(node.node_id);
            if led && !all {
                continue;
            }
            let mut record = PartitionChangeRecord {
                partition_id: i32::try_from(index).unwrap_or(i32::MAX),
                topic_id: topic.id,
                leader: node.node_id,
                ..Default::default()
            };
            if partition.is_recovering() {
                record.leader_recovery_state = 0;
            }
            if !led {
                record.isr = Some((&isr).into());
                record.eligible_leader_replicas = nobody();
                record.last_known_elr = nobody();
            }
            elected.plan.push(&record.into());
        }
        if elected.plan.records.len() > before {
            elected.topics.push(topic.id);
        }
    }
    elected
}

/// Kafka's way to say that nobody leads a partition (`LeaderConstants.NO_LEADER`).
const NO_LEADER: i32 = -1;

/// Plans that nobody leads the partitions that a coordinator loads, as after Kafka's controlled shutdown.
/// A Kafka that finds them led begins to load them when it starts, loses them as it registers, says for
/// each that it failed, and loads it again. What clients wrote stays led: it costs Kafka nothing, and
/// as many records as partitions would cost a start of ours.
pub fn resign_on_stop(image: &Image, node: NodeView) -> Plan {
    let mut plan = Plan::over(image);
    for topic in image.topics().filter(|topic| is_internal(&topic.name)) {
        for (index, partition) in topic.partitions.iter().enumerate() {
            if partition.leader == node.node_id {
                plan.push(&MetadataRecord::from(PartitionChangeRecord {
                    partition_id: i32::try_from(index).unwrap_or(i32::MAX),
                    topic_id: topic.id,
                    leader: NO_LEADER,
                    ..Default::default()
                }));
            }
        }
    }
    plan
}
