//! Access control entries, made.
//!
//! KIP-140, KIP-290, KIP-373.
//! Schemas: `CreateAclsRequest.json`, `CreateAclsResponse.json`.

message! {
    request 30, versions 1..=3, flexible 2..;

    /// The entries to be made.
    pub struct CreateAclsRequest<'a> {
        creations: [AclCreation<'a>],
    }

    /// One entry.
    pub struct AclCreation<'a> {
        resource_type: i8,
        resource_name: str,
        resource_pattern_type: i8 = 3,
        principal: str,
        host: str,
        operation: i8,
        permission_type: i8,
    }
}

message! {
    response 30, versions 1..=3, flexible 2..;

    /// What became of them, in the order of the request.
    pub struct CreateAclsResponse<'a> {
        throttle_time_ms: i32,
        results: [AclCreationResult<'a>],
    }

    /// What became of one.
    pub struct AclCreationResult<'a> {
        error_code: error,
        error_message: str nullable,
    }
}
