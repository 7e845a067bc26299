//! The preparer: the keeper thread that does a log's blocking chores before or after they are
//! needed: it grows reserves and faults pages in ahead of the tails, makes next segments, and
//! finishes segments that were rolled.
//!
//! It is a helper, never a condition: whatever it has not done in time, the appender does itself.
//! Idle, it sleeps without a time-out. Its queue is bounded, by its limit and because a log never
//! asks twice for the same thing.

use super::checkpoint;
use super::error::StorageError;
use super::file::GrowingFile;
use super::names::SegmentPaths;
use super::rest;
use super::segment::{Capacities, SegmentFiles, Tails};
use crate::net::{Mailbox, Receiver, SendError, Sender};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Chores that wait at most; beyond it appenders help themselves.
const MAX_JOBS: usize = 65_536;
/// Rolled segments of one log that wait at most; beyond it the appender finishes them itself.
const MAX_BACKLOG: usize = 64;
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

/// A segment that was rolled and whose files must still be brought into their final form.
pub(crate) struct Rolled {
    pub(crate) files: Arc<SegmentFiles>,
    /// The producers' state at its end, and where it belongs.
    pub(crate) snapshot: (PathBuf, Vec<u8>),
}

/// A segment whose files have their final form, but perhaps not on the disk.
pub(crate) struct Finished {
    /// `None` if they are as they were found.
    pub(crate) files: Option<Arc<SegmentFiles>>,
    pub(crate) snapshot: PathBuf,
}

/// The rolled segments of one log that are not finished. As long as the preparer keeps up there is
/// at most one.
#[derive(Default)]
pub(crate) struct Backlog(Mutex<Unfinished>);

#[derive(Default)]
struct Unfinished {
    waiting: Vec<Rolled>,
    /// Finished, and not flushed since. Held open until then: an error of the disk is told to who
    /// has the file open.
    finished: Vec<Finished>,
    /// The first segment that still has its reserve because it could not be cut off, and why.
    uncut: Option<(PathBuf, String)>,
}

impl Backlog {
    /// Puts a segment in; false if so many wait that the caller had better help.
    pub(crate) fn push(&self, rolled: Rolled) -> bool {
        let mut backlog = self.lock();
        backlog.waiting.push(rolled);
        backlog.waiting.len() <= MAX_BACKLOG
    }

    /// Forgets what is left to do: the files are about to go.
    pub(crate) fn clear(&self) {
        *self.lock() = Unfinished::default();
    }

    /// Cuts reserves off and writes snapshots down.
    ///
    /// # Errors
    /// When a reserve could not be cut off, now or earlier: such a log must not pass for one that
    /// was closed, for then its files' sizes are believed. A snapshot that is missing costs time at
    /// the next start, never data.
    pub(crate) fn finish(&self) -> Result<(), StorageError> {
        let mut backlog = self.lock();
        let Unfinished { waiting, finished, uncut } = &mut *backlog;
        for Rolled { files, snapshot: (path, bytes) } in waiting.drain(..) {
            if let Err(error) = files.trim() {
                ::log::warn!("cannot cut the segment before {}: {error}", path.display());
                uncut.get_or_insert((path.clone(), error.to_string()));
            }
            if let Err(error) = checkpoint::replace(&path, &bytes) {
                ::log::debug!("cannot write {}: {error}", path.display());
            }
            finished.push(Finished { files: Some(files), snapshot: path });
        }
        match uncut {
            None => Ok(()),
            Some((path, why)) => {
                let why = io::Error::other(why.clone());
                Err(StorageError::new("cut the segment before", path, why))
            }
        }
    }

    /// What was finished since the last call, to be flushed.
    pub(crate) fn take_finished(&self) -> Vec<Finished> {
        std::mem::take(&mut self.lock().finished)
    }

    /// Puts more of it in, or back if it could not be flushed for a reason that passes.
    pub(crate) fn add_finished(&self, finished: Vec<Finished>) {
        self.lock().finished.extend(finished);
    }

    /// [`Backlog::finish`] on the way: what fails is told when the log is closed.
    pub(crate) fn help(&self) {
        let _ = self.finish();
    }

    fn lock(&self) -> MutexGuard<'_, Unfinished> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::segment::Segment;
    use super::super::{Log, file::Tail};
    use super::*;
    use crate::config::TopicConfig;
    use std::fs::{self, File};
    use std::os::fd::{AsRawFd, FromRawFd};

    /// A file that never gets shorter.
    fn tail_that_cannot_be_cut() -> Tail {
        // SAFETY: the name is a C string; what is returned is a descriptor of our own, or -1.
        let file = unsafe {
            let fd = libc::memfd_create(c"reserve".as_ptr(), libc::MFD_ALLOW_SEALING);
            assert!(fd >= 0);
            File::from_raw_fd(fd)
        };
        let fd = file.as_raw_fd();
        let mut tail = Tail::new(file, 0, 1 << 16).unwrap();
        tail.make_room(100).unwrap();
        // SAFETY: it takes an open descriptor and a number.
        assert_eq!(unsafe { libc::fcntl(fd, libc::F_ADD_SEALS, libc::F_SEAL_SHRINK) }, 0);
        tail
    }

    #[test]
    fn a_log_whose_reserve_stays_is_not_closed() {
        let name = format!("barnabas-backlog-{}", std::process::id());
        let dir = std::env::temp_dir().join(name).join("t-0");
        let keepers = super::super::Keepers::spawn().unwrap();
        let config = Arc::new(TopicConfig::default());
        let log = Log::create(dir.clone(), config, keepers.clone()).unwrap();
        let tails = Tails {
            log: tail_that_cannot_be_cut(),
            index: tail_that_cannot_be_cut(),
            time: tail_that_cannot_be_cut(),
        };
        let files = Segment::fresh(0, &tails).seal(tails);
        let snapshot = (dir.join("00000000000000000007.snapshot"), Vec::new());
        log.backlog.push(Rolled { files, snapshot });
        keepers.preparer.ask(Job::Finish(log.backlog.clone()));
        keepers.stop();
        for _ in 0..2 {
            let error = log.close().unwrap_err().to_string();
            assert!(error.contains("00000000000000000007.snapshot"), "{error}");
        }
        drop(log);
        fs::remove_dir_all(dir.parent().unwrap()).unwrap();
    }
}
