//! A small service and clients for the tests of the net room.
//!
//! Frames are `[length u32][op u8][body]`, big-endian, the length counting op and body. Replies
//! are `[length u32][body]`.
#![allow(dead_code)] // each test program uses its own part
#![allow(clippy::unwrap_used)]

use barnabas::net::{
    self, Bound, ConnId, Context, DriverKind, FileRange, Flow, Framing, Limits, Options, Part,
    Peer, Region, Running, Sender, Service, Slot, Stats,
};
use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Answers with the body.
pub const ECHO: u8 = b'e';
/// Answers with the body when a `RELEASE` names the same first eight bytes.
pub const PARK: u8 = b'p';
/// Answers the parked request of that name, then itself.
pub const RELEASE: u8 = b'r';
/// Gets no answer.
pub const SKIP: u8 = b's';
/// Answers with a range of the service's file: start u64, length u32.
pub const FILE: u8 = b'f';
/// Holds the connection until a message `Resume` comes; answers at once.
pub const HOLD: u8 = b'h';
/// Answers, then closes.
pub const CLOSE: u8 = b'c';
/// Answers after so many milliseconds (u64).
pub const TIMER: u8 = b't';
/// Like `HOLD`, but resumes within the call.
pub const BOUNCE: u8 = b'b';
/// Answers with so many pieces (u64) of so many bytes (u32), which are given away.
pub const GIVE: u8 = b'g';
/// Keeps its worker busy for so many microseconds (u64), and answers how many frames were handled until then (u64).
pub const WORK: u8 = b'w';
/// Keeps its worker until the test opens the gate.
pub const GATE: u8 = b'a';
/// The largest frame that framing does not refuse by itself.
pub const FRAMING_LIMIT: usize = 1 << 30;

pub enum Message {
    /// Counts.
    Count(u64),
    /// Resumes the held connections.
    Resume,
}

/// What the services of one server share with their test.
#[derive(Default)]
pub struct Shared {
    pub opened: AtomicU64,
    pub closed: AtomicU64,
    pub frames: AtomicU64,
    pub messages: AtomicU64,
    pub drained: AtomicU64,
    pub held: AtomicU64,
    pub gate: AtomicBool,
    /// Replies that were refused because their connection was gone.
    pub refused: AtomicU64,
    pub peers: Mutex<Vec<Peer>>,
}

pub struct Echo {
    shared: Arc<Shared>,
    file: Option<Arc<dyn Region>>,
    parked: HashMap<[u8; 8], (Slot, Vec<u8>)>,
    timers: HashMap<u64, Slot>,
    held: Vec<ConnId>,
    next_key: u64,
    draining: bool,
}

impl Echo {
    pub fn new(shared: Arc<Shared>, file: Option<Arc<dyn Region>>) -> Echo {
        Echo {
            shared,
            file,
            parked: HashMap::new(),
            timers: HashMap::new(),
            held: Vec::new(),
            next_key: 0,
            draining: false,
        }
    }

