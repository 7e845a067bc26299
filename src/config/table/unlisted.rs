//! What a broker lists only where it is set: one row per setting, by name.
//!
//! Names, types, defaults and ranges are those of Kafka 4.3.1, from
//! Kafka's `DynamicConfig.Broker`, `StandardAuthorizer`, `ServerLogConfigs` and `TransactionLogConfig`;
//! the words are ours. A row never changes a Kafka default.

use super::super::setting::{Setting, boolean, int, long, string};

#[rustfmt::skip]
pub(super) static ROWS: &[Setting] = &[
    boolean("allow.everyone.if.no.acl.found").default("false").refused("access control")
        .doc("StandardAuthorizer: allow access to a resource that no ACL entry matches."),
    long("follower.replication.throttled.rate")
        .default("9223372036854775807").at_least(0).cluster_wide()
        .doc("Bytes per second followers may fetch for throttled replicas."),
    long("leader.replication.throttled.rate")
        .default("9223372036854775807").at_least(0).cluster_wide()
        .doc("Bytes per second leaders may send for throttled replicas."),
    long("log.initial.task.delay.ms").default("30000").at_least(0).used()
        .doc("Time after a start before the first retention run."),
    long("replica.alter.log.dirs.io.max.bytes.per.second")
        .default("9223372036854775807").at_least(0).cluster_wide()
        .doc("Bytes per second for moves between log directories."),
    int("producer.id.expiration.check.interval.ms").default("600000").at_least(1).used()
        .doc("Pause between looks for idle producers that are forgotten."),
    string("super.users").default("").refused("access control")
        .doc("Principals that the authorizer always allows."),
];
