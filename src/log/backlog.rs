//! The rolled segments of one log whose files must still be brought into the form that they keep:
//! reserves cut off, the producers' state written down. The preparer does it behind the log's back.
//!
//! Whoever works on a segment has taken it out: no lock is held over a file, and nobody works on the
//! same one. A roll never waits for others. Who needs all that was rolled before to be finished (a
//! flush, a close, a deletion) helps and then waits for those who are at it.

use super::checkpoint;
use super::error::StorageError;
use super::segment::SegmentFiles;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Rolled segments of one log that wait at most; beyond it the appender finishes one himself.
const MAX_WAITING: usize = 64;

/// A segment that was rolled and whose files must still be brought into their final form.
pub(crate) struct Rolled {
    pub(crate) files: Arc<SegmentFiles>,
    /// The producers' state at its end, and where it belongs.
    pub(crate) snapshot: (PathBuf, Vec<u8>),
}

/// A segment whose files have their final form, but perhaps not on the disk.
pub(crate) struct Finished {
    pub(crate) files: FinalFiles,
    pub(crate) snapshot: PathBuf,
}

/// The files of a segment that nothing is written to any more.
pub(crate) enum FinalFiles {
    /// Held open until they are flushed.
    Open(Arc<SegmentFiles>),
    /// They were written to and closed since, for the log rests: of the segment that begins there.
    AtRest(i64),
    /// Nobody has written to them: they are as they were found.
    AsFound,
}

impl FinalFiles {
    /// The files if they are open.
    pub(crate) fn opened(&self) -> Option<&Arc<SegmentFiles>> {
        match self {
            FinalFiles::Open(files) => Some(files),
            FinalFiles::AtRest(_) | FinalFiles::AsFound => None,
        }
    }
}

/// The rolled segments of one log that are not finished. As long as the preparer keeps up there is
/// at most one.
#[derive(Default)]
pub(crate) struct Backlog {
    unfinished: Mutex<Unfinished>,
    /// Somebody is done with a segment.
    done: Condvar,
    /// Nobody flushes: what is finished is let go of.
    is_unflushed: bool,
}

#[derive(Default)]
struct Unfinished {
    /// In the order in which they were rolled, each with its number.
    waiting: VecDeque<(u64, Rolled)>,
    /// The numbers of those that somebody works on.
    taken: Vec<u64>,
    /// The number of the next one.
    next: u64,
    /// Finished, and not flushed since. Held open until then: an error of the disk is told to who
    /// has the file open.
    finished: Vec<Finished>,
    /// The first segment that still has its reserve because it could not be cut off, and why.
    uncut: Option<(PathBuf, String)>,
}

impl Backlog {
    /// Of a log that is flushed, or of one that is not.
    pub(crate) fn new(is_flushed: bool) -> Backlog {
        Backlog { is_unflushed: !is_flushed, ..Backlog::default() }
    }

    /// Puts a segment in; false if so many wait that the caller had better help.
    pub(crate) fn push(&self, rolled: Rolled) -> bool {
        let mut unfinished = self.lock();
        let number = unfinished.next;
        unfinished.next += 1;
        unfinished.waiting.push_back((number, rolled));
        unfinished.waiting.len() <= MAX_WAITING
    }

    /// Forgets what is left to do: the files are about to go. Nobody is at them any more then.
    pub(crate) fn clear(&self) {
        let mut unfinished = self.lock();
        unfinished.waiting.clear();
        let mut unfinished = self.wait_for(unfinished, u64::MAX);
        unfinished.finished.clear();
        unfinished.uncut = None;
    }

    /// Cuts reserves off and writes snapshots down: of all that was rolled before the call.
    ///
    /// # Errors
    /// When a reserve could not be cut off, now or earlier: such a log must not pass for one that
    /// was closed, for then its files' sizes are believed. A snapshot that is missing costs time at
    /// the next start, never data.
    pub(crate) fn finish(&self) -> Result<(), StorageError> {
        let end = self.lock().next;
        while self.work_on_one(end) {}
        let unfinished = self.wait_for(self.lock(), end);
        match &unfinished.uncut {
            None => Ok(()),
            Some((path, why)) => {
                let why = io::Error::other(why.clone());
                Err(StorageError::new("cut the segment before", path, why))
            }
        }
    }

    /// [`Backlog::finish`] on the way: what fails is told when the log is closed.
    pub(crate) fn settle(&self) {
        let _ = self.finish();
    }

    /// Finishes what nobody is at, and does not wait for the rest.
    pub(crate) fn help(&self) {
        while self.work_on_one(u64::MAX) {}
    }

    /// Finishes one segment, unless others are at all of them.
    pub(crate) fn help_with_one(&self) {
        self.work_on_one(u64::MAX);
    }

    /// Finishes the oldest segment that nobody is at; false if there is none with a number below
    /// `end`.
    fn work_on_one(&self, end: u64) -> bool {
        let mut unfinished = self.lock();
        if unfinished.waiting.front().is_none_or(|&(number, _)| number >= end) {
            return false;
        }
        let Some((number, rolled)) = unfinished.waiting.pop_front() else { return false };
        unfinished.taken.push(number);
        drop(unfinished);
        let taken = Taken { backlog: self, number };
        let (finished, uncut) = rolled.finish();
        let mut unfinished = self.lock();
        if !self.is_unflushed {
            unfinished.finished.push(finished);
        }
        if unfinished.uncut.is_none() {
            unfinished.uncut = uncut;
        }
        drop(unfinished);
        drop(taken);
        true
    }

