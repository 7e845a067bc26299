//! ListGroups: all groups, or those of some states and kinds (`GroupMetadataManager.listGroups`).

use super::super::Kind;
use super::super::shard::{Group, Shard};
use crate::wire::messages::list_groups::ListGroupsRequest;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The states that a group may be in. (Those of both protocols; no group is dead.)
const STATES: [&str; 6] =
    ["Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Assigning", "Reconciling"];

/// Which groups are asked for. As small as what there may be, however much is asked for.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// None for any.
    states: Option<BTreeSet<&'static str>>,
    /// None for any.
    kinds: Option<BTreeSet<Kind>>,
}

/// A group that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedGroup<'s> {
    /// Its name.
    pub id: &'s Arc<str>,
    /// What its members have in common, or nothing.
    pub protocol_type: &'s str,
    /// The name of its state.
    pub state: &'static str,
    /// Its kind.
    pub kind: Kind,
}

impl ListFilter {
    /// What a request asks for. Neither states nor kinds are told apart by the case of letters.
    pub fn of(request: &ListGroupsRequest<'_>) -> ListFilter {
        let state = |asked: &str| {
            let asked = asked.to_lowercase();
            let is_it = |state: &&&str| state.eq_ignore_ascii_case(asked.trim());
            STATES.iter().find(is_it).copied()
        };
        let (states, kinds) = (request.states_filter, request.types_filter);
        ListFilter {
            states: (!states.is_empty()).then(|| states.iter().filter_map(state).collect()),
            kinds: (!kinds.is_empty()).then(|| kinds.iter().map(Kind::parse).collect()),
        }
    }

    fn takes(&self, group: &Group) -> bool {
        group.is_served()
            && self.states.as_ref().is_none_or(|states| states.contains(group.state_name()))
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&group.kind()))
    }
}

impl Shard {
    /// ListGroups: calls for each group that is asked for, in no particular order.
    pub fn list(&self, filter: &ListFilter, call: &mut dyn FnMut(ListedGroup<'_>)) {
        for (id, group) in self.groups.iter().filter(|(_, group)| filter.takes(group)) {
            let (protocol_type, state) = (group.protocol_type(), group.state_name());
            call(ListedGroup { id, protocol_type, state, kind: group.kind() });
        }
    }
}
