//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup (PROTOCOL 10): the answers' bodies, in all versions.

use crate::coordinator::groups::{JoinReply, LeaveReply, Reply, SyncReply};
use crate::wire::codec::{Array, Message, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::messages::heartbeat::HeartbeatResponse;
use crate::wire::messages::join_group::{JoinGroupResponse, JoinGroupResponseMember};
use crate::wire::messages::leave_group::{LeaveGroupResponse, MemberResponse};
use crate::wire::messages::sync_group::SyncGroupResponse;

/// From this version on there can be no protocol; before it is an empty one.
const NO_PROTOCOL: i16 = 7;
/// From this version on members that leave are answered one by one.
const LISTS: i16 = 3;

pub(super) fn no_join(code: ErrorCode) -> Reply {
    Reply::Join(JoinReply::failed(code, "".into()))
}

pub(super) fn no_sync(code: ErrorCode) -> Reply {
    Reply::Sync(SyncReply::failed(code))
}

pub(super) fn write_join(reply: &JoinReply, version: i16, out: &mut Writer) {
    let members: Vec<_> = reply
        .members
        .iter()
        .map(|member| JoinGroupResponseMember {
            member_id: &member.member_id,
            group_instance_id: member.instance_id.as_deref(),
            metadata: &member.metadata,
        })
        .collect();
    let protocol_name = match version {
        NO_PROTOCOL.. => reply.protocol.as_deref().filter(|name| !name.is_empty()),
        _ => Some(reply.protocol.as_deref().unwrap_or_default()),
    };
    JoinGroupResponse {
        throttle_time_ms: 0,
        error_code: reply.code,
        generation_id: reply.generation,
        protocol_type: reply.protocol_type.as_deref(),
        protocol_name,
        leader: &reply.leader,
        skip_assignment: reply.skip_assignment,
        member_id: &reply.member_id,
        members: Array::from(&members),
    }
    .encode(out, version);
}

pub(super) fn write_sync(reply: &SyncReply, version: i16, out: &mut Writer) {
    SyncGroupResponse {
        throttle_time_ms: 0,
        error_code: reply.code,
        protocol_type: reply.protocol_type.as_deref(),
        protocol_name: reply.protocol.as_deref(),
        assignment: &reply.assignment,
    }
    .encode(out, version);
}

pub(super) fn write_heartbeat(error_code: ErrorCode, version: i16, out: &mut Writer) {
    HeartbeatResponse { throttle_time_ms: 0, error_code }.encode(out, version);
}

pub(super) fn write_leave(reply: &LeaveReply, version: i16, out: &mut Writer) {
    let members: Vec<_> = reply
        .members
        .iter()
        .map(|member| MemberResponse {
            member_id: &member.member_id,
            group_instance_id: member.instance_id.as_deref(),
            error_code: member.code,
        })
        .collect();
    let first = reply.members.first().map_or(ErrorCode::NONE, |member| member.code);
    let error_code = match reply.code {
        ErrorCode::NONE if version < LISTS => first,
        code => code,
    };
    LeaveGroupResponse { throttle_time_ms: 0, error_code, members: Array::from(&members) }
        .encode(out, version);
}
