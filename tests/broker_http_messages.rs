//! Messages over HTTP, from the real broker: what every codec holds is shown as it was produced, whatever
//! bytes it is, in bounded pieces; what cannot be shown is an error.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::records::{BatchBuilder, Codec};
use broker_support::*;
use serde_json::{Value, json};
use std::net::SocketAddr;

fn field(head: &str, name: &str) -> i64 {
    let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap().parse().unwrap()
}

/// Messages, and the offset at which it goes on.
fn messages(address: SocketAddr, path: &str) -> (Vec<Value>, i64) {
    let (status, head, body) = get(address, path);
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    let all: Vec<Value> = serde_json::from_slice(&body).unwrap();
    (all, field(&head, "X-Next-Offset"))
}

fn code(address: SocketAddr, path: &str) -> (u16, String) {
    let (status, problem) = error(address, path);
    assert!(problem["error"].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
    (status, problem["code"].as_str().unwrap().to_owned())
}

#[test]
fn messages_are_shown_as_they_were_produced() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 2);
    let mut offset = 0;
    for codec in Codec::ALL {
        let mut batch = BatchBuilder::new().codec(codec);
        batch.append(TIME, Some(b"k"), Some("w\u{f6}rld \"\n".as_bytes()), &[]);
        batch.append(
            TIME + 7,
            None,
            Some(b""),
            &[("h", Some(b"v")), ("h", None), ("b", Some(b"\xff"))],
        );
        batch.append(TIME + 2, Some(b"\xff\xfe"), None, &[]);
        batch.append(TIME + 3, Some(b""), Some(b"\0\xc3("), &[]);
        assert_eq!(client.append(("t", 1), &batch.finish()), offset);
        offset += 4;
    }
    let (all, next) = messages(address, "/v1/topics/t/messages?partition=1&limit=1000");
    assert_eq!((all.len(), next), (20, 20));
    for (four, first) in all.chunks(4).zip((0..).step_by(4)) {
        let expected = [
            json!({"offset": first, "timestamp": TIME, "key": "k", "value": "w\u{f6}rld \"\n"}),
            json!({"offset": first + 1, "timestamp": TIME + 7, "key": null, "value": "", "headers": [
                {"key": "h", "value": "v"}, {"key": "h", "value": null},
                {"key": "b", "value": "/w==", "value_encoding": "base64"},
            ]}),
            json!({"offset": first + 2, "timestamp": TIME + 2, "key": "//4=", "key_encoding": "base64",
                "value": null}),
            json!({"offset": first + 3, "timestamp": TIME + 3, "key": "", "value": "AMMo",
                "value_encoding": "base64"}),
        ];
        assert_eq!(four, expected);
    }
    // From anywhere, also from within a batch; ten if it is not said how many.
    let (some, next) = messages(address, "/v1/topics/t/messages?partition=1&offset=6&limit=3");
    assert_eq!((&some[..], next), (&all[6..9], 9));
    assert_eq!(messages(address, "/v1/topics/t/messages?partition=1").0, all[..10]);
    assert_eq!(messages(address, "/v1/topics/t/messages?partition=1&limit=9999").0, all);
    let (_, head, _) = get(address, "/v1/topics/t/messages?partition=1&limit=1");
    assert_eq!((field(&head, "X-Next-Offset"), field(&head, "X-End-Offset")), (1, 20));
    assert_eq!(messages(address, "/v1/topics/t/messages?partition=1&offset=20"), (vec![], 20));
    assert_eq!(messages(address, "/v1/topics/t/messages"), (vec![], 0));
    broker.stop_cleanly();
}

#[test]
fn what_is_not_there_is_said() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    client.append(("t", 0), &batch(1, 5, 10));
    assert_eq!(client.delete_records(("t", 0), 2), 2);
    for (query, status, expected) in [
        ("?partition=1", 404, "UNKNOWN_TOPIC_OR_PARTITION"),
        ("?offset=1", 400, "OFFSET_OUT_OF_RANGE"),
        ("?offset=6", 400, "OFFSET_OUT_OF_RANGE"),
        ("?offset=-1", 400, "BAD_REQUEST"),
        ("?offset=9223372036854775808", 400, "BAD_REQUEST"),
        ("?partition=2147483648", 400, "BAD_REQUEST"),
        ("?limit=many", 400, "BAD_REQUEST"),
        ("?limit=0", 400, "BAD_REQUEST"),
        ("?limit=-1", 400, "BAD_REQUEST"),
        ("?offset=2&offset=3", 400, "BAD_REQUEST"),
        ("?ofset=2", 400, "BAD_REQUEST"),
        ("?offset=%2", 400, "BAD_REQUEST"),
    ] {
        let path = format!("/v1/topics/t/messages{query}");
        assert_eq!(code(address, &path), (status, expected.to_owned()), "{query}");
    }
    let missing = (404, "UNKNOWN_TOPIC_OR_PARTITION".to_owned());
    assert_eq!(code(address, "/v1/topics/none/messages"), missing);
    // Without an offset it begins where the log does.
    let (all, next) = messages(address, "/v1/topics/t/messages");
    assert_eq!((all[0]["offset"].clone(), all.len(), next), (json!(2), 3, 5));
    broker.stop_cleanly();
}

