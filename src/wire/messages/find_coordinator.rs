//! Which broker coordinates a group, a transactional id or a share group.
//!
//! One key per request up to v3, many from v4 on (KIP-699).
//! Schemas: `FindCoordinatorRequest.json`, `FindCoordinatorResponse.json`.

message! {
    request 10, versions 0..=6, flexible 3..;

    /// Asks for the coordinators of keys.
    pub struct FindCoordinatorRequest<'a> {
        key: str [..=3],
        /// 0 group, 1 transaction, 2 share.
        key_type: i8 [1..],
        coordinator_keys: [str] [4..],
    }
}

message! {
    response 10, versions 0..=6, flexible 3..;

    /// The coordinators.
    pub struct FindCoordinatorResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: error [..=3],
        error_message: str [1..=3] nullable,
        node_id: i32 [..=3],
        host: str [..=3],
        port: i32 [..=3],
        coordinators: [Coordinator<'a>] [4..],
    }

    /// The coordinator of one key.
    pub struct Coordinator<'a> {
        key: str,
        node_id: i32,
        host: str,
        port: i32,
        error_code: error,
        error_message: str nullable,
    }
}
