//! What committed offsets cost: processor time by the commit, memory by the offset, a start with a
//! million of them. `BENCH_OFFSETS` is another number of thousands.

use super::counters;
use super::frames::{Client, body, frame};
use super::load::Load;
use super::process::{self, Scratch, Server};
use super::table::{heading, median};
use barnabas::wire::api::ApiKey;
use barnabas::wire::codec::Array;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use barnabas::wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};
use barnabas::wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse,
};
use std::path::Path;
use std::time::{Duration, Instant};

const COMMIT: i16 = 9;
const FETCH: i16 = 8;
/// Partitions of a topic, and topics: a group commits all of them.
const WIDTH: i32 = 100;
const TOPICS: i32 = 10;
/// The broker gives unused memory back when nothing has happened for a second.
const TRIM: Duration = Duration::from_millis(2_500);
/// Connections, commits in flight for each, commits in all.
const SHAPES: &[(&str, usize, usize, usize)] = &[
    ("1 conn", 1, 1, 20_000),
    ("1 conn, 64 in flight", 1, 64, 100_000),
    ("64 conns", 64, 1, 60_000),
];

/// Time, memory, starts.
pub fn run() {
    let data = Scratch::new("groups");
    commits(data.path());
    drop(data);
    let data = Scratch::new("offsets");
    let groups =
        std::env::var("BENCH_OFFSETS").ok().and_then(|n| n.parse().ok()).unwrap_or(1000_usize);
    million(data.path(), groups);
}

