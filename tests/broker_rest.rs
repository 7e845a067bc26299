//! What a broker costs at rest: memory, processor, disk; and that it comes to rest after a load.
//!
//! The numbers hold for a release build: with a debug build (no `BARNABAS_BIN`, no `--release`) the
//! tests run all the same, and only the two that the build itself makes larger are printed instead
//! of asserted. `BARNABAS_IDLE_SECONDS` is how long the broker is watched at rest (3; a long watch
//! takes 30).
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use std::time::Duration;

const CONNECTIONS: u64 = 2_000;

/// Waits until the broker has given back what it does not use and sleeps: until no thread of it
/// has woken for more than a second.
fn settle(broker: &Broker, quiet: &Client) {
    let mut before = broker.sleeps();
    for _ in 0..40 {
        pass(quiet, Duration::from_millis(1_200));
        let now = broker.sleeps();
        if now == before {
            return;
        }
        before = now;
    }
    panic!("the broker does not come to rest");
}

#[test]
fn a_broker_at_rest_uses_no_processor_and_little_memory() {
    allow_descriptors(CONNECTIONS + 500);
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &AT_REST);
    let mut admin = broker.client();
    assert!(admin.api_versions() > 10);
    settle(&broker, &admin);
    let fresh = broker.memory("VmRSS");
    println!("idle: {fresh} bytes resident, {} of them anonymous", broker.memory("RssAnon"));
    assert!(fresh < 5_000_000 || !is_release(), "{fresh} bytes resident");

    // Connections that have done what clients do first, and then nothing.
    admin.create("t", 1);
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| broker.client()).collect();
    for client in &mut clients {
        client.api_versions();
        client.cluster();
    }
    settle(&broker, &admin);
    let connected = broker.memory("VmRSS");
    let each = connected.saturating_sub(fresh) / CONNECTIONS;
    println!("{each} bytes per idle connection: {fresh} -> {connected}");
    assert!(each < 2_048 || !is_release(), "{each} bytes per idle connection");

    // A hundred of them wait in long polls that outlast the watch.
    let time = idle_time();
    let max_ms = i32::try_from(time.as_millis()).unwrap() + 120_000;
    let wait = Wait { max_ms, ..Wait::LONG };
    let sent: Vec<Sent> =
        clients[..100].iter_mut().map(|client| client.send_fetch(&[(("t", 0), 0)], wait)).collect();
    settle(&broker, &admin);
    let (ticks, sleeps) = (broker.cpu_ticks(), broker.sleeps());
    pass(&admin, time);
    assert_eq!(broker.cpu_ticks() - ticks, 0, "clock ticks over {time:?}");
    assert_eq!(broker.sleeps(), sleeps, "wake-ups over {time:?}");
    admin.append(("t", 0), &batch(1, 1, 10));
    for (client, sent) in clients.iter_mut().zip(sent) {
        assert!(!client.fetched(sent)[0].records.is_empty(), "they were waiting all the time");
    }
    drop(clients);
    broker.stop_cleanly();
}

#[test]
fn members_that_wait_for_their_group_cost_nothing_meanwhile() {
    let dir = TempDir::new();
    let delay = ["--set", "group.initial.rebalance.delay.ms=600000"];
    let broker = Broker::start(&dir.join("data"), &[&AT_REST[..], &delay].concat());
    let mut admin = broker.client();
    admin.await_coordinator("g");
    let mut clients: Vec<Client> = (0..100).map(|_| broker.client()).collect();
    let sent: Vec<Sent> =
        clients.iter_mut().map(|client| client.send_join(Joining::new("g", ""))).collect();
    settle(&broker, &admin);
    let (time, ticks, sleeps) = (idle_time(), broker.cpu_ticks(), broker.sleeps());
    pass(&admin, time);
    assert_eq!(broker.cpu_ticks() - ticks, 0, "clock ticks over {time:?}");
    assert_eq!(broker.sleeps(), sleeps, "wake-ups over {time:?}");
    broker.signal(libc::SIGTERM);
    for (client, sent) in clients.iter_mut().zip(sent) {
        let code = barnabas::wire::error::ErrorCode::NOT_COORDINATOR;
        assert_eq!(client.joined(sent).code, code, "they were waiting all the time");
    }
    let ended = broker.ended();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
}

#[test]
fn memory_comes_back_after_a_burst() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &[]);
    let mut admin = broker.client();
    admin.create("t", 4);
    admin.append(("t", 0), &batch(0, 1, 10));
    settle(&broker, &admin);
    let before = broker.memory("RssAnon");
    let large = batch_of_size(1, 1_000_000);
    std::thread::scope(|scope| {
        for index in 0..16 {
            let (mut client, large) = (broker.client(), &large);
            scope.spawn(move || {
                let at = ("t", index % 4);
                let sent: Vec<Sent> = (0..8).map(|_| client.send_produce(at, -1, large)).collect();
                sent.into_iter().for_each(|sent| _ = client.produced(sent));
                // Answers that are made in memory, and those that come from segments.
                let fetches: Vec<Sent> =
                    (0..4).map(|_| client.send_fetch(&[(at, 0)], Wait::NONE)).collect();
                let described: Vec<Sent> = (0..500).map(|_| client.send_metadata(None)).collect();
                fetches.into_iter().for_each(|sent| _ = client.fetched(sent));
                described.into_iter().for_each(|sent| _ = client.described(sent));
            });
        }
    });
    let peak = broker.memory("VmHWM");
    settle(&broker, &admin);
    let after = broker.memory("RssAnon");
    println!("anonymous: {before} before, {after} after; {peak} at the peak in all");
    println!(
        "in all {} resident, {} of them files",
        broker.memory("VmRSS"),
        broker.memory("RssFile")
    );
    assert!(after < before + (2 << 20), "{before} bytes before the burst, {after} after it");
    broker.stop_cleanly();
}

#[test]
fn a_topic_takes_little_disk() {
    const TOPICS: u64 = 50;
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    client.create("first", 1);
    let before = disk_usage(&data);
    for n in 0..TOPICS {
        client.create(&format!("t{n}"), 1);
    }
    let empty = (disk_usage(&data) - before) / TOPICS;
    println!("{empty} bytes of disk for an empty topic");
    assert!(empty < 100_000, "{empty} bytes of disk for an empty topic");
    for n in 0..TOPICS {
        client.append((&format!("t{n}"), 0), &batch(1, 1, 100));
    }
    let used = (disk_usage(&data) - before) / TOPICS;
    println!("{used} bytes of disk for a topic with one record");
    assert!(used < 100_000, "{used} bytes of disk for a topic with one record");
    broker.stop_cleanly();
    let closed = (disk_usage(&data) - before) / TOPICS;
    println!("{closed} bytes after a clean stop");
    assert!(closed <= used);
}
