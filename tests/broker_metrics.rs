//! What the real binary counts of itself, in `/metrics`: what was done is there, to the last byte.
//!
//! With one worker a page is made after the turn in which what was asked before was answered.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use broker_support::*;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The lines of `/metrics`: what stands before the value, and the value.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn of(address: SocketAddr) -> Metrics {
        let (status, _, body) = get(address, "/metrics");
        let text = String::from_utf8(body).unwrap();
        assert_eq!(status, 200, "{text}");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let line = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        };
        Metrics(lines.map(line).collect())
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    fn has(&self, name: &str, value: impl TryInto<u32>) {
        let value = f64::from(value.try_into().ok().unwrap());
        assert_eq!(self.get(name), Some(value), "{name} in {:#?}", self.0);
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }
}

const REQUESTS: &str = "kafka_network_requestmetrics_requests_total";
const ERRORS: &str = "kafka_network_requestmetrics_errors_total";
const TIMES: &str = "kafka_network_requestmetrics_totaltimems";
const TRAFFIC: &str = "kafka_server_brokertopicmetrics";

fn start(dir: &TempDir, more: &[&str]) -> (Broker, SocketAddr) {
    start_pages(dir.path(), &[&["--workers", "1"], more].concat())
}

/// One request that brings a batch for each of these partitions of a topic.
fn produce_all(client: &mut Client, topic: &str, batches: &[(i32, &[u8])]) -> Vec<ErrorCode> {
    let data = |(index, bytes): &(i32, &'_ [u8])| (*index, bytes.to_vec());
    let owned: Vec<_> = batches.iter().map(data).collect();
    let records = |bytes| Some(barnabas::wire::codec::Records::Bytes(bytes));
    let partitions: Vec<_> = owned
        .iter()
        .map(|(index, bytes)| PartitionProduceData { index: *index, records: records(bytes) })
        .collect();
    let partition_data = Array::from(&partitions);
    let topics = [TopicProduceData { name: topic, partition_data, ..Default::default() }];
    let topic_data = Array::from(&topics);
    let request = ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data, ..Default::default() };
    let answer = client.call(9, &request);
    let response: ProduceResponse<'_> = answer.read();
    let rows = response.responses.iter().flat_map(|topic| topic.partition_responses.iter());
    rows.map(|row| row.error_code).collect()
}

#[test]
fn what_was_produced_and_fetched_is_counted_to_the_byte() {
    let dir = TempDir::new();
    let (broker, address) = start(&dir, &[]);
    let mut client = broker.client();
    client.create("t", 2);
    client.create("u", 1);
    let (ten, five) = (batch(1, 10, 100), batch(2, 5, 700));
    for _ in 0..7 {
        client.append(("t", 0), &ten);
    }
    let done = produce_all(&mut client, "t", &[(0, &five), (1, &ten)]);
    assert_eq!(done, [ErrorCode::NONE, ErrorCode::NONE]);
    client.append(("u", 0), &five);
    let fetched = client.fetch(("t", 0), 0, Wait::NONE).records.len();
    assert_eq!(fetched, 7 * ten.len() + five.len());
    client.fetch(("t", 0), 75, Wait::NONE);
    let metrics = Metrics::of(address);
    metrics.has(&format!("{REQUESTS}{{request=\"Produce\",version=\"12\"}}"), 8);
    metrics.has(&format!("{REQUESTS}{{request=\"Produce\",version=\"9\"}}"), 1);
    for name in ["Fetch", "FetchConsumer"] {
        metrics.has(&format!("{REQUESTS}{{request=\"{name}\",version=\"12\"}}"), 2);
        metrics.has(&format!("{TIMES}_count{{request=\"{name}\"}}"), 2);
    }
    metrics.has(&format!("{TIMES}_count{{request=\"Produce\"}}"), 9);
    metrics.has(&format!("{REQUESTS}{{request=\"CreateTopics\",version=\"7\"}}"), 2);
    let of = |name: &str, topic: &str| format!("{TRAFFIC}_{name}_total{{topic=\"{topic}\"}}");
    metrics.has(&of("messagesin", "t"), 85);
    metrics.has(&of("bytesin", "t"), 8 * ten.len() + five.len());
    metrics.has(&of("bytesout", "t"), fetched);
    metrics.has(&of("totalproducerequests", "t"), 9);
    metrics.has(&of("totalfetchrequests", "t"), 2);
    metrics.has(&of("messagesin", "u"), 5);
    metrics.has(&of("bytesin", "u"), five.len());
    metrics.has(&format!("{TRAFFIC}_messagesin_total"), 90);
    metrics.has(&format!("{TRAFFIC}_bytesin_total"), 8 * ten.len() + 2 * five.len());
    metrics.has(&format!("{TRAFFIC}_bytesout_total"), fetched);
    assert!(!metrics.names().any(|name| name.starts_with(ERRORS)), "{:?}", metrics.0);
    for quantile in ["0.50", "0.75", "0.95", "0.98", "0.99", "0.999"] {
        let line = format!("{TIMES}{{request=\"Produce\",quantile=\"{quantile}\"}}");
        assert!(metrics.get(&line).is_some_and(|ms| ms > 0.0), "{line}");
    }
    assert!(metrics.get(&format!("{TIMES}_sum{{request=\"Produce\"}}")).unwrap() > 0.0);
    broker.stop_cleanly();
}

