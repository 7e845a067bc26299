//! The floor: the least that a program does with the same bytes.
//!
//! `sink`: receive frames, CRC-32C over their bytes as they come, memcpy into a file's mapping that was
//! faulted in before, an answer of the same size as the broker's for each frame. `calls`: the same, but the file is new, and what a
//! receive has brought is written to it by one call. `source`: a small
//! request in, a header and a range of a file out, by sendfile or in one write, whichever costs less. `fan`: small requests wait, each for the next large
//! frame; that is stored as by `sink`, and its bytes go out to all of them as by `source`. No protocol, no checks, no offsets.
//! The bench starts it as a child of itself, so that it is measured like the broker.

use memmap2::MmapMut;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::fs::File;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::process::Command;

/// Says that this process is the floor.
pub const FLAG: &str = "--floor";
/// A range of fewer bytes is sent from the mapping, with its header in one call, which costs less than sendfile.
const GATHERED: usize = 256 * 1024;
/// Bytes of one receive.
const WINDOW: usize = 256 * 1024;

/// What the floor does with a frame.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// Answer.
    Echo,
    /// CRC, store, answer.
    Sink,
    /// The same by calls.
    Calls,
    /// Answer with a range of a file.
    Source,
    /// Store what is large, and answer with its bytes whoever has asked before.
    Fan,
}

impl Kind {
    /// Whether frames are stored.
    fn stores(self) -> bool {
        matches!(self, Kind::Sink | Kind::Calls | Kind::Fan)
    }

    /// Whether pages are made before anything comes.
    fn is_prepared(self) -> bool {
        self.stores() && self != Kind::Calls
    }

    /// Whether answers have a range of the file.
    fn sends(self) -> bool {
        matches!(self, Kind::Source | Kind::Fan)
    }
}

/// What the floor is told.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    pub kind: Kind,
    /// Bytes of an answer, without the range of a file.
    pub answer: usize,
    /// Bytes of a range of the file.
    pub range: usize,
    /// Bytes of the file.
    pub file: usize,
}

impl Floor {
    /// The command that runs it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let kind = format!("{:?}", self.kind);
        let numbers = [self.answer, self.range, self.file].map(|n| n.to_string());
        command.arg(FLAG).arg(kind).args(numbers);
        command
    }
}

/// Serves until it is killed.
pub fn run(arguments: &[String]) {
    let number = |at: usize| arguments[at].parse().expect("a number");
    let kind = match arguments[0].as_str() {
        "Echo" => Kind::Echo,
        "Sink" => Kind::Sink,
        "Calls" => Kind::Calls,
        "Fan" => Kind::Fan,
        _ => Kind::Source,
    };
    let floor = Floor { kind, answer: number(1), range: number(2), file: number(3) };
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address: SocketAddr = listener.local_addr().expect("bound");
    // Once for nothing: its pages go back to the kernel, and a virtual machine's host has them at
    // hand then. The broker's pages come from deleted topics in the same way.
    drop(Store::new(floor.file, floor.kind.is_prepared()));
    let store = match floor.kind {
        Kind::Calls => Store::empty(floor.file),
        _ => Store::new(floor.file, floor.kind.is_prepared()),
    };
    println!("floor {address}");
    listener.set_nonblocking(true).expect("nonblocking");
    serve(floor, store, mio::net::TcpListener::from_std(listener));
}

/// A file without a name, and its mapping.
pub struct Store {
    file: File,
    map: MmapMut,
    at: usize,
    /// A frame that was stored, and that nobody was sent yet.
    fresh: Option<usize>,
}

impl Store {
    /// With all its pages: to be written, or full of something.
    pub fn new(len: usize, written: bool) -> Store {
        let mut store = Store::empty(len);
        if written {
            let (advice, map) = (libc::MADV_POPULATE_WRITE, &mut store.map);
            // SAFETY: pointer and length describe the mapping.
            let done = unsafe { libc::madvise(map.as_mut_ptr().cast(), map.len(), advice) };
            assert_eq!(done, 0);
        } else {
            let pattern = |(i, byte): (usize, &mut u8)| *byte = (i * 31 + i / 251) as u8;
            store.map.iter_mut().enumerate().for_each(pattern);
        }
        store
    }

