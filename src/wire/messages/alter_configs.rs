//! Replaces all dynamic settings of a resource. Older tools only.
//!
//! KIP-133; IncrementalAlterConfigs came after it.
//! Schemas: `AlterConfigsRequest.json`, `AlterConfigsResponse.json`.

message! {
    request 33, versions 0..=2, flexible 2..;

    /// Settings to replace.
    pub struct AlterConfigsRequest<'a> {
        resources: [AlterConfigsResource<'a>],
        validate_only: bool,
    }

    /// A resource with all the dynamic settings that it is to have.
    pub struct AlterConfigsResource<'a> {
        resource_type: i8,
        resource_name: str,
        configs: [AlterableConfig<'a>],
    }

    /// A setting; null removes it.
    pub struct AlterableConfig<'a> {
        name: str,
        value: str nullable,
    }
}

message! {
    response 33, versions 0..=2, flexible 2..;

    /// What became of each resource.
    pub struct AlterConfigsResponse<'a> {
        throttle_time_ms: i32,
        responses: [AlterConfigsResourceResponse<'a>],
    }

    /// A resource, or why it did not change.
    pub struct AlterConfigsResourceResponse<'a> {
        error_code: error,
        error_message: str nullable,
        resource_type: i8,
        resource_name: str,
    }
}
