//! Messages that are produced over HTTP, to the real broker: consumers see them as any others, and what a
//! producer would be refused is refused.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::records::RecordIter;
use broker_support::*;
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;

fn produce(address: SocketAddr, path: &str, messages: &Value) -> (u16, Value) {
    send(address, "POST", path, &json!({"messages": messages}))
}

/// Keys, values, headers and times of a partition, as a consumer reads them.
fn consumed(broker: &Broker, at: (&str, i32)) -> Vec<String> {
    let bytes = broker.client().fetch_all(at);
    let mut all = Vec::new();
    for batch in batches(&bytes) {
        for record in RecordIter::new(batch.records_bytes(), batch.record_count()) {
            let record = record.unwrap();
            let show = |bytes: Option<&[u8]>| bytes.map(|bytes| bytes.escape_ascii().to_string());
            let headers: Vec<_> =
                record.headers.iter().map(|one| (show(Some(one.key)), show(one.value))).collect();
            let time = batch.base_timestamp() + record.timestamp_delta;
            let (key, value) = (show(record.key), show(record.value));
            all.push(format!("{key:?} {value:?} {headers:?} {}", time == 1_760_000_000_000));
        }
    }
    all
}

#[test]
fn consumers_see_what_was_produced() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    broker.client().create("t", 3);
    let path = "/v1/topics/t/messages";
    let all = json!([
        {"value": "plain", "partition": 1, "timestamp": 1_760_000_000_000i64},
        {"key": "k\u{e9}", "value": null, "partition": 1, "headers": []},
        {"key": null, "value": "/w==", "value_encoding": "base64", "partition": 1, "timestamp": null},
        {"key": "AP8=", "key_encoding": "base64", "value": "", "value_encoding": "text", "partition": 1,
         "headers": [{"key": "h", "value": "v"}, {"key": "h", "value": null},
                     {"key": "", "value": "AA==", "value_encoding": "base64"}]},
    ]);
    let done = json!({"topic": "t", "partition": 1, "base_offset": 0, "record_count": 4});
    assert_eq!(produce(address, path, &all), (200, done));
    let expected = [
        r#"None Some("plain") [] true"#,
        r#"Some("k\\xc3\\xa9") None [] false"#,
        r#"None Some("\\xff") [] false"#,
        r#"Some("\\x00\\xff") Some("") [(Some("h"), Some("v")), (Some("h"), None), (Some(""), Some("\\x00"))] false"#,
    ];
    assert_eq!(consumed(&broker, ("t", 1)), expected);
    // What is shown can be sent again, but for where it was.
    let mut shown = page(address, "/v1/topics/t/messages?partition=1");
    for message in shown.as_array_mut().unwrap() {
        message.as_object_mut().unwrap().remove("offset");
    }
    let again = produce(address, "/v1/topics/t/messages?partition=2", &shown);
    assert_eq!(again.1, json!({"topic": "t", "partition": 2, "base_offset": 0, "record_count": 4}));
    let mut copied = page(address, "/v1/topics/t/messages?partition=2");
    for message in copied.as_array_mut().unwrap() {
        message.as_object_mut().unwrap().remove("offset");
    }
    assert_eq!(copied, shown);
    broker.stop_cleanly();
}

#[test]
fn keys_choose_partitions_as_kafkas_producers_do() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    broker.client().create("t", 10);
    let path = "/v1/topics/t/messages";
    // Utils.toPositive(Utils.murmur2(key)) % 10, by the hashes of Kafka's own test.
    let keyed = json!([
        {"key": "21", "value": "a"}, {"key": "foobar", "value": "b"}, {"key": "abc", "value": "c"},
        {"key": "21", "value": "d"}, {"key": "21", "value": "e", "partition": 8},
    ]);
    let (status, produced) = produce(address, path, &keyed);
    let row = |partition: i32, count: i32| json!({"partition": partition, "base_offset": 0, "record_count": count});
    let at = |hash: i32| (hash & 0x7fff_ffff) % 10;
    let mut rows = [(at(-973_932_308), 2), (at(-790_332_482), 1), (at(479_470_107), 1), (8, 1)];
    rows.sort_unstable();
    let rows: Vec<Value> = rows.iter().map(|(partition, count)| row(*partition, *count)).collect();
    let first = at(-973_932_308);
    let expected = json!({"topic": "t", "partition": first, "base_offset": 0, "record_count": 5,
        "partitions": rows});
    assert_eq!((status, produced), (200, expected));
    // Without a key all of one request go together, and the next go elsewhere.
    let of_request = || {
        let two = json!([{"value": "x"}, {"value": "y"}]);
        let (_, produced) = produce(address, path, &two);
        assert_eq!(produced.get("partitions"), None);
        produced["partition"].clone()
    };
    assert_ne!(of_request(), of_request());
    broker.stop_cleanly();
}

