//! The load: one thread, one epoll, requests made beforehand, answers counted by their size and
//! thrown away in the kernel. It must cost less than whoever serves, so that the server saturates.

use super::process;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Instant;

/// What is sent, to whom, and how much of it at once.
pub struct Load<'a> {
    pub address: SocketAddr,
    /// Requests of one size, back to back: sent round and round.
    pub requests: &'a [u8],
    /// Bytes of one of them.
    pub request: usize,
    /// Bytes of each answer.
    pub answer: usize,
    pub conns: usize,
    /// Requests in flight for each connection.
    pub window: usize,
    /// Requests of all connections together.
    pub total: usize,
}

struct Conn {
    stream: TcpStream,
    /// Bytes of the round that are skipped, so that connections ask for different things.
    shift: u64,
    sent: u64,
    received: u64,
}

/// Connections of a load, ready to go.
pub struct Conns {
    poll: Poll,
    conns: Vec<Conn>,
}

impl Load<'_> {
    /// Requests that are really sent: each connection sends the same number.
    pub fn total(&self) -> usize {
        self.total / self.conns * self.conns
    }

    /// Connects.
    pub fn connect(&self) -> Conns {
        assert_eq!(self.requests.len() % self.request, 0, "whole requests");
        let poll = Poll::new().expect("poll");
        let count = self.requests.len() / self.request;
        let connect = |i: usize| {
            let mut stream = connect(self.address);
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(i), both).expect("register");
            let shift = (i * count / self.conns * self.request) as u64;
            Conn { stream, shift, sent: 0, received: 0 }
        };
        let conns = (0..self.conns).map(connect).collect();
        Conns { poll, conns }
    }

    /// Sends everything and takes all answers; seconds that it took.
    pub fn run(&self, conns: &mut Conns) -> f64 {
        process::pin(0, process::LOAD_CPU);
        let began = Instant::now();
        let each = (self.total / self.conns) as u64;
        let all = each * self.answer as u64;
        let mut events = Events::with_capacity(256);
        let mut busy = if each > 0 { conns.conns.len() } else { 0 };
        for conn in &mut conns.conns {
            (conn.sent, conn.received) = (0, 0);
            self.fill(conn, each);
        }
        while busy > 0 {
            conns.poll.poll(&mut events, None).expect("wait");
            for event in &events {
                let conn = &mut conns.conns[event.token().0];
                let before = conn.received;
                if event.is_readable() {
                    conn.received += discard(&conn.stream);
                }
                self.fill(conn, each);
                busy -= usize::from(before < all && conn.received >= all);
                assert!(conn.received <= all, "answers are of the expected size");
            }
        }
        began.elapsed().as_secs_f64()
    }

    /// Sends what the window allows.
    fn fill(&self, conn: &mut Conn, each: u64) {
        let answered = conn.received / self.answer as u64;
        let limit = (answered + self.window as u64).min(each) * self.request as u64;
        while conn.sent < limit {
            let at = ((conn.shift + conn.sent) % self.requests.len() as u64) as usize;
            let n = (self.requests.len() - at).min((limit - conn.sent) as usize);
            match conn.stream.write(&self.requests[at..at + n]) {
                Ok(n) => conn.sent += n as u64,
                Err(_) => break,
            }
        }
    }
}

/// Takes what has come without copying it; says how much it was.
pub fn discard(stream: &TcpStream) -> u64 {
    const MOST: usize = 1 << 20;
    let mut all = 0;
    loop {
        let null = std::ptr::null_mut();
        let fd = stream.as_raw_fd();
        // SAFETY: with MSG_TRUNC on TCP nothing is stored.
        let n = unsafe { libc::recv(fd, null, MOST, libc::MSG_TRUNC) };
        assert_ne!(n, 0, "the server has closed");
        let Ok(n) = usize::try_from(n) else { return all };
        all += n as u64;
        if n < MOST {
            return all;
        }
    }
}

/// A connection that does not wait, with a congestion control that does not pace with timers.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = std::net::TcpStream::connect(address).expect("connect");
    stream.set_nodelay(true).expect("no delay");
    stream.set_nonblocking(true).expect("nonblocking");
    let _ = socket2::SockRef::from(&stream).set_tcp_congestion(b"cubic");
    TcpStream::from_std(stream)
}
