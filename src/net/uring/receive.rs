//! Receives: armed ahead, ended by completions.

use super::super::connection::Input;
use super::super::driver::Host;
use super::super::service::ConnId;
use super::buffers::GROUP;
use super::socket::{Receiving, Socket, What};
use super::{Uring, buffer_of, socket};
use io_uring::{cqueue, opcode, squeue, types};
use std::io;

/// From so many bytes that an unfinished frame lacks on they are received where they belong: a copy
/// costs less than a further receive for the little that is behind it.
pub(super) const DIRECT: usize = 32 * 1024;

/// What is told of a connection that nothing is received from. Half an end leaves the watch as it is.
const BREAKS: i16 = libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR;

impl Uring {
    /// Offers what was kept, and arms the receives that are to be.
    pub(super) fn begin_receives(&mut self, host: &mut impl Host) {
        // Not those that come on the list meanwhile.
        for _ in 0..self.to_receive.len() {
            let Some(id) = self.to_receive.pop_front() else { break };
            let Some(socket) = socket(&mut self.sockets, id) else { continue };
            socket.is_to_receive = false;
            self.receive_from(host, id);
            if host.is_late() {
                break;
            }
        }
        self.feed_hungry(host);
    }

    fn receive_from(&mut self, host: &mut impl Host, id: ConnId) {
        let Some(socket) = self.open_socket(id) else { return };
        if socket.receiving != Receiving::No {
            return;
        }
        match socket.kept.is_empty() {
            true => self.arm(host, id),
            false => self.offer_kept(host, id),
        }
    }

    /// Lets as many receive as may find a buffer.
    fn feed_hungry(&mut self, host: &mut impl Host) {
        for id in self.unfed.drain(..).rev() {
            self.hungry.push_front(id);
        }
        let sockets = &mut self.sockets;
        if self.hungry.len() > sockets.len() {
            self.hungry.retain(|id| socket(sockets, *id).is_some());
        }
        if !self.hungry.is_empty() {
            self.buffers.give_some();
        }
        for _ in 0..self.buffers.given() {
            let Some(id) = self.hungry.pop_front() else { return };
            let Some(socket) = self.open_socket(id) else { continue };
            socket.is_to_receive = false;
            if !socket.kept.is_empty() {
                self.receive_from(host, id);
            } else if socket.receiving == Receiving::No {
                socket.is_hungry = true;
                self.arm_now(host, id);
            }
            if host.is_late() {
                return;
            }
        }
    }

    pub(super) fn open_socket(&mut self, id: ConnId) -> Option<&mut Socket> {
        socket(&mut self.sockets, id).filter(|socket| socket.closing.is_none())
    }

    /// Receives into what the connection lacks, or into any buffer; then behind those that found none.
    pub(super) fn arm(&mut self, host: &mut impl Host, id: ConnId) {
        if self.hungry.is_empty() || host.is_behind(id) {
            return self.arm_now(host, id);
        }
        if let Some(socket) = self.open_socket(id)
            && !std::mem::replace(&mut socket.is_to_receive, true)
        {
            self.hungry.push_back(id);
        }
    }

    fn arm_now(&mut self, host: &mut impl Host, id: ConnId) {
        let is_short = !self.hungry.is_empty() || self.buffers.are_all_full();
        let least = if is_short { 1 } else { DIRECT };
        let Some(socket) = self.open_socket(id) else { return };
        let fd = types::Fd(socket.fd());
        let (entry, receiving) = match host.input(id) {
            Input::Space { own, .. } if own.len() >= least => {
                let len = u32::try_from(own.len()).unwrap_or(u32::MAX);
                socket.calm = 0;
                (opcode::Recv::new(fd, own.as_mut_ptr(), len).build(), Receiving::Own)
            }
            Input::Paused => return self.watch(host, id),
            Input::Space { .. } => {
                host.received(id, 0, &[]);
                match !is_short && socket.is_calm() {
                    true => (opcode::RecvMulti::new(fd, GROUP).build(), Receiving::Many),
                    false => (one_buffer(fd), Receiving::Buffer),
                }
            }
        };
        socket.receiving = receiving;
        // SAFETY: a buffer is given to the kernel until it completes; the connection's own space is lent
        // until `received` or `gone`, which come after the completion.
        unsafe { self.push(entry, What::Receive(id)) };
    }

