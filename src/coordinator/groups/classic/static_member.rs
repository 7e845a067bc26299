//! A static member comes back under a new id (KIP-345,
//! `updateStaticMemberThenRebalanceOrCompleteJoin`).
//!
//! The old id is fenced at once. In a stable group whose protocol does not change nobody else
//! notices: the new id is written down and the member goes on with what it had.

use super::super::effects::Then;
use super::super::{AppendOutcome, JoinReply, SyncReply};
use super::join::Join;
use super::{AfterAppend, Classic, Protocols, State, Turn};
use crate::wire::error::ErrorCode;
use std::sync::Arc;

/// From this version on a leader that came back can be told not to assign anew.
const CAN_SKIP: i16 = 9;

/// What is needed to undo it, or to answer.
#[derive(Debug)]
pub(in super::super) struct Replaced {
    pub(super) group: Arc<str>,
    old: Arc<str>,
    new: Arc<str>,
    leader_before: Option<Arc<str>>,
    protocols: Protocols,
    timeouts: (i32, i32),
    can_skip: bool,
}

pub(super) fn replace(
    group: &mut Classic,
    join: &Join<'_>,
    old: &Arc<str>,
    new: &Arc<str>,
    turn: &mut Turn<'_, '_>,
) {
    if !group.could_elect(old, &join.protocols) {
        return join.refuse_offer(turn);
    }
    let leader_before = group.leader.clone();
    group.rename(old, new, turn);
    let Some(member) = group.members.get(new) else { return };
    let (protocols, timeouts) =
        (member.protocols.clone(), (member.rebalance_timeout, member.session_timeout));
    // Kafka's new session is as long as the old one was.
    group.expect_again(new, turn);
    group.update(new, join, turn);
    match group.state {
        State::Stable if group.protocol == group.elect_protocol() => {
            let assignment = |id: &Arc<str>| {
                let member = group.members.get(id);
                member.map_or_else(|| Arc::from([]), |member| member.assignment.clone())
            };
            let record = group.record(&assignment);
            let replaced = Replaced {
                group: group.id.clone(),
                old: old.clone(),
                new: new.clone(),
                leader_before,
                protocols,
                timeouts,
                can_skip: join.caller.version >= CAN_SKIP,
            };
            let after = AfterAppend::Replaced(Box::new(replaced));
            turn.effects.append(vec![record], Then::Classic(after));
        }
        State::Stable => {
            group.rebalance_or_complete("a static member offers other protocols", turn)
        }
        // The leader may be about to assign to the old id.
        State::CompletingRebalance => group.prepare_rebalance("a static member is back", turn),
        // An empty group has no static members.
        State::PreparingRebalance | State::Empty => group.complete_if_all_joined(turn),
    }
}

impl Classic {
    /// Puts a member under another id; whoever waits under the old one is fenced.
    fn rename(&mut self, old: &Arc<str>, new: &Arc<str>, turn: &mut Turn<'_, '_>) {
        let fenced = ErrorCode::FENCED_INSTANCE_ID;
        self.complete_join_of(old, JoinReply::failed(fenced, old.clone()), turn);
        self.complete_sync_of(old, SyncReply::failed(fenced), turn);
        turn.forget(&self.id, old);
        let Some(mut member) = self.members.remove(old) else { return };
        self.held.replace(old.len(), new.len());
        (member.id, member.is_new, member.alarm) = (new.clone(), false, None);
        if let Some(instance) = &member.instance_id {
            self.static_members.insert(instance.clone(), new.clone());
        }
        self.members.insert(new.clone(), member);
        if self.is_leader(old) {
            self.leader = Some(new.clone());
        }
        // Whether the old id has synced is of no use to the new one.
        self.pending_syncs.remove(old);
        self.stop_waiting_for_syncs(turn);
    }

    /// The new id is in the log, or not.
    pub(super) fn replaced(
        &mut self,
        replaced: &Replaced,
        outcome: AppendOutcome,
        turn: &mut Turn<'_, '_>,
    ) {
        let Replaced { old, new, leader_before, .. } = replaced;
        let Err(code) = outcome else {
            let mut reply = self.joined_as(new, Vec::new());
            if !replaced.can_skip {
                // It takes itself for a follower and fetches its assignment.
                reply.leader = leader_before.clone().unwrap_or_else(|| "".into());
            } else if self.is_leader(new) {
                (reply.members, reply.skip_assignment) = (self.for_leader(), true);
            }
            return self.complete_join_of(new, reply, turn);
        };
        ::log::warn!(
            group:% = self.id, new:%, old:%;
            "the new id of a static member could not be written; the old one stays"
        );
        let refused = JoinReply {
            code,
            leader: leader_before.clone().unwrap_or_else(|| "".into()),
            ..self.joined_as(&"".into(), Vec::new())
        };
        self.complete_join_of(new, refused, turn);
        self.offer(new, replaced.protocols.clone());
        self.rename(new, old, turn);
        if let Some(member) = self.members.get_mut(old) {
            (member.rebalance_timeout, member.session_timeout) = replaced.timeouts;
        }
        self.expect_again(old, turn);
    }
}
