//! The settings that the group coordinator goes by, under Kafka's names.

use crate::config::Config;

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
    /// `message.max.bytes`: the largest batch that the offsets topic takes
    pub max_append: usize,
    /// `offsets.retention.minutes`, in milliseconds
    pub offsets_retention: i64,
    /// `offsets.retention.check.interval.ms`
    pub retention_check_interval: i64,
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
            offsets_retention: number("offsets.retention.minutes").saturating_mul(60_000),
            retention_check_interval: number("offsets.retention.check.interval.ms"),
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::of(&Config::default())
    }
}
