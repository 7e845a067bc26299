//! Log directories of a broker and what is in them.
//!
//! KIP-113; volume sizes from v4 (KIP-827), cordoned flag from v5 (KIP-1066).
//! Schemas: `DescribeLogDirsRequest.json`, `DescribeLogDirsResponse.json`.

message! {
    request 35, versions 1..=5, flexible 2..;

    /// Asks for partitions on disk; null for all.
    pub struct DescribeLogDirsRequest<'a> {
        topics: [DescribableLogDirTopic<'a>] nullable,
    }

    /// The partitions of one topic.
    pub struct DescribableLogDirTopic<'a> {
        topic: str,
        partitions: [i32],
    }
}

message! {
    response 35, versions 1..=5, flexible 2..;

    /// The log directories.
    pub struct DescribeLogDirsResponse<'a> {
        throttle_time_ms: i32,
        error_code: error [3..],
        results: [DescribeLogDirsResult<'a>],
    }

    /// One directory.
    pub struct DescribeLogDirsResult<'a> {
        error_code: error,
        log_dir: str,
        topics: [DescribeLogDirsTopic<'a>],
        total_bytes: i64 [4..] = -1,
        usable_bytes: i64 [4..] = -1,
        is_cordoned: bool [5..],
    }

    /// A topic with partitions there.
    pub struct DescribeLogDirsTopic<'a> {
        name: str,
        partitions: [DescribeLogDirsPartition],
    }

    /// A partition there and its size.
    pub struct DescribeLogDirsPartition {
        partition_index: i32,
        partition_size: i64,
        offset_lag: i64,
        is_future_key: bool,
    }
}
