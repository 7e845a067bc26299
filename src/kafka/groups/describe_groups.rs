//! DescribeGroups (PROTOCOL 5.2): the answer's body, group by group.

use super::super::metadata::NOT_ASKED;
use super::offset_fetch::MAX_ANSWER;
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
#[derive(Debug, Default)]
pub(super) struct Description {
    groups: Writer,
    count: usize,
}

impl Description {
    /// Adds a group that there is, or why there is none.
    pub(super) fn add(
        &mut self,
        group_id: &str,
        described: Result<Described<'_>, String>,
        with_operations: bool,
        version: i16,
    ) {
        if self.groups.len() > MAX_ANSWER {
            // It was named again and again.
            return self.add_refused(group_id, ErrorCode::UNKNOWN_SERVER_ERROR, version);
        }
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
                return self.push(&dead, version);
            }
        };
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
        self.push(&group, version);
    }

    /// Adds a group whose coordinator cannot be asked.
    pub(super) fn add_refused(&mut self, group_id: &str, error_code: ErrorCode, version: i16) {
        let group = DescribedGroup { error_code, group_id, ..Default::default() };
        self.push(&group, version);
    }

    fn push(&mut self, group: &DescribedGroup<'_>, version: i16) {
        group.encode(&mut self.groups, version);
        self.count += 1;
    }

    /// Writes the body of the answer.
    pub(super) fn write(&self, version: i16, out: &mut Writer) {
        let groups = Array::encoded(self.count, self.groups.bytes(), version);
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
