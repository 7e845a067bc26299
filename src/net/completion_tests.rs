//! The driver seam under a driver that completes later.
//!
//! A stand-in for a ring: receives and writes are under way for many turns, the "kernel" writes
//! through the address that it was given when the receive began, and closing takes its time. If
//! the worker moved, reused or freed memory that was lent, bytes would end up elsewhere: the
//! answers of every connection are compared.

use super::super::admission::{Admissions, Share};
use super::super::connection::Input;
use super::super::context::Context;
use super::super::driver::{Farewell, Host, Sockets};
use super::super::mailbox::{DEFAULT_LIMIT, Mailbox};
use super::super::options::Limits;
use super::super::outbox::{Gather, Output};
use super::super::pool::Budget;
use super::super::region::{FileRange, Region};
use super::super::service::{Flow, Framing, Part, Slot};
use super::super::stats::Stats;
use super::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::rc::Rc;

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}

/// A receive that has begun.
struct Receive {
    own: *mut u8,
    own_len: usize,
    window: bool,
}

/// A write that has begun: where, how much, and a copy of what it was then.
type Write = (Vec<(*const u8, usize)>, Vec<u8>);

/// One peer and what is under way for it.
#[derive(Default)]
struct Wire {
    /// What the peer sends, what of it is on its way, and what came back.
    incoming: VecDeque<u8>,
    answers: Vec<u8>,
    receive: Option<Receive>,
    paused: bool,
    write: Option<Write>,
    wants_write: bool,
    closing: bool,
    gone: bool,
}

struct World {
    random: Random,
    wires: BTreeMap<ConnId, Wire>,
}

struct Completion(Rc<RefCell<World>>);

impl Completion {
    /// Begins a receive on each connection that has none and is not paused.
    fn submit(&self, host: &mut impl Host, world: &mut World) {
        for (id, wire) in &mut world.wires {
            if wire.receive.is_none() && !wire.paused && !wire.closing {
                match host.input(*id) {
                    Input::Paused => wire.paused = true,
                    Input::Space { own, window } => {
                        let (own, own_len) = (own.as_mut_ptr(), own.len());
                        wire.receive = Some(Receive { own, own_len, window });
                    }
                }
            }
        }
    }

    /// Ends some receives.
    fn complete_receives(&self, host: &mut impl Host, world: &mut World) {
        let World { random, wires } = world;
        for (id, wire) in wires {
            if wire.incoming.is_empty() || random.below(3) > 0 {
                continue;
            }
            let Some(receive) = wire.receive.take() else { continue };
            let scale = [10, 1_000, 100_000][random.below(3)];
            let most = 1 + random.below(scale);
            let room = receive.own_len + if receive.window { 50_000 } else { 0 };
            let n = most.min(room).min(wire.incoming.len());
            let bytes: Vec<u8> = wire.incoming.drain(..n).collect();
            let (own, window) = bytes.split_at(n.min(receive.own_len));
            for (at, byte) in own.iter().enumerate() {
                // SAFETY: what is tested: the space stays lent until `received`.
                unsafe { receive.own.add(at).write(*byte) };
            }
            host.received(*id, own.len(), window);
        }
    }

    /// Ends some writes, of some of their bytes.
    fn complete_writes(&self, host: &mut impl Host, world: &mut World) {
        let World { random, wires } = world;
        for (id, wire) in wires {
            if wire.closing || random.below(3) > 0 {
                continue;
            }
            let Some((places, copy)) = wire.write.take() else { continue };
            let now = places.iter().flat_map(|(at, len)| {
                // SAFETY: what is tested: offered bytes stay until `written`.
                unsafe { std::slice::from_raw_parts(*at, *len) }.iter().copied()
            });
            assert!(now.eq(copy.iter().copied()), "offered bytes have changed");
            let n = if random.below(2) == 0 { copy.len() } else { random.below(copy.len() + 1) };
            wire.answers.extend_from_slice(&copy[..n]);
            host.written(*id, n);
            wire.wants_write = true;
        }
    }

