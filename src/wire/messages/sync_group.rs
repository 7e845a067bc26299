//! A member asks for its assignment; the leader brings everybody's.
//!
//! Schemas: `SyncGroupRequest.json`, `SyncGroupResponse.json`.

message! {
    request 14, versions 0..=5, flexible 4..;

    /// Asks for the assignment of a generation.
    pub struct SyncGroupRequest<'a> {
        group_id: str,
        generation_id: i32,
        member_id: str,
        group_instance_id: str [3..] nullable [3..] = None,
        protocol_type: str [5..] nullable [5..] = None,
        protocol_name: str [5..] nullable [5..] = None,
        /// From the leader only.
        assignments: [SyncGroupRequestAssignment<'a>],
    }

    /// What a member gets.
    pub struct SyncGroupRequestAssignment<'a> {
        member_id: str,
        assignment: bytes,
    }
}

message! {
    response 14, versions 0..=5, flexible 4..;

    /// The member's assignment.
    pub struct SyncGroupResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: error,
        protocol_type: str [5..] nullable [5..] = None,
        protocol_name: str [5..] nullable [5..] = None,
        assignment: bytes,
    }
}
