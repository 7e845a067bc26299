//! Brokers, topics, partitions and their leaders.
//!
//! v0 asks for all topics by an empty list, later versions by null; an empty list then means none.
//! Topic ids: in answers from v10, in questions from v12 (KIP-516).
//! Schemas: `MetadataRequest.json`, `MetadataResponse.json`.

message! {
    request 3, versions 0..=13, flexible 9..;

    /// Asks about some topics or all.
    pub struct MetadataRequest<'a> {
        /// All topics when null, or in v0 when empty.
        topics: [MetadataRequestTopic<'a>] nullable [1..],
        allow_auto_topic_creation: bool [4..] = true,
        include_cluster_authorized_operations: bool [8..=10],
        include_topic_authorized_operations: bool [8..],
    }

    /// A topic by name, or from v12 on by id.
    pub struct MetadataRequestTopic<'a> {
        topic_id: uuid [10..],
        name: str nullable [10..],
    }
}

message! {
    response 3, versions 0..=13, flexible 9..;

    /// The cluster as clients see it.
    pub struct MetadataResponse<'a> {
        throttle_time_ms: i32 [3..],
        brokers: [MetadataResponseBroker<'a>],
        cluster_id: str [2..] nullable = None,
        controller_id: i32 [1..] = -1,
        topics: [MetadataResponseTopic<'a>],
        cluster_authorized_operations: i32 [8..=10] = i32::MIN,
        error_code: error [13..],
    }

    /// A broker and where it listens.
    pub struct MetadataResponseBroker<'a> {
        node_id: i32,
        host: str,
        port: i32,
        rack: str [1..] nullable = None,
    }

    /// A topic, or why it cannot be described.
    pub struct MetadataResponseTopic<'a> {
        error_code: error,
        name: str nullable [12..],
        topic_id: uuid [10..],
        is_internal: bool [1..],
        partitions: [MetadataResponsePartition<'a>],
        topic_authorized_operations: i32 [8..] = i32::MIN,
    }

    /// A partition, its leader and its replicas.
    pub struct MetadataResponsePartition<'a> {
        error_code: error,
        partition_index: i32,
        leader_id: i32,
        leader_epoch: i32 [7..] = -1,
        replica_nodes: [i32],
        isr_nodes: [i32],
        offline_replicas: [i32] [5..],
    }
}
