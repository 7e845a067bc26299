//! What a worker knows of its connections, whatever its service and its driver are.
//!
//! Nothing here does I/O. Events mark connections (something to send, frames to handle, to be
//! closed) and put them on a list once; the worker's turn works the lists off.

use super::admission::Admission;
use super::connection::{Connection, Input};
use super::driver::Arrived;
use super::options::Limits;
use super::pace::Pace;
use super::patience::STARVED_RETRY;
use super::pool::{Budget, Pool};
use super::report::Reporter;
use super::service::{ConnId, Part, Peer, Slot};
use super::slab::Slab;
use super::stats::Stats;
use super::timers::{TimerId, Timers};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    Service(u64),
    Idle(ConnId),
    /// Connections wait for memory.
    Starved,
    /// Give unused memory back.
    Trim,
    /// The deadline of the stop.
    Stop,
}

/// Why a connection ends.
pub(crate) struct Why {
    /// The peer is at fault: worth a warning.
    pub(crate) bad: bool,
    pub(crate) text: Cow<'static, str>,
}

impl Why {
    pub(crate) fn ordinary(text: impl Into<Cow<'static, str>>) -> Why {
        Why { bad: false, text: text.into() }
    }

    pub(crate) fn bad(text: impl Into<Cow<'static, str>>) -> Why {
        Why { bad: true, text: text.into() }
    }
}

/// A connection and what its worker notes about it.
pub(crate) struct Entry {
    pub(crate) conn: Connection,
    pub(crate) peer: Peer,
    pub(crate) why: Option<Why>,
    /// When bytes last moved.
    pub(crate) active: Instant,
    pub(super) idle_timer: Option<TimerId>,
    /// Counts as a connection until it is dropped.
    _admission: Admission,
    /// On the list of those with output.
    pub(super) dirty: bool,
    /// On the list of those with frames to handle.
    pub(super) ready: bool,
    /// Backpressure has stopped it.
    paused: bool,
    /// On the list of those that wait for memory.
    pub(super) starved: bool,
    /// On the list of those to be closed, or off it again: nothing more happens to it.
    pub(crate) doomed: bool,
    /// Its peer takes nothing of what waits for it.
    pub(super) given_up: bool,
}

/// Connections, timers, buffers, and the lists of what is to be done.
pub(crate) struct Core {
    pub(crate) now: Instant,
    pub(crate) limits: Limits,
    /// The time of the part of the turn that is under way.
    pub(crate) pace: Pace,
    pub(crate) conns: Slab<Entry>,
    pub(crate) timers: Timers<Alarm>,
    pub(crate) pool: Pool,
    pub(crate) stats: Arc<Stats>,
    pub(crate) reporter: Reporter,
    /// Connections with something to write.
    pub(crate) dirty: Vec<ConnId>,
    /// Connections with frames that were left for the next turn.
    pub(crate) ready: VecDeque<ConnId>,
    /// Connections to be closed.
    pub(crate) doomed: Vec<ConnId>,
    pub(super) starved: Vec<ConnId>,
    /// While memory is short: the connection that may exceed the budget to finish its frame.
    pub(super) favoured: Option<ConnId>,
    /// When it was last looked for frames that have stalled.
    pub(super) looked: Option<Instant>,
    /// The worker is to end once all is answered.
    pub(crate) stopping: bool,
    /// Nothing is received any more: the worker is stopping.
    pub(crate) deaf: bool,
    /// Bytes of unsent answers in memory.
    unsent: usize,
    /// The table of connections could not be made smaller.
    trimmed_sparse: bool,
}

impl Core {
    pub(crate) fn new(limits: Limits, budget: Arc<Budget>, stats: Arc<Stats>) -> Core {
        let now = Instant::now();
        Core {
            now,
            limits,
            pace: Pace::default(),
            conns: Slab::new(),
            timers: Timers::new(),
            pool: Pool::new(budget),
            stats,
            reporter: Reporter::new(now),
            dirty: Vec::new(),
            ready: VecDeque::new(),
            doomed: Vec::new(),
            starved: Vec::new(),
            favoured: None,
            looked: None,
            stopping: false,
            deaf: false,
            unsent: 0,
            trimmed_sparse: false,
        }
    }

    /// Takes a connection in.
    pub(crate) fn insert(&mut self, peer: Peer, admission: Admission) -> ConnId {
        let entry = Entry {
            conn: Connection::new(),
            peer,
            why: None,
            active: self.now,
            idle_timer: None,
            _admission: admission,
            dirty: false,
            ready: false,
            paused: false,
            starved: false,
            doomed: false,
            given_up: false,
        };
        let id = ConnId(self.conns.insert(entry));
        self.arm_idle(id, self.now);
        id
    }

