//! A topic that is deleted, and made again, while its log waits to be checked: the new one is left alone.
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

/// A broker that has begun to check them, `long` first.
fn begun(data: &Path) -> (Broker, Client) {
    prepare(data);
    let broker = Broker::start(data, &[]);
    let mut client = broker.client();
    for place in [("long", 0), ("t", 0), ("t", 1)] {
        let refused = client.produce(place, &batch(2, 2, 10)).code;
        assert_eq!(refused, ErrorCode::KAFKA_STORAGE_ERROR, "{place:?}");
        if place.0 == "long" {
            broker.logged(&["WARN", "it is not what a clean stop leaves", "partition=long-0"]);
        }
    }
    (broker, client)
}

/// Appends as soon as that can be done.
fn append_patiently(client: &mut Client, place: (&str, i32)) {
    let until = std::time::Instant::now() + GUARD;
    while client.produce(place, &batch(4, 2, 10)).code != ErrorCode::NONE {
        assert!(std::time::Instant::now() < until, "{place:?}");
        std::thread::yield_now();
    }
}

#[test]
fn a_topic_that_waits_for_its_check_is_deleted_and_made_anew() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let (broker, mut client) = begun(&data);
    client.delete("t");
    client.create("t", 2);
    assert_eq!(client.append(("t", 1), &batch(3, 2, 10)), 0);
    // What was in the queue behind this one comes next.
    append_patiently(&mut client, ("long", 0));
    drop(client);
    broker.stop_cleanly();

    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    append_patiently(&mut client, ("t", 1));
    assert_eq!(client.offset(("t", 1), -1), 4, "what was appended to the new one is there");
    drop(client);
    broker.stop_cleanly();
    let strays: Vec<String> =
        names(&data).into_iter().filter(|name| name.ends_with("-stray")).collect();
    assert_eq!(strays, [""; 0]);
}
