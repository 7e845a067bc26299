//! Record batches from producers. The hot path: one batch per partition, borrowed as it came.
//!
//! Topics by id from v13 (KIP-516); v12 adds partitions to the transaction by itself (KIP-890).
//! Versions 0 to 2 are advertised for old librdkafka, and refused.
//! Schemas: `ProduceRequest.json`, `ProduceResponse.json`.

message! {
    request 0, versions 3..=13, flexible 9..;

    /// Batches to append.
    pub struct ProduceRequest<'a> {
        transactional_id: str nullable = None,
        /// 0: no answer, 1: the leader has it, -1: all in-sync replicas have it.
        acks: i16,
        timeout_ms: i32,
        topic_data: [TopicProduceData<'a>],
    }

    /// The batches for one topic.
    pub struct TopicProduceData<'a> {
        name: str [..=12],
        topic_id: uuid [13..],
        partition_data: [PartitionProduceData<'a>],
    }

    /// The batch for one partition.
    pub struct PartitionProduceData<'a> {
        index: i32,
        /// One batch of format v2.
        records: records nullable,
    }
}

message! {
    response 0, versions 3..=13, flexible 9..;

    /// What became of each batch.
    pub struct ProduceResponse<'a> {
        responses: [TopicProduceResponse<'a>],
        throttle_time_ms: i32,
        node_endpoints: [NodeEndpoint<'a>] [10..] tag 0,
    }

    /// The results of one topic.
    pub struct TopicProduceResponse<'a> {
        name: str [..=12],
        topic_id: uuid [13..],
        partition_responses: [PartitionProduceResponse<'a>],
    }

    /// Where a batch went, or why it was refused.
    pub struct PartitionProduceResponse<'a> {
        index: i32,
        error_code: error,
        base_offset: i64,
        /// -1 unless the topic has LogAppendTime.
        log_append_time_ms: i64 = -1,
        log_start_offset: i64 [5..] = -1,
        record_errors: [BatchIndexAndErrorMessage<'a>] [8..],
        error_message: str [8..] nullable = None,
        current_leader: LeaderIdAndEpoch [10..] tag 0,
    }

    /// A record that made its batch fail.
    pub struct BatchIndexAndErrorMessage<'a> {
        batch_index: i32,
        batch_index_error_message: str nullable = None,
    }

    /// The leader to go to instead.
    pub struct LeaderIdAndEpoch {
        leader_id: i32 = -1,
        leader_epoch: i32 = -1,
    }

    /// Where a leader named above listens.
    pub struct NodeEndpoint<'a> {
        node_id: i32,
        host: str,
        port: i32,
        rack: str nullable = None,
    }
}
