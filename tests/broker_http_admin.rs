//! Changes over HTTP, to the real broker: topics, settings and offsets of groups, by Kafka's rules and with
//! Kafka's errors.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use serde_json::{Value, json};
use std::net::SocketAddr;

fn refused(address: SocketAddr, (method, path): (&str, &str), body: &Value) -> (u16, String) {
    let (status, problem) = send(address, method, path, body);
    assert!(problem["error"].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
    (status, problem["code"].as_str().unwrap().to_owned())
}

fn setting(settings: &Value, name: &str) -> Value {
    let all = settings.as_array().unwrap_or_else(|| panic!("{settings}"));
    let found: Vec<&Value> = all.iter().filter(|one| one["name"] == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    found[0].clone()
}

#[test]
fn topics_are_made_and_deleted_by_kafkas_rules() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &["--set", "num.partitions=2"]);
    let asked = json!({"name": "t", "partitions": 3, "replication_factor": 1,
        "configs": {"retention.ms": "1000"}});
    let (status, tried) = send(address, "POST", "/v1/topics?validate_only", &asked);
    assert_eq!((status, &tried["partitions"]), (200, &json!(3)), "{tried}");
    assert_eq!(get(address, "/v1/topics/t").0, 404);
    let (status, mut made) = send(address, "POST", "/v1/topics", &asked);
    let id = made.as_object_mut().unwrap().remove("topic_id").unwrap();
    assert_eq!((status, &made), (201, &asked));
    let known = broker.client().cluster().topics["t"].id.to_string();
    assert_eq!(id, json!(known));
    assert_eq!(broker.client().topic_configs("t")["retention.ms"].0.as_deref(), Some("1000"));
    let (_, plain) = send(address, "POST", "/v1/topics", &json!({"name": "plain"}));
    let (partitions, configs) = (&plain["partitions"], &plain["configs"]);
    assert_eq!(
        (partitions, &plain["replication_factor"], configs),
        (&json!(2), &json!(1), &json!({}))
    );
    for (body, status, code) in [
        (json!({"name": "t"}), 409, "TOPIC_ALREADY_EXISTS"),
        (json!({"name": "a b"}), 400, "INVALID_TOPIC_EXCEPTION"),
        (json!({"name": ""}), 400, "INVALID_TOPIC_EXCEPTION"),
        (json!({"name": "x", "partitions": 0}), 400, "INVALID_PARTITIONS"),
        (json!({"name": "x", "partitions": -2}), 400, "INVALID_PARTITIONS"),
        (json!({"name": "x", "partitions": 10_001}), 400, "POLICY_VIOLATION"),
        (json!({"name": "x", "replication_factor": 2}), 400, "INVALID_REPLICATION_FACTOR"),
        (json!({"name": "x", "configs": {"no.such": "1"}}), 400, "INVALID_CONFIG"),
        (json!({"name": "x", "configs": {"retention.ms": "x"}}), 400, "INVALID_CONFIG"),
        (json!({"name": "x", "configs": {"retention.ms": 1}}), 400, "BAD_REQUEST"),
        (json!({"name": "x", "partitions": "1"}), 400, "BAD_REQUEST"),
        (json!({"name": "x", "partition": 1}), 400, "BAD_REQUEST"),
        (json!({"partitions": 1}), 400, "BAD_REQUEST"),
        (json!([]), 400, "BAD_REQUEST"),
    ] {
        let found = refused(address, ("POST", "/v1/topics"), &body);
        assert_eq!(found, (status, code.to_owned()), "{body}");
    }
    let twice = r#"{"name":"x","configs":{"retention.ms":"1","retention.ms":"2"}}"#;
    assert_eq!(send_text(address, "POST", "/v1/topics", twice).0, 400);
    let (status, gone) = send(address, "DELETE", "/v1/topics/t", &json!(null));
    assert_eq!((status, gone), (200, json!({"deleted": "t", "partitions_removed": 3})));
    let missing = (404, "UNKNOWN_TOPIC_OR_PARTITION".to_owned());
    assert_eq!(refused(address, ("DELETE", "/v1/topics/t"), &json!(null)), missing);
    broker.stop_cleanly();
    let (broker, address) = start_pages(dir.path(), &["--set", "delete.topic.enable=false"]);
    let found = refused(address, ("DELETE", "/v1/topics/plain"), &json!(null));
    assert_eq!(found, (403, "TOPIC_DELETION_DISABLED".to_owned()));
    assert_eq!(get(address, "/v1/topics/plain").0, 200);
    broker.stop_cleanly();
}

