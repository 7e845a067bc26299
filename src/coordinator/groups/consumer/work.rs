//! What a member's report changes: its own record, the group's epoch, the targets, what it has.
//!
//! All of it is worked out against the group as it is; only the replay of the records changes it.

use super::super::{Timer, World};
use super::assign::Partitions;
use super::plan::{Alarm, Plan};
use super::reconcile::Reconcile;
use super::{Consumer, Member, MemberState, Refusal, Wishes, hash, records, regex};
use crate::wire::uuid::Uuid;
use std::sync::Arc;

/// Expressions are looked up at most this often: topics come in bursts.
const REGEX_PAUSE: i64 = 10_000;
/// And at least this often (Kafka's `group.consumer.regex.refresh.interval.ms`, which is internal).
const REGEX_REFRESH: i64 = 10 * 60 * 1000;
/// The most expressions of a group: all are looked up at once, by whom others wait for.
const MOST_REGEXES: usize = 1000;

/// What became of a member's expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RegexChange {
    None,
    /// It has another one, which has not been looked up yet.
    Changed,
    /// It has another one, and what that stands for is known.
    Known,
}

/// See the module's comment.
pub(super) struct Work<'a, 'w> {
    pub(super) group: &'a Consumer,
    pub(super) world: &'a World<'w>,
    pub(super) plan: Plan,
}

impl Plan {
    /// A member is not there any more.
    pub(super) fn forget(&mut self, member: &Arc<str>) {
        let timers = [Timer::Session, Timer::Revoke, Timer::Rejoin, Timer::Resync];
        let each = timers.into_iter().map(|timer| timer(self.group.clone(), member.clone()));
        self.alarms.extend(each.map(Alarm::Cancel));
    }
}

impl Work<'_, '_> {
    /// Writes down what a member says of itself; whether it names other topics.
    pub(super) fn member_changed(&mut self, old: &Member, new: &Member) -> bool {
        if new == old {
            return false;
        }
        self.plan.records.push(records::member(&self.group.id, new));
        new.topics != old.topics
    }

    /// Notices another expression, and when the group's are to be looked up
    /// (`maybeUpdateRegularExpressions`).
    pub(super) fn regex_changed(
        &mut self,
        old: &Member,
        new: &Member,
    ) -> Result<RegexChange, Refusal> {
        let group = self.group;
        let (mut change, mut needed) = (RegexChange::None, false);
        if old.regex != new.regex {
            change = RegexChange::Changed;
            if old.pattern().is_some_and(|regex| group.wishes.members_with(regex) == 1) {
                self.plan.records.push(records::no_regex(&group.id, &old.regex));
            }
            match new.pattern() {
                Some(regex) if group.wishes.members_with(regex) == 0 => {
                    self.check_regex(regex)?;
                    needed = true;
                }
                Some(regex) if !group.regexes.contains_key(regex) => {}
                _ => change = RegexChange::Known,
            }
        }
        self.plan.resolve = self.must_resolve(old, new, needed);
        Ok(change)
    }

    fn check_regex(&self, pattern: &str) -> Result<(), Refusal> {
        if self.group.wishes.patterns().len() >= MOST_REGEXES {
            let message = format!("A group has at most {MOST_REGEXES} regular expressions.");
            let code = crate::wire::error::ErrorCode::INVALID_REGULAR_EXPRESSION;
            return Err(Refusal::new(code, message));
        }
        regex::check(pattern)
    }

    fn must_resolve(&self, old: &Member, new: &Member, needed: bool) -> bool {
        let group = self.group;
        if group.looks_up || !needed && group.wishes.patterns().len() == 0 {
            return false;
        }
        let last = group.regexes.values().next().map_or(i64::MIN, |resolved| resolved.time);
        let now = self.world.now_ms;
        if now <= last.saturating_add(REGEX_PAUSE) {
            return false;
        }
        let patterns = match old.regex == new.regex {
            true => group.wishes.patterns().len(),
            false => self.wishes_with(old, new).patterns().len(),
        };
        let needed = needed
            || patterns != group.regexes.len()
            || group.resolved_at != Some(self.world.topics.version())
            || now > last.saturating_add(REGEX_REFRESH);
        needed && patterns > 0
    }

