//! Looking a group's expressions up in the catalog: asked for by an event, done by somebody who has the
//! time, and brought back by another event (`TopicRegexResolver`, `handleRegularExpressionsResult`).
//!
//! It can take long, so it is done by nobody whom others wait for. A group has one at a time on its way;
//! what has changed meanwhile is found by the next one.

use super::super::shard::{Group, Shard};
use super::super::{Effects, TopicsView, World};
use super::plan::Plan;
use super::regex::{self, Names};
use super::{Consumer, Resolved, hash, records};
use std::sync::Arc;

/// What is to be looked up.
#[derive(Debug)]
pub struct Lookup {
    group: Arc<str>,
    patterns: Vec<Arc<str>>,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    group: Arc<str>,
    /// Or why nothing can be.
    regexes: Vec<(Arc<str>, Result<Names, String>)>,
    /// In this catalog.
    version: u64,
    time: i64,
}

impl Lookup {
    /// The group that asks.
    pub fn group(&self) -> &Arc<str> {
        &self.group
    }

    /// Takes time in proportion to the topics and the expressions; `None` if it was given up.
    pub fn run(
        self,
        topics: &dyn TopicsView,
        now_ms: i64,
        give_up: &dyn Fn() -> bool,
    ) -> Option<Found> {
        // Before the names, so that one that comes in between is looked for again.
        let version = topics.version();
        let mut regexes = Vec::with_capacity(self.patterns.len());
        // One after the other: together they may take more memory than there is.
        for pattern in self.patterns {
            let found = regex::resolve(&pattern, topics, give_up)?;
            regexes.push((pattern, found));
        }
        Some(Found { group: self.group, regexes, version, time: now_ms })
    }
}

impl Consumer {
    /// All expressions of the group, unless they are being looked up.
    pub(super) fn look_up(&mut self) -> Option<Lookup> {
        if std::mem::replace(&mut self.looks_up, true) {
            return None;
        }
        let patterns = self.wishes.patterns().cloned().collect();
        Some(Lookup { group: self.id.clone(), patterns })
    }

    /// Takes over what was found; the group's epoch goes on if members have other topics because of it.
    fn found(&self, found: Found, world: &World<'_>) -> Plan {
        let mut plan = Plan::new(self.id.clone());
        plan.resolved_at = Some(found.version);
        let mut wishes = self.wishes.clone();
        let mut bump = false;
        let version = i64::try_from(found.version).unwrap_or(i64::MAX);
        for (pattern, topics) in found.regexes {
            if self.wishes.members_with(&pattern) == 0 {
                continue;
            }
            let old = self.regexes.get(&pattern);
            let topics = topics.unwrap_or_else(|why| self.kept(&pattern, old, &why));
            let new = Resolved { topics, version, time: found.time };
            if old.map_or(!new.topics.is_empty(), |old| old.topics != new.topics) {
                bump = true;
                wishes.resolve(old, Some(&new));
            }
            // Kafka leaves a member that has turned to an expression of nothing its old target, and the
            // partitions in it to nobody, where others still want their topics.
            bump |= old.is_none() && self.is_to_have_more(&pattern, &new, world);
            plan.records.push(records::regex(&self.id, &pattern, &new));
        }
        let hash = hash::of_group(&wishes, world);
        if bump || hash != self.metadata_hash {
            let epoch = self.epoch.saturating_add(1);
            plan.records.push(records::epoch(&self.id, epoch, hash));
            plan.looked = Some(world.topics.version());
        }
        plan
    }

    /// What an expression of another broker's, which cannot be compiled here, goes on to stand for.
    fn kept(&self, pattern: &str, old: Option<&Resolved>, why: &str) -> Names {
        ::log::warn!(
            group:% = self.id, pattern:% = format_args!("{pattern:.100}"), error:% = why;
            "a regular expression stands for the topics that it stood for, and for no new ones"
        );
        old.map(|old| old.topics.clone()).unwrap_or_default()
    }

    /// Whether a member with an expression has topics in its target that it does not want any more.
    fn is_to_have_more(&self, pattern: &Arc<str>, new: &Resolved, world: &World<'_>) -> bool {
        let with_it = self.members.values().filter(|member| member.pattern() == Some(pattern));
        let is_too_much = |(member, topic)| -> bool {
            let member: &super::Member = member;
            let name = world.topics.name(topic);
            name.is_some_and(|name| !member.topics.contains(&name) && !new.topics.contains(&name))
        };
        let mut targets = with_it
            .filter_map(|member| Some((member, self.targets.get(&member.id)?)))
            .flat_map(|(member, target)| target.keys().map(move |topic| (member, *topic)));
        targets.any(is_too_much)
    }
}

impl Shard {
    /// A lookup has come back. One of a group that is another one by now changes nothing.
    pub fn looked_up(&mut self, world: &mut World<'_>, found: Found, effects: &mut Effects) {
        let Some(Group::Consumer(group)) = self.groups.get_mut(&found.group) else { return };
        group.looks_up = false;
        let plan = group.found(found, world);
        self.carry_out(plan, world, effects);
    }

    /// A lookup could not be made: the next heartbeat asks for it again.
    pub fn not_looked_up(&mut self, group: &str) {
        if let Some(Group::Consumer(group)) = self.groups.get_mut(group) {
            group.looks_up = false;
        }
    }
}