    /// With blocks, and without pages.
    fn empty(len: usize) -> Store {
        let len = len.max(4096);
        let path = std::env::temp_dir().join(format!("barnabas-floor-{}", std::process::id()));
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true).open(&path).expect("create");
        std::fs::remove_file(&path).expect("remove");
        // SAFETY: plain system calls on an open file and a mapping that was just made; the file
        // has no name, so nobody else changes it.
        unsafe {
            assert_eq!(libc::fallocate(file.as_raw_fd(), 0, 0, len as i64), 0);
            let map = MmapMut::map_mut(&file).expect("map");
            Store { file, map, at: 0, fresh: None }
        }
    }

    /// Writes them behind what was written so: frames of several connections lie there in pieces, but as many bytes.
    fn write(&mut self, mut pieces: &mut [IoSlice<'_>]) {
        while !pieces.is_empty() {
            let some = pieces.len().min(libc::UIO_MAXIOV as usize);
            let n = self.file.write_vectored(&pieces[..some]).expect("written");
            IoSlice::advance_slices(&mut pieces, n);
        }
    }

    /// The next `len` bytes, from the beginning when the end is reached.
    fn next(&mut self, len: usize) -> usize {
        if self.at + len > self.map.len() {
            self.at = 0;
        }
        self.at += len;
        self.at - len
    }
}

/// A connection: what is left of its frame, and what it is owed.
struct Conn {
    stream: TcpStream,
    size: [u8; 4],
    have: usize,
    left: usize,
    at: usize,
    crc: u32,
    out: Vec<u8>,
    owed: usize,
    range: (usize, usize),
    /// The frame is small, which asks for the next one that is stored.
    asks: bool,
    /// It has asked.
    waits: bool,
}

fn serve(floor: Floor, mut store: Store, mut listener: mio::net::TcpListener) {
    const LISTENER: Token = Token(usize::MAX);
    let mut poll = Poll::new().expect("poll");
    let registry = poll.registry().try_clone().expect("registry");
    registry.register(&mut listener, LISTENER, Interest::READABLE).expect("register");
    let mut events = Events::with_capacity(256);
    let mut conns: Vec<Option<Conn>> = Vec::new();
    let mut window = vec![0; WINDOW];
    loop {
        if let Err(error) = poll.poll(&mut events, None) {
            assert_eq!(error.kind(), ErrorKind::Interrupted);
            continue;
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let both = Interest::READABLE | Interest::WRITABLE;
                    registry.register(&mut stream, Token(conns.len()), both).expect("register");
                    stream.set_nodelay(true).expect("no delay");
                    conns.push(Some(Conn::new(stream)));
                }
                continue;
            }
            let place = &mut conns[event.token().0];
            if place.as_mut().is_some_and(|conn| !conn.turn(floor, &mut store, &mut window)) {
                *place = None;
            }
        }
        // Behind all that has come: a question may be seen after the frame that was sent later, on another connection.
        if let Some(at) = store.fresh.take() {
            conns.iter_mut().flatten().for_each(|conn| conn.is_told(floor, &mut store, at));
        }
    }
}

impl Conn {
    fn new(stream: TcpStream) -> Conn {
        let (size, out) = ([0; 4], Vec::new());
        let range = (0, 0);
        Conn {
            stream,
            size,
            have: 0,
            left: 0,
            at: 0,
            crc: 0,
            out,
            owed: 0,
            range,
            asks: false,
            waits: false,
        }
    }

