//! The phases of a rebalance: it begins, the join phase ends, what was assigned is in force.

use super::super::effects::Then;
use super::super::shard::{Group, Shard};
use super::super::{AppendOutcome, Effects, JoinReply, Reply, SyncReply, Timer, World};
use super::{AfterAppend, Classic, State, Turn};
use crate::wire::error::ErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Classic {
    pub(super) fn become_now(&mut self, next: State, turn: &Turn<'_, '_>) {
        self.become_at(next, turn.world.now_ms);
    }

    /// Something has changed: a rebalance begins; if one is under way, it may be complete now.
    pub(super) fn rebalance_or_complete(&mut self, reason: &str, turn: &mut Turn<'_, '_>) {
        match self.state.may_become(State::PreparingRebalance) {
            true => self.prepare_rebalance(reason, turn),
            false => self.complete_if_all_joined(turn),
        }
    }

    /// Has all members join again.
    pub(super) fn prepare_rebalance(&mut self, reason: &str, turn: &mut Turn<'_, '_>) {
        if self.state == State::CompletingRebalance {
            self.refuse_syncs(ErrorCode::REBALANCE_IN_PROGRESS, turn);
        }
        self.pending_syncs.clear();
        turn.timers.cancel(&Timer::Sync(self.id.clone()));
        let is_first = self.state == State::Empty;
        if is_first {
            // More members may be about to come.
            let delay = turn.world.settings.initial_rebalance_delay.max(0);
            self.initial = Some((delay, (self.rebalance_timeout() - delay).max(0)));
            turn.set(Timer::Join(self.id.clone()), delay);
        }
        self.become_now(State::PreparingRebalance, turn);
        ::log::info!(group:% = self.id, generation = self.generation, reason; "group rebalances");
        if is_first {
            return;
        }
        match self.all_have_joined() {
            true => self.complete_join(turn),
            false => turn.set(Timer::Join(self.id.clone()), self.rebalance_timeout()),
        }
    }

    /// Ends the join phase if nobody is missing; the first one only ends with its time.
    pub(super) fn complete_if_all_joined(&mut self, turn: &mut Turn<'_, '_>) {
        let is_first = self.previous == State::Empty;
        if self.state == State::PreparingRebalance && !is_first && self.all_have_joined() {
            self.complete_join(turn);
        }
    }

    /// The time of the join phase is up.
    fn join_time_is_up(&mut self, turn: &mut Turn<'_, '_>) {
        if self.state != State::PreparingRebalance {
            return;
        }
        match self.initial {
            Some((delay, remaining)) if self.new_member_added && remaining != 0 => {
                self.new_member_added = false;
                let next = turn.world.settings.initial_rebalance_delay.min(remaining).max(0);
                self.initial = Some((next, (remaining - delay).max(0)));
                turn.set(Timer::Join(self.id.clone()), next);
            }
            _ => self.complete_join(turn),
        }
    }

    /// Ends the join phase: who has not come back is out, the others are in the next generation.
    pub(super) fn complete_join(&mut self, turn: &mut Turn<'_, '_>) {
        assert_eq!(self.state, State::PreparingRebalance, "a join phase that ends has begun");
        turn.timers.cancel(&Timer::Join(self.id.clone()));
        self.initial = None;
        self.remove_those_who_did_not_join(turn);
        if !self.elect_joined_leader() && !self.members.is_empty() {
            // Static members only, none of which has joined: until their sessions are over.
            turn.set(Timer::Join(self.id.clone()), self.rebalance_timeout());
            return;
        }
        self.generation = self.generation.wrapping_add(1);
        self.pending_syncs.clear();
        if self.members.is_empty() {
            return self.become_empty(turn);
        }
        self.protocol = self.elect_protocol();
        self.subscribe_to(self.subscribed_topics());
        self.become_now(State::CompletingRebalance, turn);
        ::log::info!(
            group:% = self.id, generation = self.generation, members = self.members.len(),
            protocol:% = self.protocol.as_deref().unwrap_or_default();
            "group has a new generation"
        );
        self.answer_joins(turn);
        turn.set(Timer::Sync(self.id.clone()), self.rebalance_timeout());
    }

    fn remove_those_who_did_not_join(&mut self, turn: &mut Turn<'_, '_>) {
        let absent = |(id, member): (&Arc<str>, &super::Member)| {
            (member.join.is_none() && member.instance_id.is_none()).then(|| id.clone())
        };
        let absent: Vec<_> = self.members.iter().filter_map(absent).collect();
        for id in &absent {
            self.drop_member(id, turn);
            ::log::info!(
                group:% = self.id, member:% = id;
                "a member has not joined in time and is out"
            );
        }
    }

    fn become_empty(&mut self, turn: &mut Turn<'_, '_>) {
        self.protocol = None;
        self.subscribe_to(self.subscribed_topics());
        self.become_now(State::Empty, turn);
        ::log::info!(group:% = self.id, generation = self.generation; "group has no members");
        let after = AfterAppend::Emptied(self.id.clone(), None);
        turn.effects.append(vec![self.record(&|_| Arc::from([]))], Then::Classic(after));
    }

    fn answer_joins(&mut self, turn: &mut Turn<'_, '_>) {
        let mut for_leader = self.for_leader();
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            let members =
                if self.is_leader(&id) { std::mem::take(&mut for_leader) } else { Vec::new() };
            let reply = self.joined_as(&id, members);
            self.complete_join_of(&id, reply, turn);
            self.expect_again(&id, turn);
            if let Some(member) = self.members.get_mut(&id) {
                member.is_new = false;
            }
            self.pending_syncs.insert(id);
        }
    }

    /// Answers the JoinGroup that waits in a member, if one does.
    pub(super) fn complete_join_of(&mut self, id: &str, reply: JoinReply, turn: &mut Turn<'_, '_>) {
        let waits = self.members.get_mut(id).and_then(|member| member.join.take());
        if let Some(token) = waits {
            self.joined -= 1;
            turn.answer_join(token, reply);
        }
    }

    /// Answers the SyncGroup that waits in a member, if one does.
    pub(super) fn complete_sync_of(
        &mut self,
        id: &str,
        reply: SyncReply,
        turn: &mut Turn<'_, '_>,
    ) -> bool {
        let waits = self.members.get_mut(id).and_then(|member| member.sync.take());
        waits.map(|token| turn.answer_sync(token, reply)).is_some()
    }

    /// A member's session begins anew.
    pub(super) fn expect_again(&mut self, id: &str, turn: &mut Turn<'_, '_>) {
        if let Some(timeout) = self.members.get(id).map(|member| member.session_timeout) {
            self.expect_within(id, timeout, turn);
        }
    }

    /// A member must be heard of within this time. This happens with every heartbeat, so it moves a number
    /// and no more: the timer fires when it was to, and is set to the number then.
    pub(super) fn expect_within(&mut self, id: &str, timeout: i32, turn: &mut Turn<'_, '_>) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.expected = turn.world.tick_ms.saturating_add(i64::from(timeout.max(0)));
        if member.alarm.is_none_or(|alarm| alarm > member.expected) {
            member.alarm = Some(member.expected);
            let timer = Timer::Heartbeat(self.id.clone(), member.id.clone());
            turn.timers.set(timer, member.expected);
        }
    }

    /// The timer of a member has fired; true if it was heard of since it was set.
    pub(super) fn was_heard_of(&mut self, id: &str, turn: &mut Turn<'_, '_>) -> bool {
        let Some(member) = self.members.get_mut(id) else { return false };
        member.alarm = None;
        let left = member.expected.saturating_sub(turn.world.tick_ms);
        if left > 0 {
            self.expect_within(id, i32::try_from(left).unwrap_or(i32::MAX), turn);
        }
        left > 0
    }

    /// Takes a member or a pending id out, with its timer; whoever waits in it is told to come anew.
    pub(super) fn drop_member(&mut self, id: &Arc<str>, turn: &mut Turn<'_, '_>) {
        let code = ErrorCode::UNKNOWN_MEMBER_ID;
        self.complete_join_of(id, JoinReply::failed(code, "".into()), turn);
        self.complete_sync_of(id, SyncReply::failed(code), turn);
        self.remove(id);
        turn.forget(&self.id, id);
        self.stop_waiting_for_syncs(turn);
    }

    /// The sync phase has no time to keep once nobody is missing.
    pub(super) fn stop_waiting_for_syncs(&self, turn: &mut Turn<'_, '_>) {
        if self.pending_syncs.is_empty() {
            turn.timers.cancel(&Timer::Sync(self.id.clone()));
        }
    }

    /// Nobody gets what was to be assigned.
    fn refuse_syncs(&mut self, code: ErrorCode, turn: &mut Turn<'_, '_>) {
        let nothing: Arc<[u8]> = Arc::from([]);
        self.assign(|_| nothing.clone());
        self.answer_syncs(code, turn);
    }

    pub(super) fn answer_syncs(&mut self, code: ErrorCode, turn: &mut Turn<'_, '_>) {
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            let reply = match (code, self.members.get(&id)) {
                (ErrorCode::NONE, Some(member)) => SyncReply {
                    code,
                    protocol_type: self.protocol_type.clone(),
                    protocol: self.protocol.clone(),
                    assignment: member.assignment.clone(),
                },
                _ => SyncReply::failed(code),
            };
            if self.complete_sync_of(&id, reply, turn) {
                // Its session was not counted while it waited.
                self.expect_again(&id, turn);
            }
        }
    }
}

