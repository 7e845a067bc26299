//! Planning: from a request to the metadata records that would fulfil it.
//!
//! Pure functions over an [`Image`](super::Image): they validate by Kafka's rules, in Kafka's
//! order and with its messages (`ReplicationControlManager`, `ConfigurationControlManager`), and
//! return encoded records; nothing changes until those are appended to the metadata log and
//! replayed.

mod configs;
mod partitions;
mod topics;

use std::fmt;

pub use configs::{ConfigChange, ConfigOp, incremental_alter_configs, replace_configs};
pub use partitions::{
    CreatePartitionsSpec, Elected, create_partitions, elect_leaders_on_start, resign_on_stop,
};
pub use topics::{Created, NewTopic, create_topic, delete_topic};

use crate::catalog::Image;
use crate::wire::error::ErrorCode;
use crate::wire::metadata_records::{MetadataRecord, NEWEST_LEVEL};
use crate::wire::uuid::Uuid;

/// An error as an API answers it: a code and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Kafka's code.
    pub code: ErrorCode,
    /// What is wrong, in Kafka's words where Kafka has some.
    pub message: Option<String>,
}

impl ApiError {
    /// An error with a message of its own.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    /// An error without a message.
    pub fn bare(code: ErrorCode) -> Self {
        Self { code, message: None }
    }

    /// An error with Kafka's default message for the code.
    pub fn plain(code: ErrorCode) -> Self {
        Self::new(code, code.message())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            self.code.name(),
            self.message.as_deref().unwrap_or(self.code.message())
        )
    }
}

impl std::error::Error for ApiError {}

/// The node as planning must know it.
#[derive(Debug, Clone, Copy)]
pub struct NodeView {
    /// The only broker's id.
    pub node_id: i32,
    /// The id of its log directory.
    pub directory_id: Uuid,
}

/// Encoded metadata records, in the order in which they must be appended.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// Each with its frame (version, type, record version).
    pub records: Vec<Vec<u8>>,
    /// The level of `metadata.version` that the records are written for.
    level: i16,
}

impl Default for Plan {
    fn default() -> Self {
        Self { records: Vec::new(), level: NEWEST_LEVEL }
    }
}

impl Plan {
    /// An empty plan for what an image describes.
    pub fn over(image: &Image) -> Self {
        Self { level: image.level(), ..Self::default() }
    }

    /// Adds a record.
    pub fn push(&mut self, record: &MetadataRecord<'_>) {
        self.records.push(record.to_bytes_at(self.level));
    }

    /// The same in several plans of at most so many records, for what need not happen at once.
    pub fn split(mut self, most: usize) -> Vec<Self> {
        let mut plans = Vec::new();
        while self.records.len() > most {
            let rest = self.records.split_off(most);
            plans.push(Self { records: std::mem::replace(&mut self.records, rest), ..self });
        }
        plans.push(self);
        plans
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}
