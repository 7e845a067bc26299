//! What a classic group's members take in memory, and what a join or a sync would add to it.

use super::super::room::{PENDING, names};
use super::join::Join;
use super::member::bytes_of;
use super::{Classic, Member};
use crate::wire::messages::sync_group::SyncGroupRequest;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The length of what follows a name in an id.
const UUID: usize = 37;

impl Classic {
    /// All that is counted, counted anew.
    pub(in super::super) fn weigh(&self) -> usize {
        let members = self.members.values().map(Member::bytes).sum::<usize>();
        let pending = self.pending_joins.iter().map(|id| id.len() + PENDING).sum::<usize>();
        members + pending + self.subscribed.as_ref().map_or(0, names)
    }

    /// An id is given out.
    pub(super) fn expect_join_of(&mut self, id: Arc<str>) {
        let bytes = id.len() + PENDING;
        if self.pending_joins.insert(id) {
            self.held.replace(0, bytes);
        }
    }

    /// An id is not waited for any more.
    pub(super) fn forget_pending(&mut self, id: &str) {
        if self.pending_joins.remove(id) {
            self.held.replace(id.len() + PENDING, 0);
        }
    }

    /// Gives each member what it is to have.
    pub(in super::super) fn assign(&mut self, mut given: impl FnMut(&Arc<str>) -> Arc<[u8]>) {
        for (id, member) in &mut self.members {
            let before = std::mem::replace(&mut member.assignment, given(id));
            self.held.replace(before.len(), member.assignment.len());
        }
    }

    /// The topics of all members are known, or not.
    pub(in super::super) fn subscribe_to(&mut self, topics: Option<BTreeSet<Arc<str>>>) {
        let before = std::mem::replace(&mut self.subscribed, topics);
        let bytes = |topics: &Option<BTreeSet<Arc<str>>>| topics.as_ref().map_or(0, names);
        self.held.replace(bytes(&before), bytes(&self.subscribed));
    }

    /// What it takes to let a join in: nothing for a member that brings no more than it has.
    pub(in super::super) fn growth_by(group: Option<&Classic>, join: &Join<'_>) -> usize {
        let named = join.instance_id.as_deref().unwrap_or(join.caller.client_id);
        if join.is_first_of_two() {
            return named.len() + UUID + PENDING;
        }
        let instance = join.instance_id.as_ref();
        let known = group.and_then(|group| {
            let by_name = instance.and_then(|name| group.static_members.get(name));
            group.members.get(by_name.unwrap_or(&join.member_id))
        });
        match known {
            Some(member) => bytes_of(&join.protocols).saturating_sub(bytes_of(&member.protocols)),
            None => join.bytes().max(named.len() + UUID),
        }
    }

    /// What it takes to take over what the leader assigns; what others send is not looked at.
    pub(super) fn growth_by_sync(&self, request: &SyncGroupRequest<'_>) -> usize {
        if !self.is_leader(request.member_id) {
            return 0;
        }
        let given: usize = request.assignments.iter().map(|one| one.assignment.len()).sum();
        let has: usize = self.members.values().map(|member| member.assignment.len()).sum();
        given.saturating_sub(has)
    }
}
