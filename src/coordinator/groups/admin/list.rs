//! ListGroups: all groups, or those of some states and kinds (`GroupMetadataManager.listGroups`).

use super::super::Kind;
use super::super::shard::{Group, Shard};
use crate::wire::messages::list_groups::ListGroupsRequest;
use std::sync::Arc;

/// Which groups are asked for.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// In small letters; empty for any.
    states: Vec<String>,
    /// Empty for any.
    kinds: Vec<Kind>,
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
        let states = request.states_filter.iter().map(|state| state.to_lowercase());
        ListFilter {
            states: states.map(|state| state.trim().to_owned()).collect(),
            kinds: request.types_filter.iter().map(Kind::parse).collect(),
        }
    }

    fn takes(&self, group: &Group) -> bool {
        let state = group.state_name();
        let is_it = |asked: &String| asked.eq_ignore_ascii_case(state);
        (self.states.is_empty() || self.states.iter().any(is_it))
            && (self.kinds.is_empty() || self.kinds.contains(&group.kind()))
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