    /// Lets go of some connections that were closed; until then their memory is written to.
    fn complete_closes(&self, host: &mut impl Host, world: &mut World) {
        let World { random, wires } = world;
        for (id, wire) in wires {
            if !wire.closing || wire.gone {
                continue;
            }
            if let Some(receive) = &wire.receive {
                for at in 0..receive.own_len {
                    // SAFETY: what is tested: the space stays lent until `gone`.
                    unsafe { receive.own.add(at).write(0xee) };
                }
            }
            if random.below(4) == 0 {
                (wire.receive, wire.write, wire.gone) = (None, None, true);
                host.gone(*id);
            }
        }
    }
}

impl Sockets for Completion {}

impl Driver for Completion {
    fn add(&mut self, _: ConnId, _: TcpStream) -> io::Result<()> {
        unreachable!("connections are put into the world by the test")
    }

    fn receive(&mut self, id: ConnId) {
        if let Some(wire) = self.0.borrow_mut().wires.get_mut(&id) {
            wire.paused = false;
        }
    }

    fn send(&mut self, id: ConnId) {
        if let Some(wire) = self.0.borrow_mut().wires.get_mut(&id) {
            wire.wants_write = true;
        }
    }

    fn has_work(&self) -> bool {
        true
    }

    fn wait(&mut self, host: &mut impl Host, _: Option<Duration>) -> io::Result<()> {
        host.woke();
        let mut world = self.0.borrow_mut();
        self.complete_receives(host, &mut world);
        self.complete_writes(host, &mut world);
        self.complete_closes(host, &mut world);
        self.submit(host, &mut world);
        Ok(())
    }

    fn flush(&mut self, host: &mut impl Host) {
        for (id, wire) in &mut self.0.borrow_mut().wires {
            if wire.write.is_some() || wire.closing || !std::mem::take(&mut wire.wants_write) {
                continue;
            }
            let mut gather = Gather::new();
            let place = |bytes: &[u8]| (bytes.as_ptr(), bytes.len());
            let places: Vec<_> = match host.output(*id, &mut gather) {
                Output::Nothing => continue,
                Output::Gathered { .. } => gather.slices().iter().map(|s| place(s)).collect(),
                Output::File(range) => vec![place(range.bytes().expect("mapped"))],
            };
            // SAFETY: offered just now.
            let bytes = places.iter().map(|p| unsafe { std::slice::from_raw_parts(p.0, p.1) });
            let copy = bytes.flatten().copied().collect();
            wire.write = Some((places, copy));
        }
    }

    fn close(&mut self, _: &mut impl Host, id: ConnId, _: Farewell) {
        if let Some(wire) = self.0.borrow_mut().wires.get_mut(&id) {
            wire.closing = true;
        }
    }

    fn is_trimmed(&self) -> bool {
        true
    }

    fn trim(&mut self) {}
}

/// Echoes, at once or at the end of a later turn, from memory or from a "file".
struct Later {
    parked: Vec<(Slot, Vec<u8>)>,
    random: Random,
}

struct Bytes(Vec<u8>);

impl Region for Bytes {
    fn file(&self) -> Option<Arc<dyn AsFd>> {
        Some(Arc::new(io::stdin()))
    }

    fn bytes(&self, start: u64, len: u32) -> Option<&[u8]> {
        self.0.get(start as usize..start as usize + len as usize)
    }
}

impl Later {
    fn answer(&mut self, cx: &mut Context<'_>, slot: Slot, frame: &[u8]) {
        if self.random.below(5) == 0 {
            let len = frame.len() as u32;
            let region = Arc::new(Bytes(frame.to_vec()));
            cx.reply(slot, &[Part::File(FileRange { region, start: 0, len })]);
        } else {
            cx.reply(slot, &[Part::Bytes(frame)]);
        }
    }
}

impl Service for Later {
    type Session = ();
    type Message = ();

