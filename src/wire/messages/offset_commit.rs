//! A group, or a consumer without one, commits offsets.
//!
//! Schemas: `OffsetCommitRequest.json`, `OffsetCommitResponse.json`.

message! {
    request 8, versions 2..=10, flexible 8..;

    /// Offsets to keep for a group.
    pub struct OffsetCommitRequest<'a> {
        group_id: str,
        generation_id_or_member_epoch: i32 = -1,
        member_id: str,
        group_instance_id: str [7..] nullable = None,
        retention_time_ms: i64 [..=4] = -1,
        topics: [OffsetCommitRequestTopic<'a>],
    }

    /// The offsets of one topic.
    pub struct OffsetCommitRequestTopic<'a> {
        name: str [..=9],
        topic_id: uuid [10..],
        partitions: [OffsetCommitRequestPartition<'a>],
    }

    /// The offset of one partition.
    pub struct OffsetCommitRequestPartition<'a> {
        partition_index: i32,
        committed_offset: i64,
        committed_leader_epoch: i32 [6..] = -1,
        committed_metadata: str nullable,
    }
}

message! {
    response 8, versions 2..=10, flexible 8..;

    /// What became of each.
    pub struct OffsetCommitResponse<'a> {
        throttle_time_ms: i32 [3..],
        topics: [OffsetCommitResponseTopic<'a>],
    }

    /// The results of one topic.
    pub struct OffsetCommitResponseTopic<'a> {
        name: str [..=9],
        topic_id: uuid [10..],
        partitions: [OffsetCommitResponsePartition],
    }

    /// The result of one partition.
    pub struct OffsetCommitResponsePartition {
        partition_index: i32,
        error_code: error,
    }
}
