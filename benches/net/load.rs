//! The load: one thread that keeps a window of requests under way on each connection.

use super::{Case, HEADER, Kind};
use mio::{Events, Interest, Poll, Token};
use std::io::Write;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

pub fn nonblocking(stream: TcpStream) -> mio::net::TcpStream {
    stream.set_nonblocking(true).expect("nonblocking");
    stream.set_nodelay(true).expect("nodelay");
    mio::net::TcpStream::from_std(stream)
}

struct Load {
    sent: u64,
    received: u64,
}

pub fn run(case: Case, streams: &[TcpStream]) {
    let (request, answer) = match case.kind {
        Kind::Sink { .. } => {
            let body: Vec<u8> = (0..case.size).map(|i| (i * 31 + i / 251) as u8).collect();
            ([&(case.size as u32).to_le_bytes()[..], &body].concat(), 8)
        }
        Kind::Source => ([&8u32.to_le_bytes()[..], &[0; 8]].concat(), HEADER + case.size),
    };
    let copies = (1usize << 20).div_ceil(request.len());
    let data = request.repeat(copies);
    let mut poll = Poll::new().expect("poll");
    let mut events = Events::with_capacity(256);
    let mut streams: Vec<_> =
        streams.iter().map(|s| nonblocking(s.try_clone().expect("clone"))).collect();
    for (i, stream) in streams.iter_mut().enumerate() {
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(stream, Token(i), both).expect("register");
    }
    let mut loads: Vec<Load> = streams.iter().map(|_| Load { sent: 0, received: 0 }).collect();
    let each = (case.requests / case.conns) as u64;
    let mut busy = streams.len();
    let fill = |stream: &mut mio::net::TcpStream, load: &mut Load| {
        let answered = load.received / answer as u64;
        let limit = (answered + case.window as u64).min(each) * request.len() as u64;
        while load.sent < limit {
            let at = (load.sent % data.len() as u64) as usize;
            let n = (data.len() - at).min((limit - load.sent) as usize);
            match stream.write(&data[at..at + n]) {
                Ok(n) => load.sent += n as u64,
                Err(_) => break,
            }
        }
    };
    streams.iter_mut().zip(&mut loads).for_each(|(stream, load)| fill(stream, load));
    while busy > 0 {
        poll.poll(&mut events, None).expect("wait");
        for event in &events {
            let i = event.token().0;
            let before = loads[i].received;
            while let Some(n) = discard(&streams[i]) {
                loads[i].received += n as u64;
            }
            fill(&mut streams[i], &mut loads[i]);
            let all = each * answer as u64;
            if before < all && loads[i].received == all {
                busy -= 1;
            }
        }
    }
}

/// Takes what has come without looking at it.
fn discard(stream: &mio::net::TcpStream) -> Option<usize> {
    let null = std::ptr::null_mut();
    // SAFETY: with MSG_TRUNC on TCP nothing is stored.
    let n = unsafe { libc::recv(stream.as_raw_fd(), null, 1 << 20, libc::MSG_TRUNC) };
    assert_ne!(n, 0, "the server has closed");
    usize::try_from(n).ok()
}
