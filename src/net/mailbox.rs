//! Messages between threads: a queue and a bell.
//!
//! The bell rings only when the receiver sleeps, and once per sleep, however many messages come:
//! a wake-up costs 11 µs of processor time, a message in a queue well under one. A sender never
//! waits for room: a full mailbox gives the message back, so that two threads that send to each
//! other cannot stand still together.
//!
//! Why no wake-up is lost: the receiver first says "I sleep" ([`Bell::about_to_sleep`]), then looks
//! at the queue under its lock. A sender puts its message in under the same lock, then looks at
//! the flag. One of the two critical sections is first. If it is the sender's, the receiver sees
//! the message and stays awake. If it is the receiver's, then its store to the flag happened
//! before its unlock, hence before the sender's lock and load: the sender sees it and rings.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Messages that wait in one mailbox at most, unless it was made with another limit.
pub const DEFAULT_LIMIT: usize = 1 << 20;

/// Something that ends a loop's sleep: an eventfd, in the loop's own poll.
pub trait Wake: Send + Sync {
    /// Ends the sleep, now or the next one if it has not begun.
    fn wake(&self);
}

impl<F: Fn() + Send + Sync> Wake for F {
    fn wake(&self) {
        self()
    }
}

/// A waker that fires only when its loop sleeps. Several mailboxes of one loop share one bell.
pub struct Bell {
    asleep: AtomicBool,
    rings: AtomicUsize,
    wake: Box<dyn Wake>,
}

impl Bell {
    /// A bell for a loop that is awake.
    pub fn new(wake: impl Wake + 'static) -> Arc<Bell> {
        Arc::new(Bell {
            asleep: AtomicBool::new(false),
            rings: AtomicUsize::new(0),
            wake: Box::new(wake),
        })
    }

    /// The loop is about to sleep. It must look at all its mailboxes after this and before it
    /// sleeps, and call [`Bell::awake`] afterwards, whether it slept or not.
    pub fn about_to_sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
    }

    /// The loop does not sleep (any more): no need to ring.
    pub fn awake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Wakes the loop if it sleeps and nobody has rung yet.
    pub fn ring(&self) {
        if self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst) {
            self.rings.fetch_add(1, Ordering::Relaxed);
            self.wake.wake();
        }
    }

    /// How often the waker really fired.
    pub fn rings(&self) -> usize {
        self.rings.load(Ordering::Relaxed)
    }
}

/// Makes mailboxes; has no values of its own.
pub enum Mailbox {}

impl Mailbox {
    /// A mailbox whose receiver is a loop that `wake` can wake.
    #[allow(clippy::new_ret_no_self)]
    pub fn new<M: Send>(wake: impl Wake + 'static) -> (Sender<M>, Receiver<M>) {
        Mailbox::with_bell(Bell::new(wake), DEFAULT_LIMIT)
    }

    /// A mailbox that rings `bell`, for at most `limit` messages.
    pub fn with_bell<M: Send>(bell: Arc<Bell>, limit: usize) -> (Sender<M>, Receiver<M>) {
        pair(Some(bell), limit)
    }

    /// A mailbox for a plain thread that waits in [`Receiver::recv`].
    pub fn for_thread<M: Send>(limit: usize) -> (Sender<M>, Receiver<M>) {
        pair(None, limit)
    }
}

fn pair<M: Send>(bell: Option<Arc<Bell>>, limit: usize) -> (Sender<M>, Receiver<M>) {
    let state = State { queue: VecDeque::new(), waiting: false, closed: false, senders: 1 };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
        has_news: AtomicBool::new(false),
        arrived: Condvar::new(),
        bell,
        limit,
    });
    (Sender { shared: shared.clone() }, Receiver { shared })
}

struct Shared<M> {
    state: Mutex<State<M>>,
    /// Something was put in since all was taken out; set and cleared under the lock.
    has_news: AtomicBool,
    arrived: Condvar,
    bell: Option<Arc<Bell>>,
    limit: usize,
}

struct State<M> {
    queue: VecDeque<M>,
    /// The receiver waits on the condition variable, and nobody has notified it yet.
    waiting: bool,
    /// The receiver is gone.
    closed: bool,
    senders: usize,
}

