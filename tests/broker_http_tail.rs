//! The live tail of the real broker: messages come as they are produced, those that are wanted; who is slow holds up
//! nobody, who is gone is forgotten, and who waits costs nothing.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use barnabas::wire::records::BatchBuilder;
use broker_support::*;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

fn start(dir: &Path, more: &[&str]) -> (Broker, SocketAddr) {
    start_pages(dir, &[&["--workers", "2"], more].concat())
}

fn one(key: &str, value: &str) -> Vec<u8> {
    let mut batch = BatchBuilder::new();
    batch.append(TIME, Some(key.as_bytes()), Some(value.as_bytes()), &[("h", Some(b"x"))]);
    batch.finish()
}

#[test]
fn messages_come_as_they_are_produced() {
    let dir = TempDir::new();
    let (broker, address) = start(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 3);
    client.append(("t", 1), &one("old", "old"));
    let mut live = Tail::open(address, "/v1/topics/t/tail");
    let mut second = Tail::open(address, "/v1/topics/t/tail?partition=2");
    let mut old = Tail::open(address, "/v1/topics/t/tail?partition=1&offset=0");
    let mut since = Tail::open(address, &format!("/v1/topics/t/tail?timestamp={TIME}"));
    let expected = |partition: i32, offset: i64, key: &str| {
        json!({"partition": partition, "offset": offset, "timestamp": TIME, "key": key, "value": key,
            "headers": [{"key": "h", "value": "x"}]})
    };
    assert_eq!(old.message(), expected(1, 0, "old"));
    assert_eq!(since.message(), expected(1, 0, "old"));
    for round in 0..20 {
        let partition = round % 3;
        let (offset, key) = (i64::from(round / 3 + i32::from(partition == 1)), format!("k{round}"));
        assert_eq!(client.append(("t", partition), &one(&key, &key)), offset);
        let message = expected(partition, offset, &key);
        assert_eq!(live.message(), message);
        assert_eq!(since.message(), message);
        match partition {
            1 => assert_eq!(old.message(), message),
            2 => assert_eq!(second.message(), message),
            _ => {}
        }
    }
    // Over HTTP, and where it must be on the disk first.
    client.alter("t", &[("flush.messages", "1")]);
    let body = json!({"messages": [{"value": "over http", "partition": 0}]});
    assert_eq!(send(address, "POST", "/v1/topics/t/messages", &body).0, 200);
    assert_eq!(live.message()["value"], json!("over http"));
    // The end of the broker is the end of all.
    let stopped = broker.stop();
    assert_eq!(stopped.code, Some(0), "{:#?}", stopped.log);
    live.assert_end();
    second.assert_end();
}

