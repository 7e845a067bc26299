//! The worker's side of the driver seam: bytes become frames, frames go to the service.
//!
//! Sessions are beside the connections, not in them, so that a service can hold its session and
//! answer any connection at the same time.

use super::admission::Admission;
use super::connection::Input;
use super::context::{Context, Taken};
use super::core::{Alarm, Core, Why};
use super::driver::{Arrived, Host, Sockets};
use super::inbox::{Inbox, Next};
use super::outbox::{Gather, Output};
use super::service::{ConnId, Flow, Peer, Service, Slot};
use std::io;
use std::time::Instant;

/// A service, its sessions, and the connections that they belong to.
pub(crate) struct Engine<S: Service> {
    pub(crate) core: Core,
    pub(crate) service: S,
    sessions: Vec<Option<S::Session>>,
}

/// Why no more frames are handled for now.
enum Stop {
    /// There is none.
    Drained,
    /// The connection may not be fed.
    Paused,
    /// The others have their turn first.
    Later,
    /// It is being closed.
    Closed,
}

impl<S: Service> Engine<S> {
    pub(crate) fn new(core: Core, service: S) -> Engine<S> {
        Engine { core, service, sessions: Vec::new() }
    }

    /// Opens a session for a new connection.
    pub(crate) fn open(
        &mut self,
        peer: Peer,
        admission: Admission,
        sockets: &dyn Sockets,
    ) -> ConnId {
        let id = self.core.insert(peer, admission);
        let session = self.service.open(&mut Context::with(&mut self.core, sockets), id, &peer);
        let at = id.0.index as usize;
        if self.sessions.len() <= at {
            self.sessions.resize_with(at + 1, || None);
        }
        self.sessions[at] = Some(session);
        self.core.stats.opened.add(1);
        id
    }

    /// Ends the session of a connection that is being closed.
    pub(crate) fn close_session(&mut self, id: ConnId) {
        self.core.report_close(id);
        self.core.stats.closed.add(1);
        if let Some(session) = self.sessions.get_mut(id.0.index as usize).and_then(Option::take) {
            self.service.closed(&mut Context::new(&mut self.core), id, session);
        }
    }

    /// Handles the whole frames of a connection: its own bytes first, then those in `window`.
    pub(crate) fn pump(&mut self, id: ConnId, window: &[u8]) {
        let Some(entry) = self.core.live(id) else { return };
        if entry.conn.inbox.is_lent() {
            return; // A receive into it is under way; its end comes here too.
        }
        let mut inbox = std::mem::take(&mut entry.conn.inbox);
        let (mut at, mut frames) = (0, 0);
        let made = entry.conn.outbox.memory();
        let largest = self.core.limits.max_frame;
        let stop = loop {
            if let Some(stop) = self.shut(id, frames, made) {
                break stop;
            }
            let Some(session) = self.sessions.get_mut(id.0.index as usize).and_then(Option::as_mut)
            else {
                break Stop::Closed;
            };
            let service = &mut self.service;
            let framing = |bytes: &[u8]| service.framing(session, bytes);
            match inbox.next(window, &mut at, largest, framing, &mut self.core.pool) {
                Next::Frame(frame, behind) => {
                    let bytes = frame.len();
                    let more = handle(&mut self.core, service, session, id, (frame, behind));
                    inbox.took(more.bytes, &mut at);
                    frames += 1 + more.frames;
                    self.core.pace.handled(bytes);
                }
                Next::More => break Stop::Drained,
                Next::Refused(why) => {
                    self.core.close(id, Why::bad(why));
                    break Stop::Closed;
                }
            }
        };
        self.core.stats.frames.add(frames as u64);
        self.settle(id, inbox, &window[at..], stop);
    }

    /// Whether the next frame has to wait, after so many in this turn, before which so many bytes of answers
    /// were there.
    fn shut(&mut self, id: ConnId, frames: usize, made: usize) -> Option<Stop> {
        let core = &mut self.core;
        let entry = core.conns.get(id.0).filter(|entry| !entry.doomed && !entry.conn.closing);
        let Some(entry) = entry else { return Some(Stop::Closed) };
        if !entry.conn.may_feed(&core.limits, &core.pool) {
            return Some(Stop::Paused);
        }
        let made = entry.conn.outbox.memory().saturating_sub(made);
        let is_enough = frames >= core.limits.turn_frames
            || made >= core.limits.turn_made
            || frames > 0 && core.is_late();
        is_enough.then_some(Stop::Later)
    }

    /// Puts a connection's inbox back with the bytes that were not handled.
    fn settle(&mut self, id: ConnId, mut inbox: Inbox, rest: &[u8], stop: Stop) {
        let pool = &mut self.core.pool;
        match stop {
            Stop::Closed => inbox.release(pool),
            _ => inbox.keep(rest, pool),
        }
        inbox.settle(pool);
        if let Some(entry) = self.core.conns.get_mut(id.0) {
            entry.conn.inbox = inbox;
        }
        match stop {
            Stop::Paused => self.core.mark_paused(id),
            Stop::Later => self.core.mark_ready(id),
            Stop::Drained | Stop::Closed => {}
        }
        // The end of a half-closed connection may be reached with the last frame.
        if let Some(true) = self.core.live(id).map(|entry| entry.conn.ended) {
            self.core.mark_dirty(id);
        }
    }

