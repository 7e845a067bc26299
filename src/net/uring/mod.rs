//! The completion driver: io_uring.
//!
//! ```text
//! a turn:   arm receives ──> enter: submit all, wait ──> completions ──> host ──> writes queued ─┐
//!              ^─────────────────────── the next turn's enter takes them along ──────────────────┘
//! ```
//!
//! * One enter a turn: what a turn queues (receives, writes, cancellations) the next wait submits.
//! * A receive is armed before anybody knows whether bytes will come. It takes none of the connection's
//!   memory: the kernel puts what comes into a buffer of [`Buffers`], and then the host is asked
//!   ([`Host::arrived`]). Where an unfinished frame lacks much, it is received into the connection's own
//!   space instead, which is lent as [`Host::input`] says.
//! * A small write is *quiet*: it completes only if it fails, so that an answer by itself costs no second
//!   turn. That it has not failed is known once an enter has submitted it.
//! * A connection has one receive and one write under way at most. Paused it has none, so that what it
//!   sends stays with its peer; that it breaks is watched for. A receive that was under way when it was
//!   paused may bring one buffer more, or what comes in one go (see [`many`]).
//! * Those that find no buffer queue up: as many as there are buffers receive in a turn, the first first,
//!   and who has been served stands behind them.
//! * Large ranges of files go by `sendfile`, and what stands before them by a direct write: there is no such
//!   operation for a ring that does not cost a thread. A full socket is waited for in the ring.
//! * What is closed stays until the kernel has nothing of it any more; only then the host may free what
//!   it has lent. When the worker ends, all is cancelled first, and what is not is leaked.
//!
//! The ring belongs to its worker's thread, which enables it (SINGLE_ISSUER, DEFER_TASKRUN): completions
//! come when it asks, never in between. A polled ring's come at any time (SQPOLL): nothing that is lent,
//! nor a buffer that is given, may be touched before its completion.

mod buffers;
mod end;
mod many;
mod queue;
mod receive;
mod send;
mod socket;
mod wake;

pub(crate) use wake::Waker;

use super::driver::{Driver, Farewell, Host, Sockets};
use super::service::ConnId;
use super::stats::Stats;
use buffers::Buffers;
use io_uring::squeue::Entry;
use io_uring::{cqueue, opcode, types};
use mio::net::TcpStream;
use queue::{Completion, Queue};
use socket::{MOST, Message, Receiving, Socket, Task, What};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

/// See the module's comment.
pub(crate) struct Uring {
    queue: Queue,
    /// Whether the kernel has let go of all, once it was told to.
    let_go: Option<bool>,
    sockets: Vec<Option<Socket>>,
    /// Dropped by hand, if the kernel has let go of them.
    buffers: ManuallyDrop<Buffers>,
    waker: Arc<Waker>,
    /// Where a wake is read into.
    woken: Box<u64>,
    /// That read is under way.
    awaits_wake: bool,
    /// To receive from in the next turn.
    to_receive: VecDeque<ConnId>,
    /// These found no buffer, or come behind such: some at a time receive, the first first.
    hungry: VecDeque<ConnId>,
    /// These had their turn in vain: they are the next.
    unfed: Vec<ConnId>,
    /// The polling thread is waited for, which the worker else never does.
    is_stopping: bool,
    /// Waits since then, and whether one more brings what had come before.
    last_waits: usize,
    owes: bool,
    /// Bytes have moved since the last wait.
    has_moved: bool,
    /// To write to at the next flush.
    to_send: VecDeque<ConnId>,
    /// What is written quietly, since the last enter.
    quiet: Vec<ConnId>,
    /// Those that nobody has been told of.
    completions: VecDeque<Completion>,
    /// Why the next wait fails.
    broken: Option<io::Error>,
    /// Headers of writes that are over.
    #[expect(clippy::vec_box, reason = "the kernel is told where they are")]
    messages: Vec<Box<Message>>,
    turn_written: usize,
    stats: Arc<Stats>,
    /// Receives that found no buffer.
    #[cfg(test)]
    vain: u64,
}

impl Uring {
    /// # Errors
    /// When the kernel, or a sandbox, does not let us, or lacks what is needed (Linux 6.1).
    pub(crate) fn new(
        is_polled: bool,
        turn_written: usize,
        stats: Arc<Stats>,
    ) -> io::Result<Uring> {
        let queue = Queue::new(is_polled)?;
        Ok(Uring {
            buffers: ManuallyDrop::new(Buffers::new(queue.ring())?),
            queue,
            let_go: None,
            sockets: Vec::new(),
            waker: Arc::new(Waker::new()?),
            woken: Box::new(0),
            awaits_wake: false,
            to_receive: VecDeque::new(),
            hungry: VecDeque::new(),
            unfed: Vec::new(),
            is_stopping: false,
            last_waits: 0,
            owes: false,
            has_moved: false,
            to_send: VecDeque::new(),
            quiet: Vec::new(),
            completions: VecDeque::new(),
            broken: None,
            messages: Vec::new(),
            turn_written,
            stats,
            #[cfg(test)]
            vain: 0,
        })
    }

