//! SyncGroup: the leader's assignment is written down, then everybody gets its part
//! (`classicGroupSyncToClassicGroup`, `expirePendingSync`).

use super::super::effects::Then;
use super::super::shard::{Group, Shard};
use super::super::{AppendOutcome, Effects, Reply, SyncReply, Token, World};
use super::{AfterAppend, Classic, State, Turn};
use crate::wire::error::ErrorCode;
use crate::wire::messages::sync_group::SyncGroupRequest;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Shard {
    /// SyncGroup. The answer comes when the leader's has, or at once.
    pub fn sync(
        &mut self,
        world: &mut World<'_>,
        request: &SyncGroupRequest<'_>,
        token: Token,
        effects: &mut Effects,
    ) {
        if let Some(Group::Classic(group)) = self.groups.get(request.group_id) {
            let growth = group.growth_by_sync(request);
            if growth > 0
                && let Err(no_room) = self.has_room(world, request.group_id, growth)
            {
                effects.no_room = Some(no_room);
                let refused = SyncReply::failed(ErrorCode::COORDINATOR_NOT_AVAILABLE);
                return effects.reply(token, Reply::Sync(refused));
            }
        }
        let mut turn = Turn { timers: &mut self.timers, world, effects };
        let refusal = match self.groups.get_mut(request.group_id) {
            _ if request.group_id.is_empty() => ErrorCode::INVALID_GROUP_ID,
            Some(Group::Classic(group)) if !group.is_empty() => {
                return group.sync(request, token, &mut turn);
            }
            Some(Group::Consumer(group)) if !group.is_empty() => {
                return self.classic_sync(world, request, token, effects);
            }
            _ => ErrorCode::UNKNOWN_MEMBER_ID,
        };
        turn.answer_sync(token, SyncReply::failed(refusal));
    }

    pub(in super::super) fn sync_expired(
        &mut self,
        group: &Arc<str>,
        world: &mut World<'_>,
        effects: &mut Effects,
    ) {
        if let Some(Group::Classic(classic)) = self.groups.get_mut(group) {
            classic.sync_time_is_up(&mut Turn { timers: &mut self.timers, world, effects });
        }
    }
}

impl Classic {
    fn sync(&mut self, request: &SyncGroupRequest<'_>, token: Token, turn: &mut Turn<'_, '_>) {
        if let Err(code) = self.check_sync(request) {
            return turn.answer_sync(token, SyncReply::failed(code));
        }
        match self.state {
            State::Empty => {
                turn.answer_sync(token, SyncReply::failed(ErrorCode::UNKNOWN_MEMBER_ID))
            }
            State::PreparingRebalance => {
                turn.answer_sync(token, SyncReply::failed(ErrorCode::REBALANCE_IN_PROGRESS));
            }
            State::CompletingRebalance => self.await_assignment(request, token, turn),
            State::Stable => {
                self.has_synced(request.member_id, turn);
                let member = self.members.get(request.member_id);
                let assignment = member.map(|member| member.assignment.clone());
                let reply = SyncReply {
                    code: ErrorCode::NONE,
                    protocol_type: self.protocol_type.clone(),
                    protocol: self.protocol.clone(),
                    assignment: assignment.unwrap_or_else(|| Arc::from([])),
                };
                turn.answer_sync(token, reply);
            }
        }
    }

    fn check_sync(&self, request: &SyncGroupRequest<'_>) -> Result<(), ErrorCode> {
        self.check_member(request.member_id, request.group_instance_id)?;
        let differs = |said: Option<&str>, is: &Option<Arc<str>>| {
            said.is_some() && is.is_some() && said != is.as_deref()
        };
        if request.generation_id != self.generation {
            Err(ErrorCode::ILLEGAL_GENERATION)
        } else if differs(request.protocol_type, &self.protocol_type)
            || differs(request.protocol_name, &self.protocol)
        {
            Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
        } else {
            Ok(())
        }
    }

    fn await_assignment(
        &mut self,
        request: &SyncGroupRequest<'_>,
        token: Token,
        turn: &mut Turn<'_, '_>,
    ) {
        let Some(member) = self.members.get_mut(request.member_id) else { return };
        if let Some(before) = member.sync.replace(token) {
            // It was repeated, as a join may be.
            turn.answer_sync(before, SyncReply::failed(ErrorCode::REBALANCE_IN_PROGRESS));
        }
        self.has_synced(request.member_id, turn);
        if !self.is_leader(request.member_id) {
            return;
        }
        let given: BTreeMap<&str, &[u8]> =
            request.assignments.iter().map(|one| (one.member_id, one.assignment)).collect();
        let assignments: BTreeMap<Arc<str>, Arc<[u8]>> = self
            .members
            .keys()
            .map(|id| (id.clone(), given.get(&**id).copied().unwrap_or_default().into()))
            .collect();
        let without = self.members.keys().filter(|id| !given.contains_key(&***id)).count();
        if without > 0 {
            ::log::warn!(
                group:% = self.id, generation = self.generation, members = without;
                "the leader has assigned nothing to members"
            );
        }
        let record =
            self.record(&|id| assignments.get(id).cloned().unwrap_or_else(|| Arc::from([])));
        let (group, generation) = (self.id.clone(), self.generation);
        let after = AfterAppend::Synced { group, generation, assignments };
        turn.effects.append(vec![record], Then::Classic(after));
    }

    /// The leader's assignment is in the log, or not.
    pub(super) fn synced(
        &mut self,
        generation: i32,
        mut assignments: BTreeMap<Arc<str>, Arc<[u8]>>,
        outcome: AppendOutcome,
        turn: &mut Turn<'_, '_>,
    ) {
        if self.state != State::CompletingRebalance || self.generation != generation {
            return;
        }
        self.assign(|id| {
            let given = assignments.remove(id).filter(|_| outcome.is_ok());
            given.unwrap_or_else(|| Arc::from([]))
        });
        match outcome {
            Ok(()) => {
                self.answer_syncs(ErrorCode::NONE, turn);
                self.become_now(State::Stable, turn);
            }
            Err(code) => {
                self.answer_syncs(code, turn);
                self.rebalance_or_complete("its assignment could not be written", turn);
            }
        }
    }

    fn has_synced(&mut self, id: &str, turn: &mut Turn<'_, '_>) {
        self.pending_syncs.remove(id);
        self.stop_waiting_for_syncs(turn);
    }

    fn sync_time_is_up(&mut self, turn: &mut Turn<'_, '_>) {
        let waits = matches!(self.state, State::CompletingRebalance | State::Stable);
        if !waits || self.pending_syncs.is_empty() {
            return;
        }
        let silent = std::mem::take(&mut self.pending_syncs);
        for id in &silent {
            self.drop_member(id, turn);
        }
        let reason = format!("{} members have not synced in time", silent.len());
        self.prepare_rebalance(&reason, turn);
    }
}
