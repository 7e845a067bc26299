//! Listeners, connections, requests and metrics: one row per setting, by name.
//!
//! Names, types, defaults and ranges are those of Kafka 4.3.1, from
//! Kafka's `SocketServerConfigs` and `ServerConfigs`;
//! the words are ours. A row never changes a Kafka default.

use super::super::setting::{Setting, class, int, list, long, string};

#[rustfmt::skip]
pub(super) static ROWS: &[Setting] = &[
    list("advertised.listeners").any_items().not_empty().used()
        .doc("Addresses told to clients, per listener name."),
    int("background.threads").default("10").at_least(1).cluster_wide()
        .doc("Threads for housekeeping tasks."),
    class("client.quota.callback.class").refused("plugin classes")
        .doc("Plugin deciding client quotas."),
    list("config.providers").default("").any_items().cluster_wide().refused("variables in values")
        .doc("Names of providers that resolve variables in config values."),
    long("connections.max.idle.ms").default("600000").used()
        .doc("Idle time after which a connection is closed."),
    int("delete.records.purgatory.purge.interval.requests").default("1")
        .doc("Clean-up interval of parked DeleteRecords requests, in requests."),
    list("early.start.listeners").any_items()
        .doc("Listeners opened before the authorizer has loaded."),
    int("fetch.max.bytes").default("57671680").at_least(1024).used()
        .doc("Upper bound of the bytes in one Fetch response."),
    int("fetch.purgatory.purge.interval.requests").default("1000")
        .doc("Clean-up interval of parked Fetch requests, in requests."),
    string("inter.broker.listener.name")
        .doc("Listener used between brokers."),
    int("kafka.metrics.polling.interval.secs").default("10").at_least(1)
        .doc("Polling interval of old-style reporters."),
    list("kafka.metrics.reporters").default("").any_items()
        .doc("Old-style metric reporter classes."),
    string("listener.security.protocol.map")
        .default("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT").at_start().used()
        .doc("Security protocol of each listener name."),
    list("listeners").default("PLAINTEXT://:9092").any_items().not_empty().at_start().used()
        .doc("Addresses to bind, NAME://host:port each."),
    int("max.connection.creation.rate")
        .default("2147483647").at_least(0).cluster_wide().refused("connection rate limits")
        .doc("New connections per second allowed."),
    int("max.connections").default("2147483647").at_least(0).cluster_wide().used()
        .doc("Connections at once; the next ones wait. Those over HTTP are not counted."),
    int("max.connections.per.ip").default("2147483647").at_least(0).cluster_wide().used()
        .doc("Connections at once from one address; the next ones are closed. Those over HTTP are not counted."),
    string("max.connections.per.ip.overrides")
        .default("").cluster_wide().refused("limits per address")
        .doc("Per-address exceptions to max.connections.per.ip."),
    int("max.incremental.fetch.session.cache.slots").default("1000").at_least(0).used()
        .doc("How many fetch sessions the broker keeps."),
    int("max.request.partition.size.limit").default("2000").at_least(1).used()
        .doc("Most partitions answered in one DescribeTopicPartitions page."),
    list("metric.reporters")
        .default("org.apache.kafka.common.metrics.JmxReporter").any_items().cluster_wide()
        .doc("Metric reporter classes."),
    int("metrics.num.samples").default("2").at_least(1)
        .doc("Samples kept per metric."),
    string("metrics.recording.level").default("INFO")
        .doc("Detail level of metrics."),
    long("metrics.sample.window.ms").default("30000").at_least(1)
        .doc("Length of a metric sample."),
    int("num.io.threads").default("8").at_least(1).cluster_wide()
        .doc("Request handler threads."),
    int("num.network.threads").default("3").at_least(1).cluster_wide()
        .doc("Network threads per listener."),
    int("producer.purgatory.purge.interval.requests").default("1000")
        .doc("Clean-up interval of parked Produce requests, in requests."),
    long("queued.max.request.bytes").default("-1").used()
        .doc("Memory for unfinished requests and unsent answers of all connections; -1 takes 512 MiB."),
    int("queued.max.requests").default("500").at_least(1)
        .doc("Requests that may wait for a handler thread."),
    int("quota.window.num").default("11").at_least(1)
        .doc("Sample count of client quotas."),
    int("quota.window.size.seconds").default("1").at_least(1)
        .doc("Sample length of client quotas."),
    int("request.timeout.ms").default("30000")
        .doc("Timeout of requests the broker itself sends."),
    long("socket.connection.setup.timeout.max.ms").default("30000")
        .doc("Upper bound of the growing outgoing TCP connection timeout."),
    long("socket.connection.setup.timeout.ms").default("10000")
        .doc("First timeout for outgoing TCP connections."),
    int("socket.listen.backlog.size").default("50").at_least(1).used()
        .doc("TCP accept backlog."),
    int("socket.receive.buffer.bytes").default("102400").later()
        .doc("SO_RCVBUF of client sockets; -1 for the system's default, which is what they have."),
    int("socket.request.max.bytes").default("104857600").at_least(1).used()
        .doc("Largest request frame; a larger one closes the connection."),
    int("socket.send.buffer.bytes").default("102400").later()
        .doc("SO_SNDBUF of client sockets; -1 for the system's default, which is what they have."),
    int("telemetry.max.bytes").default("1048576").at_least(1).later()
        .doc("Largest PushTelemetry payload."),
];
