//! Kafka's requests and their answers: what clients talk to.
//!
//! One handler file per API; [`apis`] is the list of what is served, from which ApiVersions and the
//! README's table are made, so that nothing is advertised that has no handler. [`service`] is what
//! a worker runs: it frames, decodes headers, dispatches, parks and wakes.
//!
//! Kinds of handlers. *Inline* ones run on the worker and never block. *Offloaded* ones change
//! metadata or may wait for a disk: they run on the controller thread, one after the other, and the
//! connection waits for them (as Kafka executes one request of a connection at a time). Some are
//! *either*: answered on the worker where nothing needs waiting, else offloaded.

mod acls;
mod alter_configs;
mod api_versions;
pub mod apis;
mod call;
mod clients;
mod create_partitions;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod describe_user_scram_credentials;
mod elect_leaders;
mod fetch;
mod find_coordinator;
mod groups;
mod init_producer_id;
mod list_config_resources;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod metadata;
mod offload;
mod offset_for_leader_epoch;
mod parked;
mod produce;
mod service;
mod tally;
mod throttle;
mod trace;
mod twice;
mod wakes;

pub use create_topics::MAX_PARTITIONS_PER_REQUEST;
pub use service::KafkaService;
