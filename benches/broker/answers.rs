//! How long a producer of single records waits for its answer, beside an echo on the same driver.
//!
//! The load is open: a request is due at its time, whatever became of those before, and its latency counts
//! from there. Who sends looks at the clock all the time and never sleeps, on the processor that the server's
//! worker has not got.

use super::echo;
use super::frames::{self, Client};
use super::load::{self, Load};
use super::process::{self, LOAD_CPU, Scratch, Server};
use super::table::{heading, median};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const STEADY: f64 = 1_000.0;
const CONNECTIONS: [usize; 2] = [1, 64];
const TOPIC: &str = "answered";
/// Requests by which saturation is found.
const SATURATING: usize = 60_000;

/// Microseconds.
struct Latencies {
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

/// At a thousand requests a second and at half of saturation.
pub fn run() {
    heading("answers: Produce of one record of 100 B beside an echo, one worker, medians; us");
    println!(
        "{:<38} {:>32} {:>32} {:>6} {:>6}",
        "", "echo: p50, p99, p99.9, max", "broker", "p50", "p99.9"
    );
    let data = Scratch::new("answers");
    let broker = Server::pinned_broker(data.path());
    let mut client = Client::connect(broker.address);
    client.create(TOPIC);
    let request = frames::produce(TOPIC, &frames::batch(1, 100));
    let answer = frames::check_produced(&client.call(&request));
    let echo = Server::start(echo::command(answer)).pinned();
    for conns in CONNECTIONS {
        let (address, bytes) = (broker.address, request.len());
        let load = Load {
            address,
            requests: &request,
            request: bytes,
            answer,
            conns,
            window: 1,
            total: SATURATING,
        };
        let half = load.total() as f64 / load.run(&mut load.connect()) / 2.0;
        for (name, rate) in [("1,000 a second", STEADY), ("half of saturation", half)] {
            let name = format!("{conns} connections, {name} ({rate:.0})");
            if process::wanted(&name) {
                compare(&name, [&echo, &broker], &Shots { request: &request, answer, conns, rate });
            }
        }
    }
    broker.stop();
}

fn compare(name: &str, servers: [&Server; 2], shots: &Shots<'_>) {
    let (mut echoes, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..process::runs() {
        for (server, runs) in servers.iter().zip([&mut echoes, &mut answers]) {
            server.settle();
            runs.push(shots.fire(server.address));
        }
    }
    let line = |runs: &[Latencies]| {
        format!(
            "{:>8.0} {:>7.0} {:>7.0} {:>7.0}",
            median(runs, |run| run.p50),
            median(runs, |run| run.p99),
            median(runs, |run| run.p999),
            median(runs, |run| run.max)
        )
    };
    let ratio = |figure: fn(&Latencies) -> f64| median(&answers, figure) / median(&echoes, figure);
    println!(
        "{name:<38} {} {} {:>6.2} {:>6.2}",
        line(&echoes),
        line(&answers),
        ratio(|run| run.p50),
        ratio(|run| run.p999)
    );
}

/// Requests at a rate, over some connections in turn.
struct Shots<'a> {
    request: &'a [u8],
    /// Bytes of each answer.
    answer: usize,
    conns: usize,
    /// Requests a second.
    rate: f64,
}

/// A connection, and when the requests were due that it has not answered yet.
struct Conn {
    stream: TcpStream,
    due: VecDeque<Instant>,
    /// Bytes of an answer that is not whole yet.
    have: usize,
}

impl Shots<'_> {
    /// Sends for `BENCH_SECONDS` (10), and takes all answers.
    fn fire(&self, address: SocketAddr) -> Latencies {
        process::pin(0, LOAD_CPU);
        let seconds = std::env::var("BENCH_SECONDS").ok().and_then(|n| n.parse().ok());
        let total = (self.rate * seconds.unwrap_or(10.0)) as usize;
        let (mut poll, mut events) = (Poll::new().expect("poll"), Events::with_capacity(256));
        let connect = |at| Conn::new(address, poll.registry(), Token(at));
        let mut conns: Vec<Conn> = (0..self.conns).map(connect).collect();
        let (mut taken, mut window) = (Vec::with_capacity(total), vec![0; 64 << 10]);
        let (begin, mut sent) = (Instant::now(), 0);
        while taken.len() < total {
            let due = begin + Duration::from_secs_f64(sent as f64 / self.rate);
            if sent < total && Instant::now() >= due {
                conns[sent % self.conns].send(self.request, due);
                sent += 1;
            }
            poll.poll(&mut events, Some(Duration::ZERO)).expect("poll");
            for event in &events {
                conns[event.token().0].take(self.answer, &mut window, &mut taken);
            }
        }
        Latencies::of(taken)
    }
}

impl Conn {
    fn new(address: SocketAddr, registry: &Registry, token: Token) -> Conn {
        let mut stream = load::connect(address);
        registry.register(&mut stream, token, Interest::READABLE).expect("register");
        Conn { stream, due: VecDeque::new(), have: 0 }
    }

    fn send(&mut self, request: &[u8], due: Instant) {
        let sent = self.stream.write(request).expect("a server that takes what is sent");
        assert_eq!(sent, request.len(), "a request fits into the socket's buffer");
        self.due.push_back(due);
    }

    /// Notes the microseconds of what has been answered.
    fn take(&mut self, answer: usize, window: &mut [u8], taken: &mut Vec<f64>) {
        loop {
            match self.stream.read(window) {
                Ok(0) => panic!("the server has closed"),
                Ok(n) => self.have += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        let now = Instant::now();
        while self.have >= answer {
            self.have -= answer;
            let due = self.due.pop_front().expect("no answer without a request");
            taken.push((now - due).as_secs_f64() * 1e6);
        }
    }
}

impl Latencies {
    fn of(mut taken: Vec<f64>) -> Latencies {
        taken.sort_by(f64::total_cmp);
        let at = |part: f64| taken[((taken.len() - 1) as f64 * part) as usize];
        Latencies { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}
