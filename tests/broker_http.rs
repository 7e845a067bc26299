//! The HTTP face of the real binary, over sockets: pages, health, metrics, who is not served, and how
//! connections end.
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// Topics, records and offsets of a group, as the pages show them below.
fn fill(broker: &Broker) {
    let mut client = broker.client();
    client.create("plain", 1);
    client.create("a.b", 2);
    assert_eq!(client.append(("a.b", 1), &batch(1, 5, 100)), 0);
    assert_eq!(client.append(("plain", 0), &batch(2, 7, 100)), 0);
    assert_eq!(client.delete_records(("plain", 0), 3), 3);
    client.await_coordinator("g/\u{e9}");
    let done = [barnabas::wire::error::ErrorCode::NONE];
    assert_eq!(client.commit_offsets("g/\u{e9}", "a.b", &[(1, 2, "")]), done);
}

fn without_internal(topics: Value) -> Vec<Value> {
    let Value::Array(topics) = topics else { panic!("{topics}") };
    topics.into_iter().filter(|topic| topic["name"] != "__consumer_offsets").collect()
}

#[test]
fn pages_have_the_shapes_that_others_know() {
    let dir = TempDir::new();
    let (broker, address) =
        start_pages(dir.path(), &["--set", "group.initial.rebalance.delay.ms=0"]);
    assert_eq!(page(address, "/v1/groups"), json!([]));
    fill(&broker);
    let about = page(address, "/v1/broker");
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (about["broker_id"].clone(), about["port"].clone()),
        (json!(1), json!(broker.address.port()))
    );
    assert_eq!(about["http_port"], address.port());
    assert_eq!((&about["log_dir"], &about["segment_size"]), (&json!(dir.path()), &json!(1 << 30)));
    let keys =
        ["version", "broker_id", "uptime_seconds", "port", "http_port", "io_threads", "platform"];
    assert!(keys.iter().all(|key| !about[key].is_null()), "{about}");
    let (five, seven) = (batch(1, 5, 100).len(), batch(2, 7, 100).len());
    let topics = [
        json!({
            "name": "a.b", "partitions": 2, "start_offset": 0, "end_offset": 5, "message_count": 5,
            "end_offset_sum": 5, "size_bytes": five, "internal": false,
        }),
        json!({
            "name": "plain", "partitions": 1, "start_offset": 3, "end_offset": 7, "message_count": 4,
            "end_offset_sum": 7, "size_bytes": seven, "internal": false,
        }),
    ];
    assert_eq!(without_internal(page(address, "/v1/topics")), topics);
    let partition = |at, end, size: usize| json!({"partition": at, "start_offset": 0, "end_offset": end, "size_bytes": size});
    let described = json!({
        "name": "a.b", "internal": false, "size_bytes": five,
        "partitions": [partition(0, 0, 0), partition(1, 5, five)],
    });
    assert_eq!(page(address, "/v1/topics/a.b"), described);
    assert_eq!(page(address, "/v1/topics/__consumer_offsets")["internal"], true);
    let group = json!({
        "group_id": "g/\u{e9}", "state": "Empty", "generation_id": 0, "member_count": 0, "lag": 3,
    });
    assert_eq!(page(address, "/v1/groups"), json!([group]));
    let described = json!({
        "group_id": "g/\u{e9}", "state": "Empty", "generation_id": 0, "protocol_type": "",
        "protocol_name": "", "leader_id": "", "members": [],
        "committed_offsets": {"a.b-1": 2}, "lag": {"a.b-1": 3},
    });
    assert_eq!(page(address, "/v1/groups/g%2F%C3%A9"), described);
    let mut member = broker.client();
    let me = member.join(Joining::new("members", ""));
    let described = page(address, "/v1/groups/members");
    assert_eq!(described["leader_id"], json!(me.member));
    assert_eq!(described["members"][0]["member_id"], json!(me.member));
    assert!(described["members"][0]["session_timeout_ms"].is_number(), "{described}");
    // Version 0, one topic "a.b", partitions 0 and 1, nothing more.
    let given = b"\0\0\0\0\0\x01\0\x03a.b\0\0\0\x02\0\0\0\0\0\0\0\x01\xff\xff\xff\xff";
    member.sync("members", &me, &[(&me.member, given)]).unwrap();
    let described = page(address, "/v1/groups/members");
    let first = &described["members"][0];
    assert_eq!(
        (&first["host"], &first["partitions"]),
        (&json!("127.0.0.1"), &json!({"a.b": [0, 1]}))
    );
    let mut consumer = Consumer::new("modern", "me", "a.b");
    member.beat_until(&mut consumer, 2);
    let described = page(address, "/v1/groups/modern");
    assert_eq!(described["members"][0]["partitions"], json!({"a.b": [0, 1]}));
    assert_eq!(
        error(address, "/v1/topics/none"),
        (404, json!({"error": "Topic not found", "code": "UNKNOWN_TOPIC_OR_PARTITION"}))
    );
    assert_eq!(
        error(address, "/v1/groups/none"),
        (404, json!({"error": "Consumer group not found", "code": "GROUP_ID_NOT_FOUND"}))
    );
    let missing = json!({"error": "Not found", "code": "NOT_FOUND"});
    assert_eq!(error(address, "/v1/nothing"), (404, missing));
    broker.stop_cleanly();
}

