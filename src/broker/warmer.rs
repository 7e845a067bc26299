//! The threads that wait for the disk in a fetch's stead: what it wants is read into memory, then it is
//! looked at again.
//!
//! There is none before the first fetch meets something cold. They promise nothing: an error is for the
//! fetch itself to find. Orders are bounded by the fetches that can be parked, and by the queues; who
//! finds no room reads by himself.
//!
//! A fetch waits for what it has asked for. While that is sent, and its reader looks at it, the range
//! behind it is brought in too, so that the next fetch finds it. Of a reader who is seen to go on more is
//! brought in, and the disk has work behind that, so that it does not wait for orders. Orders for one
//! partition go to one thread, where they end its going ahead.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use super::{Shared, WorkerMessage};
use crate::catalog::Partition;
use crate::log::{Bound, ReadError};
use crate::net::mailbox::{Mailbox, Receiver, Sender};

/// Disks like to have more than one request; more threads than that would only wait.
const THREADS: usize = 2;
/// Orders that wait for one thread at most.
const MAX_ORDERS: usize = 1 << 14;

/// Fetches that are brought in behind one of a reader who goes on; the disk may have begun with as many behind those.
const FETCHES_AHEAD: u64 = 4;
/// But no more than so many bytes: of larger fetches the next one does not find everything.
const MAX_AHEAD: u64 = 8 << 20;
/// What is brought in ahead before somebody who waits is looked for.
const PIECE: u32 = 1 << 20;
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
        let queue = threads.queue_of(reads.first());
        queue.is_some_and(|queue| queue.send(Order { reads, worker, key }).is_ok())
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
    fn queue_of(&self, read: Option<&ColdRead>) -> Option<&Sender<Order>> {
        // The upper bits of the product are those that all bits of the address have a part in.
        let place = read.map_or(0, |read| Arc::as_ptr(&read.partition).addr() as u64);
        let mixed = place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let number = (mixed * self.queues.len() as u64) >> 32;
        self.queues.get(number as usize).map(|(queue, _)| queue)
    }

    fn start(&mut self, shared: &Arc<Shared>) -> io::Result<()> {
        while self.queues.len() < THREADS && !shared.is_stopping() {
            let (sender, queue) = Mailbox::for_thread(MAX_ORDERS);
            let (shared, readers) = (Arc::downgrade(shared), self.readers.clone());
            let work = Work { shared, readers, queue };
            let name = format!("warmer-{}", self.queues.len());
            let thread = thread::Builder::new().name(name);
            let thread = thread.spawn(move || work.run())?;
            self.queues.push((sender, thread));
        }
        Ok(())
    }
}

/// Where somebody has read, and up to where it was brought in for him.
struct Reader<P> {
    partition: Weak<P>,
    began: i64,
    next: i64,
}

impl<P> Reader<P> {
    /// The kernel has begun to read as much again as was brought in, and who finds that needs nobody.
    fn is_expected_at(&self, offset: i64) -> bool {
        let far = self.next.saturating_add(self.next - self.began);
        (self.began + 1..=far).contains(&offset)
    }
}

/// Readers of what is cold, those of late at the end.
struct Readers<P>(VecDeque<Reader<P>>);

impl<P> Default for Readers<P> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<P> Readers<P> {
    fn place(&self, partition: &Arc<P>, is_he: impl Fn(&Reader<P>) -> bool) -> Option<usize> {
        let is_of = |reader: &Reader<P>| {
            std::ptr::eq(reader.partition.as_ptr(), Arc::as_ptr(partition)) && is_he(reader)
        };
        self.0.iter().rposition(is_of)
    }

    /// Somebody reads here; whether he has read before, and goes on.
    fn meet(&mut self, partition: &Arc<P>, offset: i64) -> bool {
        let known = self.place(partition, |reader| reader.is_expected_at(offset));
        let again = self.place(partition, |reader| reader.began == offset);
        if let Some(place) = known.or(again) {
            self.0.remove(place);
        } else if self.0.len() >= MAX_READERS {
            self.0.pop_front();
        }
        let (partition, began) = (Arc::downgrade(partition), offset);
        self.0.push_back(Reader { partition, began, next: offset });
        known.is_some()
    }

