//! The processes that are measured, and what they run on.

use super::counters::{self, Cpu, Syscalls};
use super::frames::Client;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The processor of whoever serves, and that of the load and all other threads.
pub const SERVER_CPU: usize = 0;
pub const LOAD_CPU: usize = 1;

/// The broker's binary.
pub fn binary() -> PathBuf {
    let built = || env!("CARGO_BIN_EXE_barnabas").into();
    std::env::var_os("BARNABAS_BIN").map_or_else(built, PathBuf::from)
}

/// How sockets are driven, where `BENCH_IO` says so.
pub fn io() -> Option<String> {
    std::env::var("BENCH_IO").ok()
}

/// How many processors there are. Asked once, before anybody is pinned: a thread that is has one, and to its children
/// it would seem that there are no two to tell apart.
pub fn processors() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// How often each case is measured.
pub fn runs() -> usize {
    std::env::var("BENCH_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(3)
}

/// Whether a case was asked for: `BENCH_CASE` is part of its name.
pub fn wanted(case: &str) -> bool {
    std::env::var("BENCH_CASE").map_or(true, |part| case.contains(&part))
}

/// Pins a thread (0 is the calling one) to a processor, where there are two.
pub fn pin(thread: u32, cpu: usize) {
    if processors() < 2 {
        return;
    }
    // SAFETY: a zeroed set is the empty set; the call reads it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(thread as i32, size_of_val(&set), &set);
    }
}

/// A directory for a broker's data; it goes with its value.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        let name = format!("barnabas-bench-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a directory for data");
        Scratch(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Bytes on the disk.
    pub fn disk(&self) -> u64 {
        disk(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn disk(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(meta) = fs::symlink_metadata(path) else { return 0 };
    let own = meta.blocks() * 512;
    let Ok(entries) = fs::read_dir(path) else { return own };
    own + entries.filter_map(|entry| Some(disk(&entry.ok()?.path()))).sum::<u64>()
}

/// A process that serves: the broker or a floor.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    _out: BufReader<ChildStdout>,
}

impl Server {
    /// The broker on a data directory, as it comes, but for a free port.
    pub fn broker(data: &Path) -> Server {
        let mut command = broker_command(data);
        command.args(["--port", "0"]);
        Server::start(command)
    }

    /// The broker with one worker, alone on its processor.
    pub fn pinned_broker(data: &Path) -> Server {
        let mut command = broker_command(data);
        command.args(["--port", "0", "--workers", "1"]);
        let broker = Server::start(command);
        // Threads have their names when they serve.
        Client::connect(broker.address).greet();
        broker.pinned()
    }

    /// Starts a process and waits for its line, whose last word ends in its address.
    pub fn start(mut command: Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the process starts");
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let address = line.split_whitespace().find_map(|word| {
            let word = word.trim_end_matches(',');
            word.rsplit("//").next()?.parse().ok()
        });
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        Server { child, address, _out: out }
    }

    /// Gives the thread that serves a processor, and the other one to all others.
    pub fn pinned(self) -> Server {
        for thread in counters::threads(self.pid()) {
            let serves = thread.id == self.serving_thread();
            pin(thread.id, if serves { SERVER_CPU } else { LOAD_CPU });
        }
        self
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn cpu(&self) -> Cpu {
        Cpu::of(self.pid())
    }

    /// Counts the system calls of the thread that serves.
    pub fn syscalls(&self) -> Option<Syscalls> {
        Syscalls::of(self.serving_thread())
    }

    /// Page faults of the thread that serves.
    pub fn faults(&self) -> u64 {
        counters::faults(self.pid(), self.serving_thread())
    }

    /// The number of the thread that serves.
    pub fn serving_thread(&self) -> u32 {
        let threads = counters::threads(self.pid());
        let worker = threads.iter().find(|thread| thread.name.starts_with("worker"));
        worker.map_or(self.pid(), |thread| thread.id)
    }

    /// Waits until it has had nothing to do for a moment.
    pub fn settle(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        let mut before = self.cpu().all;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
            let now = self.cpu().all;
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// Asks it to end, and waits.
    pub fn stop(mut self) {
        // SAFETY: a plain system call; the child is not reaped, so the number is its own.
        unsafe { libc::kill(self.pid() as i32, libc::SIGTERM) };
        self.child.wait().expect("it ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The broker's command line, but for its port.
pub fn broker_command(data: &Path) -> Command {
    broker_command_with_http(data, 0)
}

/// The same, and HTTP is served.
pub fn broker_command_with_http(data: &Path, port: u16) -> Command {
    let mut command = Command::new(binary());
    // The broker would take it for a setting that it does not know.
    command.env_remove("BARNABAS_BIN");
    if let Some(io) = io() {
        command.args(["--io", &io]);
    }
    command
        .args(["--http-port", &port.to_string()])
        // Their records are of the past.
        .args(["--set", "log.retention.ms=-1"])
        .args(["--host", "127.0.0.1", "--log-level", "warn", "--data-dir"])
        .arg(data);
    command
}

/// Makes a file's pages and gives them back, so that a virtual machine's host has memory at hand for the pages that are made
/// next: otherwise the first touch of one costs up to 30 times as much, whoever touches it. Anonymous memory would not do: it
/// comes and goes in larger pieces, and whoever needs small ones gets others.
pub fn warm(bytes: usize) {
    drop(super::floor::Store::new(bytes, true));
}
