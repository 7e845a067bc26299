//! Committed offsets: how far a group has read, by topic and partition.
//!
//! They live in records and change only by [`super::Shard::replay`]. One whose group has not been used for
//! `offsets.retention.minutes` ends, as do those of deleted topics; then a group without members and
//! offsets ends too. Nothing looks for them before something can have ended: a shard knows the
//! earliest time, and sleeps until then.
//!
//! What a transaction commits lies beside the store until its marker comes. A partition with such an offset is
//! answered UNSTABLE_OFFSET_COMMIT to who asks for stable ones, does not expire, and is given a tombstone by
//! a deletion even if the store has no offset for it; its group stays.
//!
//! Rules: `OffsetMetadataManager`, and `KafkaApis` for the topics.

mod commit;
mod delete;
mod deleted;
mod expiry;
mod fetch;
mod pending;
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
use crate::wire::codec::DecodeError;
use crate::wire::error::ErrorCode;
use crate::wire::group_records::{GroupKey, OffsetCommitKey, OffsetCommitValue};
use crate::wire::uuid::Uuid;
use deleted::Walk;
use expiry::Round;
use pending::Pending;
use std::sync::Arc;

/// The offsets of a shard and what is to happen to them.
#[derive(Debug, Default)]
pub struct Offsets {
    store: Store,
    /// What transactions have committed that are not over.
    pending: Pending,
    /// Topics that are gone and may have offsets here yet.
    deleted: Vec<(Arc<str>, Uuid)>,
    /// How far the last of these has been looked for.
    walk: Walk,
    /// The look for what has ended, while it is under way.
    round: Option<Round>,
    /// The timer's deadline, while it is set.
    armed: Option<i64>,
    /// What came since the timer was looked at: the earliest commit and the earliest end.
    fresh: (store::Earliest, store::Earliest),
    /// A group has lost its last offset since.
    lost_last: bool,
}

impl Offsets {
    /// Whether a transaction that is not over has committed an offset here.
    fn is_pending(&self, group: &str, topic: &str, partition: i32) -> bool {
        !self.pending.is_empty() && self.pending.contains(group, topic, partition)
    }

    /// What open transactions take. Panics where that is not what is counted. For simulations.
    pub(super) fn check_pending(&self) -> usize {
        assert_eq!(
            self.pending.held.bytes(),
            self.pending.weigh(),
            "open transactions are counted"
        );
        self.pending.weigh()
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
    /// What has ended; whether there is more to look at.
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

    /// Takes over an offset's record that belongs to no transaction.
    pub(super) fn replay_offset(
        &mut self,
        key: OffsetCommitKey<'_>,
        value: Option<OffsetCommitValue<'_>>,
    ) {
        let OffsetCommitKey { group, topic, partition } = key;
        let Some(value) = value else {
            let gone = self.offsets.store.remove(group, topic, partition);
            let none_pending = self.offsets.pending.remove(group, topic, partition);
            self.offsets.lost_last |= gone || none_pending;
            return;
        };
        let id = self.group_of_offset(group, value.commit_timestamp);
        self.put_offset(&id, topic, partition, &committed(&value));
        // All that was committed before.
        self.offsets.pending.outdo((group, topic, partition), i64::MAX);
    }

    /// Takes over a record that a transaction has written at this offset of the log: an offset counts with the
    /// marker, all else at once, as in Kafka.
    ///
    /// # Errors
    /// When it cannot be read; nothing has changed then.
    pub fn replay_of_transaction(
        &mut self,
        producer: i64,
        at: i64,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), DecodeError> {
        let (of, Some(bytes)) = (GroupKey::decode(key)?, value) else {
            return self.replay(key, value);
        };
        let GroupKey::OffsetCommit(of) = of else { return self.replay(key, value) };
        let value = OffsetCommitValue::from_bytes(bytes)?;
        let group = self.group_of_offset(of.group, value.commit_timestamp);
        let Offsets { store, pending, .. } = &mut self.offsets;
        pending.held.join(&self.member_bytes);
        let place = (group, store.name_of(of.topic), of.partition);
        pending.put(place, producer, at, &committed(&value));
        Ok(())
    }

    /// How many transactions have committed offsets here and are not over.
    pub fn open_transactions(&self) -> usize {
        self.offsets.pending.producers()
    }

    /// Takes over the marker that ends the transaction of a producer. Of two records the later one wins, whichever
    /// marker comes first.
    pub fn replay_end_of_transaction(&mut self, producer: i64, is_commit: bool) {
        for ((group, topic, partition), open) in self.offsets.pending.end(producer) {
            if is_commit && !open.is_outdone {
                let committed = open.show();
                let group = self.group_of_offset(&group, committed.committed_at);
                self.put_offset(&group, &topic, partition, &committed);
                self.offsets.pending.outdo((&group, &topic, partition), open.at);
            }
            let has_none = self.offsets.store.group(&group).is_none();
            self.offsets.lost_last |= has_none && !self.offsets.pending.has_group(&group);
        }
    }

    /// The group of a committed offset. Where there is none, nobody joins it: a simple group, for which there
    /// is no other record.
    fn group_of_offset(&mut self, group: &str, committed_at: i64) -> Arc<str> {
        if let Some((id, _)) = self.groups.get_key_value(group) {
            return id.clone();
        }
        let id: Arc<str> = group.into();
        self.insert(id.clone(), Group::Classic(Classic::new(id.clone(), committed_at)));
        id
    }

    fn put_offset(
        &mut self,
        group: &Arc<str>,
        topic: &str,
        partition: i32,
        committed: &Committed<'_>,
    ) {
        let (oldest, first_end) = &mut self.offsets.fresh;
        store::bound(oldest, first_end, committed);
        self.offsets.store.put(group, topic, partition, committed);
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
            (AfterAppend::Ended { more }, Ok(())) => self.go_on_with_round(more, world),
            (AfterAppend::Ended { .. }, Err(code)) => {
                ::log::warn!(
                    error:% = code;
                    "what has ended of the committed offsets could not be removed"
                );
                self.put_round_off(world);
            }
            (AfterAppend::DeletedTopics, Ok(())) => self.go_on_with_deleted_topics(world.tick_ms),
            (AfterAppend::DeletedTopics, Err(code)) => {
                ::log::warn!(
                    error:% = code;
                    "the offsets of deleted topics could not be removed"
                );
                self.offsets.walk = Walk::default();
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

fn committed<'v>(value: &OffsetCommitValue<'v>) -> Committed<'v> {
    Committed {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata,
        committed_at: value.commit_timestamp,
        ends_at: (value.expire_timestamp != -1).then_some(value.expire_timestamp),
        topic_id: value.topic_id,
    }
}
