//! What goes through topics and what their logs are, by the names that the JMX exporter gives Kafka's own metrics
//! (`kafka.server:type=BrokerTopicMetrics`, `kafka.log:type=Log`).

use super::super::super::problem::Problem;
use super::super::MAX_PAGE;
use super::family::{Escaped, Family, text};
use super::{Known, TOO_LARGE};
use crate::catalog::Counts;
use std::fmt::Display;

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
pub(super) fn traffic(known: &Known) -> String {
    let family = |(name, help, read): &(&'static str, &str, Read)| {
        let mut family = Family::counter(name, help);
        family.add(&[], read(&known.counts));
        for (topic, counts) in &known.topics {
            if let Some(counts) = counts {
                family.add(&[("topic", &Escaped(&topic.name))], read(counts));
            }
        }
        family.lines
    };
    TRAFFIC.iter().map(family).collect()
}

/// The logs of partitions that are not offline.
pub(super) fn logs(known: &Known) -> Result<String, Problem> {
    let mut size =
        Family::new("kafka_log_log_size", "Bytes of records in the partition's segments.");
    let mut start =
        Family::new("kafka_log_log_logstartoffset", "The first offset that can be read.");
    let mut end = Family::new("kafka_log_log_logendoffset", "The offset behind the last record.");
    let mut segments = Family::new("kafka_log_log_numlogsegments", "Segments of the partition.");
    for (topic, _) in &known.topics {
        let name = &Escaped(&topic.name);
        for partition in topic.partitions() {
            let Some(outline) = known.outline(&topic.name, partition.index) else { continue };
            let Some((first, visible)) = outline.ends else { continue };
            let labels: [(&str, &dyn Display); 2] =
                [("partition", &partition.index), ("topic", name)];
            size.add(&labels, outline.bytes);
            segments.add(&labels, outline.segments);
            start.add(&labels, first);
            end.add(&labels, partition.log_end_if_open().unwrap_or(visible));
        }
        if 8 * end.lines.len() > MAX_PAGE {
            return Err(TOO_LARGE);
        }
    }
    Ok(text([&size, &start, &end, &segments]))
}
