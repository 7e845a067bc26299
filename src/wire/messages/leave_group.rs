//! Members leave a group: one up to v2, several from v3 on.
//!
//! Schemas: `LeaveGroupRequest.json`, `LeaveGroupResponse.json`.

message! {
    request 13, versions 0..=5, flexible 4..;

    /// Takes members out of a group.
    pub struct LeaveGroupRequest<'a> {
        group_id: str,
        member_id: str [..=2],
        members: [MemberIdentity<'a>] [3..],
    }

    /// A member by its id, or by its own name alone.
    pub struct MemberIdentity<'a> {
        member_id: str [3..],
        group_instance_id: str [3..] nullable [3..] = None,
        reason: str [5..] nullable [5..] = None,
    }
}

message! {
    response 13, versions 0..=5, flexible 4..;

    /// What became of each.
    pub struct LeaveGroupResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: error,
        members: [MemberResponse<'a>] [3..],
    }

    /// What became of one member.
    pub struct MemberResponse<'a> {
        member_id: str [3..],
        group_instance_id: str [3..] nullable [3..],
        error_code: error [3..],
    }
}