/// A broker that is ready to serve groups.
pub fn ready(broker: &Server) -> Client {
    let mut client = Client::connect(broker.address);
    client.greet();
    let keys = ["g"];
    let coordinator_keys = Array::from(&keys);
    let request = FindCoordinatorRequest { coordinator_keys, ..Default::default() };
    loop {
        let answer = client.call(&frame(ApiKey::FindCoordinator, 4, &request));
        let found: FindCoordinatorResponse<'_> = body(&answer, ApiKey::FindCoordinator, 4);
        let code = found.coordinators.iter().next().expect("a row").error_code;
        if code == ErrorCode::NONE && fetch(&mut client, "g").is_some() {
            return client;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A commit of so many partitions of so many topics.
fn commit(group: &str, topics: i32, partitions: i32) -> Vec<u8> {
    let partition = |partition_index| OffsetCommitRequestPartition {
        partition_index,
        committed_offset: 12_345,
        ..Default::default()
    };
    let partitions: Vec<_> = (0..partitions).map(partition).collect();
    let names: Vec<_> = (0..topics).map(name).collect();
    let topic = |name| OffsetCommitRequestTopic {
        name,
        partitions: Array::from(&partitions),
        ..Default::default()
    };
    let topics: Vec<_> = names.iter().map(|name| topic(name)).collect();
    let request =
        OffsetCommitRequest { group_id: group, topics: Array::from(&topics), ..Default::default() };
    frame(ApiKey::OffsetCommit, COMMIT, &request)
}

fn name(topic: i32) -> String {
    format!("some.topic-{topic}")
}

fn check(answer: &[u8]) -> usize {
    let response: OffsetCommitResponse<'_> = body(answer, ApiKey::OffsetCommit, COMMIT);
    let mut partitions = response.topics.iter().flat_map(|topic| topic.partitions.iter());
    assert!(partitions.all(|one| one.error_code == ErrorCode::NONE), "committed");
    answer.len() + 4
}

/// How many offsets a group has; none while it is loaded.
fn fetch(client: &mut Client, group: &str) -> Option<usize> {
    let groups = [OffsetFetchRequestGroup { group_id: group, topics: None, ..Default::default() }];
    let request = OffsetFetchRequest { groups: Array::from(&groups), ..Default::default() };
    let answer = client.call(&frame(ApiKey::OffsetFetch, FETCH, &request));
    let response: OffsetFetchResponse<'_> = body(&answer, ApiKey::OffsetFetch, FETCH);
    let group = response.groups.iter().next().expect("a row");
    let count = group.topics.iter().map(|topic| topic.partitions.len()).sum();
    (group.error_code == ErrorCode::NONE).then_some(count)
}

fn commits(data: &Path) {
    heading("commits: one worker, medians");
    println!("{:<40} {:>10} {:>12} {:>10}", "", "us", "us an offset", "commits/s");
    let broker = Server::pinned_broker(data);
    let mut client = ready(&broker);
    for topic in 0..TOPICS {
        client.create_wide(&name(topic), WIDTH);
    }
    for (what, partitions) in [("1 offset", 1), ("10 offsets", 10), ("100 offsets", 100)] {
        let request = commit("g", 1, partitions);
        let answer = check(&client.call(&request));
        for (shape, conns, window, total) in SHAPES {
            let total = total / if partitions == 100 { 10 } else { 1 };
            let round = request.repeat(*window);
            let (address, requests, request) = (broker.address, &*round, request.len());
            let (conns, window) = (*conns, *window);
            let load = Load { address, requests, request, answer, conns, window, total };
            let name = format!("{what}, {shape}");
            if process::wanted(&name) {
                let runs: Vec<_> = (0..process::runs()).map(|_| measure(&broker, &load)).collect();
                let micros = median(&runs, |run| run.0);
                let (each, rate) = (micros / f64::from(partitions), median(&runs, |run| run.1));
                println!("{name:<40} {micros:>10.2} {each:>12.3} {rate:>10.0}");
            }
        }
    }
    broker.stop();
}

/// Processor time of the worker by the commit, commits by the second.
fn measure(broker: &Server, load: &Load<'_>) -> (f64, f64) {
    let mut conns = load.connect();
    broker.settle();
    let before = broker.cpu();
    let wall = load.run(&mut conns);
    let cpu = broker.cpu().since(before).serving as f64;
    let commits = load.total() as f64;
    (cpu / commits / 1e3, commits / wall)
}

fn million(data: &Path, groups: usize) {
    let each = (WIDTH * TOPICS) as usize;
    heading(&format!("{} committed offsets: {groups} groups of {each}", groups * each));
    let broker = Server::broker(data);
    let mut client = ready(&broker);
    for topic in 0..TOPICS {
        client.create_wide(&name(topic), WIDTH);
    }
    let before = anonymous(&broker);
    let cpu = broker.cpu();
    let began = Instant::now();
    for group in 0..groups {
        check(&client.call(&commit(&format!("group-{group}"), TOPICS, WIDTH)));
    }
    let wall = began.elapsed().as_secs_f64();
    let cpu = broker.cpu().since(cpu).all as f64 / 1e9;
    let label = format!("commits of {each} offsets");
    println!("{label:<40} {wall:.2} s, {cpu:.2} s of processor time");
    let bytes = anonymous(&broker).saturating_sub(before) as f64 / (groups * each) as f64;
    println!("{:<40} {bytes:.0} B", "memory by the offset");
    drop(client);
    broker.stop();
    start("a start after a clean stop", data, groups, libc::SIGKILL);
    start("a start after a kill", data, groups, libc::SIGTERM);
}

fn anonymous(broker: &Server) -> u64 {
    std::thread::sleep(TRIM);
    counters::resident(broker.pid()).1
}

/// Until the last group's offsets are given; then the broker ends by this signal.
fn start(what: &str, data: &Path, groups: usize, signal: i32) {
    let began = Instant::now();
    let broker = Server::broker(data);
    let listens = began.elapsed().as_secs_f64() * 1e3;
    let mut client = ready(&broker);
    let last = format!("group-{}", groups - 1);
    while fetch(&mut client, &last).is_none() {}
    let serves = began.elapsed().as_secs_f64() * 1e3;
    let cpu = broker.cpu().all as f64 / 1e6;
    assert_eq!(fetch(&mut client, &last), Some((WIDTH * TOPICS) as usize));
    println!(
        "{what:<40} {listens:.0} ms until it listens, {serves:.0} ms until all offsets are there, {cpu:.0} ms of processor time"
    );
    let bytes = anonymous(&broker) / (groups * (WIDTH * TOPICS) as usize) as u64;
    println!("{:<40} {bytes} B by the offset, everything counted", "… memory then");
    // SAFETY: a plain system call; the child is not reaped, so the number is its own.
    unsafe { libc::kill(broker.pid() as i32, signal) };
    drop(broker);
}