    /// Up to where it was brought in for who was met there, unless he was met elsewhere since.
    fn brought(&mut self, partition: &Arc<P>, began: i64, next: i64) {
        if let Some(place) = self.place(partition, |reader| reader.began == began) {
            self.0[place].next = next;
        }
    }
}

/// What one thread works with.
struct Work {
    shared: Weak<Shared>,
    readers: Arc<Mutex<Readers<Partition>>>,
    queue: Receiver<Order>,
}

impl Work {
    fn readers(&self) -> MutexGuard<'_, Readers<Partition>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(mut self) {
        while let Some(Order { reads, worker, key }) = self.queue.recv() {
            let Some(shared) = self.shared.upgrade() else { return };
            let is_one = reads.len() == 1;
            if !is_one {
                // All that is wanted, before anything that nobody has asked for.
                reads.iter().for_each(|read| begin(&shared, read));
            }
            let mut ahead = Vec::with_capacity(reads.len());
            for read in reads {
                let goes_on = self.readers().meet(&read.partition, read.offset);
                let bytes = ahead_of(read.max_bytes, goes_on);
                let next = warm(&shared, &read, if is_one { bytes } else { 0 });
                if let Some(next) = next {
                    self.readers().brought(&read.partition, read.offset, next);
                    ahead.push((read, next, bytes));
                }
            }
            shared.tell_answer(worker, WorkerMessage::Wake(vec![key]));
            ahead.into_iter().for_each(|(read, next, bytes)| {
                self.go_ahead(&shared, read, next, bytes);
            });
        }
    }

    /// Brings in so many bytes behind a read, from `next` on, piece by piece for as long as nobody waits.
    fn go_ahead(&self, shared: &Shared, mut read: ColdRead, next: i64, bytes: u64) {
        let (began, fetch) = (read.offset, u64::from(read.max_bytes));
        // Nobody asks for it yet: no more of it than there is room for.
        (read.offset, read.at_least_one) = (next, false);
        read.max_bytes = read.max_bytes.min(PIECE);
        let mut left = bytes;
        while left > 0 && self.queue.is_empty() {
            left = left.saturating_sub(u64::from(read.max_bytes));
            // Behind the only fetch of one who begins there is nothing to begin with.
            let Some(next) = warm(shared, &read, bytes.saturating_sub(fetch)) else { break };
            self.readers().brought(&read.partition, began, next);
            read.offset = next;
        }
    }
}

/// How many bytes behind a fetch are brought in.
fn ahead_of(max_bytes: u32, goes_on: bool) -> u64 {
    let fetches = if goes_on { FETCHES_AHEAD } else { 1 };
    (u64::from(max_bytes) * fetches).min(MAX_AHEAD)
}

/// Has the kernel begin to read what a read needs.
fn begin(shared: &Shared, read: &ColdRead) {
    let begun = read.partition.log().map(|log| log.begin_to_warm(read.offset, read.max_bytes));
    if let Some(Err(why)) = begun
        && !shared.is_stopping()
    {
        told(&why);
    }
}

/// Brings in what a read needs, and has the kernel begin to read so many bytes behind it: where it goes on then.
fn warm(shared: &Shared, read: &ColdRead, ahead: u64) -> Option<i64> {
    if shared.is_stopping() {
        return None;
    }
    let log = read.partition.log()?;
    let warmed = log.warm(read.offset, read.max_bytes, read.at_least_one, read.bound, ahead);
    warmed.unwrap_or_else(|why| {
        told(&why);
        None
    })
}

fn told(why: &ReadError) {
    ::log::debug!(error:% = why; "cannot read ahead of a fetch, which will say why");
}

#[cfg(test)]
#[path = "warmer_tests.rs"]
mod tests;
