//! The settings of one topic, typed: its own where it has any, else what the broker gives all topics.
//!
//! Kafka's `LogConfig`: the same names, the same defaults, the same refusals. Values are parsed here
//! once, when a topic is made or changed; the log reads plain fields. Pure.

use std::collections::BTreeMap;

use super::broker::Config;
use super::cross;
use super::setting::Setting;
use super::synonyms;
use super::table;
use super::value::{self, InvalidConfig, Value};

/// Which codec batches are stored with; `compression.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionType {
    /// As the producer sent them.
    Producer,
    /// Not compressed.
    Uncompressed,
    /// gzip.
    Gzip,
    /// snappy.
    Snappy,
    /// lz4.
    Lz4,
    /// zstd.
    Zstd,
}

/// Whose clock stamps records; `message.timestamp.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's.
    LogAppendTime,
}

/// What happens to old segments; `cleanup.policy`. Neither is allowed: everything is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Old segments are deleted.
    pub delete: bool,
    /// Only the last record of each key is kept.
    pub compact: bool,
}

macro_rules! topic_config {
    ($( $(#[$doc:meta])* $field:ident: $type:ty = $name:literal; )*) => {
        /// Every setting of a topic. Fields bear the settings' names.
        #[derive(Debug, Clone, PartialEq)]
        pub struct TopicConfig {
            $( $(#[$doc])* pub $field: $type, )*
        }

        impl TopicConfig {
            fn build(values: &Values) -> Result<TopicConfig, InvalidConfig> {
                Ok(TopicConfig { $( $field: <$type as Field>::take(values, $name)?, )* })
            }

            /// Puts a parsed value into the field of this name.
            fn set(&mut self, name: &str, value: &Value) -> Result<(), InvalidConfig> {
                match name {
                    $( $name => self.$field = <$type as Field>::from_value(value).ok_or_else(|| unusable(name))?, )*
                    _ => return Err(unknown(name)),
                }
                Ok(())
            }

            /// The names of the settings behind the fields.
            #[cfg(test)]
            const NAMES: &[&str] = &[$( $name ),*];
        }
    };
}

topic_config! {
    /// `cleanup.policy`
    cleanup_policy: CleanupPolicy = "cleanup.policy";
    /// `compression.gzip.level`
    compression_gzip_level: i32 = "compression.gzip.level";
    /// `compression.lz4.level`
    compression_lz4_level: i32 = "compression.lz4.level";
    /// `compression.type`
    compression_type: CompressionType = "compression.type";
    /// `compression.zstd.level`
    compression_zstd_level: i32 = "compression.zstd.level";
    /// `delete.retention.ms`
    delete_retention_ms: i64 = "delete.retention.ms";
    /// `file.delete.delay.ms`
    file_delete_delay_ms: i64 = "file.delete.delay.ms";
    /// `flush.messages`
    flush_messages: i64 = "flush.messages";
    /// `flush.ms`
    flush_ms: i64 = "flush.ms";
    /// `follower.replication.throttled.replicas`
    follower_replication_throttled_replicas: Vec<String> = "follower.replication.throttled.replicas";
    /// `index.interval.bytes`
    index_interval_bytes: i32 = "index.interval.bytes";
    /// `leader.replication.throttled.replicas`
    leader_replication_throttled_replicas: Vec<String> = "leader.replication.throttled.replicas";
    /// `local.retention.bytes`; -2 follows `retention.bytes`
    local_retention_bytes: i64 = "local.retention.bytes";
    /// `local.retention.ms`; -2 follows `retention.ms`
    local_retention_ms: i64 = "local.retention.ms";
    /// `max.compaction.lag.ms`
    max_compaction_lag_ms: i64 = "max.compaction.lag.ms";
    /// `max.message.bytes`
    max_message_bytes: i32 = "max.message.bytes";
    /// `message.timestamp.after.max.ms`
    message_timestamp_after_max_ms: i64 = "message.timestamp.after.max.ms";
    /// `message.timestamp.before.max.ms`
    message_timestamp_before_max_ms: i64 = "message.timestamp.before.max.ms";
    /// `message.timestamp.type`
    message_timestamp_type: TimestampType = "message.timestamp.type";
    /// `min.cleanable.dirty.ratio`
    min_cleanable_dirty_ratio: f64 = "min.cleanable.dirty.ratio";
    /// `min.compaction.lag.ms`
    min_compaction_lag_ms: i64 = "min.compaction.lag.ms";
    /// `min.insync.replicas`
    min_insync_replicas: i32 = "min.insync.replicas";
    /// `preallocate`
    preallocate: bool = "preallocate";
    /// `remote.log.copy.disable`
    remote_log_copy_disable: bool = "remote.log.copy.disable";
    /// `remote.log.delete.on.disable`
    remote_log_delete_on_disable: bool = "remote.log.delete.on.disable";
    /// `remote.storage.enable`
    remote_storage_enable: bool = "remote.storage.enable";
    /// `retention.bytes`; -1 keeps everything
    retention_bytes: i64 = "retention.bytes";
    /// `retention.ms`; -1 keeps everything
    retention_ms: i64 = "retention.ms";
    /// `segment.bytes`
    segment_bytes: i32 = "segment.bytes";
    /// `segment.index.bytes`
    segment_index_bytes: i32 = "segment.index.bytes";
    /// `segment.jitter.ms`
    segment_jitter_ms: i64 = "segment.jitter.ms";
    /// `segment.ms`
    segment_ms: i64 = "segment.ms";
    /// `unclean.leader.election.enable`
    unclean_leader_election_enable: bool = "unclean.leader.election.enable";
}

impl TopicConfig {
    /// The effective settings of a topic with these overrides under this broker configuration.
    ///
    /// Refused: unknown names, values that do not parse or are out of range, and settings that contradict
    /// each other, with Kafka's messages.
    pub fn resolve(
        overrides: &BTreeMap<String, String>,
        broker: &Config,
    ) -> Result<TopicConfig, InvalidConfig> {
        if let Some(name) = overrides.keys().find(|name| table::topic_setting(name).is_none()) {
            return Err(unknown(name));
        }
        // Most topics have few settings of their own: the others were parsed when the broker started.
        let mut config = broker.topic_defaults().clone();
        for (name, text) in overrides {
            let setting = table::topic_setting(name).ok_or_else(|| unknown(name))?;
            config.set(name, &value::parse(setting, text)?)?;
        }
        cross::check_topic(&config)?;
        Ok(config)
    }

    /// What the broker gives to topics without overrides; `broker` reads a broker setting's value. Whether
    /// that agrees, `together` sees.
    pub(super) fn inherit(
        broker: &dyn Fn(&str) -> Option<Value>,
    ) -> Result<TopicConfig, InvalidConfig> {
        let mut values = Values::new();
        for setting in table::topic_settings() {
            values.insert(setting.name, inherited(setting, broker)?);
        }
        TopicConfig::build(&values)
    }
}

impl Default for TopicConfig {
    /// Kafka's defaults.
    fn default() -> TopicConfig {
        Config::default().topic_defaults().clone()
    }
}

/// The value that a topic setting takes from the broker's settings, else its own default.
pub(super) fn inherited(
    setting: &Setting,
    broker: &dyn Fn(&str) -> Option<Value>,
) -> Result<Value, InvalidConfig> {
    for (name, unit) in synonyms::of_topic(setting.name) {
        let Some(value) = broker(name) else { continue };
        return Ok(match value.as_i64() {
            // Kafka's `extractLogConfigMap` evens out every negative retention time to -1.
            Some(number) if setting.name == "retention.ms" => {
                Value::Long(unit.convert(number).max(-1))
            }
            Some(number) if matches!(value, Value::Long(_)) || *unit != synonyms::Unit::Same => {
                Value::Long(unit.convert(number))
            }
            _ => value,
        });
    }
    value::parse(setting, setting.default.unwrap_or_default())
}

type Values = BTreeMap<&'static str, Value>;

/// How a field takes its value out of the parsed ones.
trait Field: Sized {
    fn from_value(value: &Value) -> Option<Self>;

    fn take(values: &Values, name: &str) -> Result<Self, InvalidConfig> {
        values.get(name).and_then(Self::from_value).ok_or_else(|| unusable(name))
    }
}

fn unknown(name: &str) -> InvalidConfig {
    InvalidConfig::because(name, format!("Unknown topic config name: {name}"))
}

fn unusable(name: &str) -> InvalidConfig {
    InvalidConfig::because(name, format!("Configuration {name} has no usable value"))
}

macro_rules! plain_field {
    ($type:ty, $variant:ident) => {
        impl Field for $type {
            fn from_value(value: &Value) -> Option<$type> {
                match value {
                    Value::$variant(inner) => Some(inner.clone()),
                    _ => None,
                }
            }
        }
    };
}

plain_field!(bool, Boolean);
plain_field!(i32, Int);
plain_field!(i64, Long);
plain_field!(f64, Double);
plain_field!(Vec<String>, List);

impl Field for CompressionType {
    fn from_value(value: &Value) -> Option<CompressionType> {
        let Value::Text(name) = value else { return None };
        Some(match name.as_str() {
            "producer" => CompressionType::Producer,
            "uncompressed" => CompressionType::Uncompressed,
            "gzip" => CompressionType::Gzip,
            "snappy" => CompressionType::Snappy,
            "lz4" => CompressionType::Lz4,
            "zstd" => CompressionType::Zstd,
            _ => return None,
        })
    }
}

impl Field for TimestampType {
    fn from_value(value: &Value) -> Option<TimestampType> {
        let Value::Text(name) = value else { return None };
        Some(match name.as_str() {
            "CreateTime" => TimestampType::CreateTime,
            "LogAppendTime" => TimestampType::LogAppendTime,
            _ => return None,
        })
    }
}

impl Field for CleanupPolicy {
    fn from_value(value: &Value) -> Option<CleanupPolicy> {
        let Value::List(items) = value else { return None };
        let has = |word: &str| items.iter().any(|item| item == word);
        Some(CleanupPolicy { delete: has("delete"), compact: has("compact") })
    }
}

#[cfg(test)]
#[path = "topic_tests.rs"]
mod tests;
