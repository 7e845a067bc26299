//! The least that the same bytes cost: the same system calls with nothing around them.

use super::load::nonblocking;
use super::{Case, HEADER, Kind, Mapped, SINK, Started, next_start, pin, thread_cpu};
use barnabas::net::WINDOW;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;

#[derive(Default)]
struct Conn {
    header: [u8; 4],
    have: usize,
    remaining: usize,
    crc: u32,
    out: Vec<u8>,
    asked: usize,
    header_left: usize,
    at: usize,
    left: usize,
}

pub fn start(case: Case, file: Arc<Mapped>) -> Started {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("bound");
    let thread = std::thread::spawn(move || {
        pin(0);
        let streams: Vec<TcpStream> =
            (0..case.conns).map(|_| listener.accept().expect("accept").0).collect();
        serve(case, &file, streams)
    });
    // It ends when its connections do.
    let end = Box::new(move || thread.join().expect("the floor"));
    Started { address, end }
}

fn serve(case: Case, file: &Mapped, streams: Vec<TcpStream>) -> (f64, u64) {
    let began = thread_cpu();
    let mut poll = Poll::new().expect("poll");
    let mut events = Events::with_capacity(256);
    let mut streams: Vec<_> = streams.into_iter().map(nonblocking).collect();
    let mut conns: Vec<Conn> = streams.iter().map(|_| Conn::default()).collect();
    for (i, stream) in streams.iter_mut().enumerate() {
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(stream, Token(i), both).expect("register");
    }
    let mut buffer = vec![0u8; WINDOW];
    let (mut open, mut calls, mut at) = (streams.len(), 0u64, 0);
    let mut cpu = 0.0;
    while open > 0 {
        poll.poll(&mut events, None).expect("wait");
        calls += 1;
        for event in &events {
            let i = event.token().0;
            let (stream, conn) = (&mut streams[i], &mut conns[i]);
            loop {
                calls += 1;
                match stream.read(&mut buffer) {
                    Ok(0) => {
                        if open == case.conns {
                            cpu = thread_cpu() - began; // as of the end of the load
                        }
                        open -= 1;
                        break;
                    }
                    Ok(n) => {
                        feed(case, conn, &buffer[..n]);
                        calls += write(case, file, stream, conn, &mut at);
                        if n < buffer.len() {
                            break;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        calls += write(case, file, stream, conn, &mut at);
                        break;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    (cpu, calls)
}

/// Sums frames in whatever pieces they come, without gathering them.
fn feed(case: Case, conn: &mut Conn, mut data: &[u8]) {
    while !data.is_empty() {
        if conn.remaining == 0 {
            let n = data.len().min(4 - conn.have);
            conn.header[conn.have..][..n].copy_from_slice(&data[..n]);
            conn.have += n;
            data = &data[n..];
            if conn.have == 4 {
                conn.have = 0;
                conn.remaining = u32::from_le_bytes(conn.header) as usize;
                conn.crc = 0;
            }
            continue;
        }
        let (piece, rest) = data.split_at(data.len().min(conn.remaining));
        if case.kind == SINK {
            conn.crc = crc32c::crc32c_append(conn.crc, piece);
        }
        conn.remaining -= piece.len();
        data = rest;
        if conn.remaining == 0 {
            match case.kind {
                Kind::Sink { .. } => conn.out.extend_from_slice(&u64::from(conn.crc).to_le_bytes()),
                Kind::Source => conn.asked += 1,
            }
        }
    }
}

/// Writes what is owed; returns the number of system calls.
fn write(
    case: Case,
    file: &Mapped,
    stream: &mut mio::net::TcpStream,
    conn: &mut Conn,
    at: &mut usize,
) -> u64 {
    let mut calls = 0;
    while !conn.out.is_empty() {
        calls += 1;
        match stream.write(&conn.out) {
            Ok(n) => drop(conn.out.drain(..n)),
            Err(_) => return calls,
        }
    }
    loop {
        if conn.left == 0 && conn.header_left == 0 {
            if conn.asked == 0 {
                return calls;
            }
            conn.asked -= 1;
            (conn.header_left, conn.left) = (HEADER, case.size);
            conn.at = next_start(at, case.size);
        }
        calls += 1;
        let fd = stream.as_raw_fd();
        // SAFETY: the pointers are to locals that live across the calls.
        let n = unsafe {
            if conn.header_left > 0 {
                let header = [0u8; HEADER];
                let flags = libc::MSG_MORE | libc::MSG_NOSIGNAL;
                libc::send(fd, header.as_ptr().cast(), conn.header_left, flags)
            } else {
                let mut from = conn.at as i64;
                libc::sendfile(fd, file.file.as_raw_fd(), &mut from, conn.left)
            }
        };
        if n < 0 {
            return calls;
        }
        let of_header = (n as usize).min(conn.header_left);
        conn.header_left -= of_header;
        conn.at += n as usize - of_header;
        conn.left -= n as usize - of_header;
    }
}
