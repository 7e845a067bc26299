//! What a request costs that carries next to nothing: processor time, system calls, requests/s.

use super::floor::{Floor, Kind};
use super::frames::{self, Client};
use super::load::Load;
use super::process::{self, Scratch, Server};
use super::table::{heading, median};

/// The shape of the load: connections, requests in flight for each, requests in all.
const SHAPES: &[(&str, usize, usize, usize)] = &[
    ("1 conn", 1, 1, 20_000),
    ("1 conn, 64 in flight", 1, 64, 200_000),
    ("64 conns", 64, 1, 60_000),
];

/// One run.
struct Run {
    micros: f64,
    calls: Option<f64>,
    rate: f64,
}

/// Small requests, beside a floor that answers as many bytes.
pub fn run() {
    heading("small requests: one serving thread, medians");
    println!(
        "{:<53} {:>8} {:>8} {:>6} {:>7} {:>7} {:>9} {:>9}",
        "", "floor us", "us", "ratio", "f.calls", "calls", "f.req/s", "req/s"
    );
    let data = Scratch::new("small");
    let broker = Server::pinned_broker(data.path());
    let mut client = Client::connect(broker.address);
    client.create("bench");
    let produce = frames::produce("bench", &frames::batch(1, 100));
    let stored = frames::check_produced(&client.call(&produce));
    let greeting = frames::api_versions();
    let greeted = client.call(&greeting).len() + 4;
    let requests = [
        ("ApiVersions", Kind::Echo, greeting, greeted),
        ("Produce of one record of 100 B", Kind::Sink, produce, stored),
    ];
    for (name, kind, request, answer) in requests {
        for (shape, conns, window, total) in SHAPES {
            let round = request.repeat(*window);
            let load = Load {
                address: broker.address,
                requests: &round,
                request: request.len(),
                answer,
                conns: *conns,
                window: *window,
                total: *total,
            };
            let file = request.len() * (total + total / 4 + 1);
            let floor = Floor { kind, answer, range: 0, file };
            let name = format!("{name}, {shape}");
            if process::wanted(&name) {
                compare(&name, &broker, floor, &load);
            }
        }
    }
    broker.stop();
}

fn compare(name: &str, broker: &Server, floor: Floor, load: &Load<'_>) {
    let (mut least, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..process::runs() {
        let server = Server::start(floor.command()).pinned();
        least.push(measure(&server, &Load { address: server.address, ..*load }));
        ours.push(measure(broker, load));
    }
    let ratios: Vec<f64> = ours.iter().zip(&least).map(|(a, b)| a.micros / b.micros).collect();
    let calls = |runs: &[Run]| {
        let counted = runs.iter().all(|run| run.calls.is_some());
        if counted {
            format!("{:.2}", median(runs, |run| run.calls.unwrap_or(0.0)))
        } else {
            "-".to_owned()
        }
    };
    println!(
        "{name:<53} {:>8.2} {:>8.2} {:>6.2} {:>7} {:>7} {:>9.0} {:>9.0}",
        median(&least, |run| run.micros),
        median(&ours, |run| run.micros),
        median(&ratios, |ratio| *ratio),
        calls(&least),
        calls(&ours),
        median(&least, |run| run.rate),
        median(&ours, |run| run.rate),
    );
}

/// Processor time first; system calls in a shorter run of their own, for counting costs.
fn measure(server: &Server, load: &Load<'_>) -> Run {
    let mut conns = load.connect();
    server.settle();
    let before = server.cpu();
    let wall = load.run(&mut conns);
    let cpu = server.cpu().since(before).serving as f64;
    let requests = load.total() as f64;
    let counted = Load { total: load.total / 5, ..*load };
    let calls = server.syscalls().map(|mut counter| {
        counted.run(&mut conns);
        counter.count() as f64 / counted.total() as f64
    });
    Run { micros: cpu / requests / 1e3, calls, rate: requests / wall }
}
