//! Changes single settings of a resource.
//!
//! Operations: 0 set, 1 delete, 2 append, 3 subtract (KIP-339).
//! Schemas: `IncrementalAlterConfigsRequest.json`, `IncrementalAlterConfigsResponse.json`.

message! {
    request 44, versions 0..=1, flexible 1..;

    /// Settings to change.
    pub struct IncrementalAlterConfigsRequest<'a> {
        resources: [AlterConfigsResource<'a>],
        validate_only: bool,
    }

    /// A resource and the changes to it.
    pub struct AlterConfigsResource<'a> {
        resource_type: i8,
        resource_name: str,
        configs: [AlterableConfig<'a>],
    }

    /// One change.
    pub struct AlterableConfig<'a> {
        name: str,
        /// 0 set, 1 delete, 2 append, 3 subtract.
        config_operation: i8,
        value: str nullable,
    }
}

message! {
    response 44, versions 0..=1, flexible 1..;

    /// What became of each resource.
    pub struct IncrementalAlterConfigsResponse<'a> {
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
