//! From the start of the process to its first answer to ApiVersions.

use super::counters::Cpu;
use super::frames::{self, Client};
use super::process::{Scratch, Server, broker_command};
use super::table::{Spread, heading};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const STARTS: usize = 25;
const TOPICS: usize = 100;

/// Starts with nothing and with many topics, beside a program that does nothing.
pub fn run() {
    heading("ready: process start to first ApiVersions answer, ms");
    line("true(1), started and reaped", (0..STARTS).map(|_| nothing()).collect());
    let empty = |_| {
        let data = Scratch::new("ready");
        start(data.path())
    };
    line("empty data directory", (0..STARTS).map(empty).collect());
    let again = Scratch::new("again");
    start(again.path());
    line("data directory of an earlier start", (0..STARTS).map(|_| start(again.path())).collect());
    let data = Scratch::new("topics");
    let broker = Server::broker(data.path());
    let mut client = Client::connect(broker.address);
    for i in 0..TOPICS {
        client.create(&format!("topic-{i}"));
    }
    broker.stop();
    let name = format!("data directory with {TOPICS} topics");
    line(&name, (0..STARTS).map(|_| start(data.path())).collect());
}

fn line(name: &str, figures: Vec<f64>) {
    let count = figures.len();
    let Spread { median, least, most } = Spread::of(figures);
    println!("{name:<40} median {median:>6.2}, min {least:.2}, max {most:.2} of {count}");
}

fn nothing() -> f64 {
    let began = Instant::now();
    Command::new("true").status().expect("true(1)");
    began.elapsed().as_secs_f64() * 1e3
}

/// One start, and a stop that is not measured; milliseconds.
fn start(data: &Path) -> f64 {
    ended_by(data, libc::SIGTERM).0
}

/// One start, and an end that is not measured; milliseconds, and those of processor time.
pub fn ended_by(data: &Path, signal: i32) -> (f64, f64) {
    let address = free_address();
    let mut command = broker_command(data);
    command.args(["--port", &address.port().to_string()]).stdout(Stdio::null());
    let greeting = frames::api_versions();
    let began = Instant::now();
    let mut child = command.spawn().expect("the broker starts");
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(_) => std::thread::sleep(Duration::from_micros(20)),
        }
        let ended = child.try_wait().expect("a child");
        assert!(ended.is_none(), "the broker has ended: {ended:?}");
    };
    stream.write_all(&greeting).expect("sent");
    stream.read_exact(&mut [0; 4]).expect("an answer");
    let took = began.elapsed().as_secs_f64() * 1e3;
    let cpu = Cpu::of(child.id()).all as f64 / 1e6;
    // SAFETY: a plain system call; the child is not reaped, so the number is its own.
    unsafe { libc::kill(child.id() as i32, signal) };
    child.wait().expect("it ends");
    (took, cpu)
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    listener.local_addr().expect("bound")
}
