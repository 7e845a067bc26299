//! Why a batch is refused, in the form that the answer needs.
//!
//! Kafka sends a message to the client only together with record errors
//! (`ReplicaManager.appendRecordsToLocalLog`); the others are for the log.

use std::fmt;

use super::ErrorCode;

/// At most so many bad records are named in an answer; the rest are only counted.
pub const MAX_RECORD_ERRORS: usize = 1_000;

/// Where in Kafka's path the batch was refused, which decides what the answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// At the first bytes, which are no batch: the request cannot even be looked into.
    Frame,
    /// Before the append: `ProduceRequest.validateRecords`.
    Request,
    /// In the append.
    Append,
}

/// Why a batch is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The code for the partition.
    pub code: ErrorCode,
    /// What is wrong, in Kafka's words where Kafka has words.
    pub message: String,
    /// The bad records: index in the batch, and what is wrong with each.
    pub record_errors: Vec<(i32, Option<String>)>,
    stage: Stage,
}

impl Invalid {
    pub(super) fn in_request(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { stage: Stage::Request, ..Self::in_append(code, message) }
    }

    /// The same refusal, with its message in the answer.
    pub(super) fn told(self) -> Self {
        Self { stage: Stage::Frame, ..self }
    }

    pub(super) fn in_append(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), record_errors: Vec::new(), stage: Stage::Append }
    }

    /// The `error_message` of the answer: Kafka fills it only when it names records, or when the
    /// bytes were no batch at all and it failed before the append.
    #[must_use]
    pub fn answer_message(&self) -> Option<&str> {
        let is_told = self.stage == Stage::Frame || !self.record_errors.is_empty();
        is_told.then_some(self.message.as_str())
    }

    /// Kafka puts the log start offset into the answer; else it is -1.
    #[must_use]
    pub fn answers_log_start_offset(&self) -> bool {
        let plain = [
            ErrorCode::MESSAGE_TOO_LARGE,
            ErrorCode::RECORD_LIST_TOO_LARGE,
            ErrorCode::CORRUPT_MESSAGE,
        ];
        self.stage == Stage::Append && !plain.contains(&self.code)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Invalid {}

/// The bad records of a batch, as they are found.
#[derive(Debug, Default)]
pub(super) struct RecordErrors {
    named: Vec<(i32, Option<String>)>,
    total: usize,
    timestamp: bool,
}

impl RecordErrors {
    pub(super) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Notes a bad record; the message is made only when it will be shown.
    pub(super) fn add(&mut self, code: ErrorCode, index: i32, message: impl FnOnce() -> String) {
        self.total += 1;
        self.timestamp |= code == ErrorCode::INVALID_TIMESTAMP;
        if self.named.len() < MAX_RECORD_ERRORS {
            self.named.push((index, Some(message())));
        }
    }

    /// The refusal that these records cause, if any.
    pub(super) fn into_result(self) -> Result<(), Invalid> {
        if self.is_empty() {
            return Ok(());
        }
        let (code, message) = if self.timestamp {
            let message = "One or more records have been rejected due to invalid timestamp";
            (ErrorCode::INVALID_TIMESTAMP, message.to_owned())
        } else {
            (ErrorCode::INVALID_RECORD, self.summary())
        };
        Err(Invalid { record_errors: self.named, ..Invalid::in_append(code, message) })
    }

    fn summary(&self) -> String {
        let shown = self.named.iter().take(3).map(|(index, message)| {
            let message = message.as_ref().map_or("null".to_owned(), |text| format!("'{text}'"));
            format!("RecordError(batchIndex={index}, message={message})")
        });
        let shown = shown.collect::<Vec<_>>().join(", ");
        format!(
            "One or more records have been rejected due to {} record errors in total, and only \
             showing the first three errors at most: [{shown}]",
            self.total
        )
    }
}