    /// Waits until nobody works on a segment with a number below `end`.
    fn wait_for<'b>(
        &'b self,
        unfinished: MutexGuard<'b, Unfinished>,
        end: u64,
    ) -> MutexGuard<'b, Unfinished> {
        let is_taken = |unfinished: &mut Unfinished| unfinished.taken.iter().any(|&n| n < end);
        self.done.wait_while(unfinished, is_taken).unwrap_or_else(PoisonError::into_inner)
    }

    /// What was finished since the last call, to be flushed.
    pub(crate) fn take_finished(&self) -> Vec<Finished> {
        std::mem::take(&mut self.lock().finished)
    }

    /// Puts more of it in, or back if it could not be flushed for a reason that passes.
    pub(crate) fn add_finished(&self, finished: Vec<Finished>) {
        self.lock().finished.extend(finished);
    }

    fn lock(&self) -> MutexGuard<'_, Unfinished> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody is at the segment of this number: whoever waits for it is woken even after a panic.
struct Taken<'b> {
    backlog: &'b Backlog,
    number: u64,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.backlog.lock().taken.retain(|&number| number != self.number);
        self.backlog.done.notify_all();
    }
}

impl Rolled {
    /// Cuts its reserves off and writes the snapshot down; and what could not be cut, and why.
    fn finish(self) -> (Finished, Option<(PathBuf, String)>) {
        let Rolled { files, snapshot: (path, bytes) } = self;
        let uncut = files.trim().err().map(|error| {
            ::log::warn!(path:% = path.display(), error:%; "cannot cut the segment before");
            (path.clone(), error.to_string())
        });
        if let Err(error) = checkpoint::replace(&path, &bytes) {
            ::log::debug!(
                path:% = path.display(), error:%;
                "cannot write a snapshot of producers"
            );
        }
        (Finished { files: FinalFiles::Open(files), snapshot: path }, uncut)
    }
}

#[cfg(test)]
mod tests {
    use super::super::preparer::Job;
    use super::super::segment::{Capacities, Segment, Tails};
    use super::super::{Log, file::Tail, names::SegmentPaths};
    use super::*;
    use crate::config::TopicConfig;
    use std::fs::{self, File};
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::path::Path;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

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

    /// A rolled segment whose snapshot goes to `<number>.snapshot`.
    fn rolled(dir: &Path, number: i64) -> Rolled {
        let capacities = Capacities { log: 1 << 12, index: 1 << 10, time: 1 << 10 };
        let tails = Tails::create(&SegmentPaths::of(dir, number), capacities).unwrap();
        let files = Segment::fresh(number, &tails).seal(tails);
        Rolled { files, snapshot: (dir.join(format!("{number}.snapshot")), b"state".to_vec()) }
    }

    #[test]
    fn a_roll_waits_for_nobody_and_who_needs_all_of_it_waits_for_all() {
        let dir = std::env::temp_dir().join(format!("barnabas-backlog-2-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = |number: i64| dir.join(format!("{number}.snapshot"));
        // Who finishes the first one is held up as long as its file seems to grow.
        let first = rolled(&dir, 1);
        let files = first.files.clone();
        let held = files.log.lock_next();
        let backlog = Arc::new(Backlog::default());
        let in_thread = |work: fn(&Backlog)| {
            let (backlog, (tell, told)) = (backlog.clone(), mpsc::channel());
            thread::spawn(move || {
                work(&backlog);
                let _ = tell.send(());
            });
            told
        };
        backlog.push(first);
        let slow = in_thread(Backlog::help);
        let is_taken = in_thread(|backlog| while backlog.lock().taken.is_empty() {});
        let patience = Duration::from_secs(60);
        is_taken.recv_timeout(patience).unwrap();
        assert!(backlog.push(rolled(&dir, 2)), "the lock is free");
        backlog.help_with_one();
        assert!(path(2).exists(), "another one, and out of turn");
        backlog.help();
        backlog.push(rolled(&dir, 3));
        let all = {
            let (backlog, first, (tell, told)) = (backlog.clone(), path(1), mpsc::channel());
            thread::spawn(move || {
                backlog.finish().unwrap();
                tell.send(first.exists() && backlog.lock().taken.is_empty()).unwrap();
            });
            told
        };
        while !path(3).exists() {
            thread::yield_now(); // He helps first.
        }
        assert!(slow.try_recv().is_err(), "held up still");
        drop(held);
        assert!(all.recv_timeout(patience).unwrap(), "it was finished before he was told so");
        slow.recv_timeout(patience).unwrap();
        assert_eq!(backlog.take_finished().len(), 3, "each of them once");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_roll_that_finds_too_many_helps_with_one() {
        let dir = std::env::temp_dir().join(format!("barnabas-backlog-3-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let backlog = Backlog::default();
        for number in 0..MAX_WAITING as i64 {
            assert!(backlog.push(rolled(&dir, number)));
        }
        assert!(!backlog.push(rolled(&dir, 99)));
        backlog.help_with_one();
        assert!(dir.join("0.snapshot").exists() && !dir.join("1.snapshot").exists());
        assert_eq!(backlog.lock().waiting.len(), MAX_WAITING);
        backlog.clear();
        assert!(backlog.take_finished().is_empty());
        assert!(!dir.join("99.snapshot").exists());
        fs::remove_dir_all(dir).unwrap();
    }
}