    fn open(&mut self, _: &mut Context<'_>, _: ConnId, _: &Peer) {}

    fn framing(&self, (): &(), input: &[u8]) -> Framing {
        let Some(prefix) = input.first_chunk::<4>() else { return Framing::Incomplete { need: 4 } };
        match 4 + u32::from_be_bytes(*prefix) as usize {
            size if size <= input.len() => Framing::Whole(size),
            need => Framing::Incomplete { need },
        }
    }

    fn request(&mut self, cx: &mut Context<'_>, (): &mut (), slot: Slot, frame: &[u8]) -> Flow {
        match self.random.below(3) {
            0 => self.parked.push((slot, frame.to_vec())),
            _ => self.answer(cx, slot, frame),
        }
        match self.random.below(10) {
            0 => {
                cx.resume(slot.conn());
                Flow::Hold
            }
            _ => Flow::Next,
        }
    }

    fn message(&mut self, _: &mut Context<'_>, (): ()) {}
    fn timer(&mut self, _: &mut Context<'_>, _: u64) {}

    fn end_of_turn(&mut self, cx: &mut Context<'_>) {
        while !self.parked.is_empty() && self.random.below(3) > 0 {
            let at = self.random.below(self.parked.len());
            let (slot, frame) = self.parked.swap_remove(at);
            self.answer(cx, slot, &frame);
        }
    }

    fn drain(&mut self, _: &mut Context<'_>) {}
    fn closed(&mut self, _: &mut Context<'_>, _: ConnId, (): ()) {}
}

fn worker(seed: u64, world: &Rc<RefCell<World>>) -> (Worker<Later, Completion>, Arc<Budget>) {
    let limits = Limits { max_unsent: 100_000, max_slots: 30, turn_frames: 7, ..Limits::default() };
    let budget = Budget::new(limits.max_memory);
    let core = Core::new(limits, budget.clone(), Arc::new(Stats::default()));
    let bell = Bell::new(|| {});
    let control = Mailbox::with_bell(bell.clone(), DEFAULT_LIMIT).1;
    let messages = Mailbox::with_bell(bell.clone(), DEFAULT_LIMIT).1;
    let service = Later { parked: Vec::new(), random: Random(seed ^ 77) };
    let mail = Mail { bell, control, messages };
    (Worker::new(core, service, Completion(world.clone()), mail), budget)
}

fn connect(worker: &mut Worker<Later, Completion>, wire: Wire) -> ConnId {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let peer = Peer { remote: address, local: address, listener: 0, number: 1 };
    let admission = Admissions::new(&Limits::default(), 1)
        .admit(address.ip(), Share::ALL)
        .expect("room for one");
    let id = worker.engine.open(peer, admission, &worker.driver);
    worker.driver.0.borrow_mut().wires.insert(id, wire);
    id
}

fn turn(worker: &mut Worker<Later, Completion>) {
    worker.turn().expect("this driver's wait does not fail");
}

fn run(seed: u64) {
    let mut random = Random(seed);
    let world = Rc::new(RefCell::new(World { random: Random(!seed), wires: BTreeMap::new() }));
    let (mut worker, budget) = worker(seed, &world);
    let mut expected: BTreeMap<ConnId, Vec<u8>> = BTreeMap::new();
    for round in 0..12u8 {
        let mut stream = Vec::new();
        for _ in 0..random.below(40) {
            let scale = [30, 3_000, 90_000][random.below(3)];
            let len = random.below(scale);
            stream.extend_from_slice(&(len as u32).to_be_bytes());
            stream.extend((0..len).map(|at| (at as u8) ^ round));
        }
        let wire = Wire { incoming: stream.iter().copied().collect(), ..Wire::default() };
        let id = connect(&mut worker, wire);
        expected.insert(id, stream);
        (0..random.below(20)).for_each(|_| turn(&mut worker));
        if random.below(4) == 0 {
            worker.engine.core.abort(id, Why::ordinary("the test's whim"));
            expected.remove(&id);
        }
    }
    let finished = |world: &World| {
        expected.iter().all(|(id, stream)| world.wires[id].answers.len() == stream.len())
    };
    let mut turns = 0;
    while !finished(&world.borrow()) {
        turn(&mut worker);
        turns += 1;
        assert!(turns < 100_000, "the answers never came (seed {seed})");
    }
    for (id, stream) in &expected {
        assert!(world.borrow().wires[id].answers == *stream, "seed {seed}");
        worker.engine.core.abort(*id, Why::ordinary("done"));
    }
    while worker.engine.core.conns.len() > 0 {
        turn(&mut worker);
    }
    assert_eq!(worker.engine.core.pool.lent(), 0, "all rings came back");
    drop(worker);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_driver_that_completes_later_moves_the_same_bytes() {
    (0..12).for_each(run);
}
