//! Who accepts connections: one thread that gives them to the workers in turn, as we do, or the workers themselves,
//! each with a listener of its own on the same port (`SO_REUSEPORT`), among which the kernel chooses.
//!
//! Two things count: what a connection costs all threads of the server, and how evenly the connections lie, for who
//! has most of them is who saturates first. The kernel chooses by a hash, so they lie as dice fall.

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};

const WORKERS: usize = 2;
const ROUNDS: usize = 200;
/// Connections of a round, which are there together.
const TOGETHER: [usize; 3] = [4, 16, 64];
const LISTENER: Token = Token(usize::MAX);
const GIVEN: Token = Token(usize::MAX - 1);

/// Both ways in turns, for each number of connections.
pub fn run() {
    println!(
        "{:<34} {:>6} {:>14} {:>22}",
        "way", "conns", "us/connection", "most of one worker, %"
    );
    let ways = [("an acceptor", acceptor()), ("SO_REUSEPORT", listeners())];
    for conns in TOGETHER {
        for (name, address) in ways {
            let before = server_ns();
            let most: usize = (0..ROUNDS).map(|_| round(address, conns)).sum();
            let micros = (server_ns() - before) as f64 / (ROUNDS * conns) as f64 / 1e3;
            let share = 100.0 * most as f64 / (ROUNDS * conns) as f64;
            println!("{name:<34} {conns:>6} {micros:>14.1} {share:>22.1}");
        }
    }
}

/// Connects so often, and says how many connections the worker has that has most of them.
fn round(address: SocketAddr, conns: usize) -> usize {
    let connect = |_| {
        let mut stream = std::net::TcpStream::connect(address).expect("connect");
        let mut worker = [0];
        stream.read_exact(&mut worker).expect("who serves says so");
        (worker[0], stream)
    };
    let all: Vec<(u8, std::net::TcpStream)> = (0..conns).map(connect).collect();
    let of =
        |worker: usize| all.iter().filter(|(number, _)| usize::from(*number) == worker).count();
    (0..WORKERS).map(of).max().expect("there are workers")
}

fn listener() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
    socket.set_reuse_port(true).expect("SO_REUSEPORT");
    socket.set_nonblocking(true).expect("nonblocking");
    socket
}

fn bound(address: SocketAddr) -> TcpListener {
    let socket = listener();
    socket.bind(&address.into()).expect("bind");
    socket.listen(1024).expect("listen");
    TcpListener::from_std(socket.into())
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// One thread accepts, and gives the connections to the workers in turn.
fn acceptor() -> SocketAddr {
    let listener = bound(any());
    let address = listener.local_addr().expect("bound");
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let worker = Worker::new(number);
            let waker = Arc::new(Waker::new(worker.poll.registry(), GIVEN).expect("waker"));
            let (give, given) = mpsc::channel();
            std::thread::spawn(move || worker.run(None, Some(given)));
            (give, waker)
        })
        .collect();
    std::thread::spawn(move || {
        let mut listener = listener;
        let (mut poll, mut events) = (Poll::new().expect("poll"), Events::with_capacity(8));
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("register");
        let mut turn = workers.iter().cycle();
        loop {
            poll.poll(&mut events, None).expect("wait");
            while let Ok((stream, _)) = listener.accept() {
                let (give, waker) = turn.next().expect("there are workers");
                give.send(stream).expect("the worker runs");
                waker.wake().expect("woken");
            }
        }
    });
    address
}

/// Each worker accepts for itself.
fn listeners() -> SocketAddr {
    let first = bound(any());
    let address = first.local_addr().expect("bound");
    let others = (1..WORKERS).map(|_| bound(address));
    for (number, listener) in std::iter::once(first).chain(others).enumerate() {
        let worker = Worker::new(number);
        std::thread::spawn(move || worker.run(Some(listener), None));
    }
    address
}

struct Worker {
    number: usize,
    poll: Poll,
    conns: Vec<Option<TcpStream>>,
}

impl Worker {
    fn new(number: usize) -> Worker {
        Worker { number, poll: Poll::new().expect("poll"), conns: Vec::new() }
    }

    fn run(mut self, mut listener: Option<TcpListener>, given: Option<mpsc::Receiver<TcpStream>>) {
        let mut events = Events::with_capacity(256);
        if let Some(listener) = &mut listener {
            let registry = self.poll.registry();
            registry.register(listener, LISTENER, Interest::READABLE).expect("register");
        }
        loop {
            self.poll.poll(&mut events, None).expect("wait");
            for event in &events {
                match event.token() {
                    LISTENER => {
                        while let Some(Ok((stream, _))) = listener.as_ref().map(TcpListener::accept)
                        {
                            self.take(stream);
                        }
                    }
                    GIVEN => {
                        while let Some(Ok(stream)) = given.as_ref().map(mpsc::Receiver::try_recv) {
                            self.take(stream);
                        }
                    }
                    // It says nothing, so this is its end.
                    Token(at) => self.conns[at] = None,
                }
            }
        }
    }

    fn take(&mut self, mut stream: TcpStream) {
        let free = self.conns.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.conns.push(None);
            self.conns.len() - 1
        });
        let registry = self.poll.registry();
        registry.register(&mut stream, Token(at), Interest::READABLE).expect("register");
        stream.write_all(&[self.number as u8]).expect("told");
        self.conns[at] = Some(stream);
    }
}

/// Processor time of all threads but this one.
fn server_ns() -> u64 {
    let of = |clock| {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a plain system call that fills in the value it is given.
        assert_eq!(unsafe { libc::clock_gettime(clock, &raw mut time) }, 0);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    };
    of(libc::CLOCK_PROCESS_CPUTIME_ID) - of(libc::CLOCK_THREAD_CPUTIME_ID)
}
