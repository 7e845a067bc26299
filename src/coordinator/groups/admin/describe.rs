//! DescribeGroups: a classic group with its members (`GroupMetadataManager.describeGroups`). Other
//! kinds have requests of their own, and for this one they are not there.

use super::super::classic::{Member, State};
use super::super::shard::{Group, Shard};

/// A classic group.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribedGroup<'s> {
    /// The name of its state.
    pub state: &'static str,
    /// What its members have in common, or nothing.
    pub protocol_type: &'s str,
    /// What was chosen of it; nothing while that may change.
    pub protocol: &'s str,
    /// By id.
    pub members: Vec<DescribedMember<'s>>,
}

/// A member of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DescribedMember<'s> {
    /// Its id.
    pub member_id: &'s str,
    /// Its own name, if it is a static member.
    pub instance_id: Option<&'s str>,
    /// Of its last join.
    pub client_id: &'s str,
    /// Of its last join.
    pub client_host: &'s str,
    /// What it offered for the chosen protocol, in a stable group.
    pub metadata: &'s [u8],
    /// What it was given.
    pub assignment: &'s [u8],
}

impl Shard {
    /// DescribeGroups for one group.
    ///
    /// # Errors
    /// Why there is no such group, in Kafka's words.
    pub fn describe(&self, id: &str) -> Result<DescribedGroup<'_>, String> {
        let group = match self.groups.get(id) {
            Some(Group::Classic(group)) => group,
            Some(Group::Consumer(_) | Group::Foreign(_)) => {
                return Err(format!("Group {id} is not a classic group."));
            }
            None => return Err(format!("Group {id} not found.")),
        };
        let protocol = match group.state {
            State::Stable => group.protocol.as_deref().unwrap_or_default(),
            _ => "",
        };
        Ok(DescribedGroup {
            state: group.state.name(),
            protocol_type: group.protocol_type.as_deref().unwrap_or_default(),
            protocol,
            members: group.members.values().map(|member| described(member, protocol)).collect(),
        })
    }
}

fn described<'s>(member: &'s Member, protocol: &str) -> DescribedMember<'s> {
    DescribedMember {
        member_id: &member.id,
        instance_id: member.instance_id.as_deref(),
        client_id: &member.client_id,
        client_host: &member.client_host,
        metadata: member.metadata(protocol).map_or(&[], |metadata| metadata),
        assignment: &member.assignment,
    }
}