#[test]
fn settings_are_shown_and_changed_by_kafkas_rules() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    let path = "/v1/topics/t/configs";
    let before = page(address, path);
    let known = client.topic_configs("t");
    assert_eq!(before.as_array().unwrap().len(), known.len());
    let retention = setting(&before, "retention.ms");
    assert_eq!(
        (&retention["value"], &retention["source"]),
        (&json!("604800000"), &json!("DEFAULT_CONFIG"))
    );
    assert_eq!((&retention["type"], &retention["read_only"]), (&json!("LONG"), &json!(false)));
    assert!(!retention["documentation"].as_str().unwrap().is_empty());
    assert_eq!(retention["values"], json!([]), "any number");
    let policy = setting(&page(address, path), "cleanup.policy");
    assert_eq!(policy["values"], json!(["compact", "delete"]));
    let patch = json!({"retention.ms": "7", "cleanup.policy": "compact"});
    let (status, after) = send(address, "PATCH", &format!("{path}?validate_only=true"), &patch);
    assert_eq!((status, &setting(&after, "retention.ms")["value"]), (200, &json!("7")));
    assert_eq!(setting(&page(address, path), "retention.ms")["value"], json!("604800000"));
    let (status, after) = send(address, "PATCH", path, &patch);
    let retention = setting(&after, "retention.ms");
    assert_eq!((status, &retention["value"]), (200, &json!("7")));
    assert_eq!(retention["source"], json!("DYNAMIC_TOPIC_CONFIG"));
    assert_eq!(
        retention["synonyms"][0],
        json!(
        {"name": "retention.ms", "value": "7", "source": "DYNAMIC_TOPIC_CONFIG", "origin": null})
    );
    assert_eq!(client.topic_configs("t")["cleanup.policy"].0.as_deref(), Some("compact"));
    let (_, after) = send(address, "PATCH", path, &json!({"retention.ms": null}));
    assert_eq!(setting(&after, "retention.ms")["value"], json!("604800000"));
    // All or nothing.
    for (patch, code) in [
        (json!({"retention.ms": "8", "segment.bytes": "x"}), "INVALID_CONFIG"),
        (json!({"retention.ms": "8", "no.such": "x"}), "INVALID_CONFIG"),
        (json!({"retention.ms": 8}), "BAD_REQUEST"),
        (json!({"retention.ms": ["8"]}), "BAD_REQUEST"),
        (json!(["retention.ms"]), "BAD_REQUEST"),
        (json!(null), "BAD_REQUEST"),
    ] {
        assert_eq!(refused(address, ("PATCH", path), &patch), (400, code.to_owned()), "{patch}");
    }
    assert_eq!(setting(&page(address, path), "retention.ms")["value"], json!("604800000"));
    let missing = (404, "UNKNOWN_TOPIC_OR_PARTITION".to_owned());
    assert_eq!(refused(address, ("PATCH", "/v1/topics/none/configs"), &json!({})), missing);
    assert_eq!(refused(address, ("GET", "/v1/topics/none/configs"), &json!({})), missing);
    let invalid = (400, "INVALID_TOPIC_EXCEPTION".to_owned());
    assert_eq!(refused(address, ("GET", "/v1/topics/a%20b/configs"), &json!({})), invalid);
    broker.stop_cleanly();
}

#[test]
fn a_brokers_settings_change_while_it_runs_and_are_kept() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let name = "log.retention.ms";
    let would = send(address, "PATCH", "/v1/cluster/configs?validate_only", &json!({name: "4000"}));
    assert_eq!(setting(&would.1, name)["value"], json!("4000"));
    assert_eq!(setting(&page(address, "/v1/broker/configs"), name)["value"], json!(null));
    let (status, all) = send(address, "PATCH", "/v1/cluster/configs", &json!({name: "5000"}));
    let source = json!("DYNAMIC_DEFAULT_BROKER_CONFIG");
    assert_eq!((status, &setting(&all, name)["source"]), (200, &source));
    assert_eq!(setting(&page(address, "/v1/broker/configs"), name)["value"], json!("5000"));
    let (_, own) = send(address, "PATCH", "/v1/broker/configs", &json!({name: "6000"}));
    assert_eq!(setting(&own, name)["value"], json!("6000"));
    assert_eq!(setting(&own, name)["source"], json!("DYNAMIC_BROKER_CONFIG"));
    assert_eq!(setting(&page(address, "/v1/cluster/configs"), name)["value"], json!("5000"));
    for (path, patch) in [
        ("/v1/broker/configs", json!({"broker.id": "7"})),
        ("/v1/cluster/configs", json!({"listeners": "PLAINTEXT://:1"})),
        ("/v1/broker/configs", json!({name: "x"})),
    ] {
        let (status, code) = refused(address, ("PATCH", path), &patch);
        let is_refused = code == "INVALID_CONFIG" || code == "INVALID_REQUEST";
        assert!(status == 400 && is_refused, "{path} {patch}: {code}");
    }
    broker.stop_cleanly();
    let (broker, address) = start_pages(dir.path(), &[]);
    assert_eq!(setting(&page(address, "/v1/broker/configs"), name)["value"], json!("6000"));
    let (_, own) = send(address, "PATCH", "/v1/broker/configs", &json!({name: null}));
    assert_eq!(setting(&own, name)["value"], json!("5000"));
    broker.stop_cleanly();
}

