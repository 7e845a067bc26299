//! A member of a group of the classic protocol is still there.
//!
//! Schemas: `HeartbeatRequest.json`, `HeartbeatResponse.json`.

message! {
    request 12, versions 0..=4, flexible 4..;

    /// Keeps the session of a member.
    pub struct HeartbeatRequest<'a> {
        group_id: str,
        generation_id: i32,
        member_id: str,
        group_instance_id: str [3..] nullable [3..] = None,
    }
}

message! {
    response 12, versions 0..=4, flexible 4..;

    /// Whether the member is to join again.
    pub struct HeartbeatResponse {
        throttle_time_ms: i32 [1..],
        error_code: error,
    }
}
