//! A connection without a socket: it is fed bytes and asked for bytes.
//!
//! [`Connection::input`] says where received bytes belong and [`Connection::filled`] that they
//! came; [`Connection::output`] what to write and [`Connection::written`] how much of it left. It
//! does no I/O, asks no clock, and never blocks: drivers, tests and the fuzzer all move its bytes
//! in the same way.

use super::inbox::{Inbox, Next, Starved};
use super::options::Limits;
use super::outbox::{Gather, Outbox, Output};
use super::pool::Pool;
use super::service::{Framing, Part};

/// Where the next received bytes belong.
#[derive(Debug)]
pub enum Input<'a> {
    /// Nowhere for now: do not receive.
    Paused,
    /// First into `own`; then, if `window`, into any buffer of the receiver's, whose bytes go to
    /// [`Connection::frame`].
    Space {
        /// Room for what an unfinished frame still lacks.
        own: &'a mut [u8],
        /// More may be received behind it.
        window: bool,
    },
}

/// One connection's bytes and the order of its replies.
#[derive(Default)]
pub struct Connection {
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    /// The service wants no more frames for now.
    pub(crate) held: bool,
    /// The peer sends nothing more.
    pub(crate) ended: bool,
    /// No more frames are handled: it is closed when its output has left.
    pub(crate) closing: bool,
}

impl Connection {
    /// A connection on which nothing has happened.
    pub fn new() -> Connection {
        Connection::default()
    }

    /// Where the next bytes belong. They are accounted for by [`Connection::filled`] before
    /// anything else is asked.
    pub fn input(&mut self, limits: &Limits, pool: &mut Pool) -> Result<Input<'_>, Starved> {
        if self.ended || !self.may_feed(limits, pool) {
            return Ok(Input::Paused);
        }
        let (own, window) = self.inbox.space(pool)?;
        Ok(Input::Space { own, window })
    }

    /// `n` bytes were received into the connection's own space.
    pub fn filled(&mut self, n: usize) {
        self.inbox.filled(n);
    }

    /// Frames may be handled: the service wants them, and neither unsent bytes nor open slots
    /// are past their limits.
    pub fn may_feed(&self, limits: &Limits, pool: &Pool) -> bool {
        let outbox = &self.outbox;
        let owed = outbox.unsent() > limits.max_unsent as u64
            || outbox.memory() > 0 && pool.is_exhausted()
            || outbox.waiting_slots() >= limits.max_slots;
        !self.held && !self.closing && !owed
    }

    /// The next whole frame, from the connection's own bytes and then from `window[*at..]`.
    pub fn frame<'a>(
        &'a mut self,
        window: &'a [u8],
        at: &mut usize,
        limits: &Limits,
        framing: impl FnMut(&[u8]) -> Framing,
        pool: &mut Pool,
    ) -> Next<'a> {
        self.inbox.next(window, at, limits.max_frame, framing, pool)
    }

    /// The first `n` bytes of those behind the frame that was given out last are handled as well. They end with a frame.
    pub fn took(&mut self, n: usize, at: &mut usize) {
        self.inbox.took(n, at);
    }

    /// Keeps received bytes that are not handled now.
    pub fn keep(&mut self, bytes: &[u8], pool: &mut Pool) {
        self.inbox.keep(bytes, pool);
    }

    /// Opens the next request's slot.
    pub fn open_slot(&mut self) -> u64 {
        self.outbox.open()
    }

    /// Answers a slot; false if it is not open (any more).
    pub fn reply(&mut self, slot: u64, parts: &[Part<'_>], pool: &mut Pool) -> bool {
        self.outbox.fill(slot, parts, pool)
    }

    /// The same with bytes that are given away; they are written as the pieces that they are.
    pub fn reply_with(&mut self, slot: u64, pieces: Vec<Vec<u8>>, pool: &mut Pool) -> bool {
        self.outbox.fill_with(slot, pieces, pool)
    }

    /// Leaves a slot without an answer; false if it is not open (any more).
    pub fn skip(&mut self, slot: u64, pool: &mut Pool) -> bool {
        self.outbox.skip(slot, pool)
    }

    /// What to write next; accounted for by [`Connection::written`] before it is asked again.
    pub fn output<'a>(&'a mut self, gather: &mut Gather<'a>) -> Output<'a> {
        self.outbox.output(gather)
    }

    /// `n` bytes of the output have left.
    pub fn written(&mut self, n: usize, pool: &mut Pool) {
        self.outbox.written(n, pool);
    }

    /// The peer sends nothing more; what it has sent is still answered.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Everything that will ever be written has been.
    pub fn is_finished(&self) -> bool {
        match self.closing {
            true => !self.outbox.has_output(),
            false => self.ended && self.outbox.is_empty() && !self.inbox.may_have_frame(),
        }
    }

    /// The replies that have not left and the unfinished frame.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Bytes that are not handled.
    pub fn unhandled(&self) -> usize {
        self.inbox.len()
    }

    /// Gives all buffers back.
    pub fn release(&mut self, pool: &mut Pool) {
        self.inbox.release(pool);
    }
}
