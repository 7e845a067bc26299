//! Topic settings: one row per setting, by name.
//!
//! Names, types, defaults and ranges are those of Kafka 4.3.1, from
//! Kafka's `LogConfig`;
//! the words are ours. A row never changes a Kafka default.

use super::super::setting::{Setting, boolean, double, int, list, long, string};

#[rustfmt::skip]
pub(super) static ROWS: &[Setting] = &[
    list("cleanup.policy").default("delete").items(&["compact", "delete"]).used()
        .doc("What happens to old segments: delete, compact, both, or neither (empty)."),
    int("compression.gzip.level").default("-1").gzip_level().used()
        .doc("Gzip level when the broker recompresses."),
    int("compression.lz4.level").default("9").between(1, 17).used()
        .doc("Lz4 level when the broker recompresses."),
    string("compression.type").default("producer")
        .one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]).used()
        .doc("Codec stored on disk; producer keeps whatever the producer sent."),
    int("compression.zstd.level").default("3").between(-131072, 22).used()
        .doc("Zstd level when the broker recompresses."),
    long("delete.retention.ms").default("86400000").at_least(0).used()
        .doc("How long tombstones and transaction markers survive compaction."),
    long("file.delete.delay.ms").default("60000").at_least(0).used()
        .doc("Pause between renaming a file to .deleted and removing it."),
    long("flush.messages").default("9223372036854775807").at_least(1).used()
        .doc("Messages after which the log is fsynced."),
    long("flush.ms").default("9223372036854775807").at_least(0).used()
        .doc("Time after which the log is fsynced."),
    list("follower.replication.throttled.replicas").default("").throttled_replicas()
        .doc("Replicas throttled on the follower: partition:broker list or *."),
    int("index.interval.bytes").default("4096").at_least(0).used()
        .doc("Bytes between two offset index entries."),
    list("leader.replication.throttled.replicas").default("").throttled_replicas()
        .doc("Replicas throttled on the leader: partition:broker list or *."),
    long("local.retention.bytes").default("-2").at_least(-2)
        .doc("Local size limit of a tiered topic; -2 follows retention.bytes."),
    long("local.retention.ms").default("-2").at_least(-2)
        .doc("Local age limit of a tiered topic; -2 follows retention.ms."),
    long("max.compaction.lag.ms").default("9223372036854775807").at_least(1).used()
        .doc("Age at which compaction becomes due whatever the dirty ratio."),
    int("max.message.bytes").default("1048588").at_least(0).used()
        .doc("Largest record batch (after compression) accepted."),
    long("message.timestamp.after.max.ms").default("3600000").at_least(0).used()
        .doc("How far a CreateTime may lie in the future."),
    long("message.timestamp.before.max.ms").default("9223372036854775807").at_least(0).used()
        .doc("How far a CreateTime may lie in the past."),
    string("message.timestamp.type").default("CreateTime")
        .one_of(&["CreateTime", "LogAppendTime"]).used()
        .doc("Whose clock stamps records: CreateTime the producer's, LogAppendTime the broker's."),
    double("min.cleanable.dirty.ratio").default("0.5").between(0, 1).used()
        .doc("Dirty share of the log at which compaction becomes due."),
    long("min.compaction.lag.ms").default("0").at_least(0).used()
        .doc("Age below which records are not compacted."),
    int("min.insync.replicas").default("1").at_least(1)
        .doc("ISR size needed for acks=all; no more than there are replicas, so one here."),
    boolean("preallocate").default("false").later()
        .doc("Preallocate segment files."),
    boolean("remote.log.copy.disable").default("false")
        .doc("Stop uploading but keep serving remote data."),
    boolean("remote.log.delete.on.disable").default("false")
        .doc("Delete remote data when tiering is switched off."),
    boolean("remote.storage.enable").default("false").refused("tiered storage")
        .doc("Tier this topic."),
    long("retention.bytes").default("-1").used()
        .doc("Size per partition beyond which old segments go; -1 unlimited."),
    long("retention.ms").default("604800000").at_least(-1).used()
        .doc("Age beyond which old segments go; -1 unlimited."),
    int("segment.bytes").default("1073741824").at_least(1048576).used()
        .doc("Size at which the active segment is rolled."),
    int("segment.index.bytes").default("10485760").at_least(4).used()
        .doc("Preallocated size of the offset and time index files."),
    long("segment.jitter.ms").default("0").at_least(0).later()
        .doc("Random amount subtracted from segment.ms."),
    long("segment.ms").default("604800000").at_least(1).used()
        .doc("Age at which the active segment is rolled."),
    boolean("unclean.leader.election.enable").default("false")
        .doc("Whether a replica outside the ISR may be elected."),
];
