//! A hundred consumers at the tail of one partition: each batch that is appended is sent a hundred times.
//!
//! The floor sends as many ranges to as many connections, each after a request that comes when the last answer has
//! been taken. The append is part of the broker's figure, and not of the floor's.

use super::floor::{Floor, Kind};
use super::frames::{self, Client};
use super::load::{self, discard};
use super::process::{self, LOAD_CPU, Scratch, Server};
use super::table::{heading, median};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::Write;
use std::net::SocketAddr;

const CONSUMERS: usize = 100;
/// Batches of records of 1 KB.
const BATCHES: [usize; 3] = [16_384, 100_000, 1_000_000];
/// Bytes that are sent to all consumers together, of each size of batch.
const SENT: usize = 2 << 30;
const TOPIC: &str = "fanned-out";
/// A consumer waits for so long for a batch.
const PATIENCE: i32 = 30_000;

/// One line for each size of batch.
pub fn run() {
    heading(
        "fan-out: 100 consumers wait at the tail of one partition; seconds of the worker per GB sent, medians",
    );
    println!("{:<30} {:>7} {:>7} {:>6}", "", "floor", "worker", "ratio");
    let data = Scratch::new("fanout");
    let broker = Server::pinned_broker(data.path());
    for batch in BATCHES {
        let name = format!("batches of {batch} bytes");
        if !process::wanted(&name) {
            continue;
        }
        let runs: Vec<(f64, f64)> = (0..process::runs()).map(|_| measure(&broker, batch)).collect();
        println!(
            "{name:<30} {:>7.3} {:>7.3} {:>6.2}",
            median(&runs, |run| run.0),
            median(&runs, |run| run.1),
            median(&runs, |run| run.1 / run.0)
        );
    }
    broker.stop();
}

/// The floor, and the broker, in seconds per GB.
fn measure(broker: &Server, size: usize) -> (f64, f64) {
    process::pin(0, LOAD_CPU);
    let mut client = Client::connect(broker.address);
    let topic_id = client.create(TOPIC);
    let records = (size - 61) / 1010;
    let batch = frames::batch(records, 1000);
    let produce = frames::produce(TOPIC, &batch);
    frames::check_produced(&client.call(&produce));
    let bytes = 2 * batch.len() as i32;
    let fetch = |round: usize| frames::fetch(topic_id, (round * records) as i64, bytes, PATIENCE);
    let probe = client.call(&fetch(0));
    assert_eq!(frames::check_fetched(&probe), batch.len());
    let answer = probe.len() + 4;
    let rounds = SENT / batch.len() / CONSUMERS;

    let mut consumers = Consumers::connect(broker.address);
    broker.settle();
    let before = broker.cpu();
    for round in 1..=rounds {
        consumers.ask(&fetch(round));
        client.send(&produce);
        consumers.take(answer);
        frames::check_produced(&client.receive());
    }
    let worker = broker.cpu().since(before).serving;
    client.delete(TOPIC);

    let (range, answer) = (batch.len(), answer - batch.len());
    let floor = Floor { kind: Kind::Source, answer, range, file: 64 << 20 };
    let floor = Server::start(floor.command()).pinned();
    let mut consumers = Consumers::connect(floor.address);
    let request = fetch(0);
    let before = floor.cpu();
    for _ in 0..rounds {
        consumers.ask(&request);
        consumers.take(answer + range);
    }
    let least = floor.cpu().since(before).serving;
    let sent = (rounds * CONSUMERS * batch.len()) as f64;
    (least as f64 / sent, worker as f64 / sent)
}

struct Consumers {
    poll: Poll,
    /// Each with what it has received of its answer.
    all: Vec<(TcpStream, u64)>,
}

impl Consumers {
    fn connect(address: SocketAddr) -> Consumers {
        let poll = Poll::new().expect("poll");
        let connect = |at| {
            let mut stream = load::connect(address);
            poll.registry().register(&mut stream, Token(at), Interest::READABLE).expect("register");
            (stream, 0)
        };
        let all = (0..CONSUMERS).map(connect).collect();
        Consumers { poll, all }
    }

    fn ask(&mut self, request: &[u8]) {
        for (stream, received) in &mut self.all {
            *received = 0;
            assert_eq!(stream.write(request).expect("sent"), request.len());
        }
    }

    /// Takes the answers of all.
    fn take(&mut self, answer: usize) {
        let (mut events, mut waiting) = (Events::with_capacity(CONSUMERS), CONSUMERS);
        while waiting > 0 {
            self.poll.poll(&mut events, None).expect("wait");
            for event in &events {
                let (stream, received) = &mut self.all[event.token().0];
                let had = *received;
                *received += discard(stream);
                assert!(*received <= answer as u64, "answers are of the expected size");
                waiting -= usize::from(had < *received && *received == answer as u64);
            }
        }
    }
}