#[test]
fn names_that_no_broker_has_are_not_taken_and_can_be_taken_away() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let (one, all) = ("/v1/broker/configs", "/v1/cluster/configs");
    for (path, name, meant) in [
        (one, "num.partition", "num.partitions"),
        (all, "retention.ms", "log.retention.ms"),
        (all, "foo", "docs/CONFIGURATION.md"),
    ] {
        let patch = json!({name: "1", "num.io.threads": "3"});
        let (status, said) = send(address, "PATCH", path, &patch);
        assert_eq!((status, &said["code"]), (400, &json!("INVALID_CONFIG")), "{said}");
        assert!(said["error"].as_str().unwrap().contains(meant), "{said}");
    }
    assert_eq!(page(address, all).as_array().unwrap().len(), 1, "what a new cluster has");
    for (name, meant) in
        [("retention.mss", "retention.ms"), ("log.cleanup.policy", "cleanup.policy")]
    {
        let said = format!("Unknown topic config name: {name}; did you mean {meant}?");
        broker.client().create("there", 1);
        let made = json!({"name": "made", "configs": {name: "1"}});
        for (method, path, body) in [
            ("PATCH", "/v1/topics/there/configs", &json!({name: "1"})),
            ("POST", "/v1/topics", &made),
        ] {
            let refused = send(address, method, path, body);
            assert_eq!(refused, (400, json!({"code": "INVALID_CONFIG", "error": said})));
        }
        let (status, _) = send(address, "DELETE", "/v1/topics/there", &json!({}));
        assert_eq!(status, 200);
    }
    // Nor is all of a name told back that nobody can read.
    let long = "n".repeat(100_000);
    for (path, patch) in
        [(one, json!({&long: "1"})), ("/v1/topics", json!({"name": "t", "configs": {&long: "1"}}))]
    {
        let method = if path == one { "PATCH" } else { "POST" };
        let (status, said) = send(address, method, path, &patch);
        let text = said["error"].as_str().unwrap();
        assert!(status == 400 && text.len() < 1000, "{} bytes: {text:.800}", text.len());
    }
    // Kafka's own clients may set any.
    broker.client().alter_of((4, ""), &[("foo", "1")]);
    let foo = setting(&page(address, all), "foo");
    assert_eq!((&foo["type"], &foo["value"]), (&json!(null), &json!(null)), "it may be a secret");
    let (status, left) = send(address, "PATCH", all, &json!({"foo": null}));
    assert_eq!((status, left.as_array().unwrap().len()), (200, 1));
    broker.stop_cleanly();
}

#[test]
fn barnabas_own_settings_are_shown_and_not_changed() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &["--workers", "2"]);
    let path = "/v1/broker/configs";
    let workers = setting(&page(address, path), "barnabas.workers");
    assert_eq!((&workers["value"], &workers["read_only"]), (&json!("2"), &json!(true)));
    assert_eq!(workers["source"], json!("STATIC_BROKER_CONFIG"));
    // Where each was given; Kafka demands some that nobody need give.
    assert_eq!(workers["synonyms"][0]["origin"], json!("--workers"));
    let origin = |name| setting(&page(address, path), name)["synonyms"][0]["origin"].take();
    assert_eq!(origin("barnabas.http.listener"), json!("--set"));
    assert_eq!(origin("process.roles"), json!("brought by Barnabas"));
    assert_eq!(origin("num.io.threads"), json!(null));
    let change = json!({"barnabas.workers": "1"});
    assert_eq!(refused(address, ("PATCH", path), &change).0, 400);
    broker.stop_cleanly();
}

#[test]
fn messages_are_found_by_their_time() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    client.append(("t", 0), &batch(1, 5, 10));
    client.append(("t", 0), &batch(2, 5, 10));
    let at = |time: i64| {
        let all = page(address, &format!("/v1/topics/t/messages?limit=100&timestamp={time}"));
        all.as_array().unwrap().iter().map(|one| one["offset"].as_i64().unwrap()).next()
    };
    assert_eq!((at(0), at(TIME), at(TIME + 3), at(TIME + 5)), (Some(0), Some(0), Some(3), None));
    let (status, _) = error(address, "/v1/topics/t/messages?timestamp=0&offset=0");
    assert_eq!(status, 400);
    assert_eq!(error(address, "/v1/topics/t/messages?timestamp=-1").0, 400);
    broker.stop_cleanly();
}