    fn answer(&self, cx: &mut Context<'_>, slot: Slot, parts: &[Part<'_>]) {
        let len: usize = parts
            .iter()
            .map(|part| match part {
                Part::Bytes(bytes) => bytes.len(),
                Part::File(range) => range.len as usize,
            })
            .sum();
        let header = (len as u32).to_be_bytes();
        let mut all = vec![Part::Bytes(&header)];
        all.extend_from_slice(parts);
        if !cx.reply(slot, &all) {
            self.shared.refused.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn range(&self, body: &[u8]) -> FileRange {
        let start = u64::from_be_bytes(body[..8].try_into().expect("eight bytes"));
        let len = u32::from_be_bytes(body[8..12].try_into().expect("four bytes"));
        FileRange { region: self.file.clone().expect("a file"), start, len }
    }
}

impl Service for Echo {
    type Session = u64;
    type Message = Message;

    fn open(&mut self, _: &mut Context<'_>, _: ConnId, peer: &Peer) -> u64 {
        self.shared.opened.fetch_add(1, Ordering::SeqCst);
        self.shared.peers.lock().unwrap().push(*peer);
        0
    }

    fn framing(&self, _: &u64, input: &[u8]) -> Framing {
        let Some(prefix) = input.first_chunk::<4>() else { return Framing::Incomplete { need: 4 } };
        let size = 4 + u32::from_be_bytes(*prefix) as usize;
        match size {
            0..5 => Framing::Refuse("a frame without an op".into()),
            _ if size > FRAMING_LIMIT => Framing::Refuse("the framing's own limit".into()),
            _ if size <= input.len() => Framing::Whole(size),
            need => Framing::Incomplete { need },
        }
    }

    fn request(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut u64,
        slot: Slot,
        frame: &[u8],
    ) -> Flow {
        *session += 1;
        self.shared.frames.fetch_add(1, Ordering::SeqCst);
        let (op, body) = (frame[4], &frame[5..]);
        match op {
            ECHO => self.answer(cx, slot, &[Part::Bytes(body)]),
            PARK if self.draining => self.answer(cx, slot, &[Part::Bytes(body)]),
            PARK => {
                let name = body[..8].try_into().expect("a name");
                self.parked.insert(name, (slot, body.to_vec()));
            }
            RELEASE => {
                let name: [u8; 8] = body[..8].try_into().expect("a name");
                if let Some((parked, body)) = self.parked.remove(&name) {
                    self.answer(cx, parked, &[Part::Bytes(&body)]);
                }
                self.answer(cx, slot, &[Part::Bytes(body)]);
            }
            SKIP => cx.skip(slot),
            FILE => {
                let range = self.range(body);
                self.answer(cx, slot, &[Part::File(range)]);
            }
            GIVE => {
                let FileRange { start: count, len, .. } = self.range(body);
                let piece = |at: u64| pattern(at as usize * len as usize, len as usize);
                let mut pieces = vec![(count as u32 * len).to_be_bytes().to_vec()];
                pieces.extend((0..count).map(piece));
                cx.reply_with(slot, pieces);
            }
            HOLD => {
                self.answer(cx, slot, &[Part::Bytes(body)]);
                self.held.push(slot.conn());
                self.shared.held.fetch_add(1, Ordering::SeqCst);
                return Flow::Hold;
            }
            BOUNCE => {
                self.answer(cx, slot, &[Part::Bytes(body)]);
                cx.resume(slot.conn());
                return Flow::Hold;
            }
            WORK => {
                let until = Instant::now() + Duration::from_micros(micros(body));
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                let handled = self.shared.frames.load(Ordering::SeqCst).to_be_bytes();
                self.answer(cx, slot, &[Part::Bytes(&handled)]);
            }
            GATE => {
                until("the gate is open", || self.shared.gate.load(Ordering::SeqCst));
                self.answer(cx, slot, &[Part::Bytes(body)]);
            }
            CLOSE => {
                self.answer(cx, slot, &[Part::Bytes(body)]);
                return Flow::Close("asked to".into());
            }
            TIMER => {
                let ms = u64::from_be_bytes(body[..8].try_into().expect("eight bytes"));
                self.next_key += 1;
                cx.set_timer(cx.now() + Duration::from_millis(ms), self.next_key);
                self.timers.insert(self.next_key, slot);
            }
            _ => return Flow::Close("unknown op".into()),
        }
        Flow::Next
    }

    fn message(&mut self, cx: &mut Context<'_>, message: Message) {
        match message {
            Message::Count(n) => {
                self.shared.messages.fetch_add(n, Ordering::SeqCst);
            }
            Message::Resume => self.held.drain(..).for_each(|conn| cx.resume(conn)),
        }
    }

    fn timer(&mut self, cx: &mut Context<'_>, key: u64) {
        let slot = self.timers.remove(&key).expect("a timer fires once");
        self.answer(cx, slot, &[Part::Bytes(b"timer")]);
    }

    fn end_of_turn(&mut self, _: &mut Context<'_>) {}

    fn drain(&mut self, cx: &mut Context<'_>) {
        self.draining = true;
        self.shared.drained.fetch_add(1, Ordering::SeqCst);
        let parked: Vec<_> = self.parked.drain().map(|(_, parked)| parked).collect();
        for (slot, body) in parked {
            self.answer(cx, slot, &[Part::Bytes(&body)]);
        }
        self.held.drain(..).for_each(|conn| cx.resume(conn));
    }

    fn closed(&mut self, _: &mut Context<'_>, _: ConnId, _: u64) {
        self.shared.closed.fetch_add(1, Ordering::SeqCst);
    }
}

fn micros(body: &[u8]) -> u64 {
    u64::from_be_bytes(body[..8].try_into().expect("eight bytes"))
}

/// A file of bytes that tell their own positions, mapped if asked for.
pub struct TestFile {
    file: Arc<File>,
    bytes: Option<Vec<u8>>,
}

impl TestFile {
    pub fn new(len: usize, mapped: bool) -> Arc<TestFile> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("barnabas-net-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let bytes = pattern(0, len);
        file.write_all(&bytes).unwrap();
        Arc::new(TestFile { file: Arc::new(file), bytes: mapped.then_some(bytes) })
    }
}

/// What a [`TestFile`] holds from `start` on.
pub fn pattern(start: usize, len: usize) -> Vec<u8> {
    (start..start + len).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

impl Region for TestFile {
    fn file(&self) -> Option<Arc<dyn AsFd>> {
        Some(self.file.clone())
    }

    fn bytes(&self, start: u64, len: u32) -> Option<&[u8]> {
        self.bytes.as_ref()?.get(start as usize..start as usize + len as usize)
    }
}

pub struct Server {
    pub running: Option<Running>,
    pub address: SocketAddr,
    pub addresses: Vec<SocketAddr>,
    pub shared: Arc<Shared>,
    pub senders: Vec<Sender<Message>>,
    pub stats: Vec<Arc<Stats>>,
    pub budget: Arc<net::Budget>,
}

pub fn options() -> Options {
    let listeners = vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()];
    let sqpoll = std::env::var("TEST_IO").as_deref() == Ok("sqpoll");
    Options { listeners, driver: driver(), sqpoll, ..Options::default() }
}

/// The driver to test: `TEST_IO=uring`, `TEST_IO=sqpoll` (the same with a polled ring), else mio.
pub fn driver() -> DriverKind {
    match std::env::var("TEST_IO").as_deref() {
        Ok("uring" | "sqpoll") => DriverKind::Uring,
        Ok("mio") | Err(_) => DriverKind::Mio,
        Ok(other) => panic!("TEST_IO is {other}: mio, uring or sqpoll"),
    }
}

pub fn limits(change: impl FnOnce(&mut Limits)) -> Options {
    let mut options = options();
    change(&mut options.limits);
    options
}

pub fn serve(options: Options) -> Server {
    serve_file(options, None)
}

pub fn serve_file(options: Options, file: Option<Arc<dyn Region>>) -> Server {
    let bound: Bound<Message> = net::bind(&options).unwrap();
    let shared = Arc::new(Shared::default());
    let (addresses, senders, stats, budget) =
        (bound.addresses(), bound.senders(), bound.stats(), bound.budget());
    let for_workers = shared.clone();
    let running = bound.start(move |_| Echo::new(for_workers.clone(), file.clone())).unwrap();
    Server {
        running: Some(running),
        address: addresses[0],
        addresses,
        shared,
        senders,
        stats,
        budget,
    }
}

impl Server {
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn stop(&mut self) {
        self.running.take().unwrap().stop(Instant::now() + Duration::from_secs(20));
    }

    pub fn sum(&self, counter: impl Fn(&Stats) -> u64) -> u64 {
        self.stats.iter().map(|stats| counter(stats)).sum()
    }

    /// Connections that the workers hold.
    /// What the limits count: a connection gives its place up after it is closed.
    pub fn places_taken(&self) -> usize {
        self.running.as_ref().map_or(0, Running::connections)
    }

    pub fn connections(&self) -> u64 {
        self.sum(Stats::connections)
    }
}

/// Waits until `done`, for which there is no event to wait for; panics when that takes absurdly
/// long. What is waited for is asserted, never how long it takes.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < patience, "it never came to pass: {what}");
        std::thread::yield_now();
    }
}

