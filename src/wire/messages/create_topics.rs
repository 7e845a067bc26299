//! New topics.
//!
//! -1 partitions or replicas mean the broker's default (v4). v5 answers with the topic's configs,
//! v7 with its id.
//! Schemas: `CreateTopicsRequest.json`, `CreateTopicsResponse.json`.

message! {
    request 19, versions 2..=7, flexible 5..;

    /// Topics to create.
    pub struct CreateTopicsRequest<'a> {
        topics: [CreatableTopic<'a>],
        timeout_ms: i32 = 60000,
        validate_only: bool,
    }

    /// A topic: counts, or which replicas go where.
    pub struct CreatableTopic<'a> {
        name: str,
        num_partitions: i32,
        replication_factor: i16,
        assignments: [CreatableReplicaAssignment<'a>],
        configs: [CreatableTopicConfig<'a>],
    }

    /// The brokers of one partition, the preferred leader first.
    pub struct CreatableReplicaAssignment<'a> {
        partition_index: i32,
        broker_ids: [i32],
    }

    /// A setting of a new topic.
    pub struct CreatableTopicConfig<'a> {
        name: str,
        value: str nullable,
    }
}

message! {
    response 19, versions 2..=7, flexible 5..;

    /// What became of each topic.
    pub struct CreateTopicsResponse<'a> {
        throttle_time_ms: i32,
        topics: [CreatableTopicResult<'a>],
    }

    /// A created topic, or why there is none.
    pub struct CreatableTopicResult<'a> {
        name: str,
        topic_id: uuid [7..],
        error_code: error,
        error_message: str nullable,
        topic_config_error_code: error [5..] tag 0,
        num_partitions: i32 [5..] = -1,
        replication_factor: i16 [5..] = -1,
        configs: [CreatableTopicConfigs<'a>] [5..] nullable,
    }

    /// A setting that the new topic has.
    pub struct CreatableTopicConfigs<'a> {
        name: str,
        value: str nullable,
        read_only: bool,
        config_source: i8 = -1,
        is_sensitive: bool,
    }
}
