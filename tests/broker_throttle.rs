//! Producers that outrun the disk, against the real broker with both drivers: they are told for how long
//! (`throttle_time_ms`), and are not read meanwhile whether they heed it or not; nobody else notices.
//!
//! The disk of these tests takes nothing at all until the broker stops: no flush is due before an hour. So what
//! a byte costs is the same wherever they run.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use serde_json::json;

const AT: (&str, i32) = ("t", 0);
/// What is left unwritten for long: half of the limit is 512 KiB.
const STILL: [&str; 3] = [
    "barnabas.unwritten.bytes=1048576",
    "barnabas.flush.ms=3600000",
    "barnabas.flush.bytes=1073741824",
];

fn start(dir: &TempDir, io: &str, settings: &[&str]) -> Broker {
    let mut arguments = vec!["--io", io, "--workers", "1"];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    Broker::start(dir.path(), &arguments)
}

/// More than half of the limit, so that it costs seconds.
fn large() -> Vec<u8> {
    batch(1, 8, 100_000)
}

fn small() -> Vec<u8> {
    batch(2, 1, 10)
}

/// Brings so much into partitions 2 and 3 that what comes next costs all that it may: four seconds. None of
/// them is flushed for it, since it has less than a MiB.
fn fill(broker: &Broker) {
    for partition in [2, 3] {
        assert!(broker.client().produce(("t", partition), &large()).throttle_ms > 0);
    }
}

/// Sends a small batch on a connection that is not read, then one on another: the second is first.
fn assert_is_not_read(muted: &mut Client, other: &mut Client) -> Sent {
    let sent = muted.send_produce(AT, -1, &small());
    let end = other.offset(AT, -1);
    let produced = other.produce(AT, &small());
    assert_eq!((produced.code, produced.base_offset), (ErrorCode::NONE, end));
    sent
}

#[test]
fn who_outruns_the_disk_is_told_for_how_long_and_not_read_meanwhile() {
    for io in ["mio", "uring"] {
        let dir = TempDir::new();
        let broker = start(&dir, io, &STILL);
        let (mut producer, mut other) = (broker.client(), broker.client());
        producer.create("t", 4);
        let half = batch(1, 4, 100_000);
        assert_eq!(producer.produce(AT, &half).throttle_ms, 0, "there is room");
        let throttle_ms = broker.client().produce(("t", 1), &half).throttle_ms;
        assert!((1..=1000).contains(&throttle_ms), "it costs something: {throttle_ms}");
        let throttle_ms = other.produce(("t", 1), &small()).throttle_ms;
        assert_eq!(throttle_ms, 0, "who brings little waits for little");
        fill(&broker);
        let produced = producer.produce(AT, &batch(2, 4, 100_000));
        assert_eq!(produced.code, ErrorCode::NONE, "what came is taken");
        assert_eq!(produced.throttle_ms, 4000, "above the limit it costs most");
        let sent = assert_is_not_read(&mut producer, &mut other);
        let late = producer.produced(sent);
        assert_eq!(
            (late.code, late.base_offset),
            (ErrorCode::NONE, 9),
            "read when its time is over"
        );
        broker.stop_cleanly();
    }
}

#[test]
fn who_wants_no_answer_is_not_read_either() {
    for io in ["mio", "uring"] {
        // It does not wait for the disk either.
        for of_topic in [&[][..], &[("flush.messages", "1")]] {
            let dir = TempDir::new();
            let broker = start(&dir, io, &STILL);
            let (mut producer, mut other) = (broker.client(), broker.client());
            producer.create("t", 4);
            producer.create_with("u", 1, of_topic);
            fill(&broker);
            producer.send_produce(("u", 0), 0, &large());
            while other.offset(("u", 0), -1) == 0 {}
            assert_is_not_read(&mut producer, &mut other);
            broker.stop_cleanly();
            producer.assert_closed();
        }
    }
}

