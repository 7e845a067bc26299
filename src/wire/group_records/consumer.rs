//! Groups of the consumer protocol (KIP-848): epochs, members, targets, what each member has.
//!
//! Schemas: the files of the same names in Kafka's `group-coordinator` module.

message! {
    key 3, versions 0..=0;

    /// Which group.
    pub struct ConsumerGroupMetadataKey<'a> {
        group_id: str,
    }
}

message! {
    value 3, versions 0..=0, flexible 0..;

    /// The group's epoch, and a hash of the topics that it is subscribed to.
    pub struct ConsumerGroupMetadataValue {
        epoch: i32,
        metadata_hash: i64 tag 0 = 0,
    }
}

message! {
    key 4, versions 0..=0;

    /// Which group.
    pub struct ConsumerGroupPartitionMetadataKey<'a> {
        group_id: str,
    }
}

message! {
    value 4, versions 0..=0, flexible 0..;

    /// Its topics, as they were before Kafka 4.1.
    pub struct ConsumerGroupPartitionMetadataValue<'a> {
        topics: [TopicMetadata<'a>],
    }

    /// One topic.
    pub struct TopicMetadata<'a> {
        topic_id: uuid,
        topic_name: str,
        num_partitions: i32,
        partition_metadata: [PartitionMetadata<'a>],
    }

    /// One partition.
    pub struct PartitionMetadata<'a> {
        partition: i32,
        racks: [str],
    }
}

message! {
    key 5, versions 0..=0;

    /// Which member.
    pub struct ConsumerGroupMemberMetadataKey<'a> {
        group_id: str,
        member_id: str,
    }
}

message! {
    value 5, versions 0..=0, flexible 0..;

    /// What the member said of itself.
    pub struct ConsumerGroupMemberMetadataValue<'a> {
        instance_id: str nullable,
        rack_id: str nullable,
        client_id: str,
        client_host: str,
        subscribed_topic_names: [str],
        subscribed_topic_regex: str nullable,
        rebalance_timeout_ms: i32 = -1,
        server_assignor: str nullable,
        classic_member_metadata: ClassicMemberMetadata<'a> nullable tag 0,
    }

    /// Of a member that speaks the classic protocol.
    pub struct ClassicMemberMetadata<'a> {
        session_timeout_ms: i32,
        supported_protocols: [ClassicProtocol<'a>],
    }

    /// One of its protocols.
    pub struct ClassicProtocol<'a> {
        name: str,
        metadata: bytes,
    }
}

message! {
    key 6, versions 0..=0;

    /// Which group.
    pub struct ConsumerGroupTargetAssignmentMetadataKey<'a> {
        group_id: str,
    }
}

message! {
    value 6, versions 0..=0, flexible 0..;

    /// The group's epoch that the targets were computed for.
    pub struct ConsumerGroupTargetAssignmentMetadataValue {
        assignment_epoch: i32,
        assignment_timestamp: i64 tag 0 = 0,
    }
}

message! {
    key 7, versions 0..=0;

    /// Which member.
    pub struct ConsumerGroupTargetAssignmentMemberKey<'a> {
        group_id: str,
        member_id: str,
    }
}

message! {
    value 7, versions 0..=0, flexible 0..;

    /// What the member is to have.
    pub struct ConsumerGroupTargetAssignmentMemberValue<'a> {
        topic_partitions: [TopicPartition<'a>],
    }

    /// Partitions of one topic.
    pub struct TopicPartition<'a> {
        topic_id: uuid,
        partitions: [i32],
    }
}

message! {
    key 8, versions 0..=0;

    /// Which member.
    pub struct ConsumerGroupCurrentMemberAssignmentKey<'a> {
        group_id: str,
        member_id: str,
    }
}

message! {
    value 8, versions 0..=0, flexible 0..;

    /// What the member has, and what it is to give back.
    pub struct ConsumerGroupCurrentMemberAssignmentValue<'a> {
        member_epoch: i32,
        previous_member_epoch: i32,
        state: i8,
        assigned_partitions: [TopicPartitions<'a>],
        partitions_pending_revocation: [TopicPartitions<'a>],
    }

    /// Partitions of one topic.
    pub struct TopicPartitions<'a> {
        topic_id: uuid,
        partitions: [i32],
        assignment_epochs: [i32] nullable tag 0,
    }
}

message! {
    key 16, versions 0..=0;

    /// Which expression of which group.
    pub struct ConsumerGroupRegularExpressionKey<'a> {
        group_id: str,
        regular_expression: str,
    }
}

message! {
    value 16, versions 0..=0, flexible 0..;

    /// The topics that it stands for.
    pub struct ConsumerGroupRegularExpressionValue<'a> {
        topics: [str],
        version: i64,
        timestamp: i64,
    }
}
