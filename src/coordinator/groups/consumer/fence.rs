//! Members go: they leave, their time is up, or they do not give partitions back
//! (`consumerGroupLeave`, `consumerGroupFenceMembers`).

use super::super::shard::{Group, Shard};
use super::super::{Effects, Reply, Settings, Timer, World};
use super::member::{LEAVES_FOR_NOW, Owned};
use super::plan::{Alarm, Plan};
use super::reply::unknown_member;
use super::subscribe::{check_instance, unknown_instance};
use super::{Consumer, ConsumerReply, Member, MemberState, Refusal, hash, records};
use crate::wire::error::ErrorCode;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Shard {
    /// A member leaves, or a static one does for a while.
    pub(super) fn plan_leave(
        &self,
        world: &World<'_>,
        request: &ConsumerGroupHeartbeatRequest<'_>,
    ) -> Result<(Plan, ConsumerReply), Refusal> {
        let (id, epoch) = (request.group_id, request.member_epoch);
        let group = self.known_consumer(id)?;
        let member = match request.instance_id {
            None => {
                let member = group.members.get(request.member_id);
                member.ok_or_else(|| unknown_member(request.member_id, id))?
            }
            Some(name) => {
                let member = group.static_member(name).ok_or_else(|| unknown_instance(name))?;
                check_instance(member, request.member_id, name)?;
                member
            }
        };
        let reply = ConsumerReply {
            member_id: Some(member.id.clone()),
            member_epoch: epoch,
            ..ConsumerReply::default()
        };
        ::log::info!(group:% = id, member:% = member.id, epoch; "a member leaves");
        let plan = match request.instance_id.is_some() && epoch == LEAVES_FOR_NOW {
            true => group.leave_for_now(member),
            false => group.fence(&[member], world),
        };
        Ok((plan, reply))
    }

    /// # Errors
    /// If there is none, in Kafka's words.
    pub(super) fn known_consumer(&self, id: &str) -> Result<&Consumer, Refusal> {
        let code = ErrorCode::GROUP_ID_NOT_FOUND;
        self.consumer(id).ok_or_else(|| match self.groups.contains_key(id) {
            true => Refusal::new(code, format!("Group {id} is not a consumer group.")),
            false => Refusal::new(code, format!("Group {id} not found.")),
        })
    }

    /// A member's time is up.
    pub(in super::super) fn member_expired(
        &mut self,
        timer: &Timer,
        world: &mut World<'_>,
        effects: &mut Effects,
    ) {
        let (group, member, why) = match timer {
            Timer::Session(group, member) => (group, member, "its session expired"),
            Timer::Revoke(group, member) => (group, member, "it has not given partitions back"),
            Timer::Rejoin(group, member) => (group, member, "it has not joined again in time"),
            Timer::Resync(group, member) => (group, member, "it has not synced in time"),
            _ => return,
        };
        let Some(group) = self.consumer(group).filter(|group| group.needs(timer)) else { return };
        let Some(member) = group.members.get(member) else { return };
        ::log::info!(
            group:% = group.id, member:% = member.id, reason = why;
            "a member is fenced"
        );
        let mut plan = group.fence(&[member], world);
        plan.fired = Some(timer.clone());
        self.carry_out(plan, world, effects);
    }
}

impl Consumer {
    /// Members are out.
    pub(super) fn fence(&self, members: &[&Member], world: &World<'_>) -> Plan {
        let mut plan = Plan::new(self.id.clone());
        if members.is_empty() {
            return plan;
        }
        if self.may_downgrade_without(members, world.settings) {
            match self.downgrade(members, None, Some("a member has left"), &mut plan, world) {
                Some(()) => return plan,
                None => plan = Plan::new(self.id.clone()),
            }
        }
        let mut wishes = self.wishes.clone();
        let mut expressions: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in members {
            plan.records.extend(records::no_member(&self.id, &member.id));
            plan.forget(&member.id);
            wishes.replace(Some(member), None);
            if let Some(regex) = member.pattern() {
                *expressions.entry(regex).or_default() += 1;
            }
        }
        for (regex, count) in expressions {
            if self.wishes.members_with(regex) == count {
                plan.records.push(records::no_regex(&self.id, regex));
                wishes.resolve(self.regexes.get(regex), None);
            }
        }
        let hash = hash::of_group(&wishes, world);
        plan.records.push(records::epoch(&self.id, self.epoch.saturating_add(1), hash));
        plan
    }

    /// A static member will be back: it keeps what it has, so that nobody else gets it.
    fn leave_for_now(&self, member: &Member) -> Plan {
        let mut plan = Plan::new(self.id.clone());
        let mut away = member.clone();
        away.epoch = LEAVES_FOR_NOW;
        away.revoking = Arc::default();
        // Whoever comes back has it from its first epoch on.
        let zero =
            |list: &BTreeMap<i32, i32>| list.keys().map(|partition| (*partition, 0)).collect();
        let assigned: Owned =
            member.assigned.iter().map(|(topic, list)| (*topic, zero(list))).collect();
        away.assigned = Arc::new(assigned);
        plan.records.push(records::current(&self.id, &away));
        let revoke = Timer::Revoke(self.id.clone(), member.id.clone());
        plan.alarms.push(Alarm::Cancel(revoke));
        plan
    }

    /// All members begin a new session: the group has just been loaded.
    pub(in super::super) fn sessions(&self, settings: &Settings) -> Vec<(Timer, i32)> {
        let session = settings.consumer.session_timeout(&self.id);
        let mut timers = Vec::new();
        for member in self.members.values() {
            let names = || (self.id.clone(), member.id.clone());
            let ((group, id), (again, same)) = (names(), names());
            timers.push((Timer::Session(group, id), session));
            let revoke = Timer::Revoke(again, same);
            if member.state == MemberState::Unrevoked && self.needs(&revoke) {
                timers.push((revoke, member.rebalance_timeout));
            }
        }
        timers
    }
}

/// Everything has been replayed.
pub(in super::super) fn loaded(shard: &mut Shard, world: &World<'_>) {
    let groups: Vec<Vec<(Timer, i32)>> = shard
        .groups
        .values()
        .filter_map(|group| match group {
            Group::Consumer(group) => Some(group.sessions(world.settings)),
            Group::Classic(_) | Group::Foreign(_) => None,
        })
        .collect();
    for (timer, after) in groups.into_iter().flatten() {
        shard.timers.set(timer, world.tick_ms.saturating_add(i64::from(after.max(0))));
    }
}

/// The reply goes with the plan.
pub(super) fn answered(mut plan: Plan, to: super::super::Token, reply: ConsumerReply) -> Plan {
    plan.answer = Some((to, Reply::Consumer(reply)));
    plan
}
