//! Heartbeat, and what its absence does (`classicGroupHeartbeat`, `expireClassicGroupMemberHeartbeat`).

use super::super::shard::{Group, Shard};
use super::super::{Effects, Reply, Token, World};
use super::{Classic, State, Turn};
use crate::wire::error::ErrorCode;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use std::sync::Arc;

impl Shard {
    /// Heartbeat.
    pub fn heartbeat(
        &mut self,
        world: &mut World<'_>,
        request: &HeartbeatRequest<'_>,
        token: Token,
        effects: &mut Effects,
    ) {
        let mut turn = Turn { timers: &mut self.timers, world, effects };
        let code = match self.groups.get_mut(request.group_id) {
            _ if request.group_id.is_empty() => ErrorCode::INVALID_GROUP_ID,
            Some(Group::Classic(group)) => group.heartbeat(request, &mut turn),
            Some(Group::Consumer(_)) => return self.classic_beat(world, request, token, effects),
            Some(Group::Foreign(_)) | None => ErrorCode::UNKNOWN_MEMBER_ID,
        };
        effects.reply(token, Reply::Heartbeat(code));
    }

    pub(in super::super) fn heartbeat_expired(
        &mut self,
        group: &Arc<str>,
        member: &Arc<str>,
        world: &mut World<'_>,
        effects: &mut Effects,
    ) {
        if let Some(Group::Classic(classic)) = self.groups.get_mut(group) {
            let turn = &mut Turn { timers: &mut self.timers, world, effects };
            classic.heartbeat_expired(member, turn);
        }
    }
}

impl Classic {
    fn heartbeat(&mut self, request: &HeartbeatRequest<'_>, turn: &mut Turn<'_, '_>) -> ErrorCode {
        if let Err(code) = self.check_member(request.member_id, request.group_instance_id) {
            return code;
        }
        if request.generation_id != self.generation {
            return ErrorCode::ILLEGAL_GENERATION;
        }
        self.expect_again(request.member_id, turn);
        match self.state {
            State::Empty => ErrorCode::UNKNOWN_MEMBER_ID,
            State::PreparingRebalance => ErrorCode::REBALANCE_IN_PROGRESS,
            State::CompletingRebalance | State::Stable => ErrorCode::NONE,
        }
    }

    fn heartbeat_expired(&mut self, id: &Arc<str>, turn: &mut Turn<'_, '_>) {
        if self.pending_joins.contains(id) {
            ::log::info!(
                group:% = self.id, member:% = id;
                "a member has never joined and is forgotten"
            );
            self.drop_member(id, turn);
            return self.complete_without(turn);
        }
        // One that waits for us is expected again when it is answered.
        if self.was_heard_of(id, turn) || self.members.get(id).is_none_or(super::Member::is_excused)
        {
            return;
        }
        ::log::info!(
            group:% = self.id, member:% = id;
            "a member was not heard of in time and is out"
        );
        self.drop_member(id, turn);
        match self.state {
            State::Stable | State::CompletingRebalance => {
                self.rebalance_or_complete("a member's session has ended", turn);
            }
            _ => self.complete_without(turn),
        }
    }

    /// Somebody is gone for whom the join phase may have waited.
    fn complete_without(&mut self, turn: &mut Turn<'_, '_>) {
        if self.state == State::PreparingRebalance && self.all_have_joined() {
            self.complete_join(turn);
        }
    }
}
