//! Access control entries, looked up.
//!
//! KIP-140, KIP-290, KIP-373.
//! Schemas: `DescribeAclsRequest.json`, `DescribeAclsResponse.json`.

message! {
    request 29, versions 1..=3, flexible 2..;

    /// Asks for the entries that a filter lets through; a null matches everything.
    pub struct DescribeAclsRequest<'a> {
        resource_type_filter: i8,
        resource_name_filter: str nullable,
        pattern_type_filter: i8 = 3,
        principal_filter: str nullable,
        host_filter: str nullable,
        operation: i8,
        permission_type: i8,
    }
}

message! {
    response 29, versions 1..=3, flexible 2..;

    /// The entries.
    pub struct DescribeAclsResponse<'a> {
        throttle_time_ms: i32,
        error_code: error,
        error_message: str nullable,
        resources: [DescribeAclsResource<'a>],
    }

    /// The entries of one resource.
    pub struct DescribeAclsResource<'a> {
        resource_type: i8,
        resource_name: str,
        pattern_type: i8 = 3,
        acls: [AclDescription<'a>],
    }

    /// One entry.
    pub struct AclDescription<'a> {
        principal: str,
        host: str,
        operation: i8,
        permission_type: i8,
    }
}
