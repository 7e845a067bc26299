//! Node identity, metadata quorum, replication and quotas: one row per setting, by name.
//!
//! Names, types, defaults and ranges are those of Kafka 4.3.1, from
//! Kafka's `KRaftConfigs`, `QuorumConfig`, `ReplicationConfigs` and `QuotaConfig`;
//! the words are ours. A row never changes a Kafka default.

use super::super::setting::{Setting, boolean, int, list, long, string};

#[rustfmt::skip]
pub(super) static ROWS: &[Setting] = &[
    int("alter.log.dirs.replication.quota.window.num").default("11").at_least(1)
        .doc("Sample count of the log-dir move quota."),
    int("alter.log.dirs.replication.quota.window.size.seconds").default("1").at_least(1)
        .doc("Sample length of the log-dir move quota."),
    boolean("auto.leader.rebalance.enable").default("true")
        .doc("Move leadership back to preferred replicas from time to time."),
    int("broker.heartbeat.interval.ms").default("2000")
        .doc("Pause between broker heartbeats to the controller."),
    int("broker.id").default("-1").used()
        .doc("Old name of node.id."),
    string("broker.rack").used()
        .doc("Rack of this broker, used for placement and for fetching from the closest replica."),
    int("broker.session.timeout.ms").default("9000")
        .doc("Time without heartbeat after which a broker is fenced."),
    boolean("controlled.shutdown.enable").default("true")
        .doc("Hand leadership over before stopping."),
    list("controller.listener.names").required().any_items().not_empty().used()
        .doc("Listeners reserved for the controller role."),
    int("controller.quorum.append.linger.ms").default("25").at_least(0)
        .doc("How long the quorum leader batches writes."),
    boolean("controller.quorum.auto.join.enable").default("false")
        .doc("Controllers add themselves to a dynamic quorum."),
    list("controller.quorum.bootstrap.servers").default("").bootstrap_servers().used()
        .doc("Addresses used to find a dynamic quorum."),
    int("controller.quorum.election.backoff.max.ms").default("1000").at_least(0)
        .doc("Upper bound of the random election backoff."),
    int("controller.quorum.election.timeout.ms").default("1000").at_least(0)
        .doc("Time without election result before the next try."),
    int("controller.quorum.fetch.max.bytes").default("1048576").at_least(1)
        .doc("Bytes per quorum Fetch response."),
    int("controller.quorum.fetch.snapshot.max.bytes").default("1048576").at_least(1)
        .doc("Bytes per FetchSnapshot response."),
    int("controller.quorum.fetch.timeout.ms").default("2000").at_least(0)
        .doc("Time without a successful fetch before becoming a candidate or resigning."),
    int("controller.quorum.request.timeout.ms").default("2000").at_least(0)
        .doc("Timeout of quorum requests."),
    int("controller.quorum.retry.backoff.ms").default("20").at_least(0)
        .doc("Pause before a failed quorum request is repeated."),
    list("controller.quorum.voters").default("").voters().used()
        .doc("Static voter list id@host:port."),
    int("controller.quota.window.num").default("11").at_least(1)
        .doc("Sample count of controller mutation quotas."),
    int("controller.quota.window.size.seconds").default("1").at_least(1)
        .doc("Sample length of controller mutation quotas."),
    int("controller.socket.timeout.ms").default("30000")
        .doc("Socket timeout towards the controller."),
    int("initial.broker.registration.timeout.ms").default("60000")
        .doc("How long to wait for the first registration with the controller."),
    long("leader.imbalance.check.interval.seconds").default("300").at_least(1)
        .doc("Pause between preferred-leader checks."),
    string("metadata.log.dir").later()
        .doc("Directory of the metadata log; else the first log directory."),
    long("metadata.log.max.record.bytes.between.snapshots").default("20971520").at_least(1).used()
        .doc("Bytes of metadata log after which a snapshot is taken."),
    long("metadata.log.max.snapshot.interval.ms").default("3600000").at_least(0).used()
        .doc("Time after which a snapshot is taken."),
    int("metadata.log.segment.bytes").default("1073741824").at_least(8388608).used()
        .doc("Segment size of the metadata log."),
    long("metadata.log.segment.ms").default("604800000").used()
        .doc("Segment age of the metadata log."),
    int("metadata.max.idle.interval.ms").default("500").at_least(0)
        .doc("Idle time after which the controller writes a no-op record."),
    long("metadata.max.retention.bytes").default("104857600").used()
        .doc("Size up to which old metadata log and snapshots are kept."),
    long("metadata.max.retention.ms").default("604800000").used()
        .doc("Age up to which old metadata log and snapshots are kept."),
    int("node.id").required().at_least(0).used()
        .doc("Unique id of this node."),
    int("num.replica.alter.log.dirs.threads")
        .doc("Threads moving replicas between local log directories."),
    int("num.replica.fetchers").default("1").at_least(1).cluster_wide()
        .doc("Fetcher threads per source broker."),
    list("process.roles").required().items(&["broker", "controller"]).not_empty().used()
        .doc("Roles of the process: broker, controller or both."),
    int("replica.fetch.backoff.ms").default("1000").at_least(0)
        .doc("Pause after a failed follower fetch."),
    int("replica.fetch.max.bytes").default("1048576").at_least(0)
        .doc("Bytes per partition in follower fetches."),
    int("replica.fetch.min.bytes").default("1")
        .doc("Min bytes of follower fetches."),
    int("replica.fetch.response.max.bytes").default("10485760").at_least(0)
        .doc("Bytes of a whole follower fetch response."),
    int("replica.fetch.wait.max.ms").default("500")
        .doc("Max wait of follower fetches; keep it under replica.lag.time.max.ms."),
    long("replica.high.watermark.checkpoint.interval.ms").default("5000").used()
        .doc("Pause between writes of the high watermark checkpoint."),
    long("replica.lag.time.max.ms").default("30000")
        .doc("Time a follower may be behind before it leaves the ISR."),
    string("replica.selector.class")
        .doc("Chooser of the replica a consumer should fetch from."),
    int("replica.socket.receive.buffer.bytes").default("65536")
        .doc("SO_RCVBUF of follower fetch sockets."),
    int("replica.socket.timeout.ms").default("30000")
        .doc("Socket timeout of follower fetches."),
    int("replication.quota.window.num").default("11").at_least(1)
        .doc("Sample count of replication quotas."),
    int("replication.quota.window.size.seconds").default("1").at_least(1)
        .doc("Sample length of replication quotas."),
];
