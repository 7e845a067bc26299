//! A broker whose rings are polled (`--sqpoll`): it serves, and comes to rest like any other.
//!
//! On a machine with a single core there is none: then it is the refusal that is tested.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;
use std::time::{Duration, Instant};

const POLLED: [&str; 5] = ["--io", "uring", "--sqpoll", "--workers", "1"];
/// The broker has come to rest when nothing has happened for so long.
const WATCH: Duration = Duration::from_millis(1_500);

/// A broker with a polled ring, or `None` where one must not be, which is seen to.
fn polled(dir: &TempDir) -> Option<Broker> {
    let data = dir.join("data");
    let fixed = ["--port", "0", "--data-dir", data.to_str().unwrap()];
    let started = Broker::try_spawn(command(&[&fixed[..], &POLLED, &AT_REST].concat()));
    if std::thread::available_parallelism().unwrap().get() >= 2 {
        return Some(started.unwrap());
    }
    let refused = started.map(drop).unwrap_err();
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("the cores are 1"), "{refused:?}");
    None
}

/// The kernel's threads that poll for this broker.
fn polling_threads(broker: &Broker) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", broker.pid())).unwrap();
    let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")));
    names.filter(|name| name.as_ref().is_ok_and(|name| name.starts_with("iou-sqp"))).count()
}

#[test]
fn a_polled_broker_serves() {
    let dir = TempDir::new();
    let Some(broker) = polled(&dir) else { return };
    assert_eq!(polling_threads(&broker), 1);
    let mut client = broker.client();
    client.create("t", 4);
    std::thread::scope(|scope| {
        for index in 0..4 {
            let mut client = broker.client();
            scope.spawn(move || {
                let at = ("t", index);
                for seed in 0..20 {
                    assert_eq!(client.append(at, &batch(seed, 10, 1_000)), seed as i64 * 10);
                }
                let large = batch_of_size(1, 900_000);
                let sent: Vec<Sent> = (0..8).map(|_| client.send_produce(at, -1, &large)).collect();
                let offsets = sent.into_iter().map(|sent| client.produced(sent).base_offset);
                assert!(offsets.is_sorted());
                assert_eq!(batches(&client.fetch_all(at)).len(), 28);
            });
        }
    });
    drop(client);
    broker.stop_cleanly();
}

/// Waits until neither the broker nor the thread that polls for it wakes any more.
fn settle(broker: &Broker, quiet: &Client) {
    let until = Instant::now() + GUARD;
    loop {
        let before = broker.sleeps();
        pass(quiet, WATCH);
        if broker.sleeps() == before {
            return;
        }
        assert!(Instant::now() < until, "the broker does not come to rest");
    }
}

#[test]
fn a_polled_broker_comes_to_rest() {
    allow_descriptors(1_500);
    let dir = TempDir::new();
    let Some(broker) = polled(&dir) else { return };
    let mut client = broker.client();
    client.create("t", 1);
    let mut clients: Vec<Client> = (0..1_000).map(|_| broker.client()).collect();
    let wait = Wait { max_ms: 600_000, ..Wait::LONG };
    let sent: Vec<Sent> =
        clients[..100].iter_mut().map(|client| client.send_fetch(&[(("t", 0), 0)], wait)).collect();
    settle(&broker, &client);
    let (ticks, sleeps) = (broker.cpu_ticks(), broker.sleeps());
    pass(&client, idle_time());
    assert_eq!((broker.cpu_ticks(), broker.sleeps()), (ticks, sleeps));
    // Who sleeps is woken.
    client.append(("t", 0), &batch(1, 1, 10));
    for (client, sent) in clients.iter_mut().zip(sent) {
        assert!(!client.fetched(sent)[0].records.is_empty(), "they were waiting all the time");
    }
    drop(clients);
    broker.stop_cleanly();
}
