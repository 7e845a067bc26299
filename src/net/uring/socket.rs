//! One connection's socket, and what the kernel has of it.

use super::super::driver::Farewell;
use super::super::outbox::{Gather, SLICES};
use super::super::service::ConnId;
use super::super::slab::Key;
use super::super::sys;
use mio::net::TcpStream;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// Bytes that are taken out of a socket before it is closed, so that its end is no reset; at one go.
const LAST: usize = 256 * 1024;
const LAST_RECEIVES: usize = 4;

/// What the kernel may have of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Receive,
    Send,
    Room,
    Break,
}

impl Task {
    /// The entry for it.
    pub(super) fn of(self, id: ConnId) -> What {
        match self {
            Task::Receive => What::Receive(id),
            Task::Send => What::Send(id),
            Task::Room => What::Room(id),
            Task::Break => What::Break(id),
        }
    }
}

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
    /// How a cancellation went.
    End(Task, ConnId),
    Nothing,
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
            What::Nothing => 5 << 24,
            What::End(Task::Receive, id) => of(8, id),
            What::End(Task::Send, id) => of(9, id),
            What::End(Task::Room, id) => of(10, id),
            What::End(Task::Break, id) => of(11, id),
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
            8 => What::End(Task::Receive, ConnId(key)),
            9 => What::End(Task::Send, ConnId(key)),
            10 => What::End(Task::Room, ConnId(key)),
            11 => What::End(Task::Break, ConnId(key)),
            _ => What::Nothing,
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
    /// It is to be closed when the kernel has nothing of it any more, and how.
    pub(super) closing: Option<Farewell>,
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
        [Task::Receive, Task::Send, Task::Room, Task::Break].iter().any(|task| self.has(*task))
    }

    /// The kernel has this of it.
    pub(super) fn has(&self, task: Task) -> bool {
        match task {
            Task::Receive => self.receiving != Receiving::No,
            Task::Send => self.sends,
            Task::Room => self.is_full,
            Task::Break => self.is_watched,
        }
    }

    /// It has this of it, and was told to end it.
    pub(super) fn is_to_end(&self, task: Task) -> bool {
        match task {
            Task::Receive => self.receiving == Receiving::Ending,
            _ => self.closing.is_some() && self.has(task),
        }
    }

    /// The kernel has told something of it, or told it to the end.
    pub(super) fn told(&mut self, task: Task, is_last: bool) {
        match task {
            Task::Receive if is_last => self.receiving = Receiving::No,
            Task::Break => self.is_watched = !is_last,
            Task::Receive => {}
            Task::Send => self.sends = false,
            Task::Room => self.is_full = false,
        }
    }

    /// A write may go on without its success being told: there is something that ends the next wait, and
    /// the peer takes what it gets.
    pub(super) fn may_be_quiet(&self) -> bool {
        self.receiving != Receiving::No && !self.is_slow
    }

    /// Does what has to be done before it is closed.
    pub(super) fn part(&self, how: Farewell) {
        match how {
            Farewell::Gentle => self.empty(),
            Farewell::Plain => {}
            Farewell::Reset => sys::reset_at_close(&self.stream),
        }
    }

    /// What is unread when a socket is closed turns its end into a reset, and a reset takes answers with
    /// it that the peer has not read.
    fn empty(&self) {
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
        let tasks = [Task::Receive, Task::Send, Task::Room, Task::Break];
        let all = tasks.into_iter().flat_map(|task| [task.of(id), What::End(task, id)]);
        for what in all.chain([What::Wake, What::Nothing]) {
            assert_eq!(What::from_bits(what.to_bits()), what);
        }
    }
}
