//! The completion driver: io_uring.
//!
//! ```text
//! a turn:   arm receives ──> enter: submit all, wait ──> completions ──> host ──> writes queued ─┐
//!              ^─────────────────────── the next turn's enter takes them along ──────────────────┘
//! ```
//!
//! * One enter a turn: what a turn queues (receives, writes, cancellations) the next wait submits.
//! * A receive is armed before anybody knows whether bytes will come. It takes none of the connection's
//!   memory: the kernel puts what comes into a buffer of [`Buffers`], and then the host is asked
//!   ([`Host::arrived`]). Where an unfinished frame lacks much, it is received into the connection's own
//!   space instead, which is lent as [`Host::input`] says.
//! * A connection has one receive and one write under way at most. Paused, with bytes that nobody has
//!   looked at, it has none; paused without any, one: so its end is noticed while a request is parked.
//! * Ranges of files go by `sendfile`, and what stands before them by a direct write: there is no such
//!   operation for a ring that does not cost a thread. A full socket is waited for in the ring.
//! * What is closed stays until the kernel has nothing of it any more; only then the host may free what
//!   it has lent. When the worker ends, all is cancelled first, and what is not is leaked.
//!
//! The ring belongs to its worker's thread, which enables it (SINGLE_ISSUER, DEFER_TASKRUN): completions
//! come when it asks, never in between, so memory can be looked at without a lock.

mod buffers;
mod receive;
mod send;
mod socket;
mod wake;

pub(crate) use wake::Waker;

use super::driver::{Driver, Host};
use super::service::ConnId;
use super::stats::Stats;
use buffers::Buffers;
use io_uring::squeue::Entry;
use io_uring::{IoUring, cqueue, opcode, types};
use mio::net::TcpStream;
use socket::{MOST, Message, Receiving, Socket, What};
use std::io::{self, ErrorKind};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

/// Entries that are submitted by one enter at most, without a further one.
const ENTRIES: u32 = 256;
/// Completions that wait without being put aside by the kernel.
const COMPLETIONS: u32 = 4096;
/// How long the end of a worker waits for the kernel to let go of everything.
const LET_GO: Duration = Duration::from_secs(1);

/// See the module's comment.
pub(crate) struct Uring {
    ring: IoUring,
    /// The worker's thread has taken it over.
    is_enabled: bool,
    sockets: Vec<Option<Socket>>,
    /// Dropped by hand, if the kernel has let go of them.
    buffers: ManuallyDrop<Buffers>,
    waker: Arc<Waker>,
    /// Where a wake is read into.
    woken: Box<u64>,
    /// To receive from in the next turn.
    to_receive: Vec<ConnId>,
    /// These found no buffer.
    hungry: Vec<ConnId>,
    /// To write to at the next flush.
    to_send: Vec<ConnId>,
    completions: Vec<(What, i32, u32)>,
    /// Headers of writes that are over.
    #[expect(clippy::vec_box, reason = "the kernel is told where they are")]
    messages: Vec<Box<Message>>,
    turn_written: usize,
    stats: Arc<Stats>,
}

impl Uring {
    /// # Errors
    /// When the kernel, or a sandbox, does not let us, or lacks what is needed (Linux 6.1).
    pub(crate) fn new(turn_written: usize, stats: Arc<Stats>) -> io::Result<Uring> {
        let mut builder = IoUring::builder();
        builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
        builder.setup_r_disabled().setup_submit_all().dontfork();
        let ring: IoUring = builder.setup_cqsize(COMPLETIONS).build(ENTRIES)?;
        let params = ring.params();
        if !(params.is_feature_nodrop() && params.is_feature_ext_arg()) {
            return Err(io::Error::new(
                ErrorKind::Unsupported,
                "this kernel's io_uring is too old",
            ));
        }
        Ok(Uring {
            buffers: ManuallyDrop::new(Buffers::new(&ring)?),
            ring,
            is_enabled: false,
            sockets: Vec::new(),
            waker: Arc::new(Waker::new()?),
            woken: Box::new(0),
            to_receive: Vec::new(),
            hungry: Vec::new(),
            to_send: Vec::new(),
            completions: Vec::new(),
            messages: Vec::new(),
            turn_written,
            stats,
        })
    }

