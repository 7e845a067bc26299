//! Produce requests that came together, against the real broker with both drivers: they are appended together, and each
//! is answered as if it had come alone, whatever lies between them.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::api_versions::ApiVersionsRequest;
use barnabas::wire::records::Codec;
use broker_support::*;

/// What a request is, and the partition that it is for.
#[derive(Clone)]
enum Ask {
    Produce { partition: i32, acks: i16, batch: Vec<u8> },
    Versions,
}

fn start(dir: &TempDir, io: &str, settings: &[&str]) -> Broker {
    let mut arguments = vec!["--io", io, "--workers", "1"];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    Broker::start(dir.path(), &arguments)
}

/// Frames of them all, and how each is answered; none with acks=0.
fn frames(client: &mut Client, topic: &str, asks: &[Ask]) -> Vec<(Vec<u8>, Option<Sent>)> {
    let frame = |ask: &Ask| match ask {
        Ask::Produce { partition, acks, batch } => {
            let (bytes, sent) = client.produce_frame((topic, *partition), *acks, batch);
            (bytes, (*acks != 0).then_some(sent))
        }
        Ask::Versions => {
            let (bytes, sent) = client.frame(0, &ApiVersionsRequest::default());
            (bytes, Some(sent))
        }
    };
    asks.iter().map(frame).collect()
}

/// An answer, as far as it is the same for all topics.
fn told(ask: &Ask, answer: &Answer) -> Option<Produced> {
    matches!(ask, Ask::Produce { .. }).then(|| produced(answer))
}

/// The answers when each request has its answer before the next one is sent.
fn one_by_one(client: &mut Client, topic: &str, asks: &[Ask]) -> Vec<Option<Produced>> {
    let sent = frames(client, topic, asks);
    let mut all = Vec::new();
    for (ask, (bytes, sent)) in asks.iter().zip(sent) {
        client.send_bytes(&bytes);
        all.push(sent.and_then(|sent| told(ask, &client.answer(sent))));
    }
    all
}

/// The answers when all requests have come before the broker looks at the first.
fn at_once(broker: &Broker, topic: &str, asks: &[Ask]) -> Vec<Option<Produced>> {
    let mut client = broker.client();
    let sent = frames(&mut client, topic, asks);
    // It is known to the broker, which may be halted while it waits for requests only.
    client.call(0, &ApiVersionsRequest::default());
    broker.halt();
    client
        .send_bytes(&sent.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect::<Vec<_>>());
    broker.signal(libc::SIGCONT);
    let answers = asks.iter().zip(sent);
    answers.map(|(ask, (_, sent))| sent.and_then(|sent| told(ask, &client.answer(sent)))).collect()
}

/// Requests of all kinds, many of which may go together.
fn some(seed: u64) -> Vec<Ask> {
    let mut random = Random::new(seed);
    let mut sequence = 0;
    let some_one = |random: &mut Random, sequence: &mut i32| {
        let seed = random.next();
        let size = [20, 900, 9_000][random.below(3) as usize];
        let (partition, acks) =
            (i32::from(random.below(9) == 0), [1, -1][usize::from(random.below(6) == 0)]);
        let batch = match random.below(20) {
            0 => return Ask::Versions,
            1 => {
                let mut damaged = batch(seed, 2, size);
                *damaged.last_mut().unwrap() ^= 1;
                damaged
            }
            2 => compressed(Codec::Lz4, seed, 3, size),
            3 => sequenced(77, 0, (*sequence - 2).max(0), seed, 2, size),
            4 => sequenced(77, 0, *sequence + 1, seed, 1, size),
            5 => Vec::new(),
            6 => return Ask::Produce { partition: 0, acks: 0, batch: batch(seed, 1, size) },
            7 => return Ask::Produce { partition: 5, acks, batch: batch(seed, 1, size) },
            8..=13 => {
                *sequence += 2;
                sequenced(77, 0, *sequence - 2, seed, 2, size)
            }
            _ => batch(seed, 1 + random.below(3) as usize, size),
        };
        Ask::Produce { partition, acks, batch }
    };
    (0..60).map(|_| some_one(&mut random, &mut sequence)).collect()
}

