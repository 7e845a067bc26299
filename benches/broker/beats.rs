//! What heartbeats cost: a thousand groups of ten members, at the pace that clients have by default. Each member
//! on a connection of its own, which is what clients do, evenly spread or those of a group at once, as they begin
//! when all have synced; and several members on one connection, which no client does, but which shows what
//! waking up costs: heartbeats that come in one packet wake a broker once. `BENCH_GROUPS` is another number of
//! groups.
//!
//! The echo beside it gets as many bytes in the same way: what it takes is what the kernel takes.

use super::counters;
use super::floor::{Floor, Kind};
use super::frames::Client;
use super::groups::ready;
use super::load::Load;
use super::members::{Member, TOPIC, settle_classic, settle_modern};
use super::process::{self, Scratch, Server};
use super::table::{heading, median};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const SIZE: usize = 10;
const WIDTH: usize = 12;
/// What Kafka's consumers do by default.
const CLASSIC_PACE: Duration = Duration::from_secs(3);
const MODERN_PACE: Duration = Duration::from_secs(5);
/// Members that share a connection, where all of them have a hundred.
const MANY: usize = 100;
/// Paces of one run.
const ROUNDS: usize = 2;

/// Who shares a connection, and whose heartbeats come at once.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    share: usize,
    together: usize,
}

const SHAPES: &[Shape] = &[
    Shape { name: "", share: 1, together: 1 },
    Shape { name: ", a group at once", share: 1, together: SIZE },
    Shape { name: ", 100 connections", share: MANY, together: 1 },
    Shape { name: ", 100 connections, a group at once", share: MANY, together: SIZE },
    Shape { name: ", 100 connections, 10 groups at once", share: MANY, together: MANY },
];

/// What a run came to.
struct Run {
    /// Microseconds of the process's time by the heartbeat.
    each: f64,
    /// Percent of a core.
    core: f64,
    /// Ticks of the clock that found it in its own code, and in the kernel's.
    ticks: (u64, u64),
}

/// Heartbeats of so many groups, in both protocols.
pub fn run(data: &Scratch, groups: usize) {
    heading(&format!("heartbeats of {groups} groups of {SIZE}: one worker, medians"));
    println!(
        "{:<56} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "", "beats/s", "echo us", "us", "ratio", "echo %", "core %", "user %"
    );
    let broker = Server::pinned_broker(data.path());
    let mut client = ready(&broker);
    client.create_wide(TOPIC, WIDTH as i32);
    for (name, pace) in [("classic", CLASSIC_PACE), ("consumer protocol", MODERN_PACE)] {
        if process::wanted(name) {
            protocol(&broker, groups, (name, pace));
        }
    }
    broker.stop();
}

fn protocol(broker: &Server, groups: usize, (name, pace): (&str, Duration)) {
    let is_classic = pace == CLASSIC_PACE;
    let one = |at: usize| {
        let mut member = Member::new(broker.address, &format!("{name}-{:05}", at / SIZE));
        if !is_classic {
            member.id = format!("{name}-member-{at:06}");
        }
        member
    };
    let mut members: Vec<Member> = (0..groups * SIZE).map(one).collect();
    match is_classic {
        true => settle_classic(&mut members),
        false => drop(settle_modern(&mut members, SIZE, WIDTH)),
    }
    let beat = |member: &Member| match is_classic {
        true => member.classic_beat(),
        false => member.modern_beat(false),
    };
    let frames: Vec<Vec<u8>> = members.iter().map(beat).collect();
    let answer = members.first_mut().map_or(0, |member| member.client.call(&frames[0]).len() + 4);
    for shape in SHAPES {
        let (least, ours) = beside(broker, &mut members, &frames, (answer, pace, *shape));
        let ratios: Vec<f64> = ours.iter().zip(&least).map(|(a, b)| a.each / b.each).collect();
        println!(
            "{:<56} {:>7.0} {:>7.2} {:>7.2} {:>7.2} {:>7.2} {:>7.2} {:>7.0}",
            format!("{name}, every {} s{}", pace.as_secs(), shape.name),
            frames.len() as f64 / pace.as_secs_f64(),
            median(&least, |run| run.each),
            median(&ours, |run| run.each),
            median(&ratios, |ratio| *ratio),
            median(&least, |run| run.core),
            median(&ours, |run| run.core),
            user_share(&ours),
        );
    }
    let each = in_a_row(broker, &frames, answer);
    let core = each * frames.len() as f64 / pace.as_secs_f64() / 1e4;
    println!("{:<56} {each:>23.2} {:>23.2}", format!("{name}, 64 in a row"), core);
}