    /// What ends this driver's waits.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    /// Takes the ring over, on the worker's thread.
    fn enable(&mut self) -> io::Result<()> {
        if !self.is_enabled {
            self.ring.submitter().register_enable_rings()?;
            self.is_enabled = true;
            self.await_wake();
        }
        Ok(())
    }

    fn await_wake(&mut self) {
        let fd = types::Fd(self.waker.fd());
        let entry = opcode::Read::new(fd, (&raw mut *self.woken).cast(), 8).build();
        // SAFETY: the word is in a box of its own that is dropped after the ring has let go.
        unsafe { self.push(entry, What::Wake) };
    }

    /// Queues an entry. A full queue is submitted first.
    ///
    /// # Safety
    /// What the entry points at stays where it is until it has completed.
    unsafe fn push(&mut self, entry: Entry, what: What) {
        let entry = entry.user_data(what.to_bits());
        loop {
            // SAFETY: the caller's word.
            if unsafe { self.ring.submission().push(&entry) }.is_ok() {
                return;
            }
            if let Err(error) = self.ring.submit()
                && !passes(&error)
            {
                // It would mean that the ring is not one; the wait says it too.
                ::log::error!(target: "barnabas::net", "io_uring takes nothing: {error}");
            }
        }
    }

    /// Submits what is queued and waits for a completion.
    fn enter(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let submitter = self.ring.submitter();
        let entered = match timeout {
            None => submitter.submit_and_wait(1),
            Some(Duration::ZERO) => submitter.submit(),
            Some(timeout) => {
                let until = types::Timespec::from(timeout);
                submitter.submit_with_args(1, &types::SubmitArgs::new().timespec(&until))
            }
        };
        match entered {
            Err(error) if !passes(&error) => Err(error),
            _ => Ok(()),
        }
    }

    fn complete(&mut self, host: &mut impl Host, what: What, result: i32, flags: u32) {
        match what {
            What::Receive(id) => self.received(host, id, result, flags),
            What::Send(id) => self.sent(host, id, result),
            What::Room(id) => self.has_room(host, id),
            What::Break(id) => self.broke(host, id, result),
            What::Wake => self.await_wake(),
            What::Cancel => {}
        }
    }

    /// The kernel has one thing less of a connection that is to be closed.
    fn close_when_over(&mut self, host: &mut impl Host, id: ConnId) {
        let Some(socket) = socket(&mut self.sockets, id) else { return };
        let Some(gently) = socket.closing.filter(|_| !socket.is_under_way()) else { return };
        if gently {
            socket.empty();
        }
        self.sockets[id.0.index as usize] = None;
        host.gone(id);
    }

    /// Whether it is being closed; if it is over, it is gone now.
    fn is_closing(&mut self, host: &mut impl Host, id: ConnId) -> bool {
        let is_closing =
            socket(&mut self.sockets, id).is_none_or(|socket| socket.closing.is_some());
        if is_closing {
            self.close_when_over(host, id);
        }
        is_closing
    }

    fn cancel(&mut self, what: What) {
        let entry = opcode::AsyncCancel::new(what.to_bits()).build();
        // SAFETY: it points at nothing.
        unsafe { self.push(entry, What::Cancel) };
    }
}

/// An enter that has not waited, or not submitted all: the next one does.
fn passes(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINTR | libc::ETIME | libc::EBUSY | libc::EAGAIN))
}

/// The socket of a connection, unless it is gone.
fn socket(sockets: &mut [Option<Socket>], id: ConnId) -> Option<&mut Socket> {
    let socket = sockets.get_mut(id.0.index as usize)?.as_mut()?;
    (socket.generation == id.0.generation).then_some(socket)
}

impl Driver for Uring {
    fn add(&mut self, id: ConnId, stream: TcpStream) -> io::Result<()> {
        let at = id.0.index as usize;
        if id.0.index >= MOST {
            return Err(io::Error::new(ErrorKind::QuotaExceeded, "too many connections"));
        }
        if self.sockets.len() <= at {
            self.sockets.resize_with(at + 1, || None);
        }
        assert!(self.sockets[at].is_none(), "the place of a new connection is free");
        self.sockets[at] = Some(Socket::new(stream, id));
        self.receive(id);
        Ok(())
    }

