//! JoinGroup to a consumer group: a member of the classic protocol among others
//! (`classicGroupJoinToConsumerGroup`). It is answered at once; what it is to have comes with its sync.

use super::super::classic::join::Join;
use super::super::shard::Shard;
use super::super::{Effects, JoinReply, Reply, Settings, Timer, World};
use super::assign::Partitions;
use super::embedded::Subscription;
use super::heartbeat::update;
use super::plan::{Alarm, Plan};
use super::subscribe::Identity;
use super::work::{RegexChange, Work};
use super::{ClassicSide, Consumer, Member, Refusal};
use crate::wire::error::ErrorCode;
use std::sync::Arc;

/// From this version on a dynamic member is given its id first and joins with it then (KIP-394).
const ID_FIRST: i16 = 4;

impl Shard {
    pub(in super::super) fn classic_join(
        &mut self,
        world: &mut World<'_>,
        id: &str,
        join: &Join<'_>,
        effects: &mut Effects,
    ) {
        let Some(group) = self.consumer(id) else { return };
        match group.plan_join(join, world) {
            Ok((mut plan, reply)) => {
                plan.answer = Some((join.token, Reply::Join(reply)));
                self.carry_out(plan, world, effects);
            }
            Err(refusal) => {
                ::log::info!(
                    group:% = id, error:% = refusal.message;
                    "a classic member cannot join"
                );
                let reply = join.refused(refusal.code, &"".into());
                effects.reply(join.token, Reply::Join(reply));
            }
        }
    }
}

impl Consumer {
    fn plan_join(
        &self,
        join: &Join<'_>,
        world: &mut World<'_>,
    ) -> Result<(Plan, JoinReply), Refusal> {
        let settings = &world.settings.consumer;
        if !settings.upgrades && !settings.downgrades {
            return Err(inconsistent("group.consumer.migration.policy is disabled"));
        }
        let is_unknown = join.member_id.is_empty();
        let id: Arc<str> = match is_unknown {
            true => (world.new_id)().to_string().into(),
            false => join.member_id.clone(),
        };
        self.check_room(&id, settings.max_size)?;
        if !self.supports(join) {
            return Err(inconsistent("the members have no protocol in common"));
        }
        if is_unknown && join.instance_id.is_none() && join.caller.version >= ID_FIRST {
            let reply = JoinReply::failed(ErrorCode::MEMBER_ID_REQUIRED, id);
            return Ok((Plan::new(self.id.clone()), reply));
        }
        let metadata = join.protocols.first().map(|(_, metadata)| &**metadata);
        let subscription = metadata.and_then(Subscription::read).ok_or_else(|| {
            Refusal::new(ErrorCode::UNKNOWN_SERVER_ERROR, "its subscription cannot be read")
        })?;
        let work = Work { group: self, world, plan: Plan::new(self.id.clone()) };
        work.join(join, &id, &subscription)
    }

    /// Whether all classic members have one of its protocols.
    fn supports(&self, join: &Join<'_>) -> bool {
        let count = |name: &Arc<str>| self.classic_protocols.get(name).copied().unwrap_or(0);
        &*join.protocol_type == "consumer"
            && join.protocols.iter().any(|(name, _)| count(name) == self.classic_members)
    }

    /// Once a classic member has the name of a static one, only classic members are left.
    fn may_downgrade_with(&self, replaced: &Member, settings: &Settings) -> bool {
        replaced.classic.is_none()
            && self.classic_members + 1 == self.members.len()
            && settings.consumer.downgrades
            && self.members.len() <= settings.max_size
    }
}

fn inconsistent(why: &str) -> Refusal {
    Refusal::new(ErrorCode::INCONSISTENT_GROUP_PROTOCOL, why)
}

