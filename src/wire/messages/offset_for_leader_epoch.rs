//! Where a leader epoch ended, so that clients and followers find out about truncation.
//!
//! KIP-320; -1/-1 when the epoch is not known.
//! Schemas: `OffsetForLeaderEpochRequest.json`, `OffsetForLeaderEpochResponse.json`.

message! {
    request 23, versions 2..=4, flexible 4..;

    /// Asks where epochs ended.
    pub struct OffsetForLeaderEpochRequest<'a> {
        replica_id: i32 [3..] = -2,
        topics: [OffsetForLeaderTopic<'a>],
    }

    /// The partitions of one topic.
    pub struct OffsetForLeaderTopic<'a> {
        topic: str,
        partitions: [OffsetForLeaderPartition],
    }

    /// A partition and the epoch asked about.
    pub struct OffsetForLeaderPartition {
        partition: i32,
        current_leader_epoch: i32 = -1,
        leader_epoch: i32,
    }
}

message! {
    response 23, versions 2..=4, flexible 4..;

    /// Where the epochs ended.
    pub struct OffsetForLeaderEpochResponse<'a> {
        throttle_time_ms: i32,
        topics: [OffsetForLeaderTopicResult<'a>],
    }

    /// The partitions of one topic.
    pub struct OffsetForLeaderTopicResult<'a> {
        topic: str,
        partitions: [EpochEndOffset],
    }

    /// The largest epoch not above the one asked for, and its end.
    pub struct EpochEndOffset {
        error_code: error,
        partition: i32,
        leader_epoch: i32 = -1,
        end_offset: i64 = -1,
    }
}
