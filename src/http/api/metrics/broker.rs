//! The broker by the names that the JMX exporter gives Kafka's own metrics: requests (`kafka.network:type=RequestMetrics`),
//! replicas, the controller, connections. And the room on the data directory's volume, for which Kafka has no name.
//!
//! This node is the only replica of its partitions: one that is offline has nobody in sync.

use super::Known;
use super::family::{Escaped, Family, text};
use crate::broker::{Answered, Shared};
use crate::wire::api::ApiKey;
use std::collections::BTreeMap;
use std::time::Instant;

/// The percentiles that Kafka tells, as the exporter's rules spell them.
const QUANTILES: [(&str, f64); 6] = [
    ("0.50", 0.5),
    ("0.75", 0.75),
    ("0.95", 0.95),
    ("0.98", 0.98),
    ("0.99", 0.99),
    ("0.999", 0.999),
];

pub(super) fn broker(shared: &Shared, known: &Known) -> String {
    let requests = requests(&shared.meters.read(Instant::now()));
    requests + &replicas(known) + &controller(shared) + &connections(shared) + &volume(shared)
}

/// The names under which Kafka counts a request. Its fetches have another one that says whose they are: there are
/// no followers here.
fn names(api: ApiKey) -> impl Iterator<Item = &'static str> {
    let also = (api == ApiKey::Fetch).then_some("FetchConsumer");
    std::iter::once(api.name()).chain(also)
}

fn requests(all: &BTreeMap<ApiKey, Answered>) -> String {
    let mut requests = Family::counter(
        "kafka_network_requestmetrics_requests_total",
        "Requests that were answered, by API and version.",
    );
    let mut errors = Family::counter(
        "kafka_network_requestmetrics_errors_total",
        "Errors that were answered, by API and code; an answer may tell several.",
    );
    // No summary: Prometheus 3 would write its quantiles as it likes, and dashboards ask for the exporter's.
    let mut times = Family::new(
        "kafka_network_requestmetrics_totaltimems",
        "Milliseconds from the receipt of a request until its answer was written; quantiles of the last few minutes.",
    );
    let mut sums = Family::counter(
        "kafka_network_requestmetrics_totaltimems_sum",
        "Milliseconds from the receipt of each request until its answer was written.",
    );
    let mut counts = Family::counter(
        "kafka_network_requestmetrics_totaltimems_count",
        "Requests that kafka_network_requestmetrics_totaltimems is about.",
    );
    let named = all.iter().flat_map(|(api, one)| names(*api).map(move |name| (name, one)));
    for (name, answered) in named {
        for (version, count) in &answered.versions {
            let version = version.map_or("unsupported".to_owned(), |version| version.to_string());
            requests.add(&[("request", &name), ("version", &version)], count);
        }
        for (code, count) in &answered.errors {
            errors.add(&[("request", &name), ("error", &code.name())], count);
        }
        for (text, part) in QUANTILES {
            let value = answered.recent.quantile(part);
            times.add(&[("request", &name), ("quantile", &text)], value);
        }
        let sum = answered.times.micros as f64 / 1000.0;
        sums.add(&[("request", &name)], sum);
        counts.add(&[("request", &name)], answered.times.count());
    }
    text([&requests, &errors, &times, &sums, &counts])
}

fn one(name: &'static str, help: &str, value: usize) -> String {
    let mut family = Family::new(name, help);
    family.add(&[], value);
    family.lines
}

fn replicas(known: &Known) -> String {
    let all = known.rows.len();
    let offline = known.rows.iter().filter(|row| row.is_offline).count();
    [
        one("kafka_server_replicamanager_partitioncount", "Partitions of this broker.", all),
        one("kafka_server_replicamanager_leadercount", "Partitions that it leads.", all - offline),
        one(
            "kafka_server_replicamanager_offlinereplicacount",
            "Partitions whose log cannot be used.",
            offline,
        ),
        one(
            "kafka_server_replicamanager_underreplicatedpartitions",
            "Partitions with fewer replicas in sync than they have: here those that are offline.",
            offline,
        ),
        one(
            "kafka_server_replicamanager_underminisrpartitioncount",
            "Partitions with fewer replicas in sync than they must have: here those that are offline.",
            offline,
        ),
        one(
            "kafka_controller_kafkacontroller_offlinepartitionscount",
            "Partitions without a leader.",
            offline,
        ),
    ]
    .concat()
}

fn controller(shared: &Shared) -> String {
    let image = shared.image();
    let (mut topics, mut partitions) = (0, 0);
    for topic in image.topics() {
        topics += 1;
        partitions += topic.partitions.len();
    }
    drop(image);
    let is_active = usize::from(!shared.is_stopping());
    [
        one(
            "kafka_controller_kafkacontroller_activecontrollercount",
            "Whether this node is the controller: 1 until it stops.",
            is_active,
        ),
        one("kafka_controller_kafkacontroller_globaltopiccount", "Topics of the cluster.", topics),
        one(
            "kafka_controller_kafkacontroller_globalpartitioncount",
            "Partitions of the cluster.",
            partitions,
        ),
    ]
    .concat()
}

fn connections(shared: &Shared) -> String {
    let mut open = Family::new(
        "kafka_server_socket_server_metrics_connection_count",
        "Connections of Kafka clients, by listener and worker.",
    );
    let mut opened = Family::counter(
        "kafka_server_socket_server_metrics_connection_creation_total",
        "Connections that were accepted.",
    );
    let mut closed = Family::counter(
        "kafka_server_socket_server_metrics_connection_close_total",
        "Connections that were closed.",
    );
    let config = shared.config();
    for (index, listener) in config.listeners().iter().enumerate() {
        for (worker, meter) in shared.meters.all().iter().enumerate() {
            let Some(arrivals) = meter.arrivals(index) else { continue };
            let name = listener.name.to_string();
            let name = Escaped(&name);
            let labels: [(&str, &dyn std::fmt::Display); 2] =
                [("listener", &name), ("networkProcessor", &worker)];
            // In this order, so that no connection is missed that is open.
            let gone = arrivals.closed.get();
            let come = arrivals.opened.get().max(gone);
            open.add(&labels, come - gone);
            opened.add(&labels, come);
            closed.add(&labels, gone);
        }
    }
    text([&open, &opened, &closed])
}

fn volume(shared: &Shared) -> String {
    let Ok((size, usable)) = crate::log::volume::bytes(&shared.data_dir) else {
        return String::new();
    };
    let path = shared.data_dir.display().to_string();
    let line = |name, help, value: i64| {
        let mut family = Family::new(name, help);
        family.add(&[("log_dir", &Escaped(&path))], value);
        family.lines
    };
    line("barnabas_volume_bytes", "Size of the volume that holds the data directory.", size)
        + &line("barnabas_volume_usable_bytes", "What of it may still be written to.", usable)
}
