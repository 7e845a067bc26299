//! Topics and groups by the names of kafka_exporter, so that dashboards and alerts for that work as they are.

use super::super::super::problem::Problem;
use super::super::MAX_PAGE;
use super::family::{Escaped, Family, Rows, signed, text};
use super::{Known, Row, TOO_LARGE};
use crate::broker::Shared;
use crate::coordinator::groups::Shard;
use crate::coordinator::groups::offsets::Fetched;
use std::fmt::Display;
use std::sync::Arc;

pub(super) fn broker(shared: &Shared) -> String {
    let mut brokers = Family::new("kafka_brokers", "Number of Brokers in the Kafka Cluster.");
    brokers.add(&[], 1);
    let mut info = Family::new("kafka_broker_info", "Information about the Kafka Broker.");
    let local = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let endpoint = shared.endpoint(0, local);
    let address = format!("{}:{}", endpoint.host, endpoint.port);
    info.add(&[("address", &Escaped(&address)), ("id", &shared.node.node_id)], 1);
    text([&brokers, &info])
}

/// Of a partition, on the node with this id.
type OfPartition = fn(&Row, i32) -> Option<i64>;

/// Name, meaning, and what is told if it is known. An offline partition has no leader.
const PARTITIONS: &[(&str, &str, OfPartition)] = &[
    (
        "kafka_topic_partition_current_offset",
        "Current Offset of a Broker at Topic/Partition",
        |row, _| row.outline.ends.map(|(_, end)| end),
    ),
    (
        "kafka_topic_partition_oldest_offset",
        "Oldest Offset of a Broker at Topic/Partition",
        |row, _| row.outline.ends.map(|(start, _)| start),
    ),
    ("kafka_topic_partition_leader", "Leader Broker ID of this Topic/Partition", |row, node| {
        Some(if row.is_offline { -1 } else { node.into() })
    }),
    (
        "kafka_topic_partition_leader_is_preferred",
        "1 if Topic/Partition is using the Preferred Broker",
        |row, _| Some((!row.is_offline).into()),
    ),
    ("kafka_topic_partition_replicas", "Number of Replicas for this Topic/Partition", |_, _| {
        Some(1)
    }),
    (
        "kafka_topic_partition_in_sync_replica",
        "Number of In-Sync Replicas for this Topic/Partition",
        |row, _| Some((!row.is_offline).into()),
    ),
    (
        "kafka_topic_partition_under_replicated_partition",
        "1 if Topic/Partition is under Replicated",
        |row, _| Some(row.is_offline.into()),
    ),
];

const OF_TOPIC: &str = "kafka_topic_partitions";

/// The names of the lines of a topic.
pub(super) fn topic_names() -> impl Iterator<Item = &'static str> {
    std::iter::once(OF_TOPIC)
}

/// The names of the lines of a partition.
pub(super) fn partition_names(row: &Row) -> impl Iterator<Item = &'static str> {
    let told = PARTITIONS.iter().filter(|(_, _, read)| read(row, 0).is_some());
    told.map(|(name, ..)| *name)
}

pub(super) fn topics(shared: &Shared, known: &Known, page: &mut String) {
    let help = "Number of partitions for this Topic";
    let mut partitions = Rows::gauge(page, OF_TOPIC, help);
    for ((topic, _), labels) in known.topics.iter().zip(known.topic_labels.iter()) {
        partitions.add(labels, signed(topic.partitions().len()));
    }
    self::partitions(known.rows(), shared.node.node_id, page);
}

pub(super) fn partitions<'r>(
    rows: impl Iterator<Item = (&'r str, &'r Row)> + Clone,
    node: i32,
    page: &mut String,
) {
    for (name, help, read) in PARTITIONS {
        let mut family = Rows::gauge(page, name, help);
        for (labels, row) in rows.clone() {
            if let Some(value) = read(row, node) {
                family.add(labels, value);
            }
        }
    }
}

/// The metrics of groups.
struct GroupFamilies {
    members: Family,
    current: Family,
    current_sum: Family,
    lag: Family,
    lag_sum: Family,
}

/// Nothing while they are being loaded: whoever looks whether the broker is well must see the rest.
pub(super) fn groups(shared: &Shared, known: &Known) -> Result<String, Problem> {
    let family = |name, help| Family::new(name, help);
    let mut all = GroupFamilies {
        members: family("kafka_consumergroup_members", "Amount of members in a consumer group"),
        current: family(
            "kafka_consumergroup_current_offset",
            "Current Offset of a ConsumerGroup at Topic/Partition",
        ),
        current_sum: family(
            "kafka_consumergroup_current_offset_sum",
            "Current Offset of a ConsumerGroup at Topic for all partitions",
        ),
        lag: family(
            "kafka_consumergroup_lag",
            "Current Approximate Lag of a ConsumerGroup at Topic/Partition",
        ),
        lag_sum: family(
            "kafka_consumergroup_lag_sum",
            "Current Approximate Lag of a ConsumerGroup at Topic for all partitions",
        ),
    };
    let mut found = Vec::new();
    if shared.read_all_groups(|shard| found.extend(copied(shard))).is_err() {
        return Ok(String::new());
    }
    found.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    for group in &found {
        all.add(group, known);
        if 3 * (all.current.lines.len() + all.members.lines.len()) > MAX_PAGE {
            return Err(TOO_LARGE);
        }
    }
    let GroupFamilies { members, current, current_sum, lag, lag_sum } = all;
    let all = [members, current, current_sum, lag, lag_sum];
    Ok(text(&all))
}

/// What is said of a group, taken from its shard, so that it goes on while the page is written.
struct Copied {
    id: Arc<str>,
    members: usize,
    offsets: Fetched<'static>,
}

fn copied(shard: &Shard) -> Vec<Copied> {
    let mut counted = Vec::new();
    shard.each_group(&mut |group| counted.push((group.id.clone(), group.member_count)));
    let copy = |(id, members): (Arc<str>, usize)| {
        let offsets = shard.fetch(&id, (None, -1), false).ok()?.into_owned();
        Some(Copied { id, members, offsets })
    };
    counted.into_iter().filter_map(copy).collect()
}

impl GroupFamilies {
    fn add(&mut self, group: &Copied, known: &Known) {
        let id = &Escaped(&group.id);
        self.members.add(&[("consumergroup", id)], group.members);
        for topic in group.offsets.all().into_iter().flat_map(|offsets| offsets.topics()) {
            let name = &Escaped(topic.name());
            let (mut sum, mut lag_sum) = (0i64, 0i64);
            for (partition, committed) in topic.iter() {
                let labels: [(&str, &dyn Display); 3] =
                    [("consumergroup", id), ("partition", &partition), ("topic", name)];
                let offset = committed.offset;
                self.current.add(&labels, offset);
                sum = sum.saturating_add(offset);
                // A topic that is gone has no end to be behind.
                if let Some((_, end)) = known.ends(topic.name(), partition) {
                    let lag = end.saturating_sub(offset).max(0);
                    self.lag.add(&labels, lag);
                    lag_sum = lag_sum.saturating_add(lag);
                }
            }
            let labels: [(&str, &dyn Display); 2] = [("consumergroup", id), ("topic", name)];
            self.current_sum.add(&labels, sum);
            self.lag_sum.add(&labels, lag_sum);
        }
    }
}