impl Shard {
    pub(in super::super) fn join_expired(
        &mut self,
        group: &Arc<str>,
        world: &mut World<'_>,
        effects: &mut Effects,
    ) {
        if let Some(Group::Classic(classic)) = self.groups.get_mut(group) {
            classic.join_time_is_up(&mut Turn { timers: &mut self.timers, world, effects });
        }
    }
}

/// All groups are read: their members' sessions begin anew, and a group that has become too large
/// rebalances.
pub(in super::super) fn loaded(shard: &mut Shard, world: &mut World<'_>, effects: &mut Effects) {
    let Shard { groups, timers, .. } = shard;
    for group in groups.values_mut() {
        let Group::Classic(group) = group else { continue };
        let turn = &mut Turn { timers, world, effects };
        for id in group.members.keys().cloned().collect::<Vec<_>>() {
            group.expect_again(&id, turn);
        }
        if group.members.len() > turn.world.settings.max_size {
            // Nobody has joined, so the phase does not end here.
            group.prepare_rebalance("it has more members than group.max.size allows", turn);
        }
    }
}

/// A consumer group has become a classic one: its members are expected to be heard of as such.
pub(in super::super) fn converted(
    shard: &mut Shard,
    group: Box<Classic>,
    rebalance: Option<&str>,
    world: &mut World<'_>,
    effects: &mut Effects,
) {
    let mut group = *group;
    let turn = &mut Turn { timers: &mut shard.timers, world, effects };
    for id in group.members.keys().cloned().collect::<Vec<_>>() {
        group.expect_again(&id, turn);
    }
    if let Some(reason) = rebalance {
        group.prepare_rebalance(reason, turn);
    }
    shard.insert(group.id.clone(), Group::Classic(group));
}