    /// What the group wants when a member has become another.
    pub(super) fn wishes_with(&self, old: &Member, new: &Member) -> Wishes {
        let mut wishes = self.group.wishes.clone();
        wishes.replace(Some(old), Some(new));
        let is_last = |regex: &&Arc<str>| {
            Some(*regex) != new.pattern() && self.group.wishes.members_with(regex) == 1
        };
        if let Some(regex) = old.pattern().filter(is_last) {
            wishes.resolve(self.group.regexes.get(regex), None);
        }
        wishes
    }

    /// How many members the group has with this one.
    pub(super) fn count_with(&self, new: &Member) -> usize {
        let group = self.group;
        let is_known = group.members.contains_key(&new.id)
            || new.instance_id.as_ref().is_some_and(|name| group.static_members.contains_key(name));
        group.members.len() + usize::from(!is_known)
    }

    /// A member that was there has come with the other protocol: what it had time for in the old one
    /// it has no more time for, and in the new one its time begins.
    pub(super) fn change_protocol(&mut self, before: &Member, member: &Member) {
        if before.classic.is_some() == member.classic.is_some() {
            return;
        }
        let timer = |timer: fn(Arc<str>, Arc<str>) -> Timer| {
            timer(self.group.id.clone(), member.id.clone())
        };
        let revoke = match (&member.classic, member.state) {
            (None, MemberState::Unrevoked) => {
                Alarm::Set(timer(Timer::Revoke), member.rebalance_timeout)
            }
            _ => Alarm::Cancel(timer(Timer::Revoke)),
        };
        let classic = [Timer::Rejoin, Timer::Resync].map(timer).map(Alarm::Cancel);
        self.plan.alarms.extend(classic.into_iter().chain([revoke]));
    }

    /// Whether the topics must be looked at: they may have changed.
    pub(super) fn must_look(&self) -> bool {
        self.group.looked != Some(self.world.topics.version())
    }

    /// Looks at the group's topics; the group's epoch from now on (`updateSubscriptionMetadata`).
    pub(super) fn look(&mut self, bump: bool, old: &Member, new: &Member) -> i32 {
        let group = self.group;
        let wishes = self.wishes_with(old, new);
        let hash = hash::of_group(&wishes, self.world);
        let mut epoch = group.epoch;
        if bump || hash != group.metadata_hash {
            epoch = epoch.saturating_add(1);
            self.plan.records.push(records::epoch(&group.id, epoch, hash));
            ::log::info!(group:% = group.id, epoch; "group has a new epoch");
        }
        self.plan.looked = Some(self.world.topics.version());
        if group.has_obsolete_record {
            self.plan.records.push(records::no_obsolete(&group.id));
        }
        epoch
    }

    /// Brings a member nearer to its target (`maybeReconcile`).
    pub(super) fn reconcile(
        &mut self,
        member: Member,
        target: &(i32, Arc<Partitions>),
        has_changed: bool,
        owned: Option<&Partitions>,
    ) -> Result<Member, Refusal> {
        let (target_epoch, target) = target;
        if !has_changed && member.is_at(*target_epoch) {
            return Ok(member);
        }
        let resolved = member.pattern().and_then(|regex| self.group.regexes.get(regex));
        let resolved = resolved.map(|resolved| resolved.topics.clone()).unwrap_or_default();
        let wants = |topic: Uuid| {
            let name = self.world.topics.name(topic);
            name.is_some_and(|name| member.topics.contains(&name) || resolved.contains(&name))
        };
        let reconcile = Reconcile {
            target_epoch: *target_epoch,
            target,
            has_changed,
            wants_nothing: member.topics.is_empty() && resolved.is_empty(),
            wants: &wants,
            owned,
            is_held: &|topic, partition| self.group.owners.contains_key(&(topic, partition)),
        };
        let next = reconcile.next(&member)?;
        if next != member {
            self.plan.records.push(records::current(&self.group.id, &next));
            if next.classic.is_none() {
                let timer = Timer::Revoke(self.group.id.clone(), next.id.clone());
                self.plan.alarms.push(match next.state {
                    MemberState::Unrevoked => Alarm::Set(timer, next.rebalance_timeout),
                    _ => Alarm::Cancel(timer),
                });
            }
        }
        Ok(next)
    }
}
