//! The preparer: the keeper thread that does a log's blocking chores before or after they are
//! needed: it grows reserves and faults pages in ahead of the tails, makes next segments, finishes segments that
//! were rolled, and closes their files: to give a mapping back takes milliseconds per 100 MiB.
//!
//! It is a helper, never a condition: whatever it has not done in time, the appender does itself.
//! Idle, it sleeps without a time-out. Its queue is bounded, by its limit and because a log never
//! asks twice for the same thing.

use super::backlog::Backlog;
use super::file::GrowingFile;
use super::home::Home;
use super::names::SegmentPaths;
use super::rest;
use super::segment::{Capacities, SegmentFiles, Tails};
use crate::net::{Mailbox, Receiver, SendError, Sender};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};

/// Chores that wait at most; beyond it appenders help themselves.
const MAX_JOBS: usize = 65_536;
/// What is faulted in of a segment before it is used: its log is a busy one.
const PREPARED_LOG: u64 = 8 << 20;

/// A file that has so much gets a descriptor of its own again where there are enough: it is sent from by
/// [`crate::net::Region::file`] then.
const MUCH: u64 = 1 << 20;

/// A handle to the keeper that prepares files for appends. Clones share the thread.
#[derive(Clone)]
pub struct Preparer {
    jobs: Sender<Job>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// What can be asked of the preparer.
pub(crate) enum Job {
    /// Grow the reserve by a step and fault it in. What is closed meanwhile is not kept mapped by that.
    Grow(Weak<GrowingFile>),
    /// Make the next segment's files.
    Next(Arc<NextSegment>, NextOrder),
    /// Finish rolled segments.
    Finish(Arc<Backlog>),
    /// Close files of segments that were rolled.
    Close(Vec<Arc<SegmentFiles>>),
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
                let Some(file) = file.upgrade() else { return };
                if file.reserve() >= MUCH && rest::has_descriptors() {
                    let _ = file.retrieve();
                }
                if let Err(error) = file.grow_ahead() {
                    // The appender meets the same error when it needs the space, and reports it.
                    ::log::debug!(error:%; "cannot grow a segment ahead of need");
                }
            }
            Job::Next(next, order) => next.make(&order),
            Job::Finish(backlog) => backlog.help(),
            Job::Rest => rest::make_room(),
            Job::Close(files) => drop(files),
            Job::Stop => {}
        }
    }

    /// There is no preparer (any more): what must be done is done here, the rest is not.
    fn decline(self) {
        match self {
            Job::Grow(file) => _ = file.upgrade().map(|file| file.unask()),
            Job::Finish(backlog) => backlog.help(),
            Job::Rest => rest::unask(),
            Job::Next(..) | Job::Close(_) | Job::Stop => {}
        }
    }
}

/// Where the next segment is made, and how large it may get.
pub(crate) struct NextOrder {
    /// Of [`NextSegment::round`], when it was ordered.
    pub(crate) round: u64,
    pub(crate) home: Home,
    pub(crate) capacities: Capacities,
    /// Its log will be written by calls, and needs so many bytes of blocks and no pages.
    pub(crate) by_call: Option<u64>,
}

/// A segment's files, made ahead.
pub(crate) struct Prepared {
    pub(crate) tails: Tails,
    pub(crate) paths: SegmentPaths,
}

/// The place where a log finds its next segment's files, if they were made in time.
#[derive(Default)]
pub(crate) struct NextSegment(Mutex<Place>);

#[derive(Default)]
struct Place {
    prepared: Option<Prepared>,
    /// How often such files were thrown away. What was ordered before is not wanted any more: the log may be
    /// closed, and its directory another one's by now.
    round: u64,
}

impl NextSegment {
    /// What an order bears.
    pub(crate) fn round(&self) -> u64 {
        self.lock().round
    }

