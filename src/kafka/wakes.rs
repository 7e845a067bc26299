//! Wake-ups gathered during a turn of the loop: one message per worker and turn, however many
//! appends there were.

use std::collections::VecDeque;

use crate::broker::{Shared, WorkerMessage};
use crate::catalog::Waiter;

/// The keys of parked requests to wake, by worker.
#[derive(Debug)]
pub struct Wakes {
    own: usize,
    by_worker: Vec<Vec<u64>>,
}

impl Wakes {
    /// For the worker with this index, of so many.
    pub fn new(own: usize, workers: usize) -> Self {
        Self { own, by_worker: vec![Vec::new(); workers] }
    }

    /// Remembers to wake a waiter.
    pub fn add(&mut self, waiter: &Waiter) {
        if let Some(keys) = self.by_worker.get_mut(waiter.worker) {
            keys.push(waiter.key);
        }
    }

    /// Sends the wake-ups of other workers; this worker's own stand behind what is in `own`.
    #[inline]
    pub fn deliver(&mut self, shared: &Shared, own: &mut VecDeque<u64>) {
        for (worker, keys) in self.by_worker.iter_mut().enumerate() {
            if worker != self.own && !keys.is_empty() {
                shared.tell(worker, WorkerMessage::Wake(std::mem::take(keys)));
            }
        }
        if let Some(keys) = self.by_worker.get_mut(self.own) {
            own.extend(keys.drain(..));
        }
    }
}
