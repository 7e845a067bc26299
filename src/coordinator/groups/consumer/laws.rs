//! What must hold of a consumer group between any two events. For simulations and debug builds.

use super::super::{Timer, Timers};
use super::{Consumer, Wishes};
use std::collections::HashMap;

impl Consumer {
    /// Panics where a law is broken, saying which.
    pub(in super::super) fn check(&self, timers: &Timers) {
        self.check_partitions();
        self.check_members(timers);
        self.check_derived();
    }

    /// A partition has one owner, and those who have it are within what is written.
    fn check_partitions(&self) {
        let id = &self.id;
        let mut owners = HashMap::new();
        for member in self.members.values() {
            for held in member.holds() {
                let other = owners.insert(held, member.id.clone());
                assert_eq!(other, None, "{id}: {held:?} has one owner, {} too", member.id);
            }
        }
        assert_eq!(owners, self.owners, "{id}: owners are known");
        let mut targeted = HashMap::new();
        for (member, target) in &self.targets {
            for (topic, list) in target.iter() {
                for partition in list {
                    let other = targeted.insert((*topic, *partition), member.clone());
                    assert_eq!(other, None, "{id}: {topic}-{partition} is to have one owner");
                }
            }
        }
        assert_eq!(targeted, self.targeted, "{id}: targets are known");
    }

    fn check_members(&self, timers: &Timers) {
        let id = &self.id;
        for member in self.members.values() {
            assert!(member.epoch <= self.epoch.max(1), "{id}: {} is ahead of all", member.id);
            let session = Timer::Session(id.clone(), member.id.clone());
            assert!(timers.is_set(&session), "{id}: {} is expected to be heard of", member.id);
            let revoke = Timer::Revoke(id.clone(), member.id.clone());
            assert_eq!(
                timers.is_set(&revoke),
                self.needs(&revoke),
                "{id}: {} has a time to give partitions back",
                member.id
            );
            if let Some(instance) = &member.instance_id {
                assert_eq!(self.static_members.get(instance), Some(&member.id), "{id}: {instance}");
            }
        }
        let named = self.members.values().filter(|member| member.instance_id.is_some()).count();
        assert_eq!(named, self.static_members.len(), "{id}: no name is anybody's who has gone");
        for member in self.targets.keys() {
            assert!(self.members.contains_key(member), "{id}: {member} is to have something");
        }
        assert!(self.target_epoch <= self.epoch, "{id}: targets are for an epoch that was");
    }

    /// What follows from the members does.
    fn check_derived(&self) {
        let mut wishes = Wishes::default();
        self.members.values().for_each(|member| wishes.replace(None, Some(member)));
        self.regexes.values().for_each(|resolved| wishes.resolve(None, Some(resolved)));
        assert_eq!(wishes, self.wishes, "{}: wishes are counted", self.id);
        for regex in self.regexes.keys() {
            assert!(wishes.members_with(regex) > 0, "{}: {regex} is somebody's", self.id);
        }
        let classic = self.members.values().filter(|member| member.classic.is_some()).count();
        assert_eq!(classic, self.classic_members, "{}: classic members are counted", self.id);
    }
}
