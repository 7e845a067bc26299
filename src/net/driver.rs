//! The seam between a worker and what moves its bytes.
//!
//! A driver owns sockets and decides when bytes move; its host (the worker) only says where
//! received bytes belong, takes them, and says what is to be written. Nothing above knows whether
//! a socket is readable. The seam is drawn so that a completion driver (io_uring) fits as well:
//!
//! * [`Host::input`] begins a receive and [`Host::received`] ends it. Between the two the space
//!   stays where it is (the inbox keeps a ring that is lent), however long it takes. A driver that
//!   receives into buffers of its own, before it is known whose bytes will come, asks only then:
//!   [`Host::arrived`].
//! * [`Host::output`] begins a write and [`Host::written`] ends it. Between the two the offered
//!   bytes stay where they are (the outbox begins a new chunk), however long it takes.
//! * There is at most one receive and one write per connection.
//! * [`Driver::close`] may take time too: the host keeps the connection's memory until
//!   [`Host::gone`]. Ids carry a generation, so what comes late for one that is gone misses.

use super::connection::Input;
use super::outbox::{Gather, Output};
use super::service::ConnId;
use mio::net::TcpStream;
use std::io;
use std::time::Duration;

/// What a driver asks of its worker, and tells it.
pub(crate) trait Host {
    /// The wait is over; what it brought follows.
    fn woke(&mut self);

    /// The time of this part of the turn is over: who was not served yet is in the next one.
    fn is_late(&self) -> bool;

    /// Where the next bytes of this connection belong. Unless paused, [`Host::received`] follows.
    fn input(&mut self, id: ConnId) -> Input<'_>;

    /// So many bytes came into the connection's own space, and behind them those in `window`.
    fn received(&mut self, id: ConnId, own: usize, window: &[u8]);

    /// Bytes came that [`Host::input`] was not asked about.
    fn arrived(&mut self, id: ConnId, bytes: &[u8]) -> Arrived;

    /// Bytes of this connection wait to be handled.
    fn is_behind(&self, id: ConnId) -> bool;

    /// The peer sends nothing more.
    fn ended(&mut self, id: ConnId);

    /// The connection is broken.
    fn failed(&mut self, id: ConnId, error: io::Error);

    /// What to write next. Unless there is nothing, [`Host::written`] follows.
    fn output<'a>(&'a mut self, id: ConnId, gather: &mut Gather<'a>) -> Output<'a>;

    /// Nothing happens with this connection before it is told that bytes have left: otherwise that may be
    /// told when the next wait is over.
    fn waits_for_written(&self, id: ConnId) -> bool;

    /// A write of so many bytes is under way, which the next wait carries out.
    fn writes(&mut self, bytes: usize);

    /// So many bytes of it have left.
    fn written(&mut self, id: ConnId, n: usize);

    /// The driver has let go of the connection and of all memory that it was lent.
    fn gone(&mut self, id: ConnId);
}

/// What became of bytes that arrived unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// They are taken, and more may be received.
    Taken,
    /// They are taken, but no more is wanted before [`Driver::receive`].
    Kept,
    /// There is no memory for them: they are to be offered again at [`Driver::receive`].
    Refused,
}

/// How a socket is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// What was written last is to reach the peer.
    Gentle,
    /// What was written reaches the peer if it can.
    Plain,
    /// The peer takes nothing: the connection is reset, and the kernel keeps nothing for it.
    Reset,
}

/// What may be asked about sockets while nothing is moved.
pub(crate) trait Sockets {
    /// Something has come that was not received, or nobody was told of yet. A system call.
    fn has_input(&self, _id: ConnId) -> bool {
        false
    }

    /// The socket of a connection, unless it is gone.
    fn stream(&self, _id: ConnId) -> Option<&TcpStream> {
        None
    }
}

/// What moves the bytes of one worker's connections.
pub(crate) trait Driver: Sockets {
    /// Takes a socket over and receives from it until [`Host::input`] says pause.
    fn add(&mut self, id: ConnId, socket: TcpStream) -> io::Result<()>;

    /// Receives again: what had paused it is over.
    fn receive(&mut self, id: ConnId);

    /// There is output: it is written at the next [`Driver::flush`].
    fn send(&mut self, id: ConnId);

    /// Does what may ask the host, and so set timers or leave it work, before it is known how long
    /// to wait.
    fn prepare(&mut self, _host: &mut impl Host) {}

    /// From here on a wait brings all that has come before it, even where somebody else brings it.
    fn stopping(&mut self) {}

    /// Since [`Driver::stopping`]: something may have come that was not received yet, and another wait brings it.
    fn owes_receives(&self) -> bool {
        false
    }

    /// Something is left to do that needs no waiting.
    fn has_work(&self) -> bool;

    /// Waits for something to happen, `timeout` at most or for ever, and delivers what came.
    fn wait(&mut self, host: &mut impl Host, timeout: Option<Duration>) -> io::Result<()>;

    /// Writes the output of all connections that have some and whose peer can take it.
    fn flush(&mut self, host: &mut impl Host);

    /// Lets a socket go.
    fn close(&mut self, host: &mut impl Host, id: ConnId, how: Farewell);

    /// Memory is held that [`Driver::trim`] would give back.
    fn is_trimmed(&self) -> bool;

    /// Gives unused memory back.
    fn trim(&mut self);

    /// The end: whether all memory that was lent is back. Where it is not, the host must leave its
    /// memory where it is.
    fn let_go(&mut self) -> bool {
        true
    }
}