    pub(crate) fn alarm(&mut self, alarm: Alarm, sockets: &dyn Sockets) {
        match alarm {
            Alarm::Service(key) => {
                self.service.timer(&mut Context::with(&mut self.core, sockets), key);
            }
            Alarm::Idle(id) => self.core.check_idle(id),
            Alarm::Starved => self.core.retry_starved(),
            Alarm::Trim | Alarm::Stop => unreachable!("the worker's own"),
        }
    }

    pub(crate) fn message(&mut self, message: S::Message, sockets: &dyn Sockets) {
        self.service.message(&mut Context::with(&mut self.core, sockets), message);
    }

    pub(crate) fn end_of_turn(&mut self) {
        self.core.pace.begin();
        self.service.end_of_turn(&mut Context::new(&mut self.core));
    }

    pub(crate) fn drain(&mut self) {
        self.service.drain(&mut Context::new(&mut self.core));
    }

    pub(crate) fn trim(&mut self) {
        self.core.trim();
        while self.sessions.last().is_some_and(Option::is_none) {
            self.sessions.pop();
        }
        self.sessions.shrink_to_fit();
    }
}

/// Hands one frame to the service, which may take some of those behind it as well.
fn handle<S: Service>(
    core: &mut Core,
    service: &mut S,
    session: &mut S::Session,
    id: ConnId,
    (frame, behind): (&[u8], &[u8]),
) -> Taken {
    let Some(entry) = core.live(id) else { return Taken::default() };
    let seq = entry.conn.outbox.open();
    // Held from the start, so that a resume within the call is not lost.
    entry.conn.held = true;
    let slot = Slot { conn: id, seq };
    let mut cx = Context::of_frame(core, behind);
    let flow = service.request(&mut cx, session, slot, frame);
    let taken = cx.taken();
    match flow {
        Flow::Next => {
            if let Some(entry) = core.live(id) {
                entry.conn.held = false;
            }
        }
        Flow::Hold => {}
        Flow::Close(why) => core.close(id, Why::bad(why)),
        Flow::End(why) => core.close(id, Why::ordinary(why)),
    }
    taken
}

impl<S: Service> Host for Engine<S> {
    fn woke(&mut self) {
        self.core.now = Instant::now();
        self.core.pace.begin_at(self.core.now);
    }

    fn is_late(&self) -> bool {
        self.core.is_late()
    }

    fn input(&mut self, id: ConnId) -> Input<'_> {
        self.core.input(id)
    }

    fn received(&mut self, id: ConnId, own: usize, window: &[u8]) {
        let (now, deaf) = (self.core.now, self.core.deaf);
        let Some(entry) = self.core.conns.get_mut(id.0) else { return };
        if deaf {
            // The receive was under way when the last ones were answered: it is over, and too late.
            return entry.conn.filled(0);
        }
        entry.conn.filled(own);
        if own + window.len() > 0 {
            entry.active = now;
            self.pump(id, window);
            self.core.pace.received(own + window.len());
        }
    }

    fn arrived(&mut self, id: ConnId, bytes: &[u8]) -> Arrived {
        if let Input::Space { .. } = self.core.input(id) {
            self.received(id, 0, bytes);
            return Arrived::Taken;
        }
        self.core.keep(id, bytes)
    }

    fn is_behind(&self, id: ConnId) -> bool {
        self.core.conns.get(id.0).is_some_and(|entry| !entry.conn.inbox.is_empty())
    }

    fn ended(&mut self, id: ConnId) {
        if let Some(entry) = self.core.live(id) {
            entry.conn.end();
            self.core.mark_dirty(id);
            self.core.pace.handled(0);
        }
    }

    fn failed(&mut self, id: ConnId, error: io::Error) {
        let why = match is_of_file(&error) {
            true => Why::bad(format!("what was being sent to it cannot be read: {error}")),
            false => Why::ordinary(error.to_string()),
        };
        self.core.abort(id, why);
        self.core.pace.handled(0);
    }

    fn output<'a>(&'a mut self, id: ConnId, gather: &mut Gather<'a>) -> Output<'a> {
        match self.core.conns.get_mut(id.0) {
            Some(entry) if !entry.doomed => entry.conn.output(gather),
            _ => Output::Nothing,
        }
    }

    fn waits_for_written(&self, id: ConnId) -> bool {
        let Core { stopping, limits, pool, .. } = &self.core;
        let conn = self.core.conns.get(id.0).map(|entry| &entry.conn);
        *stopping || conn.is_none_or(|conn| !conn.may_feed(limits, pool))
    }

    fn writes(&mut self, bytes: usize) {
        self.core.pace.will_write(bytes);
    }

    fn written(&mut self, id: ConnId, n: usize) {
        self.core.pace.wrote(n);
        self.core.written(id, n);
        self.core.close_if_finished(id);
    }

    fn gone(&mut self, id: ConnId) {
        self.core.remove(id);
    }
}

/// Whether a file that was being sent is to blame, and not the socket: a range of it has gone, from
/// under `sendfile` or from under the mapping, or its disk fails.
fn is_of_file(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
        || matches!(error.raw_os_error(), Some(libc::EFAULT | libc::EIO))
}
