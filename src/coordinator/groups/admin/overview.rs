//! Groups of either protocol in the same words, for who only wants to look at them.

use super::super::Settings;
use super::super::shard::{Group, Shard};
use super::super::world::TopicsView;
use super::super::{classic, consumer};
use std::sync::Arc;

/// A group, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted<'s> {
    /// Its name.
    pub id: &'s Arc<str>,
    /// The name of its state.
    pub state: &'static str,
    /// Its generation, or its epoch.
    pub generation: i32,
    /// How many members it has.
    pub member_count: usize,
}

/// A group with its members.
#[derive(Debug, Clone)]
pub struct Overview<'s> {
    /// Its name.
    pub id: &'s Arc<str>,
    /// The name of its state.
    pub state: &'static str,
    /// Its generation, or its epoch.
    pub generation: i32,
    /// What its members have in common, or nothing.
    pub protocol_type: &'s str,
    /// By what partitions are assigned, or nothing.
    pub protocol: Arc<str>,
    /// The id of the member that assigns, or nothing.
    pub leader: &'s str,
    /// By id.
    pub members: Vec<OverviewMember<'s>>,
}

/// A member of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverviewMember<'s> {
    /// Its id.
    pub id: &'s str,
    /// What its client calls itself.
    pub client_id: &'s str,
    /// Its client's address as Kafka writes it: `/127.0.0.1`.
    pub client_host: &'s str,
    /// Its partitions by topic, as far as what it was given can be read.
    pub assigned: Vec<(Arc<str>, Vec<i32>)>,
    /// After how long of silence it is out.
    pub session_timeout_ms: i32,
    /// How long it may take to give partitions back.
    pub rebalance_timeout_ms: i32,
}

impl Group {
    fn generation(&self) -> i32 {
        match self {
            Group::Classic(group) => group.generation,
            Group::Consumer(group) => group.epoch,
            Group::Foreign(_) => -1,
        }
    }

    fn member_count(&self) -> usize {
        match self {
            Group::Classic(group) => group.members.len(),
            Group::Consumer(group) => group.members.len(),
            Group::Foreign(_) => 0,
        }
    }
}

impl Shard {
    /// Calls for each group, in no particular order.
    pub fn each_group(&self, call: &mut dyn FnMut(Counted<'_>)) {
        let served = self.groups.iter().filter(|(_, group)| group.is_served());
        for (id, group) in served {
            let (generation, member_count) = (group.generation(), group.member_count());
            call(Counted { id, state: group.state_name(), generation, member_count });
        }
    }

    /// One group, whatever its protocol.
    pub fn overview(
        &self,
        id: &str,
        settings: &Settings,
        topics: &dyn TopicsView,
    ) -> Option<Overview<'_>> {
        let (id, group) = self.groups.get_key_value(id)?;
        let (protocol, leader, members) = match group {
            Group::Classic(group) => {
                let members = group.members.values().map(classic_member).collect();
                let protocol = group.protocol.clone().unwrap_or_else(|| "".into());
                (protocol, group.leader.as_deref().unwrap_or_default(), members)
            }
            Group::Consumer(group) => {
                let session = settings.consumer.session_timeout(id);
                let member = |member| consumer_member(member, session, topics);
                let members = group.members.values().map(member).collect();
                (group.assignor_name(settings), "", members)
            }
            Group::Foreign(_) => return None,
        };
        Some(Overview {
            id,
            state: group.state_name(),
            generation: group.generation(),
            protocol_type: group.protocol_type(),
            protocol,
            leader,
            members,
        })
    }
}

fn classic_member(member: &classic::Member) -> OverviewMember<'_> {
    OverviewMember {
        id: &member.id,
        client_id: &member.client_id,
        client_host: &member.client_host,
        assigned: consumer::named_assignment(&member.assignment).unwrap_or_default(),
        session_timeout_ms: member.session_timeout,
        rebalance_timeout_ms: member.rebalance_timeout,
    }
}

fn consumer_member<'s>(
    member: &'s consumer::Member,
    session: i32,
    topics: &dyn TopicsView,
) -> OverviewMember<'s> {
    let classic = member.classic.as_ref();
    let owned = member.assigned.iter();
    let named =
        owned.filter_map(|(id, of)| Some((topics.name(*id)?, of.keys().copied().collect())));
    OverviewMember {
        id: &member.id,
        client_id: &member.client_id,
        client_host: &member.client_host,
        assigned: named.collect(),
        session_timeout_ms: classic.map_or(session, |side| side.session_timeout),
        rebalance_timeout_ms: member.rebalance_timeout,
    }
}
