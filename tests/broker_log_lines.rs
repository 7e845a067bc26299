//! Log lines: each connection and each request can be followed by its number, at debug level; JSON.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::codec::{Message, Root, Writer};
use barnabas::wire::header::RequestHeader;
use barnabas::wire::messages::metadata::MetadataRequest;
use broker_support::*;
use std::io::Write;

/// The word behind `key=` in a line.
fn word<'l>(line: &'l str, key: &str) -> &'l str {
    let (_, rest) = line.split_once(key).unwrap_or_else(|| panic!("no {key} in {line}"));
    rest.split(' ').next().unwrap()
}

/// A Metadata request of a client that calls itself so.
fn request_of(client_id: &str) -> Vec<u8> {
    let mut w = Writer::new();
    w.write_i32(0);
    let (api_key, client_id) = (MetadataRequest::KEY, Some(client_id));
    RequestHeader { api_key, api_version: 12, correlation_id: 77, client_id }.encode(&mut w);
    MetadataRequest::default().encode(&mut w, 12);
    w.patch_i32(0, i32::try_from(w.len() - 4).unwrap());
    w.into_bytes()
}

#[test]
fn a_connection_and_its_requests_can_be_followed_in_json() {
    let dir = TempDir::new();
    let more = ["--log-level", "debug", "--log-format", "json"];
    let broker = Broker::start(&dir.join("data"), &more);
    let (mut one, mut other) = (broker.client(), broker.client());
    let name = one.name();
    one.send_bytes(&request_of("a \"b\"\nERROR \u{e9}"));
    one.receive().unwrap();
    let _ = (one.api_versions(), other.api_versions());
    drop(one);
    let opened = broker.logged(&["connection opened", &format!("\"remote\":\"{name}\"")]);
    let opened: serde_json::Value = serde_json::from_str(&opened).unwrap();
    let number = opened["conn"].as_u64().unwrap();
    broker.logged(&["closed the connection", &format!("\"conn\":{number},\"remote\":\"{name}\"")]);
    let address = broker.address;
    drop(other);
    let ended = broker.stop();
    assert_eq!(ended.code, Some(0));

    let parse = |line: &String| serde_json::from_str::<serde_json::Value>(line).expect(line);
    let lines: Vec<serde_json::Value> = ended.log.iter().map(parse).collect();
    for line in &lines {
        for key in ["level", "message", "target", "time"] {
            assert!(line[key].is_string(), "{key}: {line}");
        }
        assert!(!line["message"].as_str().unwrap().contains('='), "{line}");
    }
    let with = |key: &str, value: serde_json::Value| -> Vec<serde_json::Value> {
        lines.iter().filter(|line| line[key] == value).cloned().collect()
    };
    let conn = with("conn", number.into());
    assert_eq!(conn.len(), 2, "{conn:?}");
    assert_eq!(conn[0]["local"], address.to_string());
    assert_eq!(conn[0]["listener"], "PLAINTEXT");
    assert!(conn[0]["worker"].is_u64(), "{conn:?}");
    let first = with("req", format!("{number}.0").into());
    let messages: Vec<&str> = first.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["request", "request is done", "answered"]);
    let asked = &first[0];
    assert_eq!((&asked["api"], &asked["version"]), (&"Metadata".into(), &12.into()));
    assert_eq!(asked["correlation"], 77);
    assert!(asked["bytes"].is_u64(), "{asked}");
    assert_eq!(asked["client"], "a \"b\"\nERROR \u{e9}");
    assert_eq!((&first[2]["api"], &first[2]["error"]), (&"Metadata".into(), &"NONE".into()));
    assert!(first[2]["us"].is_u64(), "{first:?}");
    let second = with("req", format!("{number}.1").into());
    assert!(second.len() == 3 && second[0]["api"] == "ApiVersions", "{second:?}");
}

