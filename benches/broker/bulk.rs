//! Processor time per GB produced and fetched, beside the floor's for the same bytes.
//!
//! "worker" is the thread that serves. "all" adds the broker's other threads, above all the one that
//! extends segments and faults them in ahead; it stands beside a floor that writes by calls to a new file, so that its pages are
//! counted, too.

use super::counters::Cpu;
use super::floor::{Floor, Kind};
use super::frames::{self, Client, PARTITION_BYTES};
use super::load::Load;
use super::process::{self, Scratch, Server};
use super::table::{Spread, heading, median};
use barnabas::wire::uuid::Uuid;
use std::collections::HashMap;

/// Bytes of the log that a case writes or reads round and round.
const LOG: usize = 256 << 20;
/// Bytes after which a log is in its stride.
const BEGUN: usize = 96 << 20;
/// Bytes that librdkafka puts into a batch by default.
const FULL: usize = 1_000_000;

/// The shape of the batches and of the load.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// Bytes of a record's value, and at most of a batch.
    record: usize,
    batch: usize,
    conns: usize,
    window: usize,
    /// Bytes that the log has before it counts: a new log's segment grows in small steps at first.
    begun: usize,
    /// Bytes that are asked of the partition: fetches only.
    fetch: i32,
}

#[rustfmt::skip]
const PRODUCE: &[Case] = &[
    Case { name: "1 KB records, 1 MB batches, 1 conn", record: 1000, batch: FULL, conns: 1, window: 4, begun: BEGUN, fetch: 0 },
    Case { name: "1 KB records, 1 MB batches, 64 conns", record: 1000, batch: FULL, conns: 64, window: 2, begun: BEGUN, fetch: 0 },
    Case { name: "100 B records, 1 MB batches, 1 conn", record: 100, batch: FULL, conns: 1, window: 4, begun: BEGUN, fetch: 0 },
    Case { name: "100 B records, 1 MB batches, 64 conns", record: 100, batch: FULL, conns: 64, window: 2, begun: BEGUN, fetch: 0 },
    Case { name: "1 KB records, 16 KB batches, 1 conn", record: 1000, batch: 16_384, conns: 1, window: 64, begun: BEGUN, fetch: 0 },
    Case { name: "1 KB records, 16 KB batches, 64 conns", record: 1000, batch: 16_384, conns: 64, window: 8, begun: BEGUN, fetch: 0 },
    Case { name: "100 B records, 16 KB batches, 1 conn", record: 100, batch: 16_384, conns: 1, window: 64, begun: BEGUN, fetch: 0 },
    Case { name: "100 B records, 16 KB batches, 64 conns", record: 100, batch: 16_384, conns: 64, window: 8, begun: BEGUN, fetch: 0 },
    Case { name: "1 KB records, 16 KB batches, 1 conn, new topic", record: 1000, batch: 16_384, conns: 1, window: 64, begun: 0, fetch: 0 },
];

#[rustfmt::skip]
const FETCH: &[Case] = &[
    Case { name: "1 MiB of 1 MB batches, 1 conn", record: 1000, batch: FULL, conns: 1, window: 2, begun: 0, fetch: PARTITION_BYTES },
    Case { name: "1 MiB of 1 MB batches, 64 conns", record: 1000, batch: FULL, conns: 64, window: 2, begun: 0, fetch: PARTITION_BYTES },
    Case { name: "1 MiB of 16 KB batches, 1 conn", record: 100, batch: 16_384, conns: 1, window: 2, begun: 0, fetch: PARTITION_BYTES },
    Case { name: "1 MiB of 16 KB batches, 64 conns", record: 100, batch: 16_384, conns: 64, window: 2, begun: 0, fetch: PARTITION_BYTES },
    Case { name: "64 KiB of 16 KB batches, 1 conn", record: 100, batch: 16_384, conns: 1, window: 2, begun: 0, fetch: 64 << 10 },
    Case { name: "64 KiB of 16 KB batches, 64 conns", record: 100, batch: 16_384, conns: 64, window: 2, begun: 0, fetch: 64 << 10 },
];

/// One run of a case.
struct Run {
    /// Seconds of processor time per GB.
    floor: f64,
    /// Of the floor by calls; of the same where nothing is stored.
    calling: f64,
    worker: f64,
    all: f64,
    /// MB/s, floor and broker.
    speed: [f64; 2],
    /// Page faults of the worker for each MB, those that it takes ahead of need included.
    faults: f64,
    /// System calls for each request, floor and broker.
    calls: [f64; 2],
}

