//! The driver alone, with a host that does as it is told and real sockets.

use super::super::connection::Input;
use super::super::driver::{Arrived, Farewell};
use super::super::outbox::{Gather, Output};
use super::super::pool::WINDOW;
use super::super::slab::Key;
use super::*;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::AsRawFd;

/// A host of which each connection receives into a buffer, unless told otherwise.
#[derive(Default)]
pub(super) struct Script {
    pub(super) paused: bool,
    /// There is no memory for what comes.
    pub(super) refuses: bool,
    /// Space of a connection's own, for a frame that has begun.
    pub(super) own: Vec<u8>,
    /// What each connection has to write, and that it is told late about it.
    pub(super) output: Vec<u8>,
    pub(super) waits: bool,
    pub(super) written: Vec<usize>,
    pub(super) arrived: Vec<(ConnId, usize)>,
    /// All bytes that were taken.
    pub(super) heard: Vec<u8>,
    /// So many things are done in a part of a turn, and so many have been.
    pub(super) most: Option<usize>,
    pub(super) done: usize,
    pub(super) ended: usize,
    pub(super) failed: usize,
    pub(super) gone: usize,
}

impl Host for Script {
    fn is_late(&self) -> bool {
        self.most.is_some_and(|most| self.done >= most)
    }

    fn woke(&mut self) {
        self.done = 0;
    }

    fn writes(&mut self, _: usize) {
        self.done += 1;
    }

    fn input(&mut self, _: ConnId) -> Input<'_> {
        match self.paused {
            true => Input::Paused,
            false => Input::Space { own: &mut self.own, window: true },
        }
    }

    fn received(&mut self, id: ConnId, own: usize, _: &[u8]) {
        if own > 0 {
            self.arrived.push((id, own));
            self.heard.extend(self.own.drain(..own));
        }
    }

    fn arrived(&mut self, id: ConnId, bytes: &[u8]) -> Arrived {
        assert!(!bytes.contains(&0), "no peer sends zeroes");
        self.done += 1;
        if self.refuses {
            return Arrived::Refused;
        }
        self.arrived.push((id, bytes.len()));
        self.heard.extend_from_slice(bytes);
        if self.paused { Arrived::Kept } else { Arrived::Taken }
    }

    fn is_behind(&self, _: ConnId) -> bool {
        !self.own.is_empty()
    }

    fn ended(&mut self, _: ConnId) {
        self.ended += 1;
    }

    fn failed(&mut self, _: ConnId, _: io::Error) {
        self.failed += 1;
    }

    fn output<'a>(&'a mut self, _: ConnId, gather: &mut Gather<'a>) -> Output<'a> {
        if self.output.is_empty() {
            return Output::Nothing;
        }
        gather.push(&self.output);
        Output::Gathered { more: false }
    }

    fn waits_for_written(&self, _: ConnId) -> bool {
        self.waits
    }

    fn written(&mut self, _: ConnId, n: usize) {
        self.written.push(n);
        self.output.drain(..n);
    }

    fn gone(&mut self, _: ConnId) {
        self.gone += 1;
    }
}

pub(super) struct Bench {
    pub(super) uring: Uring,
    pub(super) host: Script,
    pub(super) stats: Arc<Stats>,
    pub(super) listener: TcpListener,
}

impl Bench {
    pub(super) fn new(paused: bool) -> Bench {
        Bench::of(false, paused)
    }

    /// One whose ring is polled, or not.
    pub(super) fn of(is_polled: bool, paused: bool) -> Bench {
        let stats = Arc::new(Stats::default());
        let uring = Uring::new(is_polled, 1 << 20, stats.clone()).expect("a ring");
        let host = Script { paused, ..Script::default() };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        Bench { uring, host, stats, listener }
    }

    /// A connection of the driver's, and its peer.
    pub(super) fn connect(&mut self, index: u32) -> (ConnId, std::net::TcpStream) {
        let peer = std::net::TcpStream::connect(self.listener.local_addr().expect("bound"));
        let (socket, _) = self.listener.accept().expect("accepted");
        socket.set_nonblocking(true).expect("nonblocking");
        let id = ConnId(Key { index, generation: 1 });
        self.uring.add(id, TcpStream::from_std(socket)).expect("added");
        (id, peer.expect("connected"))
    }

