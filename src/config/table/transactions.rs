//! Transactions, producer state and the share coordinator: one row per setting, by name.
//!
//! Names, types, defaults and ranges are those of Kafka 4.3.1, from
//! Kafka's `TransactionLogConfig`, `TransactionStateManagerConfig` and `ShareCoordinatorConfig`;
//! the words are ours. A row never changes a Kafka default.

use super::super::setting::{Setting, boolean, int, short};

#[rustfmt::skip]
pub(super) static ROWS: &[Setting] = &[
    int("add.partitions.to.txn.retry.backoff.max.ms").default("100").at_least(0).later()
        .doc("Longest the broker itself retries on CONCURRENT_TRANSACTIONS."),
    int("add.partitions.to.txn.retry.backoff.ms").default("20").at_least(1).later()
        .doc("Pause between those retries."),
    int("producer.id.expiration.ms").default("86400000").at_least(1).cluster_wide().used()
        .doc("Idle time after which a partition forgets a producer id."),
    int("share.coordinator.append.linger.ms").default("-1").at_least(-1)
        .doc("How long share coordinator writes are batched; -1 adapts."),
    int("share.coordinator.cached.buffer.max.bytes")
        .default("1048588").at_least(524288).cluster_wide()
        .doc("Largest append buffer the share coordinator keeps for reuse."),
    int("share.coordinator.load.buffer.size").default("5242880").at_least(1)
        .doc("Batch size when reading __share_group_state into memory."),
    int("share.coordinator.snapshot.update.records.per.snapshot").default("500").between(0, 500)
        .doc("Update records written between two share state snapshots."),
    int("share.coordinator.state.topic.compression.codec").default("0")
        .doc("Codec id for share state records (0 none)."),
    short("share.coordinator.state.topic.min.isr").default("2").at_least(1)
        .doc("Min.insync.replicas of __share_group_state."),
    int("share.coordinator.state.topic.num.partitions").default("50").at_least(1)
        .doc("Partition count of __share_group_state."),
    short("share.coordinator.state.topic.replication.factor").default("3").at_least(1)
        .doc("Replication factor of __share_group_state."),
    int("share.coordinator.state.topic.segment.bytes").default("104857600").at_least(1)
        .doc("Segment size of __share_group_state."),
    int("share.coordinator.threads").default("1").at_least(1)
        .doc("Threads of the share coordinator."),
    int("share.coordinator.write.timeout.ms").default("5000").at_least(1)
        .doc("Timeout of share coordinator writes to be replicated."),
    int("share.fetch.purgatory.purge.interval.requests").default("1000")
        .doc("Clean-up interval of parked ShareFetch requests, in requests."),
    int("transaction.abort.timed.out.transaction.cleanup.interval.ms")
        .default("10000").at_least(1).later()
        .doc("Pause between runs that abort timed-out transactions."),
    int("transaction.max.timeout.ms").default("900000").at_least(1).later()
        .doc("Largest transaction timeout a producer may ask for."),
    boolean("transaction.partition.verification.enable").default("true").cluster_wide().later()
        .doc("Check with the coordinator that a partition is in the transaction before the first append."),
    int("transaction.remove.expired.transaction.cleanup.interval.ms")
        .default("3600000").at_least(1).later()
        .doc("Pause between runs that remove expired transactional ids."),
    int("transaction.state.log.load.buffer.size").default("5242880").at_least(1).later()
        .doc("Batch size when reading __transaction_state into memory."),
    int("transaction.state.log.min.isr").default("2").at_least(1).later()
        .doc("Min.insync.replicas of __transaction_state."),
    int("transaction.state.log.num.partitions").default("50").at_least(1).later()
        .doc("Partition count of __transaction_state; must never change."),
    short("transaction.state.log.replication.factor").default("3").at_least(1).later()
        .doc("Replication factor of __transaction_state."),
    int("transaction.state.log.segment.bytes").default("104857600").at_least(1).later()
        .doc("Segment size of __transaction_state."),
    boolean("transaction.two.phase.commit.enable").default("false").later()
        .doc("Allow externally coordinated two-phase commit."),
    int("transactional.id.expiration.ms").default("604800000").at_least(1).later()
        .doc("Idle time after which the coordinator forgets a transactional id."),
];
