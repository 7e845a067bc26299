//! The offsets topic as it is made when somebody first asks for a group.

use crate::catalog::NewTopic;
use crate::config::Config;
use crate::coordinator::groups::OFFSETS_TOPIC;

/// By Kafka's settings, but for one: Kafka refuses where there are fewer brokers than
/// `offsets.topic.replication.factor` asks for, and a broker that is alone would have no groups then.
pub(in crate::broker) fn offsets_topic(config: &Config) -> NewTopic<'_> {
    let partitions = config.number("offsets.topic.num.partitions").unwrap_or(-1);
    NewTopic {
        name: OFFSETS_TOPIC,
        num_partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
        replication_factor: 1,
        configs: vec![
            ("cleanup.policy", Some("compact")),
            ("compression.type", Some("producer")),
            ("segment.bytes", config.get("offsets.topic.segment.bytes")),
        ],
        ..NewTopic::default()
    }
}
