//! Tiered storage: one row per setting, by name.
//!
//! Names, types, defaults and ranges are those of Kafka 4.3.1, from
//! Kafka's `RemoteLogManagerConfig`;
//! the words are ours. A row never changes a Kafka default.

use super::super::setting::{Setting, boolean, int, long, string};

#[rustfmt::skip]
pub(super) static ROWS: &[Setting] = &[
    boolean("follower.fetch.last.tiered.offset.enable").default("false").cluster_wide()
        .doc("Let new followers start from the last tiered offset."),
    int("remote.fetch.max.wait.ms").default("500").at_least(1).cluster_wide()
        .doc("Longest a Fetch waits for remote data."),
    long("remote.list.offsets.request.timeout.ms").default("30000").at_least(1).cluster_wide()
        .doc("Longest a ListOffsets waits for a remote lookup."),
    long("remote.log.index.file.cache.total.size.bytes")
        .default("1073741824").at_least(1).cluster_wide()
        .doc("Disk space for locally cached indexes of remote segments."),
    int("remote.log.manager.copier.thread.pool.size").default("10").at_least(1).cluster_wide()
        .doc("Threads copying segments to remote storage."),
    long("remote.log.manager.copy.max.bytes.per.second")
        .default("9223372036854775807").at_least(1).cluster_wide()
        .doc("Upload rate limit to remote storage."),
    int("remote.log.manager.copy.quota.window.num").default("11").at_least(1)
        .doc("Sample count of the upload rate limit."),
    int("remote.log.manager.copy.quota.window.size.seconds").default("1").at_least(1)
        .doc("Sample length of the upload rate limit."),
    int("remote.log.manager.expiration.thread.pool.size").default("10").at_least(1).cluster_wide()
        .doc("Threads expiring remote segments."),
    long("remote.log.manager.fetch.max.bytes.per.second")
        .default("9223372036854775807").at_least(1).cluster_wide()
        .doc("Download rate limit from remote storage."),
    int("remote.log.manager.fetch.quota.window.num").default("11").at_least(1)
        .doc("Sample count of the download rate limit."),
    int("remote.log.manager.fetch.quota.window.size.seconds").default("1").at_least(1)
        .doc("Sample length of the download rate limit."),
    int("remote.log.manager.follower.thread.pool.size").default("2").at_least(1).cluster_wide()
        .doc("Threads doing tiering bookkeeping on followers."),
    long("remote.log.manager.task.interval.ms").default("30000").at_least(1)
        .doc("Pause between runs of the tiering tasks."),
    int("remote.log.manager.thread.pool.size").default("2").at_least(1)
        .doc("Deprecated shared pool size for tiering tasks."),
    int("remote.log.metadata.custom.metadata.max.bytes").default("128").at_least(0)
        .doc("Largest custom metadata blob a storage plugin may attach to a segment."),
    string("remote.log.metadata.manager.class.name")
        .default("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager").not_empty()
        .doc("Class of the remote log metadata plugin."),
    string("remote.log.metadata.manager.class.path")
        .doc("Class path from which the remote log metadata plugin is loaded."),
    string("remote.log.metadata.manager.impl.prefix").default("rlmm.config.").not_empty()
        .doc("Prefix of the config keys handed to the remote log metadata plugin."),
    string("remote.log.metadata.manager.listener.name").not_empty()
        .doc("Listener the metadata plugin uses to reach the brokers."),
    int("remote.log.reader.max.pending.tasks").default("100").at_least(1)
        .doc("Queue limit of remote reads; beyond it reads are refused."),
    int("remote.log.reader.threads").default("10").at_least(1).cluster_wide()
        .doc("Threads serving remote reads."),
    string("remote.log.storage.manager.class.name").not_empty()
        .doc("Class of the remote storage plugin."),
    string("remote.log.storage.manager.class.path")
        .doc("Class path from which the remote storage plugin is loaded."),
    string("remote.log.storage.manager.impl.prefix").default("rsm.config.").not_empty()
        .doc("Prefix of the config keys handed to the remote storage plugin."),
    boolean("remote.log.storage.system.enable").default("false").refused("tiered storage")
        .doc("Switches tiered storage on for the broker."),
];
