//! Describes groups of the classic protocol.
//!
//! Schemas: `DescribeGroupsRequest.json`, `DescribeGroupsResponse.json`.

message! {
    request 15, versions 0..=6, flexible 5..;

    /// Which groups.
    pub struct DescribeGroupsRequest<'a> {
        groups: [str],
        include_authorized_operations: bool [3..],
    }
}

message! {
    response 15, versions 0..=6, flexible 5..;

    /// The groups.
    pub struct DescribeGroupsResponse<'a> {
        throttle_time_ms: i32 [1..],
        groups: [DescribedGroup<'a>],
    }

    /// One group.
    pub struct DescribedGroup<'a> {
        error_code: error,
        error_message: str [6..] nullable = None,
        group_id: str,
        group_state: str,
        protocol_type: str,
        protocol_data: str,
        members: [DescribedGroupMember<'a>],
        authorized_operations: i32 [3..] = -2147483648,
    }

    /// One member of it.
    pub struct DescribedGroupMember<'a> {
        member_id: str,
        group_instance_id: str [4..] nullable = None,
        client_id: str,
        client_host: str,
        member_metadata: bytes,
        member_assignment: bytes,
    }
}