#[test]
fn errors_are_counted_under_their_codes() {
    let dir = TempDir::new();
    let (broker, address) = start(&dir, &["--set", "auto.create.topics.enable=false"]);
    let mut client = broker.client();
    client.create("t", 1);
    let good = batch(1, 1, 10);
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(client.produce(("none", 0), &good).code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let codes = produce_all(&mut client, "t", &[(0, &bad), (7, &good), (8, &good)]);
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(codes, [ErrorCode::CORRUPT_MESSAGE, unknown, unknown]);
    // No answer tells this one, and the connection ends with it.
    client.send_produce(("t", 0), 0, &bad);
    client.assert_closed();
    let mut client = broker.client();
    assert_eq!(client.fetch(("t", 0), 99, Wait::NONE).code, ErrorCode::OFFSET_OUT_OF_RANGE);
    // One that the controller answers, and one of a group.
    let sent = client.send_create("t", 1, &[]);
    assert_eq!(client.created(sent), Err(ErrorCode::TOPIC_ALREADY_EXISTS));
    client.await_coordinator("g");
    assert_eq!(client.delete_groups(&["g"]), [ErrorCode::GROUP_ID_NOT_FOUND]);
    let metrics = Metrics::of(address);
    for (api, code, times) in [
        ("Produce", "UNKNOWN_TOPIC_OR_PARTITION", 3),
        ("Produce", "CORRUPT_MESSAGE", 2),
        ("Fetch", "OFFSET_OUT_OF_RANGE", 1),
        ("FetchConsumer", "OFFSET_OUT_OF_RANGE", 1),
        ("CreateTopics", "TOPIC_ALREADY_EXISTS", 1),
        ("DeleteGroups", "GROUP_ID_NOT_FOUND", 1),
    ] {
        metrics.has(&format!("{ERRORS}{{request=\"{api}\",error=\"{code}\"}}"), times);
    }
    let told = metrics.names().filter(|name| name.starts_with(ERRORS) && !name.contains("Find"));
    let told: Vec<_> = told.filter(|name| !name.contains("OffsetFetch")).collect();
    assert_eq!(told.len(), 6, "{told:?}");
    metrics.has(&format!("{REQUESTS}{{request=\"Produce\",version=\"12\"}}"), 2);
    // Those are usual, as Kafka sees it.
    metrics.has(&format!("{TRAFFIC}_failedproducerequests_total"), 0);
    metrics.has(&format!("{TRAFFIC}_totalproducerequests_total{{topic=\"t\"}}"), 2);
    metrics.has(&format!("{TRAFFIC}_failedfetchrequests_total"), 0);
    metrics.has(&format!("{TRAFFIC}_messagesin_total{{topic=\"t\"}}"), 0);
    broker.stop_cleanly();
}

#[test]
fn logs_are_as_large_as_their_files_open_or_not() {
    let dir = TempDir::new();
    let settings = ["--set", "log.segment.bytes=1048576"];
    let (broker, address) = start(&dir, &settings);
    let mut client = broker.client();
    client.create("t", 2);
    let large = batch_of_size(1, 700_000);
    for _ in 0..3 {
        client.append(("t", 1), &large);
    }
    client.delete_records(("t", 1), 1);
    let check = |metrics: &Metrics| {
        let of = |name: &str, index| {
            format!("kafka_log_log_{name}{{partition=\"{index}\",topic=\"t\"}}")
        };
        metrics.has(
            &of("size", 1),
            metrics.get(&of("numlogsegments", 1)).unwrap() as usize * large.len(),
        );
        metrics.has(&of("logstartoffset", 1), 1);
        metrics.has(&of("logendoffset", 1), 3);
        for (name, value) in [("size", 0), ("numlogsegments", 1), ("logendoffset", 0)] {
            metrics.has(&of(name, 0), value);
        }
    };
    check(&Metrics::of(address));
    broker.stop_cleanly();
    let files = std::fs::read_dir(dir.join("t-1")).unwrap().flatten();
    let logs = files.filter(|file| file.file_name().to_str().unwrap().ends_with(".log"));
    let sizes: Vec<_> = logs.map(|file| file.metadata().unwrap().len()).collect();
    // A clean stop leaves no reserve, and nothing is opened by looking.
    let (broker, address) = start(&dir, &settings);
    let metrics = Metrics::of(address);
    check(&metrics);
    metrics.has("kafka_log_log_size{partition=\"1\",topic=\"t\"}", sizes.iter().sum::<u64>());
    metrics.has("kafka_log_log_numlogsegments{partition=\"1\",topic=\"t\"}", sizes.len());
    broker.stop_cleanly();
}

#[test]
fn a_topic_that_is_gone_is_in_the_sum_and_nowhere_else() {
    let dir = TempDir::new();
    let (broker, address) = start(&dir, &[]);
    let mut client = broker.client();
    let one = batch(1, 3, 50);
    client.create("stays", 1);
    client.append(("stays", 0), &one);
    for _ in 0..20 {
        client.create("goes", 1);
        client.append(("goes", 0), &one);
        client.delete("goes");
    }
    let metrics = Metrics::of(address);
    assert!(!metrics.names().any(|name| name.contains("goes")), "{:?}", metrics.0);
    metrics.has(&format!("{TRAFFIC}_messagesin_total{{topic=\"stays\"}}"), 3);
    metrics.has(&format!("{TRAFFIC}_messagesin_total"), 63);
    metrics.has(&format!("{TRAFFIC}_bytesin_total"), 21 * one.len());
    broker.stop_cleanly();
}

#[test]
fn the_broker_its_controller_and_its_process_are_told() {
    let dir = TempDir::new();
    let (broker, address) = start(&dir, &[]);
    let mut clients: Vec<_> = (0..3).map(|_| broker.client()).collect();
    clients.iter_mut().for_each(|client| assert!(client.api_versions() > 0));
    clients[0].create("t", 4);
    drop(clients.pop());
    // The other end of it is seen when this one is answered.
    clients[0].api_versions();
    let metrics = Metrics::of(address);
    for (name, value) in [
        ("kafka_server_replicamanager_partitioncount", 4),
        ("kafka_server_replicamanager_leadercount", 4),
        ("kafka_server_replicamanager_offlinereplicacount", 0),
        ("kafka_server_replicamanager_underreplicatedpartitions", 0),
        ("kafka_server_replicamanager_underminisrpartitioncount", 0),
        ("kafka_controller_kafkacontroller_activecontrollercount", 1),
        ("kafka_controller_kafkacontroller_offlinepartitionscount", 0),
        ("kafka_controller_kafkacontroller_globaltopiccount", 1),
        ("kafka_controller_kafkacontroller_globalpartitioncount", 4),
    ] {
        metrics.has(name, value);
    }
    let of = |name: &str| {
        let labels = "{listener=\"PLAINTEXT\",networkProcessor=\"0\"}";
        metrics.get(&format!("kafka_server_socket_server_metrics_{name}{labels}")).unwrap()
    };
    assert!(of("connection_creation_total") == 3.0, "{:?}", metrics.0);
    let open = of("connection_creation_total") - of("connection_close_total");
    assert_eq!(of("connection_count"), open);
    for name in ["barnabas_volume_bytes", "barnabas_volume_usable_bytes"] {
        let line = format!("{name}{{log_dir=\"{}\"}}", dir.path().display());
        assert!(metrics.get(&line).is_some_and(|bytes| bytes > 0.0), "{line} in {:?}", metrics.0);
    }
    if cfg!(target_os = "linux") {
        let rss = metrics.get("process_resident_memory_bytes").unwrap();
        assert!((1e6..1e9).contains(&rss), "{rss}");
        let open = metrics.get("process_open_fds").unwrap();
        assert!(open > 5.0 && open < metrics.get("process_max_fds").unwrap(), "{open}");
        let started = metrics.get("process_start_time_seconds").unwrap();
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        assert!(started > 1e9 && started < now + 5.0, "{started}");
        assert!(metrics.get("process_cpu_seconds_total").unwrap() >= 0.0);
    }
    broker.stop_cleanly();
}

#[test]
fn workers_are_added_up_and_clients_that_wait_are_not_counted_yet() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &["--workers", "3"]);
    broker.client().create("t", 1);
    let one = batch(1, 2, 20);
    let mut clients: Vec<_> = (0..6).map(|_| broker.client()).collect();
    let mut waiting = broker.client();
    waiting.send_fetch(&[(("t", 0), 0)], Wait::for_bytes(1 << 20));
    for _ in 0..100 {
        clients.iter_mut().for_each(|client| _ = client.append(("t", 0), &one));
    }
    let metrics = Metrics::of(address);
    metrics.has(&format!("{TRAFFIC}_messagesin_total{{topic=\"t\"}}"), 1200);
    metrics.has(&format!("{TRAFFIC}_bytesin_total"), 600 * one.len());
    // Threads that are no workers count too.
    let messages = serde_json::json!({"messages": [{"value": "a"}, {"value": "b"}]});
    assert!(send(address, "POST", "/v1/topics/t/messages", &messages).0 < 300);
    let metrics = Metrics::of(address);
    metrics.has(&format!("{TRAFFIC}_messagesin_total{{topic=\"t\"}}"), 1202);
    let line = format!("{REQUESTS}{{request=\"Fetch\",version=\"12\"}}");
    assert_eq!(metrics.get(&line), None, "it waits");
    broker.stop_cleanly();
}

