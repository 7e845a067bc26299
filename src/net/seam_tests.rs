//! What a worker owes a driver at the edges of the seam: its wait, and its end.

use super::super::admission::{Admissions, Share};
use super::super::connection::Input;
use super::super::context::Context;
use super::super::driver::{Farewell, Host, Sockets};
use super::super::mailbox::{DEFAULT_LIMIT, Mailbox};
use super::super::options::Limits;
use super::super::pool::Budget;
use super::super::service::{Flow, Framing, Part, Slot};
use super::super::stats::Stats;
use super::*;
use std::net::SocketAddr;

/// Begins receives when it is told to prepare; lets go of memory or not.
struct Edge {
    conns: Vec<ConnId>,
    waits: Vec<Option<Duration>>,
    lets_go: bool,
}

impl Sockets for Edge {}

impl Driver for Edge {
    fn add(&mut self, _: ConnId, _: TcpStream) -> io::Result<()> {
        Ok(())
    }

    fn receive(&mut self, _: ConnId) {}
    fn send(&mut self, _: ConnId) {}

    fn prepare(&mut self, host: &mut impl Host) {
        for id in self.conns.drain(..) {
            assert!(matches!(host.input(id), Input::Paused), "there is no memory");
        }
    }

    fn has_work(&self) -> bool {
        false
    }

    fn wait(&mut self, host: &mut impl Host, timeout: Option<Duration>) -> io::Result<()> {
        self.waits.push(timeout);
        host.woke();
        Ok(())
    }

    fn flush(&mut self, _: &mut impl Host) {}
    fn close(&mut self, _: &mut impl Host, _: ConnId, _: Farewell) {}

    fn is_trimmed(&self) -> bool {
        true
    }

    fn trim(&mut self) {}

    fn let_go(&mut self) -> bool {
        self.lets_go
    }
}

/// Counts its frames, and is known to live by its half of a pair.
struct Mute {
    _seen: Arc<()>,
    frames: usize,
    /// Bytes of its answers.
    answer: usize,
    /// What it has gathered for the end of the turn.
    gathered: usize,
    /// Messages, timers, ends of connections, things that were gathered: each takes as long as a part of a turn may.
    done: usize,
}

impl Mute {
    fn work(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(150) {
            std::hint::spin_loop();
        }
        self.done += 1;
    }
}

impl Service for Mute {
    type Session = ();
    type Message = ();

