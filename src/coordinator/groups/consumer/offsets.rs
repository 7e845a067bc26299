//! What a consumer group says to commits and fetches of offsets, and how it is told of
//! (`ConsumerGroup.validateOffsetCommit`, `validateOffsetFetch`, `asDescribedGroup`).
//!
//! A member commits in its epoch, or in an older one the partitions that it has had since then: what it
//! read before it learned of the new epoch is not lost, and what another has since got is not overwritten.

use super::super::any_group::Committer;
use super::super::shard::Shard;
use super::super::{Settings, Timer, Timers};
use super::{Consumer, Member, Refusal};
use crate::wire::error::ErrorCode;
use crate::wire::uuid::Uuid;
use std::sync::Arc;

/// From this version on OffsetCommit knows of members' epochs.
const KNOWS_EPOCHS: i16 = 9;

impl Consumer {
    /// Whether somebody may commit.
    pub(in super::super) fn check_commit(&self, by: &Committer<'_>) -> Result<(), ErrorCode> {
        let Some(member) = self.committer(by)? else { return Ok(()) };
        if !by.in_transaction && member.classic.is_none() && by.version < KNOWS_EPOCHS {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        match by.generation > member.epoch {
            true => Err(stale(member, by.in_transaction)),
            false => Ok(()),
        }
    }

    /// Whether it may commit that of this partition.
    pub(in super::super) fn check_committed_partition(
        &self,
        by: &Committer<'_>,
        topic: Uuid,
        partition: i32,
    ) -> Result<(), ErrorCode> {
        let Some(member) = self.committer(by)? else { return Ok(()) };
        let has_since = member.epoch_of(topic, partition);
        let may = by.generation == member.epoch || has_since.is_some_and(|e| by.generation >= e);
        if may { Ok(()) } else { Err(stale(member, by.in_transaction)) }
    }

    /// The member that commits; none for those who need not be one.
    fn committer(&self, by: &Committer<'_>) -> Result<Option<&Member>, ErrorCode> {
        let says_nothing =
            by.generation == -1 && by.member_id.is_empty() && by.instance_id.is_none();
        // An administrator, a consumer that assigns its partitions itself, an old transaction.
        if by.generation < 0 && self.members.is_empty() || by.in_transaction && says_nothing {
            return Ok(None);
        }
        let member = self.members.get(by.member_id);
        member.map(Some).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)
    }

    /// Whether a member may have the group's offsets; who says nothing may.
    pub(in super::super) fn check_fetch(
        &self,
        member: Option<&str>,
        epoch: i32,
    ) -> Result<(), ErrorCode> {
        let id = match member {
            None if epoch < 0 => return Ok(()),
            member => member.unwrap_or_default(),
        };
        let member = self.members.get(id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if epoch == member.epoch { Ok(()) } else { Err(stale(member, false)) }
    }

    /// Takes back all that was to happen to the group.
    pub(in super::super) fn cancel_timers(&self, timers: &mut Timers) {
        for member in self.members.keys() {
            for timer in [Timer::Session, Timer::Revoke, Timer::Rejoin, Timer::Resync] {
                timers.cancel(&timer(self.id.clone(), member.clone()));
            }
        }
    }

    /// The assignor that goes for it.
    pub fn assignor_name(&self, settings: &Settings) -> Arc<str> {
        let first = settings.consumer.assignors.first();
        let preferred = self.preferred_assignor(None, None);
        preferred.or(first.map(|(name, _)| name.clone())).unwrap_or_else(|| "".into())
    }
}

impl Shard {
    /// ConsumerGroupDescribe for one group.
    ///
    /// # Errors
    /// Why there is no such group, in Kafka's words.
    pub fn describe_consumer(&self, id: &str) -> Result<&Consumer, Refusal> {
        self.known_consumer(id)
    }
}

/// In the words of the protocol that the member speaks; a transaction knows the old ones only.
fn stale(member: &Member, in_transaction: bool) -> ErrorCode {
    match member.classic.is_some() || in_transaction {
        true => ErrorCode::ILLEGAL_GENERATION,
        false => ErrorCode::STALE_MEMBER_EPOCH,
    }
}
