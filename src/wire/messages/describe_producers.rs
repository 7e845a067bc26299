//! Producers that a partition remembers.
//!
//! KIP-664.
//! Schemas: `DescribeProducersRequest.json`, `DescribeProducersResponse.json`.

message! {
    request 61, versions 0..=0, flexible 0..;

    /// Asks for the producers of partitions.
    pub struct DescribeProducersRequest<'a> {
        topics: [TopicRequest<'a>],
    }

    /// The partitions of one topic.
    pub struct TopicRequest<'a> {
        name: str,
        partition_indexes: [i32],
    }
}

message! {
    response 61, versions 0..=0, flexible 0..;

    /// The producers.
    pub struct DescribeProducersResponse<'a> {
        throttle_time_ms: i32,
        topics: [TopicResponse<'a>],
    }

    /// The partitions of one topic.
    pub struct TopicResponse<'a> {
        name: str,
        partitions: [PartitionResponse<'a>],
    }

    /// The producers of one partition.
    pub struct PartitionResponse<'a> {
        partition_index: i32,
        error_code: error,
        error_message: str nullable = None,
        active_producers: [ProducerState],
    }

    /// What a partition knows of a producer.
    pub struct ProducerState {
        producer_id: i64,
        producer_epoch: i32,
        last_sequence: i32 = -1,
        last_timestamp: i64 = -1,
        coordinator_epoch: i32,
        current_txn_start_offset: i64 = -1,
    }
}
