//! The settings of the metadata log (`MetadataLogConfig.java`). They do not change while it runs.

use crate::config::{Config, TopicConfig};

/// The most bytes of one batch of metadata, as in Kafka.
const MAX_BATCH_BYTES: i32 = 8 << 20;

/// How large the log may get, and when a snapshot is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `metadata.log.max.record.bytes.between.snapshots`
    pub metadata_log_max_record_bytes_between_snapshots: u64,
    /// `metadata.log.max.snapshot.interval.ms`; 0: never for its age
    pub metadata_log_max_snapshot_interval_ms: u64,
    /// `metadata.log.segment.bytes`
    pub metadata_log_segment_bytes: i32,
    /// `metadata.log.segment.ms`
    pub metadata_log_segment_ms: i64,
    /// `metadata.max.retention.bytes`; negative: without a limit
    pub metadata_max_retention_bytes: i64,
    /// `metadata.max.retention.ms`; negative: without a limit
    pub metadata_max_retention_ms: i64,
}

impl Settings {
    /// What a configuration says.
    pub fn of(config: &Config) -> Self {
        let get = |name| config.number(name).unwrap_or_default();
        let natural = |name| u64::try_from(get(name)).unwrap_or_default();
        Self {
            metadata_log_max_record_bytes_between_snapshots: natural(
                "metadata.log.max.record.bytes.between.snapshots",
            ),
            metadata_log_max_snapshot_interval_ms: natural("metadata.log.max.snapshot.interval.ms"),
            metadata_log_segment_bytes: i32::try_from(get("metadata.log.segment.bytes"))
                .unwrap_or(i32::MAX),
            metadata_log_segment_ms: get("metadata.log.segment.ms"),
            metadata_max_retention_bytes: get("metadata.max.retention.bytes"),
            metadata_max_retention_ms: get("metadata.max.retention.ms"),
        }
    }

    /// The settings of the log itself. Snapshots, not its own age, say what of it may go.
    pub fn of_log(&self) -> TopicConfig {
        TopicConfig {
            segment_bytes: self.metadata_log_segment_bytes,
            segment_ms: self.metadata_log_segment_ms,
            max_message_bytes: MAX_BATCH_BYTES,
            retention_ms: -1,
            retention_bytes: -1,
            ..TopicConfig::default()
        }
    }
}