    fn make(&self, order: &NextOrder) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let created = order.home.with(|dir| {
            // Whoever deletes the log counts a round before its directory becomes another one.
            let place = self.lock();
            if place.prepared.is_some() || place.round != order.round {
                return None;
            }
            drop(place);
            let paths = SegmentPaths::prepared(dir, unique);
            Some((Tails::create(&paths, order.capacities), paths))
        });
        let Some((tails, paths)) = created else { return };
        match tails {
            Ok(tails) => {
                for tail in [&tails.log, &tails.index, &tails.time] {
                    tail.shared().lacks_all_pages();
                }
                let log = tails.log.shared();
                // Without space nothing is lost: the appender asks again when it needs some.
                let _ = match order.by_call {
                    Some(step) => log.begin_by_call(step),
                    None => log.grow_ahead_by(PREPARED_LOG),
                };
                let _ = tails.index.shared().grow_ahead();
                let _ = tails.time.shared().grow_ahead();
                let made = Prepared { tails, paths };
                let mut place = self.lock();
                match place.round == order.round {
                    true => place.prepared = Some(made),
                    false => made.discard(),
                }
            }
            Err(error) => ::log::debug!(error:%; "cannot make the next segment ahead of need"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files, if they are there and of the capacities that are wanted (settings change).
    pub(crate) fn take(&self, capacities: Capacities) -> Option<Prepared> {
        let prepared = self.lock().prepared.take()?;
        match prepared.tails.capacities() == capacities {
            true => Some(prepared),
            false => {
                prepared.discard();
                None
            }
        }
    }

    /// Removes files that were made and not used, and sees to it that none come that were ordered before.
    pub(crate) fn discard(&self) {
        let mut place = self.lock();
        place.round += 1;
        if let Some(prepared) = place.prepared.take() {
            prepared.discard();
        }
    }
}

impl Prepared {
    fn discard(self) {
        self.paths.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Keepers, Log};
    use super::*;
    use crate::config::TopicConfig;
    use crate::wire::records::BatchBuilder;
    use std::collections::VecDeque;

    const SEGMENT: i32 = 1 << 20;
    const BATCH: usize = 100_000;

    fn append(log: &Log) {
        append_value(log, BATCH);
    }

    fn append_value(log: &Log, len: usize) {
        let mut builder = BatchBuilder::new();
        builder.append(1_000, None, Some(&vec![7; len]), &[]);
        log.append_internal(&builder.finish(), 0).unwrap();
    }

    /// A log whose preparer is the test, and the chores that it is asked for.
    fn log(name: &str) -> (std::path::PathBuf, Log, Receiver<Job>) {
        let name = format!("barnabas-preparer-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let mut keepers = Keepers::spawn().unwrap();
        keepers.stop();
        let (jobs, queue) = Mailbox::for_thread(MAX_JOBS);
        keepers.preparer = Preparer { jobs, thread: Arc::default() };
        let config = TopicConfig { segment_bytes: SEGMENT, ..TopicConfig::default() };
        let log = Log::create(dir.join("t-0"), Arc::new(config), keepers).unwrap();
        (dir, log, queue)
    }

    #[test]
    fn who_rolls_does_not_give_mappings_back() {
        let (dir, log, mut queue) = log("closes");
        let (mut asked, mut closing) = (VecDeque::new(), Vec::new());
        let mut first = std::sync::Weak::new();
        for number in 0..25 {
            append(&log);
            if number == 0 {
                first = Arc::downgrade(&log.segments()[0].opened().unwrap().log);
            }
            queue.take(&mut asked);
            for job in asked.drain(..) {
                match job {
                    Job::Close(_) => closing.push(job),
                    other => other.run(),
                }
            }
            // What is finished is held until it is flushed.
            log.flush().unwrap();
        }
        assert_eq!(log.segments().len(), 3);
        assert!(log.segments()[0].opened().is_none(), "nobody else would keep it open");
        assert!(first.upgrade().is_some(), "the appender has closed it");
        closing.into_iter().for_each(Job::run);
        assert!(first.upgrade().is_none(), "the preparer has not closed it");
        drop(log);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_was_ordered_for_a_log_that_is_gone_is_not_made() {
        let (dir, log, mut queue) = log("gone");
        let mut asked = VecDeque::new();
        while !asked.iter().any(|job| matches!(job, Job::Next(..))) {
            append(&log);
            queue.take(&mut asked);
        }
        log.mark_deleted().unwrap();
        // There is a new topic of that name.
        std::fs::create_dir(dir.join("t-0")).unwrap();
        asked.into_iter().for_each(Job::run);
        assert_eq!(std::fs::read_dir(dir.join("t-0")).unwrap().count(), 0);
        drop(log);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn who_was_outrun_makes_the_first_pages_of_the_next_segment() {
        for (size, by_call) in [(10_000, false), (BATCH, true)] {
            let (dir, log, mut queue) = log(&format!("tries-{size}"));
            let mut asked = VecDeque::new();
            let order = loop {
                append_value(&log, size);
                queue.take(&mut asked);
                // What it is asked for stays undone.
                let next = asked.iter().find_map(|job| match job {
                    Job::Next(_, order) => Some(order.by_call.is_some()),
                    _ => None,
                });
                if let Some(next) = next {
                    break next;
                }
            };
            assert!(log.segments()[0].opened().unwrap().log.is_by_call());
            assert_eq!(order, by_call, "batches of {size} bytes");
            drop(log);
            std::fs::remove_dir_all(dir).unwrap();
        }
    }

    #[test]
    fn a_segment_that_was_made_ahead_has_all_its_pages() {
        let next = Arc::new(NextSegment::default());
        let name = format!("barnabas-preparer-pages-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let capacities = Capacities { log: 1 << 20, index: 1 << 16, time: 1 << 16 };
        let order = NextOrder { round: 0, home: Home::new(&dir), capacities, by_call: None };
        Job::Next(next.clone(), order).run();
        let mut tails = next.take(capacities).unwrap().tails;
        assert!(faults() > 0);
        for tail in [&mut tails.log, &mut tails.index, &mut tails.time] {
            tail.make_room(16).unwrap();
            let before = faults();
            tail.stage(&[1; 16]);
            assert_eq!(faults() - before, 0);
        }
        std::fs::remove_dir_all(dir).unwrap();
    }

    /// The page faults of this thread so far.
    fn faults() -> i64 {
        // SAFETY: all zero bits are a valid `rusage`; the call fills the one that it is given.
        unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
            usage.ru_minflt + usage.ru_majflt
        }
    }
}
