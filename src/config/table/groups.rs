//! Consumer, share and streams groups, committed offsets: one row per setting, by name.
//!
//! Names, types, defaults and ranges are those of Kafka 4.3.1, from
//! Kafka's `GroupCoordinatorConfig` and `ShareGroupConfig`;
//! the words are ours. A row never changes a Kafka default.

use super::super::setting::{Setting, int, list, long, short, string};

#[rustfmt::skip]
pub(super) static ROWS: &[Setting] = &[
    int("group.consumer.assignment.interval.ms").default("1000").at_least(0).cluster_wide().used()
        .doc("Shortest pause between two assignment computations of a group."),
    list("group.consumer.assignors").default("uniform,range").any_items().not_empty().used()
        .doc("Server-side assignors; the first is the default."),
    int("group.consumer.heartbeat.interval.ms").default("5000").at_least(1).used()
        .doc("Heartbeat interval told to consumer-protocol members."),
    int("group.consumer.max.assignment.interval.ms").default("15000").at_least(0).used()
        .doc("Upper bound for the per-group assignment interval."),
    int("group.consumer.max.heartbeat.interval.ms").default("15000").at_least(1).used()
        .doc("Upper bound for the per-group heartbeat interval."),
    int("group.consumer.max.session.timeout.ms").default("60000").at_least(1).used()
        .doc("Upper bound for the per-group session timeout."),
    int("group.consumer.max.size").default("2147483647").at_least(1).used()
        .doc("Member limit of a consumer-protocol group."),
    string("group.consumer.migration.policy").default("bidirectional")
        .one_of_any_case(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]).used()
        .doc("Which live conversions between classic and consumer groups are allowed."),
    int("group.consumer.min.assignment.interval.ms").default("0").at_least(0).used()
        .doc("Lower bound for the per-group assignment interval."),
    int("group.consumer.min.heartbeat.interval.ms").default("5000").at_least(1).used()
        .doc("Lower bound for the per-group heartbeat interval."),
    int("group.consumer.min.session.timeout.ms").default("45000").at_least(1).used()
        .doc("Lower bound for the per-group session timeout."),
    int("group.consumer.session.timeout.ms").default("45000").at_least(1).used()
        .doc("Session timeout of consumer-protocol members."),
    int("group.coordinator.append.linger.ms").default("-1").at_least(-1).later()
        .doc("How long coordinator writes are batched; -1 adapts."),
    int("group.coordinator.background.threads").default("2").at_least(1).later()
        .doc("Threads for slow group coordinator work."),
    int("group.coordinator.cached.buffer.max.bytes")
        .default("1048588").at_least(524288).cluster_wide().later()
        .doc("Largest append buffer the group coordinator keeps for reuse."),
    list("group.coordinator.rebalance.protocols").default("classic,consumer,streams")
        .items(&["consumer", "classic", "share", "streams"]).not_empty().used()
        .doc("Group protocols the coordinator offers."),
    int("group.coordinator.threads").default("4").at_least(1).later()
        .doc("Threads of the group coordinator."),
    int("group.initial.rebalance.delay.ms").default("3000").used()
        .doc("Wait for more members when an empty classic group starts."),
    int("group.max.session.timeout.ms").default("1800000").used()
        .doc("Largest session timeout in JoinGroup."),
    int("group.max.size").default("2147483647").at_least(1).used()
        .doc("Member limit of a classic group."),
    int("group.min.session.timeout.ms").default("6000").used()
        .doc("Smallest session timeout in JoinGroup."),
    int("group.share.assignment.interval.ms").default("1000").at_least(0).cluster_wide()
        .doc("Shortest pause between two assignment computations of a group."),
    list("group.share.assignors").default("simple").any_items().not_empty()
        .doc("Assignor of share groups."),
    int("group.share.delivery.count.limit").default("5").between(2, 10)
        .doc("Delivery attempts of a share group record."),
    int("group.share.heartbeat.interval.ms").default("5000").at_least(1)
        .doc("Heartbeat interval told to share group members."),
    int("group.share.max.assignment.interval.ms").default("15000").at_least(0)
        .doc("Upper bound for the per-group assignment interval."),
    int("group.share.max.delivery.count.limit").default("10").between(5, 25)
        .doc("Upper bound for the per-group delivery limit."),
    int("group.share.max.heartbeat.interval.ms").default("15000").at_least(1)
        .doc("Upper bound for the per-group heartbeat interval."),
    int("group.share.max.partition.max.record.locks").default("4000").between(2000, 10000)
        .doc("Upper bound for the per-group in-flight limit."),
    int("group.share.max.record.lock.duration.ms").default("60000").between(30000, 3600000)
        .doc("Upper bound for the per-group lock duration."),
    int("group.share.max.session.timeout.ms").default("60000").at_least(1)
        .doc("Upper bound for the per-group session timeout."),
    int("group.share.max.share.sessions").default("2000").at_least(1)
        .doc("Share sessions a broker keeps."),
    int("group.share.max.size").default("200").between(1, 1000)
        .doc("Member limit of a share group."),
    int("group.share.min.assignment.interval.ms").default("0").at_least(0)
        .doc("Lower bound for the per-group assignment interval."),
    int("group.share.min.delivery.count.limit").default("2").between(2, 5)
        .doc("Lower bound for the per-group delivery limit."),
    int("group.share.min.heartbeat.interval.ms").default("5000").at_least(1)
        .doc("Lower bound for the per-group heartbeat interval."),
    int("group.share.min.partition.max.record.locks").default("100").between(100, 2000)
        .doc("Lower bound for the per-group in-flight limit."),
    int("group.share.min.record.lock.duration.ms").default("15000").between(1000, 30000)
        .doc("Lower bound for the per-group lock duration."),
    int("group.share.min.session.timeout.ms").default("45000").at_least(1)
        .doc("Lower bound for the per-group session timeout."),
    int("group.share.partition.max.record.locks").default("2000").between(100, 10000)
        .doc("Most records in flight per share partition."),
    int("group.share.record.lock.duration.ms").default("30000").between(1000, 3600000)
        .doc("How long an acquired record stays locked."),
    int("group.share.session.timeout.ms").default("45000").at_least(1)
        .doc("Session timeout of share group members."),
    int("group.streams.assignment.interval.ms").default("1000").at_least(0).cluster_wide()
        .doc("Shortest pause between two assignment computations of a group."),
    int("group.streams.heartbeat.interval.ms").default("5000").at_least(1)
        .doc("Heartbeat interval told to streams group members."),
    int("group.streams.initial.rebalance.delay.ms").default("3000").at_least(0)
        .doc("Wait for more members when a streams group starts."),
    int("group.streams.max.assignment.interval.ms").default("15000").at_least(0)
        .doc("Upper bound for the per-group assignment interval."),
    int("group.streams.max.heartbeat.interval.ms").default("15000").at_least(1)
        .doc("Upper bound for the per-group heartbeat interval."),
    int("group.streams.max.session.timeout.ms").default("60000").at_least(1)
        .doc("Upper bound for the per-group session timeout."),
    int("group.streams.max.size").default("2147483647").at_least(1)
        .doc("Member limit of a streams group."),
    int("group.streams.max.standby.replicas").default("2").at_least(0)
        .doc("Upper bound for the per-group standby count."),
    int("group.streams.min.assignment.interval.ms").default("0").at_least(0)
        .doc("Lower bound for the per-group assignment interval."),
    int("group.streams.min.heartbeat.interval.ms").default("5000").at_least(1)
        .doc("Lower bound for the per-group heartbeat interval."),
    int("group.streams.min.session.timeout.ms").default("45000").at_least(1)
        .doc("Lower bound for the per-group session timeout."),
    int("group.streams.num.standby.replicas").default("0").at_least(0)
        .doc("Standby copies per task."),
    int("group.streams.session.timeout.ms").default("45000").at_least(1)
        .doc("Session timeout of streams group members."),
    int("offset.metadata.max.bytes").default("4096").used()
        .doc("Longest metadata string of an offset commit."),
    int("offsets.commit.timeout.ms").default("5000").at_least(1).later()
        .doc("Timeout of coordinator writes to be replicated."),
    int("offsets.load.buffer.size").default("5242880").at_least(1).later()
        .doc("Batch size when reading __consumer_offsets into memory."),
    long("offsets.retention.check.interval.ms").default("600000").at_least(1).used()
        .doc("Pause between offset expiry runs."),
    int("offsets.retention.minutes").default("10080").at_least(1).used()
        .doc("How long offsets live after the group became empty."),
    int("offsets.topic.compression.codec").default("0").codec().used()
        .doc("Codec of coordinator records: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."),
    int("offsets.topic.num.partitions").default("50").at_least(1).used()
        .doc("Partition count of __consumer_offsets; must never change."),
    short("offsets.topic.replication.factor").default("3").at_least(1).later()
        .doc("Replication factor of __consumer_offsets."),
    int("offsets.topic.segment.bytes").default("104857600").at_least(1).used()
        .doc("Segment size of __consumer_offsets."),
];
