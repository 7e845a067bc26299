//! ListGroups (PROTOCOL 5.2): the answer's body, gathered from shard to shard.

use crate::coordinator::groups::admin::ListedGroup as Listed;
use crate::wire::codec::{Array, Message, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::list_groups::{ListGroupsResponse, ListedGroup};

/// The groups found so far, encoded.
#[derive(Debug, Default)]
pub(super) struct Listing {
    groups: Writer,
    count: usize,
}

impl Listing {
    /// Adds a group.
    pub(super) fn add(&mut self, listed: &Listed<'_>, version: i16) {
        let group = ListedGroup {
            group_id: listed.id,
            protocol_type: listed.protocol_type,
            group_state: listed.state,
            group_type: listed.kind.name(),
        };
        group.encode(&mut self.groups, version);
        self.count += 1;
    }

    /// Writes the body of the answer; with an error there are no groups.
    pub(super) fn write(&self, error_code: ErrorCode, version: i16, out: &mut Writer) {
        let groups = match error_code {
            ErrorCode::NONE => Array::written(self.count, &self.groups, version),
            _ => Array::default(),
        };
        ListGroupsResponse { throttle_time_ms: 0, error_code, groups }.encode(out, version);
    }
}
