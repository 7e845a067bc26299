//! Offsets by timestamp, and the named ones: earliest, latest, max timestamp.
//!
//! Negative timestamps are names: -1 latest, -2 earliest, -3 max timestamp (v7), -4 earliest local
//! (v8), -5 last tiered (v9), -6 earliest pending upload (v11).
//! Schemas: `ListOffsetsRequest.json`, `ListOffsetsResponse.json`.

message! {
    request 2, versions 1..=11, flexible 6..;

    /// Asks for offsets by timestamp.
    pub struct ListOffsetsRequest<'a> {
        /// -1 for consumers.
        replica_id: i32,
        /// 0 read uncommitted, 1 read committed.
        isolation_level: i8 [2..],
        topics: [ListOffsetsTopic<'a>],
        timeout_ms: i32 [10..],
    }

    /// The partitions of one topic.
    pub struct ListOffsetsTopic<'a> {
        name: str,
        partitions: [ListOffsetsPartition],
    }

    /// A partition and the timestamp to look for.
    pub struct ListOffsetsPartition {
        partition_index: i32,
        current_leader_epoch: i32 [4..] = -1,
        /// In milliseconds, or a negative name.
        timestamp: i64,
    }
}

message! {
    response 2, versions 1..=11, flexible 6..;

    /// The offsets found.
    pub struct ListOffsetsResponse<'a> {
        throttle_time_ms: i32 [2..],
        topics: [ListOffsetsTopicResponse<'a>],
    }

    /// The partitions of one topic.
    pub struct ListOffsetsTopicResponse<'a> {
        name: str,
        partitions: [ListOffsetsPartitionResponse],
    }

    /// An offset with its timestamp; -1 and -1 when there is none.
    pub struct ListOffsetsPartitionResponse {
        partition_index: i32,
        error_code: error,
        timestamp: i64 = -1,
        offset: i64 = -1,
        leader_epoch: i32 [4..] = -1,
    }
}
