//! Long polls, pipelines and order, end to end: what only several connections at once can show.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::codec::{Array, Records};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use broker_support::*;

/// A broker with several workers, and a client that creates topics.
fn start(dir: &TempDir) -> (Broker, Client) {
    let broker = Broker::start(&dir.join("data"), &["--workers", "4"]);
    let mut client = broker.client();
    client.create("fence", 1);
    (broker, client)
}

/// Waits until a client's requests so far have been handled, though they may not be answered yet:
/// sends one more behind them and sees its effect from elsewhere. Returns that request.
fn fence(behind: &mut Client, other: &mut Client) -> Sent {
    let end = other.offset(("fence", 0), -1);
    let sent = behind.send_produce(("fence", 0), -1, &batch(0, 1, 1));
    assert_eq!(other.fetch(("fence", 0), end, Wait::LONG).high_watermark, end + 1);
    sent
}

#[test]
fn an_append_on_another_worker_wakes_a_long_poll() {
    let dir = TempDir::new();
    let (broker, mut admin) = start(&dir);
    admin.create("t", 1);
    // Connections go to the workers in turn: each pair of workers is met.
    let mut clients: Vec<Client> = (0..4).map(|_| broker.client()).collect();
    let mut expected = Vec::new();
    for seed in 0..16 {
        let offset = expected.len() as i64;
        let [waiting, producing] =
            clients.get_disjoint_mut([seed % 4, (seed + 1 + seed / 4 % 3) % 4]).unwrap();
        let sent = waiting.send_fetch(&[(("t", 0), offset)], Wait::LONG);
        let fenced = fence(waiting, &mut admin);
        let batch = batch(seed as u64, 1, 100);
        assert_eq!(producing.append(("t", 0), &batch), offset);
        expected.push(stored(&batch, offset, 0));
        let rows = waiting.fetched(sent);
        assert_eq!(rows[0].high_watermark, offset + 1);
        assert!(rows[0].records == expected[offset as usize], "round {seed}");
        assert_eq!(waiting.produced(fenced).code, ErrorCode::NONE);
    }
    broker.stop_cleanly();
}

#[test]
fn min_bytes_counts_over_all_partitions() {
    let dir = TempDir::new();
    let (broker, mut admin) = start(&dir);
    admin.create("t", 3);
    admin.create("u", 1);
    let partitions = [("t", 0), ("t", 1), ("t", 2), ("u", 0)];
    let batches: Vec<Vec<u8>> = (0..4).map(|seed| batch(seed, 2, 500)).collect();
    let size: usize = batches.iter().map(Vec::len).sum();
    let mut waiting = broker.client();
    let from = partitions.map(|at| (at, 0));
    let sent = waiting.send_fetch(&from, Wait::for_bytes(size));
    // Each byte is needed: all batches but the last are not enough.
    let fenced = fence(&mut waiting, &mut admin);
    for (at, batch) in partitions.iter().zip(&batches) {
        admin.append(*at, batch);
    }
    let rows = waiting.fetched(sent);
    assert_eq!(rows.len(), 4);
    for row in &rows {
        let n = partitions.iter().position(|at| *at == (row.topic.as_str(), row.partition));
        assert!(row.records == stored(&batches[n.unwrap()], 0, 0), "{}", row.topic);
    }
    waiting.produced(fenced);

    // Part of it is there already when the fetch comes; one more byte than there is, is awaited.
    let sent = waiting.send_fetch(&from, Wait::for_bytes(size + 1));
    let fenced = fence(&mut waiting, &mut admin);
    let last = batch(9, 1, 10);
    admin.append(("u", 0), &last);
    let all: usize = waiting.fetched(sent).iter().map(|row| row.records.len()).sum();
    assert_eq!(all, size + last.len());
    waiting.produced(fenced);
    broker.stop_cleanly();
}

