//! Writes: gathered ones through the ring, ranges of files by direct calls.

use super::super::driver::{Driver, Host};
use super::super::outbox::{Gather, Output};
use super::super::service::ConnId;
use super::super::sys;
use super::queue::Completion;
use super::socket::{Message, Socket, What};
use super::{Uring, socket};
use io_uring::{opcode, squeue, types};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};

/// A quiet write has so many bytes at most, and so many are under way at once: what they hold is kept
/// until the next wait is over.
const QUIET_BYTES: usize = 16 * 1024;
const QUIET_WRITES: usize = 64;

impl Uring {
    /// Writes until a write is under way, there is nothing left, the socket is full, or the connection
    /// has had its share.
    pub(super) fn send_to(&mut self, host: &mut impl Host, id: ConnId) {
        let mut left = self.turn_written;
        while let Some(socket) = socket(&mut self.sockets, id)
            && !(socket.sends || socket.is_full || socket.closing.is_some())
        {
            let may_be_quiet = !self.queue.is_polled()
                && self.quiet.len() < QUIET_WRITES
                && socket.may_be_quiet()
                && !host.waits_for_written(id);
            let mut gather = Gather::new();
            let (result, is_file) = match host.output(id, &mut gather) {
                Output::Nothing => return,
                Output::Gathered { more: false } => {
                    let spare = self.messages.pop();
                    socket.quiet = gather.whole_len(QUIET_BYTES).filter(|_| may_be_quiet);
                    let entry = gathered(socket, &gather, spare);
                    if socket.quiet.is_some() {
                        self.quiet.push(id);
                    }
                    self.stats.sends.add(1);
                    let bytes = gather.slices().iter().map(|slice| slice.len()).sum();
                    // SAFETY: what was offered stays until `written` or `gone`, which come after the
                    // completion, and so does the header, which the socket holds.
                    unsafe { self.push(entry, What::Send(id)) };
                    return host.writes(bytes);
                }
                Output::Gathered { more: true } => {
                    (sys::send(&socket.stream, gather.slices(), true), false)
                }
                Output::File(range) => {
                    let len = (range.len as usize).min(left);
                    (sys::send_file(&socket.stream, range, len), true)
                }
            };
            self.stats.sends.add(1);
            if !self.moved(host, id, result, is_file, &mut left) {
                return;
            }
        }
    }

    /// A direct call has moved something or not; whether to go on.
    fn moved(
        &mut self,
        host: &mut impl Host,
        id: ConnId,
        result: io::Result<usize>,
        is_file: bool,
        left: &mut usize,
    ) -> bool {
        let n = *result.as_ref().unwrap_or(&0);
        self.stats.bytes_out.add(n as u64);
        host.written(id, n);
        match result {
            Ok(0) if is_file => {
                let why = "the file ended before the range that was to be sent";
                host.failed(id, io::Error::new(ErrorKind::UnexpectedEof, why));
                false
            }
            Ok(n) => {
                *left = left.saturating_sub(n);
                if *left == 0 {
                    self.send(id);
                }
                *left > 0
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.await_room(id);
                false
            }
            Err(error) => {
                host.failed(id, error);
                false
            }
        }
    }

    fn await_room(&mut self, id: ConnId) {
        let Some(socket) = socket(&mut self.sockets, id) else { return };
        socket.is_full = true;
        let entry = opcode::PollAdd::new(types::Fd(socket.fd()), libc::POLLOUT as u32).build();
        // SAFETY: it points at nothing.
        unsafe { self.push(entry, What::Room(id)) };
    }

    /// The wait for room is over.
    pub(super) fn has_room(&mut self, host: &mut impl Host, id: ConnId) {
        let Some(socket) = socket(&mut self.sockets, id) else { return };
        socket.is_full = false;
        if !self.is_closing(host, id) {
            self.send(id);
        }
    }

    /// A gathered write is over.
    pub(super) fn sent(&mut self, host: &mut impl Host, id: ConnId, result: i32) {
        let Some(socket) = socket(&mut self.sockets, id) else { return };
        socket.sends = false;
        let quiet = socket.quiet.take();
        self.messages.extend(socket.message.take());
        let n = usize::try_from(result).unwrap_or(0);
        socket.is_slow = quiet.is_some_and(|whole| n < whole);
        self.stats.bytes_out.add(n as u64);
        if self.is_closing(host, id) {
            return;
        }
        host.written(id, n);
        match -result {
            ..=0 | libc::EINTR | libc::EAGAIN => self.send(id),
            code => host.failed(id, io::Error::from_raw_os_error(code)),
        }
    }

    /// Tells of the quiet writes. They do not wait in the kernel, so that the enter that has submitted them
    /// has ended them too, and those of which no completion came have written all their bytes.
    pub(super) fn tell_quiet(
        &mut self,
        host: &mut impl Host,
        completions: &mut VecDeque<Completion>,
    ) -> io::Result<()> {
        if self.quiet.is_empty() || !self.queue.is_all_begun() {
            return Ok(());
        }
        // None that has failed may be among those that the kernel has put aside.
        self.queue.take_all(completions)?;
        completions.retain(|&(what, result, _)| match what {
            What::Send(id) => {
                self.sent(host, id, result);
                false
            }
            _ => true,
        });
        let mut quiet = std::mem::take(&mut self.quiet);
        for id in quiet.drain(..) {
            let whole = socket(&mut self.sockets, id).and_then(|socket| socket.quiet);
            if let Some(whole) = whole {
                self.sent(host, id, i32::try_from(whole).unwrap_or(i32::MAX));
            }
        }
        self.quiet = quiet;
        Ok(())
    }
}

/// The entry for what was gathered; the socket holds what it points at besides the bytes.
fn gathered(
    socket: &mut Socket,
    gather: &Gather<'_>,
    spare: Option<Box<Message>>,
) -> squeue::Entry {
    socket.sends = true;
    let fd = types::Fd(socket.fd());
    // All or an error, at once: that is what makes silence mean success.
    let whole = if socket.quiet.is_some() { libc::MSG_DONTWAIT | libc::MSG_WAITALL } else { 0 };
    let flags = libc::MSG_NOSIGNAL | whole;
    let entry = if let [one] = gather.slices() {
        let len = u32::try_from(one.len()).unwrap_or(u32::MAX);
        opcode::Send::new(fd, one.as_ptr(), len).flags(flags).build()
    } else {
        let message = socket.message.insert(spare.unwrap_or_else(Message::new));
        let header = message.point_at(gather);
        opcode::SendMsg::new(fd, header).flags(flags as u32).build()
    };
    if socket.quiet.is_some() { entry.flags(squeue::Flags::SKIP_SUCCESS) } else { entry }
}