/// In text as in JSON: a short message that is always the same, and the values behind it.
#[test]
fn a_groups_life_can_be_found_by_its_name() {
    for format in ["text", "json"] {
        let dir = TempDir::new();
        let quick = ["--set", "group.initial.rebalance.delay.ms=0", "--log-format", format];
        let broker = Broker::start(&dir.join("data"), &quick);
        let mut client = broker.client();
        client.create("t", 1);
        client.await_coordinator("a group");
        let member = client.join(Joining::new("a group", ""));
        let expected = match format {
            "json" => {
                "\"message\":\"group has a new generation\",\"group\":\"a group\",\"generation\":1,\"members\":1,"
            }
            _ => "group has a new generation group=\"a group\" generation=1 members=1 protocol=",
        };
        let line = broker.logged(&[expected]);
        let target = "barnabas::coordinator::groups::classic::phase";
        assert!(line.contains("INFO") && line.contains(target), "{line}");
        assert_eq!((member.generation, member.members.len()), (1, 1));
        broker.stop_cleanly();
    }
}

#[test]
fn what_is_refused_is_told_with_its_error() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &["--log-level", "debug"]);
    let mut client = broker.client();
    client.create("t", 1);
    let again = client.send_create("t", 1, &[]);
    assert!(client.created(again).is_err());
    broker.logged(&[" api=CreateTopics error=NONE us="]);
    broker.logged(&[" api=CreateTopics error=TOPIC_ALREADY_EXISTS us="]);
}

#[test]
fn a_page_can_be_followed_too() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(&dir.join("data"), &["--log-level", "debug"]);
    for (path, status) in
        [("/livez", 200), ("/v1/topics/t/messages?nosuch=secret", 400), ("/v1/groups/g", 404)]
    {
        let (found, _) = send(address, "GET", path, &serde_json::Value::Null);
        assert_eq!(found, status, "{path}");
        let bare = path.split('?').next().unwrap();
        let asked = broker.logged(&[&format!(" method=GET path={bare} bytes=")]);
        let request = word(&asked, "req=").to_owned();
        let conn = request.split('.').next().unwrap();
        let opened = broker.logged(&[&format!("connection opened conn={conn} remote=127.0.0.1:")]);
        assert!(opened.contains(&format!(" local={address} listener=HTTP worker=")), "{opened}");
        let done =
            broker.logged(&[&format!("req={request} method=GET path={bare} status={status} us=")]);
        assert!(word(&done, "us=").parse::<u64>().is_ok(), "{done}");
        broker.logged(&[&format!("request is done req={request}")]);
    }
    assert!(broker.stop().log.iter().all(|line| !line.contains("secret")));
}

#[test]
fn a_request_whose_body_is_asked_for_has_one_number() {
    let dir = TempDir::new();
    let patience = ["--set", "barnabas.http.timeout.ms=1000"];
    let more = [&["--log-level", "debug"][..], &patience].concat();
    let (broker, address) = start_pages(&dir.join("data"), &more);
    for (path, body, status) in [("/v1/groups/g", "abc", 404), ("/v1/groups/h", "", 408)] {
        let mut stream = connect(address);
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        )
        .unwrap();
        assert_eq!(answer(&mut stream, false).0, 100);
        // Without it: the body never comes.
        stream.write_all(body.as_bytes()).unwrap();
        assert_eq!(answer(&mut stream, false).0, status, "{path}");
        let asked = broker.logged(&[&format!(" method=GET path={path} bytes=")]);
        let request = word(&asked, "req=");
        assert!(request.ends_with(".0"), "{asked}");
        broker.logged(&[&format!("req={request} method=GET path={path} status={status} us=")]);
    }
    broker.stop();
}

#[test]
fn at_the_usual_level_nothing_is_said_of_connections_and_text_is_text() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &["--set", "barnabas.log.format=text"]);
    let _ = broker.client().api_versions();
    let ended = broker.stop();
    for line in &ended.log {
        assert!(line.starts_with('[') && !line.contains("conn="), "{line}");
    }
    assert!(ended.log.iter().any(|line| line.contains("stopping")), "{:?}", ended.log);
}

/// Whoever looks for what became of a topic finds it; of settings the names, for values may be secrets.
#[test]
fn what_is_made_changed_and_deleted_is_told() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 3);
    broker.logged(&["INFO", "topic is created topic=t partitions=3 id="]);
    client.alter("t", &[("retention.ms", "5"), ("segment.bytes", "2000000")]);
    let settings = "settings=\"retention.ms, segment.bytes\"";
    broker.logged(&["INFO", "settings are changed of=\"topic t\"", settings]);
    client.delete("t");
    broker.logged(&["INFO", "topic is deleted topic=t id="]);
    broker.stop_cleanly();
}