/// Asks for a page with one more field.
fn get_with(address: std::net::SocketAddr, path: &str, field: &str) -> PageAnswer {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n\r\n").unwrap();
    answer(&mut stream, false)
}

#[test]
fn the_console_comes_whole_and_once() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    broker.logged(&[&format!("the console is there at=http://{address}/")]);
    let (status, head, body) = get(address, "/");
    let text = String::from_utf8(body).unwrap();
    assert!(status == 200 && text.starts_with("<!doctype html>"), "{head}{text}");
    let field = |head: &str, name: &str| {
        let found = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.map(str::to_owned).unwrap_or_default()
    };
    assert_eq!(field(&head, "Content-Type"), "text/html; charset=utf-8");
    let policy = field(&head, "Content-Security-Policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "trusted-types 'none'",
    ] {
        assert!(policy.contains(part) && !policy.contains("unsafe"), "{policy}");
    }
    // All that it names is there, and is known by its tag.
    let named: Vec<&str> = text.split(['"']).filter(|part| part.starts_with("/console/")).collect();
    assert!(named.len() > 4, "{named:?}");
    for path in named.iter().chain(&["/"]) {
        let (status, head, body) = get(address, path);
        let tag = field(&head, "ETag");
        assert!(status == 200 && !body.is_empty() && tag.len() > 10, "{path} {head}");
        assert_eq!(field(&head, "Cache-Control"), "no-cache", "{path}");
        for known in [format!("If-None-Match: \"x\", W/{tag}"), "If-None-Match: *".to_owned()] {
            let (status, again, body) = get_with(address, path, &known);
            assert_eq!(
                (status, field(&again, "ETag"), body.len()),
                (304, tag.clone(), 0),
                "{path}"
            );
            assert!(!again.contains("Content-Length"), "{again}");
        }
        assert_eq!(get_with(address, path, "If-None-Match: \"x\"").0, 200, "{path}");
    }
    broker.stop_cleanly();
}

#[test]
fn metrics_have_the_names_that_dashboards_know() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    fill(&broker);
    let done = [barnabas::wire::error::ErrorCode::NONE];
    assert_eq!(broker.client().commit_offsets("a\"\\\nb", "a.b", &[(1, 5, "")]), done);
    let (status, head, body) = get(address, "/metrics");
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, 200, "{text}");
    assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4"), "{head}");
    let port = broker.address.port();
    for line in [
        "# TYPE kafka_topic_partitions gauge",
        "kafka_brokers 1",
        &format!("kafka_broker_info{{address=\"127.0.0.1:{port}\",id=\"1\"}} 1"),
        "kafka_topic_partitions{topic=\"a.b\"} 2",
        "kafka_topic_partition_current_offset{partition=\"1\",topic=\"a.b\"} 5",
        "kafka_topic_partition_oldest_offset{partition=\"0\",topic=\"plain\"} 3",
        "kafka_topic_partition_leader{partition=\"0\",topic=\"plain\"} 1",
        "kafka_topic_partition_leader_is_preferred{partition=\"0\",topic=\"plain\"} 1",
        "kafka_topic_partition_replicas{partition=\"0\",topic=\"plain\"} 1",
        "kafka_topic_partition_in_sync_replica{partition=\"0\",topic=\"plain\"} 1",
        "kafka_topic_partition_under_replicated_partition{partition=\"0\",topic=\"plain\"} 0",
        "kafka_consumergroup_members{consumergroup=\"g/\u{e9}\"} 0",
        "kafka_consumergroup_current_offset{consumergroup=\"g/\u{e9}\",partition=\"1\",topic=\"a.b\"} 2",
        "kafka_consumergroup_current_offset_sum{consumergroup=\"g/\u{e9}\",topic=\"a.b\"} 2",
        "kafka_consumergroup_lag{consumergroup=\"g/\u{e9}\",partition=\"1\",topic=\"a.b\"} 3",
        "kafka_consumergroup_lag_sum{consumergroup=\"g/\u{e9}\",topic=\"a.b\"} 3",
        "kafka_consumergroup_lag_sum{consumergroup=\"a\\\"\\\\\\nb\",topic=\"a.b\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line:?} in\n{text}");
    }
    // Each family once, all its lines behind its head.
    let mut seen = std::collections::BTreeSet::new();
    let mut last = "";
    for line in text.lines().filter(|line| !line.starts_with("# HELP")) {
        let name = line.trim_start_matches("# TYPE ").split(['{', ' ']).next().unwrap();
        assert_eq!(line.starts_with("# "), name != last, "{line}");
        assert!(name == last || seen.insert(name), "{line}");
        last = name;
    }
    broker.stop_cleanly();
}

