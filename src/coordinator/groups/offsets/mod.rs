//! Committed offsets: how far a group has read, by topic and partition.
//!
//! They live in records and change only by [`super::Shard::replay`]. One whose group has not been used for
//! `offsets.retention.minutes` ends, as do those of deleted topics; then a group without members and
//! offsets ends too. Nothing looks for them before something can have ended: a shard knows the
//! earliest time, and sleeps until then.
//!
//! Transactions: what a transaction commits will be kept beside the store, by producer, until its
//! marker comes. [`Offsets::is_pending`] is where it is asked for: a partition with such an offset is
//! answered UNSTABLE_OFFSET_COMMIT to who asks for stable ones, does not expire, and is given a
//! tombstone by a deletion even if the store has no offset for it. When the marker comes, the later
//! record wins, so an offset in the store will have to know its own place in the log then.
//!
//! Rules: `OffsetMetadataManager`, and `KafkaApis` for the topics.

mod commit;
mod delete;
mod expiry;
mod fetch;
mod records;
mod sorted;
mod store;
#[cfg(test)]
mod tests;

pub use commit::CommitReply;
pub use delete::OffsetDeleteReply;
pub use fetch::Fetched;
pub use store::{Committed, GroupOffsets, Store, TopicOffsets};

use super::any_group::Committer;
use super::classic::Classic;
use super::shard::{Group, Shard};
use super::{AppendOutcome, Effects, Record, Reply, Token, World};
use crate::wire::error::ErrorCode;
use crate::wire::group_records::{OffsetCommitKey, OffsetCommitValue};
use crate::wire::uuid::Uuid;
use std::sync::Arc;

/// The offsets of a shard and what is to happen to them.
#[derive(Debug, Default)]
pub struct Offsets {
    store: Store,
    /// Topics that are gone and may have offsets here yet.
    deleted: Vec<(Arc<str>, Uuid)>,
    /// The groups that may have some of the last of these, once they were looked for; from the last to the
    /// first by name, as the next.
    holders: Option<Vec<Arc<str>>>,
    /// The groups of which something had ended when they were looked for.
    ended: Vec<Arc<str>>,
    /// The timer's deadline, while it is set.
    armed: Option<i64>,
    /// What came since the timer was looked at: the earliest commit and the earliest end.
    fresh: (store::Bound, store::Bound),
    /// A group has lost its last offset since.
    lost_last: bool,
}

impl Offsets {
    /// Whether a transaction that is not over has committed an offset here. Not yet: see the
    /// module's comment.
    fn is_pending(&self, _group: &str, _topic: &str, _partition: i32) -> bool {
        false
    }
}

/// What became of one topic's partitions.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicResults {
    /// As in the request, where it names topics.
    pub name: Arc<str>,
    /// As in the request, where it has ids.
    pub id: Uuid,
    /// Index and error.
    pub partitions: Vec<(i32, ErrorCode)>,
}

/// What follows from an append of tombstones.
#[derive(Debug)]
pub(super) enum AfterAppend {
    /// What has ended; whether there is more that has.
    Ended { more: bool },
    /// Some of the offsets of deleted topics.
    DeletedTopics,
    /// A part of a group that is to be deleted.
    Deleting { token: Token },
}

impl Shard {
    /// The committed offsets.
    pub fn offsets(&self) -> &Store {
        &self.offsets.store
    }

    /// Takes over an offset's record.
    pub(super) fn replay_offset(
        &mut self,
        key: OffsetCommitKey<'_>,
        value: Option<OffsetCommitValue<'_>>,
    ) {
        let Some(value) = value else {
            let gone = self.offsets.store.remove(key.group, key.topic, key.partition);
            self.offsets.lost_last |= gone;
            return;
        };
        let group = match self.groups.get_key_value(key.group) {
            Some((id, _)) => id.clone(),
            None => {
                // Nobody joins it: a simple group, for which there is no other record.
                let id: Arc<str> = key.group.into();
                let group = Group::Classic(Classic::new(id.clone(), value.commit_timestamp));
                self.insert(id.clone(), group);
                id
            }
        };
        let committed = Committed {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata,
            committed_at: value.commit_timestamp,
            ends_at: (value.expire_timestamp != -1).then_some(value.expire_timestamp),
            topic_id: value.topic_id,
        };
        let (oldest, first_end) = &mut self.offsets.fresh;
        store::bound(oldest, first_end, &committed);
        self.offsets.store.put(&group, key.topic, key.partition, &committed);
    }

    /// Goes on after tombstones were appended and replayed, or could not be.
    pub(super) fn offsets_appended(
        &mut self,
        after: AfterAppend,
        world: &mut World<'_>,
        effects: &mut Effects,
        outcome: AppendOutcome,
    ) {
        match (after, outcome) {
            (AfterAppend::Ended { more: true }, Ok(())) => self.look_for_ended_at(world.tick_ms),
            (AfterAppend::Ended { more: false }, Ok(())) => {
                self.look_when_something_can_have_ended(world);
            }
            (AfterAppend::Ended { .. }, Err(code)) => {
                ::log::warn!(
                    "what has ended of the committed offsets could not be removed: {code}"
                );
                self.offsets.ended.clear();
                self.look_for_ended_at(self.next_check(world));
            }
            (AfterAppend::DeletedTopics, Ok(())) => self.go_on_with_deleted_topics(world.tick_ms),
            (AfterAppend::DeletedTopics, Err(code)) => {
                ::log::warn!("the offsets of deleted topics could not be removed: {code}");
                self.offsets.holders = None;
                self.go_on_with_deleted_topics(self.next_check(world));
            }
            // Who asked for it asks for the next part.
            (AfterAppend::Deleting { .. }, Ok(())) => {}
            (AfterAppend::Deleting { token }, Err(code)) => {
                effects.reply(token, Reply::DeleteGroup(code));
            }
        }
    }
}