/// Goes on after an append, see [`AfterAppend`].
pub(in super::super) fn appended(
    shard: &mut Shard,
    after: AfterAppend,
    world: &mut World<'_>,
    effects: &mut Effects,
    outcome: AppendOutcome,
) {
    let Shard { groups, timers, .. } = shard;
    let turn = &mut Turn { timers, world, effects };
    match (after, outcome) {
        (AfterAppend::Created(..), Ok(())) => {}
        (AfterAppend::Created(id, before), Err(code)) => {
            if let Some(group) = classic(groups, &id) {
                group.abandon(code, turn);
                groups.remove(&id);
            }
            if let Some(before) = before {
                shard.insert(id, before);
            }
        }
        (AfterAppend::Emptied(id, reply), outcome) => {
            if let Err(code) = outcome {
                // The generation before comes back with a restart, and its sessions end then.
                ::log::warn!(
                    group:% = id, error = code.name();
                    "that a group is empty could not be written"
                );
            }
            if let Some((to, reply)) = reply {
                let reply = match outcome {
                    Ok(()) => reply,
                    Err(code) => reply.failed(code),
                };
                turn.effects.reply(to, reply);
            }
        }
        (AfterAppend::Synced { group, generation, assignments }, outcome) => {
            if let Some(group) = classic(groups, &group) {
                group.synced(generation, assignments, outcome, turn);
            }
        }
        (AfterAppend::Replaced(replaced), outcome) => {
            if let Some(group) = classic(groups, &replaced.group) {
                group.replaced(&replaced, outcome, turn);
            }
        }
    }
}

/// The group that asked for an append.
fn classic<'g>(groups: &'g mut BTreeMap<Arc<str>, Group>, id: &str) -> Option<&'g mut Classic> {
    let group = groups.get_mut(id);
    assert!(group.is_some(), "the group of an append is there");
    match group {
        Some(Group::Classic(group)) => Some(group),
        _ => None,
    }
}

impl Classic {
    /// A group that could not be written down is no group: whoever waits in it is told.
    fn abandon(&mut self, code: ErrorCode, turn: &mut Turn<'_, '_>) {
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            self.complete_join_of(&id, JoinReply::failed(code, id.clone()), turn);
        }
        for id in self.members.keys().chain(&self.pending_joins) {
            turn.forget(&self.id, id);
        }
        turn.timers.cancel(&Timer::Join(self.id.clone()));
    }

    /// Puts the answer that an event is to give behind the append that it asked for, if it did.
    pub(super) fn answer_behind(effects: &mut Effects, to: super::Token, reply: Reply) {
        match &mut effects.then {
            Then::Classic(AfterAppend::Emptied(_, waits)) if !effects.records.is_empty() => {
                *waits = Some((to, reply));
            }
            _ => effects.reply(to, reply),
        }
    }
}