impl Work<'_, '_> {
    fn join(
        mut self,
        join: &Join<'_>,
        id: &Arc<str>,
        subscription: &Subscription,
    ) -> Result<(Plan, JoinReply), Refusal> {
        let group = self.group;
        let owned = subscription.partitions(self.world);
        let instance = join.instance_id.as_deref();
        let who = Identity {
            member: id,
            instance,
            epoch: -1,
            owned: None,
            joins: instance.is_none() || join.member_id.is_empty(),
            classic: true,
        };
        let before = self.subscribe(&who)?;
        let replaced = instance.and_then(|name| group.static_member(name));
        let downgrades =
            replaced.is_some_and(|known| group.may_downgrade_with(known, self.world.settings));
        let member = said(&before, join, subscription);
        let topics_changed = self.member_changed(&before, &member);
        let regex_changed = self.regex_changed(&before, &member)? != RegexChange::None;
        let bump = topics_changed || regex_changed;
        let epoch = match bump || self.must_look() {
            true => self.look(bump, &before, &member),
            false => group.epoch,
        };
        let member = if downgrades {
            self.join_and_downgrade(member, epoch, bump, &owned)?
        } else {
            let target = self.retarget(epoch, &before, &member)?;
            self.reconcile(member, &target, bump, Some(&owned))?
        };
        self.change_protocol(&before, &member);
        let names = || (group.id.clone(), member.id.clone());
        let ((a, b), (c, d), (e, f)) = (names(), names(), names());
        self.plan.alarms.push(Alarm::Cancel(Timer::Rejoin(a, b)));
        self.plan.alarms.push(Alarm::Set(Timer::Session(c, d), join.session_timeout));
        self.plan.alarms.push(Alarm::Set(Timer::Resync(e, f), join.rebalance_timeout));
        Ok((self.plan, joined(&member)))
    }

    /// The last member of the consumer protocol is replaced by a classic one.
    fn join_and_downgrade(
        &mut self,
        mut member: Member,
        epoch: i32,
        bump: bool,
        owned: &Partitions,
    ) -> Result<Member, Refusal> {
        let group = self.group;
        let rebalances = group.target_epoch < epoch;
        if !rebalances {
            let name = member.instance_id.as_ref();
            let owner = name.and_then(|name| group.static_members.get(name));
            let target = owner.map(|owner| group.target(owner)).unwrap_or_default();
            let target = (group.target_epoch, target);
            member = self.reconcile(member, &target, bump, Some(owned))?;
        }
        let reason = rebalances.then_some("its last consumer was replaced");
        let (plan, world) = (&mut self.plan, self.world);
        plan.resolve = false;
        group.downgrade(&[], Some(&member), reason, plan, world).ok_or_else(|| {
            let message = format!("Cannot downgrade the classic group {}.", group.id);
            Refusal::new(ErrorCode::GROUP_ID_NOT_FOUND, message)
        })?;
        Ok(member)
    }
}

/// A member with what its JoinGroup says. It has no expression.
fn said(before: &Member, join: &Join<'_>, subscription: &Subscription) -> Member {
    let mut member = before.clone();
    update(&mut member.client_id, join.caller.client_id);
    update(&mut member.client_host, join.caller.host);
    update(&mut member.regex, "");
    if let Some(instance) = &join.instance_id {
        member.instance_id = Some(instance.clone());
    }
    if let Some(rack) = &subscription.rack {
        member.rack_id = Some(rack.clone());
    }
    if join.rebalance_timeout != -1 {
        member.rebalance_timeout = join.rebalance_timeout;
    }
    if *member.topics != subscription.topics {
        member.topics = Arc::new(subscription.topics.clone());
    }
    let side =
        ClassicSide { session_timeout: join.session_timeout, protocols: join.protocols.clone() };
    member.classic = Some(Arc::new(side));
    member
}

fn joined(member: &Member) -> JoinReply {
    let protocol = member.classic.as_ref().and_then(|side| side.protocols.first());
    JoinReply {
        code: ErrorCode::NONE,
        generation: member.epoch,
        protocol_type: Some("consumer".into()),
        protocol: protocol.map(|(name, _)| name.clone()),
        leader: "".into(),
        skip_assignment: false,
        member_id: member.id.clone(),
        members: Vec::new(),
    }
}
