//! Settings of one group: one row per setting, by name.
//!
//! Names, types, defaults and ranges are those of Kafka 4.3.1, from
//! Kafka's `GroupConfig`;
//! the words are ours. A row never changes a Kafka default.

use super::super::setting::{Setting, boolean, int, string};

#[rustfmt::skip]
pub(super) static ROWS: &[Setting] = &[
    int("consumer.assignment.interval.ms").default("1000").at_least(0).used()
        .doc("Shortest pause between two assignment computations of the group."),
    int("consumer.heartbeat.interval.ms").default("5000").at_least(1).used()
        .doc("Heartbeat interval told to the group's members."),
    int("consumer.session.timeout.ms").default("45000").at_least(1).used()
        .doc("Session timeout of the group's members."),
    int("share.assignment.interval.ms").default("1000").at_least(0)
        .doc("Shortest pause between two assignment computations of the share group."),
    string("share.auto.offset.reset").default("latest").offset_reset()
        .doc("Where a share group without offsets starts: earliest, latest or by_duration:PnDTnHnMn.nS."),
    int("share.delivery.count.limit").default("5").at_least(2)
        .doc("Delivery attempts of a record of the share group."),
    int("share.heartbeat.interval.ms").default("5000").at_least(1)
        .doc("Heartbeat interval told to the share group's members."),
    string("share.isolation.level").default("read_uncommitted")
        .one_of(&["read_committed", "read_uncommitted"])
        .doc("Whether the share group sees records of aborted transactions."),
    int("share.partition.max.record.locks").default("2000").at_least(100)
        .doc("Most records in flight per partition of the share group."),
    int("share.record.lock.duration.ms").default("30000").at_least(1000)
        .doc("How long an acquired record of the share group stays locked."),
    boolean("share.renew.acknowledge.enable").default("true")
        .doc("Whether members of the share group may renew the lock of a record."),
    int("share.session.timeout.ms").default("45000").at_least(1)
        .doc("Session timeout of the share group's members."),
    int("streams.assignment.interval.ms").default("1000").at_least(0)
        .doc("Shortest pause between two assignment computations of the streams group."),
    int("streams.heartbeat.interval.ms").default("5000").at_least(1)
        .doc("Heartbeat interval told to the streams group's members."),
    int("streams.initial.rebalance.delay.ms").default("3000").at_least(0)
        .doc("Wait for more members when the streams group starts."),
    int("streams.num.standby.replicas").default("0").at_least(0)
        .doc("Standby copies per task of the streams group."),
    int("streams.session.timeout.ms").default("45000").at_least(1)
        .doc("Session timeout of the streams group's members."),
];
