//! Producers that bring more than the disk takes, for a minute: how long a turn of the worker lasts, with and
//! without producers being slowed down (`barnabas.unwritten.bytes`).
//!
//! A turn begins when the worker comes back from waiting for its sockets and ends when it waits again; perf
//! records both calls, and the moments in between at which the thread leaves its processor: because it has to wait
//! in the kernel (a page, a lock, the disk), or because others want it, which says nothing about the broker.
//!
//! `BENCH_TRACE` names the recording, which is kept then; `BENCH_STACKS` records also where in the kernel it waited.
//!
//! Only where it is asked for: `TMPDIR` is on the disk that is to be outrun, `BENCH_SECONDS` a case, and at most 6 GB
//! of files at any time.

use super::frames::{self, Client};
use super::load::Load;
use super::process::{self, Scratch, Server};
use super::table::heading;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What keeps the files few.
const SETTINGS: &[&str] = &[
    "log.retention.bytes=4500000000",
    "log.segment.bytes=134217728",
    "log.retention.check.interval.ms=500",
    "log.initial.task.delay.ms=500",
    "log.segment.delete.delay.ms=0",
];
/// The calls by which a worker waits: epoll_wait, epoll_pwait, io_uring_enter.
const WAITS: &str = "id == 232 || id == 281 || id == 426";

pub fn run() {
    heading("outrun: 16 KB batches, 16 connections, as fast as they may");
    println!(
        "{:<20} {:>5} {:>8} {:>7} {:>7} {:>8} {:>8} {:>7} | {:>8} {:>8} {:>7} {:>7}",
        "a turn, ms",
        "MB/s",
        "turns",
        "p50",
        "p99",
        "p99.9",
        "max",
        "> 1 ms",
        "p99.9",
        "max",
        "> 1 ms",
        "waited"
    );
    let limits = std::env::var("BENCH_LIMITS").unwrap_or_else(|_| "-1 0".to_owned());
    for limit in limits.split_whitespace() {
        case(limit);
    }
}

fn seconds() -> u64 {
    std::env::var("BENCH_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
}

fn case(limit: &str) {
    let data = Scratch::new("outrun");
    let mut command = process::broker_command(data.path());
    command.args(["--port", "0", "--workers", "1"]);
    command.args(["--set", &format!("barnabas.unwritten.bytes={limit}")]);
    for setting in SETTINGS {
        command.args(["--set", setting]);
    }
    let broker = Server::start(command).pinned();
    let mut client = Client::connect(broker.address);
    client.create("bench-outrun");
    let request = frames::produce("bench-outrun", &frames::batch(16, 1000));
    let requests = request.repeat((1usize << 20).div_ceil(request.len()));
    let load = Load {
        address: broker.address,
        requests: &requests,
        request: request.len(),
        answer: frames::check_produced(&client.call(&request)),
        conns: 16,
        window: 16,
        total: (256 << 20) / request.len(),
    };
    let trace =
        std::env::var_os("BENCH_TRACE").unwrap_or_else(|| "/var/tmp/barnabas-outrun.perf".into());
    let recorder = record(broker.serving_thread(), Path::new(&trace));
    let (began, mut conns, mut bytes) = (Instant::now(), load.connect(), 0);
    while began.elapsed() < Duration::from_secs(seconds()) {
        load.run(&mut conns);
        bytes += load.total() * request.len();
    }
    let speed = bytes as f64 / began.elapsed().as_secs_f64() / 1e6;
    stop(recorder);
    report(limit, speed, turns(Path::new(&trace)));
    if std::env::var_os("BENCH_TRACE").is_none() {
        let _ = std::fs::remove_file(&trace);
    }
    broker.stop();
}

fn record(thread: u32, to: &Path) -> Child {
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-m", "4M", "-e", "raw_syscalls:sys_enter", "--filter", WAITS]);
    perf.args(["-e", "raw_syscalls:sys_exit", "--filter", WAITS, "-e", "sched:sched_switch"]);
    if std::env::var_os("BENCH_STACKS").is_some() {
        perf.arg("-g");
    }
    perf.args(["-t", &thread.to_string(), "-o"]).arg(to);
    perf.stdout(Stdio::null()).spawn().expect("perf records")
}

fn stop(mut recorder: Child) {
    // SAFETY: a plain system call; the child is not reaped, so the number is its own.
    unsafe { libc::kill(recorder.id() as i32, libc::SIGINT) };
    let _ = recorder.wait();
}

/// One turn.
struct Turn {
    nanos: u64,
    /// It had to wait in the kernel; others had its processor.
    waited: bool,
    taken_off: bool,
}

fn turns(trace: &Path) -> Vec<Turn> {
    let mut perf = Command::new("perf");
    perf.args(["script", "--ns", "-F", "time,event,trace", "-i"]).arg(trace);
    let output = perf.stderr(Stdio::null()).output().expect("perf script");
    let (mut turns, mut begun) = (Vec::new(), None);
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((at, event)) = parse(line) else { continue };
        if event.starts_with("raw_syscalls:sys_exit") {
            begun = Some((at, false, false));
        } else if event.starts_with("raw_syscalls:sys_enter") {
            if let Some((since, waited, taken_off)) = begun.take() {
                turns.push(Turn { nanos: at - since, waited, taken_off });
            }
        } else if let Some((_, waited, taken_off)) = &mut begun {
            let is_ready = event.contains("prev_state=R") || event.contains(" R ==>");
            *taken_off |= is_ready;
            *waited |= !is_ready;
        }
    }
    turns
}

/// The time in nanoseconds, and the event with what it says.
fn parse(line: &str) -> Option<(u64, &str)> {
    let (time, event) = line.trim().split_once(": ")?;
    let (seconds, nanos) = time.split_once('.')?;
    let at = seconds.parse::<u64>().ok()? * 1_000_000_000 + nanos.parse::<u64>().ok()?;
    Some((at, event.trim_start()))
}

/// All turns, and beside them those in which nobody else had the processor.
fn report(limit: &str, speed: f64, mut turns: Vec<Turn>) {
    turns.sort_by_key(|turn| turn.nanos);
    let own: Vec<&Turn> = turns.iter().filter(|turn| !turn.taken_off).collect();
    let all: Vec<&Turn> = turns.iter().collect();
    let is_long = |turn: &&&Turn| turn.nanos > 1_000_000;
    println!(
        "{:<20} {:>5.0} {:>8} {:>7.3} {:>7.3} {:>8.3} {:>8.3} {:>7} | {:>8.3} {:>8.3} {:>7} {:>7}",
        format!("unwritten.bytes={limit}"),
        speed,
        all.len(),
        at(&all, 0.5),
        at(&all, 0.99),
        at(&all, 0.999),
        at(&all, 1.0),
        all.iter().filter(is_long).count(),
        at(&own, 0.999),
        at(&own, 1.0),
        own.iter().filter(is_long).count(),
        own.iter().filter(is_long).filter(|turn| turn.waited).count(),
    );
}

/// Milliseconds that a share of the turns, in order, does not exceed.
fn at(turns: &[&Turn], share: f64) -> f64 {
    let place = (turns.len() as f64 * share) as usize;
    let turn = turns.get(place.min(turns.len().saturating_sub(1)));
    turn.map_or(0.0, |turn| turn.nanos as f64 / 1e6)
}
