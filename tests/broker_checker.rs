//! Topics that are deleted, and made again, while the logs of old ones are being checked: the new ones are
//! their own, whatever becomes of the check.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::fs;
use std::io::Write;
use std::path::Path;

/// Of the log that takes long to check.
const BATCHES: u64 = 128;
const BYTES: usize = 1_000_000;

/// A closed data directory with a large topic `long` and a small one `t`, neither as a clean stop leaves it.
fn prepare(data: &Path) {
    let broker = Broker::start(data, &[]);
    let mut client = broker.client();
    client.create("long", 1);
    client.create("t", 2);
    for seed in 0..BATCHES {
        client.append(("long", 0), &batch_of_size(seed, BYTES));
    }
    for index in 0..2 {
        client.append(("t", index), &batch(1, 2, 10));
    }
    drop(client);
    broker.stop_cleanly();
    fs::remove_file(data.join("recovery-point-offset-checkpoint")).unwrap();
    for partition in ["long-0", "t-0", "t-1"] {
        let log = data.join(partition).join("00000000000000000000.log");
        fs::OpenOptions::new().append(true).open(log).unwrap().write_all(&[0xab; 64]).unwrap();
    }
}

/// Has the checks begun: that of `long` first.
fn begin(broker: &Broker, client: &mut Client) {
    for place in [("long", 0), ("t", 0), ("t", 1)] {
        let refused = client.produce(place, &batch(2, 2, 10)).code;
        assert_eq!(refused, ErrorCode::KAFKA_STORAGE_ERROR, "{place:?}");
        if place.0 == "long" {
            broker.logged(&["WARN", "long-0 is not what a clean stop leaves"]);
        }
    }
}

/// Deletes a topic, makes it anew and appends to it.
fn renew(client: &mut Client, topic: &str) {
    client.delete(topic);
    client.create(topic, 2);
    assert_eq!(client.append((topic, 1), &batch(3, 2, 10)), 0);
}

/// The broker is ended, and the next one has what was appended.
fn assert_kept(data: &Path, broker: Broker, topic: &str) {
    broker.stop_cleanly();
    let broker = Broker::start(data, &[]);
    let mut client = broker.client();
    let until = std::time::Instant::now() + GUARD;
    while client.produce((topic, 1), &batch(4, 2, 10)).code != ErrorCode::NONE {
        assert!(std::time::Instant::now() < until);
        std::thread::yield_now();
    }
    assert_eq!(client.offset((topic, 1), -1), 4);
    drop(client);
    broker.stop_cleanly();
    let strays: Vec<String> =
        names(data).into_iter().filter(|name| name.ends_with("-stray")).collect();
    assert_eq!(strays, [""; 0]);
}

#[test]
fn a_topic_that_waits_for_its_check_is_deleted_and_made_anew() {
    let dir = TempDir::new();
    let data = dir.join("data");
    prepare(&data);
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    begin(&broker, &mut client);
    renew(&mut client, "t");
    // What was in the queue behind this one comes next.
    let until = std::time::Instant::now() + GUARD;
    while client.produce(("long", 0), &batch(4, 2, 10)).code != ErrorCode::NONE {
        assert!(std::time::Instant::now() < until);
        std::thread::yield_now();
    }
    drop(client);
    assert_kept(&data, broker, "t");
}

#[test]
fn a_topic_whose_check_is_under_way_is_deleted_and_made_anew() {
    let dir = TempDir::new();
    let data = dir.join("data");
    prepare(&data);
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    begin(&broker, &mut client);
    renew(&mut client, "long");
    drop(client);
    assert_kept(&data, broker, "long");
}