#[test]
fn topics_are_made_as_for_a_producer() {
    let dir = TempDir::new();
    let partitions = ["--set", "num.partitions=3"];
    let (broker, address) = start_pages(dir.path(), &partitions);
    let messages = json!([{"value": "x", "partition": 2}]);
    let (status, produced) = produce(address, "/v1/topics/new/messages", &messages);
    assert_eq!((status, &produced["partition"]), (200, &json!(2)), "{produced}");
    assert_eq!(page(address, "/v1/topics/new")["partitions"].as_array().unwrap().len(), 3);
    broker.logged(&["topic was created because a client asked for it topic=new"]);
    let refused = |name: &str, status: u16, code: &str| {
        let (found, problem) = produce(address, &format!("/v1/topics/{name}/messages"), &messages);
        assert_eq!((found, &problem["code"]), (status, &json!(code)), "{problem}");
    };
    refused("a%20b", 400, "INVALID_TOPIC_EXCEPTION");
    refused("__consumer_offsets", 404, "UNKNOWN_TOPIC_OR_PARTITION");
    refused("__cluster_metadata", 400, "INVALID_REQUEST");
    broker.client().await_coordinator("g");
    refused("__consumer_offsets", 400, "INVALID_TOPIC_EXCEPTION");
    broker.stop_cleanly();
    let (broker, address) = start_pages(dir.path(), &["--set", "auto.create.topics.enable=false"]);
    let (status, problem) = produce(address, "/v1/topics/other/messages", &messages);
    assert_eq!((status, &problem["code"]), (404, &json!("UNKNOWN_TOPIC_OR_PARTITION")));
    assert_eq!(produce(address, "/v1/topics/new/messages", &messages).0, 200);
    broker.stop_cleanly();
}

#[test]
fn what_is_not_a_message_is_refused() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    for body in [
        "",
        "{",
        "[]",
        "null",
        r#"{"messages":[]}"#,
        r#"{"messages":null}"#,
        r#"{"messages":{}}"#,
        r#"{"message":[{"value":"x"}]}"#,
        r#"{"messages":[{"value":"x"}],"more":1}"#,
        r#"{"messages":[{"value":"x"}]} x"#,
        r#"{"messages":[{}]}"#,
        r#"{"messages":[{"key":"k"}]}"#,
        r#"{"messages":["x"]}"#,
        r#"{"messages":[{"value":1}]}"#,
        r#"{"messages":[{"value":{"a":1}}]}"#,
        r#"{"messages":[{"value":"x","key":1}]}"#,
        r#"{"messages":[{"value":"x","value":"y"}]}"#,
        r#"{"messages":[{"value":"x","val":"y"}]}"#,
        r#"{"messages":[{"value":"x","offset":1}]}"#,
        r#"{"messages":[{"value":"x","partition":"0"}]}"#,
        r#"{"messages":[{"value":"x","partition":-1}]}"#,
        r#"{"messages":[{"value":"x","partition":2147483648}]}"#,
        r#"{"messages":[{"value":"x","timestamp":-1}]}"#,
        r#"{"messages":[{"value":"x","timestamp":1.5}]}"#,
        r#"{"messages":[{"value":"x","headers":{"a":"b"}}]}"#,
        r#"{"messages":[{"value":"x","headers":[{"key":null,"value":"b"}]}]}"#,
        r#"{"messages":[{"value":"x","headers":[{"key":"a"}]}]}"#,
        r#"{"messages":[{"value":"x","value_encoding":"base32"}]}"#,
        r#"{"messages":[{"value":"x","value_encoding":"base64"}]}"#,
        r#"{"messages":[{"value":"/w","value_encoding":"base64"}]}"#,
        r#"{"messages":[{"value":"/x==","value_encoding":"base64"}]}"#,
        r#"{"messages":[{"value":"/ w==","value_encoding":"base64"}]}"#,
        r#"{"messages":[{"value":"\ud800"}]}"#,
        &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        &format!(r#"{{"messages":[{{"value":{}}}]}}"#, "[".repeat(1000)),
    ] {
        let (status, problem) = send_text(address, "POST", "/v1/topics/t/messages", body);
        assert_eq!((status, &problem["code"]), (400, &json!("BAD_REQUEST")), "{body:.100}");
        assert!(problem["error"].as_str().unwrap().len() < 300, "{problem}");
    }
    let missing = json!([{"value": "x", "partition": 1}, {"value": "y", "partition": 0}]);
    let (status, problem) = produce(address, "/v1/topics/t/messages", &missing);
    assert_eq!((status, &problem["code"]), (404, &json!("UNKNOWN_TOPIC_OR_PARTITION")));
    assert_eq!(client.offset(("t", 0), -1), 0, "nothing of a refused request is produced");
    broker.stop_cleanly();
}

