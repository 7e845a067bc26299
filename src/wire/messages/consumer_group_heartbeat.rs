//! The one request of a member of a consumer group (KIP-848): joins, reports, leaves.
//!
//! Schemas: `ConsumerGroupHeartbeatRequest.json`, `ConsumerGroupHeartbeatResponse.json`.

message! {
    request 68, versions 0..=1, flexible 0..;

    /// What the member wants and has.
    pub struct ConsumerGroupHeartbeatRequest<'a> {
        group_id: str,
        member_id: str,
        member_epoch: i32,
        instance_id: str nullable = None,
        rack_id: str nullable = None,
        rebalance_timeout_ms: i32 = -1,
        subscribed_topic_names: [str] nullable = None,
        subscribed_topic_regex: str [1..] nullable = None,
        server_assignor: str nullable = None,
        topic_partitions: [TopicPartitions<'a>] nullable = None,
    }

    /// Partitions of one topic; in the response too.
    pub struct TopicPartitions<'a> {
        topic_id: uuid,
        partitions: [i32],
    }
}

message! {
    response 68, versions 0..=1, flexible 0..;

    /// What the member is to have.
    pub struct ConsumerGroupHeartbeatResponse<'a> {
        throttle_time_ms: i32,
        error_code: error,
        error_message: str nullable = None,
        member_id: str nullable = None,
        member_epoch: i32,
        heartbeat_interval_ms: i32,
        assignment: Assignment<'a> nullable = None,
    }

    /// All that the member is to have.
    pub struct Assignment<'a> {
        topic_partitions: [TopicPartitions<'a>],
    }
}