/// The names in a text that are metrics' by their first words.
fn metrics_in(text: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_name(c));
    let ours = ["kafka_", "barnabas_", "process_"];
    words.filter(|word| ours.iter().any(|start| word.starts_with(start))).collect()
}

#[test]
fn dashboard_and_alerts_ask_for_what_is_told() {
    let dir = TempDir::new();
    let (broker, address) = start(&dir, &[]);
    let (_, _, body) = get(address, "/metrics");
    let page = String::from_utf8(body).unwrap();
    let mut told = std::collections::BTreeSet::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        told.insert(line.split_once(' ').unwrap().0.to_owned());
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("platform/grafana");
    let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&read("barnabas.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let asked: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(asked.len() > 20 && asked.iter().all(|expr| !metrics_in(expr).is_empty()));
    for name in ["barnabas.json", "alerts.yml"] {
        let text = read(name);
        let asked = metrics_in(&text);
        assert!(asked.len() > 10, "{name}");
        for metric in asked {
            assert!(told.contains(metric), "{name} asks for {metric}, which is not told");
        }
    }
    // And nothing is told that the document does not know, by its whole name or by its last words.
    let document = std::fs::read_to_string(path.join("../../docs/METRICS.md")).unwrap();
    let document = document.replace('\n', " ");
    let ends_there = |rest: &str| {
        let forms = [format!("_{rest}`"), format!(" {rest},"), format!("{{{rest},")];
        let last = format!(" {rest}}}");
        rest != "total" && forms.iter().chain([&last]).any(|form| document.contains(form))
    };
    for name in &told {
        let mut rests = name.match_indices('_').map(|(at, _)| &name[at + 1..]);
        let is_known = document.contains(&format!("`{name}`")) || rests.any(ends_there);
        assert!(is_known, "docs/METRICS.md does not know {name}");
    }
    broker.stop_cleanly();
}

/// Whoever watches a broker sees all but its groups while those are being read again after a start.
#[test]
fn metrics_are_told_while_groups_are_being_loaded() {
    const PARTITIONS: i32 = 100;
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", PARTITIONS);
    client.await_coordinator("g");
    for round in 0..400 {
        let offsets: Vec<_> = (0..PARTITIONS).map(|partition| (partition, round, "")).collect();
        let codes = client.commit_offsets("g", "t", &offsets);
        assert!(codes.iter().all(|code| *code == ErrorCode::NONE), "{codes:?}");
    }
    broker.stop_cleanly();
    let of_group = "kafka_consumergroup_current_offset{consumergroup=\"g\"";
    // A fast machine is done before anybody asks: then it starts again.
    for _ in 0..50 {
        let (broker, address) = start_pages(dir.path(), &[]);
        let mut before = 0;
        loop {
            let is_loaded = get(address, "/readyz").0 == 200;
            let (status, _, body) = get(address, "/metrics");
            let told = String::from_utf8(body).unwrap();
            assert_eq!(status, 200, "{told}");
            assert!(told.contains("kafka_topic_partitions{topic=\"t\"} 100"), "{told}");
            match is_loaded {
                true => break assert!(told.contains(of_group), "{told}"),
                false => before += 1,
            }
        }
        broker.stop_cleanly();
        if before > 0 {
            return;
        }
    }
    panic!("they were loaded before anybody asked, each time");
}