    /// While nothing is received, only this tells of a connection that breaks. It stays for the next time.
    pub(super) fn watch(&mut self, host: &mut impl Host, id: ConnId) {
        let Some(socket) = self.open_socket(id) else { return };
        if std::mem::take(&mut socket.is_broken) {
            let error = socket.error();
            return host.failed(id, error);
        }
        if std::mem::replace(&mut socket.is_watched, true) {
            return;
        }
        let poll = opcode::PollAdd::new(types::Fd(socket.fd()), BREAKS as u32).multi(true);
        // SAFETY: it points at nothing.
        unsafe { self.push(poll.build(), What::Break(id)) };
    }

    /// The connection has broken. Where a receive is under way that tells of it, after what came before.
    /// A peer that has only ended its own side is owed answers.
    pub(super) fn broke(&mut self, host: &mut impl Host, id: ConnId, events: i32, flags: u32) {
        let Some(socket) = socket(&mut self.sockets, id) else { return };
        socket.is_watched = cqueue::more(flags);
        socket.is_broken |= events < 0 || events & i32::from(libc::POLLERR | libc::POLLHUP) != 0;
        let is_news = socket.is_broken && socket.receiving == Receiving::No;
        let error = is_news.then(|| socket.error());
        if self.is_closing(host, id) {
            return;
        }
        if let Some(error) = error {
            host.failed(id, error);
        }
    }

    /// A receive is over, or has brought something and goes on.
    pub(super) fn received(&mut self, host: &mut impl Host, id: ConnId, result: i32, flags: u32) {
        let buffer = buffer_of(flags);
        if let Some(buffer) = buffer {
            self.buffers.filled(buffer);
        }
        let Some(socket) = socket(&mut self.sockets, id) else { return self.put_back(buffer) };
        let receiving = socket.receiving;
        if !cqueue::more(flags) {
            socket.receiving = Receiving::No;
        }
        let len = usize::try_from(result).unwrap_or(0);
        if result >= 0 {
            // What was cancelled, or found no buffer, has moved nothing.
            self.stats.receives.add(1);
            self.stats.bytes_in.add(len as u64);
            socket.is_hungry = false;
        }
        if self.is_closing(host, id) {
            return self.put_back(buffer);
        }
        match (buffer, receiving) {
            (Some(buffer), _) if len > 0 => return self.came(host, id, buffer, len),
            (_, Receiving::Own) => host.received(id, len, &[]),
            _ => {}
        }
        self.put_back(buffer);
        if self.is_behind_kept(id, result) {
            return;
        }
        match result {
            1.. => self.arm(host, id),
            0 => host.ended(id),
            code => self.failed(host, id, receiving, -code),
        }
    }

    fn failed(&mut self, host: &mut impl Host, id: ConnId, receiving: Receiving, code: i32) {
        match code {
            // What it was ended for may have taken all buffers: that alone is no shortage.
            libc::ECANCELED | libc::ENOBUFS if receiving == Receiving::Ending => self.arm(host, id),
            libc::ENOBUFS => {
                self.buffers.ran_out();
                #[cfg(test)]
                {
                    self.vain += 1;
                }
                self.starve(host, id);
            }
            libc::EINTR | libc::EAGAIN => self.arm(host, id),
            code => host.failed(id, io::Error::from_raw_os_error(code)),
        }
    }

    /// It has found no buffer. What has space of its own for a frame that has begun goes on in it.
    fn starve(&mut self, host: &mut impl Host, id: ConnId) {
        let is_behind = host.is_behind(id);
        let Some(socket) = self.open_socket(id) else { return };
        socket.calm = 0;
        if std::mem::replace(&mut socket.is_to_receive, true) {
            return;
        }
        if std::mem::take(&mut socket.is_hungry) {
            self.unfed.push(id);
        } else {
            self.hungry.push_back(id);
        }
        if is_behind {
            self.arm_now(host, id);
        }
    }

    pub(super) fn put_back(&mut self, buffer: Option<u16>) {
        if let Some(buffer) = buffer {
            self.buffers.put_back(buffer);
        }
    }
}

/// One receive, into a buffer that the kernel takes.
fn one_buffer(fd: types::Fd) -> squeue::Entry {
    let any = opcode::Recv::new(fd, std::ptr::null_mut(), 0).buf_group(GROUP).build();
    any.flags(squeue::Flags::BUFFER_SELECT)
}
