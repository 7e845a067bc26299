//! LeaveGroup (`classicGroupLeave`): members go, by themselves or sent by an administrator.

use super::super::shard::{Group, Shard};
use super::super::{Effects, LeaveReply, LeftMember, Reply, Token, World};
use super::{Classic, State, Turn};
use crate::wire::error::ErrorCode;
use crate::wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};

/// From this version on a request names several members.
const LISTS: i16 = 3;

impl Shard {
    /// LeaveGroup. `version` is the request's: old ones name one member.
    pub fn leave(
        &mut self,
        world: &mut World<'_>,
        version: i16,
        request: &LeaveGroupRequest<'_>,
        token: Token,
        effects: &mut Effects,
    ) {
        let named: Vec<MemberIdentity<'_>> = match version {
            LISTS.. => request.members.iter().collect(),
            _ => vec![MemberIdentity { member_id: request.member_id, ..Default::default() }],
        };
        if request.group_id.is_empty() {
            let code = ErrorCode::INVALID_GROUP_ID;
            return effects.reply(token, Reply::Leave(LeaveReply { code, members: Vec::new() }));
        }
        let members = match self.groups.get_mut(request.group_id) {
            Some(Group::Classic(group)) => {
                let mut turn = Turn { timers: &mut self.timers, world, effects };
                group.leave(&named, &mut turn)
            }
            Some(Group::Consumer(_)) => {
                return self.classic_leaves(world, request.group_id, &named, token, effects);
            }
            Some(Group::Foreign(_)) | None => {
                named.iter().map(|one| left(one, ErrorCode::UNKNOWN_MEMBER_ID)).collect()
            }
        };
        let reply = Reply::Leave(LeaveReply { code: ErrorCode::NONE, members });
        Classic::answer_behind(effects, token, reply);
    }
}

pub(in super::super) fn left(named: &MemberIdentity<'_>, code: ErrorCode) -> LeftMember {
    LeftMember {
        member_id: named.member_id.into(),
        instance_id: named.group_instance_id.map(Into::into),
        code,
    }
}

impl Classic {
    fn leave(&mut self, named: &[MemberIdentity<'_>], turn: &mut Turn<'_, '_>) -> Vec<LeftMember> {
        let outcomes: Vec<_> =
            named.iter().map(|one| left(one, self.leave_one(one, turn))).collect();
        if outcomes.iter().any(|one| one.code == ErrorCode::NONE) {
            match self.state {
                State::Stable | State::CompletingRebalance => {
                    self.rebalance_or_complete("a member leaves", turn);
                }
                State::PreparingRebalance => self.complete_if_all_joined(turn),
                State::Empty => {}
            }
        }
        outcomes
    }

    fn leave_one(&mut self, named: &MemberIdentity<'_>, turn: &mut Turn<'_, '_>) -> ErrorCode {
        let id = if named.member_id.is_empty() {
            // By its own name: an administrator sends a static member away.
            let known = named.group_instance_id.and_then(|name| self.static_members.get(name));
            let Some(id) = known else { return ErrorCode::UNKNOWN_MEMBER_ID };
            id.clone()
        } else if let Some(pending) = self.pending_joins.get(named.member_id) {
            pending.clone()
        } else {
            match self.check_member(named.member_id, named.group_instance_id) {
                Ok(()) => named.member_id.into(),
                Err(code) => return code,
            }
        };
        self.drop_member(&id, turn);
        let reason = named.reason.unwrap_or("not provided");
        ::log::info!(group:% = self.id, member:% = id, reason; "a member leaves");
        ErrorCode::NONE
    }
}
