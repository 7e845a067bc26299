//! Lists the groups that a broker coordinates.
//!
//! Schemas: `ListGroupsRequest.json`, `ListGroupsResponse.json`.

message! {
    request 16, versions 0..=5, flexible 3..;

    /// Which groups, by state and type.
    pub struct ListGroupsRequest<'a> {
        states_filter: [str] [4..],
        types_filter: [str] [5..],
    }
}

message! {
    response 16, versions 0..=5, flexible 3..;

    /// The groups.
    pub struct ListGroupsResponse<'a> {
        throttle_time_ms: i32 [1..],
        error_code: error,
        groups: [ListedGroup<'a>],
    }

    /// One group.
    pub struct ListedGroup<'a> {
        group_id: str,
        protocol_type: str,
        group_state: str [4..],
        group_type: str [5..],
    }
}