fn batch_of(case: &Case) -> (Vec<u8>, usize) {
    // A record has some 7 bytes beside its value, a batch 61.
    let count = ((case.batch - 61) / (case.record + 10)).clamp(1, 10_000);
    (frames::batch(count, case.record), count)
}

fn columns(what: &str) {
    heading(what);
    println!(
        "{:<46} {:>7} {:>7} {:>13} {:>9} {:>7} {:>13} {:>12} {:>9} {:>9}",
        "processor seconds per GB",
        "floor",
        "worker",
        "ratio (med.)",
        "by calls",
        "all",
        "ratio (med.)",
        "MB/s",
        "faults/MB",
        "calls/req"
    );
}

/// The least of all runs, of each: who else was at work, and memory that the host had to find, only add to it. In brackets the
/// median of the ratios.
fn report(case: &Case, runs: &[Run]) {
    let least = |figure: fn(&Run) -> f64| Spread::of(runs.iter().map(figure).collect()).least;
    let most = |figure: fn(&Run) -> f64| Spread::of(runs.iter().map(figure).collect()).most;
    let ratio = |a: fn(&Run) -> f64, b: fn(&Run) -> f64| {
        let usual = median(runs, |run| a(run) / b(run));
        format!("{:.2} ({usual:.2})", least(a) / least(b))
    };
    println!(
        "{:<46} {:>7.3} {:>7.3} {:>13} {:>9.3} {:>7.3} {:>13} {:>5.0}/{:<6.0} {:>9.1} {:>4.1}/{:<4.1}",
        case.name,
        least(|run| run.floor),
        least(|run| run.worker),
        ratio(|run| run.worker, |run| run.floor),
        least(|run| run.calling),
        least(|run| run.all),
        ratio(|run| run.all, |run| run.calling),
        most(|run| run.speed[0]),
        most(|run| run.speed[1]),
        median(runs, |run| run.faults),
        median(runs, |run| run.calls[0]),
        median(runs, |run| run.calls[1]),
    );
}

/// What a load has cost a server.
struct Driven {
    cpu: Cpu,
    wall: f64,
    faults: u64,
    /// For each request; not a number where they cannot be counted.
    calls: f64,
}

/// Runs a load against a server, and then a part of it again to count system calls, which costs.
fn drive(server: &Server, load: &Load<'_>) -> Driven {
    let mut conns = load.connect();
    server.settle();
    let (before, faults) = (server.cpu(), server.faults());
    let wall = load.run(&mut conns);
    let (cpu, faults) = (server.cpu().since(before), server.faults() - faults);
    let counted = counted(load);
    let calls = server.syscalls().map_or(f64::NAN, |mut counter| {
        counted.run(&mut conns);
        counter.count() as f64 / counted.total() as f64
    });
    Driven { cpu, wall, faults, calls }
}

/// The part of a load for which system calls are counted.
fn counted<'a>(load: &Load<'a>) -> Load<'a> {
    Load { total: (load.total / 8).max(load.conns), ..*load }
}

/// Runs the floor on a load.
fn drive_floor(floor: Floor, load: &Load<'_>) -> Driven {
    let server = Server::start(floor.command()).pinned();
    drive(&server, &Load { address: server.address, ..*load })
}

/// Produces, in each size of record and batch.
pub fn produce() {
    columns("produce: acks=all, one partition, no compression, no idempotence");
    let data = Scratch::new("produce");
    let broker = Server::pinned_broker(data.path());
    let mut client = Client::connect(broker.address);
    for case in PRODUCE.iter().filter(|case| process::wanted(case.name)) {
        let runs: Vec<Run> =
            (0..process::runs()).map(|_| produce_run(case, &broker, &mut client)).collect();
        report(case, &runs);
    }
    broker.stop();
}

