//! At the limits: the largest batch, a large fetch, many partitions, a long pipeline, many
//! connections.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

/// Kafka's default of `max.message.bytes`.
const LARGEST: usize = 1_048_588;

#[test]
fn a_batch_of_max_message_bytes_is_taken_and_one_byte_more_is_not() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &[]);
    let mut client = broker.client();
    client.create("default", 1);
    client.create_with("small", 1, &[("max.message.bytes", "1000")]);
    client.create_with("large", 1, &[("max.message.bytes", "20000000")]);
    for (topic, size) in [("default", LARGEST), ("small", 1000), ("large", 20_000_000)] {
        let at = (topic, 0);
        let largest = batch_of_size(1, size);
        assert_eq!(client.append(at, &largest), 0);
        let refused = client.produce(at, &batch_of_size(2, size + 1));
        assert_eq!(refused.code, ErrorCode::MESSAGE_TOO_LARGE, "{topic}");
        assert_eq!(client.append(at, &batch(3, 1, 10)), 1, "the connection goes on");
        let expected = [stored(&largest, 0, 0), stored(&batch(3, 1, 10), 1, 0)].concat();
        assert!(client.fetch_all(at) == expected, "{topic}");
    }
    broker.stop_cleanly();
}

#[test]
fn a_fetch_of_fifty_megabytes_is_one_answer() {
    const BATCHES: usize = 50;
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &[]);
    let mut client = broker.client();
    client.create("t", 1);
    client.create_with("rolled", 1, &[("segment.bytes", "10000000")]);
    for topic in ["t", "rolled"] {
        let mut expected = Vec::new();
        for n in 0..BATCHES {
            let batch = batch_of_size(n as u64, LARGEST);
            assert_eq!(client.append((topic, 0), &batch), n as i64);
            expected.extend(stored(&batch, n as i64, 0));
        }
        assert!(expected.len() > 50 << 20);
        if topic == "t" {
            let fetched = client.fetch((topic, 0), 0, Wait::NONE);
            assert_eq!(fetched.records.len(), expected.len(), "all of it in one answer");
            assert!(fetched.records == expected);
        }
        assert!(client.fetch_all((topic, 0)) == expected, "{topic}");
    }
    broker.stop_cleanly();
}

#[test]
fn a_thousand_partitions_in_one_topic() {
    const PARTITIONS: i32 = 1_000;
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    client.create("t", PARTITIONS);
    let cluster = client.cluster();
    assert_eq!(cluster.topics["t"].epochs, [0; PARTITIONS as usize]);
    assert_eq!(names(&data).iter().filter(|name| name.starts_with("t-")).count(), 1_000);
    let batch_for = |index: i32| batch(index as u64, 2, 20);
    let sent: Vec<Sent> = (0..PARTITIONS)
        .map(|index| client.send_produce(("t", index), -1, &batch_for(index)))
        .collect();
    for sent in sent {
        let produced = client.produced(sent);
        assert_eq!((produced.code, produced.base_offset), (ErrorCode::NONE, 0));
    }
    let all: Vec<(At<'_>, i64)> = (0..PARTITIONS).map(|index| (("t", index), 0)).collect();
    let assert_all = |client: &mut Client| {
        let sent = client.send_fetch(&all, Wait::NONE);
        let rows = client.fetched(sent);
        let found: BTreeMap<i32, &[u8]> =
            rows.iter().map(|row| (row.partition, row.records.as_slice())).collect();
        assert_eq!(found.len(), 1_000);
        for (index, records) in found {
            assert!(records == stored(&batch_for(index), 0, 0), "partition {index}");
        }
    };
    assert_all(&mut client);
    broker.stop_cleanly();
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    assert_eq!(client.cluster().topics, cluster.topics);
    assert_all(&mut client);
    broker.kill();
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    assert_eq!(client.cluster().topics["t"].epochs, [1; PARTITIONS as usize]);
    assert_all(&mut client);
    assert_eq!(client.append(("t", 999), &batch(1, 1, 1)), 2);
    broker.stop_cleanly();
}

/// What a request in the long pipeline is, and what its answer must say.
enum Asked {
    Versions,
    Metadata,
    /// The base offset that the batch gets.
    Produce(i64),
    /// Fetches the batch with this offset, which was produced before.
    Fetch(i64),
    /// Waits a moment for what never comes.
    Park,
    /// Waits for the batch with this offset, which the next request produces.
    Await(i64),
}

#[test]
fn ten_thousand_pipelined_requests_are_answered_in_order() {
    const REQUESTS: usize = 10_000;
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &["--workers", "2"]);
    let mut client = broker.client();
    let topics = client.create("t", 1);
    client.create("quiet", 1);
    let mut writing = client.twin();
    let (told, asked) = std::sync::mpsc::channel();
    let batch_at = |offset: i64| batch(offset as u64, 1, 30);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut random = Random::new(1);
            let (mut end, mut at) = (0, 0);
            while at < REQUESTS {
                at += 1;
                let (sent, what) = match random.below(100) {
                    0 => {
                        let sent = writing.send_fetch(&[(("t", 0), end)], Wait::LONG);
                        told.send((sent, Asked::Await(end))).unwrap();
                        end += 1;
                        let sent = writing.send_produce(("t", 0), -1, &batch_at(end - 1));
                        (sent, Asked::Produce(end - 1))
                    }
                    1 => {
                        let wait = Wait { max_ms: 5, ..Wait::LONG };
                        (writing.send_fetch(&[(("quiet", 0), 0)], wait), Asked::Park)
                    }
                    2..35 => (writing.send_api_versions(), Asked::Versions),
                    35..60 => (writing.send_metadata(Some(&["t"])), Asked::Metadata),
                    60..80 if end > 0 => {
                        let offset = random.below(end as u64) as i64;
                        let wait = Wait { max_bytes: 1, ..Wait::NONE };
                        (writing.send_fetch(&[(("t", 0), offset)], wait), Asked::Fetch(offset))
                    }
                    _ => {
                        end += 1;
                        let sent = writing.send_produce(("t", 0), -1, &batch_at(end - 1));
                        (sent, Asked::Produce(end - 1))
                    }
                };
                told.send((sent, what)).unwrap();
            }
        });
        // `answer` checks that each answer is that of the next request.
        for (sent, what) in asked {
            match what {
                Asked::Versions => drop(client.answer(sent)),
                Asked::Metadata => assert_eq!(client.described(sent).topics["t"].id, topics),
                Asked::Produce(offset) => assert_eq!(client.produced(sent).base_offset, offset),
                Asked::Fetch(offset) | Asked::Await(offset) => {
                    let records = client.fetched(sent).remove(0).records;
                    assert!(records.starts_with(&stored(&batch_at(offset), offset, 0)));
                }
                Asked::Park => assert!(client.fetched(sent)[0].records.is_empty()),
            }
        }
    });
    broker.stop_cleanly();
}

