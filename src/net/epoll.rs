//! The readiness driver: edge-triggered epoll or kqueue, through mio.
//!
//! Each socket is registered once, for both directions: the kernel itself arms the write side only
//! where a socket was full, so a system call per blocked write is saved. An edge is remembered
//! until a short receive or "would block" has shown that the socket is empty. After a hang-up a
//! short receive proves nothing: then the end itself must be read.

use super::connection::Input;
use super::driver::{Driver, Farewell, Host, Sockets};
use super::outbox::{Gather, Output};
use super::pool::WINDOW;
use super::service::ConnId;
use super::slab::Key;
use super::stats::Stats;
use super::sys;
use memmap2::MmapMut;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSliceMut, Read};
use std::sync::Arc;
use std::time::Duration;

/// The token of the worker's waker; no connection has it.
pub(crate) const WAKE: Token = Token(usize::MAX);
const EVENTS: usize = 512;
/// A frame that has begun is received to its end, be it beyond the connection's share, if no more
/// than this has come in the turn: or many connections would have large unfinished frames, each in
/// a buffer of its own, instead of one after the other in the same one.
const FINISH: usize = 2 * 1024 * 1024;
/// What a receive counts for at least.
const LEAST: usize = 4 * 1024;
/// Bytes of a window that are not worth giving back.
const UNTOUCHED: usize = 16 * 1024;
/// Receives that empty a socket before it is closed, so that its end is no reset.
const LAST_RECEIVES: usize = 4;

struct Socket {
    stream: TcpStream,
    generation: u32,
    /// There may be something to receive.
    readable: bool,
    /// The peer has closed its side or both: receive until the end.
    ended: bool,
    /// The connection is broken.
    broken: bool,
    /// A write found the socket full.
    full: bool,
    /// On the list of those to receive from.
    receiving: bool,
    /// On the list of those to write to.
    sending: bool,
}

pub(crate) struct Epoll {
    poll: Poll,
    events: Events,
    sockets: Vec<Option<Socket>>,
    window: MmapMut,
    /// The bytes of the window that were used since it was trimmed.
    touched: usize,
    receiving: VecDeque<ConnId>,
    sending: VecDeque<ConnId>,
    /// The last wait brought as many events as it can: there may be more.
    was_full: bool,
    turn_bytes: usize,
    turn_written: usize,
    stats: Arc<Stats>,
}

/// How a step of moving bytes ended.
enum Step {
    /// Go on.
    More,
    /// Nothing more for now.
    Done,
    /// More, but the others have their turn first.
    Later,
}

impl Epoll {
    pub(crate) fn new(
        poll: Poll,
        turn_bytes: usize,
        turn_written: usize,
        stats: Arc<Stats>,
    ) -> io::Result<Epoll> {
        Ok(Epoll {
            poll,
            events: Events::with_capacity(EVENTS),
            sockets: Vec::new(),
            window: MmapMut::map_anon(WINDOW)?,
            touched: 0,
            receiving: VecDeque::new(),
            sending: VecDeque::new(),
            was_full: false,
            turn_bytes,
            turn_written,
            stats,
        })
    }

    /// Receives until the socket is empty or the connection has had its share.
    fn receive_from(&mut self, host: &mut impl Host, id: ConnId) {
        let mut total = 0;
        loop {
            match self.receive_once(host, id, &mut total) {
                Step::More => {}
                Step::Done => return,
                Step::Later => return self.receive(id),
            }
        }
    }