    fn receive(&mut self, id: ConnId) {
        if let Some(socket) = socket(&mut self.sockets, id)
            && socket.receiving == Receiving::No
            && !std::mem::replace(&mut socket.is_to_receive, true)
        {
            self.to_receive.push(id);
        }
    }

    fn send(&mut self, id: ConnId) {
        if let Some(socket) = socket(&mut self.sockets, id)
            && !(socket.sends || socket.is_full)
            && !std::mem::replace(&mut socket.is_to_send, true)
        {
            self.to_send.push(id);
        }
    }

    fn has_work(&self) -> bool {
        !self.to_send.is_empty()
    }

    fn wait(&mut self, host: &mut impl Host, timeout: Option<Duration>) -> io::Result<()> {
        self.enable()?;
        let has_moved = self.begin_receives(host);
        self.enter(if has_moved { Some(Duration::ZERO) } else { timeout })?;
        host.woke();
        let mut completions = std::mem::take(&mut self.completions);
        completions.extend(
            self.ring
                .completion()
                .map(|one| (What::from_bits(one.user_data()), one.result(), one.flags())),
        );
        for (what, result, flags) in completions.drain(..) {
            self.complete(host, what, result, flags);
        }
        self.completions = completions;
        Ok(())
    }

    fn flush(&mut self, host: &mut impl Host) {
        let mut ids = std::mem::take(&mut self.to_send);
        let later = ids.len();
        for at in 0..later {
            let Some(id) = ids.get(at).copied() else { break };
            if let Some(socket) = socket(&mut self.sockets, id) {
                socket.is_to_send = false;
                self.send_to(host, id);
            }
        }
        ids.clear();
        ids.append(&mut self.to_send);
        self.to_send = ids;
    }

    fn close(&mut self, host: &mut impl Host, id: ConnId, gently: bool) {
        let Some(socket) = socket(&mut self.sockets, id) else { return host.gone(id) };
        socket.closing = Some(gently);
        let kept = socket.kept.take();
        let under_way = [
            (socket.receiving != Receiving::No, What::Receive(id)),
            (socket.sends, What::Send(id)),
            (socket.is_full, What::Room(id)),
            (socket.is_watched, What::Break(id)),
        ];
        if let Some((buffer, _)) = kept {
            self.buffers.put_back(buffer);
        }
        for (_, what) in under_way.into_iter().filter(|(is_under_way, _)| *is_under_way) {
            self.cancel(what);
        }
        self.close_when_over(host, id);
    }

    fn is_trimmed(&self) -> bool {
        self.buffers.is_trimmed()
    }

    fn trim(&mut self) {
        while self.sockets.last().is_some_and(Option::is_none) {
            self.sockets.pop();
        }
        self.sockets.shrink_to_fit();
        self.to_receive.shrink_to_fit();
        self.to_send.shrink_to_fit();
        self.completions = Vec::new();
        self.messages = Vec::new();
        let is_kept = self.sockets.iter().flatten().any(|socket| socket.kept.is_some());
        // An entry that was submitted within the turn may have filled one.
        if !is_kept && self.ring.completion().is_empty() {
            self.buffers.trim();
        }
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        let is_let_go = !self.is_enabled || self.let_go();
        for socket in self.sockets.iter_mut().flatten() {
            if socket.closing == Some(true) {
                socket.empty();
            }
        }
        if is_let_go {
            // SAFETY: nobody uses them after this.
            unsafe { ManuallyDrop::drop(&mut self.buffers) };
        } else {
            ::log::warn!(target: "barnabas::net", "io_uring has not let go of its buffers; they are left to it");
            std::mem::forget(std::mem::take(&mut self.woken));
            std::mem::forget(std::mem::take(&mut self.sockets));
        }
    }
}

impl Uring {
    /// Cancels all; whether the kernel has nothing of ours any more.
    fn let_go(&mut self) -> bool {
        let _ = self.ring.submit();
        let until = types::Timespec::from(LET_GO);
        let all = types::CancelBuilder::any();
        let result = self.ring.submitter().register_sync_cancel(Some(until), all);
        match result {
            Ok(()) => true,
            Err(error) => error.raw_os_error() == Some(libc::ENOENT),
        }
    }
}

/// The buffer that a completion has filled.
fn buffer_of(flags: u32) -> Option<u16> {
    cqueue::buffer_select(flags)
}
