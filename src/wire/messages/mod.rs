//! The messages: one file per API, with its request and its response in all versions.
//!
//! The files hold declarations only; `declare.rs` says how to read them and what they make.

use super::codec::{DecodeError, Message, Reader, Root, Writer};
use super::schema::Schema;

#[cfg(test)]
mod tests;

/// A message without its type, for what handles all of them: tests, fuzzers, tables of versions.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its declaration.
    pub schema: &'static Schema,
    /// Decodes a message of a version and encodes it again; gives the bytes that it took.
    pub transcode: fn(&[u8], i16, &mut Writer) -> Result<usize, DecodeError>,
    /// Encodes a message of nothing but defaults.
    pub encode_default: fn(i16, &mut Writer),
}

/// One line per module: its name and its messages.
macro_rules! catalogue {
    ($($module:ident: $($message:ident),+;)+) => {
        $(pub mod $module;)+

        /// Every message that is declared here.
        pub static ALL: &[Entry] = &[$($(Entry {
            schema: $module::$message::SCHEMA,
            transcode: |bytes, version, w| {
                let mut r = Reader::new(bytes);
                $module::$message::decode(&mut r, version)?.encode(w, version);
                Ok(r.position())
            },
            encode_default: |version, w| $module::$message::default().encode(w, version),
        }),+),+];
    };
}

catalogue! {
    alter_configs: AlterConfigsRequest, AlterConfigsResponse;
    alter_partition_reassignments: AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
    api_versions: ApiVersionsRequest, ApiVersionsResponse;
    consumer_group_describe: ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse;
    consumer_group_heartbeat: ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse;
    create_acls: CreateAclsRequest, CreateAclsResponse;
    create_partitions: CreatePartitionsRequest, CreatePartitionsResponse;
    create_topics: CreateTopicsRequest, CreateTopicsResponse;
    delete_acls: DeleteAclsRequest, DeleteAclsResponse;
    delete_groups: DeleteGroupsRequest, DeleteGroupsResponse;
    delete_records: DeleteRecordsRequest, DeleteRecordsResponse;
    delete_topics: DeleteTopicsRequest, DeleteTopicsResponse;
    describe_acls: DescribeAclsRequest, DescribeAclsResponse;
    describe_client_quotas: DescribeClientQuotasRequest, DescribeClientQuotasResponse;
    describe_cluster: DescribeClusterRequest, DescribeClusterResponse;
    describe_configs: DescribeConfigsRequest, DescribeConfigsResponse;
    describe_groups: DescribeGroupsRequest, DescribeGroupsResponse;
    describe_log_dirs: DescribeLogDirsRequest, DescribeLogDirsResponse;
    describe_producers: DescribeProducersRequest, DescribeProducersResponse;
    describe_quorum: DescribeQuorumRequest, DescribeQuorumResponse;
    describe_topic_partitions: DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
    describe_user_scram_credentials: DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse;
    elect_leaders: ElectLeadersRequest, ElectLeadersResponse;
    fetch: FetchRequest, FetchResponse;
    find_coordinator: FindCoordinatorRequest, FindCoordinatorResponse;
    heartbeat: HeartbeatRequest, HeartbeatResponse;
    incremental_alter_configs: IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
    init_producer_id: InitProducerIdRequest, InitProducerIdResponse;
    join_group: JoinGroupRequest, JoinGroupResponse;
    leave_group: LeaveGroupRequest, LeaveGroupResponse;
    list_config_resources: ListConfigResourcesRequest, ListConfigResourcesResponse;
    list_groups: ListGroupsRequest, ListGroupsResponse;
    list_offsets: ListOffsetsRequest, ListOffsetsResponse;
    list_partition_reassignments: ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse;
    list_transactions: ListTransactionsRequest, ListTransactionsResponse;
    metadata: MetadataRequest, MetadataResponse;
    offset_commit: OffsetCommitRequest, OffsetCommitResponse;
    offset_delete: OffsetDeleteRequest, OffsetDeleteResponse;
    offset_fetch: OffsetFetchRequest, OffsetFetchResponse;
    offset_for_leader_epoch: OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
    produce: ProduceRequest, ProduceResponse;
    sync_group: SyncGroupRequest, SyncGroupResponse;
}
