//! Asks for committed offsets: of one group up to v7, of many from v8 on (KIP-709).
//!
//! Schemas: `OffsetFetchRequest.json`, `OffsetFetchResponse.json`.

message! {
    request 9, versions 1..=10, flexible 6..;

    /// Which offsets to give.
    pub struct OffsetFetchRequest<'a> {
        group_id: str [..=7],
        topics: [OffsetFetchRequestTopic<'a>] [..=7] nullable [2..],
        groups: [OffsetFetchRequestGroup<'a>] [8..],
        require_stable: bool [7..] = false,
    }

    /// Partitions of one topic.
    pub struct OffsetFetchRequestTopic<'a> {
        name: str [..=7],
        partition_indexes: [i32] [..=7],
    }

    /// One group.
    pub struct OffsetFetchRequestGroup<'a> {
        group_id: str [8..],
        member_id: str [9..] nullable = None,
        member_epoch: i32 [9..] = -1,
        topics: [OffsetFetchRequestTopics<'a>] [8..] nullable,
    }

    /// Partitions of one topic, in a group.
    pub struct OffsetFetchRequestTopics<'a> {
        name: str [8..=9],
        topic_id: uuid [10..],
        partition_indexes: [i32] [8..],
    }
}

message! {
    response 9, versions 1..=10, flexible 6..;

    /// The offsets.
    pub struct OffsetFetchResponse<'a> {
        throttle_time_ms: i32 [3..],
        topics: [OffsetFetchResponseTopic<'a>] [..=7],
        error_code: error [2..=7],
        groups: [OffsetFetchResponseGroup<'a>] [8..],
    }

    /// The offsets of one topic.
    pub struct OffsetFetchResponseTopic<'a> {
        name: str [..=7],
        partitions: [OffsetFetchResponsePartition<'a>] [..=7],
    }

    /// The offsets of one group.
    pub struct OffsetFetchResponseGroup<'a> {
        group_id: str [8..],
        topics: [OffsetFetchResponseTopics<'a>] [8..],
        error_code: error [8..],
    }

    /// The offset of one partition.
    pub struct OffsetFetchResponsePartition<'a> {
        partition_index: i32 [..=7],
        committed_offset: i64 [..=7],
        committed_leader_epoch: i32 [5..=7] = -1,
        metadata: str [..=7] nullable,
        error_code: error [..=7],
    }

    /// The offsets of one topic, in a group.
    pub struct OffsetFetchResponseTopics<'a> {
        name: str [8..=9],
        topic_id: uuid [10..],
        partitions: [OffsetFetchResponsePartitions<'a>] [8..],
    }

    /// The offset of one partition, in a group.
    pub struct OffsetFetchResponsePartitions<'a> {
        partition_index: i32 [8..],
        committed_offset: i64 [8..],
        committed_leader_epoch: i32 [8..] = -1,
        metadata: str [8..] nullable,
        error_code: error [8..],
    }
}
