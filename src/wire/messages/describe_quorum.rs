//! The state of the metadata quorum.
//!
//! KIP-595, KIP-836, KIP-853.
//! Schemas: `DescribeQuorumRequest.json`, `DescribeQuorumResponse.json`.

/// The request; its parts have the names of the answer's.
pub mod request {
    message! {
        request 55, versions 0..=2, flexible 0..;

        /// Asks about a partition that has a quorum: there is one.
        pub struct DescribeQuorumRequest<'a> {
            topics: [TopicData<'a>],
        }

        /// The partitions of one topic.
        pub struct TopicData<'a> {
            topic_name: str,
            partitions: [PartitionData],
        }

        /// One partition.
        pub struct PartitionData {
            partition_index: i32,
        }
    }
}

pub use request::DescribeQuorumRequest;

message! {
    response 55, versions 0..=2, flexible 0..;

    /// The state.
    pub struct DescribeQuorumResponse<'a> {
        error_code: error,
        error_message: str [2..] nullable,
        topics: [TopicData<'a>],
        nodes: [Node<'a>] [2..],
    }

    /// The partitions of one topic.
    pub struct TopicData<'a> {
        topic_name: str,
        partitions: [PartitionData<'a>],
    }

    /// The quorum of one partition.
    pub struct PartitionData<'a> {
        partition_index: i32,
        error_code: error,
        error_message: str [2..] nullable,
        leader_id: i32,
        leader_epoch: i32,
        high_watermark: i64,
        current_voters: [ReplicaState],
        observers: [ReplicaState],
    }

    /// How far a replica is.
    pub struct ReplicaState {
        replica_id: i32,
        replica_directory_id: uuid [2..],
        log_end_offset: i64,
        last_fetch_timestamp: i64 [1..] = -1,
        last_caught_up_timestamp: i64 [1..] = -1,
    }

    /// Where a voter is reached.
    pub struct Node<'a> {
        node_id: i32,
        listeners: [Listener<'a>],
    }

    /// One of its listeners.
    pub struct Listener<'a> {
        name: str,
        host: str,
        port: u16,
    }
}