#[test]
fn a_fetch_is_answered_at_its_time_with_what_there_is() {
    let dir = TempDir::new();
    let (broker, mut client) = start(&dir);
    client.create("t", 1);
    let batch = batch(1, 3, 100);
    client.append(("t", 0), &batch);
    let wait = Wait { max_ms: 50, min_bytes: 1 << 20, ..Wait::LONG };
    let fetched = client.fetch(("t", 0), 0, wait);
    assert!(fetched.records == stored(&batch, 0, 0));
    let fetched = client.fetch(("t", 0), 3, wait);
    assert_eq!((fetched.code, fetched.records.len()), (ErrorCode::NONE, 0));
    broker.stop_cleanly();
}

#[test]
fn all_consumers_of_a_partition_wake() {
    let dir = TempDir::new();
    let (broker, mut admin) = start(&dir);
    admin.create("t", 1);
    let mut waiting: Vec<(Client, Sent, Sent)> = (0..200)
        .map(|_| {
            let mut client = broker.client();
            let sent = client.send_fetch(&[(("t", 0), 0)], Wait::LONG);
            let fenced = fence(&mut client, &mut admin);
            (client, sent, fenced)
        })
        .collect();
    let batch = batch(1, 10, 100);
    assert_eq!(admin.append(("t", 0), &batch), 0);
    for (client, sent, fenced) in &mut waiting {
        assert!(client.fetched(*sent)[0].records == stored(&batch, 0, 0));
        assert_eq!(client.produced(*fenced).code, ErrorCode::NONE);
    }
    drop(waiting);
    broker.stop_cleanly();
}

/// What is read for the first of those who are woken together serves only others who want the same.
#[test]
fn who_is_woken_together_gets_what_he_asked_for() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &["--workers", "1"]);
    let mut admin = broker.client();
    admin.create("fence", 1);
    admin.create("t", 2);
    let before = [1, 2].map(|seed| batch(seed, 3, 100));
    let next = [3, 4].map(|seed| batch(seed, 3, 100));
    (0..2).for_each(|at| assert_eq!(admin.append(("t", at), &before[at as usize]), 0));
    let with_more = Wait::for_bytes(before[0].len() + 1);
    let wishes = [(0, 0, with_more), (1, 0, with_more), (0, 3, Wait::LONG), (1, 3, Wait::LONG)];
    // Some who want the same stand behind each other, and then others.
    let wish = |n: usize| n / 3 % 4;
    let mut waiting: Vec<_> = (0..100)
        .map(|n| {
            let (at, offset, wait) = wishes[wish(n)];
            let mut client = broker.client();
            let sent = client.send_fetch(&[(("t", at), offset)], wait);
            let fenced = fence(&mut client, &mut admin);
            (wish(n), client, sent, fenced)
        })
        .collect();
    // In one request, so that both are appended before anybody is woken.
    let rows = [0, 1].map(|at| {
        [PartitionProduceData { index: at, records: Some(Records::Bytes(&next[at as usize])) }]
    });
    let topics = rows.each_ref().map(|partitions| TopicProduceData {
        name: "t",
        partition_data: Array::from(partitions),
        ..Default::default()
    });
    let topic_data = Array::from(&topics);
    let request = ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data, ..Default::default() };
    let (bytes, sent) = admin.frame(PRODUCE, &request);
    admin.send_bytes(&bytes);
    admin.answer(sent);
    for (n, (wish, client, sent, fenced)) in waiting.iter_mut().enumerate() {
        let (at, offset, _) = wishes[*wish];
        let (before, next) = (&before[at as usize], &next[at as usize]);
        let whole = [stored(before, 0, 0), stored(next, 3, 0)].concat();
        let wanted = &whole[if offset == 0 { 0 } else { before.len() }..];
        assert!(client.fetched(*sent)[0].records == wanted, "{n}: partition {at}, offset {offset}");
        assert_eq!(client.produced(*fenced).code, ErrorCode::NONE);
    }
    drop(waiting);
    broker.stop_cleanly();
}