    /// A turn that waits only if it has to.
    pub(super) fn turn(&mut self) {
        self.uring.prepare(&mut self.host);
        let timeout = self.uring.has_work().then_some(Duration::ZERO);
        let timeout = timeout.or(Some(Duration::from_millis(1)));
        self.uring.wait(&mut self.host, timeout).expect("a wait");
    }

    pub(super) fn until(&mut self, what: &str, done: impl Fn(&Bench) -> bool) {
        for _ in 0..20_000 {
            if done(self) {
                return;
            }
            self.turn();
        }
        panic!("it never came to pass: {what}");
    }

    pub(super) fn socket(&self, id: ConnId) -> &Socket {
        self.uring.sockets[id.0.index as usize].as_ref().expect("it is there")
    }
}

/// Waits until so many bytes are in the socket's own buffer.
pub(super) fn await_bytes(socket: &TcpStream, len: usize) {
    let mut there: libc::c_int = 0;
    for _ in 0..10_000_000 {
        // SAFETY: the answer is written to a word of ours.
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &raw mut there) };
        if there as usize >= len {
            return;
        }
        std::thread::yield_now();
    }
    panic!("{there} of {len} bytes came");
}

#[test]
fn nothing_is_received_for_a_paused_connection_and_its_break_is_seen() {
    let mut bench = Bench::new(true);
    let (id, mut peer) = bench.connect(0);
    peer.write_all(b"not wanted now").expect("sent");
    await_bytes(&bench.socket(id).stream, 14);
    for _ in 0..5 {
        bench.turn();
    }
    assert!(bench.socket(id).is_watched && bench.socket(id).receiving == Receiving::No);
    assert_eq!(bench.host.arrived, []);
    // Half an end is none; a reset behind it is noticed.
    peer.shutdown(std::net::Shutdown::Write).expect("half closed");
    for _ in 0..5 {
        bench.turn();
    }
    assert_eq!((bench.host.failed, bench.host.ended), (0, 0));
    let linger = Some(Duration::ZERO);
    socket2::SockRef::from(&peer).set_linger(linger).expect("a reset");
    drop(peer);
    bench.until("the reset is noticed", |bench| bench.host.failed == 1);
}

#[test]
fn a_connection_that_is_fed_again_gets_what_came_meanwhile() {
    let mut bench = Bench::new(true);
    let (id, mut peer) = bench.connect(0);
    bench.turn();
    peer.write_all(b"later").expect("sent");
    bench.host.paused = false;
    bench.uring.receive(id);
    bench.until("it comes", |bench| bench.host.arrived == [(id, 5)]);
}

/// More connections than buffers, all with bytes at once, time and again.
#[test]
fn those_that_find_no_buffer_are_served_in_turn_and_none_twice_before_all() {
    const CROWD: u32 = 1_000;
    let mut bench = Bench::new(false);
    let mut peers: Vec<_> = (0..CROWD).map(|index| bench.connect(index).1).collect();
    bench.turn(); // all are armed
    for peer in &mut peers {
        peer.write_all(&[7; 100]).expect("sent");
    }
    bench.until("all are served", |bench| bench.host.arrived.len() == CROWD as usize);
    let mut ids: Vec<_> = bench.host.arrived.drain(..).map(|(id, _)| id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), CROWD as usize);
    // Each found none once, and perhaps once more where others came between; never in every turn.
    let vain = bench.uring.vain;
    assert!(vain > 0, "there was a crowd");
    assert!(vain <= 2 * u64::from(CROWD), "{vain} receives in vain");
    assert_eq!(bench.stats.receives.get(), u64::from(CROWD), "what is in vain does not count");
}

/// No completion says that none was found: they stood in the queue from the start.
#[test]
fn who_is_hungry_receives_though_all_that_were_given_are_kept() {
    const CROWD: u32 = 6;
    let mut bench = Bench::new(false);
    bench.host.refuses = true;
    let mut peers: Vec<_> = (0..CROWD).map(|index| bench.connect(index)).collect();
    for (id, peer) in &mut peers {
        peer.write_all(&[7; 100]).expect("sent");
        await_bytes(&bench.socket(*id).stream, 100);
    }
    bench.uring.hungry.push_back(peers[0].0);
    bench.until("all have received", |bench| bench.uring.buffers.full() == CROWD as usize);
    assert_eq!(bench.uring.vain, 0, "nobody was sent for what was not there");
    assert!(!bench.uring.has_work(), "and nothing is left to do");
}