#[test]
fn looking_at_topics_opens_no_logs() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    fill(&broker);
    let before = page(address, "/v1/topics");
    broker.stop_cleanly();
    let (broker, address) = start_pages(dir.path(), &["--log-level", "debug"]);
    assert_eq!(without_internal(page(address, "/v1/topics")), without_internal(before));
    assert_eq!(get(address, "/metrics").0, 200);
    // What opening a log has found is said at that level.
    let opened = |broker: &Broker, name: &str| {
        broker.log().iter().any(|line| line.contains(name) && line.contains("RecoveryReport"))
    };
    assert!(
        !opened(&broker, "partition=a.b-1 ") && !opened(&broker, "partition=plain-0 "),
        "{:#?}",
        broker.log()
    );
    broker.client().fetch_all(("plain", 0));
    broker.logged(&["partition=plain-0 ", "RecoveryReport"]);
    broker.stop_cleanly();
}

#[test]
fn requests_of_one_connection_are_answered_in_their_order() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let host = "Host: localhost\r\n";
    let requests = [
        format!("GET /v1/topics HTTP/1.1\r\n{host}\r\n"),
        format!("GET /livez HTTP/1.1\r\n{host}Content-Length: 4\r\n\r\nGET "),
        format!("HEAD /metrics HTTP/1.1\r\n{host}\r\n"),
        format!(
            "GET /none HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        ),
        format!("POST /livez HTTP/1.1\r\n{host}Content-Type: application/json\r\n\r\n"),
        format!("GET /livez HTTP/1.1\r\n{host}Expect: 100-continue\r\nContent-Length: 1\r\n\r\na"),
        format!("GET /healthz HTTP/1.1\r\n{host}\r\n"),
        "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
        format!("GET /livez HTTP/1.1\r\n{host}\r\n"),
    ];
    let expected = [200, 200, 200, 404, 405, 100, 200, 200, 421, 400];
    let bytes = requests.concat();
    for piece in [bytes.len(), 100, 7, 1] {
        let mut stream = connect(address);
        for piece in bytes.as_bytes().chunks(piece) {
            stream.write_all(piece).unwrap();
        }
        let answers: Vec<_> =
            expected.iter().enumerate().map(|(at, _)| answer(&mut stream, at == 2)).collect();
        let found: Vec<_> = answers.iter().map(|(status, ..)| *status).collect();
        assert_eq!(found, expected, "in pieces of {piece}");
        assert_eq!(answers[0].2.first(), Some(&b'['), "the desk's page comes first");
        assert!(answers[4].1.contains("\r\nAllow: GET, HEAD\r\n"), "{}", answers[4].1);
        assert!(answers.iter().all(|answer| !answer.1.to_lowercase().contains("access-control")));
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "what cannot be read is the end");
    }
    assert!(!broker.log().iter().any(|line| line.contains("WARN")), "{:?}", broker.log());
    broker.stop_cleanly();
}

