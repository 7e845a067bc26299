//! What has configs, or may have: topics, brokers, groups, subscriptions to client metrics.
//!
//! KIP-714, where it listed the latter alone, and KIP-1142.
//! Schemas: `ListConfigResourcesRequest.json`, `ListConfigResourcesResponse.json`.

message! {
    request 74, versions 0..=1, flexible 0..;

    /// Asks for resources of these types, or of all.
    pub struct ListConfigResourcesRequest<'a> {
        resource_types: [i8] [1..],
    }
}

message! {
    response 74, versions 0..=1, flexible 0..;

    /// The resources.
    pub struct ListConfigResourcesResponse<'a> {
        throttle_time_ms: i32,
        error_code: error,
        config_resources: [ConfigResource<'a>],
    }

    /// One of them.
    pub struct ConfigResource<'a> {
        resource_name: str,
        resource_type: i8 [1..] = 16,
    }
}
