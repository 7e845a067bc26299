//! Describes groups of the consumer protocol (KIP-848).
//!
//! Schemas: `ConsumerGroupDescribeRequest.json`, `ConsumerGroupDescribeResponse.json`.

message! {
    request 69, versions 0..=1, flexible 0..;

    /// Which groups.
    pub struct ConsumerGroupDescribeRequest<'a> {
        group_ids: [str],
        include_authorized_operations: bool,
    }
}

message! {
    response 69, versions 0..=1, flexible 0..;

    /// The groups.
    pub struct ConsumerGroupDescribeResponse<'a> {
        throttle_time_ms: i32,
        groups: [DescribedGroup<'a>],
    }

    /// One group.
    pub struct DescribedGroup<'a> {
        error_code: error,
        error_message: str nullable = None,
        group_id: str,
        group_state: str,
        group_epoch: i32,
        assignment_epoch: i32,
        assignor_name: str,
        members: [Member<'a>],
        authorized_operations: i32 = -2147483648,
    }

    /// One member of it.
    pub struct Member<'a> {
        member_id: str,
        instance_id: str nullable = None,
        rack_id: str nullable = None,
        member_epoch: i32,
        client_id: str,
        client_host: str,
        subscribed_topic_names: [str],
        subscribed_topic_regex: str nullable = None,
        assignment: Assignment<'a>,
        target_assignment: Assignment<'a>,
        member_type: i8 [1..] = -1,
    }

    /// Partitions of one member.
    pub struct Assignment<'a> {
        topic_partitions: [TopicPartitions<'a>],
    }

    /// Partitions of one topic.
    pub struct TopicPartitions<'a> {
        topic_id: uuid,
        topic_name: str,
        partitions: [i32],
    }
}
