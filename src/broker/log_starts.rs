//! Log starts that DeleteRecords moved: they are on the disk before anybody is told.
//!
//! One write of the checkpoint serves all requests that wait for the controller at that moment: as
//! long as there are more jobs, answers are held. What cannot be written is refused.

use std::sync::Arc;

use super::controller::Controller;
use super::meter::Tag;
use super::shared::{Offloaded, WorkerMessage};
use crate::catalog::Partition;
use crate::net::Slot;

/// So many answers are held at most.
pub const MAX_HELD: usize = 1_000;

/// What was moved and is not written yet, and the answers that wait for it.
#[derive(Default)]
pub struct LogStarts {
    moved: Vec<Arc<Partition>>,
    /// What the request that is worked on is told if that fails.
    refusal: Option<Offloaded>,
    held: Vec<Held>,
}

/// An answer that waits.
struct Held {
    worker: usize,
    slot: Slot,
    tag: Tag,
    answer: Result<Offloaded, String>,
    refusal: Option<Offloaded>,
}

impl LogStarts {
    /// The answers that wait.
    pub fn held(&self) -> usize {
        self.held.len()
    }
}

impl Controller {
    /// Holds the answers from here on until it is on the disk where these logs begin. If that fails,
    /// the request that is worked on is told `refusal`.
    pub fn note_log_starts(&mut self, moved: Vec<Arc<Partition>>, refusal: Offloaded) {
        self.log_starts.moved.extend(moved);
        self.log_starts.refusal = Some(refusal);
    }

    /// Answers an offloaded request, or has the answer wait for log starts.
    pub fn answer(
        &mut self,
        (worker, slot): (usize, Slot),
        tag: Tag,
        answer: Result<Offloaded, String>,
    ) {
        let refusal = self.log_starts.refusal.take();
        if self.log_starts.moved.is_empty() {
            self.shared.tell_answer(worker, WorkerMessage::Answer(slot, tag, answer));
        } else {
            self.log_starts.held.push(Held { worker, slot, tag, answer, refusal });
        }
    }

    /// Writes the log starts down and gives the answers that waited for it.
    pub(super) fn write_log_starts(&mut self) {
        let LogStarts { moved, held, .. } = std::mem::take(&mut self.log_starts);
        if moved.is_empty() {
            return;
        }
        let written = self.shared.checkpoints.write_log_starts_of(moved.iter().map(|one| &**one));
        ::log::debug!(logs = moved.len(), answers = held.len(); "log starts are written");
        if let Err(why) = &written {
            let dir = self.shared.data_dir.display();
            ::log::error!(
                dir:%, error:% = why;
                "log starts cannot be written, DeleteRecords is refused"
            );
        }
        for Held { worker, slot, tag, answer, refusal } in held {
            let answer = refusal.filter(|_| written.is_err()).map_or(answer, Ok);
            self.shared.tell_answer(worker, WorkerMessage::Answer(slot, tag, answer));
        }
        moved.iter().for_each(|partition| self.shared.free_soon(partition));
    }
}
