//! The preparer: the keeper thread that does a log's blocking chores before or after they are
//! needed: it grows reserves and faults pages in ahead of the tails, makes next segments, and
//! finishes segments that were rolled.
//!
//! It is a helper, never a condition: whatever it has not done in time, the appender does itself.
//! Idle, it sleeps without a time-out. Its queue is bounded, by its limit and because a log never
//! asks twice for the same thing.

use super::backlog::Backlog;
use super::file::GrowingFile;
use super::names::SegmentPaths;
use super::rest;
use super::segment::{Capacities, Tails};
use crate::net::{Mailbox, Receiver, SendError, Sender};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Chores that wait at most; beyond it appenders help themselves.
const MAX_JOBS: usize = 65_536;
/// What is faulted in of a segment before it is used: its log is a busy one.
const PREPARED_LOG: u64 = 8 << 20;

/// A handle to the keeper that prepares files for appends. Clones share the thread.
#[derive(Clone)]
pub struct Preparer {
    jobs: Sender<Job>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// What can be asked of the preparer.
pub(crate) enum Job {
    /// Grow the reserve by a step and fault it in.
    Grow(Arc<GrowingFile>),
    /// Make the next segment's files.
    Next(Arc<NextSegment>, NextOrder),
    /// Finish rolled segments.
    Finish(Arc<Backlog>),
    /// Put logs to rest that are not in use, see [`super::rest`].
    Rest,
    /// End, after everything that was asked before.
    Stop,
}

impl Preparer {
    /// Starts the thread.
    pub fn spawn() -> io::Result<Preparer> {
        let (jobs, queue) = Mailbox::for_thread(MAX_JOBS);
        let thread = thread::Builder::new().name("preparer".into()).spawn(move || work(queue))?;
        Ok(Preparer { jobs, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Does what was asked so far and ends the thread. Logs go on without it.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.jobs.send(Job::Stop);
            if thread.join().is_err() {
                ::log::error!("the preparer ended with a panic; logs go on without it");
            }
        }
    }

    /// Asks for a chore. Never waits for it, unless it must be done and nobody else will.
    pub(crate) fn ask(&self, job: Job) {
        match self.jobs.send(job) {
            Ok(()) => {}
            Err(SendError::Closed(job) | SendError::Full(job)) => job.decline(),
        }
    }
}

impl fmt::Debug for Preparer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Preparer")
    }
}

fn work(mut queue: Receiver<Job>) {
    while let Some(job) = queue.recv() {
        if let Job::Stop = job {
            break;
        }
        job.run();
    }
}

impl Job {
    fn run(self) {
        match self {
            Job::Grow(file) => {
                if let Err(error) = file.grow_ahead() {
                    // The appender meets the same error when it needs the space, and reports it.
                    ::log::debug!("cannot grow a segment ahead of need: {error}");
                }
            }
            Job::Next(next, order) => next.make(&order),
            Job::Finish(backlog) => backlog.help(),
            Job::Rest => rest::make_room(),
            Job::Stop => {}
        }
    }

    /// There is no preparer (any more): what must be done is done here, the rest is not.
    fn decline(self) {
        match self {
            Job::Grow(file) => file.unask(),
            Job::Finish(backlog) => backlog.help(),
            Job::Rest => rest::unask(),
            Job::Next(..) | Job::Stop => {}
        }
    }
}

/// Where the next segment is made, and how large it may get.
pub(crate) struct NextOrder {
    pub(crate) dir: Arc<Path>,
    pub(crate) capacities: Capacities,
}

/// A segment's files, made ahead.
pub(crate) struct Prepared {
    pub(crate) tails: Tails,
    pub(crate) paths: SegmentPaths,
}

/// The place where a log finds its next segment's files, if they were made in time.
#[derive(Default)]
pub(crate) struct NextSegment(Mutex<Option<Prepared>>);

impl NextSegment {
    fn make(&self, order: &NextOrder) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        if self.lock().is_some() {
            return;
        }
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let paths = SegmentPaths::prepared(&order.dir, unique);
        match Tails::create(&paths, order.capacities) {
            Ok(tails) => {
                // Without space nothing is lost: the appender asks again when it needs some.
                let _ = tails.log.shared().grow_ahead_by(PREPARED_LOG);
                let _ = tails.index.shared().grow_ahead();
                let _ = tails.time.shared().grow_ahead();
                *self.lock() = Some(Prepared { tails, paths });
            }
            Err(error) => ::log::debug!("cannot make the next segment ahead of need: {error}"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Prepared>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files, if they are there and of the capacities that are wanted (settings change).
    pub(crate) fn take(&self, capacities: Capacities) -> Option<Prepared> {
        let prepared = self.lock().take()?;
        match prepared.tails.capacities() == capacities {
            true => Some(prepared),
            false => {
                prepared.discard();
                None
            }
        }
    }

    /// Removes files that were made and not used.
    pub(crate) fn discard(&self) {
        if let Some(prepared) = self.lock().take() {
            prepared.discard();
        }
    }
}

impl Prepared {
    fn discard(self) {
        self.paths.remove();
    }
}
