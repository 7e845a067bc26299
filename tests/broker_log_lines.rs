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
    rest.split([' ', ':']).next().unwrap()
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
    let opened = broker.logged(&["opened", &format!("remote={name} ")]);
    let number = word(&opened, "conn=").to_owned();
    broker.logged(&[&format!("conn={number} closed the connection from {name}")]);
    let address = broker.address;
    drop(other);
    let ended = broker.stop();
    assert_eq!(ended.code, Some(0));

    let mut messages = Vec::new();
    for line in &ended.log {
        let object: serde_json::Value = serde_json::from_str(line).expect(line);
        let keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["level", "message", "target", "time"], "{line}");
        messages.push(object["message"].as_str().unwrap().to_owned());
    }
    let about = |words: &str| messages.iter().filter(|m| m.contains(words)).cloned().collect();
    let conn: Vec<String> = about(&format!("conn={number} "));
    assert_eq!(conn.len(), 2, "{conn:?}");
    assert!(conn[0].contains(&format!("local={address} listener=PLAINTEXT worker=")), "{conn:?}");
    let first: Vec<String> = about(&format!("req={number}.0 "));
    assert_eq!(first.len(), 3, "{messages:?}");
    assert!(
        first[0].contains(" Metadata version=12 correlation=77 bytes=")
            && first[0].ends_with(" client=\"a \\\"b\\\"\\nERROR \u{e9}\""),
        "{first:?}"
    );
    assert!(first[1].ends_with(" is done"), "{first:?}");
    assert!(first[2].contains(" Metadata error=NONE us="), "{first:?}");
    assert!(word(&first[2], "us=").parse::<u64>().is_ok(), "{first:?}");
    let second: Vec<String> = about(&format!("req={number}.1 "));
    assert!(second.len() == 3 && second[0].contains(" ApiVersions "), "{second:?}");
}

#[test]
fn what_is_refused_is_told_with_its_error() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &["--log-level", "debug"]);
    let mut client = broker.client();
    client.create("t", 1);
    let again = client.send_create("t", 1, &[]);
    assert!(client.created(again).is_err());
    broker.logged(&[" CreateTopics error=NONE us="]);
    broker.logged(&[" CreateTopics error=TOPIC_ALREADY_EXISTS us="]);
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
        let asked = broker.logged(&[&format!(" method=GET path=\"{bare}\" bytes=")]);
        let request = word(&asked, "req=").to_owned();
        let conn = request.split('.').next().unwrap();
        let opened = broker.logged(&[&format!("conn={conn} opened: remote=127.0.0.1:")]);
        assert!(opened.contains(&format!(" local={address} listener=HTTP worker=")), "{opened}");
        let done = broker
            .logged(&[&format!("req={request} method=GET path=\"{bare}\" status={status} us=")]);
        assert!(word(&done, "us=").parse::<u64>().is_ok(), "{done}");
        broker.logged(&[&format!("req={request} is done")]);
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
        let asked = broker.logged(&[&format!(" method=GET path=\"{path}\" bytes=")]);
        let request = word(&asked, "req=");
        assert!(request.ends_with(".0"), "{asked}");
        broker.logged(&[&format!("req={request} method=GET path=\"{path}\" status={status} us=")]);
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