#[test]
fn the_topics_own_rules_hold() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create_with("compact", 1, &[("cleanup.policy", "compact")]);
    client.create_with("small", 2, &[("max.message.bytes", "200")]);
    client.create_with("late", 1, &[("message.timestamp.type", "LogAppendTime")]);
    client.create_with("zipped", 1, &[("compression.type", "gzip")]);
    let code = |topic: &str, messages: Value| {
        let (status, problem) =
            produce(address, &format!("/v1/topics/{topic}/messages"), &messages);
        (status, problem["code"].as_str().map(str::to_owned), problem)
    };
    let (status, name, _) = code("compact", json!([{"value": "no key"}]));
    assert_eq!((status, name.as_deref()), (400, Some("INVALID_RECORD")));
    assert_eq!(code("compact", json!([{"key": "", "value": null}])).0, 200);
    let far = i64::MAX;
    let (status, name, _) = code("compact", json!([{"key": "k", "value": "v", "timestamp": far}]));
    assert_eq!((status, name.as_deref()), (400, Some("INVALID_TIMESTAMP")));
    // What is too large for one partition does not keep others from theirs, and that is said.
    let large = "x".repeat(300);
    let both = json!([{"value": large, "partition": 0}, {"value": "y", "partition": 1}]);
    let (status, name, problem) = code("small", both);
    assert_eq!((status, name.as_deref()), (413, Some("MESSAGE_TOO_LARGE")), "{problem}");
    let rows = problem["partitions"].as_array().unwrap();
    assert_eq!(
        (&rows[0]["code"], &rows[1]["base_offset"]),
        (&json!("MESSAGE_TOO_LARGE"), &json!(0))
    );
    assert_eq!((client.offset(("small", 0), -1), client.offset(("small", 1), -1)), (0, 1));
    assert_eq!(code("late", json!([{"value": "x", "timestamp": 5}])).0, 200);
    assert!(page(address, "/v1/topics/late/messages")[0]["timestamp"].as_i64().unwrap() > TIME);
    assert_eq!(code("zipped", json!([{"value": large}])).0, 200);
    assert_eq!(page(address, "/v1/topics/zipped/messages")[0]["value"], json!(large));
    let stored = client.fetch_all(("zipped", 0));
    assert_eq!(batches(&stored)[0].attributes().codec_id(), 1);
    broker.stop_cleanly();
}

#[test]
fn a_consumer_that_waits_is_woken_and_an_answer_waits_for_the_disk() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &["--workers", "2"]);
    let (mut client, mut other) = (broker.client(), broker.client());
    client.create("plain", 1);
    client.create_with("synced", 2, &[("flush.messages", "1")]);
    for (topic, n) in [("plain", 0), ("synced", 0), ("plain", 1), ("synced", 1)] {
        let waits = [&mut client, &mut other].map(|one| {
            let sent = one.send_fetch(&[((topic, 0), n)], Wait::for_bytes(1));
            (one, sent)
        });
        let messages = json!([{"value": "x", "partition": 0}]);
        let (status, produced) =
            produce(address, &format!("/v1/topics/{topic}/messages"), &messages);
        assert_eq!((status, &produced["base_offset"]), (200, &json!(n)), "{produced}");
        for (one, sent) in waits {
            assert_eq!(one.fetched(sent).remove(0).high_watermark, n + 1);
        }
    }
    let both = json!([{"value": "x", "partition": 0}, {"value": "y", "partition": 1}]);
    assert_eq!(produce(address, "/v1/topics/synced/messages", &both).0, 200);
    broker.stop_cleanly();
}