    /// Receives until a short read, and writes once for each; false at the end.
    fn turn(&mut self, floor: Floor, store: &mut Store, window: &mut [u8]) -> bool {
        loop {
            match self.stream.read(window) {
                Ok(0) => return false,
                Ok(n) => {
                    self.feed(floor, store, &window[..n]);
                    self.write(floor, store);
                    if n < window.len() {
                        return true;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.write(floor, store);
                    return true;
                }
                Err(_) => return false,
            }
        }
    }

    /// Takes frames in whatever pieces they come, without gathering them.
    fn feed(&mut self, floor: Floor, store: &mut Store, mut data: &[u8]) {
        let mut pieces = Vec::new();
        while !data.is_empty() {
            if self.left == 0 {
                let n = data.len().min(4 - self.have);
                self.size[self.have..][..n].copy_from_slice(&data[..n]);
                self.have += n;
                data = &data[n..];
                if self.have == 4 {
                    (self.have, self.crc) = (0, 0);
                    self.left = u32::from_be_bytes(self.size) as usize;
                    self.asks = floor.kind == Kind::Fan && self.left < floor.range;
                    let stores = floor.kind.stores() && !self.asks;
                    self.at = if stores { store.next(self.left) } else { 0 };
                }
                continue;
            }
            let (piece, rest) = data.split_at(data.len().min(self.left));
            if floor.kind.stores() && !self.asks {
                self.crc = crc32c::crc32c_append(self.crc, piece);
                if floor.kind == Kind::Calls {
                    pieces.push(IoSlice::new(piece));
                } else {
                    store.map[self.at..][..piece.len()].copy_from_slice(piece);
                }
                self.at += piece.len();
            }
            self.left -= piece.len();
            data = rest;
            if self.left > 0 {
                continue;
            }
            if self.asks {
                self.waits = true;
                continue;
            }
            self.answer(floor);
            if floor.kind == Kind::Fan {
                store.fresh = Some(self.at - floor.range);
            }
        }
        store.write(&mut pieces);
    }

    /// What it has waited for is stored there.
    fn is_told(&mut self, floor: Floor, store: &mut Store, at: usize) {
        if std::mem::take(&mut self.waits) {
            self.out.resize(floor.answer, 0);
            self.range = (at, floor.range);
            self.write(floor, store);
        }
    }

    fn answer(&mut self, floor: Floor) {
        if floor.kind == Kind::Source {
            self.owed += 1;
            return;
        }
        let begin = self.out.len();
        self.out.resize(begin + floor.answer, 0);
        self.out[begin..][..4].copy_from_slice(&self.crc.to_le_bytes());
    }

    fn write(&mut self, floor: Floor, store: &mut Store) {
        loop {
            let more = floor.kind.sends() && (self.range.1 > 0 || self.owed > 0);
            if self.out.is_empty() && self.range.1 == 0 && more {
                self.owed -= 1;
                self.out.resize(floor.answer, 0);
                self.range = (store.next(floor.range), floor.range);
            }
            if !self.out.is_empty() && (1..GATHERED).contains(&self.range.1) {
                let range = &store.map[self.range.0..][..self.range.1];
                let all = [IoSlice::new(&self.out), IoSlice::new(range)];
                let Ok(n) = self.stream.write_vectored(&all) else { return };
                let header = n.min(self.out.len());
                self.out.drain(..header);
                self.range = (self.range.0 + n - header, self.range.1 - (n - header));
            } else if !self.out.is_empty() {
                match self.send(if more { libc::MSG_MORE } else { 0 }) {
                    Some(n) => drop(self.out.drain(..n)),
                    None => return,
                }
            } else if self.range.1 > 0 {
                let mut from = self.range.0 as i64;
                let (to, file) = (self.stream.as_raw_fd(), store.file.as_raw_fd());
                // SAFETY: the offset lives across the call.
                let n = unsafe { libc::sendfile(to, file, &mut from, self.range.1) };
                let Ok(n) = usize::try_from(n) else { return };
                self.range = (self.range.0 + n, self.range.1 - n);
            } else {
                return;
            }
        }
    }

    fn send(&self, flags: i32) -> Option<usize> {
        let (out, flags) = (&self.out, flags | libc::MSG_NOSIGNAL);
        // SAFETY: pointer and length describe `out`.
        let n =
            unsafe { libc::send(self.stream.as_raw_fd(), out.as_ptr().cast(), out.len(), flags) };
        usize::try_from(n).ok()
    }
}