#[test]
fn requests_that_come_together_are_answered_as_if_each_had_come_alone() {
    for io in ["mio", "uring"] {
        assert_same(io, &[], 0..12);
    }
}

#[test]
fn they_are_where_each_is_flushed_or_written_anew_too() {
    for io in ["mio", "uring"] {
        assert_same(io, &["log.flush.interval.messages=1"], 20..24);
        assert_same(io, &["compression.type=gzip"], 30..34);
    }
}

fn assert_same(io: &str, settings: &[&str], seeds: std::ops::Range<u64>) {
    let dir = TempDir::new();
    let broker = start(&dir, io, settings);
    let mut client = broker.client();
    for seed in seeds {
        let names = [format!("alone-{seed}"), format!("together-{seed}")];
        names.iter().for_each(|name| _ = client.create(name, 2));
        let asks = some(seed);
        let expected = one_by_one(&mut client, &names[0], &asks);
        assert_eq!(at_once(&broker, &names[1], &asks), expected, "seed {seed}, {io}");
        for partition in [0, 1] {
            let [alone, together] =
                [0, 1].map(|at| client.fetch_all((names[at].as_str(), partition)));
            assert!(alone == together, "seed {seed}, {io}: partition {partition} differs");
        }
    }
    broker.stop_cleanly();
}

#[test]
fn who_outruns_the_disk_with_several_requests_pays_for_each_of_them() {
    for io in ["mio", "uring"] {
        let dir = TempDir::new();
        // What is left unwritten for long: half of the limit is 512 KiB.
        let still = [
            "barnabas.unwritten.bytes=1048576",
            "barnabas.flush.ms=3600000",
            "barnabas.flush.bytes=1073741824",
        ];
        let broker = start(&dir, io, &still);
        broker.client().create("t", 4);
        for partition in [2, 3] {
            let large = batch(1, 8, 100_000);
            assert!(broker.client().produce(("t", partition), &large).throttle_ms > 0);
        }
        // One alone costs a second at most, and much of one here.
        let ask = |seed| Ask::Produce { partition: 0, acks: -1, batch: batch(seed, 1, 20_000) };
        let asks: Vec<_> = (0..3).map(ask).collect();
        at_once(&broker, "t", &asks[..1]); // A segment's first goes alone.
        let told = at_once(&broker, "t", &asks[..2]);
        let told: Vec<_> = told.into_iter().flatten().map(|told| told.throttle_ms).collect();
        assert!(told.iter().all(|ms| (100..=1000).contains(ms)), "{told:?}, {io}");
        broker.stop_cleanly();
    }
}

/// Calls by which the broker has written to files.
fn writes(broker: &Broker) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{}/io", broker.pid())).unwrap();
    io.lines().find_map(|line| line.strip_prefix("syscw: ")).unwrap().parse().unwrap()
}

#[test]
fn batches_that_come_together_are_written_together() {
    for io in ["mio", "uring"] {
        let dir = TempDir::new();
        // Nothing else is written meanwhile.
        let broker = start(&dir, io, &["barnabas.flush.ms=3600000"]);
        broker.client().create("t", 1);
        let ask = |seed| Ask::Produce { partition: 0, acks: -1, batch: batch(seed, 1, 12_000) };
        let asks: Vec<_> = (0..80).map(ask).collect();
        at_once(&broker, "t", &asks); // From here on it writes by calls.
        let before = writes(&broker);
        let told = at_once(&broker, "t", &asks);
        assert!(told.iter().flatten().all(|produced| produced.code == ErrorCode::NONE));
        let calls = writes(&broker) - before;
        // A MB is received in a few pieces; a batch that lies across two of them goes alone.
        assert!(calls <= 40, "{calls} calls for {} batches, {io}", asks.len());
        broker.stop_cleanly();
    }
}
