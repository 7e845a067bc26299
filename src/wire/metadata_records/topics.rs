//! Metadata records about topics and partitions.
//!
//! A topic's partitions follow it; removing the topic removes them (KIP-500, KIP-631, KIP-966).
//! Schemas: the files of the same names in Kafka's `metadata` module.

message! {
    metadata 2, versions 0..=0, flexible 0..;

    /// A topic with its id.
    pub struct TopicRecord<'a> {
        name: str,
        topic_id: uuid,
    }
}

message! {
    metadata 9, versions 0..=0, flexible 0..;

    /// A topic is gone.
    pub struct RemoveTopicRecord {
        topic_id: uuid,
    }
}

message! {
    metadata 3, versions 0..=2, flexible 0..;

    /// A partition.
    pub struct PartitionRecord<'a> {
        partition_id: i32 = -1,
        topic_id: uuid,
        /// The preferred leader first.
        replicas: [i32],
        isr: [i32],
        removing_replicas: [i32],
        adding_replicas: [i32],
        /// -1: none.
        leader: i32 = -1,
        leader_recovery_state: i8 tag 0,
        leader_epoch: i32 = -1,
        partition_epoch: i32 = -1,
        directories: [uuid] [1..],
        eligible_leader_replicas: [i32] [2..] nullable tag 1 = None,
        last_known_elr: [i32] [2..] nullable tag 2 = None,
    }
}

message! {
    metadata 5, versions 0..=2, flexible 0..;

    /// A partition changed. A field with its default has not.
    pub struct PartitionChangeRecord<'a> {
        partition_id: i32 = -1,
        topic_id: uuid,
        isr: [i32] nullable tag 0 = None,
        /// -1: none now; -2: as it was.
        leader: i32 tag 1 = -2,
        replicas: [i32] nullable tag 2 = None,
        removing_replicas: [i32] nullable tag 3 = None,
        adding_replicas: [i32] nullable tag 4 = None,
        leader_recovery_state: i8 tag 5 = -1,
        eligible_leader_replicas: [i32] [2..] nullable tag 6 = None,
        last_known_elr: [i32] [2..] nullable tag 7 = None,
        directories: [uuid] [1..] nullable tag 8 = None,
    }
}

message! {
    metadata 28, versions 0..=0, flexible 0..;

    /// The eligible leader replicas of a topic, or of all, are forgotten.
    pub struct ClearElrRecord<'a> {
        topic_name: str,
    }
}
