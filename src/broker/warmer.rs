//! The threads that wait for the disk in a fetch's stead: what it wants is read into memory, then it is
//! looked at again.
//!
//! There is none before the first fetch meets something cold. They keep nothing and promise nothing: an
//! error is for the fetch itself to find. Orders are bounded by the fetches that can be parked, and by
//! the queues; who finds no room reads by himself.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::{Shared, WorkerMessage};
use crate::catalog::Partition;
use crate::log::Bound;
use crate::net::mailbox::{Mailbox, Receiver, Sender};

/// Disks like to have more than one request; more threads than that would only wait.
const THREADS: usize = 2;
/// Orders that wait for one thread at most.
const MAX_ORDERS: usize = 1 << 14;

/// One read that met something cold.
#[derive(Clone)]
pub struct ColdRead {
    /// Whose log is read.
    pub partition: Arc<Partition>,
    /// From this offset on.
    pub offset: i64,
    /// At most so many bytes.
    pub max_bytes: u32,
    /// But for the first batch.
    pub at_least_one: bool,
    /// Up to there.
    pub bound: Bound,
}

/// The cold reads of one fetch, and whom to wake when they are over.
struct Order {
    reads: Vec<ColdRead>,
    worker: usize,
    key: u64,
}

/// See the module's comment.
#[derive(Default)]
pub struct Warmer(Mutex<Threads>);

#[derive(Default)]
struct Threads {
    queues: Vec<(Sender<Order>, JoinHandle<()>)>,
    /// The queue that the next order goes to.
    turn: usize,
    /// It was said that there is no thread: once is enough, every fetch may ask.
    complained: bool,
}

impl Warmer {
    /// Reads into memory, and then wakes what `worker` has parked under `key`. False if that cannot be
    /// done: then nobody is woken.
    pub(super) fn warm(
        &self,
        shared: &Arc<Shared>,
        reads: Vec<ColdRead>,
        worker: usize,
        key: u64,
    ) -> bool {
        let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(why) = threads.start(shared)
            && !std::mem::replace(&mut threads.complained, true)
        {
            ::log::error!(
                error:% = why;
                "workers read from the disk by themselves: no thread to do it"
            );
        }
        let turn = threads.turn;
        threads.turn = turn.wrapping_add(1);
        let count = threads.queues.len().max(1);
        let queue = threads.queues.get(turn % count);
        queue.is_some_and(|(queue, _)| queue.send(Order { reads, worker, key }).is_ok())
    }

    /// Ends the threads, once the workers have ended.
    pub(super) fn stop(&self) {
        let queues =
            std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).queues;
        for (queue, thread) in queues {
            drop(queue);
            if thread.join().is_err() {
                ::log::error!("a thread that reads from the disk ended with a panic");
            }
        }
    }
}

impl Threads {
    fn start(&mut self, shared: &Arc<Shared>) -> io::Result<()> {
        while self.queues.len() < THREADS && !shared.is_stopping() {
            let (sender, queue) = Mailbox::for_thread(MAX_ORDERS);
            let shared = Arc::downgrade(shared);
            let name = format!("warmer-{}", self.queues.len());
            let thread = thread::Builder::new().name(name);
            let thread = thread.spawn(move || work(&shared, queue))?;
            self.queues.push((sender, thread));
        }
        Ok(())
    }
}

fn work(shared: &std::sync::Weak<Shared>, mut queue: Receiver<Order>) {
    while let Some(Order { reads, worker, key }) = queue.recv() {
        let Some(shared) = shared.upgrade() else { return };
        for read in reads {
            let warm = |log: &crate::log::Log| {
                log.warm(read.offset, read.max_bytes, read.at_least_one, read.bound)
            };
            if !shared.is_stopping()
                && let Some(Err(why)) = read.partition.log().map(warm)
            {
                ::log::debug!(error:% = why; "cannot read ahead of a fetch, which will say why");
            }
        }
        shared.tell_answer(worker, WorkerMessage::Wake(vec![key]));
    }
}