    /// What ends this driver's waits.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    fn await_wake(&mut self) {
        self.awaits_wake = true;
        let fd = types::Fd(self.waker.fd());
        let entry = opcode::Read::new(fd, (&raw mut *self.woken).cast(), 8).build();
        // SAFETY: the word is in a box of its own that is dropped after the ring has let go.
        unsafe { self.push(entry, What::Wake) };
    }

    /// # Safety
    /// What the entry points at stays where it is until it has completed.
    unsafe fn push(&mut self, entry: Entry, what: What) {
        // SAFETY: the caller's word.
        unsafe { self.queue.push(entry, what) };
    }

    fn complete(&mut self, host: &mut impl Host, what: What, result: i32, flags: u32) {
        match what {
            What::Receive(id) => self.received(host, id, result, flags),
            What::Send(id) => self.sent(host, id, result),
            What::Room(id) => self.has_room(host, id),
            What::Break(id) => self.broke(host, id, result, flags),
            What::Wake => self.await_wake(),
            What::End(task, id) => self.told_to_end(task, id, result),
            What::Nothing => {}
        }
    }

    /// The kernel has one thing less of a connection that is to be closed.
    fn close_when_over(&mut self, host: &mut impl Host, id: ConnId) {
        let Some(socket) = socket(&mut self.sockets, id) else { return };
        let Some(how) = socket.closing.filter(|_| !socket.is_under_way()) else { return };
        socket.part(how);
        self.sockets[id.0.index as usize] = None;
        host.gone(id);
    }

    /// Whether it is being closed; if it is over, it is gone now.
    fn is_closing(&mut self, host: &mut impl Host, id: ConnId) -> bool {
        let is_closing =
            socket(&mut self.sockets, id).is_none_or(|socket| socket.closing.is_some());
        if is_closing {
            self.close_when_over(host, id);
        }
        is_closing
    }

    /// Some found no buffer, or come behind such.
    fn is_crowded(&self) -> bool {
        !(self.hungry.is_empty() && self.unfed.is_empty())
    }

    /// Gives the memory of buffers back while the polling thread may fill them: it is left without any for
    /// a moment, and what it has filled before is told of by the next wait.
    fn trim_polled(&mut self) -> io::Result<()> {
        self.buffers.take_back(self.queue.ring())?;
        self.queue.take_all(&mut self.completions)?;
        let filled = self.completions.iter().filter_map(|(_, _, flags)| buffer_of(*flags));
        self.buffers.trim_taken(self.queue.ring(), filled)
    }
}

/// The socket of a connection, unless it is gone.
fn socket(sockets: &mut [Option<Socket>], id: ConnId) -> Option<&mut Socket> {
    let socket = sockets.get_mut(id.0.index as usize)?.as_mut()?;
    (socket.generation == id.0.generation).then_some(socket)
}

impl Sockets for Uring {
    /// What a thread of the kernel's has received in this moment, and nobody has taken from the ring, is not seen.
    fn has_input(&self, id: ConnId) -> bool {
        let socket = self.sockets.get(id.0.index as usize).and_then(Option::as_ref);
        let socket = socket.filter(|socket| socket.generation == id.0.generation);
        let is_kept = |socket: &Socket| !socket.kept.is_empty();
        let brings = |(what, result, _): &Completion| *what == What::Receive(id) && *result > 0;
        let is_received = || self.completions.iter().any(brings);
        socket.is_some_and(|socket| {
            let is_there = || matches!(socket.stream.peek(&mut [0]), Ok(1..));
            is_kept(socket) || is_there() || is_received()
        })
    }

    fn stream(&self, id: ConnId) -> Option<&TcpStream> {
        let socket = self.sockets.get(id.0.index as usize)?.as_ref()?;
        (socket.generation == id.0.generation).then_some(&socket.stream)
    }
}

impl Driver for Uring {
    fn add(&mut self, id: ConnId, stream: TcpStream) -> io::Result<()> {
        let at = id.0.index as usize;
        if id.0.index >= MOST {
            return Err(io::Error::new(ErrorKind::QuotaExceeded, "too many connections"));
        }
        if self.sockets.len() <= at {
            self.sockets.resize_with(at + 1, || None);
        }
        assert!(self.sockets[at].is_none(), "the place of a new connection is free");
        self.sockets[at] = Some(Socket::new(stream, id));
        self.receive(id);
        Ok(())
    }

