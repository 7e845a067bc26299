//! Moves the replicas of partitions, or stops moving them.
//!
//! KIP-455.
//! Schemas: `AlterPartitionReassignmentsRequest.json`, `AlterPartitionReassignmentsResponse.json`.

message! {
    request 45, versions 0..=1, flexible 0..;

    /// Partitions to move.
    pub struct AlterPartitionReassignmentsRequest<'a> {
        timeout_ms: i32 = 60000,
        allow_replication_factor_change: bool [1..] = true,
        topics: [ReassignableTopic<'a>],
    }

    /// The partitions of one topic.
    pub struct ReassignableTopic<'a> {
        name: str,
        partitions: [ReassignablePartition<'a>],
    }

    /// Where a partition is to go; null stops a move.
    pub struct ReassignablePartition<'a> {
        partition_index: i32,
        replicas: [i32] nullable = None,
    }
}

message! {
    response 45, versions 0..=1, flexible 0..;

    /// What became of each partition.
    pub struct AlterPartitionReassignmentsResponse<'a> {
        throttle_time_ms: i32,
        allow_replication_factor_change: bool [1..] = true,
        error_code: error,
        error_message: str nullable,
        responses: [ReassignableTopicResponse<'a>],
    }

    /// The partitions of one topic.
    pub struct ReassignableTopicResponse<'a> {
        name: str,
        partitions: [ReassignablePartitionResponse<'a>],
    }

    /// A partition that moves, or why it does not.
    pub struct ReassignablePartitionResponse<'a> {
        partition_index: i32,
        error_code: error,
        error_message: str nullable,
    }
}