impl<M> Shared<M> {
    /// A thread that panicked while it held the lock has not left the queue half changed: every
    /// critical section is one push, one pop or one swap.
    fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the receiver's wait, whichever way it waits.
    fn announce(&self, mut state: MutexGuard<'_, State<M>>) {
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        if waiting {
            self.arrived.notify_one();
        }
        if let Some(bell) = &self.bell {
            bell.ring();
        }
    }
}

/// Why a message was not taken; it is given back.
#[derive(PartialEq, Eq)]
pub enum SendError<M> {
    /// The receiver is gone, for good.
    Closed(M),
    /// The receiver is so far behind that its mailbox is at its limit.
    Full(M),
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Closed(_) => "Closed",
            SendError::Full(_) => "Full",
        })
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Closed(_) => "the receiving thread has ended",
            SendError::Full(_) => "the receiving thread's mailbox is full; try again later",
        })
    }
}

impl<M> std::error::Error for SendError<M> {}

/// The end that messages go in. Cheap to clone.
pub struct Sender<M> {
    shared: Arc<Shared<M>>,
}

impl<M> Sender<M> {
    /// Puts a message in and wakes the receiver if it sleeps. Never waits.
    pub fn send(&self, message: M) -> Result<(), SendError<M>> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(SendError::Closed(message));
        }
        if state.queue.len() >= self.shared.limit {
            return Err(SendError::Full(message));
        }
        state.queue.push_back(message);
        self.shared.has_news.store(true, Ordering::Release);
        self.shared.announce(state);
        Ok(())
    }
}

impl<M> Clone for Sender<M> {
    fn clone(&self) -> Sender<M> {
        self.shared.lock().senders += 1;
        Sender { shared: self.shared.clone() }
    }
}

impl<M> Drop for Sender<M> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.senders -= 1;
        if state.senders == 0 {
            self.shared.announce(state);
        }
    }
}

impl<M> fmt::Debug for Sender<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

/// The end that messages come out of: one thread's.
pub struct Receiver<M> {
    shared: Arc<Shared<M>>,
}

impl<M> Receiver<M> {
    /// Takes everything that has arrived, in order, behind what `into` already holds. Costs one
    /// lock and, into an empty queue, one swap; no lock where nothing has. What arrives in that very
    /// moment is found by the next look: whoever goes to sleep asks [`Receiver::is_empty`] before.
    pub fn take(&mut self, into: &mut VecDeque<M>) {
        if !self.shared.has_news.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.shared.lock();
        self.shared.has_news.store(false, Ordering::Relaxed);
        match into.is_empty() {
            true => std::mem::swap(&mut state.queue, into),
            false => into.append(&mut state.queue),
        }
    }

    /// The first message if there is one.
    pub fn try_recv(&mut self) -> Option<M> {
        self.shared.lock().queue.pop_front()
    }

    /// Takes no messages any more; gives those that were taken and not received.
    pub fn close(self) -> VecDeque<M> {
        let mut state = self.shared.lock();
        state.closed = true;
        std::mem::take(&mut state.queue)
    }

    /// Nothing has arrived.
    pub fn is_empty(&self) -> bool {
        self.shared.lock().queue.is_empty()
    }

    /// Waits for a message, without a time-out; `None` when all senders are gone.
    pub fn recv(&mut self) -> Option<M> {
        match self.wait(None) {
            Received::Message(message) => Some(message),
            Received::Closed | Received::TimedOut => None,
        }
    }

    /// Waits for a message until `deadline`.
    pub fn recv_deadline(&mut self, deadline: Instant) -> Received<M> {
        self.wait(Some(deadline))
    }

    fn wait(&mut self, deadline: Option<Instant>) -> Received<M> {
        let mut state = self.shared.lock();
        loop {
            if let Some(message) = state.queue.pop_front() {
                state.waiting = false;
                return Received::Message(message);
            }
            if state.senders == 0 {
                return Received::Closed;
            }
            state.waiting = true;
            let arrived = &self.shared.arrived;
            state = match deadline {
                None => arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        state.waiting = false;
                        return Received::TimedOut;
                    }
                    let woken = arrived.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl<M> Drop for Receiver<M> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let left = std::mem::take(&mut state.queue);
        drop(state);
        drop(left); // outside the lock: a message's own drop may send
    }
}

impl<M> fmt::Debug for Receiver<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

/// How a wait with a deadline ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<M> {
    /// A message came.
    Message(M),
    /// The deadline passed first.
    TimedOut,
    /// All senders are gone and the mailbox is empty.
    Closed,
}