#[test]
fn only_what_is_wanted_comes() {
    let dir = TempDir::new();
    let (broker, address) = start(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    let filters = [
        ("key=k1", "k1"),
        ("value=%22b%22:2", "k2"),
        ("header=h=x&key=k3", "k3"),
        ("json=$.a.b=4", "k4"),
    ];
    let mut tails: Vec<(Tail, &str)> = Vec::new();
    for (filter, key) in filters {
        tails.push((Tail::open(address, &format!("/v1/topics/t/tail?{filter}")), key));
    }
    for n in 0..9 {
        let value = format!("{{\"a\":{{\"b\":{n}}}}}");
        client.append(("t", 0), &one(&format!("k{n}"), &value));
    }
    for (tail, key) in &mut tails {
        assert_eq!(tail.message()["key"], json!(key));
    }
    // As with what is there already; it goes on behind what did not fit.
    let path = "/v1/topics/t/messages?limit=1&json=$.a.b=5";
    let found = page(address, path);
    assert_eq!((found.as_array().unwrap().len(), &found[0]["key"]), (1, &json!("k5")));
    assert_eq!(page(address, "/v1/topics/t/messages?key=none"), json!([]));
    client.append(("t", 0), &one("k1", "k1"));
    assert_eq!(tails[0].0.message()["value"], json!("k1"));
    broker.stop_cleanly();
}

#[test]
fn who_comes_back_goes_on() {
    let dir = TempDir::new();
    let (broker, address) = start(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 3);
    let path = "/v1/topics/t/tail";
    // Also who has seen nothing yet.
    let again = {
        let mut tail = Tail::open(address, path);
        tail.id()
    };
    client.append(("t", 1), &one("k0", "v"));
    let mut tail = Tail::open_behind(address, path, &again);
    assert_eq!(tail.message()["key"], json!("k0"));
    let again = tail.id();
    drop(tail);
    for (partition, key) in [(0, "k1"), (1, "k2"), (2, "k3")] {
        client.append(("t", partition), &one(key, "v"));
    }
    let mut tail = Tail::open_behind(address, path, &again);
    let mut keys: Vec<Value> = (0..3).map(|_| tail.message()["key"].take()).collect();
    keys.sort_by_key(Value::to_string);
    assert_eq!(keys, [json!("k1"), json!("k2"), json!("k3")]);
    // What is behind the end is not there, what is before the beginning is not any more; partitions that are new are
    // told from their beginnings; what is no place of ours is not looked at.
    for (places, first) in
        [("9,2,9", "k4"), ("1,0,1", "k0"), ("1,2", "k3"), ("x", "k4"), ("1,1,1,1", "k4")]
    {
        let now = Tail::open(address, path).id();
        let (topic, _) = now.split_once(':').unwrap();
        let id = &format!("{topic}:{places}");
        let mut tail = Tail::open_behind(address, path, id);
        if first == "k4" {
            tail.id();
            client.append(("t", 1), &one("k4", "v"));
        }
        assert_eq!(tail.message()["key"], json!(first), "{id}");
        client.delete("t");
        client.create("t", 3);
        for (partition, key) in [(1, "k0"), (0, "k1"), (1, "k2"), (2, "k3")] {
            client.append(("t", partition), &one(key, "v"));
        }
    }
    // Of a topic that had the name before nobody has told anything of this one: it begins at its beginning.
    let before = Tail::open(address, path).id();
    client.delete("t");
    client.create("t", 3);
    client.append(("t", 1), &one("first", "v"));
    let mut tail = Tail::open_behind(address, path, &before);
    // And says so before it tells anything of it.
    let now = tail.id();
    assert!(now.ends_with(":0,0,0") && now.split(':').next() != before.split(':').next(), "{now}");
    let topic = now.split(':').next();
    assert_eq!(tail.event(), (Some("anew".to_owned()), json!({"topic_id": topic})));
    assert_eq!(tail.message()["key"], json!("first"));
    broker.stop_cleanly();
}

#[test]
fn what_cannot_be_followed_is_said() {
    let dir = TempDir::new();
    let (broker, address) = start(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    for (path, status, code) in [
        ("/v1/topics/none/tail", 404, "UNKNOWN_TOPIC_OR_PARTITION"),
        ("/v1/topics/t/tail?partition=1", 404, "UNKNOWN_TOPIC_OR_PARTITION"),
        ("/v1/topics/t/tail?offset=0", 400, "BAD_REQUEST"),
        ("/v1/topics/t/tail?partition=0&offset=0&timestamp=0", 400, "BAD_REQUEST"),
        ("/v1/topics/t/tail?json=a", 400, "BAD_REQUEST"),
        ("/v1/topics/t/tail?kee=a", 400, "BAD_REQUEST"),
    ] {
        let (found, problem) = error(address, path);
        assert_eq!((found, &problem["code"]), (status, &json!(code)), "{path}");
    }
    // The connection goes on behind a refusal, and behind the head of one that could be.
    let mut stream = connect(address);
    let host = "Host: localhost\r\n";
    write!(
        stream,
        "GET /v1/topics/none/tail HTTP/1.1\r\n{host}\r\nGET /livez HTTP/1.1\r\n{host}\r\n"
    )
    .unwrap();
    assert_eq!((answer(&mut stream, false).0, answer(&mut stream, false).0), (404, 200));
    write!(stream, "HEAD /v1/topics/t/tail HTTP/1.1\r\n{host}\r\n").unwrap();
    let (status, head, _) = answer(&mut stream, true);
    assert!(status == 200 && head.contains("text/event-stream"), "{head}");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    // A place that is not there, and a topic that goes.
    let mut far = Tail::open(address, "/v1/topics/t/tail?partition=0&offset=7");
    let (name, problem) = far.event();
    assert_eq!((name.as_deref(), &problem["code"]), (Some("error"), &json!("OFFSET_OUT_OF_RANGE")));
    far.assert_end();
    let mut tail = Tail::open(address, "/v1/topics/t/tail");
    client.append(("t", 0), &one("k", "v"));
    assert_eq!(tail.message()["key"], json!("k"));
    client.delete("t");
    let (name, problem) = tail.event();
    let gone = json!("UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!((name.as_deref(), &problem["code"]), (Some("error"), &gone));
    tail.assert_end();
    broker.stop_cleanly();
}

#[test]
fn a_slow_reader_is_bounded_and_holds_up_nobody() {
    let dir = TempDir::new();
    let quick = ["--set", "barnabas.http.timeout.ms=8000", "--log-level", "debug"];
    let (broker, address) = start(dir.path(), &quick);
    let mut client = broker.client();
    client.create("t", 1);
    let text = vec![b'x'; 100_000];
    for _ in 0..64 {
        let mut batch = BatchBuilder::new();
        (0..10).for_each(|_| _ = batch.append(TIME, None, Some(&text), &[]));
        client.append(("t", 0), &batch.finish());
    }
    let before = broker.memory("RssAnon");
    let path = "/v1/topics/t/tail?partition=0&offset=0";
    let slow: Vec<Tail> = (0..8).map(|_| Tail::open(address, path)).collect();
    // One that reads gets all of it meanwhile.
    let mut reader = Tail::open(address, path);
    let mut most = 0;
    for offset in 0..640 {
        assert_eq!(reader.message()["offset"], json!(offset));
        most = most.max(broker.memory("RssAnon"));
    }
    let grown = most.saturating_sub(before);
    assert!(grown < 20 << 20, "{grown} bytes more in memory for 8 readers that do not read");
    broker.logged(&["its reader is too slow"]);
    client.append(("t", 0), &one("k", "v"));
    assert_eq!(reader.message()["key"], json!("k"));
    drop(slow);
    broker.stop_cleanly();
}

#[test]
fn who_is_gone_is_forgotten() {
    let dir = TempDir::new();
    // Not by what is sent to them: nothing is.
    let (broker, address) = start(dir.path(), &[]);
    broker.client().create("t", 1);
    // More than there may be at once; whether one is gone by now is a question of a moment.
    for _ in 0..300 {
        let opened = (0..10_000).find_map(|_| Tail::try_open(address, "/v1/topics/t/tail"));
        assert!(opened.is_some(), "those that have gone still count");
    }
    broker.stop_cleanly();
    let quick = ["--set", "barnabas.http.timeout.ms=500"];
    let (broker, address) = start(dir.path(), &quick);
    let mut client = broker.client();
    // Nothing can be asked behind it.
    let mut more = Tail::open(address, "/v1/topics/t/tail");
    assert!(more.line().starts_with("id: "));
    more.stream.get_mut().write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(more.stream.read_to_end(&mut Vec::new()).is_ok());
    // One who waits for long hears that the broker is there.
    let mut patient = Tail::open(address, "/v1/topics/t/tail");
    assert!(patient.line().ends_with(":0"));
    assert_eq!(patient.line(), "");
    assert_eq!((patient.line(), patient.line()), (":".to_owned(), String::new()));
    assert_eq!(patient.line(), ":");
    client.append(("t", 0), &one("k", "v"));
    assert_eq!(patient.message()["key"], json!("k"));
    broker.stop_cleanly();
}

#[test]
fn who_waits_costs_nothing() {
    let dir = TempDir::new();
    let (broker, address) = start(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    let mut tails: Vec<Tail> = Vec::new();
    for _ in 0..20 {
        tails.push(Tail::open(address, "/v1/topics/t/tail"));
    }
    client.append(("t", 0), &one("k", "v"));
    for tail in &mut tails {
        assert_eq!(tail.message()["key"], json!("k"));
    }
    pass(&client, Duration::from_secs(1));
    let threads = |broker: &Broker| {
        let mut sleeps = broker.sleeps();
        sleeps.retain(|name, _| name.starts_with("worker") || name.starts_with("http"));
        sleeps
    };
    // What the beginning has left to be done may come late on a busy machine; then there is nothing any more.
    let is_at_rest = || {
        let before = threads(&broker);
        assert!(before.len() >= 3, "{before:?}");
        pass(&client, Duration::from_secs(2));
        threads(&broker) == before
    };
    assert!((0..5).any(|_| is_at_rest()), "{:?}", threads(&broker));
    broker.stop_cleanly();
}

/// The topic goes at any moment of the tail's beginning: what is parked at that moment is told too.
#[test]
fn a_topic_that_goes_as_its_tail_begins_is_told() {
    let dir = TempDir::new();
    let (broker, address) = start(dir.path(), &["--set", "barnabas.http.timeout.ms=2000"]);
    let mut client = broker.client();
    for turn in 0..400 {
        client.create("t", 1);
        let begun = Instant::now();
        let sent = client.send_delete("t");
        while begun.elapsed() < Duration::from_micros(turn * 5) {
            std::hint::spin_loop();
        }
        if let Some(mut tail) = Tail::try_open(address, "/v1/topics/t/tail") {
            assert_eq!(tail.event().0.as_deref(), Some("error"));
            tail.assert_end();
        }
        assert_eq!(client.deleted(sent), ErrorCode::NONE);
    }
    drop(client);
    broker.stop_cleanly();
}