    fn open(&mut self, _: &mut Context<'_>, _: ConnId, _: &Peer) {}

    fn framing(&self, (): &(), input: &[u8]) -> Framing {
        if input.len() < 4 { Framing::Incomplete { need: 4 } } else { Framing::Whole(4) }
    }

    fn request(&mut self, cx: &mut Context<'_>, (): &mut (), slot: Slot, _: &[u8]) -> Flow {
        self.frames += 1;
        if self.answer > 0 {
            cx.reply(slot, &[Part::Bytes(&vec![0; self.answer])]);
        }
        Flow::Next
    }

    fn message(&mut self, _: &mut Context<'_>, (): ()) {
        self.work();
    }

    fn timer(&mut self, _: &mut Context<'_>, _: u64) {
        self.work();
    }

    fn end_of_turn(&mut self, cx: &mut Context<'_>) {
        while self.gathered > 0 {
            self.gathered -= 1;
            self.work();
            if cx.is_enough() {
                return;
            }
        }
    }

    fn has_work(&self) -> bool {
        self.gathered > 0
    }

    fn drain(&mut self, _: &mut Context<'_>) {}

    fn closed(&mut self, _: &mut Context<'_>, _: ConnId, (): ()) {
        self.work();
    }
}

/// A worker with a connection, and what is seen of its service.
fn worker(max_memory: usize, lets_go: bool) -> (Worker<Mute, Edge>, ConnId, Arc<()>) {
    let limits = Limits { max_memory, idle_timeout: Duration::MAX, ..Limits::default() };
    let budget = Budget::new(max_memory);
    let core = Core::new(limits, budget, Arc::new(Stats::default()));
    let bell = Bell::new(|| {});
    let control = Mailbox::with_bell(bell.clone(), DEFAULT_LIMIT).1;
    let messages = Mailbox::with_bell(bell.clone(), DEFAULT_LIMIT).1;
    let seen = Arc::new(());
    let driver = Edge { conns: Vec::new(), waits: Vec::new(), lets_go };
    let mail = Mail { bell, control, messages };
    let mute = Mute { _seen: seen.clone(), frames: 0, answer: 0, gathered: 0, done: 0 };
    let mut worker = Worker::new(core, mute, driver, mail);
    let id = connect(&mut worker);
    (worker, id, seen)
}

fn connect(worker: &mut Worker<Mute, Edge>) -> ConnId {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let peer = Peer { remote: address, local: address, listener: 0, number: 1 };
    let admission = Admissions::new(&Limits::default(), 1)
        .admit(address.ip(), Share::ALL)
        .expect("room for one");
    worker.engine.open(peer, admission, &worker.driver)
}

#[test]
fn who_finds_no_memory_before_the_wait_is_not_slept_over() {
    let (mut worker, id, _) = worker(1, true);
    // Another connection has all memory there is, and nothing else would wake the worker.
    worker.trim = Some(worker.engine.core.timers.set(Instant::now(), Alarm::Trim));
    worker.engine.core.timers.pop(Instant::now());
    let ring = worker.engine.core.pool.ring(1, 1);
    worker.driver.conns.push(id);
    worker.turn().expect("a turn");
    let waited = worker.driver.waits[0].expect("not for ever");
    assert!(waited <= Duration::from_millis(20), "{waited:?}");
    worker.engine.core.pool.put(ring);
}

#[test]
fn memory_that_a_driver_has_not_let_go_of_stays() {
    for lets_go in [true, false] {
        let (worker, _, seen) = worker(1 << 20, lets_go);
        drop(worker);
        assert_eq!(Arc::strong_count(&seen), if lets_go { 1 } else { 2 });
    }
}

#[test]
fn a_receive_that_ends_while_the_worker_drains_is_no_request() {
    let (mut worker, id, _) = worker(1 << 20, true);
    worker.engine.received(id, 0, b"ab");
    let Input::Space { own, .. } = worker.engine.input(id) else { panic!("paused") };
    own[..2].copy_from_slice(b"cd");
    worker.engine.core.deaf = true;
    worker.engine.received(id, 2, &[]);
    assert_eq!(worker.engine.service.frames, 0, "nothing is handled any more");
    let entry = worker.engine.core.live(id).expect("it is there");
    assert!(!entry.conn.inbox.may_have_frame(), "or the drain would wait for it");
}

#[test]
fn who_asks_for_much_at_once_leaves_the_others_their_turn() {
    let (mut worker, id, _) = worker(16 << 20, true);
    worker.engine.service.answer = 30 << 10;
    worker.engine.received(id, 0, &[0; 4 * 20]);
    assert_eq!(worker.engine.service.frames, 3, "until 64 KiB of answers are made");
    worker.turn().expect("a turn");
    assert_eq!(worker.engine.service.frames, 6, "and goes on in the next one");
    assert_eq!(worker.driver.waits, [Some(Duration::ZERO)], "which does not wait for anything");
}

/// Whatever it is that a thousand want at once, the others have their turns between it, and none of it is lost.
#[test]
fn what_takes_longer_than_a_turn_may_goes_on_in_the_next_ones() {
    const MANY: usize = 20;
    let kinds: [fn(&mut Worker<Mute, Edge>); 4] = [
        |worker| worker.messages.extend([(); MANY]),
        |worker| worker.engine.service.gathered = MANY,
        |worker| {
            let core = &mut worker.engine.core;
            (0..MANY).for_each(|at| _ = core.timers.set(core.now, Alarm::Service(at as u64)));
        },
        |worker| {
            let ids: Vec<_> = (0..MANY).map(|_| connect(worker)).collect();
            ids.iter().for_each(|id| worker.engine.core.abort(*id, Why::ordinary("a test")));
        },
    ];
    for (kind, begin) in kinds.iter().enumerate() {
        let (mut worker, _, _) = worker(1 << 20, true);
        begin(&mut worker);
        let mut turns = 0;
        while worker.engine.service.done < MANY {
            worker.turn().expect("a turn");
            turns += 1;
            assert!(turns <= MANY, "something is done in each turn");
        }
        assert!(turns >= MANY / 3, "{turns} turns of kind {kind}");
        let waits = worker.driver.waits.iter();
        assert!(
            waits.clone().all(|wait| *wait == Some(Duration::ZERO)),
            "no turn waits for anything"
        );
    }
}

#[test]
fn a_stop_leaves_none_of_it_to_a_turn_that_does_not_come() {
    let (mut worker, _, _) = worker(1 << 20, true);
    let core = &mut worker.engine.core;
    core.timers.set(core.now, Alarm::Stop);
    core.stopping = true;
    worker.messages.extend([(); 5]);
    worker.engine.service.gathered = 5;
    worker.run().expect("an end");
    assert_eq!(worker.engine.service.done, 5 + 5 + 1, "and the end of the connection");
}
