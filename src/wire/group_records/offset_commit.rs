//! Committed offsets: one record each, found by group, topic and partition.
//!
//! Schemas: the files of the same names in Kafka's `group-coordinator` module.

message! {
    key 1, versions 0..=0;

    /// Whose offset it is.
    pub struct OffsetCommitKey<'a> {
        group: str,
        topic: str,
        partition: i32,
    }
}

message! {
    value 1, versions 0..=4, flexible 4..;

    /// The offset; in version 1 with a time at which it ends.
    pub struct OffsetCommitValue<'a> {
        offset: i64,
        leader_epoch: i32 [3..] = -1,
        metadata: str,
        commit_timestamp: i64,
        expire_timestamp: i64 [1..=1] = -1,
        topic_id: uuid [4..] tag 0,
    }
}
