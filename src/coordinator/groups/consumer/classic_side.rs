//! Requests of the classic protocol to a consumer group, other than joins
//! (`classicGroup{Heartbeat,Sync,Leave}ToConsumerGroup`).

use super::super::classic::leave::left;
use super::super::shard::Shard;
use super::super::{Effects, LeaveReply, Reply, SyncReply, Timer, Token, World};
use super::member::partitions;
use super::plan::{Alarm, Plan};
use super::reply::unknown_member;
use super::subscribe::{check_instance, unknown_instance};
use super::{ClassicSide, Consumer, Member, MemberState, Refusal, embedded};
use crate::wire::error::ErrorCode;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::leave_group::MemberIdentity;
use crate::wire::messages::sync_group::SyncGroupRequest;
use std::sync::Arc;

impl Shard {
    pub(in super::super) fn classic_beat(
        &mut self,
        world: &mut World<'_>,
        request: &HeartbeatRequest<'_>,
        token: Token,
        effects: &mut Effects,
    ) {
        let Some(group) = self.consumer(request.group_id) else { return };
        let (id, instance) = (request.member_id, request.group_instance_id);
        let (mut plan, code) = match group.classic_member(id, instance, request.generation_id) {
            Ok((member, side)) => {
                let mut plan = Plan::new(group.id.clone());
                plan.alarms.push(group.session(member, side));
                (plan, group.must_rejoin(member))
            }
            Err(refusal) => return effects.reply(token, Reply::Heartbeat(refusal.code)),
        };
        if code != ErrorCode::NONE {
            plan.alarms.extend(group.members.get(id).map(|member| group.rejoin(member)));
        }
        plan.answer = Some((token, Reply::Heartbeat(code)));
        self.carry_out(plan, world, effects);
    }

    pub(in super::super) fn classic_sync(
        &mut self,
        world: &mut World<'_>,
        request: &SyncGroupRequest<'_>,
        token: Token,
        effects: &mut Effects,
    ) {
        let Some(group) = self.consumer(request.group_id) else { return };
        let plan = match group.sync(request, world) {
            Ok((mut plan, reply)) => {
                plan.answer = Some((token, Reply::Sync(reply)));
                plan
            }
            Err((refusal, alarm)) => {
                let mut plan = Plan::new(group.id.clone());
                plan.alarms.extend(alarm);
                plan.answer = Some((token, Reply::Sync(SyncReply::failed(refusal.code))));
                plan
            }
        };
        self.carry_out(plan, world, effects);
    }

    pub(in super::super) fn classic_leaves(
        &mut self,
        world: &mut World<'_>,
        id: &str,
        named: &[MemberIdentity<'_>],
        token: Token,
        effects: &mut Effects,
    ) {
        let Some(group) = self.consumer(id) else { return };
        let mut leaving: Vec<&Member> = Vec::new();
        let mut members = Vec::with_capacity(named.len());
        for one in named {
            let code = match group.leaver(one) {
                Ok(member) => {
                    ::log::info!(group:% = id, member:% = member.id; "a member leaves");
                    if !leaving.iter().any(|other| other.id == member.id) {
                        leaving.push(member);
                    }
                    ErrorCode::NONE
                }
                Err(refusal) => refusal.code,
            };
            members.push(left(one, code));
        }
        let mut plan = group.fence(&leaving, world);
        let reply = LeaveReply { code: ErrorCode::NONE, members };
        plan.answer = Some((token, Reply::Leave(reply)));
        self.carry_out(plan, world, effects);
    }
}

impl Consumer {
    /// The member of a request of the classic protocol, in the generation that it says.
    fn classic_member(
        &self,
        id: &str,
        instance: Option<&str>,
        generation: i32,
    ) -> Result<(&Member, &ClassicSide), Refusal> {
        let member = match instance {
            None => self.members.get(id).ok_or_else(|| unknown_member(id, &self.id))?,
            Some(name) => {
                let member = self.static_member(name).ok_or_else(|| unknown_instance(name))?;
                check_instance(member, id, name)?;
                member
            }
        };
        let Some(side) = &member.classic else {
            let message = format!("Member {id} does not use the classic protocol.");
            return Err(Refusal::new(ErrorCode::UNKNOWN_MEMBER_ID, message));
        };
        if generation != member.epoch {
            return Err(Refusal::new(ErrorCode::ILLEGAL_GENERATION, "another generation"));
        }
        Ok((member, side))
    }

