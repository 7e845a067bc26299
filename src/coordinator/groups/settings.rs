//! The settings that the group coordinator goes by, under Kafka's names.

use super::consumer::assign::Assignor;
use crate::config::{Config, GroupConfig};
use std::collections::BTreeMap;
use std::sync::Arc;

/// See Kafka's `GroupCoordinatorConfig`. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `group.min.session.timeout.ms`
    pub min_session_timeout: i32,
    /// `group.max.session.timeout.ms`
    pub max_session_timeout: i32,
    /// `group.initial.rebalance.delay.ms`
    pub initial_rebalance_delay: i32,
    /// `group.max.size`
    pub max_size: usize,
    /// `offset.metadata.max.bytes`
    pub max_metadata: usize,
    /// `max.message.bytes` of the offsets topic, which the broker knows, else `message.max.bytes`: the
    /// largest batch that it takes
    pub max_append: usize,
    /// `barnabas.groups.max.bytes`: what the members of all groups may take in memory
    pub max_member_bytes: usize,
    /// `offsets.retention.minutes`, in milliseconds
    pub offsets_retention: i64,
    /// `offsets.retention.check.interval.ms`
    pub retention_check_interval: i64,
    /// `broker.rack`
    pub rack: Option<Arc<str>>,
    /// Of groups of the consumer protocol.
    pub consumer: ConsumerSettings,
}

/// What begins with `group.consumer`. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// Whether the protocol is among `group.coordinator.rebalance.protocols`. The broker adds whether the
    /// feature `group.version` is at a level that has it.
    pub is_served: bool,
    /// What single groups have for themselves.
    pub own: Arc<BTreeMap<Arc<str>, GroupConfig>>,
    /// `group.consumer.session.timeout.ms`
    pub session_timeout: i32,
    /// `group.consumer.heartbeat.interval.ms`
    pub heartbeat_interval: i32,
    /// `group.consumer.max.size`
    pub max_size: usize,
    /// `group.consumer.assignment.interval.ms`
    pub assignment_interval: i64,
    /// `group.consumer.assignors`, with their names; the first one is for groups that name none.
    pub assignors: Vec<(Arc<str>, Assignor)>,
    /// `group.consumer.migration.policy`: classic groups may become consumer groups.
    pub upgrades: bool,
    /// And the other way round.
    pub downgrades: bool,
}

impl ConsumerSettings {
    fn of(config: &Config) -> ConsumerSettings {
        let number = |name: &str| config.number(name).unwrap_or(0);
        let int = |name: &str| i32::try_from(number(name)).unwrap_or(i32::MAX);
        let policy = config.get("group.consumer.migration.policy").unwrap_or_default();
        let is = |names: &[&str]| names.iter().any(|name| policy.eq_ignore_ascii_case(name));
        let named = config.get("group.consumer.assignors").unwrap_or_default();
        let mut assignors: Vec<_> = named.split(',').filter_map(assignor).collect();
        if assignors.is_empty() {
            assignors.extend(assignor("uniform"));
        }
        let protocols = config.get("group.coordinator.rebalance.protocols").unwrap_or_default();
        ConsumerSettings {
            is_served: protocols.split(',').any(|name| name.trim() == "consumer"),
            own: Arc::default(),
            session_timeout: int("group.consumer.session.timeout.ms"),
            heartbeat_interval: int("group.consumer.heartbeat.interval.ms"),
            max_size: usize::try_from(number("group.consumer.max.size")).unwrap_or(0),
            assignment_interval: number("group.consumer.assignment.interval.ms"),
            assignors,
            upgrades: is(&["upgrade", "bidirectional"]),
            downgrades: is(&["downgrade", "bidirectional"]),
        }
    }
}

impl ConsumerSettings {
    fn of_group(&self, group: &str) -> GroupConfig {
        self.own.get(group).copied().unwrap_or_default()
    }

    /// The session timeout of a group's members.
    pub fn session_timeout(&self, group: &str) -> i32 {
        self.of_group(group).session_timeout_ms.unwrap_or(self.session_timeout)
    }

    /// The heartbeat interval that a group's members are told.
    pub fn heartbeat_interval(&self, group: &str) -> i32 {
        self.of_group(group).heartbeat_interval_ms.unwrap_or(self.heartbeat_interval)
    }

    /// The shortest pause between two assignments of a group.
    pub fn assignment_interval(&self, group: &str) -> i64 {
        self.of_group(group).assignment_interval_ms.map_or(self.assignment_interval, i64::from)
    }
}

/// An assignor by its name or by that of Kafka's class. Others cannot be had here.
fn assignor(name: &str) -> Option<(Arc<str>, Assignor)> {
    const PACKAGE: &str = "org.apache.kafka.coordinator.group.assignor.";
    let name = match name.trim().strip_prefix(PACKAGE) {
        Some("UniformAssignor") => "uniform",
        Some("RangeAssignor") => "range",
        _ => name.trim(),
    };
    Some((name.into(), Assignor::named(name)?))
}

impl Settings {
    /// As the broker's configuration says.
    pub fn of(config: &Config) -> Settings {
        let number = |name: &str| config.number(name).unwrap_or(0);
        let int = |name: &str| i32::try_from(number(name)).unwrap_or(i32::MAX);
        let size = |name: &str| usize::try_from(number(name)).unwrap_or(0);
        Settings {
            min_session_timeout: int("group.min.session.timeout.ms"),
            max_session_timeout: int("group.max.session.timeout.ms"),
            initial_rebalance_delay: int("group.initial.rebalance.delay.ms"),
            max_size: size("group.max.size"),
            max_metadata: size("offset.metadata.max.bytes"),
            max_append: size("message.max.bytes"),
            max_member_bytes: size("barnabas.groups.max.bytes"),
            offsets_retention: number("offsets.retention.minutes").saturating_mul(60_000),
            retention_check_interval: number("offsets.retention.check.interval.ms"),
            rack: config.broker_rack().map(Arc::from),
            consumer: ConsumerSettings::of(config),
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::of(&Config::default())
    }
}
