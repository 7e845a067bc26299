//! Deletes groups that have no members, with their offsets.
//!
//! Schemas: `DeleteGroupsRequest.json`, `DeleteGroupsResponse.json`.

message! {
    request 42, versions 0..=2, flexible 2..;

    /// Which groups.
    pub struct DeleteGroupsRequest<'a> {
        groups_names: [str],
    }
}

message! {
    response 42, versions 0..=2, flexible 2..;

    /// What became of each.
    pub struct DeleteGroupsResponse<'a> {
        throttle_time_ms: i32,
        results: [DeletableGroupResult<'a>],
    }

    /// The result of one group.
    pub struct DeletableGroupResult<'a> {
        group_id: str,
        error_code: error,
    }
}
