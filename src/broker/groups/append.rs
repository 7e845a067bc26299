//! One batch of coordinator records into its partition.

use crate::broker::Shared;
use crate::catalog::{Partition, Waiter};
use crate::coordinator::groups::Record;
use crate::log::AppendError;
use crate::wire::error::ErrorCode;
use crate::wire::group_records::GroupKey;
use crate::wire::records::{BatchBuilder, Codec};
use std::sync::Arc;

/// The records of one append.
pub(super) struct Batched<'r> {
    pub(super) records: &'r [Record],
    pub(super) now_ms: i64,
}

/// Why records are not in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// More than the topic takes at once.
    TooLarge,
    /// The disk, or the end of the partition.
    Storage,
    /// Anything else.
    Other,
}

impl Failure {
    /// What a client is told (Kafka's `CoordinatorOperationExceptionHelper`).
    pub(super) fn code(self) -> ErrorCode {
        match self {
            Failure::TooLarge | Failure::Other => ErrorCode::UNKNOWN_SERVER_ERROR,
            Failure::Storage => ErrorCode::NOT_COORDINATOR,
        }
    }
}

/// Appends all records or none. Gives the bytes that must be flushed before they count, if they must.
pub(super) fn append(
    shared: &Shared,
    partition: &Arc<Partition>,
    batched: &Batched<'_>,
    wake: impl FnMut(&Waiter),
) -> Result<Option<u64>, Failure> {
    let codec = shared.config().offsets_topic_compression_codec();
    let mut builder = BatchBuilder::new();
    if let Some(codec) = u8::try_from(codec).ok().and_then(Codec::from_id) {
        builder = builder.codec(codec);
    }
    for record in batched.records {
        builder.append(batched.now_ms, Some(&record.key), record.value.as_deref(), &[]);
    }
    let batch = builder.try_finish().map_err(|_| Failure::Other)?;
    let topic = shared.topics.by_name(&partition.topic).ok_or(Failure::Storage)?;
    let limit = usize::try_from(topic.config().max_message_bytes).unwrap_or(0);
    if batch.len() > limit {
        report_too_large(partition, batched, batch.len(), limit);
        return Err(Failure::TooLarge);
    }
    match partition.append_internal(&batch, wake) {
        Ok(appended) => Ok(appended.flush_to.map(|_| batch.len() as u64)),
        Err(why) => {
            if partition.may_report(batched.now_ms) {
                let text = why.as_ref().map_or("it is offline".to_owned(), ToString::to_string);
                ::log::error!(
                    partition:% = partition.name(), error:% = text;
                    "what groups say cannot be written"
                );
            }
            Err(failure(why.as_ref()))
        }
    }
}

/// Says what was not written, now and then: a client that is refused will try again.
fn report_too_large(partition: &Partition, batched: &Batched<'_>, size: usize, limit: usize) {
    if !partition.may_report(batched.now_ms) {
        return;
    }
    let key = batched.records.first().and_then(|record| GroupKey::decode(&record.key).ok());
    let group = key.and_then(|key| key.group()).unwrap_or_default();
    let count = batched.records.len();
    ::log::warn!(
        partition:% = partition.name(), group, records = count, bytes = size, limit;
        "records of a group are larger than max.message.bytes of their topic: they are not \
         written, and who asked for them is refused"
    );
}

fn failure(why: Option<&AppendError>) -> Failure {
    match why {
        Some(AppendError::TooLarge { .. }) => Failure::TooLarge,
        None | Some(AppendError::Storage(_) | AppendError::Closed(_)) => Failure::Storage,
        Some(_) => Failure::Other,
    }
}
