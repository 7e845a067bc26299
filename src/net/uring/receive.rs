//! Receives: armed ahead, ended by completions.

use super::super::connection::Input;
use super::super::driver::{Arrived, Host};
use super::super::service::ConnId;
use super::buffers::GROUP;
use super::socket::{Receiving, Socket, What};
use super::{Uring, buffer_of, socket};
use io_uring::{opcode, squeue, types};
use std::io;

/// From so many bytes that an unfinished frame lacks on they are received where they belong: a copy
/// costs less than a further receive for the little that is behind it.
const DIRECT: usize = 32 * 1024;

impl Uring {
    /// Arms the receives that are to be; whether bytes have moved already.
    pub(super) fn begin_receives(&mut self, host: &mut impl Host) -> bool {
        if !self.buffers.are_all_full() {
            self.to_receive.append(&mut self.hungry);
        }
        let mut ids = std::mem::take(&mut self.to_receive);
        let mut has_moved = false;
        for id in ids.drain(..) {
            let Some(socket) = socket(&mut self.sockets, id) else { continue };
            socket.is_to_receive = false;
            has_moved |= self.receive_from(host, id);
        }
        ids.append(&mut self.to_receive);
        self.to_receive = ids;
        has_moved
    }

    /// Offers what was kept, then receives again; whether bytes have moved.
    fn receive_from(&mut self, host: &mut impl Host, id: ConnId) -> bool {
        let Some(socket) = self.open_socket(id) else { return false };
        if socket.receiving != Receiving::No {
            return false;
        }
        match socket.kept.take() {
            None => {
                self.arm(host, id);
                false
            }
            Some((buffer, len)) => self.offer(host, id, buffer, len),
        }
    }

    fn open_socket(&mut self, id: ConnId) -> Option<&mut Socket> {
        socket(&mut self.sockets, id).filter(|socket| socket.closing.is_none())
    }

    fn arm(&mut self, host: &mut impl Host, id: ConnId) {
        let least = if self.buffers.are_all_full() { 1 } else { DIRECT };
        let is_behind = host.is_behind(id);
        let Some(socket) = self.open_socket(id) else { return };
        let fd = types::Fd(socket.fd());
        let (entry, receiving) = match host.input(id) {
            Input::Space { own, .. } if own.len() >= least => {
                let len = u32::try_from(own.len()).unwrap_or(u32::MAX);
                (opcode::Recv::new(fd, own.as_mut_ptr(), len).build(), Receiving::Own)
            }
            Input::Paused if is_behind => return self.watch(id),
            input => {
                if matches!(input, Input::Space { .. }) {
                    host.received(id, 0, &[]);
                }
                let any = opcode::Recv::new(fd, std::ptr::null_mut(), 0).buf_group(GROUP).build();
                (any.flags(squeue::Flags::BUFFER_SELECT), Receiving::Buffer)
            }
        };
        socket.receiving = receiving;
        // SAFETY: a buffer is given to the kernel until it completes; the connection's own space is lent
        // until `received` or `gone`, which come after the completion.
        unsafe { self.push(entry, What::Receive(id)) };
    }

    /// While nothing is received, only this tells of a connection that breaks. It stays for the next time.
    fn watch(&mut self, id: ConnId) {
        let Some(socket) =
            self.open_socket(id).filter(|socket| !(socket.is_watched || socket.has_ended))
        else {
            return;
        };
        socket.is_watched = true;
        // Errors and hang-ups, of one side too, are told of whatever is asked for.
        let entry = opcode::PollAdd::new(types::Fd(socket.fd()), 0).build();
        // SAFETY: it points at nothing.
        unsafe { self.push(entry, What::Break(id)) };
    }

    /// The connection has broken. Where a receive is under way that tells of it, after what came before.
    /// A peer that has only ended its own side is owed answers; that it breaks later is seen by writing.
    pub(super) fn broke(&mut self, host: &mut impl Host, id: ConnId, events: i32) {
        let Some(socket) = socket(&mut self.sockets, id) else { return };
        socket.is_watched = false;
        socket.has_ended = true;
        let is_broken = events < 0 || events & i32::from(libc::POLLERR | libc::POLLHUP) != 0;
        let is_news = is_broken && socket.receiving == Receiving::No;
        let error = is_news.then(|| socket.error());
        if self.is_closing(host, id) {
            return;
        }
        if let Some(error) = error {
            host.failed(id, error);
        }
    }

    /// A receive is over.
    pub(super) fn received(&mut self, host: &mut impl Host, id: ConnId, result: i32, flags: u32) {
        let buffer = buffer_of(flags);
        if buffer.is_some() {
            self.buffers.filled();
        }
        let Some(socket) = socket(&mut self.sockets, id) else { return self.put_back(buffer) };
        let receiving = std::mem::replace(&mut socket.receiving, Receiving::No);
        let len = usize::try_from(result).unwrap_or(0);
        self.stats.receives.add(1);
        self.stats.bytes_in.add(len as u64);
        if self.is_closing(host, id) {
            return self.put_back(buffer);
        }
        match (buffer, receiving) {
            (Some(buffer), _) if len > 0 => {
                self.offer(host, id, buffer, len);
                return;
            }
            (_, Receiving::Own) => host.received(id, len, &[]),
            _ => {}
        }
        self.put_back(buffer);
        match result {
            1.. => self.arm(host, id),
            0 => host.ended(id),
            code => self.failed(host, id, -code),
        }
    }

    fn failed(&mut self, host: &mut impl Host, id: ConnId, code: i32) {
        match code {
            libc::ENOBUFS => {
                self.buffers.ran_out();
                self.hungry.push(id);
            }
            libc::EINTR | libc::EAGAIN => self.arm(host, id),
            code => host.failed(id, io::Error::from_raw_os_error(code)),
        }
    }

    /// Gives the connection the bytes of a buffer; whether it has taken them.
    fn offer(&mut self, host: &mut impl Host, id: ConnId, buffer: u16, len: usize) -> bool {
        match host.arrived(id, self.buffers.bytes(buffer, len)) {
            Arrived::Taken => {
                self.put_back(Some(buffer));
                self.arm(host, id);
                true
            }
            Arrived::Kept => {
                self.put_back(Some(buffer));
                self.watch(id);
                true
            }
            Arrived::Refused => {
                if let Some(socket) = self.open_socket(id) {
                    socket.kept = Some((buffer, len));
                } else {
                    self.put_back(Some(buffer));
                }
                false
            }
        }
    }

    fn put_back(&mut self, buffer: Option<u16>) {
        if let Some(buffer) = buffer {
            self.buffers.put_back(buffer);
        }
    }
}
