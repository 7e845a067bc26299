//! Leader elections on demand.
//!
//! Preferred (0) or unclean (1, from v1 on) (KIP-460).
//! Schemas: `ElectLeadersRequest.json`, `ElectLeadersResponse.json`.

message! {
    request 43, versions 0..=2, flexible 2..;

    /// Partitions that are to have an election; null for all.
    pub struct ElectLeadersRequest<'a> {
        /// 0 preferred, 1 unclean.
        election_type: i8 [1..],
        topic_partitions: [TopicPartitions<'a>] nullable,
        timeout_ms: i32 = 60000,
    }

    /// The partitions of one topic.
    pub struct TopicPartitions<'a> {
        topic: str,
        partitions: [i32],
    }
}

message! {
    response 43, versions 0..=2, flexible 2..;

    /// How the elections went.
    pub struct ElectLeadersResponse<'a> {
        throttle_time_ms: i32,
        error_code: error [1..],
        replica_election_results: [ReplicaElectionResult<'a>],
    }

    /// The elections of one topic.
    pub struct ReplicaElectionResult<'a> {
        topic: str,
        partition_result: [PartitionResult<'a>],
    }

    /// The election of one partition.
    pub struct PartitionResult<'a> {
        partition_id: i32,
        error_code: error,
        error_message: str nullable,
    }
}
