//! What a service is to its worker, and what it is given to answer with.
//!
//! One service per worker, built on the worker's thread and never shared. It sees whole frames,
//! messages and timers; it must never block and never keep a frame's bytes.

use super::context::Context;
use super::region::FileRange;
use super::slab::Key;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Instant;

/// A connection of one worker. An id that outlives its connection never reaches another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ConnId(pub(crate) Key);

/// The place of one reply in its connection's order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Slot {
    pub(crate) conn: ConnId,
    pub(crate) seq: u64,
}

impl Slot {
    /// The connection that waits for the reply.
    pub fn conn(&self) -> ConnId {
        self.conn
    }

    /// The number of the request on its connection, from 0.
    pub fn number(&self) -> u64 {
        self.seq
    }
}

/// Who is at the other end. An IPv4 address is one, to whatever listener it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The peer's address.
    pub remote: SocketAddr,
    /// Our address, as the peer knows it.
    pub local: SocketAddr,
    /// Which of the listeners it came to.
    pub listener: usize,
    /// The number of the connection, by which log lines name it: unique in this process.
    pub number: u64,
}

/// What the bytes at the front of a connection's input are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Framing {
    /// Not a whole frame.
    Incomplete {
        /// The bytes of the frame in all, as far as it is known; at least one more than there are.
        need: usize,
    },
    /// A frame of so many bytes.
    Whole(usize),
    /// No frame: the connection is closed and the reason logged.
    Refuse(Cow<'static, str>),
}

/// What to do after a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Flow {
    /// Go on with the next frame.
    Next,
    /// Feed no more frames until [`Context::resume`].
    Hold,
    /// Close when what is already answered has been written: the peer is at fault, and a warning says so.
    Close(Cow<'static, str>),
    /// The same where nobody is at fault: all that was wanted has been said.
    End(Cow<'static, str>),
}

/// A piece of a reply.
#[derive(Clone, Debug)]
pub enum Part<'a> {
    /// These bytes; they are copied.
    Bytes(&'a [u8]),
    /// A range of a file; not copied.
    File(FileRange),
}

/// What a worker works for.
pub trait Service {
    /// What the service knows of one connection.
    type Session;
    /// What other threads tell it.
    type Message: Send + 'static;

    /// A connection was accepted.
    fn open(&mut self, cx: &mut Context<'_>, conn: ConnId, peer: &Peer) -> Self::Session;

    /// Where the first frame of `input` ends. Asked again whenever more bytes have come, so it
    /// looks at as few bytes as it can. `input` is never empty.
    fn framing(&self, session: &Self::Session, input: &[u8]) -> Framing;

    /// One whole frame. `slot` is answered by [`Context::reply`] or [`Context::skip`], now or
    /// later. What has come behind it may be handled together with it, see [`Context::behind`].
    fn request(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut Self::Session,
        slot: Slot,
        frame: &[u8],
    ) -> Flow;

    /// A message from another thread.
    fn message(&mut self, cx: &mut Context<'_>, message: Self::Message);

    /// A timer has expired that was set with `key`.
    fn timer(&mut self, cx: &mut Context<'_>, key: u64);

    /// All events of this turn are handled and the replies are about to be written: the place to
    /// hand what has gathered to other threads. What is long goes on in the next turn, see
    /// [`Context::is_enough`].
    fn end_of_turn(&mut self, cx: &mut Context<'_>);

    /// The end of this turn has left something to that of the next one, which comes at once.
    fn has_work(&self) -> bool {
        false
    }

    /// Whether [`Service::turned`] is to be called at the end of this turn: it costs a look at the clock.
    fn wants_the_time(&self) -> bool {
        false
    }

    /// The turn is over, and what it has answered is written as far as the sockets took it.
    fn turned(&mut self, _now: Instant) {}

    /// The worker is stopping: answer everything that is parked, now, and park nothing more.
    fn drain(&mut self, cx: &mut Context<'_>);

    /// The connection is gone; its open slots are void.
    fn closed(&mut self, cx: &mut Context<'_>, conn: ConnId, session: Self::Session);
}