    fn receive_once(&mut self, host: &mut impl Host, id: ConnId, total: &mut usize) -> Step {
        let Some(socket) = socket(&mut self.sockets, id).filter(|socket| socket.readable) else {
            return Step::Done;
        };
        let (own, window) = match host.input(id) {
            Input::Space { own, window } => (own, window),
            Input::Paused => {
                if socket.broken {
                    socket.readable = false;
                    host.failed(id, socket.error());
                }
                return Step::Done;
            }
        };
        let own_len = own.len();
        let share_is_used = *total >= self.turn_bytes;
        if share_is_used && !(1..=FINISH.saturating_sub(*total)).contains(&own_len) {
            host.received(id, 0, &[]);
            return Step::Later;
        }
        let window = if window && !share_is_used { &mut self.window[..] } else { &mut [] };
        let room = own_len + window.len();
        assert!(room > 0, "an empty receive would look like the peer's end");
        self.stats.receives.add(1);
        let result = match own_len {
            0 => socket.stream.read(window),
            _ => socket.stream.read_vectored(&mut [IoSliceMut::new(own), IoSliceMut::new(window)]),
        };
        let n = *result.as_ref().unwrap_or(&0);
        let in_window = n.saturating_sub(own_len);
        self.touched = self.touched.max(in_window);
        // Frames that are known a few bytes at a time take a call for each: those are not finished at any price.
        *total += n.max(LEAST);
        if n < room && !socket.ended {
            socket.readable = false;
        }
        host.received(id, n.min(own_len), &self.window[..in_window]);
        self.stats.bytes_in.add(n as u64);
        match result {
            Ok(1..) if !socket.readable => Step::Done,
            Ok(1..) => Step::More,
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                socket.readable = true;
                Step::More
            }
            result => {
                socket.readable = false;
                end_of_receive(host, id, result);
                Step::Done
            }
        }
    }

    /// Writes until there is nothing left, the socket is full, or the connection has had its
    /// share.
    fn send_to(&mut self, host: &mut impl Host, id: ConnId) {
        let mut left = self.turn_written;
        loop {
            match self.send_once(host, id, &mut left) {
                Step::More => {}
                Step::Done => return,
                Step::Later => return self.send(id),
            }
        }
    }

    fn send_once(&mut self, host: &mut impl Host, id: ConnId, left: &mut usize) -> Step {
        let Some(socket) = socket(&mut self.sockets, id).filter(|socket| !socket.full) else {
            return Step::Done;
        };
        let mut gather = Gather::new();
        let (result, file) = match host.output(id, &mut gather) {
            Output::Nothing => return Step::Done,
            Output::Gathered { more } => (sys::send(&socket.stream, gather.slices(), more), false),
            Output::File(range) => {
                let len = (range.len as usize).min(*left);
                (sys::send_file(&socket.stream, range, len), true)
            }
        };
        self.stats.sends.add(1);
        let n = *result.as_ref().unwrap_or(&0);
        self.stats.bytes_out.add(n as u64);
        host.written(id, n);
        match result {
            Ok(0) if file => {
                let why = "the file ended before the range that was to be sent";
                host.failed(id, io::Error::new(ErrorKind::UnexpectedEof, why));
                Step::Done
            }
            Ok(n) => {
                *left = left.saturating_sub(n);
                if *left == 0 { Step::Later } else { Step::More }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Step::More,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                socket.full = true;
                Step::Done
            }
            Err(error) => {
                host.failed(id, error);
                Step::Done
            }
        }
    }
}

/// Tells the host of what ended a receive that brought nothing.
fn end_of_receive(host: &mut impl Host, id: ConnId, result: io::Result<usize>) {
    match result {
        Ok(_) => host.ended(id),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => host.failed(id, error),
    }
}

impl Socket {
    /// Why the connection is broken.
    fn error(&self) -> io::Error {
        let error = self.stream.take_error().ok().flatten();
        error.unwrap_or_else(|| ErrorKind::ConnectionReset.into())
    }
}

/// The socket of a connection, unless it is gone.
fn socket(sockets: &mut [Option<Socket>], id: ConnId) -> Option<&mut Socket> {
    let socket = sockets.get_mut(id.0.index as usize)?.as_mut()?;
    (socket.generation == id.0.generation).then_some(socket)
}

/// Remembers what an event says of its socket, and puts it on the lists that it belongs on.
fn note_event(
    sockets: &mut [Option<Socket>],
    event: &mio::event::Event,
    receiving: &mut VecDeque<ConnId>,
    sending: &mut VecDeque<ConnId>,
) {
    if event.token() == WAKE {
        return;
    }
    let id = ConnId(Key::from_bits(event.token().0 as u64));
    let Some(socket) = socket(sockets, id) else { return };
    socket.ended |= event.is_read_closed();
    socket.broken |= event.is_error() || event.is_read_closed() && event.is_write_closed();
    if event.is_readable() || socket.ended || socket.broken {
        socket.readable = true;
        list(&mut socket.receiving, id, receiving);
    }
    if socket.full && (event.is_writable() || socket.broken) {
        socket.full = false;
        list(&mut socket.sending, id, sending);
    }
}

