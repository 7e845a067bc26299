//! The answers to requests about consumer groups.

use super::member::Owned;
use crate::wire::error::ErrorCode;
use std::sync::Arc;

/// The answer to ConsumerGroupHeartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsumerReply {
    /// The error, or none.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: Option<String>,
    /// The member's id.
    pub member_id: Option<Arc<str>>,
    /// Its epoch from now on.
    pub member_epoch: i32,
    /// When it is to report again, in milliseconds.
    pub heartbeat_interval: i32,
    /// All that it has from now on, if that has changed or may not be known to it.
    pub assignment: Option<Arc<Owned>>,
}

/// A request that is refused, in Kafka's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The error.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into() }
    }

    /// As an answer to ConsumerGroupHeartbeat.
    pub fn into_reply(self) -> ConsumerReply {
        ConsumerReply { code: self.code, message: Some(self.message), ..ConsumerReply::default() }
    }
}

pub(super) fn unknown_member(id: &str, group: &str) -> Refusal {
    let message = format!("Member {id} is not a member of group {group}.");
    Refusal::new(ErrorCode::UNKNOWN_MEMBER_ID, message)
}
