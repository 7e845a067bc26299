//! ConsumerGroupHeartbeat: the one request by which members join, report, are told and leave.

use super::super::shard::{Group, Shard};
use super::super::{Caller, Effects, Kind, Reply, Timer, Token, World};
use super::assign::Partitions;
use super::fence::answered;
use super::member::{LEAVES, LEAVES_FOR_NOW};
use super::plan::{Alarm, Plan};
use super::subscribe::Identity;
use super::work::{RegexChange, Work};
use super::{Consumer, ConsumerReply, Member, Refusal, check, convert};
use crate::wire::error::ErrorCode;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Shard {
    /// ConsumerGroupHeartbeat. The answer comes when what it changes is written down.
    pub fn consumer_heartbeat(
        &mut self,
        world: &mut World<'_>,
        caller: Caller<'_>,
        request: &ConsumerGroupHeartbeatRequest<'_>,
        token: Token,
        effects: &mut Effects,
    ) {
        let checked = check::check(request, caller.version, world.settings);
        let checked = checked.and_then(|()| {
            let room = self.has_room_for_report(world, request, caller);
            room.map_err(|(refusal, no_room)| {
                effects.no_room = Some(no_room);
                refusal
            })
        });
        let planned = checked.and_then(|()| match request.member_epoch {
            LEAVES | LEAVES_FOR_NOW => self.plan_leave(world, request),
            _ => self.plan_report(world, caller, request),
        });
        match planned {
            Ok((plan, reply)) => self.carry_out(answered(plan, token, reply), world, effects),
            Err(refusal) => effects.reply(token, Reply::Consumer(refusal.into_reply())),
        }
    }

    fn plan_report(
        &self,
        world: &mut World<'_>,
        caller: Caller<'_>,
        request: &ConsumerGroupHeartbeatRequest<'_>,
    ) -> Result<(Plan, ConsumerReply), Refusal> {
        let joins = request.member_epoch == 0;
        let mut plan = Plan::new(request.group_id.into());
        let group = self.consumer_for(request.group_id, joins, world, &mut plan)?;
        let member: Arc<str> = match request.member_id {
            "" => (world.new_id)().to_string().into(),
            id => id.into(),
        };
        group.check_room(&member, world.settings.consumer.max_size)?;
        let owned: Option<Partitions> = request.topic_partitions.map(|topics| {
            topics.iter().map(|one| (one.topic_id, one.partitions.iter().collect())).collect()
        });
        let work = Work { group: &group, world, plan };
        work.report(&member, caller, request, owned.as_ref())
    }

    /// The group of a request; one that is not there, or is an empty classic group, is made by it.
    fn consumer_for(
        &self,
        id: &str,
        create: bool,
        world: &World<'_>,
        plan: &mut Plan,
    ) -> Result<Cow<'_, Consumer>, Refusal> {
        match self.groups.get(id) {
            Some(Group::Consumer(group)) => Ok(Cow::Borrowed(group)),
            None if create => Ok(Cow::Owned(Consumer::new(id.into()))),
            Some(known @ Group::Classic(group)) if create && known.gives_way_to(Kind::Consumer) => {
                plan.records.push(group.tombstone());
                plan.alarms.extend(group.timers().into_iter().map(Alarm::Cancel));
                Ok(Cow::Owned(Consumer::new(id.into())))
            }
            Some(Group::Classic(group)) if create => {
                Ok(Cow::Owned(convert::upgrade(group, world, plan)?))
            }
            Some(Group::Classic(_) | Group::Foreign(_)) => {
                let message = format!("Group {id} is not a consumer group.");
                Err(Refusal::new(ErrorCode::GROUP_ID_NOT_FOUND, message))
            }
            None => {
                let message = format!("Consumer group {id} not found.");
                Err(Refusal::new(ErrorCode::GROUP_ID_NOT_FOUND, message))
            }
        }
    }
}

impl Consumer {
    pub(super) fn check_room(&self, member: &str, max_size: usize) -> Result<(), Refusal> {
        if self.members.len() < max_size || self.members.contains_key(member) {
            return Ok(());
        }
        let message =
            format!("The consumer group has reached its maximum capacity of {max_size} members.");
        Err(Refusal::new(ErrorCode::GROUP_MAX_SIZE_REACHED, message))
    }
}

impl Work<'_, '_> {
    fn report(
        mut self,
        id: &Arc<str>,
        caller: Caller<'_>,
        request: &ConsumerGroupHeartbeatRequest<'_>,
        owned: Option<&Partitions>,
    ) -> Result<(Plan, ConsumerReply), Refusal> {
        let who = Identity {
            member: id,
            instance: request.instance_id,
            epoch: request.member_epoch,
            owned,
            joins: request.member_epoch == 0,
            classic: false,
        };
        let before = self.subscribe(&who)?;
        let member = said(&before, caller, request);
        let topics_changed = self.member_changed(&before, &member);
        let regex_changed = self.regex_changed(&before, &member)?;
        let overdue = self.plan.overdue;
        let bump = topics_changed || regex_changed == RegexChange::Known || overdue;
        let epoch = match bump || self.must_look() {
            true => self.look(bump, &before, &member),
            false => self.group.epoch,
        };
        let target = self.retarget(epoch, &before, &member)?;
        let has_changed = topics_changed || regex_changed != RegexChange::None;
        let member = self.reconcile(member, &target, has_changed, owned)?;
        self.change_protocol(&before, &member);
        let settings = &self.world.settings.consumer;
        let session = Timer::Session(self.group.id.clone(), member.id.clone());
        self.plan.alarms.push(Alarm::Set(session, settings.session_timeout(&self.group.id)));
        // All is told to whoever says all, for it may know nothing.
        let says_all = request.rebalance_timeout_ms != -1
            && (request.subscribed_topic_names.is_some()
                || request.subscribed_topic_regex.is_some())
            && owned.is_some();
        let tell = who.joins || says_all || before.assigned != member.assigned;
        let reply = ConsumerReply {
            member_id: Some(member.id.clone()),
            member_epoch: member.epoch,
            heartbeat_interval: settings.heartbeat_interval(&self.group.id),
            assignment: tell.then_some(member.assigned),
            ..ConsumerReply::default()
        };
        Ok((self.plan, reply))
    }
}

/// A member with what its request says; what it does not say is as it was.
fn said(
    before: &Member,
    caller: Caller<'_>,
    request: &ConsumerGroupHeartbeatRequest<'_>,
) -> Member {
    let mut member = before.clone();
    update(&mut member.client_id, caller.client_id);
    update(&mut member.client_host, caller.host);
    member.classic = None;
    if let Some(instance) = request.instance_id {
        member.instance_id = Some(instance.into());
    }
    if let Some(rack) = request.rack_id {
        member.rack_id = Some(rack.into());
    }
    if request.rebalance_timeout_ms != -1 {
        member.rebalance_timeout = request.rebalance_timeout_ms;
    }
    if let Some(assignor) = request.server_assignor {
        member.assignor = Some(assignor.into());
    }
    if let Some(names) = request.subscribed_topic_names {
        let topics: BTreeSet<Arc<str>> = names.iter().map(Arc::from).collect();
        if *member.topics != topics {
            member.topics = Arc::new(topics);
        }
    }
    if let Some(regex) = request.subscribed_topic_regex {
        update(&mut member.regex, regex);
    }
    member
}

pub(super) fn update(text: &mut Arc<str>, new: &str) {
    if &**text != new {
        *text = new.into();
    }
}