/// Percent of all ticks that found it in its own code.
fn user_share(runs: &[Run]) -> f64 {
    let sum = |of: fn(&Run) -> u64| runs.iter().map(of).sum::<u64>() as f64;
    let (user, system) = (sum(|run| run.ticks.0), sum(|run| run.ticks.1));
    user / (user + system) * 100.0
}

/// The echo and the broker in turns: see [`paced`].
fn beside(
    broker: &Server,
    members: &mut [Member],
    frames: &[Vec<u8>],
    (answer, pace, shape): (usize, Duration, Shape),
) -> (Vec<Run>, Vec<Run>) {
    let floor = Floor { kind: Kind::Echo, answer, range: 0, file: 0 };
    let (mut least, mut ours) = (Vec::new(), Vec::new());
    let connect = |address: SocketAddr, count: usize| -> Vec<Client> {
        (0..count / shape.share).map(|_| Client::connect(address)).collect()
    };
    for _ in 0..process::runs() {
        let echo = Server::start(floor.command()).pinned();
        // A process has a limit of open files: half as many, twice as often.
        let half = frames.len() / 2;
        let mut idle = connect(echo.address, half);
        let idle = idle.iter_mut().collect();
        least.push(paced(&echo, idle, &frames[..half], (pace / 2, shape)));
        let mut shared = match shape.share {
            1 => Vec::new(),
            _ => connect(broker.address, frames.len()),
        };
        let clients = match shape.share {
            1 => members.iter_mut().map(|member| &mut member.client).collect(),
            _ => shared.iter_mut().collect(),
        };
        ours.push(paced(broker, clients, frames, (pace, shape)));
    }
    (least, ours)
}

/// Microseconds of the worker's time by the heartbeat when they come 64 at a time, so that nobody wakes up for
/// a single one: what is left is what a heartbeat itself costs.
fn in_a_row(broker: &Server, frames: &[Vec<u8>], answer: usize) -> f64 {
    let (requests, request) = (frames.concat(), frames[0].len());
    let load = Load {
        address: broker.address,
        requests: &requests,
        request,
        answer,
        conns: 1,
        window: 64,
        total: 100_000,
    };
    let mut conns = load.connect();
    let run = |_| {
        let before = broker.cpu();
        load.run(&mut conns);
        broker.cpu().since(before).serving as f64 / load.total() as f64 / 1e3
    };
    median(&(0..process::runs()).map(run).collect::<Vec<_>>(), |micros| *micros)
}

/// Some paces of heartbeats, evenly spread but for those that come at once; on one connection those are one
/// write.
fn paced(
    server: &Server,
    mut clients: Vec<&mut Client>,
    frames: &[Vec<u8>],
    (pace, Shape { share, together, .. }): (Duration, Shape),
) -> Run {
    process::pin(0, process::LOAD_CPU);
    server.settle();
    let (before, ticks) = (server.cpu(), counters::ticks(server.pid()));
    let began = Instant::now();
    let count = frames.len() * ROUNDS;
    let write = share.min(together);
    for at in (0..count).step_by(write) {
        let due = began + pace * ROUNDS as u32 * (at - at % together) as u32 / count as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let member = at % frames.len();
        let client = &mut clients[member / share];
        if at >= frames.len() {
            (0..write).for_each(|_| drop(client.receive()));
        }
        client.send(&frames[member..member + write].concat());
    }
    for client in &mut clients {
        (0..share).for_each(|_| drop(client.receive()));
    }
    let wall = began.elapsed().as_nanos() as f64;
    let cpu = server.cpu().since(before).all as f64;
    let now = counters::ticks(server.pid());
    let ticks = (now.0 - ticks.0, now.1 - ticks.1);
    Run { each: cpu / count as f64 / 1e3, core: cpu / wall * 100.0, ticks }
}