#[test]
fn whoever_is_too_slow_is_told_to_go() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &["--set", "barnabas.http.timeout.ms=100"]);
    let mut idle = connect(address);
    let mut slow = connect(address);
    slow.write_all(b"GET /livez HTTP/1.1\r\nHost: loc").unwrap();
    let (status, head, body) = answer(&mut slow, false);
    assert_eq!((status, slow.read(&mut [0]).unwrap()), (408, 0), "{head}");
    assert!(body.starts_with(b"{\"error\":"));
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "without a word");
    // A half-closed one is answered all the same.
    let mut half = connect(address);
    half.write_all(b"GET /v1/topics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    assert_eq!(answer(&mut half, false).0, 200);
    broker.stop_cleanly();
}

#[test]
fn who_finds_the_desk_full_is_told_so() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    client.append(("t", 0), &batch(1, 2, 500_000));
    // Pages that take a while to make and little to send, far more of them than may wait.
    let mut all: Vec<TcpStream> = (0..150).map(|_| connect(address)).collect();
    let request = b"HEAD /v1/topics/t/messages HTTP/1.1\r\nHost: localhost\r\n\r\n";
    all.iter_mut().for_each(|stream| stream.write_all(request).unwrap());
    let statuses: Vec<u16> = all.iter_mut().map(|stream| answer(stream, true).0).collect();
    let (made, refused): (Vec<u16>, Vec<u16>) = statuses.iter().partition(|status| **status == 200);
    assert!(made.len() >= 64 && !refused.is_empty(), "{statuses:?}");
    assert!(refused.iter().all(|status| *status == 503), "{statuses:?}");
    // Both kinds go on.
    all.iter_mut().for_each(|stream| {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap()
    });
    assert!(all.iter_mut().all(|stream| answer(stream, false).0 == 200));
    assert_eq!(get(address, "/v1/topics").0, 200);
    broker.stop_cleanly();
}

#[test]
fn a_listener_is_there_by_default_unless_its_port_is_taken() {
    let dir = TempDir::new();
    // Whoever has the port, it is taken.
    let _taken = TcpListener::bind("127.0.0.1:8080");
    let hosts = ["--set", "barnabas.http.hosts=some.name"];
    let broker = Broker::start(dir.path(), &hosts);
    assert_eq!(pages_of(&broker), None, "{}", broker.line);
    broker.logged(&["WARN", "127.0.0.1:8080", "left out"]);
    broker.logged(&["WARN", "HTTP is not served"]);
    broker.client().api_versions();
    broker.stop_cleanly();

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let data = dir.join("other");
    let asked = ["--port", "0", "--data-dir", data.to_str().unwrap(), "--http-port", &port];
    let refused = refused(command(&asked));
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{refused:?}");
    assert!(!data.exists(), "nothing is touched");

    let broker = Broker::start(dir.path(), &["--http-port", "0"]);
    assert_eq!(pages_of(&broker), None, "{}", broker.line);
    broker.stop_cleanly();
}

#[test]
fn a_broker_is_known_by_its_machines_name_and_those_that_it_is_given() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &["--set", "barnabas.http.hosts=barnabas"]);
    let of = |host: &str| {
        let mut stream = connect(address);
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
            .unwrap();
        let (status, _, body) = answer(&mut stream, false);
        (status, String::from_utf8(body).unwrap())
    };
    let own = barnabas::net::host_name().expect("this machine has a name");
    assert_eq!((of(&own).0, of("barnabas:8080").0), (200, 200), "{own}");
    let (status, said) = of("someone.else");
    assert!(status == 421 && said.contains("barnabas.http.hosts"), "{status} {said}");
    broker.stop_cleanly();
}

#[test]
fn the_driver_is_told_that_is_used() {
    let dir = TempDir::new();
    let data = dir.path().to_str().unwrap();
    let listener = "barnabas.http.listener=127.0.0.1:0";
    let flags = ["--port", "0", "--data-dir", data, "--io", "uring", "--set", listener];
    let mut command = command(&flags);
    let call = libc::SYS_io_uring_setup;
    deny(&mut command, &[Denied { call, argument: None, error: libc::EPERM }]);
    let broker = Broker::spawn(command);
    let told = page(pages_of(&broker).unwrap(), "/v1/broker");
    assert!(told["platform"].as_str().unwrap().ends_with("(epoll)"), "{told}");
    broker.stop_cleanly();
}
