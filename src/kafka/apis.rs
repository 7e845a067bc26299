//! The list of what is served. ApiVersions, dispatch and the README's table are made from it.

use super::call::Call;
use super::{
    acls, alter_configs, create_partitions, create_topics, delete_records, delete_topics,
    describe_client_quotas, describe_cluster, describe_configs, describe_log_dirs,
    describe_producers, describe_quorum, describe_topic_partitions,
    describe_user_scram_credentials, elect_leaders, find_coordinator, init_producer_id,
    list_config_resources, list_offsets, list_partition_reassignments, list_transactions, metadata,
    offset_for_leader_epoch,
};
use crate::broker::{Controller, Shared};
use crate::wire::api::ApiKey;
use crate::wire::codec::{DecodeError, Reader, Writer};

/// A handler that runs on the worker and never blocks.
pub type Inline = fn(&Shared, &Call<'_>, &mut Reader<'_>, &mut Writer) -> Result<(), DecodeError>;
/// A handler that runs on the controller thread and may block.
pub type Offloaded =
    fn(&mut Controller, &Call<'_>, &mut Reader<'_>, &mut Writer) -> Result<(), DecodeError>;

/// A handler that answers on the worker what needs no waiting; `false`: the controller must do it.
pub type Quick = fn(&Shared, &Call<'_>, &mut Reader<'_>, &mut Writer) -> Result<bool, DecodeError>;

/// How an API is served.
#[derive(Clone, Copy)]
pub enum Handler {
    /// By the service itself, which knows the API by its key.
    Service,
    /// On the worker.
    Inline(Inline),
    /// On the controller thread.
    Offloaded(Offloaded),
    /// On the worker if that can be done at once, else on the controller thread.
    Either(Quick, Offloaded),
}

/// One API that is served, in all of Kafka's stable versions.
#[derive(Clone, Copy)]
pub struct Api {
    /// Its key.
    pub key: ApiKey,
    /// How it is served.
    pub handler: Handler,
}

const fn service(key: ApiKey) -> Api {
    Api { key, handler: Handler::Service }
}

const fn inline(key: ApiKey, handler: Inline) -> Api {
    Api { key, handler: Handler::Inline(handler) }
}

const fn offloaded(key: ApiKey, handler: Offloaded) -> Api {
    Api { key, handler: Handler::Offloaded(handler) }
}

const fn either(key: ApiKey, quick: Quick, handler: Offloaded) -> Api {
    Api { key, handler: Handler::Either(quick, handler) }
}

/// All that is served, by key.
pub const SERVED: &[Api] = &[
    service(ApiKey::Produce),
    service(ApiKey::Fetch),
    either(ApiKey::ListOffsets, list_offsets::handle_quickly, list_offsets::handle),
    inline(ApiKey::Metadata, metadata::handle),
    service(ApiKey::OffsetCommit),
    service(ApiKey::OffsetFetch),
    inline(ApiKey::FindCoordinator, find_coordinator::handle),
    service(ApiKey::JoinGroup),
    service(ApiKey::Heartbeat),
    service(ApiKey::LeaveGroup),
    service(ApiKey::SyncGroup),
    service(ApiKey::DescribeGroups),
    service(ApiKey::ListGroups),
    service(ApiKey::ApiVersions),
    offloaded(ApiKey::CreateTopics, create_topics::handle),
    offloaded(ApiKey::DeleteTopics, delete_topics::handle),
    offloaded(ApiKey::DeleteRecords, delete_records::handle),
    either(ApiKey::InitProducerId, init_producer_id::handle_quickly, init_producer_id::handle),
    inline(ApiKey::OffsetForLeaderEpoch, offset_for_leader_epoch::handle),
    inline(ApiKey::DescribeAcls, acls::describe),
    inline(ApiKey::CreateAcls, acls::create),
    inline(ApiKey::DeleteAcls, acls::delete),
    inline(ApiKey::DescribeConfigs, describe_configs::handle),
    offloaded(ApiKey::AlterConfigs, alter_configs::handle_replace),
    offloaded(ApiKey::DescribeLogDirs, describe_log_dirs::handle),
    offloaded(ApiKey::CreatePartitions, create_partitions::handle),
    service(ApiKey::DeleteGroups),
    inline(ApiKey::ElectLeaders, elect_leaders::handle),
    offloaded(ApiKey::IncrementalAlterConfigs, alter_configs::handle_incremental),
    inline(ApiKey::ListPartitionReassignments, list_partition_reassignments::handle),
    service(ApiKey::OffsetDelete),
    inline(ApiKey::DescribeClientQuotas, describe_client_quotas::handle),
    inline(ApiKey::DescribeUserScramCredentials, describe_user_scram_credentials::handle),
    offloaded(ApiKey::DescribeQuorum, describe_quorum::handle),
    inline(ApiKey::DescribeCluster, describe_cluster::handle),
    inline(ApiKey::DescribeProducers, describe_producers::handle),
    offloaded(ApiKey::ListTransactions, list_transactions::handle),
    service(ApiKey::ConsumerGroupHeartbeat),
    service(ApiKey::ConsumerGroupDescribe),
    inline(ApiKey::ListConfigResources, list_config_resources::handle),
    inline(ApiKey::DescribeTopicPartitions, describe_topic_partitions::handle),
];

/// The API with this key, if it is served.
pub fn find(key: i16) -> Option<&'static Api> {
    SERVED.iter().find(|api| api.key as i16 == key)
}

/// The lowest version that is advertised. Produce is advertised from 0 although 0–2 are refused:
/// without it released versions of librdkafka turn compression off (KAFKA-18659).
pub fn advertised_min(key: ApiKey) -> i16 {
    if key == ApiKey::Produce { 0 } else { *key.valid_versions().start() }
}

/// The highest version that is advertised: the highest stable one.
pub fn advertised_max(key: ApiKey) -> i16 {
    key.latest_stable_version()
}

/// Whether a request of this version is served.
pub fn serves(key: ApiKey, version: i16) -> bool {
    (*key.valid_versions().start()..=advertised_max(key)).contains(&version)
}

/// The table of served APIs in Markdown, for the README.
pub fn markdown_table() -> String {
    let mut table = String::from("| API | key | versions |\n| --- | ---: | --- |\n");
    for api in SERVED {
        let (min, max) = (api.key.valid_versions().start().to_owned(), advertised_max(api.key));
        table += &format!("| {} | {} | {min}–{max} |\n", api.key.name(), api.key as i16);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_keys_and_without_duplicates() {
        assert!(SERVED.windows(2).all(|pair| (pair[0].key as i16) < pair[1].key as i16));
    }
}
