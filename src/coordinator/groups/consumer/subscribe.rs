//! Who a request is from: a member that is there, one that is new, or a static member that comes back
//! under a new id (`getOrMaybeSubscribe…ConsumerGroupMember`).

use super::assign::Partitions;
use super::member::LEAVES_FOR_NOW;
use super::reply::unknown_member;
use super::work::Work;
use super::{Member, Refusal, records};
use crate::wire::error::ErrorCode;
use std::sync::Arc;

/// A member as its request says who it is.
pub(super) struct Identity<'a> {
    pub(super) member: &'a Arc<str>,
    pub(super) instance: Option<&'a str>,
    pub(super) epoch: i32,
    /// The partitions that it says it has.
    pub(super) owned: Option<&'a Partitions>,
    /// It may be new.
    pub(super) joins: bool,
    /// It speaks the classic protocol.
    pub(super) classic: bool,
}

impl Work<'_, '_> {
    /// The member of a request as it is so far.
    pub(super) fn subscribe(&mut self, who: &Identity<'_>) -> Result<Member, Refusal> {
        match who.instance {
            None => self.dynamic(who),
            Some(instance) => self.named(who, instance),
        }
    }

    fn dynamic(&self, who: &Identity<'_>) -> Result<Member, Refusal> {
        let member = match self.group.members.get(who.member) {
            Some(member) => member.clone(),
            None if who.joins => Member::new(who.member.clone()),
            None => return Err(unknown_member(who.member, &self.group.id)),
        };
        check_epoch(&member, who)?;
        Ok(member)
    }

    fn named(&mut self, who: &Identity<'_>, instance: &str) -> Result<Member, Refusal> {
        let known = self.group.static_member(instance);
        if !who.joins {
            let known = known.ok_or_else(|| unknown_instance(instance))?;
            check_instance(known, who.member, instance)?;
            check_epoch(known, who)?;
            return Ok(known.clone());
        }
        let Some(known) = known else {
            let known = self.group.members.get(who.member).cloned();
            return Ok(known.unwrap_or_else(|| Member::new(who.member.clone())));
        };
        let by_new_protocol = !who.classic && known.classic.is_none();
        if by_new_protocol && known.epoch != LEAVES_FOR_NOW {
            let message = format!(
                "Static member {} with instance id {instance} cannot join the group because the \
                 instance id is owned by {} member.",
                who.member, known.id
            );
            return Err(Refusal::new(ErrorCode::UNRELEASED_INSTANCE_ID, message));
        }
        Ok(self.replace(&known.clone(), who.member))
    }

    /// The new id takes over all that the old one was and had.
    fn replace(&mut self, old: &Member, id: &Arc<str>) -> Member {
        let group = &self.group.id;
        let new = Member { id: id.clone(), epoch: 0, previous_epoch: 0, ..old.clone() };
        ::log::info!(group:%, old:% = old.id, member:% = id; "a static member is back");
        let target = self.group.target(&old.id);
        self.plan.records.extend(records::no_member(group, &old.id));
        self.plan.records.push(records::member(group, &new));
        self.plan.records.push(records::target(group, id, &target));
        self.plan.records.push(records::current(group, &new));
        if old.id != *id {
            self.plan.forget(&old.id);
        }
        new
    }
}

pub(super) fn unknown_instance(instance: &str) -> Refusal {
    Refusal::new(ErrorCode::UNKNOWN_MEMBER_ID, format!("Instance id {instance} is unknown."))
}

pub(super) fn check_instance(known: &Member, id: &str, instance: &str) -> Result<(), Refusal> {
    if &*known.id == id {
        return Ok(());
    }
    let message = format!(
        "Static member {id} with instance id {instance} was fenced by member {}.",
        known.id
    );
    Err(Refusal::new(ErrorCode::FENCED_INSTANCE_ID, message))
}

/// The epoch must be the member's; the one before will do if the answer may have been lost.
fn check_epoch(member: &Member, who: &Identity<'_>) -> Result<(), Refusal> {
    let epoch = who.epoch;
    // Whoever has been fenced comes back with epoch 0.
    if who.classic || epoch == 0 || epoch == member.epoch {
        return Ok(());
    }
    let has_only_its_own = who.owned.is_some_and(|owned| {
        owned.iter().all(|(topic, list)| {
            let assigned = member.assigned.get(topic);
            assigned.is_some_and(|some| list.iter().all(|partition| some.contains_key(partition)))
        })
    });
    if epoch < member.epoch && epoch == member.previous_epoch && has_only_its_own {
        return Ok(());
    }
    let which = if epoch > member.epoch { "greater" } else { "smaller" };
    let message = format!(
        "The consumer group member has a {which} member epoch ({epoch}) than the one known by the \
         group coordinator ({}). The member must abandon all its partitions and rejoin.",
        member.epoch
    );
    Err(Refusal::new(ErrorCode::FENCED_MEMBER_EPOCH, message))
}
