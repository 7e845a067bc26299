//! One connection's socket, and what the kernel has of it.

use super::super::outbox::{Gather, SLICES};
use super::super::service::ConnId;
use super::super::slab::Key;
use mio::net::TcpStream;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// Bytes that are taken out of a socket before it is closed, so that its end is no reset; at one go.
const LAST: usize = 256 * 1024;
const LAST_RECEIVES: usize = 4;

/// What an entry of the ring is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Bytes of a connection, into a buffer that the kernel takes or into its own space.
    Receive(ConnId),
    /// A gathered write.
    Send(ConnId),
    /// To know when a full socket can be written to.
    Room(ConnId),
    /// To know when a connection breaks that is not received from.
    Break(ConnId),
    /// Somebody wakes the worker.
    Wake,
    /// How the cancellation of a receive went.
    End(ConnId),
    /// How another cancellation went, which nobody asks.
    Cancel,
}

/// Connections at most, for their numbers to fit beside what an entry is for.
pub(super) const MOST: u32 = 1 << 24;

impl What {
    /// In one word: generation, kind, number.
    pub(super) fn to_bits(self) -> u64 {
        let of = |kind: u64, id: ConnId| {
            u64::from(id.0.generation) << 32 | kind << 24 | u64::from(id.0.index)
        };
        match self {
            What::Receive(id) => of(0, id),
            What::Send(id) => of(1, id),
            What::Room(id) => of(2, id),
            What::Break(id) => of(3, id),
            What::Wake => 4 << 24,
            What::Cancel => 5 << 24,
            What::End(id) => of(6, id),
        }
    }

    pub(super) fn from_bits(bits: u64) -> What {
        let key = Key { index: bits as u32 & (MOST - 1), generation: (bits >> 32) as u32 };
        match bits >> 24 & 0xff {
            0 => What::Receive(ConnId(key)),
            1 => What::Send(ConnId(key)),
            2 => What::Room(ConnId(key)),
            3 => What::Break(ConnId(key)),
            4 => What::Wake,
            6 => What::End(ConnId(key)),
            _ => What::Cancel,
        }
    }
}

/// The receive that the kernel has of a connection: one at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiving {
    No,
    /// Into a buffer that it takes when bytes come.
    Buffer,
    /// The same, time and again.
    Many,
    /// It was told to end, whatever it was; until it has, it may bring bytes.
    Ending,
    /// Into the connection's own space, which is lent.
    Own,
}

/// See the module's comment.
pub(super) struct Socket {
    pub(super) stream: TcpStream,
    pub(super) generation: u32,
    pub(super) receiving: Receiving,
    /// How often it has lately got little, and asked for more; see [`super::many`].
    pub(super) calm: u8,
    /// Buffers with so many bytes that the connection could not take, in their order.
    pub(super) kept: Vec<(u16, usize)>,
    /// A gathered write is under way; its slices, if there are several.
    pub(super) sends: bool,
    /// So many bytes are under way quietly, see [`Uring::tell_quiet`](super::Uring::tell_quiet).
    pub(super) quiet: Option<usize>,
    /// A quiet write has found too little room: the next one waits for it.
    pub(super) is_slow: bool,
    pub(super) message: Option<Box<Message>>,
    /// The socket is full: it is waited for room.
    pub(super) is_full: bool,
    /// It is told when the connection breaks, since nothing may be received.
    pub(super) is_watched: bool,
    /// It has broken, which a receive was to tell of.
    pub(super) is_broken: bool,
    /// It had its turn to receive since it had found no buffer.
    pub(super) is_hungry: bool,
    /// It is to be closed when the kernel has nothing of it any more; gently or not.
    pub(super) closing: Option<bool>,
    /// On the list of those to receive from, of those to write to.
    pub(super) is_to_receive: bool,
    pub(super) is_to_send: bool,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, id: ConnId) -> Socket {
        Socket {
            stream,
            generation: id.0.generation,
            receiving: Receiving::No,
            calm: 0,
            kept: Vec::new(),
            sends: false,
            quiet: None,
            is_slow: false,
            message: None,
            is_full: false,
            is_watched: false,
            is_broken: false,
            is_hungry: false,
            closing: None,
            is_to_receive: false,
            is_to_send: false,
        }
    }

    pub(super) fn fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// The kernel has something of it that will complete.
    pub(super) fn is_under_way(&self) -> bool {
        self.receiving != Receiving::No || self.sends || self.is_full || self.is_watched
    }

    /// A write may go on without its success being told: there is something that ends the next wait, and
    /// the peer takes what it gets.
    pub(super) fn may_be_quiet(&self) -> bool {
        self.receiving != Receiving::No && !self.is_slow
    }

    /// What is unread when a socket is closed turns its end into a reset, and a reset takes answers with
    /// it that the peer has not read.
    pub(super) fn empty(&mut self) {
        for _ in 0..LAST_RECEIVES {
            let flags = libc::MSG_TRUNC | libc::MSG_DONTWAIT;
            // SAFETY: TCP throws the bytes away when it is asked to truncate, and writes nothing.
            if unsafe { libc::recv(self.fd(), std::ptr::null_mut(), LAST, flags) } <= 0 {
                return;
            }
        }
    }

    /// Why the connection is broken.
    pub(super) fn error(&self) -> io::Error {
        let error = self.stream.take_error().ok().flatten();
        error.unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
    }
}

/// The slices of a write, where the kernel finds them.
pub(super) struct Message {
    pub(super) header: libc::msghdr,
    slices: [libc::iovec; SLICES],
}

// SAFETY: the addresses are not looked at by who holds it, only by the kernel, while they are lent.
unsafe impl Send for Message {}

impl Message {
    pub(super) fn new() -> Box<Message> {
        let none = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        // SAFETY: zeroes are an empty header.
        let header = unsafe { std::mem::zeroed() };
        Box::new(Message { header, slices: [none; SLICES] })
    }

    /// Points at what was gathered; the header may be given to the kernel from now on.
    pub(super) fn point_at(&mut self, gather: &Gather<'_>) -> *const libc::msghdr {
        let count = gather.slices().len().min(SLICES);
        for (place, slice) in self.slices.iter_mut().zip(gather.slices()) {
            place.iov_base = slice.as_ptr().cast_mut().cast();
            place.iov_len = slice.len();
        }
        self.header.msg_iov = self.slices.as_mut_ptr();
        self.header.msg_iovlen = count as _;
        &raw const self.header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_entry_is_for_survives_the_way_through_the_ring() {
        let id = ConnId(Key { index: MOST - 1, generation: 0x8123_4567 });
        let kinds = [What::Receive, What::Send, What::Room, What::Break, What::End];
        let all = kinds.map(|what| what(id));
        for what in all.into_iter().chain([What::Wake, What::Cancel]) {
            assert_eq!(What::from_bits(what.to_bits()), what);
        }
    }
}
