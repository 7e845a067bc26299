//! Reassignments that are under way.
//!
//! KIP-455.
//! Schemas: `ListPartitionReassignmentsRequest.json`, `ListPartitionReassignmentsResponse.json`.

message! {
    request 46, versions 0..=0, flexible 0..;

    /// Asks about partitions; null for all.
    pub struct ListPartitionReassignmentsRequest<'a> {
        timeout_ms: i32 = 60000,
        topics: [ListPartitionReassignmentsTopics<'a>] nullable = None,
    }

    /// The partitions of one topic.
    pub struct ListPartitionReassignmentsTopics<'a> {
        name: str,
        partition_indexes: [i32],
    }
}

message! {
    response 46, versions 0..=0, flexible 0..;

    /// The reassignments.
    pub struct ListPartitionReassignmentsResponse<'a> {
        throttle_time_ms: i32,
        error_code: error,
        error_message: str nullable,
        topics: [OngoingTopicReassignment<'a>],
    }

    /// The reassignments of one topic.
    pub struct OngoingTopicReassignment<'a> {
        name: str,
        partitions: [OngoingPartitionReassignment<'a>],
    }

    /// The replicas of a partition on the move.
    pub struct OngoingPartitionReassignment<'a> {
        partition_index: i32,
        replicas: [i32],
        adding_replicas: [i32],
        removing_replicas: [i32],
    }
}
