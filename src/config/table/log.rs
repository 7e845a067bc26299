//! Partitions' logs and the defaults of topic settings: one row per setting, by name.
//!
//! Names, types, defaults and ranges are those of Kafka 4.3.1, from
//! Kafka's `ServerLogConfigs` and `CleanerConfig`;
//! the words are ours. A row never changes a Kafka default.

use super::super::setting::{Setting, boolean, class, double, int, list, long, string};

#[rustfmt::skip]
pub(super) static ROWS: &[Setting] = &[
    class("alter.config.policy.class.name").refused("plugin classes")
        .doc("Plugin that may refuse config changes."),
    boolean("auto.create.topics.enable").default("true").used()
        .doc("Whether Metadata requests may create topics."),
    int("compression.gzip.level").default("-1").gzip_level().cluster_wide().used()
        .doc("Level used when the broker itself compresses with gzip."),
    int("compression.lz4.level").default("9").between(1, 17).cluster_wide().used()
        .doc("Level used when the broker itself compresses with lz4."),
    string("compression.type").default("producer")
        .one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]).cluster_wide().used()
        .doc("Codec stored on disk; producer keeps whatever the producer sent."),
    int("compression.zstd.level").default("3").between(-131072, 22).cluster_wide().used()
        .doc("Level used when the broker itself compresses with zstd."),
    list("cordoned.log.dirs")
        .default("").any_items().per_broker().refused("several data directories")
        .doc("Data directories that get no new replicas."),
    class("create.topic.policy.class.name").refused("plugin classes")
        .doc("Plugin that may refuse topic creation."),
    int("default.replication.factor").default("1").used()
        .doc("Replication factor of auto-created topics and of CreateTopics with -1."),
    boolean("delete.topic.enable").default("true").used()
        .doc("Whether DeleteTopics is allowed."),
    long("log.cleaner.backoff.ms").default("15000").at_least(0).cluster_wide().used()
        .doc("Sleep when there is nothing to compact."),
    long("log.cleaner.dedupe.buffer.size").default("134217728").cluster_wide().used()
        .doc("Memory for the key maps of all compaction threads."),
    long("log.cleaner.delete.retention.ms").default("86400000").at_least(0).cluster_wide().used()
        .doc("Broker default of delete.retention.ms."),
    boolean("log.cleaner.enable").default("true").used()
        .doc("Deprecated switch of the compactor."),
    double("log.cleaner.io.buffer.load.factor").default("0.9").cluster_wide().used()
        .doc("How full the key map may become."),
    int("log.cleaner.io.buffer.size").default("524288").at_least(0).cluster_wide()
        .doc("Memory for compaction I/O of all threads."),
    double("log.cleaner.io.max.bytes.per.second")
        .default("1.7976931348623157E308").cluster_wide().used()
        .doc("Read plus write rate limit of compaction."),
    long("log.cleaner.max.compaction.lag.ms")
        .default("9223372036854775807").at_least(1).cluster_wide().used()
        .doc("Broker default of max.compaction.lag.ms."),
    double("log.cleaner.min.cleanable.ratio").default("0.5").between(0, 1).cluster_wide().used()
        .doc("Broker default of min.cleanable.dirty.ratio."),
    long("log.cleaner.min.compaction.lag.ms").default("0").at_least(0).cluster_wide().used()
        .doc("Broker default of min.compaction.lag.ms."),
    int("log.cleaner.threads").default("1").at_least(0).cluster_wide().used()
        .doc("Compaction threads; 0 is refused, as Kafka divides by it."),
    list("log.cleanup.policy").default("delete").items(&["compact", "delete"]).cluster_wide().used()
        .doc("Broker default of cleanup.policy."),
    list("log.dir").default("/tmp/kafka-logs").any_items().not_empty().used()
        .doc("Data directory, if log.dirs is unset."),
    long("log.dir.failure.timeout.ms").default("30000").at_least(1)
        .doc("Time to tell the controller about a failed directory before the broker stops."),
    list("log.dirs").any_items().not_empty().used()
        .doc("Data directories."),
    long("log.flush.interval.messages")
        .default("9223372036854775807").at_least(1).cluster_wide().used()
        .doc("Broker default of flush.messages."),
    long("log.flush.interval.ms").cluster_wide().used()
        .doc("Broker default of flush.ms."),
    int("log.flush.offset.checkpoint.interval.ms").default("60000").at_least(0).used()
        .doc("Pause between writes of the recovery point checkpoint."),
    long("log.flush.scheduler.interval.ms")
        .default("9223372036854775807").used()
        .doc("Default of log.flush.interval.ms; the flusher itself needs no interval to look for logs to sync."),
    int("log.flush.start.offset.checkpoint.interval.ms").default("60000").at_least(0).used()
        .doc("Pause between writes of the log start offset checkpoint."),
    int("log.index.interval.bytes").default("4096").at_least(0).cluster_wide().used()
        .doc("Broker default of index.interval.bytes."),
    int("log.index.size.max.bytes").default("10485760").at_least(4).cluster_wide().used()
        .doc("Broker default of segment.index.bytes."),
    long("log.local.retention.bytes").default("-2").at_least(-2).cluster_wide()
        .doc("Broker default of local.retention.bytes."),
    long("log.local.retention.ms").default("-2").at_least(-2).cluster_wide()
        .doc("Broker default of local.retention.ms."),
    long("log.message.timestamp.after.max.ms").default("3600000").at_least(0).cluster_wide().used()
        .doc("Broker default of message.timestamp.after.max.ms."),
    long("log.message.timestamp.before.max.ms")
        .default("9223372036854775807").at_least(0).cluster_wide().used()
        .doc("Broker default of message.timestamp.before.max.ms."),
    string("log.message.timestamp.type").default("CreateTime")
        .one_of(&["CreateTime", "LogAppendTime"]).cluster_wide().used()
        .doc("Broker default of message.timestamp.type."),
    boolean("log.preallocate").default("false").cluster_wide().later()
        .doc("Broker default of preallocate."),
    long("log.retention.bytes").default("-1").cluster_wide().used()
        .doc("Broker default of retention.bytes, per partition."),
    long("log.retention.check.interval.ms").default("300000").at_least(1).used()
        .doc("Pause between retention runs."),
    int("log.retention.hours").default("168").used()
        .doc("Same in hours, lowest precedence."),
    int("log.retention.minutes").used()
        .doc("Same in minutes, lower precedence."),
    long("log.retention.ms").cluster_wide().used()
        .doc("Broker default of retention.ms."),
    int("log.roll.hours").default("168").at_least(1).used()
        .doc("Same in hours, lower precedence."),
    int("log.roll.jitter.hours").default("0").at_least(0).later()
        .doc("Same in hours, lower precedence."),
    long("log.roll.jitter.ms").cluster_wide().later()
        .doc("Broker default of segment.jitter.ms."),
    long("log.roll.ms").cluster_wide().used()
        .doc("Broker default of segment.ms."),
    int("log.segment.bytes").default("1073741824").at_least(1048576).cluster_wide().used()
        .doc("Broker default of segment.bytes."),
    long("log.segment.delete.delay.ms").default("60000").at_least(0).cluster_wide().used()
        .doc("Broker default of file.delete.delay.ms."),
    int("message.max.bytes").default("1048588").at_least(0).cluster_wide().used()
        .doc("Largest batch accepted; broker default of max.message.bytes."),
    int("min.insync.replicas").default("1").at_least(1).cluster_wide()
        .doc("ISR size needed for acks=all; no more than there are replicas, so one here."),
    int("num.partitions").default("1").at_least(1).used()
        .doc("Partition count of auto-created topics and of CreateTopics with -1."),
    int("num.recovery.threads.per.data.dir").default("2").at_least(1).cluster_wide().used()
        .doc("Threads loading and flushing logs per data directory."),
    boolean("unclean.leader.election.enable").default("false").cluster_wide()
        .doc("Whether a replica outside the ISR may be elected."),
];
