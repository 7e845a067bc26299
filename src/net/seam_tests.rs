//! What a worker owes a driver at the edges of the seam: its wait, and its end.

use super::super::admission::{Admissions, Share};
use super::super::connection::Input;
use super::super::context::Context;
use super::super::driver::Host;
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
    fn close(&mut self, _: &mut impl Host, _: ConnId, _: bool) {}

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

    fn message(&mut self, _: &mut Context<'_>, (): ()) {}
    fn timer(&mut self, _: &mut Context<'_>, _: u64) {}
    fn end_of_turn(&mut self, _: &mut Context<'_>) {}
    fn drain(&mut self, _: &mut Context<'_>) {}
    fn closed(&mut self, _: &mut Context<'_>, _: ConnId, (): ()) {}
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
    let mut worker =
        Worker::new(core, Mute { _seen: seen.clone(), frames: 0, answer: 0 }, driver, mail);
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let peer = Peer { remote: address, local: address, listener: 0, number: 1 };
    let admission = Admissions::new(&Limits::default(), 1)
        .admit(address.ip(), Share::ALL)
        .expect("room for one");
    let id = worker.engine.open(peer, admission);
    (worker, id, seen)
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