fn produce_run(case: &Case, broker: &Server, client: &mut Client) -> Run {
    const TOPIC: &str = "bench-produce";
    let (batch, records) = batch_of(case);
    let request = frames::produce(TOPIC, &batch);
    let requests = request.repeat((1usize << 20).div_ceil(request.len()));
    client.create(TOPIC);
    let load = Load {
        address: broker.address,
        requests: &requests,
        request: request.len(),
        answer: frames::check_produced(&client.call(&request)),
        conns: case.conns,
        window: case.window,
        total: LOG / request.len(),
    };
    let file = request.len() * (load.total() + 1);
    let [floor, calling] = [Kind::Sink, Kind::Calls].map(|kind| {
        process::warm(LOG + LOG / 2);
        drive_floor(Floor { kind, answer: load.answer, range: 0, file }, &load)
    });
    let begin = Load { total: case.begun / request.len(), ..load };
    begin.run(&mut begin.connect());
    process::warm(LOG + LOG / 2);
    let before = client.end_of(TOPIC);
    let driven = drive(broker, &load);
    let counted = if driven.calls.is_nan() { 0 } else { counted(&load).total() };
    let stored = (load.total() + counted) * records;
    assert_eq!(client.end_of(TOPIC) - before, stored as i64, "all is stored");
    client.delete(TOPIC);
    broker.settle();
    run_of(load.total() * request.len(), &floor, &calling, &driven)
}

fn run_of(bytes: usize, floor: &Driven, calling: &Driven, broker: &Driven) -> Run {
    let bytes = bytes as f64;
    Run {
        floor: floor.cpu.all as f64 / bytes,
        calling: calling.cpu.all as f64 / bytes,
        worker: broker.cpu.serving as f64 / bytes,
        all: broker.cpu.all as f64 / bytes,
        speed: [bytes / floor.wall / 1e6, bytes / broker.wall / 1e6],
        faults: broker.faults as f64 / bytes * 1e6,
        calls: [floor.calls, broker.calls],
    }
}

/// Fetches, in each size of batch and answer.
pub fn fetch() {
    columns("fetch: one partition, no session, the load discards");
    let data = Scratch::new("fetch");
    let broker = Server::pinned_broker(data.path());
    let mut client = Client::connect(broker.address);
    let mut logs: HashMap<usize, Log> = HashMap::new();
    for case in FETCH.iter().filter(|case| process::wanted(case.name)) {
        let log = logs.entry(case.batch);
        let log = log.or_insert_with(|| Log::filled(case, &broker, &mut client));
        let runs = (0..process::runs()).map(|_| fetch_run(case, log, &broker, &mut client));
        report(case, &runs.collect::<Vec<_>>());
    }
    broker.stop();
}

/// A log of equal batches.
struct Log {
    topic_id: Uuid,
    batches: usize,
    batch: usize,
    records: usize,
}

impl Log {
    fn filled(case: &Case, broker: &Server, client: &mut Client) -> Log {
        let topic = format!("bench-fetch-{}", case.batch);
        let (batch, records) = batch_of(case);
        let request = frames::produce(&topic, &batch);
        let topic_id = client.create(&topic);
        let load = Load {
            address: broker.address,
            requests: &request,
            request: request.len(),
            answer: frames::check_produced(&client.call(&request)),
            conns: 1,
            window: 4,
            total: LOG / batch.len(),
        };
        load.run(&mut load.connect());
        Log { topic_id, batches: load.total() + 1, batch: batch.len(), records }
    }
}

fn fetch_run(case: &Case, log: &Log, broker: &Server, client: &mut Client) -> Run {
    let each = (case.fetch as usize / log.batch).max(1);
    let fetch =
        |at: usize| frames::fetch(log.topic_id, (at * each * log.records) as i64, case.fetch, 500);
    let rounds = log.batches / each;
    let probe = client.call(&fetch(0));
    let last = client.call(&fetch(rounds - 1));
    let range = frames::check_fetched(&probe);
    assert_eq!((range, last.len()), (each * log.batch, probe.len()), "answers are all alike");
    let requests: Vec<u8> = (0..rounds).flat_map(fetch).collect();
    let load = Load {
        address: broker.address,
        request: requests.len() / rounds,
        requests: &requests,
        answer: probe.len() + 4,
        conns: case.conns,
        window: case.window,
        total: 3 * LOG / range,
    };
    let floor = Floor { kind: Kind::Source, answer: load.answer - range, range, file: LOG };
    // Its file is made in the same way as any, and is no part of fetching.
    let floor = drive_floor(floor, &load);
    run_of(load.total() * range, &floor, &floor, &drive(broker, &load))
}
