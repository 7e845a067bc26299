//! What the net room costs, beside the least that the same bytes cost.
//!
//! `floor` is a bare loop of a few lines that does the same system calls with nothing around
//! them; `net` is a service on our worker. Both run on processor 0 with the same client on
//! processor 1, in turns, and the medians are printed: seconds of processor time of the serving
//! thread per GB, microseconds and system calls per request. Throughput on a shared machine says
//! little and is given for orientation only. On loopback the sender pays for the receiver's TCP.
//!
//! `cargo bench --bench net [-- filter]`; `-- ways` compares ways to send a range of a file (`net/ways.rs`),
//! `-- accept` who accepts connections (`net/accept.rs`).

use barnabas::net::{
    self, ConnId, Context, FileRange, Flow, Framing, Options, Part, Peer, Region, Service, Slot,
    Stats,
};
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

#[path = "net/accept.rs"]
mod accept;
#[path = "net/floor.rs"]
mod floor;
#[path = "net/load.rs"]
mod load;
#[cfg(target_os = "linux")]
#[path = "net/ways.rs"]
mod ways;

const RUNS: usize = 3;
const FILE: usize = 256 << 20;
const HEADER: usize = 64;

/// What is measured.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    kind: Kind,
    /// Bytes of a produced frame's body or of a fetched range.
    size: usize,
    conns: usize,
    window: usize,
    requests: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Frames in, crc32c, 8 bytes out.
    Sink { crc: bool },
    /// 12 bytes in, a header and a range of a file out.
    Source,
}

const SINK: Kind = Kind::Sink { crc: true };
const ECHO: Kind = Kind::Sink { crc: false };

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { name: "sink 16 KiB, 1 connection", kind: SINK, size: 16 << 10, conns: 1, window: 64, requests: 32_768 },
    Case { name: "sink 16 KiB, 64 connections", kind: SINK, size: 16 << 10, conns: 64, window: 64, requests: 32_768 },
    Case { name: "sink 1 MiB, 1 connection", kind: SINK, size: 1 << 20, conns: 1, window: 4, requests: 1_024 },
    Case { name: "sink 1 KiB, 64 connections", kind: SINK, size: 1 << 10, conns: 64, window: 64, requests: 200_000 },
    Case { name: "source 64 KiB, 1 connection", kind: Kind::Source, size: 64 << 10, conns: 1, window: 2, requests: 16_384 },
    Case { name: "source 1 MiB, 1 connection", kind: Kind::Source, size: 1 << 20, conns: 1, window: 2, requests: 1_024 },
    Case { name: "source 16 KiB, 1 connection", kind: Kind::Source, size: 16 << 10, conns: 1, window: 2, requests: 32_768 },
    Case { name: "echo 128 B, 1 connection", kind: ECHO, size: 128, conns: 1, window: 1, requests: 50_000 },
    Case { name: "echo 128 B, 64 connections", kind: ECHO, size: 128, conns: 64, window: 1, requests: 200_000 },
];

fn main() {
    let filters: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let congestion = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
    println!("congestion control: {}", congestion.unwrap_or_default().trim());
    if filters.iter().any(|filter| filter == "accept") {
        return accept::run();
    }
    #[cfg(target_os = "linux")]
    if filters.iter().any(|filter| filter == "ways") {
        return ways::run(&bench_file());
    }
    println!(
        "{:<28} {:>6} {:>9} {:>9} {:>8} {:>9} {:>6}",
        "case", "", "s/GB", "us/req", "calls", "req/s", "ratio"
    );
    let file = bench_file();
    for case in CASES {
        if filters.iter().any(|filter| !case.name.contains(filter.as_str())) {
            continue;
        }
        let mut results = [Vec::new(), Vec::new()];
        for _ in 0..RUNS {
            results[0].push(run(*case, &file, floor::start));
            results[1].push(run(*case, &file, ours));
        }
        report(case, results.map(median));
    }
}

/// One run's figures.
#[derive(Clone, Copy)]
struct Figures {
    cpu: f64,
    wall: f64,
    calls: u64,
}

fn median(mut runs: Vec<Figures>) -> Figures {
    runs.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    runs[runs.len() / 2]
}

fn report(case: &Case, [floor, ours]: [Figures; 2]) {
    let bytes = (case.requests * case.size) as f64;
    for (who, figures) in [("floor", floor), ("net", ours)] {
        let requests = case.requests as f64;
        println!(
            "{:<28} {who:>6} {:>9.4} {:>9.2} {:>8.3} {:>9.0} {:>6.2}",
            case.name,
            figures.cpu / bytes * 1e9,
            figures.cpu / requests * 1e6,
            figures.calls as f64 / requests,
            requests / figures.wall,
            figures.cpu / floor.cpu,
        );
    }
}

/// A server that was started: where it is, and how to end it and learn its cost.
struct Started {
    address: SocketAddr,
    end: Box<dyn FnOnce() -> (f64, u64)>,
}

