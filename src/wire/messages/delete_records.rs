//! Moves the log start offset of partitions.
//!
//! An offset of -1 means the high watermark (KIP-107).
//! Schemas: `DeleteRecordsRequest.json`, `DeleteRecordsResponse.json`.

message! {
    request 21, versions 0..=2, flexible 2..;

    /// Offsets before which records go.
    pub struct DeleteRecordsRequest<'a> {
        topics: [DeleteRecordsTopic<'a>],
        timeout_ms: i32,
    }

    /// The partitions of one topic.
    pub struct DeleteRecordsTopic<'a> {
        name: str,
        partitions: [DeleteRecordsPartition],
    }

    /// A partition and the offset that becomes its start.
    pub struct DeleteRecordsPartition {
        partition_index: i32,
        /// -1: the high watermark.
        offset: i64,
    }
}

message! {
    response 21, versions 0..=2, flexible 2..;

    /// Where the logs start now.
    pub struct DeleteRecordsResponse<'a> {
        throttle_time_ms: i32,
        topics: [DeleteRecordsTopicResult<'a>],
    }

    /// The partitions of one topic.
    pub struct DeleteRecordsTopicResult<'a> {
        name: str,
        partitions: [DeleteRecordsPartitionResult],
    }

    /// The low watermark of one partition.
    pub struct DeleteRecordsPartitionResult {
        partition_index: i32,
        low_watermark: i64,
        error_code: error,
    }
}
