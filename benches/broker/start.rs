//! What a start costs with many partitions: after a clean stop, and after a kill.
//!
//! The data directory is made by the broker, its partitions then filled by the library: three
//! segments each, sealed, as a clean stop leaves them.

use super::counters;
use super::frames::Client;
use super::process::{Scratch, Server};
use super::ready;
use super::table::{Spread, heading};
use barnabas::config::TopicConfig;
use barnabas::log::{Keepers, Log, Recovery};
use barnabas::wire::records::BatchBuilder;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TOPICS: usize = 100;
const PARTITIONS: usize = 100;
const SEGMENTS: usize = 3;
const STARTS: usize = 9;
/// The broker gives unused memory back when nothing has happened for a second.
const TRIM: Duration = Duration::from_millis(2_500);

/// Times and memory.
pub fn run() {
    let count = TOPICS * PARTITIONS;
    heading(&format!("start: {count} partitions of {SEGMENTS} segments"));
    let data = Scratch::new("start");
    let few = {
        let broker = Server::broker(data.path());
        resident(&broker)
    };
    make(data.path());
    fill(data.path());
    let again = |what, signal| {
        let starts: Vec<_> = (0..STARTS).map(|_| ready::ended_by(data.path(), signal)).collect();
        line(&format!("first answer after {what}"), starts.iter().map(|start| start.0).collect());
        line("… processor time until then", starts.iter().map(|start| start.1).collect());
    };
    again("a clean stop", libc::SIGTERM);
    let broker = Server::broker(data.path());
    let many = resident(&broker);
    let each = many.saturating_sub(few) / count as u64;
    println!("{:<40} {each} B, {} KB in all", "memory per partition, unopened", many / 1024);
    touch(&broker);
    broker.stop();
    // The first one ends with a kill, those behind it begin after one.
    ready::ended_by(data.path(), libc::SIGKILL);
    again("a kill", libc::SIGKILL);
}

fn line(name: &str, figures: Vec<f64>) {
    let count = figures.len();
    let Spread { median, least, most } = Spread::of(figures);
    println!("{name:<40} median {median:>7.1} ms, min {least:.1}, max {most:.1} of {count}");
}

fn resident(broker: &Server) -> u64 {
    std::thread::sleep(TRIM);
    counters::resident(broker.pid()).1
}

fn name(topic: usize) -> String {
    format!("topic-{topic}")
}

/// The topics, by the broker.
fn make(data: &Path) {
    let broker = Server::broker(data);
    let mut client = Client::connect(broker.address);
    for topic in 0..TOPICS {
        client.create_wide(&name(topic), PARTITIONS as i32);
    }
    let began = Instant::now();
    broker.stop();
    let ms = began.elapsed().as_secs_f64() * 1e3;
    println!("{:<40} {ms:.1} ms", "a stop with all of them open");
}

/// Their segments, by the library.
fn fill(data: &Path) {
    let config = Arc::new(TopicConfig {
        segment_bytes: 200,
        segment_index_bytes: 1 << 10,
        ..Default::default()
    });
    let mut points = format!("0\n{}\n", TOPICS * PARTITIONS);
    for topic in 0..TOPICS {
        // Other ones for each topic: they hold files until they are done with them.
        let keepers = Keepers::spawn().expect("threads");
        for partition in 0..PARTITIONS {
            let dir = data.join(format!("{}-{partition}", name(topic)));
            let opened = Log::open(dir, config.clone(), Recovery::Clean, keepers.clone());
            let (log, _) = opened.expect("a log");
            for _ in 0..SEGMENTS {
                let mut batch = BatchBuilder::new();
                batch.append(1, None, Some(&[7; 100]), &[]);
                log.append_internal(&batch.finish(), 0).expect("appended");
            }
            log.seal().expect("sealed");
            writeln!(points, "{} {partition} {SEGMENTS}", name(topic)).expect("a string");
        }
        keepers.stop();
    }
    std::fs::write(data.join("recovery-point-offset-checkpoint"), points).expect("a file");
}

/// What the first request for a partition costs, and the ones after it.
fn touch(broker: &Server) {
    let mut client = Client::connect(broker.address);
    client.greet();
    let ask = |client: &mut Client, topic: usize| {
        let began = Instant::now();
        assert_eq!(client.end_of(&name(topic)), SEGMENTS as i64);
        began.elapsed().as_secs_f64() * 1e3
    };
    for what in ["ListOffsets that opens a partition", "the same again"] {
        let figures = (0..TOPICS).map(|topic| ask(&mut client, topic)).collect();
        line(what, figures);
    }
}