#[test]
fn who_leaves_while_it_is_not_read_leaves_nothing_behind() {
    for io in ["mio", "uring"] {
        let dir = TempDir::new();
        let broker = start(&dir, io, &STILL);
        let mut other = broker.client();
        other.create("t", 1);
        for _ in 0..20 {
            let mut leaving = broker.client();
            let sent = leaving.send_produce(AT, 1, &large());
            assert!(leaving.produced(sent).throttle_ms > 0);
            leaving.send_produce(AT, 1, &small());
        }
        assert_eq!(other.append(AT, &small()), other.offset(AT, -1) - 1);
        broker.stop_cleanly();
    }
}

#[test]
fn who_waits_for_the_disk_pays_nothing_and_neither_does_anybody_without_a_limit() {
    let never = ["barnabas.unwritten.bytes=-1", STILL[1], STILL[2]];
    let of_the_system = ["barnabas.unwritten.bytes=1048576", "barnabas.flush.ms=-1"];
    for (settings, synced) in [(&STILL[..], true), (&never, false), (&of_the_system, false)] {
        let of_topic: &[_] = if synced { &[("flush.messages", "1")] } else { &[] };
        let dir = TempDir::new();
        let broker = start(&dir, "mio", settings);
        let mut client = broker.client();
        client.create_with("t", 1, of_topic);
        for _ in 0..4 {
            let produced = client.produce(AT, &large());
            assert_eq!((produced.code, produced.throttle_ms), (ErrorCode::NONE, 0));
        }
        broker.stop_cleanly();
    }
}

#[test]
fn what_the_disk_has_taken_costs_nothing_any_more() {
    let dir = TempDir::new();
    let broker = start(&dir, "mio", &[STILL[0], "barnabas.flush.ms=100"]);
    let mut client = broker.client();
    client.create("t", 1);
    while client.produce(AT, &large()).throttle_ms == 0 {}
    while client.produce(AT, &batch(1, 4, 100_000)).throttle_ms > 0 {}
    broker.stop_cleanly();
}

#[test]
fn what_was_deleted_costs_nothing_any_more() {
    let dir = TempDir::new();
    let broker = start(&dir, "mio", &STILL);
    let (mut producer, mut other) = (broker.client(), broker.client());
    producer.create("t", 1);
    assert!(producer.produce(AT, &large()).throttle_ms > 0);
    other.delete("t");
    other.create("t", 1);
    assert_eq!(other.produce(AT, &batch(1, 4, 100_000)).throttle_ms, 0);
    broker.stop_cleanly();
}

/// Over HTTP the answer itself waits; what came is there before, and nobody else waits.
#[test]
fn who_outruns_the_disk_over_http_waits_for_the_answer() {
    let body = |bytes: usize| json!({"messages": [{"value": "v".repeat(bytes), "partition": 0}]});
    for io in ["mio", "uring"] {
        let dir = TempDir::new();
        let mut arguments = vec!["--io", io, "--workers", "1"];
        STILL.iter().for_each(|setting| arguments.extend(["--set", setting]));
        let (broker, address) = start_pages(dir.path(), &arguments);
        let mut client = broker.client();
        client.create("t", 4);
        assert_eq!(send(address, "POST", "/v1/topics/t/messages", &body(10)).0, 200);
        fill(&broker);
        let large = move || send(address, "POST", "/v1/topics/t/messages", &body(400_000));
        let post = std::thread::spawn(large);
        while client.offset(AT, -1) < 2 {}
        let path = "/v1/topics/t/messages?partition=0&offset=0&limit=1";
        assert_eq!(page(address, path).as_array().map(Vec::len), Some(1));
        assert!(!post.is_finished(), "it is there, and its answer is not");
        let (status, produced) = post.join().unwrap();
        assert_eq!((status, &produced["base_offset"]), (200, &json!(1)));
        // A stop does not wait for it.
        let late = std::thread::spawn(large);
        while client.offset(AT, -1) < 3 {}
        drop(client);
        broker.stop_cleanly();
        assert_eq!(late.join().unwrap().0, 200);
    }
}
