//! What a request or a timer comes to: records, and what follows when they are written.

use super::super::classic::{self, Classic};
use super::super::effects::Then;
use super::super::shard::{Group, Shard};
use super::super::{AppendOutcome, Effects, Record, Reply, Timer, Token, World};
use super::{Consumer, MemberState};
use std::sync::Arc;

/// How long after a timer could not do its work it fires again, in milliseconds.
const RETRY: i64 = 500;

/// A timer that is set or taken back once the records are written.
#[derive(Debug)]
pub(super) enum Alarm {
    /// In so many milliseconds from then on.
    Set(Timer, i32),
    /// The same, unless it is set.
    SetIfAbsent(Timer, i32),
    Cancel(Timer),
}

/// See the module's comment. Nothing of it is in force before the records are written.
#[derive(Debug)]
pub(in super::super) struct Plan {
    pub(super) group: Arc<str>,
    pub(super) records: Vec<Record>,
    pub(super) alarms: Vec<Alarm>,
    /// What its members are to have is out of date, whoever comes: its epoch must go on.
    pub(super) overdue: bool,
    /// The timer that brought it: it fires again if nothing can be written down.
    pub(super) fired: Option<Timer>,
    /// The catalog that the group's topics were looked at in.
    pub(super) looked: Option<u64>,
    /// The group's expressions are to be looked up then.
    pub(super) resolve: bool,
    /// The catalog that they were looked up in.
    pub(super) resolved_at: Option<u64>,
    pub(super) answer: Option<(Token, Reply)>,
    /// Who else is answered if it is in force.
    pub(super) released: Vec<(Token, Reply)>,
    /// The group is a classic one then; and why it rebalances, if it does.
    pub(super) classic: Option<(Box<Classic>, Option<&'static str>)>,
}

impl Plan {
    pub(super) fn new(group: Arc<str>) -> Plan {
        Plan {
            group,
            records: Vec::new(),
            alarms: Vec::new(),
            overdue: false,
            fired: None,
            looked: None,
            resolve: false,
            resolved_at: None,
            answer: None,
            released: Vec::new(),
            classic: None,
        }
    }

    pub(in super::super) fn group(&self) -> &Arc<str> {
        &self.group
    }
}

impl Shard {
    /// Has the records of a plan appended; without any it is in force at once.
    pub(super) fn carry_out(
        &mut self,
        mut plan: Plan,
        world: &mut World<'_>,
        effects: &mut Effects,
    ) {
        let records = std::mem::take(&mut plan.records);
        match records.is_empty() {
            true => planned(self, plan, world, effects, Ok(())),
            false => effects.append(records, Then::Consumer(Box::new(plan))),
        }
    }

    pub(super) fn consumer(&self, id: &str) -> Option<&Consumer> {
        match self.groups.get(id)? {
            Group::Consumer(group) => Some(group),
            Group::Classic(_) | Group::Foreign(_) => None,
        }
    }
}

/// The records were written and replayed, or not.
pub(in super::super) fn planned(
    shard: &mut Shard,
    plan: Plan,
    world: &mut World<'_>,
    effects: &mut Effects,
    outcome: AppendOutcome,
) {
    if let Some((to, reply)) = plan.answer {
        let reply = match outcome {
            Ok(()) => reply,
            Err(code) => reply.failed(code),
        };
        effects.reply(to, reply);
    }
    for alarm in plan.alarms {
        shard.apply(alarm, world, outcome.is_ok());
    }
    if outcome.is_err() {
        plan.fired.into_iter().for_each(|timer| shard.fire_again(timer, world));
        return;
    }
    effects.replies.extend(plan.released);
    if let Some((group, rebalance)) = plan.classic {
        return classic::converted(shard, group, rebalance, world, effects);
    }
    let Some(Group::Consumer(group)) = shard.groups.get_mut(&plan.group) else { return };
    group.looked = plan.looked.or(group.looked);
    group.resolved_at = plan.resolved_at.or(group.resolved_at);
    if plan.resolve {
        effects.lookups.extend(group.look_up());
    }
}

impl Shard {
    /// A member that is to go stays only until its end can be written down (`CoordinatorTimerImpl`).
    fn fire_again(&mut self, timer: Timer, world: &World<'_>) {
        let group = timer.group().and_then(|id| self.consumer(id));
        if group.is_some_and(|group| group.needs(&timer)) {
            self.timers.set(timer, world.tick_ms.saturating_add(RETRY));
        }
    }

    /// Where the records were not written, the members that are there were still heard of.
    fn apply(&mut self, alarm: Alarm, world: &World<'_>, written: bool) {
        let (timer, after) = match alarm {
            Alarm::Cancel(timer) if written => return self.timers.cancel(&timer),
            Alarm::Set(timer @ Timer::Session(..), after) => (timer, after),
            Alarm::Set(timer, after) if written => (timer, after),
            Alarm::SetIfAbsent(timer, after) if written && !self.timers.is_set(&timer) => {
                (timer, after)
            }
            _ => return,
        };
        let group = timer.group().and_then(|id| self.consumer(id));
        if group.is_some_and(|group| group.needs(&timer)) {
            let deadline = world.tick_ms.saturating_add(i64::from(after.max(0)));
            self.timers.set(timer, deadline);
        }
    }
}

impl Consumer {
    /// Whether a timer of this group has a purpose.
    pub(in super::super) fn needs(&self, timer: &Timer) -> bool {
        match timer {
            Timer::Session(_, member) => self.members.contains_key(member),
            Timer::Revoke(_, member) => self.members.get(member).is_some_and(|member| {
                member.state == MemberState::Unrevoked
                    && member.epoch >= 0
                    && member.classic.is_none()
            }),
            Timer::Rejoin(_, member) | Timer::Resync(_, member) => {
                self.members.get(member).is_some_and(|member| member.classic.is_some())
            }
            _ => false,
        }
    }
}
