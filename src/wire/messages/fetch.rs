//! Record batches for consumers and followers. The hot path.
//!
//! Sessions from v7 (KIP-227), diverging epochs from v12 (KIP-595), topic ids from v13 (KIP-516).
//! Records in a response may be external: a file range that the encoder does not hold.
//! Schemas: `FetchRequest.json`, `FetchResponse.json`.

message! {
    request 1, versions 4..=18, flexible 12..;

    /// Asks for records, and how long to wait for them.
    pub struct FetchRequest<'a> {
        cluster_id: str [12..] nullable tag 0 = None,
        replica_id: i32 [..=14] = -1,
        replica_state: ReplicaState [15..] tag 1,
        max_wait_ms: i32,
        min_bytes: i32,
        max_bytes: i32 = i32::MAX,
        /// 0 read uncommitted, 1 read committed.
        isolation_level: i8,
        session_id: i32 [7..],
        /// -1: no session, 0: a new one.
        session_epoch: i32 [7..] = -1,
        topics: [FetchTopic<'a>],
        forgotten_topics_data: [ForgottenTopic<'a>] [7..],
        rack_id: str [11..],
    }

    /// The follower that asks.
    pub struct ReplicaState {
        replica_id: i32 = -1,
        replica_epoch: i64 = -1,
    }

    /// The partitions of one topic.
    pub struct FetchTopic<'a> {
        topic: str [..=12],
        topic_id: uuid [13..],
        partitions: [FetchPartition],
    }

    /// From where to read, and how much.
    pub struct FetchPartition {
        partition: i32,
        /// -1: do not check.
        current_leader_epoch: i32 [9..] = -1,
        fetch_offset: i64,
        last_fetched_epoch: i32 [12..] = -1,
        log_start_offset: i64 [5..] = -1,
        partition_max_bytes: i32,
        replica_directory_id: uuid [17..] tag 0,
        /// What the follower knows; `i64::MAX` when it does not say.
        high_watermark: i64 [18..] tag 1 = i64::MAX,
    }

    /// Partitions that leave the session.
    pub struct ForgottenTopic<'a> {
        topic: str [..=12],
        topic_id: uuid [13..],
        partitions: [i32],
    }
}

message! {
    response 1, versions 4..=18, flexible 12..;

    /// Records.
    pub struct FetchResponse<'a> {
        throttle_time_ms: i32,
        error_code: error [7..],
        session_id: i32 [7..],
        responses: [FetchableTopicResponse<'a>],
        node_endpoints: [NodeEndpoint<'a>] [16..] tag 0,
    }

    /// The partitions of one topic.
    pub struct FetchableTopicResponse<'a> {
        topic: str [..=12],
        topic_id: uuid [13..],
        partitions: [PartitionData<'a>],
    }

    /// One partition: its offsets and its records.
    pub struct PartitionData<'a> {
        partition_index: i32,
        error_code: error,
        high_watermark: i64,
        last_stable_offset: i64 = -1,
        log_start_offset: i64 [5..] = -1,
        diverging_epoch: EpochEndOffset [12..] tag 0,
        current_leader: LeaderIdAndEpoch [12..] tag 1,
        snapshot_id: SnapshotId [12..] tag 2,
        /// Null for uncommitted reads.
        aborted_transactions: [AbortedTransaction] nullable,
        preferred_read_replica: i32 [11..] = -1,
        records: records nullable,
    }

    /// The largest epoch and end offset that the leader's log and the fetcher's may share.
    pub struct EpochEndOffset {
        epoch: i32 = -1,
        end_offset: i64 = -1,
    }

    /// The leader to go to instead.
    pub struct LeaderIdAndEpoch {
        leader_id: i32 = -1,
        leader_epoch: i32 = -1,
    }

    /// A metadata snapshot to fetch instead.
    pub struct SnapshotId {
        end_offset: i64 = -1,
        epoch: i32 = -1,
    }

    /// A transaction whose records a committed read must skip.
    pub struct AbortedTransaction {
        producer_id: i64,
        first_offset: i64,
    }

    /// Where a leader named above listens.
    pub struct NodeEndpoint<'a> {
        node_id: i32,
        host: str,
        port: i32,
        rack: str nullable = None,
    }
}
