//! Deletes committed offsets of a group (KIP-496).
//!
//! Schemas: `OffsetDeleteRequest.json`, `OffsetDeleteResponse.json`.

message! {
    request 47, versions 0..=0;

    /// Which offsets.
    pub struct OffsetDeleteRequest<'a> {
        group_id: str,
        topics: [OffsetDeleteRequestTopic<'a>],
    }

    /// Partitions of one topic.
    pub struct OffsetDeleteRequestTopic<'a> {
        name: str,
        partitions: [OffsetDeleteRequestPartition],
    }

    /// One partition.
    pub struct OffsetDeleteRequestPartition {
        partition_index: i32,
    }
}

message! {
    response 47, versions 0..=0;

    /// What became of each.
    pub struct OffsetDeleteResponse<'a> {
        error_code: error,
        throttle_time_ms: i32,
        topics: [OffsetDeleteResponseTopic<'a>],
    }

    /// The results of one topic.
    pub struct OffsetDeleteResponseTopic<'a> {
        name: str,
        partitions: [OffsetDeleteResponsePartition],
    }

    /// The result of one partition.
    pub struct OffsetDeleteResponsePartition {
        partition_index: i32,
        error_code: error,
    }
}