    fn receive(&mut self, id: ConnId) {
        if let Some(socket) = socket(&mut self.sockets, id)
            && socket.receiving == Receiving::No
            && !std::mem::replace(&mut socket.is_to_receive, true)
        {
            self.to_receive.push_back(id);
        }
    }

    fn send(&mut self, id: ConnId) {
        if let Some(socket) = socket(&mut self.sockets, id)
            && !(socket.sends || socket.is_full)
            && !std::mem::replace(&mut socket.is_to_send, true)
        {
            self.to_send.push_back(id);
        }
    }

    fn prepare(&mut self, host: &mut impl Host) {
        self.begin_receives(host);
    }

    fn stopping(&mut self) {
        self.is_stopping = true;
    }

    fn owes_receives(&self) -> bool {
        self.owes || self.is_crowded() || !self.to_receive.is_empty()
    }

    fn has_work(&self) -> bool {
        let can_feed = !self.hungry.is_empty() && self.buffers.given() > 0;
        let is_untold = !self.completions.is_empty() || self.broken.is_some();
        let is_late = !(self.to_send.is_empty() && self.to_receive.is_empty());
        self.has_moved || can_feed || is_untold || is_late
    }

    fn wait(&mut self, host: &mut impl Host, timeout: Option<Duration>) -> io::Result<()> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        if self.queue.enable()? {
            self.await_wake();
        }
        self.has_moved = false;
        if self.is_stopping && timeout == Some(Duration::ZERO) && self.queue.is_polled() {
            self.queue.push_nothing();
        }
        self.queue.enter(timeout)?;
        host.woke();
        let mut completions = std::mem::take(&mut self.completions);
        match self.is_stopping {
            true => self.take_last(&mut completions),
            false => self.queue.take(&mut completions),
        }
        let told = self.tell_quiet(host, &mut completions);
        while let Some((what, result, flags)) = completions.pop_front() {
            self.complete(host, what, result, flags);
            if host.is_late() {
                break;
            }
        }
        self.completions = completions;
        told
    }

    fn flush(&mut self, host: &mut impl Host) {
        // Not those that come on the list meanwhile.
        for _ in 0..self.to_send.len() {
            let Some(id) = self.to_send.pop_front() else { break };
            if let Some(socket) = socket(&mut self.sockets, id) {
                socket.is_to_send = false;
                self.send_to(host, id);
            }
            if host.is_late() {
                break;
            }
        }
    }

    fn close(&mut self, host: &mut impl Host, id: ConnId, how: Farewell) {
        let Some(socket) = socket(&mut self.sockets, id) else { return host.gone(id) };
        socket.closing = Some(how);
        let kept = std::mem::take(&mut socket.kept);
        let receives = !matches!(socket.receiving, Receiving::No | Receiving::Ending);
        let under_way = [Task::Send, Task::Room, Task::Break].map(|task| (task, socket.has(task)));
        for (buffer, _) in kept {
            self.buffers.put_back(buffer);
        }
        if receives {
            self.end_receive(id);
        }
        for (task, _) in under_way.into_iter().filter(|(_, is_under_way)| *is_under_way) {
            self.cancel(task, id);
        }
        self.close_when_over(host, id);
    }

    fn is_trimmed(&self) -> bool {
        self.buffers.is_trimmed()
    }

    fn trim(&mut self) {
        while self.sockets.last().is_some_and(Option::is_none) {
            self.sockets.pop();
        }
        self.sockets.shrink_to_fit();
        self.to_receive.shrink_to_fit();
        self.hungry.shrink_to_fit();
        self.unfed.shrink_to_fit();
        self.to_send.shrink_to_fit();
        self.completions.shrink_to_fit();
        self.messages = Vec::new();
        self.quiet.shrink_to_fit();
        if self.queue.is_polled() {
            self.broken = self.trim_polled().err();
            return;
        }
        let is_kept = self.sockets.iter().flatten().any(|socket| !socket.kept.is_empty());
        // An entry that was submitted within the turn may have filled one.
        if !is_kept && self.completions.is_empty() && self.queue.is_empty() {
            self.buffers.trim();
        }
    }

    fn let_go(&mut self) -> bool {
        self.has_let_go()
    }
}

/// The buffer that a completion has filled.
fn buffer_of(flags: u32) -> Option<u16> {
    cqueue::buffer_select(flags)
}

#[cfg(test)]
mod many_tests;
#[cfg(test)]
mod quiet_tests;
#[cfg(test)]
mod tests;
