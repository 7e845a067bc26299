//! Settings of topics and brokers with their sources.
//!
//! Resource types: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group. Synonyms from
//! v1, types and documentation from v3 (KIP-133, KIP-226, KIP-569).
//! Schemas: `DescribeConfigsRequest.json`, `DescribeConfigsResponse.json`.

message! {
    request 32, versions 1..=4, flexible 4..;

    /// Asks for settings.
    pub struct DescribeConfigsRequest<'a> {
        resources: [DescribeConfigsResource<'a>],
        include_synonyms: bool,
        include_documentation: bool [3..],
    }

    /// A topic, a broker or another thing with settings.
    pub struct DescribeConfigsResource<'a> {
        resource_type: i8,
        resource_name: str,
        /// All when null.
        configuration_keys: [str] nullable,
    }
}

message! {
    response 32, versions 1..=4, flexible 4..;

    /// Settings.
    pub struct DescribeConfigsResponse<'a> {
        throttle_time_ms: i32,
        results: [DescribeConfigsResult<'a>],
    }

    /// The settings of one resource.
    pub struct DescribeConfigsResult<'a> {
        error_code: error,
        error_message: str nullable,
        resource_type: i8,
        resource_name: str,
        configs: [DescribeConfigsResourceResult<'a>],
    }

    /// A setting, its value and where that comes from.
    pub struct DescribeConfigsResourceResult<'a> {
        name: str,
        value: str nullable,
        read_only: bool,
        /// 1 topic, 2 dynamic broker, 3 dynamic default, 4 static, 5 default, 6 logger.
        config_source: i8 = -1,
        is_sensitive: bool,
        synonyms: [DescribeConfigsSynonym<'a>],
        config_type: i8 [3..],
        documentation: str [3..] nullable,
    }

    /// Another place that sets the same thing.
    pub struct DescribeConfigsSynonym<'a> {
        name: str,
        value: str nullable,
        source: i8,
    }
}
