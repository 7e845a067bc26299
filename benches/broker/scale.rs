//! What a request costs where there is much of everything: thousands of connections of which a hundredth is at
//! work, ten thousand partitions, a second worker. Each beside the same with little, in turns.
//!
//! On two processors two workers share one with the load, so that no rate can say what the second one brings. Its
//! processor time does: `2 * one / two` is how many times as much two workers do where the load is elsewhere.

use super::counters;
use super::frames::{self, Client};
use super::load::{Conns, Load};
use super::process::{self, LOAD_CPU, SERVER_CPU, Scratch, Server};
use super::table::{heading, median};
use std::net::SocketAddr;

const FEW: usize = 10;
/// Partitions.
const MANY: usize = 10_000;
/// So many may be open at once where there may be 20,000 descriptors; the others rest.
const OPEN: usize = 700;
/// Connections: as many hundreds as there may be then.
const CONNECTIONS: usize = 9_300;
/// Of these so many are at work.
const AT_WORK: usize = CONNECTIONS / 100;
const TOPIC: &str = "scaled";
const REQUESTS: usize = 60_000;

/// Connections and partitions.
pub fn run() {
    heading("scale: Produce of one record of 100 B, one worker, medians");
    println!("{:<60} {:>8} {:>8} {:>6}", "", "us", "of less", "ratio");
    let (data, large_data) = (Scratch::new("few"), Scratch::new("many-of-all"));
    let few = broker(&data, FEW);
    let empty = resident(&few);
    let many = broker(&large_data, MANY);
    let with_partitions = resident(&many);
    partitions(&few, &many);
    let (written, idle) = (resident(&many), connect(many.address));
    let with_connections = resident(&many);
    at_work(&few, &many);
    let by_one = |more: u64, less: u64, count: usize| more.saturating_sub(less) / count as u64;
    let (partitions, connections) = (MANY - FEW, idle.len());
    println!(
        "{:<60} {:>8} B",
        "memory by the partition",
        by_one(with_partitions, empty, partitions)
    );
    println!("{:<60} {:>8} B", "… written to", by_one(written, empty, partitions));
    let each = by_one(with_connections, written, connections);
    println!("{:<60} {each:>8} B", "memory by the connection");
    drop(idle);
    few.stop();
    many.stop();
}

fn broker(data: &Scratch, partitions: usize) -> Server {
    let broker = Server::pinned_broker(data.path());
    let mut client = Client::connect(broker.address);
    client.greet();
    client.create_wide(TOPIC, partitions as i32);
    broker
}

/// Connections that have greeted and ask nothing more.
fn connect(address: SocketAddr) -> Vec<Client> {
    let connect = |_| {
        let mut client = Client::connect(address);
        client.greet();
        client
    };
    (0..CONNECTIONS - AT_WORK).map(connect).collect()
}

/// Bytes that are resident when all is quiet, and of no files.
fn resident(broker: &Server) -> u64 {
    broker.settle();
    counters::resident(broker.pid()).1
}

/// Requests for the first partitions, in turn.
fn requests(partitions: usize) -> Vec<u8> {
    let batch = frames::batch(1, 100);
    (0..partitions).flat_map(|at| frames::produce_to(TOPIC, at as i32, &batch)).collect()
}

/// A load on one broker, ready to go.
struct Worked<'r> {
    broker: &'r Server,
    load: Load<'r>,
    conns: Conns,
}

impl<'r> Worked<'r> {
    fn new(broker: &'r Server, requests: &'r [u8], conns: usize) -> Worked<'r> {
        let one = frames::produce_to(TOPIC, 0, &frames::batch(1, 100));
        let answer = frames::check_produced(&Client::connect(broker.address).call(&one));
        let (address, request) = (broker.address, one.len());
        let load = Load { address, requests, request, answer, conns, window: 1, total: REQUESTS };
        let mut conns = load.connect();
        // Whatever is opened and made at the first request is there.
        load.run(&mut conns);
        Worked { broker, load, conns }
    }

    /// Microseconds of the worker's processor time by the request.
    fn measure(&mut self) -> f64 {
        self.broker.settle();
        let before = self.broker.cpu();
        self.load.run(&mut self.conns);
        self.broker.cpu().since(before).serving as f64 / self.load.total() as f64 / 1e3
    }
}

