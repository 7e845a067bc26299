//! Producers that bring more than the disk takes, for a minute: how long a turn of the worker lasts, with and
//! without producers being slowed down (`barnabas.unwritten.bytes`).
//!
//! A turn begins when the worker has been woken from waiting for its sockets and ends when it sleeps again: what it
//! does inside the two calls is part of it, because under io_uring that is where it sends and receives. A call that
//! has not slept ends a turn where it began. perf records the calls, and the moments at which the thread leaves
//! its processor meanwhile: because it has to wait in the kernel (a page, a lock, the disk), or because others
//! want it, which says nothing about the broker. A call of io_uring that submits a full queue and asks for nothing is
//! made in the middle of a turn and ends none.
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
/// The calls by which a worker waits: epoll_wait, epoll_pwait, io_uring_enter; the last one also submits.
const WAITS: &str = "id == 232 || id == 281 || id == 426";
/// The entries of a full queue (`net::uring::queue`), as perf writes them.
const FULL: &str = "100";

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
    perf.arg("--switch-events");
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
    away: Away,
}

/// Why a thread left its processor: it had to wait in the kernel; others had it.
#[derive(Clone, Copy, Default)]
struct Away {
    waited: bool,
    taken_off: bool,
}

/// What the worker is in the middle of.
#[derive(Default)]
struct Worker {
    turns: Vec<Turn>,
    /// The turn, and whether it has left the call in which it was woken.
    begun: Option<(u64, Away)>,
    is_out: bool,
    /// The call that waits, and what has happened in it.
    call: Option<(u64, Away)>,
}

impl Worker {
    fn enters(&mut self, at: u64) {
        self.call = Some((at, Away::default()));
    }

    fn exits(&mut self, at: u64) {
        // Of other calls only the end may be in the recording.
        let Some((entered, inside)) = self.call.take() else { return };
        if self.is_out {
            // It has not slept.
            self.ends(entered, Away::default());
            self.begun = Some((entered, inside));
        }
        self.begun.get_or_insert((at, Away::default()));
        self.is_out = true;
    }

    /// It leaves its processor; only inside of a call that waits nothing but its sockets can wake it.
    fn leaves(&mut self, at: u64, is_ready: bool, sleeps: bool) {
        match &mut self.call {
            Some((_, inside)) if sleeps => {
                let inside = std::mem::take(inside);
                self.ends(at, inside);
                (self.begun, self.is_out) = (None, false);
            }
            Some((_, away)) if self.is_out => away.note(is_ready),
            _ => {
                if let Some((_, away)) = &mut self.begun {
                    away.note(is_ready);
                }
            }
        }
    }

    fn returns(&mut self, at: u64) {
        self.begun.get_or_insert((at, Away::default()));
    }

    /// A turn that never came out of the call was none.
    fn ends(&mut self, at: u64, inside: Away) {
        let Some((since, away)) = self.begun.take().filter(|_| self.is_out) else { return };
        let waited = away.waited || inside.waited;
        let away = Away { waited, taken_off: away.taken_off || inside.taken_off };
        self.turns.push(Turn { nanos: at - since, away });
    }
}

impl Away {
    fn note(&mut self, is_ready: bool) {
        self.taken_off |= is_ready;
        self.waited |= !is_ready;
    }
}

fn turns(trace: &Path) -> Vec<Turn> {
    let mut perf = Command::new("perf");
    perf.args(["script", "--ns", "--show-switch-events", "-F", "time,event,trace", "-i"])
        .arg(trace);
    let output = perf.stderr(Stdio::null()).output().expect("perf script");
    let mut worker = Worker::default();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((at, event)) = parse(line) else { continue };
        if event.starts_with("raw_syscalls:sys_exit") {
            worker.exits(at);
        } else if event.starts_with("raw_syscalls:sys_enter") {
            if ends_turn(event) {
                worker.enters(at);
            }
        } else if event.starts_with("PERF_RECORD_SWITCH") {
            if event.contains(" IN") {
                worker.returns(at);
            }
        } else {
            let is = |state: &str| {
                event.contains(&format!("prev_state={state}"))
                    || event.contains(&format!(" {state} ==>"))
            };
            worker.leaves(at, is("R"), is("S"));
        }
    }
    worker.turns
}

/// Whether a call ends a turn; of io_uring's `NR 426 (ring, entries, completions that are waited for, ...)` in hex.
fn ends_turn(event: &str) -> bool {
    let Some((_, arguments)) = event.split_once("NR 426 (") else { return true };
    let mut arguments = arguments.split(", ").skip(1);
    (arguments.next(), arguments.next()) != (Some(FULL), Some("0"))
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
    let own: Vec<&Turn> = turns.iter().filter(|turn| !turn.away.taken_off).collect();
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
        own.iter().filter(is_long).filter(|turn| turn.away.waited).count(),
    );
}

/// Milliseconds that a share of the turns, in order, does not exceed.
fn at(turns: &[&Turn], share: f64) -> f64 {
    let place = (turns.len() as f64 * share) as usize;
    let turn = turns.get(place.min(turns.len().saturating_sub(1)));
    turn.map_or(0.0, |turn| turn.nanos as f64 / 1e6)
}
