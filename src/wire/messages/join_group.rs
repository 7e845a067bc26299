//! A member joins a group of the classic protocol, or joins again.
//!
//! Schemas: `JoinGroupRequest.json`, `JoinGroupResponse.json`.

message! {
    request 11, versions 0..=9, flexible 6..;

    /// Asks to be a member of the next generation.
    pub struct JoinGroupRequest<'a> {
        group_id: str,
        session_timeout_ms: i32,
        /// In version 0 the session timeout stands for it.
        rebalance_timeout_ms: i32 [1..] = -1,
        /// Empty: a new member.
        member_id: str,
        group_instance_id: str [5..] nullable [5..] = None,
        protocol_type: str,
        /// The one that is liked best first.
        protocols: [JoinGroupRequestProtocol<'a>],
        reason: str [8..] nullable [8..] = None,
    }

    /// A protocol that the member can follow.
    pub struct JoinGroupRequestProtocol<'a> {
        name: str,
        metadata: bytes,
    }
}

message! {
    response 11, versions 0..=9, flexible 6..;

    /// The generation that the member is in.
    pub struct JoinGroupResponse<'a> {
        throttle_time_ms: i32 [2..],
        error_code: error,
        generation_id: i32 = -1,
        protocol_type: str [7..] nullable [7..] = None,
        protocol_name: str nullable [7..],
        leader: str,
        skip_assignment: bool [9..],
        member_id: str,
        /// For the leader only.
        members: [JoinGroupResponseMember<'a>],
    }

    /// A member and its metadata for the chosen protocol.
    pub struct JoinGroupResponseMember<'a> {
        member_id: str,
        group_instance_id: str [5..] nullable [5..] = None,
        metadata: bytes,
    }
}