#[test]
fn two_thousand_connections_at_once_are_all_served() {
    const CONNECTIONS: usize = 2_000;
    allow_descriptors(CONNECTIONS as u64 + 500);
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &[]);
    let mut admin = broker.client();
    admin.create("t", 8);
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| broker.client()).collect();
    let at = |n: usize| ("t", (n % 8) as i32);
    // All of them at the same time, first a request each, then a pipeline each.
    let sent: Vec<Sent> = clients.iter_mut().map(Client::send_api_versions).collect();
    for (client, sent) in clients.iter_mut().zip(sent) {
        client.answer(sent);
    }
    let sent: Vec<(Sent, Sent)> = clients
        .iter_mut()
        .enumerate()
        .map(|(n, client)| {
            let produced = client.send_produce(at(n), -1, &batch(n as u64, 1, 100));
            (produced, client.send_fetch(&[(at(n), 0)], Wait { max_bytes: 1, ..Wait::NONE }))
        })
        .collect();
    let mut offsets: BTreeMap<(i32, i64), usize> = BTreeMap::new();
    for (n, (client, (produced, fetched))) in clients.iter_mut().zip(sent).enumerate() {
        let offset = client.append_answer(produced);
        assert_eq!(offsets.insert((at(n).1, offset), n), None, "an offset is given once");
        assert!(!client.fetched(fetched)[0].records.is_empty());
    }
    for index in 0..8 {
        let all = admin.fetch_all(("t", index));
        let found = batches(&all);
        assert_eq!(found.len(), CONNECTIONS / 8);
        for batch in found {
            let n = offsets[&(index, batch.base_offset())];
            assert!(sent_bytes(&batch) == stored(&broker_support::batch(n as u64, 1, 100), 0, -1));
        }
    }
    drop(clients);
    broker.stop_cleanly();
}

fn assert_ended(client: &mut Client) {
    let end = client.stream.read(&mut [0]).map_err(|why| why.kind());
    assert_eq!(end, Ok(0), "in order, so that nobody takes it for a broken network");
}

#[test]
fn an_idle_client_is_closed_in_order_and_one_that_is_owed_an_answer_gets_it_first() {
    let dir = TempDir::new();
    let settings = ["--set", "connections.max.idle.ms=1000", "--log-level", "debug"];
    let broker = Broker::start(&dir.join("data"), &settings);
    let (mut client, mut silent) = (broker.client(), broker.client());
    client.create("t", 1);
    assert_ended(&mut silent);
    assert_ended(&mut client);
    broker.logged_times(2, &["closed the connection", "nothing has moved for 1s"]);
    // It is answered and looked at in one turn, when it has been idle for longer than it may.
    let mut owed = broker.client();
    let sent = owed.send_fetch(&[(("t", 0), 0)], Wait { max_ms: 700, ..Wait::LONG });
    broker.logged(&["request", "api=Fetch"]);
    broker.halt();
    pass(&broker.client(), Duration::from_millis(1500));
    broker.signal(libc::SIGCONT);
    assert_eq!(owed.fetched_codes(sent), [ErrorCode::NONE]);
    assert_ended(&mut owed);
    broker.stop_cleanly();
}
