//! What the broker takes when it does nothing: memory, disk, processor time; and how long a topic's
//! creation takes.

use super::counters;
use super::frames::{self, Client};
use super::load::Load;
use super::process::{Scratch, Server};
use super::table::{Spread, heading};
use barnabas::wire::uuid::Uuid;
use std::io::Write;
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 2_000;
const TOPICS: usize = 100;
const POLLS: usize = 100;
/// How long is watched that nothing happens.
const IDLE: Duration = Duration::from_secs(10);
/// The broker gives unused memory back when nothing has happened for a second.
const TRIM: Duration = Duration::from_millis(2_500);

/// Memory, disk, idleness.
pub fn run() {
    heading("footprint");
    let data = Scratch::new("footprint");
    let broker = Server::broker(data.path());
    let idle = memory(&broker, "resident when idle");
    let mut client = Client::connect(broker.address);
    client.greet();
    topics(&broker, &data, &mut client);
    let before = memory(&broker, &format!("resident with {TOPICS} topics"));
    let connect = |_| {
        let mut client = Client::connect(broker.address);
        client.greet();
        client
    };
    let clients: Vec<Client> = (0..CONNECTIONS).map(connect).collect();
    let after = memory(&broker, &format!("resident with {CONNECTIONS} idle connections"));
    println!(
        "{:<44} {} B",
        "per idle connection",
        after.saturating_sub(before) / CONNECTIONS as u64
    );
    drop(clients);
    load(&broker, &mut client);
    let loaded = memory(&broker, "resident after a load, its topic deleted");
    println!("{:<44} {} KB", "more than idle", loaded.saturating_sub(idle) / 1024);
    let topic = client.create("polled");
    polls(&broker, topic);
    broker.stop();
}

/// Prints resident memory when all is quiet; returns it.
fn memory(broker: &Server, what: &str) -> u64 {
    std::thread::sleep(TRIM);
    let (all, anonymous) = counters::resident(broker.pid());
    println!("{what:<44} {} KB, of these not of files {} KB", all / 1024, anonymous / 1024);
    all
}

fn topics(broker: &Server, data: &Scratch, client: &mut Client) {
    broker.settle();
    let disk = data.disk();
    let create = |i: usize| {
        let name = format!("topic-{i:03}");
        let began = Instant::now();
        client.create(&name);
        began.elapsed().as_secs_f64() * 1e3
    };
    let Spread { median, least, most } = Spread::of((0..TOPICS).map(create).collect());
    let what = format!("CreateTopics, one partition, {TOPICS} times");
    println!("{what:<44} median {median:.2} ms, min {least:.2}, max {most:.2}");
    broker.settle();
    let each = data.disk().saturating_sub(disk) / TOPICS as u64;
    println!("{:<44} {:.1} KB", "disk per topic, nothing stored yet", each as f64 / 1024.0);
}

/// Some produces and fetches, large and small.
fn load(broker: &Server, client: &mut Client) {
    let topic = client.create("loaded");
    let produce = frames::produce("loaded", &frames::batch(900, 1000));
    let answer = frames::check_produced(&client.call(&produce));
    let fetch = frames::fetch(topic, 0, frames::PARTITION_BYTES, 500);
    let fetched = client.call(&fetch).len() + 4;
    for (request, answer, total) in [(produce, answer, 256), (fetch, fetched, 1_024)] {
        let address = broker.address;
        let (requests, request) = (&request[..], request.len());
        let load = Load { address, requests, request, answer, conns: 64, window: 2, total };
        load.run(&mut load.connect());
    }
    client.delete("loaded");
}

/// What long polls cost that nobody wakes.
fn polls(broker: &Server, topic: Uuid) {
    let wait = (IDLE + TRIM + TRIM).as_millis() as i32;
    let park = |_| {
        let mut client = Client::connect(broker.address);
        client.0.write_all(&frames::fetch(topic, 0, 1 << 20, wait)).expect("sent");
        client
    };
    let parked: Vec<Client> = (0..POLLS).map(park).collect();
    std::thread::sleep(TRIM);
    let figures = || {
        let pid = broker.pid();
        let (user, system) = counters::ticks(pid);
        (user + system, broker.cpu().all, counters::switches(pid))
    };
    let before = figures();
    std::thread::sleep(IDLE);
    let after = figures();
    println!(
        "{:<44} {} ticks, {} us of processor time, {} switches in {} s",
        format!("{POLLS} parked long polls"),
        after.0 - before.0,
        (after.1 - before.1) / 1000,
        after.2 - before.2,
        IDLE.as_secs()
    );
    drop(parked);
}