fn run(case: Case, file: &Arc<Mapped>, start: fn(Case, Arc<Mapped>) -> Started) -> Figures {
    let started = start(case, file.clone());
    let streams: Vec<TcpStream> =
        (0..case.conns).map(|_| TcpStream::connect(started.address).expect("connect")).collect();
    let load = std::thread::spawn(move || {
        pin(1);
        let begin = Instant::now();
        load::run(case, &streams);
        (begin.elapsed().as_secs_f64(), streams)
    });
    let (wall, streams) = load.join().expect("the load");
    drop(streams);
    let (cpu, calls) = (started.end)();
    Figures { cpu, wall, calls }
}

// ---- our worker ----

struct Bench {
    case: Case,
    file: Arc<Mapped>,
    at: usize,
    began: f64,
}

/// Asks for the thread's processor time.
type Ask = mpsc::Sender<f64>;

impl Service for Bench {
    type Session = ();
    type Message = Ask;

    fn open(&mut self, _: &mut Context<'_>, _: ConnId, _: &Peer) {}

    fn framing(&self, (): &(), input: &[u8]) -> Framing {
        let Some(prefix) = input.first_chunk::<4>() else { return Framing::Incomplete { need: 4 } };
        match 4 + u32::from_le_bytes(*prefix) as usize {
            size if size <= input.len() => Framing::Whole(size),
            need => Framing::Incomplete { need },
        }
    }

    fn request(&mut self, cx: &mut Context<'_>, (): &mut (), slot: Slot, frame: &[u8]) -> Flow {
        match self.case.kind {
            Kind::Sink { crc } => {
                let sum = if crc { crc32c::crc32c(&frame[4..]) } else { 0 };
                cx.reply(slot, &[Part::Bytes(&u64::from(sum).to_le_bytes())]);
            }
            Kind::Source => {
                let start = next_start(&mut self.at, self.case.size) as u64;
                let range =
                    FileRange { region: self.file.clone(), start, len: self.case.size as u32 };
                cx.reply(slot, &[Part::Bytes(&[0; HEADER]), Part::File(range)]);
            }
        }
        Flow::Next
    }

    fn message(&mut self, _: &mut Context<'_>, ask: Ask) {
        ask.send(thread_cpu() - self.began).expect("the asker waits");
    }

    fn timer(&mut self, _: &mut Context<'_>, _: u64) {}
    fn end_of_turn(&mut self, _: &mut Context<'_>) {}
    fn drain(&mut self, _: &mut Context<'_>) {}
    fn closed(&mut self, _: &mut Context<'_>, _: ConnId, (): ()) {}
}

fn ours(case: Case, file: Arc<Mapped>) -> Started {
    let listeners = vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()];
    let bound = net::bind(&Options { listeners, ..Options::default() }).expect("bind");
    let (address, sender, stats) =
        (bound.addresses()[0], bound.senders().remove(0), bound.stats().remove(0));
    let service = move |_| {
        pin(0);
        Bench { case, file: file.clone(), at: 0, began: thread_cpu() }
    };
    let running = bound.start(service).expect("start");
    let end = Box::new(move || {
        let (ask, answer) = mpsc::channel();
        sender.send(ask).expect("the worker runs");
        let cpu = answer.recv().expect("the worker answers");
        let count = |stats: &Stats| stats.turns.get() + stats.receives.get() + stats.sends.get();
        let calls = count(&stats);
        running.stop(Instant::now() + Duration::from_secs(5));
        (cpu, calls)
    });
    Started { address, end }
}

// ---- the file and the clock ----

struct Mapped {
    file: Arc<File>,
    map: memmap2::Mmap,
}

impl Region for Mapped {
    fn file(&self) -> Option<Arc<dyn AsFd>> {
        Some(self.file.clone())
    }

    fn bytes(&self, start: u64, len: u32) -> Option<&[u8]> {
        self.map.get(start as usize..start as usize + len as usize)
    }
}

fn bench_file() -> Arc<Mapped> {
    let path = std::env::temp_dir().join(format!("barnabas-bench-net-{}", std::process::id()));
    let mut options = File::options();
    let mut file = options.read(true).write(true).create_new(true).open(&path).expect("create");
    std::fs::remove_file(&path).expect("remove");
    let piece: Vec<u8> = (0..1 << 20).map(|i| (i * 31 + i / 251) as u8).collect();
    (0..FILE / piece.len()).for_each(|_| file.write_all(&piece).expect("write"));
    // SAFETY: the file has no name, so nobody else changes it.
    let map = unsafe { memmap2::Mmap::map(&file).expect("map") };
    Arc::new(Mapped { file: Arc::new(file), map })
}

fn next_start(at: &mut usize, size: usize) -> usize {
    if *at + size > FILE {
        *at = 0;
    }
    *at += size;
    *at - size
}

/// Processor seconds of the calling thread.
fn thread_cpu() -> f64 {
    // SAFETY: an all-zero rusage is valid and the call fills it in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &mut usage), 0);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Pins the calling thread to a processor, where there is one of that number.
fn pin(cpu: usize) {
    // SAFETY: a zeroed set is the empty set; the call reads it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of_val(&set), &set);
    }
}