    /// Removes a connection that its driver has let go.
    pub(crate) fn remove(&mut self, id: ConnId) {
        self.trimmed_sparse = false;
        if let Some(mut entry) = self.conns.remove(id.0) {
            self.unsent -= entry.conn.outbox.memory();
            entry.conn.release(&mut self.pool);
            if let Some(timer) = entry.idle_timer {
                self.timers.cancel(timer);
            }
        }
    }

    /// The connection, unless it is gone or as good as gone.
    pub(crate) fn live(&mut self, id: ConnId) -> Option<&mut Entry> {
        self.conns.get_mut(id.0).filter(|entry| !entry.doomed)
    }

    /// There is work that needs no waiting.
    pub(crate) fn has_work(&self) -> bool {
        !(self.dirty.is_empty() && self.ready.is_empty() && self.doomed.is_empty())
    }

    /// The time of this part of the turn is over. Who stops serves all that has come.
    pub(crate) fn is_late(&self) -> bool {
        self.pace.is_over() && !self.stopping
    }

    /// One of several things was done: whether the others are left to the next turn.
    pub(crate) fn is_enough(&mut self) -> bool {
        self.pace.did();
        self.is_late()
    }

    /// The same where the work is known: that of so many frames.
    pub(crate) fn is_enough_after(&mut self, frames: usize) -> bool {
        self.pace.handled_all(frames);
        self.is_late()
    }

