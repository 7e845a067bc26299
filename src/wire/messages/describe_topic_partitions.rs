//! Topics and partitions page by page.
//!
//! A cursor says where the next page starts (KIP-966).
//! Schemas: `DescribeTopicPartitionsRequest.json`, `DescribeTopicPartitionsResponse.json`.

message! {
    request 75, versions 0..=0, flexible 0..;

    /// Asks for a page.
    pub struct DescribeTopicPartitionsRequest<'a> {
        topics: [TopicRequest<'a>],
        response_partition_limit: i32 = 2000,
        cursor: Cursor<'a> nullable = None,
    }

    /// A topic.
    pub struct TopicRequest<'a> {
        name: str,
    }

    /// The first partition of a page. The response has the same.
    pub struct Cursor<'a> {
        topic_name: str,
        partition_index: i32,
    }
}

message! {
    response 75, versions 0..=0, flexible 0..;

    /// A page, and where the next one starts.
    pub struct DescribeTopicPartitionsResponse<'a> {
        throttle_time_ms: i32,
        topics: [DescribeTopicPartitionsResponseTopic<'a>],
        next_cursor: Cursor<'a> nullable = None,
    }

    /// A topic, or why it cannot be described.
    pub struct DescribeTopicPartitionsResponseTopic<'a> {
        error_code: error,
        name: str nullable,
        topic_id: uuid,
        is_internal: bool,
        partitions: [DescribeTopicPartitionsResponsePartition<'a>],
        topic_authorized_operations: i32 = i32::MIN,
    }

    /// A partition, its leader and its replicas.
    pub struct DescribeTopicPartitionsResponsePartition<'a> {
        error_code: error,
        partition_index: i32,
        leader_id: i32,
        leader_epoch: i32 = -1,
        replica_nodes: [i32],
        isr_nodes: [i32],
        eligible_leader_replicas: [i32] nullable = None,
        last_known_elr: [i32] nullable = None,
        offline_replicas: [i32],
    }
}
