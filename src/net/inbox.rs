//! The receiving half of a connection: bytes in, whole frames out, in place where possible.
//!
//! Frames are handled where the driver received them, in the worker's shared window. Only what is
//! left of an unfinished frame is copied, into a ring of the connection's own; the next receive
//! puts exactly the bytes that this frame still lacks into the ring and what follows into the
//! window. The ring goes back to the pool when it is empty. It grows with the bytes that really
//! came, not with a length that was merely announced.

use super::pool::Pool;
use super::ring::Ring;
use super::service::Framing;
use std::borrow::Cow;

/// What an inbox has for its service.
#[derive(Debug)]
pub enum Next<'a> {
    /// A whole frame, and bytes behind it, as many as lie in the same place. It is done with when the inbox is asked again.
    Frame(&'a [u8], &'a [u8]),
    /// No whole frame is there.
    More,
    /// The bytes are no frame: the connection is to be closed.
    Refused(Cow<'static, str>),
}

/// Bytes of one connection that are not yet handled.
#[derive(Default)]
pub struct Inbox {
    ring: Option<Box<Ring>>,
    /// What the unfinished frame in the ring needs in all, as far as is known.
    need: usize,
    /// The bytes at the ring's front that are done with when the next frame is asked for: the frame that was given out last,
    /// and those that were taken with it.
    done: usize,
    /// A receive into the ring's space is under way: the ring stays where and as it is.
    lent: bool,
    /// Bytes have come since it was last seen that no whole frame is here.
    fresh: bool,
}

/// No memory for a larger buffer: to be tried again.
#[derive(Debug, PartialEq, Eq)]
pub struct Starved;

impl Inbox {
    /// Bytes that wait in the connection's own buffer.
    pub fn len(&self) -> usize {
        self.ring.as_ref().map_or(0, |ring| ring.len()) - self.done
    }

    /// Nothing waits: no frame has begun.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A receive into its own space is under way.
    pub(crate) fn is_lent(&self) -> bool {
        self.lent
    }

    /// Bytes that the unfinished frame lacks, as far as is known.
    pub(crate) fn lacking(&self) -> usize {
        self.need.saturating_sub(self.len())
    }

    /// A whole frame may be here: nobody has looked yet.
    pub(crate) fn may_have_frame(&self) -> bool {
        self.fresh && !self.is_empty()
    }

    /// Where the next bytes belong: first into the slice that is returned, then, if `true`, into
    /// any buffer of the receiver's, to be given to [`Inbox::next`].
    #[inline]
    pub(crate) fn space(&mut self, pool: &mut Pool) -> Result<(&mut [u8], bool), Starved> {
        assert!(!self.lent, "one receive at a time");
        self.settle(pool);
        let Some(ring) = &self.ring else {
            return if pool.may_receive() { Ok((&mut [], true)) } else { Err(Starved) };
        };
        if ring.len() == ring.capacity() {
            let size = self.need.max(ring.len() + 1);
            let step = size.min(ring.capacity() * 2);
            if !pool.may_grow(step.next_power_of_two()) {
                return Err(Starved);
            }
            self.grow(step, size, pool);
        }
        self.lent = true;
        let ring = self.ring.as_mut().expect("there was one");
        let lacking = self.need.saturating_sub(ring.len());
        let space = ring.space();
        let own = lacking.min(space.len());
        Ok((&mut space[..own], own == lacking))
    }

    /// `n` bytes of the inbox's own space were received; none ends the receive as well.
    pub(crate) fn filled(&mut self, n: usize) {
        self.lent = false;
        self.fresh |= n > 0;
        match &mut self.ring {
            Some(ring) => ring.filled(n),
            None => assert!(n == 0, "{n} bytes into no space"),
        }
    }