#[test]
fn offsets_of_a_group_are_set_while_it_is_empty() {
    let dir = TempDir::new();
    let no_delay = ["--set", "group.initial.rebalance.delay.ms=0"];
    let (broker, address) = start_pages(dir.path(), &no_delay);
    let mut client = broker.client();
    client.create("t", 2);
    client.append(("t", 0), &batch(1, 9, 10));
    client.append(("t", 1), &batch(1, 5, 10));
    let path = "/v1/groups/g/offsets";
    let row = |partition: i32, to: Value| {
        let mut row = json!({"topic": "t", "partition": partition});
        row.as_object_mut().unwrap().extend(to.as_object().unwrap().clone());
        row
    };
    let set = |rows: &[Value]| send(address, "POST", path, &json!({"offsets": rows}));
    // Also where there is no group and no topic for it yet.
    let (status, done) = set(&[row(1, json!({"offset": 3})), row(0, json!({"to": "latest"}))]);
    let expected = json!({"group_id": "g", "offsets": [
        row(0, json!({"offset": 9})), row(1, json!({"offset": 3}))]});
    assert_eq!((status, done), (200, expected));
    assert_eq!(page(address, "/v1/groups/g")["lag"], json!({"t-0": 0, "t-1": 2}));
    assert_eq!(client.group_offset("g", ("t", 1)), Ok(3));
    assert_eq!(set(&[row(0, json!({"timestamp": TIME + 2}))]).0, 200);
    assert_eq!(set(&[row(1, json!({"to": "earliest"}))]).0, 200);
    assert_eq!(page(address, "/v1/groups/g")["committed_offsets"], json!({"t-0": 2, "t-1": 0}));
    for (rows, status, code) in [
        (vec![], 400, "BAD_REQUEST"),
        (vec![row(0, json!({}))], 400, "BAD_REQUEST"),
        (vec![row(0, json!({"offset": 1, "to": "latest"}))], 400, "BAD_REQUEST"),
        (vec![row(0, json!({"to": "middle"}))], 400, "BAD_REQUEST"),
        (vec![row(0, json!({"timestamp": -1}))], 400, "BAD_REQUEST"),
        (vec![row(0, json!({"offset": 1, "more": 1}))], 400, "BAD_REQUEST"),
        (vec![row(0, json!({"offset": 1})), row(0, json!({"offset": 2}))], 400, "BAD_REQUEST"),
        (vec![row(0, json!({"offset": 10}))], 400, "OFFSET_OUT_OF_RANGE"),
        (vec![row(0, json!({"offset": -1}))], 400, "OFFSET_OUT_OF_RANGE"),
        (
            vec![row(0, json!({"offset": 1})), row(2, json!({"offset": 1}))],
            404,
            "UNKNOWN_TOPIC_OR_PARTITION",
        ),
    ] {
        let (found, problem) = set(&rows);
        assert_eq!((found, &problem["code"]), (status, &json!(code)), "{rows:?}");
    }
    assert_eq!(client.group_offset("g", ("t", 0)), Ok(2));
    // A group that has members keeps what they have.
    let mut member = broker.client();
    let me = member.join(Joining::new("g", ""));
    let (status, problem) = set(&[row(0, json!({"offset": 0}))]);
    assert_eq!((status, &problem["code"]), (409, &json!("NON_EMPTY_GROUP")), "{problem}");
    assert_eq!(client.group_offset("g", ("t", 0)), Ok(2));
    assert_eq!(member.leave("g", &me.member), ErrorCode::NONE);
    assert_eq!(set(&[row(0, json!({"offset": 0}))]).0, 200);
    broker.stop_cleanly();
}

#[test]
fn offsets_that_are_set_wait_for_the_disk_where_it_is_asked_for() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &["--set", "log.flush.interval.messages=1"]);
    broker.client().create("t", 1);
    let body = json!({"offsets": [{"topic": "t", "partition": 0, "offset": 0}]});
    assert_eq!(send(address, "POST", "/v1/groups/g/offsets", &body).0, 200);
    broker.kill();
    let (broker, address) = start_pages(dir.path(), &[]);
    broker.client().await_coordinator("g");
    assert_eq!(page(address, "/v1/groups/g")["committed_offsets"], json!({"t-0": 0}));
    broker.stop_cleanly();
}
