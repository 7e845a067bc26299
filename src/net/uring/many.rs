//! Receives that go on: armed once, completed for each piece that comes, until the last completion, the
//! one without MORE.
//!
//! ```text
//!        armed, calm                   told to end: cancelled
//!   No ──────────────────> Many ───────────────────────────────> Ending
//!   │ ^ ^                   │ by itself: no buffer, the end         │
//!   │ │ └───────────────────┴───────────────────────────────────────┘ the last completion
//!   │ └──────────────── one completion ──┐
//!   └──────────────────> Buffer, Own ────┘
//! ```
//!
//! * The kernel has a receive of a connection, one, from its arming to its last completion, which is as
//!   long as it is not `No`. So bytes are in the order of completions, and none are received into the
//!   connection's own space while a buffer may be filled for it.
//! * Whatever ended it, the last completion is followed by a question to the host, by what was kept, or by
//!   the queue of the hungry: what the host has asked for meanwhile ([`Driver::receive`]) was not lost.
//! * It is for those that are *calm*: that have got little, and taken it, [`CALM`] times. What is large, or
//!   an unfinished frame that lacks much, ends it, so that the rest is received where it belongs; so does
//!   a shortage of buffers. A cancellation therefore stands beside [`CALM`] receives that were not armed.
//! * A pause alone changes nothing: most are over before anything comes. The first bytes that come in a pause
//!   end it. They, and what has come in one go with them, are kept: for all connections together no
//!   more than all buffers hold, and of a polled ring, which goes on until it sees the cancellation, what comes in
//!   one go more. The rest stays with the peer.
//! * What the host has no memory for stays in its buffers, in order, and the end of the connection is told
//!   behind it. The first refusal ends the receive: no more buffers are held than were given by then.
//! * One that is served while others are hungry is ended and stands behind them. One that finds no buffer has
//!   ended, and is hungry.
//! * A buffer is taken while the kernel works for this thread, within an enter, so between enters given
//!   buffers are empty unless a completion says otherwise: memory may be given back (but see
//!   [`Uring::trim_polled`]). At rest it costs nothing: the kernel waits for bytes.
//! * A cancellation may find nothing because the kernel is about to begin the receive once more. Then it is
//!   repeated (see [`end`](super::end)).
//! * Linux 6.0 knows such receives; the ring's own set-up asks for no less.

use super::super::connection::Input;
use super::super::driver::{Arrived, Driver, Host};
use super::super::service::ConnId;
use super::receive::DIRECT;
use super::socket::{Receiving, Socket, Task};
use super::{Uring, socket};

/// So many receives of little, one after the other, make a connection calm: a cancellation and its two
/// completions cost as much as a few receives that are armed each time.
pub(super) const CALM: u8 = 16;

impl Socket {
    pub(super) fn is_calm(&self) -> bool {
        self.calm >= CALM
    }
}

impl Uring {
    /// A receive has filled a buffer; it is over or goes on.
    pub(super) fn came(&mut self, host: &mut impl Host, id: ConnId, buffer: u16, len: usize) {
        let is_crowded = self.is_crowded();
        let Some(socket) = self.open_socket(id) else { return self.put_back(Some(buffer)) };
        if !socket.kept.is_empty() {
            socket.kept.push((buffer, len));
            return self.receive(id);
        }
        let arrived = self.offer(host, id, buffer, len);
        let Some(socket) = self.open_socket(id) else { return };
        let is_little = len < DIRECT && arrived == Arrived::Taken;
        socket.calm = if is_little { socket.calm.saturating_add(1) } else { 0 };
        match socket.receiving {
            Receiving::No => self.go_on(host, id, arrived),
            Receiving::Many if !is_little || is_crowded || lacks_much(host, id) => {
                self.end_receive(id);
            }
            _ => {}
        }
    }

    /// Nothing is under way for a connection that was offered something.
    fn go_on(&mut self, host: &mut impl Host, id: ConnId, arrived: Arrived) {
        match arrived {
            Arrived::Taken => self.arm(host, id),
            Arrived::Kept => self.watch(host, id),
            Arrived::Refused => {}
        }
    }

    /// Gives the connection the bytes of a buffer, which is kept for it if it cannot take them.
    fn offer(&mut self, host: &mut impl Host, id: ConnId, buffer: u16, len: usize) -> Arrived {
        let arrived = host.arrived(id, self.buffers.bytes(buffer, len));
        match self.open_socket(id).filter(|_| arrived == Arrived::Refused) {
            Some(socket) => socket.kept.push((buffer, len)),
            None => self.put_back(Some(buffer)),
        }
        arrived
    }

    /// Offers again what was kept, until something is refused again, or in the next turn: what is only paused takes
    /// all, for others want the buffers. Nothing is under way.
    pub(super) fn offer_kept(&mut self, host: &mut impl Host, id: ConnId) {
        let Some(socket) = self.open_socket(id) else { return };
        let mut kept = std::mem::take(&mut socket.kept).into_iter();
        let mut arrived = Arrived::Refused;
        for (buffer, len) in kept.by_ref() {
            arrived = self.offer(host, id, buffer, len);
            if arrived == Arrived::Refused {
                break;
            }
            self.has_moved = true;
            if host.is_late() {
                break;
            }
        }
        let Some(socket) = self.open_socket(id) else {
            return kept.for_each(|(buffer, _)| self.buffers.put_back(buffer));
        };
        socket.kept.extend(kept);
        match socket.kept.is_empty() || arrived == Arrived::Refused {
            true => self.go_on(host, id, arrived),
            false => self.receive(id),
        }
    }

    /// A receive has ended without bytes: whether that has to wait, since some are kept. The next receive says
    /// it again; an error it does not, so it is remembered.
    pub(super) fn is_behind_kept(&mut self, id: ConnId, result: i32) -> bool {
        let Some(socket) = self.open_socket(id) else { return false };
        if socket.kept.is_empty() {
            return false;
        }
        let passes = [libc::ECANCELED, libc::ENOBUFS, libc::EINTR, libc::EAGAIN];
        socket.is_broken |= result < 0 && !passes.contains(&-result);
        self.receive(id);
        true
    }

    /// Tells a receive to end; what comes of it goes on as [`Receiving::Ending`] says.
    pub(super) fn end_receive(&mut self, id: ConnId) {
        let Some(socket) = socket(&mut self.sockets, id) else { return };
        (socket.receiving, socket.calm) = (Receiving::Ending, 0);
        self.cancel(Task::Receive, id);
    }
}

/// An unfinished frame lacks so much that it is worth a receive of its own.
fn lacks_much(host: &mut impl Host, id: ConnId) -> bool {
    if !host.is_behind(id) {
        return false;
    }
    let Input::Space { own, .. } = host.input(id) else { return false };
    let lacks_much = own.len() >= DIRECT;
    host.received(id, 0, &[]);
    lacks_much
}
