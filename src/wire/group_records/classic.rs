//! Groups of the classic protocol: members, generation and assignment in one record.
//!
//! Schemas: the files of the same names in Kafka's `group-coordinator` module.

message! {
    key 2, versions 0..=0;

    /// Which group.
    pub struct GroupMetadataKey<'a> {
        group: str,
    }
}

message! {
    value 2, versions 0..=4, flexible 4..;

    /// The group as of its last generation.
    pub struct GroupMetadataValue<'a> {
        protocol_type: str,
        generation: i32,
        protocol: str nullable,
        leader: str nullable,
        current_state_timestamp: i64 [2..] = -1,
        members: [MemberMetadata<'a>],
    }

    /// One member.
    pub struct MemberMetadata<'a> {
        member_id: str,
        group_instance_id: str [3..] nullable = None,
        client_id: str,
        client_host: str,
        rebalance_timeout: i32 [1..] = -1,
        session_timeout: i32,
        subscription: bytes,
        assignment: bytes,
    }
}