#[test]
fn append_time_goes_before_the_producers_and_markers_are_passed_over() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create_with("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    client.append(("t", 0), &batch(1, 2, 10));
    let (all, _) = messages(address, "/v1/topics/t/messages");
    let times: Vec<i64> = all.iter().map(|one| one["timestamp"].as_i64().unwrap()).collect();
    assert!(times[0] > TIME + 1_000_000 && times[0] == times[1], "{times:?}");
    broker.stop_cleanly();
    // The log of another broker, with a marker of a transaction and a gap that compaction left.
    let mut marker = BatchBuilder::new().base_offset(2).leader_epoch(0).producer(5, 0, -1);
    marker = marker.transactional(true).control(true);
    marker.append(TIME, Some(&[0, 0, 0, 1]), Some(&[0, 0, 0, 0, 0, 0]), &[]);
    let mut last = BatchBuilder::new().base_offset(3).leader_epoch(0);
    last.append_at(7, TIME, None, Some(b"last"), &[]);
    let file = dir.path().join("t-0/00000000000000000000.log");
    let bytes = [std::fs::read(&file).unwrap(), marker.finish(), last.finish()].concat();
    std::fs::write(&file, bytes).unwrap();
    std::fs::remove_file(dir.path().join(".kafka_cleanshutdown")).unwrap();
    let (broker, address) = start_pages(dir.path(), &[]);
    let (all, next) = messages(address, "/v1/topics/t/messages?offset=1");
    let offsets: Vec<_> = all.iter().map(|one| one["offset"].as_i64().unwrap()).collect();
    assert_eq!((offsets, next), (vec![1, 7], 8));
    broker.stop_cleanly();
}

#[test]
fn a_broken_batch_is_an_error_and_hides_nothing_before_it() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create("codec", 1);
    client.create("records", 1);
    client.create("sum", 1);
    let good = batch(1, 2, 10);
    for topic in ["codec", "records", "sum"] {
        client.append((topic, 0), &good);
        let codec = if topic == "codec" { Codec::Gzip } else { Codec::None };
        client.append((topic, 0), &compressed(codec, 2, 2, 10));
        client.append((topic, 0), &good);
    }
    broker.stop_cleanly();
    // What no broker would take from a producer, but a disk may hold.
    let harm = |topic: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let file = dir.path().join(topic).join("00000000000000000000.log");
        let mut bytes = std::fs::read(&file).unwrap();
        let mut second = bytes.split_off(good.len());
        let third = second.split_off(second.len() - good.len());
        change(&mut second);
        std::fs::write(&file, [bytes, second, third].concat()).unwrap();
    };
    harm("codec-0", &|batch| {
        // The first bytes of what gzip has packed, behind its own head.
        batch[72..76].fill(0xff);
        seal(batch);
    });
    harm("records-0", &|batch| {
        // The length that the first record states.
        batch[61] = 1;
        seal(batch);
    });
    harm("sum-0", &|batch| batch[70] ^= 0xff);
    let (broker, address_again) = start_pages(dir.path(), &[]);
    for topic in ["codec", "records", "sum"] {
        let path = |offset: i64| format!("/v1/topics/{topic}/messages?offset={offset}");
        let (before, next) = messages(address_again, &path(0));
        assert!(before.len() >= 2 && next == before.len() as i64, "{topic}: {before:?}");
        let (status, problem) = error(address_again, &path(next));
        assert_eq!((status, problem["code"].as_str()), (500, Some("CORRUPT_MESSAGE")), "{problem}");
        let (behind, next) = messages(address_again, &path(4));
        assert_eq!((behind.len(), next), (2, 6), "{topic}");
    }
    assert_ne!(address, address_again);
    broker.stop_cleanly();
}

#[test]
fn a_page_is_bounded_whatever_there_is() {
    let dir = TempDir::new();
    let (broker, address) = start_pages(dir.path(), &[]);
    let mut client = broker.client();
    client.create_with("large", 1, &[("max.message.bytes", "80000000")]);
    // Bytes that are told in base64: 24 messages of 1,000,000 are more than a page has room for.
    for n in 0..24 {
        client.append(("large", 0), &batch(n, 1, 1_000_000));
    }
    let (mut seen, mut pages, mut next) = (0, 0, 0);
    while next < 24 {
        let path = format!("/v1/topics/large/messages?limit=1000&offset={next}");
        let (all, then) = messages(address, &path);
        assert!(!all.is_empty() && all.len() < 24, "{}", all.len());
        (seen, pages, next) = (seen + all.len(), pages + 1, then);
    }
    assert_eq!((seen, pages), (24, 2));
    // A batch that opens to more than is opened for a page.
    let zeros = vec![0; 70 << 20];
    let mut bomb = BatchBuilder::new().codec(Codec::Gzip);
    bomb.append(TIME, None, Some(&zeros), &[]);
    assert_eq!(client.append(("large", 0), &bomb.finish()), 24);
    client.append(("large", 0), &batch(1, 1, 10));
    let path = |offset| format!("/v1/topics/large/messages?offset={offset}");
    assert_eq!(code(address, &path(24)), (422, "TOO_LARGE_TO_SHOW".to_owned()));
    assert_eq!(messages(address, &path(25)).1, 26);
    broker.stop_cleanly();
}