#[test]
fn deleting_a_topic_answers_who_waits_for_it() {
    let dir = TempDir::new();
    let (broker, mut admin) = start(&dir);
    admin.create("kept", 1);
    for round in 0..3 {
        admin.create("t", 2);
        let mut waiting: Vec<(Client, Sent, Sent)> = (0..4)
            .map(|_| {
                let mut client = broker.client();
                let sent = client.send_fetch(&[(("t", 1), 0), (("kept", 0), 0)], Wait::LONG);
                let fenced = fence(&mut client, &mut admin);
                (client, sent, fenced)
            })
            .collect();
        admin.delete("t");
        for (client, sent, _) in &mut waiting {
            let mut rows = client.fetched(*sent);
            rows.sort_by_key(|row| row.topic.clone());
            let codes: Vec<_> = rows.iter().map(|row| (row.topic.as_str(), row.code)).collect();
            let gone = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            assert_eq!(codes, [("kept", ErrorCode::NONE), ("t", gone)], "round {round}");
        }
    }
    broker.stop_cleanly();
}

#[test]
fn a_parked_fetch_stops_nobody_and_answers_keep_their_order() {
    let dir = TempDir::new();
    let (broker, mut admin) = start(&dir);
    for name in ["t", "u", "busy"] {
        admin.create(name, 1);
    }
    let mut client = broker.client();
    let parked = client.send_fetch(&[(("t", 0), 0)], Wait::LONG);
    let produced: Vec<Sent> =
        (0..50).map(|n| client.send_produce(("busy", 0), 1, &batch(n, 1, 10))).collect();
    let versions = client.send_api_versions();
    let created = client.send_create("behind", 1, &[]);
    let second = client.send_fetch(&[(("u", 0), 0)], Wait::LONG);
    // The requests behind the parked one are worked on: their effects are seen from elsewhere.
    let fenced = fence(&mut client, &mut admin);
    assert_eq!(admin.offset(("busy", 0), -1), 50);
    assert!(admin.cluster().topics.contains_key("behind"));
    // The second fetch is woken first, and its answer waits for its turn.
    let (one, two) = (batch(1, 1, 10), batch(2, 1, 10));
    assert_eq!(admin.append(("u", 0), &two), 0);
    assert_eq!(admin.append(("t", 0), &one), 0);
    // `answer` checks the correlation id: answers come in the order of the requests.
    let first = client.fetched(parked);
    assert!(first[0].records == stored(&one, 0, 0));
    for (n, sent) in produced.into_iter().enumerate() {
        assert_eq!(client.produced(sent).base_offset, n as i64, "executed in order");
    }
    client.answer(versions);
    assert!(client.created(created).is_ok());
    assert!(client.fetched(second)[0].records == stored(&two, 0, 0));
    assert_eq!(client.produced(fenced).code, ErrorCode::NONE);
    broker.stop_cleanly();
}

#[test]
fn pipelined_produces_run_in_order_also_behind_slow_requests() {
    let dir = TempDir::new();
    let (broker, mut client) = start(&dir);
    client.create("t", 1);
    let (producer, epoch) = client.producer_id();
    // One write: a producer that is idempotent is refused if anything comes out of order.
    let (mut all, mut sent, mut also, mut expected) = (vec![], vec![], vec![], vec![]);
    for n in 0..300 {
        let batch = sequenced(producer, epoch, n, n as u64, 1, 100);
        let (bytes, produce) = client.produce_frame(("t", 0), -1, &batch);
        all.extend(bytes);
        sent.push((n, produce));
        expected.extend(stored(&batch, i64::from(n), 0));
        if n % 50 == 0 {
            // Another thread works on it, and what is behind it must wait: it needs the topic.
            let name = format!("t{n}");
            let (bytes, created) = client.create_frame(&name, 1, &[]);
            let (more, first) = client.produce_frame((&name, 0), -1, &batch);
            all.extend([bytes, more].concat());
            also.push((created, first));
        }
    }
    client.send_bytes(&all);
    let mut also = also.into_iter();
    for (n, produce) in sent {
        assert_eq!(client.produced(produce).base_offset, i64::from(n));
        if n % 50 == 0 {
            let (created, first) = also.next().unwrap();
            assert!(client.created(created).is_ok());
            assert_eq!(client.append_answer(first), 0);
        }
    }
    assert!(client.fetch_all(("t", 0)) == expected);
    broker.stop_cleanly();
}

