//! How long a worker waits for its peers, and connections for memory.
//!
//! Each connection has one idle timer, which is looked at when it expires, not whenever something
//! moves. Connections without memory ask again in a moment; there is a timer for that only while
//! there are such. So that unfinished frames cannot block each other for ever, one connection at a
//! time is favoured: it may exceed the budget until its frame is finished. A frame that does not
//! get on meanwhile is given up: of two peers that want the same memory, the one that sends has it.

use super::core::{Alarm, Core, Entry, Why};
use super::driver::Farewell;
use super::service::ConnId;
use std::time::{Duration, Instant};

/// How long a connection without memory waits until it asks again.
pub(super) const STARVED_RETRY: Duration = Duration::from_millis(20);
/// While others wait for memory: how long an unfinished frame may get no further.
const STALLED: Duration = Duration::from_secs(2);

impl Entry {
    /// How it is closed now.
    pub(crate) fn farewell(&self) -> Farewell {
        match self.conn.outbox.has_output() {
            _ if self.given_up => Farewell::Reset,
            true => Farewell::Plain,
            false => Farewell::Gentle,
        }
    }
}

impl Core {
    pub(super) fn arm_idle(&mut self, id: ConnId, from: Instant) {
        // A time-out beyond what the clock can say is none.
        let Some(at) = from.checked_add(self.limits.idle_timeout) else { return };
        let timer = self.timers.set(at, Alarm::Idle(id));
        if let Some(entry) = self.conns.get_mut(id.0) {
            entry.idle_timer = Some(timer);
        }
    }

    /// The idle timer of a connection has expired: it is set again if something has moved since.
    pub(crate) fn check_idle(&mut self, id: ConnId) {
        let (now, timeout) = (self.now, self.limits.idle_timeout);
        let Some(entry) = self.live(id) else { return };
        entry.idle_timer = None;
        let conn = &entry.conn;
        // Where it waits for us, it is not the peer that is idle; but one that will send no more may
        // be gone for good, so a request that is parked does not keep its connection for ever.
        let parked = conn.outbox.open_slots() > 0 && conn.inbox.is_empty();
        let waits = conn.held || conn.inbox.may_have_frame() || parked && !conn.ended;
        let ours = waits && !conn.outbox.has_output();
        let from = if ours && !conn.closing { now } else { entry.active };
        if now.saturating_duration_since(from) < timeout {
            return self.arm_idle(id, from);
        }
        match conn.outbox.unsent() {
            0 => self.abort(id, Why::ordinary(format!("nothing has moved for {timeout:?}"))),
            n => {
                let why = format!("it has read nothing for {timeout:?}; {n} bytes are unsent");
                self.give_up(id, Why::bad(why));
            }
        }
    }

    /// Closes now, with a peer that takes nothing: nothing is kept for it, in the kernel neither.
    pub(crate) fn give_up(&mut self, id: ConnId, why: Why) {
        if let Some(entry) = self.live(id) {
            entry.given_up = true;
            // That it was to end by and by is not why it ends.
            entry.why = None;
            self.abort(id, why);
        }
    }

    /// Lets connections that wait for memory ask again, and sees to it that one gets on.
    pub(crate) fn retry_starved(&mut self) {
        let starved = std::mem::take(&mut self.starved);
        self.drop_stalled();
        if !self.favoured.is_some_and(|id| self.holds_memory(id)) {
            let holders = starved.iter().copied().filter(|id| self.holds_memory(*id));
            let nearest = holders.min_by_key(|id| self.lacking(*id));
            self.favoured = nearest.or(starved.first().copied());
        }
        for id in starved {
            if let Some(entry) = self.conns.get_mut(id.0) {
                entry.starved = false;
                self.mark_ready(id);
            }
        }
    }

    /// Gives up the connections whose unfinished frames do not get on, while others could use
    /// their memory. Looks at all connections, so not often.
    fn drop_stalled(&mut self) {
        let now = self.now;
        let age = now.saturating_duration_since(*self.looked.get_or_insert(now));
        if age < STALLED {
            return;
        }
        self.looked = Some(now);
        if age > 2 * STALLED {
            return; // memory is short since just now
        }
        let keys: Vec<_> = self.conns.keys().map(ConnId).collect();
        for id in keys {
            let stalled = |entry: &&Entry| entry.active + STALLED <= now && !entry.starved;
            if self.holds_memory(id) && self.conns.get(id.0).filter(stalled).is_some() {
                self.abort(id, Why::bad("its frame stalled while buffer memory was short"));
            }
        }
    }

    /// The connection has an unfinished frame in a buffer of its own.
    fn holds_memory(&self, id: ConnId) -> bool {
        self.conns.get(id.0).is_some_and(|entry| {
            let inbox = &entry.conn.inbox;
            // Of one that is not read for now it is not the peer that keeps the frame unfinished.
            let waits = entry.doomed || entry.conn.held;
            !waits && !inbox.is_empty() && !inbox.may_have_frame()
        })
    }

    fn lacking(&self, id: ConnId) -> usize {
        self.conns.get(id.0).map_or(usize::MAX, |entry| entry.conn.inbox.lacking())
    }
}
