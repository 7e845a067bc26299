//! What a classic group says to commits, to the deletion of offsets and of itself, and to the expiry
//! of its offsets (`ClassicGroup.validateOffsetCommit`, `validateOffsetDelete`,
//! `validateDeleteGroup`, `offsetExpirationCondition`).

use super::super::any_group::{Committer, Since};
use super::super::{Timer, Timers};
use super::{Classic, State, Turn};
use crate::wire::error::ErrorCode;

impl Classic {
    /// Whether somebody may commit. A commit of a member is a sign of life of it.
    pub(in super::super) fn check_commit(
        &mut self,
        by: &Committer<'_>,
        turn: &mut Turn<'_, '_>,
    ) -> Result<(), ErrorCode> {
        let is_member_says = !by.member_id.is_empty() || by.instance_id.is_some();
        if by.generation < 0 && self.state == State::Empty {
            // An administrator, or a consumer that assigns its partitions itself.
            return Ok(());
        }
        if by.generation >= 0 || is_member_says {
            self.check_member(by.member_id, by.instance_id)?;
            if by.generation != self.generation {
                return Err(ErrorCode::ILLEGAL_GENERATION);
            }
        } else if !by.in_transaction && self.state != State::Empty {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if by.in_transaction {
            return Ok(());
        }
        match self.state {
            // It has joined, so it knows the generation; but its assignment is not known yet.
            State::CompletingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            State::Stable | State::PreparingRebalance => {
                self.expect_again(by.member_id, turn);
                Ok(())
            }
            State::Empty => Ok(()),
        }
    }

    /// Whether its offsets may be deleted: those of consumers also while they consume, if the topic
    /// is not one of theirs.
    pub(in super::super) fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        match self.is_empty() || self.is_of_consumers() {
            true => Ok(()),
            false => Err(ErrorCode::NON_EMPTY_GROUP),
        }
    }

    /// Whether a member consumes this topic, as far as one can know.
    pub(in super::super) fn is_subscribed(&self, topic: &str) -> bool {
        let known = self.subscribed.as_ref();
        known.map_or_else(|| self.is_of_consumers(), |topics| topics.contains(topic))
    }

    /// Since when its offsets are not needed any more; none: they are.
    pub(in super::super) fn idle_since(&self) -> Option<Since> {
        match (self.protocol_type.is_some(), self.state) {
            // Nobody has ever joined: all one knows is when the offsets were committed.
            (false, _) => Some(Since::Commit),
            (true, State::Empty) => Some(self.state_since.map_or(Since::Commit, Since::Time)),
            (true, State::Stable) if self.is_of_consumers() && self.subscribed.is_some() => {
                Some(Since::Commit)
            }
            (true, _) => None,
        }
    }

    /// Takes back all that was to happen to the group.
    pub(in super::super) fn cancel_timers(&self, timers: &mut Timers) {
        for id in self.members.keys().chain(&self.pending_joins) {
            timers.cancel(&Timer::Heartbeat(self.id.clone(), id.clone()));
        }
        timers.cancel(&Timer::Join(self.id.clone()));
        timers.cancel(&Timer::Sync(self.id.clone()));
    }
}
