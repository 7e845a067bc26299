//! What everybody is to have: computed anew when the group's epoch has gone on
//! (`maybeUpdateTargetAssignment`, `TargetAssignmentBuilder`).

use super::assign::{Assignor, Candidate, Partitions, Request, assign};
use super::work::Work;
use super::{Member, Refusal, records};
use crate::wire::error::ErrorCode;
use crate::wire::uuid::Uuid;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

impl Work<'_, '_> {
    /// The epoch of the targets and what a member is to have. Within
    /// `group.consumer.assignment.interval.ms` of the last ones those stay.
    pub(super) fn retarget(
        &mut self,
        epoch: i32,
        old: &Member,
        new: &Member,
    ) -> Result<(i32, Arc<Partitions>), Refusal> {
        let group = self.group;
        let interval = self.world.settings.consumer.assignment_interval(&group.id);
        let is_early = group.target_time != 0
            && interval != 0
            && self.world.now_ms < group.target_time.saturating_add(interval);
        if group.target_epoch >= epoch || is_early {
            let owner = match &new.instance_id {
                None => Some(&new.id),
                Some(name) => group.static_members.get(name),
            };
            let target = owner.map(|owner| group.target(owner)).unwrap_or_default();
            return Ok((group.target_epoch, target));
        }
        // A topic that goes meanwhile is there for all of this or for nothing of it.
        let mut topics = HashMap::new();
        let members = self.candidates(new, &mut topics);
        let request = Request {
            members: &members,
            // Kafka counts without a newcomer that wants nothing, and with the topics of an expression
            // that a member has given up: it gives them what the others want.
            subscription: self.wishes_with(old, new).kind(self.count_with(new)),
            is_assigned: &|topic, partition| group.targeted.contains_key(&(topic, partition)),
            partitions: &|topic| topics.get(&topic).copied(),
        };
        let mut targets = assign(self.assignor(old, new), &request).map_err(|error| {
            let message =
                format!("Failed to compute a new target assignment for epoch {epoch}: {error}");
            ::log::error!(
                group:% = group.id, epoch, error:%;
                "cannot compute a new target assignment"
            );
            Refusal::new(ErrorCode::UNKNOWN_SERVER_ERROR, message)
        })?;
        let mut own = Arc::default();
        for member in &members {
            let target = targets.remove(&member.id).unwrap_or_default();
            if group.targets.get(&member.id) != Some(&target) {
                self.plan.records.push(records::target(&group.id, &member.id, &target));
            }
            if member.id == new.id {
                own = target;
            }
        }
        let now = self.world.now_ms;
        self.plan.records.push(records::target_epoch(&group.id, epoch, now));
        Ok((epoch, own))
    }

    /// The one that most members would like, else the first one of the settings.
    fn assignor(&self, old: &Member, new: &Member) -> Assignor {
        let known = &self.world.settings.consumer.assignors;
        let preferred = self.group.preferred_assignor(Some(old), Some(new));
        let chosen = preferred.and_then(|name| known.iter().find(|(known, _)| *known == name));
        chosen.or(known.first()).map_or(Assignor::Uniform, |(_, assignor)| *assignor)
    }

    /// All members, one of them as it is from now on, in the order of their ids.
    fn candidates(&self, new: &Member, known: &mut HashMap<Uuid, i32>) -> Vec<Candidate> {
        let group = self.group;
        let before = new.instance_id.as_ref().and_then(|name| group.static_members.get(name));
        let mut members: BTreeMap<&Arc<str>, &Member> = group.members.iter().collect();
        if let Some(before) = before {
            members.remove(before);
        }
        members.insert(&new.id, new);
        let mut last: Option<(&Member, Arc<BTreeSet<Uuid>>)> = None;
        let mut candidates = Vec::with_capacity(members.len());
        for member in members.into_values() {
            let topics = match &last {
                // Most groups want the same for all their members.
                Some((other, topics)) if wants_the_same(other, member) => topics.clone(),
                _ => Arc::new(self.topics_of(member, known)),
            };
            last = Some((member, topics.clone()));
            let owner = if member.id == new.id { before.unwrap_or(&new.id) } else { &member.id };
            candidates.push(Candidate {
                id: member.id.clone(),
                instance_id: member.instance_id.clone(),
                topics,
                assigned: group.target(owner),
            });
        }
        candidates
    }

    /// The topics that a member wants, of those that there are; notes how many partitions they have.
    fn topics_of(&self, member: &Member, known: &mut HashMap<Uuid, i32>) -> BTreeSet<Uuid> {
        let resolved = member.pattern().and_then(|regex| self.group.regexes.get(regex));
        let resolved = resolved.iter().flat_map(|resolved| resolved.topics.iter());
        let names = member.topics.iter().chain(resolved);
        let topics = names.filter_map(|name| self.world.topics.id(name));
        let count = |id: &Uuid| match known.entry(*id) {
            Entry::Occupied(_) => true,
            Entry::Vacant(place) => {
                self.world.topics.partitions(*id).map(|count| place.insert(count)).is_some()
            }
        };
        topics.filter(count).collect()
    }
}

fn wants_the_same(one: &Member, other: &Member) -> bool {
    one.topics == other.topics && one.regex == other.regex
}