fn list(listed: &mut bool, id: ConnId, on: &mut VecDeque<ConnId>) {
    if !std::mem::replace(listed, true) {
        on.push_back(id);
    }
}

impl Sockets for Epoll {
    fn has_input(&self, id: ConnId) -> bool {
        self.stream(id).is_some_and(|stream| matches!(stream.peek(&mut [0]), Ok(1..)))
    }

    fn stream(&self, id: ConnId) -> Option<&TcpStream> {
        let socket = self.sockets.get(id.0.index as usize)?.as_ref()?;
        (socket.generation == id.0.generation).then_some(&socket.stream)
    }
}

impl Driver for Epoll {
    fn add(&mut self, id: ConnId, mut stream: TcpStream) -> io::Result<()> {
        let token = Token(id.0.to_bits() as usize);
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, token, both)?;
        let at = id.0.index as usize;
        if self.sockets.len() <= at {
            self.sockets.resize_with(at + 1, || None);
        }
        assert!(self.sockets[at].is_none(), "the place of a new connection is free");
        self.sockets[at] = Some(Socket {
            stream,
            generation: id.0.generation,
            readable: false,
            ended: false,
            broken: false,
            full: false,
            receiving: false,
            sending: false,
        });
        Ok(())
    }

    fn receive(&mut self, id: ConnId) {
        if let Some(socket) = socket(&mut self.sockets, id).filter(|socket| socket.readable) {
            list(&mut socket.receiving, id, &mut self.receiving);
        }
    }

    fn send(&mut self, id: ConnId) {
        if let Some(socket) = socket(&mut self.sockets, id).filter(|socket| !socket.full) {
            list(&mut socket.sending, id, &mut self.sending);
        }
    }

    fn has_work(&self) -> bool {
        !(self.receiving.is_empty() && self.sending.is_empty())
    }

    fn owes_receives(&self) -> bool {
        self.was_full || !self.receiving.is_empty()
    }

    fn wait(&mut self, host: &mut impl Host, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => self.events.clear(),
            result => result?,
        }
        self.was_full = self.events.iter().count() == EVENTS;
        host.woke();
        for event in &self.events {
            note_event(&mut self.sockets, event, &mut self.receiving, &mut self.sending);
        }
        // Not those that come on the list meanwhile.
        for _ in 0..self.receiving.len() {
            let Some(id) = self.receiving.pop_front() else { break };
            if let Some(socket) = socket(&mut self.sockets, id) {
                socket.receiving = false;
                self.receive_from(host, id);
            }
            if host.is_late() {
                break;
            }
        }
        Ok(())
    }

    fn flush(&mut self, host: &mut impl Host) {
        for _ in 0..self.sending.len() {
            let Some(id) = self.sending.pop_front() else { break };
            if let Some(socket) = socket(&mut self.sockets, id) {
                socket.sending = false;
                self.send_to(host, id);
            }
            if host.is_late() {
                break;
            }
        }
    }

    fn close(&mut self, host: &mut impl Host, id: ConnId, how: Farewell) {
        if let Some(socket) = socket(&mut self.sockets, id) {
            match how {
                Farewell::Gentle => {
                    // What is unread when a socket is closed turns its end into a reset, and a reset
                    // takes answers with it that the peer has not read.
                    let receives = (0..LAST_RECEIVES).map(|_| socket.stream.read(&mut self.window));
                    let _ = receives.take_while(|result| matches!(result, Ok(1..))).count();
                }
                Farewell::Plain => {}
                Farewell::Reset => sys::reset_at_close(&socket.stream),
            }
            self.sockets[id.0.index as usize] = None; // the kernel forgets a closed socket's events
        }
        host.gone(id);
    }

    fn is_trimmed(&self) -> bool {
        self.touched <= UNTOUCHED
    }

    fn trim(&mut self) {
        while self.sockets.last().is_some_and(Option::is_none) {
            self.sockets.pop();
        }
        self.sockets.shrink_to_fit();
        self.receiving.shrink_to_fit();
        self.sending.shrink_to_fit();
        sys::discard(&mut self.window);
        self.touched = 0;
    }
}
