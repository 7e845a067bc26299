//! What must hold of a classic group between any two events. For simulations and debug builds.

use super::super::{Timer, Timers};
use super::member::named_once;
use super::{Classic, State};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Classic {
    /// Panics where a law is broken, saying which.
    pub(in super::super) fn check(&self, timers: &Timers) {
        let id = &self.id;
        let joined = self.members.values().filter(|member| member.join.is_some()).count();
        assert_eq!(self.joined, joined, "{id}: joins are counted");
        let mut supported = BTreeMap::new();
        for name in self.members.values().flat_map(|member| named_once(&member.protocols)) {
            *supported.entry(name.clone()).or_default() += 1;
        }
        assert_eq!(self.supported, supported, "{id}: offers are counted");
        for (name, member) in &self.static_members {
            let known = self.members.get(member).and_then(|member| member.instance_id.as_ref());
            assert_eq!(known, Some(name), "{id}: a static member is there under its name");
        }
        let named = self.members.values().filter(|member| member.instance_id.is_some()).count();
        assert_eq!(named, self.static_members.len(), "{id}: all static members are listed");
        if let Some(leader) = &self.leader {
            assert!(self.members.contains_key(leader), "{id}: the leader is a member");
        }
        assert_eq!(self.members.is_empty(), self.leader.is_none(), "{id}: members have a leader");
        self.check_state();
        self.check_timers(timers);
    }

    fn check_state(&self) {
        let id = &self.id;
        let syncs = self.members.values().any(|member| member.sync.is_some());
        match self.state {
            State::Empty => assert!(self.members.is_empty(), "{id}: an empty group is empty"),
            State::PreparingRebalance => assert!(!syncs, "{id}: nobody syncs before the join ends"),
            State::CompletingRebalance => {
                assert_eq!(self.joined, 0, "{id}: joins are answered when the phase ends");
                assert!(self.protocol.is_some(), "{id}: a protocol was chosen");
            }
            State::Stable => {
                assert!(!syncs && self.joined == 0, "{id}: nobody waits in a stable group");
            }
        }
        for member in &self.pending_syncs {
            assert!(self.members.contains_key(member), "{id}: who is to sync is a member");
        }
        for member in &self.pending_joins {
            assert!(!self.members.contains_key(member), "{id}: who is to join is no member yet");
        }
    }

    fn check_timers(&self, timers: &Timers) {
        let id = &self.id;
        let heartbeat = |member| Timer::Heartbeat(id.clone(), member);
        for member in self.members.values() {
            let is_set = timers.is_set(&heartbeat(member.id.clone()));
            assert_eq!(member.alarm.is_some(), is_set, "{id}: {} knows its timer", member.id);
            let in_time = member.alarm.is_some_and(|alarm| alarm <= member.expected);
            assert!(
                member.is_excused() || in_time,
                "{id}: {} is expected to be heard of",
                member.id
            );
        }
        for member in &self.pending_joins {
            assert!(timers.is_set(&heartbeat(member.clone())), "{id}: {member} has its time");
        }
        let joins = timers.is_set(&Timer::Join(id.clone()));
        assert_eq!(
            joins,
            self.state == State::PreparingRebalance,
            "{id}: the join phase has a time"
        );
        if self.state == State::CompletingRebalance {
            assert!(timers.is_set(&Timer::Sync(id.clone())), "{id}: the sync phase has a time");
        }
    }

    /// All timers that may be set for this group.
    pub(in super::super) fn timers(&self) -> Vec<Timer> {
        let members = self.members.keys().chain(&self.pending_joins);
        let heartbeat = |member: &Arc<str>| Timer::Heartbeat(self.id.clone(), member.clone());
        let phases = [Timer::Join(self.id.clone()), Timer::Sync(self.id.clone())];
        members.map(heartbeat).chain(phases).collect()
    }

    /// Whether a timer of this group has a purpose.
    pub(in super::super) fn needs(&self, timer: &Timer) -> bool {
        match timer {
            Timer::Heartbeat(_, member) => {
                self.members.contains_key(member) || self.pending_joins.contains(member)
            }
            Timer::Join(_) => self.state == State::PreparingRebalance,
            Timer::Sync(_) => !self.pending_syncs.is_empty(),
            _ => false,
        }
    }
}