#[test]
fn nobody_is_told_that_it_was_done_where_the_disk_has_failed() {
    let dir = TempDir::new();
    let disk = BadDisk::new(&dir);
    let data = dir.join("data");
    let pages = ["--set", "barnabas.http.listener=127.0.0.1:0"];
    let broker = Broker::spawn(disk.broker(&data, &pages));
    let address = pages_of(&broker).unwrap();
    broker.client().create_with("t", 1, &[("flush.messages", "1")]);
    let messages = json!([{"value": "x"}]);
    let path = "/v1/topics/t/messages";
    assert_eq!(produce(address, path, &messages).0, 200);
    disk.fail("sync", "/t-0/", libc::EIO);
    let (status, problem) = produce(address, path, &messages);
    assert_eq!((status, &problem["code"]), (503, &json!("KAFKA_STORAGE_ERROR")), "{problem}");
    disk.heal();
    let (status, problem) = error(address, path);
    assert_eq!((status, &problem["code"]), (503, &json!("KAFKA_STORAGE_ERROR")), "{problem}");
    let (status, health) = error(address, "/healthz");
    let mut offline = json!({"status": "offline", "error": "Partitions are offline",
        "code": "UNAVAILABLE", "offline": ["t-0"]});
    assert_eq!((status, &health), (503, &offline));
    // A page whose name leads here (DNS rebinding) learns no topic's name.
    let mut foreign = connect(address);
    foreign.write_all(b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n").unwrap();
    let (status, _, body) = answer(&mut foreign, false);
    offline.as_object_mut().unwrap().remove("offline");
    assert_eq!((status, serde_json::from_slice(&body).unwrap()), (503, offline));
    assert_eq!(get(address, "/readyz").0, 200);
    broker.stop();
}

#[test]
fn browsers_cannot_be_tricked_into_it() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    let body = r#"{"messages":[{"value":"x"}]}"#;
    for (fields, expected) in [
        ("", 403),
        ("Content-Type: text/plain\r\n", 415),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 415),
        ("Content-Type: application/json\r\nOrigin: http://evil.example\r\n", 403),
        ("Content-Type: application/json\r\nOrigin: null\r\n", 403),
        ("X-Requested-With: curl\r\n", 200),
        ("Content-Type: application/json; charset=utf-8\r\nOrigin: http://localhost\r\n", 200),
    ] {
        let mut stream = connect(address);
        write!(
            stream,
            "POST /v1/topics/t/messages HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let (status, head, _) = answer(&mut stream, false);
        assert_eq!(status, expected, "{fields}");
        assert!(!head.to_lowercase().contains("access-control"), "{head}");
    }
    assert_eq!(client.offset(("t", 0), -1), 2);
    broker.stop_cleanly();
}

#[test]
fn a_partition_that_a_new_topic_would_not_have_makes_no_topic() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &["--set", "num.partitions=2"]);
    let path = "/v1/topics/new/messages";
    let asked = format!("{path}?partition=2");
    let named = json!([{"value": "v"}, {"value": "v", "partition": 7}]);
    for (path, messages) in [(&*asked, json!([{"value": "v"}])), (path, named)] {
        let (status, said) = produce(address, path, &messages);
        assert_eq!((status, &said["code"]), (404, &json!("UNKNOWN_TOPIC_OR_PARTITION")), "{path}");
        assert!(!broker.client().cluster().topics.contains_key("new"), "{path}");
    }
    let (status, said) = produce(address, path, &json!([{"value": "v", "partition": 1}]));
    assert_eq!((status, &said["partition"]), (200, &json!(1)));
    broker.stop_cleanly();
}
