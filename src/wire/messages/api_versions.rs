//! What a server can do: the first exchange on every connection.
//!
//! Answered at any version: a version that the server does not know gets a v0 body with
//! UNSUPPORTED_VERSION and the range of this one key; the response header is always v0 (KIP-511).
//! Features travel from v3 on (KIP-584).
//! Schemas: `ApiVersionsRequest.json`, `ApiVersionsResponse.json`.

message! {
    request 18, versions 0..=4, flexible 3..;

    /// Asks what the server can do, and says what the client is.
    pub struct ApiVersionsRequest<'a> {
        client_software_name: str [3..],
        client_software_version: str [3..],
    }
}

message! {
    response 18, versions 0..=4, flexible 3..;

    /// The requests and features that the server has.
    pub struct ApiVersionsResponse<'a> {
        error_code: error,
        api_keys: [ApiVersion],
        throttle_time_ms: i32 [1..],
        supported_features: [SupportedFeatureKey<'a>] [3..] tag 0,
        /// -1 while unknown: clients then ignore the features.
        finalized_features_epoch: i64 [3..] tag 1 = -1,
        finalized_features: [FinalizedFeatureKey<'a>] [3..] tag 2,
        zk_migration_ready: bool [3..] tag 3,
    }

    /// One kind of request with its versions.
    pub struct ApiVersion {
        api_key: i16,
        min_version: i16,
        max_version: i16,
    }

    /// A feature and the levels that this server can run.
    pub struct SupportedFeatureKey<'a> {
        name: str,
        min_version: i16,
        max_version: i16,
    }

    /// A feature and the level that the cluster runs.
    pub struct FinalizedFeatureKey<'a> {
        name: str,
        max_version_level: i16,
        min_version_level: i16,
    }
}