#[test]
fn memory_that_is_used_after_it_was_given_back_is_given_back_again() {
    let mut bench = Bench::new(false);
    let mut peers: Vec<_> = (0..32).map(|index| bench.connect(index).1).collect();
    bench.turn();
    peers.iter_mut().for_each(|peer| peer.write_all(&[7; 100]).expect("sent"));
    bench.until("all are served", |bench| bench.host.arrived.len() == 32);
    bench.uring.trim();
    assert!(bench.uring.is_trimmed());
    peers[0].write_all(&[7; 100]).expect("sent");
    bench.until("one more is served", |bench| bench.host.arrived.len() == 33);
    assert!(!bench.uring.is_trimmed(), "a buffer has been used");
}

/// A polled ring fills buffers while nobody looks: what it may have filled must stay.
#[test]
fn a_polled_ring_keeps_what_came_while_memory_is_given_back() {
    let mut bench = Bench::of(true, false);
    let (first, peer) = bench.connect(0);
    let mut peers = vec![peer];
    peers.extend((1..32).map(|index| bench.connect(index).1));
    bench.turn();
    peers.iter_mut().for_each(|peer| peer.write_all(&[7; 100]).expect("sent"));
    bench.until("all are served", |bench| bench.host.arrived.len() == 32);
    bench.uring.trim();
    let is_back = |buffer| bench.uring.buffers.bytes(buffer, 1) == [0];
    assert!((0..64).all(is_back), "the memory of all is given back, that of those given included");
    for round in 33..43 {
        // It may have stood behind those that found no buffer.
        bench.until("it is received from", |bench| {
            bench.socket(first).receiving == Receiving::Buffer
        });
        peers[0].write_all(&[7; 100]).expect("sent");
        // It is in a buffer, and nobody has been told.
        while bench.uring.queue.is_empty() {
            bench.uring.queue.enter(Some(Duration::ZERO)).expect("the thread is woken");
        }
        bench.uring.trim();
        assert!(bench.uring.is_trimmed());
        bench.until("it is served", |bench| bench.host.arrived.len() == round);
        assert!(!bench.uring.is_trimmed(), "a buffer has been used");
    }
}

#[test]
fn a_polled_ring_serves_a_crowd_and_forgets_who_is_closed() {
    const CROWD: u32 = 1_000;
    let mut bench = Bench::of(true, false);
    let mut peers: Vec<_> = (0..CROWD).map(|index| bench.connect(index)).collect();
    for _ in 0..3 {
        bench.host.arrived.clear();
        peers.iter_mut().for_each(|(_, peer)| peer.write_all(&[7; 100]).expect("sent"));
        bench.until("all is there", |bench| {
            let all: usize = bench.host.arrived.iter().map(|(_, len)| len).sum();
            all == 100 * CROWD as usize
        });
    }
    for (id, _) in &peers {
        bench.uring.close(&mut bench.host, *id, Farewell::Plain);
    }
    bench.until("all are gone", |bench| bench.host.gone == CROWD as usize);
    assert!(bench.uring.let_go());
}

#[test]
fn what_is_cancelled_is_not_counted() {
    let mut bench = Bench::new(false);
    let (id, _peer) = bench.connect(0);
    bench.turn();
    bench.uring.close(&mut bench.host, id, Farewell::Plain);
    bench.until("it is gone", |bench| bench.host.gone == 1);
    assert_eq!(bench.stats.receives.get(), 0);
}

#[test]
fn a_gentle_close_of_a_socket_with_much_unread_is_no_reset() {
    const UNREAD: usize = 3 * WINDOW;
    let mut bench = Bench::new(true);
    let listener = socket2::SockRef::from(&bench.listener);
    listener.set_recv_buffer_size(8 * UNREAD).expect("a large buffer");
    let (id, mut peer) = bench.connect(0);
    peer.write_all(&vec![7; UNREAD]).expect("sent");
    await_bytes(&bench.socket(id).stream, UNREAD);
    bench.uring.close(&mut bench.host, id, Farewell::Gentle);
    bench.until("it is gone", |bench| bench.host.gone == 1);
    assert_eq!(peer.read(&mut [0]).expect("an end, not a reset"), 0);
}
