//! Access control entries, removed.
//!
//! KIP-140, KIP-290, KIP-373.
//! Schemas: `DeleteAclsRequest.json`, `DeleteAclsResponse.json`.

message! {
    request 31, versions 1..=3, flexible 2..;

    /// The filters whose entries are to go.
    pub struct DeleteAclsRequest<'a> {
        filters: [DeleteAclsFilter<'a>],
    }

    /// One filter; a null matches everything.
    pub struct DeleteAclsFilter<'a> {
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
    response 31, versions 1..=3, flexible 2..;

    /// What became of them, in the order of the request.
    pub struct DeleteAclsResponse<'a> {
        throttle_time_ms: i32,
        filter_results: [DeleteAclsFilterResult<'a>],
    }

    /// What one filter found.
    pub struct DeleteAclsFilterResult<'a> {
        error_code: error,
        error_message: str nullable,
        matching_acls: [DeleteAclsMatchingAcl<'a>],
    }

    /// One entry that it found.
    pub struct DeleteAclsMatchingAcl<'a> {
        error_code: error,
        error_message: str nullable,
        resource_type: i8,
        resource_name: str,
        pattern_type: i8 = 3,
        principal: str,
        host: str,
        operation: i8,
        permission_type: i8,
    }
}