/// Lets this process have so many descriptors at least.
pub fn allow_descriptors(count: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is read from the kernel and, raised, given back to it.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_cur.max(count);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
}

pub struct Client {
    pub stream: TcpStream,
}

pub fn frame(op: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = (body.len() as u32 + 1).to_be_bytes().to_vec();
    frame.push(op);
    frame.extend_from_slice(body);
    frame
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Client { stream }
    }

    pub fn send(&mut self, op: u8, body: &[u8]) {
        self.stream.write_all(&frame(op, body)).unwrap();
    }

    /// Waits until all that was sent is in the server's socket: the kernel may take its time, under load above all.
    pub fn await_taken(&self) {
        until("all is acknowledged", || {
            let mut unsent: libc::c_int = 0;
            // SAFETY: the answer is written to a word of ours.
            let asked =
                unsafe { libc::ioctl(self.stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut unsent) };
            asked == 0 && unsent == 0
        });
    }

    pub fn receive(&mut self) -> Vec<u8> {
        let mut prefix = [0; 4];
        self.stream.read_exact(&mut prefix).unwrap();
        let mut body = vec![0; u32::from_be_bytes(prefix) as usize];
        self.stream.read_exact(&mut body).unwrap();
        body
    }

    pub fn call(&mut self, op: u8, body: &[u8]) -> Vec<u8> {
        self.send(op, body);
        self.receive()
    }

    /// The server has closed the connection, properly or by a reset, and sent nothing more.
    pub fn assert_closed(&mut self) {
        match self.last_read() {
            Ok(n) => assert_eq!(n, 0, "unexpected bytes"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }

    /// In order: whatever was sent before is there.
    pub fn assert_ended(&mut self) {
        assert_eq!(self.last_read().map_err(|why| why.kind()), Ok(0));
    }

    fn last_read(&mut self) -> std::io::Result<usize> {
        loop {
            match self.stream.read(&mut [0; 16]) {
                // The end of a ring interrupts the calls of all threads of its process.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

pub fn range(start: u64, len: u32) -> Vec<u8> {
    [&start.to_be_bytes()[..], &len.to_be_bytes()[..]].concat()
}

/// A line of the log: the message, and what belongs to it as `key=value`.
pub fn line_of(record: &log::Record<'_>) -> String {
    struct Values(String);
    impl<'kvs> log::kv::VisitSource<'kvs> for Values {
        fn visit_pair(
            &mut self,
            key: log::kv::Key<'kvs>,
            value: log::kv::Value<'kvs>,
        ) -> Result<(), log::kv::Error> {
            self.0.push_str(&format!(" {key}={value}"));
            Ok(())
        }
    }
    let mut line = Values(record.args().to_string());
    record.key_values().visit(&mut line).unwrap();
    line.0
}
