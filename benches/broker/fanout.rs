//! A hundred consumers at the tail of one partition: each batch that is appended is sent a hundred times.
//!
//! The floor is told in the same way: as many connections have asked and wait; then comes one frame of the same size,
//! which it stores, and a header and that range go out to all of them. So both wake readers who sleep, and pay for it. (A
//! floor that answers requests as they come wakes nobody: the load is still busy asking.)

use super::floor::{Floor, Kind};
use super::frames::{self, Client};
use super::load::{self, discard};
use super::process::{self, LOAD_CPU, Scratch, Server};
use super::table::{heading, median};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{Read, Write};
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
    let produced = frames::check_produced(&client.call(&produce));
    let bytes = 2 * batch.len() as i32;
    let fetch = |round: usize| frames::fetch(topic_id, (round * records) as i64, bytes, PATIENCE);
    let probe = client.call(&fetch(0));
    assert_eq!(frames::check_fetched(&probe), batch.len());
    let fan = Fan {
        rounds: SENT / batch.len() / CONSUMERS,
        produce: &produce,
        fetch: &fetch,
        answer: probe.len() + 4,
    };
    let worker = fan.run(broker, &mut client, produced);
    assert_eq!(client.end_of(TOPIC), ((fan.rounds + 1) * records) as i64);
    client.delete(TOPIC);

    let (range, answer) = (batch.len(), fan.answer - batch.len());
    let floor = Floor { kind: Kind::Fan, answer, range, file: 64 << 20 };
    let floor = Server::start(floor.command()).pinned();
    let least = fan.run(&floor, &mut Client::connect(floor.address), answer);
    let sent = (fan.rounds * CONSUMERS * batch.len()) as f64;
    (least as f64 / sent, worker as f64 / sent)
}

/// What is done with the broker and the floor.
struct Fan<'a> {
    rounds: usize,
    produce: &'a [u8],
    fetch: &'a dyn Fn(usize) -> Vec<u8>,
    /// Bytes of an answer to a fetch.
    answer: usize,
}

impl Fan<'_> {
    /// Nanoseconds of the thread that serves; it acknowledges with so many bytes.
    fn run(&self, server: &Server, producer: &mut Client, acknowledged: usize) -> u64 {
        let mut consumers = Consumers::connect(server.address);
        let mut acknowledged = vec![0; acknowledged];
        server.settle();
        let before = server.cpu();
        for round in 1..=self.rounds {
            consumers.ask(&(self.fetch)(round));
            producer.send(self.produce);
            consumers.take(self.answer);
            producer.0.read_exact(&mut acknowledged).expect("acknowledged");
        }
        server.cpu().since(before).serving
    }
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