#[test]
fn without_acks_there_is_no_answer_and_a_failure_ends_the_connection() {
    let dir = TempDir::new();
    let (broker, mut admin) = start(&dir);
    admin.create("t", 1);
    let mut client = broker.client();
    for n in 0..100 {
        client.send_produce(("t", 0), 0, &batch(n, 1, 50));
    }
    // The next answer is that of the next request that has one.
    let sent = client.send_produce(("t", 0), 1, &batch(100, 1, 50));
    assert_eq!(client.produced(sent).base_offset, 100);
    let parked = client.send_fetch(&[(("fence", 0), 0)], Wait { max_ms: 20, ..Wait::LONG });
    client.send_produce(("t", 0), 0, &batch(101, 1, 50));
    client.fetched(parked);
    assert!(client.api_versions() > 0, "the connection goes on");

    for at in [("nosuch", 0), ("t", 7)] {
        let mut client = broker.client();
        client.send_produce(at, 0, &batch(1, 1, 50));
        client.assert_closed();
        broker.logged(&[&client.name(), "acks=0"]);
    }
    let mut damaged = batch(1, 1, 50);
    *damaged.last_mut().unwrap() ^= 1;
    let mut client = broker.client();
    // What came before is answered first.
    let sent = client.send_produce(("t", 0), 1, &batch(102, 1, 50));
    client.send_produce(("t", 0), 0, &damaged);
    assert_eq!(client.produced(sent).base_offset, 102);
    client.assert_closed();
    assert_eq!(admin.offset(("t", 0), -1), 103);
    broker.stop_cleanly();
}

#[test]
fn a_consumer_that_goes_away_while_it_waits_leaves_nothing() {
    let dir = TempDir::new();
    let (broker, mut admin) = start(&dir);
    admin.create("t", 1);
    for _ in 0..50 {
        let mut client = broker.client();
        client.send_fetch(&[(("t", 0), 0)], Wait::LONG);
        fence(&mut client, &mut admin);
    }
    let mut last = broker.client();
    let sent = last.send_fetch(&[(("t", 0), 0)], Wait::LONG);
    fence(&mut last, &mut admin);
    let batch = batch(1, 1, 10);
    admin.append(("t", 0), &batch);
    assert!(last.fetched(sent)[0].records == stored(&batch, 0, 0));
    drop(last);
    broker.stop_cleanly();
}

#[test]
fn consumers_follow_producers_without_missing_a_batch() {
    const BATCHES: u64 = 400;
    let dir = TempDir::new();
    let (broker, mut admin) = start(&dir);
    admin.create("t", 4);
    std::thread::scope(|scope| {
        for partition in 0..4 {
            let (mut producing, mut consuming) = (broker.client(), broker.client());
            let at = ("t", partition);
            scope.spawn(move || {
                for n in 0..BATCHES {
                    assert_eq!(producing.append(at, &batch(n, 1, 20)), n as i64);
                }
            });
            // A wake-up that gets lost shows as an empty answer when the poll ends.
            scope.spawn(move || {
                let mut offset = 0;
                while offset < BATCHES as i64 {
                    let fetched = consuming.fetch(at, offset, Wait::LONG);
                    assert!(!fetched.records.is_empty(), "{at:?}: not woken at {offset}");
                    for found in batches(&fetched.records) {
                        assert_eq!(found.base_offset(), offset);
                        assert!(sent_bytes(&found) == stored(&batch(offset as u64, 1, 20), 0, -1));
                        offset = found.next_offset();
                    }
                }
            });
        }
    });
    broker.stop_cleanly();
}