    /// Where received bytes belong.
    pub(crate) fn input(&mut self, id: ConnId) -> Input<'_> {
        let deaf = self.deaf;
        let Some(entry) = self.conns.get_mut(id.0) else { return Input::Paused };
        if entry.doomed || entry.ready || entry.starved || deaf {
            return Input::Paused;
        }
        if !entry.conn.may_feed(&self.limits, &self.pool) {
            entry.paused = true;
            return Input::Paused;
        }
        // What had stopped it is over, though nobody has said so: its receive is not to be pumped.
        entry.paused = false;
        self.pool.set_overdraft(self.favoured == Some(id));
        match entry.conn.input(&self.limits, &mut self.pool) {
            Ok(input) => input,
            Err(_) => {
                entry.starved = true;
                if self.starved.is_empty() {
                    self.timers.set(self.now + STARVED_RETRY, Alarm::Starved);
                }
                self.starved.push(id);
                Input::Paused
            }
        }
    }

    /// Takes bytes over that came though [`Core::input`] says pause. Of a connection that is as good as
    /// gone, or is not listened to any more, they are nothing.
    pub(crate) fn keep(&mut self, id: ConnId, bytes: &[u8]) -> Arrived {
        let deaf = self.deaf;
        let Some(entry) = self.conns.get_mut(id.0) else { return Arrived::Kept };
        if entry.doomed || entry.conn.closing || deaf {
            return Arrived::Kept;
        }
        if entry.starved {
            return Arrived::Refused;
        }
        entry.active = self.now;
        entry.conn.keep(bytes, &mut self.pool);
        Arrived::Kept
    }

    /// Answers a slot.
    pub(crate) fn reply(&mut self, slot: Slot, parts: &[Part<'_>]) -> bool {
        self.answer(slot, |conn, pool| conn.reply(slot.seq, parts, pool))
    }

    /// Answers a request with bytes that are given away.
    pub(crate) fn reply_with(&mut self, slot: Slot, pieces: Vec<Vec<u8>>) -> bool {
        self.answer(slot, |conn, pool| conn.reply_with(slot.seq, pieces, pool))
    }

    /// Leaves a slot without an answer.
    pub(crate) fn skip(&mut self, slot: Slot) {
        self.answer(slot, |conn, pool| conn.skip(slot.seq, pool));
    }

    fn answer(
        &mut self,
        slot: Slot,
        fill: impl FnOnce(&mut Connection, &mut Pool) -> bool,
    ) -> bool {
        let Some(entry) = self.conns.get_mut(slot.conn.0) else { return false };
        if entry.doomed || entry.conn.closing {
            return false;
        }
        if !entry.conn.outbox.has_output() {
            // Until now it was not for the peer to do something, and this turn may look whether it did.
            entry.active = self.now;
        }
        let number = entry.peer.number;
        let before = entry.conn.outbox.memory();
        let filled = fill(&mut entry.conn, &mut self.pool);
        self.unsent = self.unsent + entry.conn.outbox.memory() - before;
        // Within a turn too, or each of a thousand connections could fill its own limit in one.
        self.pool.note_large_output(self.unsent);
        if !filled {
            ::log::error!(target: "barnabas::net", slot:?; "a slot was answered twice");
            return false;
        }
        ::log::debug!(
            target: "barnabas::net", req:% = format_args!("{number}.{}", slot.seq);
            "request is done"
        );
        self.mark_dirty(slot.conn);
        self.unpause(slot.conn);
        true
    }

    /// Feeds a connection again that backpressure had stopped, if it may be.
    pub(crate) fn unpause(&mut self, id: ConnId) {
        let Some(entry) = self.conns.get_mut(id.0) else { return };
        if entry.paused && entry.conn.may_feed(&self.limits, &self.pool) {
            entry.paused = false;
            self.mark_ready(id);
        }
    }

    /// Stopped by backpressure: [`Core::unpause`] is needed.
    pub(crate) fn mark_paused(&mut self, id: ConnId) {
        if let Some(entry) = self.conns.get_mut(id.0) {
            entry.paused = true;
        }
    }

    /// The service wants frames again.
    pub(crate) fn resume(&mut self, id: ConnId) {
        if let Some(entry) = self.live(id) {
            entry.conn.held = false;
            entry.paused = true;
            self.unpause(id);
        }
    }

    /// `n` bytes have left; none is news too, if the connection was to be closed.
    pub(crate) fn written(&mut self, id: ConnId, n: usize) {
        let Some(entry) = self.conns.get_mut(id.0) else { return };
        let before = entry.conn.outbox.memory();
        entry.conn.written(n, &mut self.pool);
        self.unsent -= before - entry.conn.outbox.memory();
        if n > 0 {
            entry.active = self.now;
        }
        self.unpause(id);
    }

    /// Closes when what is already answered has been written.
    pub(crate) fn close(&mut self, id: ConnId, why: Why) {
        if let Some(entry) = self.live(id) {
            entry.conn.closing = true;
            entry.why.get_or_insert(why);
            self.mark_dirty(id);
        }
    }

    /// Closes now, whatever is unsent.
    pub(crate) fn abort(&mut self, id: ConnId, why: Why) {
        if let Some(entry) = self.live(id) {
            entry.conn.closing = true;
            entry.doomed = true;
            entry.why.get_or_insert(why);
            self.doomed.push(id);
        }
    }

    /// Closes if everything that will ever be written has been.
    pub(crate) fn close_if_finished(&mut self, id: ConnId) {
        if self.live(id).is_some_and(|entry| entry.conn.is_finished()) {
            self.abort(id, Why::ordinary("the peer has closed it"));
        }
    }

    /// Says who was closed and why.
    pub(crate) fn report_close(&mut self, id: ConnId) {
        let Some(entry) = self.conns.get(id.0) else { return };
        let Some(why) = &entry.why else { return };
        let (number, remote, text) = (entry.peer.number, entry.peer.remote, &why.text);
        match why.bad {
            true => self.reporter.warn(self.now, |suppressed| {
                ::log::warn!(
                    target: "barnabas::net", conn = number, remote:%, reason:% = text, suppressed;
                    "closed the connection"
                );
            }),
            false => ::log::debug!(
                target: "barnabas::net", conn = number, remote:%, reason:% = text;
                "closed the connection"
            ),
        }
    }

    /// Tells budget and counters where this turn has left us.
    pub(crate) fn note(&mut self) {
        self.pool.note_output(self.unsent);
        self.stats.rings.set(self.pool.lent() as u64);
        self.stats.unsent.set(self.unsent as u64);
        self.stats.timers.set(self.timers.len() as u64);
    }

    /// Little is kept that [`Core::trim`] would give back.
    pub(crate) fn is_trimmed(&self) -> bool {
        self.pool.is_trimmed() && (self.trimmed_sparse || !self.conns.is_sparse())
    }

    /// Gives unused memory back.
    pub(crate) fn trim(&mut self) {
        self.pool.trim();
        self.conns.trim();
        self.timers.trim();
        // A connection at the end of the table may keep it as long as it is; that is no reason
        // to try every second.
        self.trimmed_sparse = self.conns.is_sparse();
        self.ready.shrink_to_fit();
        for list in [&mut self.dirty, &mut self.doomed, &mut self.starved] {
            list.shrink_to_fit();
        }
    }
}