    fn leaver(&self, named: &MemberIdentity<'_>) -> Result<&Member, Refusal> {
        let Some(name) = named.group_instance_id else {
            let member = self.members.get(named.member_id);
            return member.ok_or_else(|| unknown_member(named.member_id, &self.id));
        };
        let member = self.static_member(name).ok_or_else(|| unknown_instance(name))?;
        // An administrator sends a static member away by its name alone.
        if !named.member_id.is_empty() {
            check_instance(member, named.member_id, name)?;
        }
        Ok(member)
    }

    fn session(&self, member: &Member, side: &ClassicSide) -> Alarm {
        let timer = Timer::Session(self.id.clone(), member.id.clone());
        Alarm::Set(timer, side.session_timeout)
    }

    fn rejoin(&self, member: &Member) -> Alarm {
        let timer = Timer::Rejoin(self.id.clone(), member.id.clone());
        Alarm::SetIfAbsent(timer, member.rebalance_timeout)
    }

    /// A classic member goes on by joining again: to the next target, to give back, to get what has
    /// become free.
    fn must_rejoin(&self, member: &Member) -> ErrorCode {
        let can_have_all =
            member.state == MemberState::Unreleased && !self.waits_for_others(member);
        let behind = member.epoch < self.target_epoch;
        match behind || member.state == MemberState::Unrevoked || can_have_all {
            true => ErrorCode::REBALANCE_IN_PROGRESS,
            false => ErrorCode::NONE,
        }
    }

    /// A classic member asks for what it has; the refusal may come with a timer.
    fn sync(
        &self,
        request: &SyncGroupRequest<'_>,
        world: &World<'_>,
    ) -> Result<(Plan, SyncReply), (Refusal, Option<Alarm>)> {
        let (id, instance) = (request.member_id, request.group_instance_id);
        let found = self.classic_member(id, instance, request.generation_id);
        let (member, side) = found.map_err(|refusal| (refusal, None))?;
        let refused = |code| (Refusal::new(code, ""), None);
        let protocol = side.protocols.first().map(|(name, _)| &**name);
        let differs = |said: Option<&str>, is: Option<&str>| said.is_some() && said != is;
        if differs(request.protocol_type, Some("consumer"))
            || differs(request.protocol_name, protocol)
        {
            return Err(refused(ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
        }
        // One that is to give back has joined already: it learns what to keep.
        if self.target_epoch > member.epoch && member.state != MemberState::Unrevoked {
            let refusal = Refusal::new(ErrorCode::REBALANCE_IN_PROGRESS, "");
            return Err((refusal, Some(self.rejoin(member))));
        }
        let metadata = member.metadata().map(|metadata| &**metadata).unwrap_or_default();
        let assigned = partitions(&member.assigned);
        let assignment = embedded::write_assignment(metadata, &assigned, world)
            .ok_or_else(|| refused(ErrorCode::UNKNOWN_SERVER_ERROR))?;
        let mut plan = Plan::new(self.id.clone());
        let resync = Timer::Resync(self.id.clone(), member.id.clone());
        plan.alarms.extend([Alarm::Cancel(resync), self.session(member, side)]);
        let reply = SyncReply {
            code: ErrorCode::NONE,
            protocol_type: request.protocol_type.map(Arc::from),
            protocol: request.protocol_name.map(Arc::from),
            assignment,
        };
        Ok((plan, reply))
    }
}
