//! DescribeGroups (PROTOCOL 5.2): the answer's body, group by group.

use super::super::metadata::NOT_ASKED;
use super::room::{Rows, Unserved};
use crate::coordinator::groups::admin::{DescribedGroup as Described, DescribedMember};
use crate::wire::codec::{Array, Message, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::describe_groups::{
    DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};

/// From this version on a group that is not there is an error; before it is a dead one.
const NOT_FOUND: i16 = 6;
/// Every operation that there is for a group, as bits of their codes: nothing is forbidden without
/// an authorizer (Kafka's `AclEntry.supportedOperations`).
pub(super) const GROUP_OPERATIONS: i32 = 3400;

/// The groups described so far, encoded.
#[derive(Debug)]
pub(super) struct Description {
    groups: Rows,
}

impl Description {
    /// Of no group yet, in so many bytes at most.
    pub(super) fn within(limit: usize) -> Description {
        Description { groups: Rows::within(limit) }
    }

    /// Adds a group that there is, or why there is none.
    pub(super) fn add(
        &mut self,
        group_id: &str,
        described: Result<Described<'_>, String>,
        with_operations: bool,
        version: i16,
    ) -> Result<(), Unserved> {
        let operations = if with_operations { GROUP_OPERATIONS } else { NOT_ASKED };
        let described = match described {
            Ok(described) => described,
            Err(message) => {
                let known = version >= NOT_FOUND;
                let dead = DescribedGroup {
                    error_code: if known { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::NONE },
                    error_message: known.then_some(&message),
                    group_id,
                    group_state: "Dead",
                    authorized_operations: if known { NOT_ASKED } else { operations },
                    ..Default::default()
                };
                return self.groups.push(&dead, version);
            }
        };
        let bytes = described.members.iter().map(size).sum::<usize>();
        if bytes > self.groups.left() {
            // It was named again and again.
            return self.add_refused(group_id, ErrorCode::UNKNOWN_SERVER_ERROR, version);
        }
        let members: Vec<_> = described.members.iter().map(member).collect();
        let group = DescribedGroup {
            group_id,
            group_state: described.state,
            protocol_type: described.protocol_type,
            protocol_data: described.protocol,
            members: Array::from(&members),
            authorized_operations: operations,
            ..Default::default()
        };
        self.groups.push(&group, version)
    }

    /// Adds a group whose coordinator cannot be asked.
    pub(super) fn add_refused(
        &mut self,
        group_id: &str,
        error_code: ErrorCode,
        version: i16,
    ) -> Result<(), Unserved> {
        let group = DescribedGroup { error_code, group_id, ..Default::default() };
        self.groups.push(&group, version)
    }

    /// Writes the body of the answer.
    pub(super) fn write(&self, version: i16, out: &mut Writer) {
        let groups = self.groups.all(version);
        DescribeGroupsResponse { throttle_time_ms: 0, groups }.encode(out, version);
    }
}

fn member<'s>(member: &DescribedMember<'s>) -> DescribedGroupMember<'s> {
    DescribedGroupMember {
        member_id: member.member_id,
        group_instance_id: member.instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        member_metadata: member.metadata,
        member_assignment: member.assignment,
    }
}

/// What a member takes in the answer, at most.
fn size(member: &DescribedMember<'_>) -> usize {
    const LENGTHS: usize = 32;
    let texts = [member.member_id, member.client_id, member.client_host].map(str::len);
    let instance = member.instance_id.map_or(0, str::len);
    let given = member.metadata.len() + member.assignment.len();
    texts.iter().sum::<usize>() + instance + given + LENGTHS
}
