//! Ends: what was under way is cancelled, until the kernel has said of each that it is over.
//!
//! A cancellation may find nothing though there is something: what the kernel is about to begin once more is on none
//! of its lists. So it is repeated while no completion has come. When the worker stops, what had come is received
//! first.

use super::super::pool::WINDOW;
use super::super::service::ConnId;
use super::queue::{Completion, LET_GO};
use super::socket::{Receiving, Task, What};
use super::{Uring, socket};
use io_uring::{cqueue, opcode};
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

/// So many receives at least a polling thread ends between two looks at the entries, if they can be ended. It says
/// nothing of those that it has put off.
const A_ROUND: usize = 16;

impl Uring {
    pub(super) fn cancel(&mut self, task: Task, id: ConnId) {
        let entry = opcode::AsyncCancel::new(task.of(id).to_bits()).build();
        // SAFETY: it points at nothing.
        unsafe { self.push(entry, What::End(task, id)) };
    }

    /// How a cancellation went. The last completion of what was to be cancelled would have come before this one if
    /// there were nothing to cancel any more.
    pub(super) fn told_to_end(&mut self, task: Task, id: ConnId, result: i32) {
        let is_missed = result == -libc::ENOENT;
        let socket =
            socket(&mut self.sockets, id).filter(|socket| is_missed && socket.is_to_end(task));
        if socket.is_some() {
            self.cancel(task, id);
        }
    }

    /// Takes what has completed, while the worker stops, and notes whether the next wait may bring more of what
    /// had come before: what the kernel has put off, or what is behind a receive that has not emptied its socket.
    pub(super) fn take_last(&mut self, completions: &mut VecDeque<Completion>) {
        self.last_waits += 1;
        if self.queue.is_polled() {
            self.queue.are_all_taken();
        }
        self.queue.take(completions);
        let sockets = &mut self.sockets;
        let goes_on = completions.iter().any(|&(what, result, _)| match what {
            What::Receive(id) => {
                let is_own = socket(sockets, id).is_some_and(|it| it.receiving == Receiving::Own);
                is_own || usize::try_from(result).is_ok_and(|len| len >= WINDOW) || result < 0
            }
            _ => false,
        });
        let rounds = 2 + sockets.len() / A_ROUND;
        let is_behind = self.queue.is_polled() && self.last_waits < rounds;
        self.owes = goes_on || is_behind || self.queue.has_more();
    }

    /// Ends all; whether all is over. Asked again, it knows.
    pub(super) fn has_let_go(&mut self) -> bool {
        if let Some(has_let_go) = self.let_go {
            return has_let_go;
        }
        let has_let_go = self.end_all();
        self.let_go = Some(has_let_go);
        for socket in self.sockets.iter_mut().flatten() {
            if let Some(how) = socket.closing {
                socket.part(how);
            }
        }
        has_let_go
    }

    /// Cancels all until all is over by its completions, or that takes too long.
    fn end_all(&mut self) -> bool {
        let until = Instant::now() + LET_GO;
        while self.has_under_way() {
            // What is cancelled ends in enters to come, a few dozen in one.
            let is_told = self.queue.has_more() || self.queue.let_go();
            let has_told = is_told && self.take_ends();
            if !has_told || Instant::now() > until {
                return false;
            }
        }
        true
    }

    /// The kernel has something that completes, or writes to memory.
    fn has_under_way(&self) -> bool {
        let mut sockets = self.sockets.iter().flatten();
        self.queue.is_enabled() && (self.awaits_wake || sockets.any(|socket| socket.is_under_way()))
    }

    /// Notes what is over; false where the ring is broken.
    fn take_ends(&mut self) -> bool {
        let entered = self.queue.enter(Some(Duration::ZERO));
        let mut completions = std::mem::take(&mut self.completions);
        let taken = self.queue.take_all(&mut completions);
        for (what, _, flags) in completions {
            let (task, id) = match what {
                What::Receive(id) => (Task::Receive, id),
                What::Send(id) => (Task::Send, id),
                What::Room(id) => (Task::Room, id),
                What::Break(id) => (Task::Break, id),
                What::Wake => {
                    self.awaits_wake = false;
                    continue;
                }
                What::End(..) | What::Nothing => continue,
            };
            if let Some(socket) = socket(&mut self.sockets, id) {
                socket.told(task, !cqueue::more(flags));
            }
        }
        // Those that are quiet do not wait in the kernel.
        let quiet =
            if self.queue.is_all_begun() { std::mem::take(&mut self.quiet) } else { Vec::new() };
        for id in quiet {
            if let Some(socket) =
                socket(&mut self.sockets, id).filter(|socket| socket.quiet.is_some())
            {
                socket.told(Task::Send, true);
            }
        }
        entered.and(taken).is_ok()
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        if self.has_let_go() {
            // SAFETY: nobody uses them after this; the kernel has told of the end of each receive that it had, and is
            // given none any more.
            unsafe { ManuallyDrop::drop(&mut self.buffers) };
        } else {
            ::log::warn!(
                target: "barnabas::net",
                "io_uring has not let go of its buffers; they are left to it"
            );
            std::mem::forget(std::mem::take(&mut self.woken));
            std::mem::forget(std::mem::take(&mut self.sockets));
        }
    }
}