fn compare(name: &str, mut less: Worked<'_>, mut more: Worked<'_>) {
    let runs: Vec<(f64, f64)> =
        (0..process::runs()).map(|_| (less.measure(), more.measure())).collect();
    println!(
        "{name:<60} {:>8.2} {:>8.2} {:>6.2}",
        median(&runs, |run| run.1),
        median(&runs, |run| run.0),
        median(&runs, |run| run.1 / run.0)
    );
}

fn partitions(few: &Server, many: &Server) {
    let (some, open, all) = (requests(FEW), requests(OPEN), requests(MANY));
    let less = || Worked::new(few, &some, AT_WORK);
    let name = format!("{FEW} partitions of {MANY}, to {FEW} of {FEW}");
    compare(&name, less(), Worked::new(many, &some, AT_WORK));
    let name = format!("{OPEN} partitions in turn, to {FEW}");
    compare(&name, less(), Worked::new(many, &open, AT_WORK));
    let name = format!("{MANY} partitions in turn, most at rest, to {FEW}");
    compare(&name, less(), Worked::new(many, &all, AT_WORK));
}

fn at_work(few: &Server, many: &Server) {
    let some = requests(FEW);
    for all in [AT_WORK, FEW] {
        let name = format!("{AT_WORK} connections at work of {CONNECTIONS}, to {all} of {all}");
        let less = Worked::new(few, &some, all);
        compare(&name, less, Worked::new(many, &some, AT_WORK));
    }
}

/// What two workers take for what one does.
pub fn workers() {
    heading("workers: two and one, processor time of all workers, medians");
    println!("{:<60} {:>8} {:>8} {:>6}", "64 connections", "two", "one", "times");
    for (name, batch, total) in [
        ("Produce of one record of 100 B, us by the request", frames::batch(1, 100), REQUESTS),
        ("Produce of 16 records of 1 KB, us by the request", frames::batch(16, 1000), REQUESTS),
    ] {
        let runs: Vec<(f64, f64)> = (0..process::runs())
            .map(|_| (time_of(1, &batch, total), time_of(2, &batch, total)))
            .collect();
        println!(
            "{name:<60} {:>8.2} {:>8.2} {:>6.2}",
            median(&runs, |run| run.1),
            median(&runs, |run| run.0),
            median(&runs, |run| 2.0 * run.0 / run.1)
        );
    }
}

/// Microseconds of all workers' processor time by the request.
fn time_of(workers: usize, batch: &[u8], total: usize) -> f64 {
    let data = Scratch::new("workers");
    let mut command = process::broker_command(data.path());
    command.args(["--port", "0", "--workers", &workers.to_string()]);
    let broker = Server::start(command);
    let mut client = Client::connect(broker.address);
    // Threads have their names when they serve.
    client.create_wide(TOPIC, FEW as i32);
    let serving = |broker: &Server| {
        let threads = counters::threads(broker.pid()).into_iter();
        threads.filter(|thread| thread.name.starts_with("worker")).collect::<Vec<_>>()
    };
    let all = serving(&broker);
    assert_eq!(all.len(), workers, "as many workers as were asked for");
    for (thread, cpu) in all.iter().zip([SERVER_CPU, LOAD_CPU]) {
        process::pin(thread.id, cpu);
    }
    let requests: Vec<u8> =
        (0..FEW).flat_map(|at| frames::produce_to(TOPIC, at as i32, batch)).collect();
    let request = requests.len() / FEW;
    let answer = frames::check_produced(&client.call(&requests[..request]));
    let load = Load {
        address: broker.address,
        requests: &requests,
        request,
        answer,
        conns: 64,
        window: 1,
        total,
    };
    let mut conns = load.connect();
    load.run(&mut conns);
    broker.settle();
    let cpu = |broker: &Server| serving(broker).iter().map(|thread| thread.cpu).sum::<u64>();
    let before = cpu(&broker);
    load.run(&mut conns);
    let micros = (cpu(&broker) - before) as f64 / load.total() as f64 / 1e3;
    broker.stop();
    micros
}