    /// The next whole frame: from the ring, completed from the window, or from the window from
    /// byte `at` on, which is moved past what was taken.
    pub(crate) fn next<'a>(
        &'a mut self,
        window: &'a [u8],
        at: &mut usize,
        largest: usize,
        mut framing: impl FnMut(&[u8]) -> Framing,
        pool: &mut Pool,
    ) -> Next<'a> {
        assert!(!self.lent, "a receive into the ring is under way");
        self.settle(pool);
        let size = loop {
            let source = self.ring.as_ref().map_or(&window[*at..], |ring| ring.bytes());
            if source.is_empty() {
                self.fresh = false;
                return Next::More;
            }
            let need = match framing(source) {
                Framing::Whole(size) if size <= source.len() => break size,
                Framing::Whole(size) => size,
                Framing::Incomplete { need } => need.max(source.len() + 1),
                Framing::Refuse(why) => return Next::Refused(why),
            };
            if need > largest {
                return Next::Refused(too_large(need, largest));
            }
            self.need = need;
            if !self.gather(window, at, pool) {
                self.fresh = false;
                return Next::More;
            }
        };
        if size == 0 || size > largest {
            return Next::Refused(too_large(size, largest));
        }
        match &self.ring {
            Some(ring) => {
                self.done = size;
                let (frame, behind) = ring.bytes().split_at(size);
                Next::Frame(frame, if behind.is_empty() { &window[*at..] } else { behind })
            }
            None => {
                let (frame, behind) = window[*at..].split_at(size);
                *at += size;
                Next::Frame(frame, behind)
            }
        }
    }

    /// The first `n` bytes of those behind the frame that was given out last are done with as well.
    pub(crate) fn took(&mut self, n: usize, at: &mut usize) {
        match self.is_empty() {
            true => *at += n,
            false => self.done += n,
        }
    }

    /// Moves what the unfinished frame lacks from the window into the ring; false if that is not
    /// there. Where that is little, what is behind it goes along: what a frame lacks may be known a few
    /// bytes at a time, and each step costs more than to copy them. Not so behind a large frame, whose ring is given
    /// back when it is empty.
    fn gather(&mut self, window: &[u8], at: &mut usize, pool: &mut Pool) -> bool {
        let lacking = self.need - self.len();
        let rest = &window[*at..];
        let step = if self.need + STEP <= START { STEP } else { 0 };
        let taken = rest.len().min(lacking.max(step));
        *at += taken;
        self.keep(&rest[..taken], pool);
        taken >= lacking
    }

    /// Copies received bytes into the ring. They have come and must be kept, so this is not
    /// refused; what bounds it is that no receive begins while memory is short.
    pub(crate) fn keep(&mut self, bytes: &[u8], pool: &mut Pool) {
        self.settle(pool);
        if bytes.is_empty() {
            return;
        }
        self.fresh = true;
        let len = self.len() + bytes.len();
        if self.ring.as_ref().is_none_or(|ring| ring.capacity() < len) {
            self.grow(len, self.need.max(len), pool);
        }
        self.ring.as_mut().expect("it has just grown").extend(bytes);
    }

    /// Exchanges the ring for one of at least `least` bytes, or `wish` bytes if one is unused.
    fn grow(&mut self, least: usize, wish: usize, pool: &mut Pool) {
        assert!(!self.lent, "a ring that is received into stays");
        let mut larger = pool.ring(least.max(wish.min(START)), wish);
        if let Some(ring) = self.ring.take() {
            larger.extend(ring.bytes());
            pool.put(ring);
        }
        self.ring = Some(larger);
    }

    /// Forgets the frame that was given out last, and a ring that is empty then.
    pub(crate) fn settle(&mut self, pool: &mut Pool) {
        let Some(ring) = &mut self.ring else { return };
        ring.consume(std::mem::take(&mut self.done));
        if ring.is_empty() && !self.lent {
            self.release(pool);
        }
    }

    /// Gives up everything.
    pub(crate) fn release(&mut self, pool: &mut Pool) {
        (self.need, self.done) = (0, 0);
        if let Some(ring) = self.ring.take() {
            pool.put(ring);
        }
    }
}

/// Bytes that are moved at once.
const STEP: usize = 4 * 1024;

/// A ring begins with this many bytes if its frame needs as many.
const START: usize = 64 * 1024;

fn too_large(size: usize, largest: usize) -> Cow<'static, str> {
    match size {
        0 => "its service saw an empty frame".into(),
        _ => format!("a frame of {size} bytes is larger than the limit of {largest}").into(),
    }
}
