//! Produces that must be on the disk before they are answered (`flush.messages`), against the real
//! broker: every way to ask, many at once, and that nothing else waits for them.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;

const SYNCED: &[(&str, &str)] = &[("flush.messages", "1")];

#[test]
fn answers_come_in_order_whether_they_wait_for_the_disk_or_not() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    client.create_with("synced", 2, SYNCED);
    client.create("plain", 1);
    // Pipelined on one connection: what waits does not stop what does not.
    let sent: Vec<Sent> = (0..60)
        .map(|n| {
            let at = [("synced", 0), ("plain", 0), ("synced", 1)][n % 3];
            client.send_produce(at, -1, &batch(n as u64, 3, 50))
        })
        .collect();
    for (n, sent) in sent.into_iter().enumerate() {
        let produced = client.produced(sent);
        assert_eq!((produced.code, produced.base_offset), (ErrorCode::NONE, (n / 3 * 3) as i64));
    }
    for at in [("synced", 0), ("synced", 1), ("plain", 0)] {
        assert_eq!(client.offset(at, -1), 60);
        assert_eq!(batches(&client.fetch_all(at)).len(), 20);
    }
    broker.stop_cleanly();
}

#[test]
fn consumers_that_wait_see_what_was_flushed() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let (mut producer, mut consumer) = (broker.client(), broker.client());
    producer.create_with("synced", 1, SYNCED);
    for n in 0..20 {
        let waits = consumer.send_fetch(&[(("synced", 0), n)], Wait::for_bytes(1));
        // Without an answer too: it is flushed and shown all the same.
        match n % 2 {
            0 => _ = producer.send_produce(("synced", 0), 0, &batch(n as u64, 1, 10)),
            _ => assert_eq!(producer.append(("synced", 0), &batch(n as u64, 1, 10)), n),
        }
        let fetched = consumer.fetched(waits).remove(0);
        assert_eq!((fetched.code, fetched.high_watermark), (ErrorCode::NONE, n + 1));
    }
    broker.stop_cleanly();
}

#[test]
fn the_brokers_own_setting_is_every_topics_default() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &["--set", "log.flush.interval.messages=1"]);
    let mut clients: Vec<Client> = (0..8).map(|_| broker.client()).collect();
    clients[0].create("t", 3);
    assert_eq!(clients[0].topic_configs("t")["flush.messages"].0.as_deref(), Some("1"));
    let mut total = 0;
    for round in 0..10 {
        let sent: Vec<Sent> = (0..8)
            .map(|n| clients[n].send_produce(("t", n as i32 % 3), 1, &batch(round, 2, 20)))
            .collect();
        for (client, sent) in clients.iter_mut().zip(sent) {
            assert_eq!(client.produced(sent).code, ErrorCode::NONE);
            total += 2;
        }
    }
    let ends: i64 = (0..3).map(|index| clients[0].offset(("t", index), -1)).sum();
    assert_eq!(ends, total);
    broker.stop_cleanly();
}

#[test]
fn a_producer_that_leaves_while_it_waits_harms_nobody() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    client.create_with("synced", 1, SYNCED);
    for n in 0..50 {
        let mut leaving = broker.client();
        let _ = leaving.send_produce(("synced", 0), 1, &batch(n, 1, 10));
        drop(leaving);
    }
    // Whatever of those came: the log goes on behind them.
    let end = client.append(("synced", 0), &batch(99, 1, 10));
    assert!(client.offset(("synced", 0), -1) > end);
    broker.stop_cleanly();
}

#[test]
fn an_ephemeral_broker_asks_nothing_of_the_disk_and_answers_all_the_same() {
    let broker = Broker::spawn(command(&["--ephemeral", "--port", "0"]));
    let mut client = broker.client();
    client.create_with("synced", 1, SYNCED);
    assert_eq!(client.append(("synced", 0), &batch(1, 1, 10)), 0);
    broker.stop_cleanly();
}
