//! More partitions for topics that exist.
//!
//! KIP-195.
//! Schemas: `CreatePartitionsRequest.json`, `CreatePartitionsResponse.json`.

message! {
    request 37, versions 0..=3, flexible 2..;

    /// Topics that are to have more partitions.
    pub struct CreatePartitionsRequest<'a> {
        topics: [CreatePartitionsTopic<'a>],
        timeout_ms: i32,
        validate_only: bool,
    }

    /// A topic and how many partitions it is to have in all.
    pub struct CreatePartitionsTopic<'a> {
        name: str,
        count: i32,
        assignments: [CreatePartitionsAssignment<'a>] nullable,
    }

    /// The brokers of one new partition.
    pub struct CreatePartitionsAssignment<'a> {
        broker_ids: [i32],
    }
}

message! {
    response 37, versions 0..=3, flexible 2..;

    /// What became of each topic.
    pub struct CreatePartitionsResponse<'a> {
        throttle_time_ms: i32,
        results: [CreatePartitionsTopicResult<'a>],
    }

    /// A topic that grew, or why it did not.
    pub struct CreatePartitionsTopicResult<'a> {
        name: str,
        error_code: error,
        error_message: str nullable = None,
    }
}
