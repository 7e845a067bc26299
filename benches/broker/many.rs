//! A hundred thousand partitions on one broker: what they take when they are there, and when records go
//! to random ones of them, far more than may be open at once. `BENCH_PARTITIONS` is another number.

use super::counters;
use super::frames::{self, Client};
use super::process::{Scratch, Server};
use super::table::heading;
use std::fs;
use std::time::{Duration, Instant};

/// Partitions of a topic: Kafka takes up to 10,000 in a request.
const WIDTH: usize = 1_000;
const SENT: usize = 100_000;
/// The broker gives unused memory back when nothing has happened for a second.
const TRIM: Duration = Duration::from_millis(2_500);

/// Memory, address space, disk; then time by the record.
pub fn run() {
    let wanted = std::env::var("BENCH_PARTITIONS").ok().and_then(|n| n.parse().ok());
    let topics = wanted.unwrap_or(100_000_usize).div_ceil(WIDTH);
    heading(&format!("many: {} partitions", topics * WIDTH));
    let data = Scratch::new("many");
    let broker = Server::broker(data.path());
    let mut client = Client::connect(broker.address);
    client.greet();
    footprint(&broker, "with none");
    let began = Instant::now();
    for topic in 0..topics {
        client.create_wide(&name(topic), WIDTH as i32);
    }
    let each = began.elapsed().as_secs_f64() * 1e3 / (topics * WIDTH) as f64;
    println!("{:<40} {each:.3} ms of time by the partition", "CreateTopics");
    footprint(&broker, "with all");
    println!("{:<40} {:.1} KB", "disk by the partition", by_one(data.disk(), topics));
    produce(&mut client, topics);
    footprint(&broker, "after that");
    println!("{:<40} {:.1} KB", "disk by the partition", by_one(data.disk(), topics));
    let began = Instant::now();
    broker.stop();
    println!("{:<40} {:.1} s", "a clean stop", began.elapsed().as_secs_f64());
    let began = Instant::now();
    let broker = Server::broker(data.path());
    println!("{:<40} {:.3} s", "a start after it", began.elapsed().as_secs_f64());
    footprint(&broker, "then");
    broker.stop();
}

fn by_one(bytes: u64, topics: usize) -> f64 {
    bytes as f64 / 1024.0 / (topics * WIDTH) as f64
}

fn name(topic: usize) -> String {
    format!("topic-{topic}")
}

/// One record at a time, each to another partition at random.
fn produce(client: &mut Client, topics: usize) {
    let batch = frames::batch(1, 100);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut times: Vec<f64> = (0..SENT)
        .map(|_| {
            // xorshift64: which partition is all that it decides.
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let at = (seed % (topics * WIDTH) as u64) as usize;
            let request = frames::produce_to(&name(at / WIDTH), (at % WIDTH) as i32, &batch);
            let began = Instant::now();
            frames::check_produced(&client.call(&request));
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{:<40} p50 {:.3}, p99 {:.3}, p99.9 {:.3}, max {:.1} ms",
        format!("{SENT} records to random partitions"),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

/// What the process holds when all is quiet.
fn footprint(broker: &Server, when: &str) {
    std::thread::sleep(TRIM);
    let pid = broker.pid();
    let (resident, anonymous) = counters::resident(pid);
    let open = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    println!(
        "{:<40} {} MB, {} MB not of files, address space {} GB, {open} open files, {} mappings",
        format!("resident {when}"),
        resident >> 20,
        anonymous >> 20,
        counters::address_space(pid) >> 30,
        maps.lines().count()
    );
}
