//! The end: when the worker stops, what had come is received first.

use super::super::pool::WINDOW;
use super::queue::Completion;
use super::socket::{Receiving, What};
use super::{Uring, socket};

/// So many receives at least a polling thread ends between two looks at the entries, if they can be ended. It says
/// nothing of those that it has put off.
const A_ROUND: usize = 16;

impl Uring {
    /// Takes what has completed, while the worker stops, and notes whether the next wait may bring more of what
    /// had come before: what the kernel has put off, or what is behind a receive that has not emptied its socket.
    pub(super) fn take_last(&mut self, completions: &mut Vec<Completion>) {
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
}
