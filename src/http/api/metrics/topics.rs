//! What goes through topics and what their logs are, by the names that the JMX exporter gives Kafka's own metrics
//! (`kafka.server:type=BrokerTopicMetrics`, `kafka.log:type=Log`).

use super::family::{Rows, signed};
use super::{Known, Row};
use crate::catalog::Counts;

type Read = fn(&Counts) -> u64;

/// Name, meaning, and what is told.
const TRAFFIC: &[(&str, &str, Read)] = &[
    ("kafka_server_brokertopicmetrics_messagesin_total", "Records appended.", |one| {
        one.messages_in
    }),
    ("kafka_server_brokertopicmetrics_bytesin_total", "Bytes of batches appended.", |one| {
        one.bytes_in
    }),
    (
        "kafka_server_brokertopicmetrics_bytesout_total",
        "Bytes of batches given to fetches.",
        |one| one.bytes_out,
    ),
    (
        "kafka_server_brokertopicmetrics_totalproducerequests_total",
        "Batches brought by producers, one for each partition of a request.",
        |one| one.produces,
    ),
    (
        "kafka_server_brokertopicmetrics_totalfetchrequests_total",
        "Partitions that fetches were answered for.",
        |one| one.fetches,
    ),
    (
        "kafka_server_brokertopicmetrics_failedproducerequests_total",
        "Batches that were refused for a reason that Kafka counts as a failure.",
        |one| one.failed_produces,
    ),
    (
        "kafka_server_brokertopicmetrics_failedfetchrequests_total",
        "Partitions that could not be read, for a reason that Kafka counts as a failure.",
        |one| one.failed_fetches,
    ),
];

/// Without a topic: all of them, and those that are gone. A topic that nothing went through has no lines.
pub(super) fn traffic(known: &Known, page: &mut String) {
    for (name, help, read) in TRAFFIC {
        let mut family = Rows::counter(page, name, help);
        family.add("", signed(read(&known.counts)));
        for ((_, counts), labels) in known.topics.iter().zip(known.topic_labels.iter()) {
            if let Some(counts) = counts {
                family.add(labels, signed(read(counts)));
            }
        }
    }
}

/// The names of a topic's lines.
pub(super) fn traffic_names(counts: Option<&Counts>) -> impl Iterator<Item = &'static str> {
    let told = if counts.is_some() { TRAFFIC } else { &[] };
    told.iter().map(|(name, ..)| *name)
}

/// Of a partition that is not offline: what there is of its log, and where it begins and ends.
type OfLog = fn(&Row, (i64, i64)) -> i64;

/// Name, meaning, and what is told.
const LOGS: &[(&str, &str, OfLog)] = &[
    ("kafka_log_log_size", "Bytes of records in the partition's segments.", |row, _| {
        signed(row.outline.bytes)
    }),
    ("kafka_log_log_logstartoffset", "The first offset that can be read.", |_, (first, _)| first),
    ("kafka_log_log_logendoffset", "The offset behind the last record.", |row, (_, visible)| {
        row.log_end.unwrap_or(visible)
    }),
    ("kafka_log_log_numlogsegments", "Segments of the partition.", |row, _| {
        signed(row.outline.segments)
    }),
];

/// The names of the lines of a partition.
pub(super) fn log_names(row: &Row) -> impl Iterator<Item = &'static str> {
    let told = if row.outline.ends.is_some() { LOGS } else { &[] };
    told.iter().map(|(name, ..)| *name)
}

/// The logs of partitions that are not offline.
pub(super) fn logs<'r>(rows: impl Iterator<Item = (&'r str, &'r Row)> + Clone, page: &mut String) {
    for (name, help, read) in LOGS {
        let mut family = Rows::gauge(page, name, help);
        for (labels, row) in rows.clone() {
            if let Some(ends) = row.outline.ends {
                family.add(labels, read(row, ends));
            }
        }
    }
}
