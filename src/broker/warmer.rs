//! The threads that wait for the disk in a fetch's stead: what it wants is read into memory, then it is
//! looked at again.
//!
//! There is none before the first fetch meets something cold. They promise nothing: an error is for the
//! fetch itself to find. Orders are bounded by the fetches that can be parked, and by the queues; who
//! finds no room reads by himself.
//!
//! A fetch waits for what it has asked for. While that is sent, and its reader looks at it, the range
//! behind it is brought in too, so that the next fetch finds it. Of a reader who is seen to go on, the disk is
//! given more to read than that, so that it does not wait for orders.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use super::{Shared, WorkerMessage};
use crate::catalog::Partition;
use crate::log::Bound;
use crate::net::mailbox::{Mailbox, Receiver, Sender};

/// Disks like to have more than one request; more threads than that would only wait.
const THREADS: usize = 2;
/// Orders that wait for one thread at most.
const MAX_ORDERS: usize = 1 << 14;

/// Fetches ahead for which the disk is given work, of a reader who goes on.
const FETCHES_AHEAD: u64 = 4;
/// But no more than so many bytes.
const MAX_AHEAD: u32 = 8 << 20;
/// Readers who are remembered. Who is forgotten is taken for one who begins.
const MAX_READERS: usize = 64;

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
    readers: Arc<Mutex<Readers<Partition>>>,
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
            let (shared, readers) = (Arc::downgrade(shared), self.readers.clone());
            let name = format!("warmer-{}", self.queues.len());
            let thread = thread::Builder::new().name(name);
            let thread = thread.spawn(move || work(&shared, &readers, queue))?;
            self.queues.push((sender, thread));
        }
        Ok(())
    }
}

/// Where somebody has read, and where he is expected.
struct Reader<P> {
    partition: Weak<P>,
    began: i64,
    next: i64,
}

/// Readers of what is cold, those of late at the end.
struct Readers<P>(VecDeque<Reader<P>>);

impl<P> Default for Readers<P> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<P> Readers<P> {
    /// Whether somebody who has read before goes on here. He is forgotten: it is about to be noted where he is now.
    fn goes_on(&mut self, partition: &Arc<P>, offset: i64) -> bool {
        let is_he = |reader: &Reader<P>| {
            std::ptr::eq(reader.partition.as_ptr(), Arc::as_ptr(partition))
                && (reader.began + 1..=reader.next).contains(&offset)
        };
        let found = self.0.iter().position(is_he);
        found.is_some_and(|at| self.0.remove(at).is_some())
    }

    fn note(&mut self, reader: Reader<P>) {
        if self.0.len() >= MAX_READERS {
            self.0.pop_front();
        }
        self.0.push_back(reader);
    }
}

fn work(shared: &Weak<Shared>, readers: &Mutex<Readers<Partition>>, mut queue: Receiver<Order>) {
    let readers = || readers.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(Order { reads, worker, key }) = queue.recv() {
        let Some(shared) = shared.upgrade() else { return };
        let mut ahead = Vec::with_capacity(reads.len());
        for read in reads {
            let goes_on = readers().goes_on(&read.partition, read.offset);
            let bytes = ahead_of(read.max_bytes, goes_on);
            let next = warm(&shared, &read, bytes);
            ahead.extend(next.map(|next| (read, next, bytes)));
        }
        shared.tell_answer(worker, WorkerMessage::Wake(vec![key]));
        for (read, next, bytes) in ahead {
            let (began, partition) = (read.offset, Arc::downgrade(&read.partition));
            let next = go_ahead(&shared, read, next, bytes, &queue);
            readers().note(Reader { partition, began, next });
        }
    }
}

/// How many bytes behind a fetch are brought in.
fn ahead_of(max_bytes: u32, goes_on: bool) -> u64 {
    let fetches = if goes_on { FETCHES_AHEAD } else { 1 };
    (u64::from(max_bytes) * fetches).min(u64::from(MAX_AHEAD))
}

/// Brings in so many bytes behind a read, piece by piece for as long as nobody waits, and says where that ends. Behind
/// each piece the disk has as much again to read, but for one piece: so for who begins nothing.
fn go_ahead(
    shared: &Shared,
    mut read: ColdRead,
    next: i64,
    bytes: u64,
    queue: &Receiver<Order>,
) -> i64 {
    let mut left = bytes;
    // Nobody asks for it yet: no more of it than there is room for.
    (read.offset, read.at_least_one) = (next, false);
    read.max_bytes = read.max_bytes.min(MAX_AHEAD);
    let ahead = bytes.saturating_sub(u64::from(read.max_bytes));
    while left > 0 && queue.is_empty() {
        left = left.saturating_sub(u64::from(read.max_bytes));
        let Some(next) = warm(shared, &read, ahead) else { break };
        read.offset = next;
    }
    read.offset
}

/// Brings in what a read needs, and has the kernel begin to read so many bytes behind it: where it goes on then.
fn warm(shared: &Shared, read: &ColdRead, ahead: u64) -> Option<i64> {
    if shared.is_stopping() {
        return None;
    }
    let log = read.partition.log()?;
    let warmed = log.warm(read.offset, read.max_bytes, read.at_least_one, read.bound, ahead);
    warmed.unwrap_or_else(|why| {
        ::log::debug!(error:% = why; "cannot read ahead of a fetch, which will say why");
        None
    })
}

#[cfg(test)]
#[path = "warmer_tests.rs"]
mod tests;
