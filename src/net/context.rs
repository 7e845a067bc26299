//! What a service can do while its worker calls it.

use super::core::{Alarm, Core, Why};
use super::driver::Sockets;
use super::service::{ConnId, Part, Peer, Slot};
use super::sys;
use super::timers::TimerId;
use std::borrow::Cow;
use std::time::Instant;

/// The worker, as its service sees it. Nothing here blocks or does I/O: replies are written at the
/// end of the turn.
pub struct Context<'a> {
    core: &'a mut Core,
    /// Where they can be asked.
    sockets: Option<&'a dyn Sockets>,
    /// What lies behind the frame that is handled.
    behind: &'a [u8],
    /// What the service has taken of it.
    taken: Taken,
}

/// What a service has handled besides the frame that it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) bytes: usize,
    pub(super) frames: usize,
}

impl<'a> Context<'a> {
    pub(super) fn new(core: &'a mut Core) -> Context<'a> {
        Context { core, sockets: None, behind: &[], taken: Taken::default() }
    }

    /// One that may ask about sockets.
    pub(super) fn with(core: &'a mut Core, sockets: &'a dyn Sockets) -> Context<'a> {
        Context { sockets: Some(sockets), ..Context::new(core) }
    }

    /// The one in which a frame is handled that has these bytes behind it.
    pub(super) fn of_frame(core: &'a mut Core, behind: &'a [u8]) -> Context<'a> {
        Context { behind, ..Context::new(core) }
    }

    pub(super) fn taken(&self) -> Taken {
        self.taken
    }

    /// In [`super::Service::request`] alone: what has come behind the frame, as far as it is here and not taken. Where that
    /// begins with whole frames that are better handled together with this one, the service may do so, and then
    /// [`Context::take`] them.
    pub fn behind(&self) -> &'a [u8] {
        &self.behind[self.taken.bytes..]
    }

    /// The next whole frame behind, which has so many bytes, is handled in this call. Gives the slot for its answer; `None` if the
    /// connection is gone or is being closed: then it is to be left alone.
    ///
    /// # Panics
    /// If there are not that many bytes.
    pub fn take(&mut self, bytes: usize, conn: ConnId) -> Option<Slot> {
        assert!(bytes <= self.behind().len(), "{bytes} bytes of {}", self.behind().len());
        let slot = self.open_slot(conn)?;
        self.taken.bytes += bytes;
        self.taken.frames += 1;
        Some(slot)
    }

    /// So many bytes of those behind were looked at: whether the turn has time for more of them in this call.
    pub fn goes_on(&mut self, bytes: usize) -> bool {
        self.core.pace.handled(bytes);
        !self.core.is_late()
    }

    /// Whether a connection has sent something that nobody has looked at. Known in [`super::Service::open`],
    /// [`super::Service::message`] and [`super::Service::timer`] alone; for who seldom asks.
    pub fn has_input(&self, conn: ConnId) -> bool {
        self.sockets.is_some_and(|sockets| sockets.has_input(conn))
    }

    /// Of the bytes that have left those that the system keeps, for the peer's has not taken them; where that is known, as
    /// with [`Context::has_input`].
    pub fn kept(&self, conn: ConnId) -> u64 {
        self.sockets.and_then(|sockets| sockets.stream(conn)).map_or(0, sys::kept)
    }

    /// One of several things was done: whether the others are left to the next turn, which
    /// [`super::Service::has_work`] then asks for.
    pub fn is_enough(&mut self) -> bool {
        self.core.is_enough()
    }

    /// The same where it was as much work as so many frames are: the clock is looked at less often.
    pub fn is_enough_after(&mut self, frames: usize) -> bool {
        self.core.is_enough_after(frames)
    }

    /// The time of this turn.
    pub fn now(&self) -> Instant {
        self.core.now
    }

    /// Answers a request; false if its connection is gone. Bytes are copied, file ranges are not.
    /// Replies leave in the order of requests, in whatever order they are given.
    pub fn reply(&mut self, slot: Slot, parts: &[Part<'_>]) -> bool {
        self.core.reply(slot, parts)
    }

    /// The same with bytes that are given away, for what is large: it is not copied here, and leaves, and is
    /// freed, piece by piece, so that it holds up no other connection.
    pub fn reply_with(&mut self, slot: Slot, pieces: Vec<Vec<u8>>) -> bool {
        self.core.reply_with(slot, pieces)
    }

    /// This request gets no answer.
    pub fn skip(&mut self, slot: Slot) {
        self.core.skip(slot);
    }

    /// Feeds frames again after [`super::Flow::Hold`].
    pub fn resume(&mut self, conn: ConnId) {
        self.core.resume(conn);
    }

    /// Closes a connection when what is already answered has been written.
    pub fn close(&mut self, conn: ConnId, why: impl Into<Cow<'static, str>>) {
        self.core.close(conn, Why::bad(why));
    }

    /// The same where nobody is at fault.
    pub fn end(&mut self, conn: ConnId, why: impl Into<Cow<'static, str>>) {
        self.core.close(conn, Why::ordinary(why));
    }

    /// Resets a connection now, whatever is unsent: its peer takes nothing, and the kernel is to keep nothing for it.
    pub fn give_up(&mut self, conn: ConnId, why: impl Into<Cow<'static, str>>) {
        self.core.give_up(conn, Why::ordinary(why));
    }

    /// A place behind all answers so far, for one that no request has asked for. `None` if the
    /// connection is gone or is being closed.
    pub fn open_slot(&mut self, conn: ConnId) -> Option<Slot> {
        let entry = self.core.live(conn).filter(|entry| !entry.conn.closing)?;
        Some(Slot { conn, seq: entry.conn.outbox.open() })
    }

    /// Bytes of answers that have not left; 0 if the connection is gone.
    pub fn unsent(&self, conn: ConnId) -> u64 {
        self.core.conns.get(conn.0).map_or(0, |entry| entry.conn.outbox().unsent())
    }

    /// Bytes of answers that have left, in all; 0 if the connection is gone.
    pub fn sent(&self, conn: ConnId) -> u64 {
        self.core.conns.get(conn.0).map_or(0, |entry| entry.conn.outbox().left())
    }

    /// Who is at the other end, while the connection is open.
    pub fn peer(&self, conn: ConnId) -> Option<Peer> {
        self.core.conns.get(conn.0).map(|entry| entry.peer)
    }

    /// Calls [`super::Service::timer`] with `key` at `at` or as soon after as possible.
    pub fn set_timer(&mut self, at: Instant, key: u64) -> TimerId {
        self.core.timers.set(at, Alarm::Service(key))
    }

    /// Removes a timer; false if it has fired already.
    pub fn cancel_timer(&mut self, timer: TimerId) -> bool {
        self.core.timers.cancel(timer).is_some()
    }
}
