//! The flusher: the keeper threads that bring logs to the disk.
//!
//! A log that gets something to flush registers once and is flushed when its time has come: by
//! `flush.ms`, by the background policy (so many milliseconds or bytes, see [`Flusher::set_pace`]),
//! at once where a produce waits for it (`flush.messages`), soon after a roll. Two threads, so that
//! nobody who waits for an answer stands behind a background flush. Many logs at once are flushed
//! by one call for the whole volume. Idle, both sleep without a time-out.
//!
//! [`Ground`] is what all logs of a data directory stand on: a partition that the next start does
//! not find is not on the disk, however well its records are. So the first flush of a log counts
//! only with the names in the data directory and the catalog's records that led to it.

use super::durability::Durability;
use super::error::StorageError;
use super::flush::Begun;
use super::sync;
use crate::net::{Mailbox, Received, Receiver, SendError, Sender};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Orders that wait at most. A log has at most four at a time, one of each kind.
const MAX_JOBS: usize = 1 << 22;
/// From so many logs on one call for the volume is cheaper than one for each.
const VOLUME_FROM: usize = 64;
/// After a flush for which something other than the disk was lacking.
const RETRY: Duration = Duration::from_secs(1);

/// What the flusher is told.
pub(crate) enum Job {
    /// There is something to flush: in time.
    Dirty(Arc<Durability>),
    /// Someone waits for it.
    Now(Arc<Durability>),
    /// A segment was rolled.
    Soon(Arc<Durability>),
    /// A good deal has come since the last time.
    Poke(Arc<Durability>),
    /// End, after everything that was asked before.
    Stop,
}

/// Hands the keys of parked requests to a worker, waiting for room if it must.
pub type Deliver = Box<dyn Fn(usize, Vec<u64>) + Send + Sync>;

/// A handle to the keeper that flushes logs. Clones share the threads.
#[derive(Clone)]
pub struct Flusher {
    urgent: Sender<Job>,
    background: Sender<Job>,
    ground: Arc<Ground>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Flusher {
    /// Starts the threads. Nothing is flushed in the background until a pace is set.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn() -> io::Result<Flusher> {
        let ground = Arc::new(Ground::default());
        let start = |name: &str| {
            let (sender, queue) = Mailbox::for_thread(MAX_JOBS);
            let keeper = Keeper { ground: ground.clone(), due: BTreeMap::new(), count: 0 };
            let thread =
                thread::Builder::new().name(name.into()).spawn(move || keeper.run(queue))?;
            io::Result::Ok((sender, thread))
        };
        let (urgent, first) = start("flusher")?;
        let (background, second) = start("flusher-back")?;
        let threads = Arc::new(Mutex::new(vec![first, second]));
        Ok(Flusher { urgent, background, ground, threads })
    }

    /// Does what was asked so far and ends the threads. Logs are flushed by who asks then.
    pub fn stop(&self) {
        let threads = std::mem::take(&mut *lock(&self.threads));
        for sender in [&self.urgent, &self.background] {
            let _ = sender.send(Job::Stop);
        }
        for thread in threads {
            if thread.join().is_err() {
                ::log::error!("a flusher ended with a panic");
            }
        }
    }

    /// Flushes every log this long after its first unflushed byte and when it has so many of them
    /// at the latest, while the disk keeps up; −1 each leaves it to the system.
    pub fn set_pace(&self, ms: i64, bytes: i64) {
        self.ground.pace_ms.store(ms, Ordering::Relaxed);
        self.ground.pace_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Flushes nothing any more but what is asked for by name: the data are worth nothing after
    /// the process.
    pub fn switch_off(&self) {
        self.ground.off.store(true, Ordering::Relaxed);
    }

    /// Whether it was switched off.
    pub(crate) fn is_off(&self) -> bool {
        self.ground.off.load(Ordering::Relaxed)
    }

    /// Whether write-back is started behind the tails.
    pub(crate) fn writes_back(&self) -> bool {
        !self.is_off() && self.ground.pace_bytes.load(Ordering::Relaxed) >= 0
    }

    /// The directory that the partitions' directories are in.
    pub fn set_data_dir(&self, path: &Path) {
        let _ = self.ground.data_dir.set(path.to_owned());
    }

    /// The log whose records make the others findable.
    pub fn set_catalog(&self, log: &super::Log) {
        let _ = self.ground.catalog.set(log.durability.clone());
    }

    /// Who gets the keys of requests that waited for a flush.
    pub fn set_delivery(&self, deliver: Deliver) {
        let _ = self.ground.deliver.set(deliver);
    }

    /// A name in the data directory has changed that must be on the disk before any record counts
    /// as flushed.
    pub fn note_names(&self) {
        self.ground.must.fetch_max(self.ground.new_name(), Ordering::AcqRel);
    }

    pub(crate) fn ground(&self) -> &Ground {
        &self.ground
    }

    pub(crate) fn tell(&self, job: Job) {
        let sender = if matches!(job, Job::Now(_)) { &self.urgent } else { &self.background };
        match sender.send(job) {
            Ok(()) => {}
            // After its end nobody is left who must not wait.
            Err(SendError::Closed(job) | SendError::Full(job)) => match job {
                Job::Now(log) => _ = log.flush(&self.ground),
                Job::Dirty(_) | Job::Soon(_) | Job::Poke(_) | Job::Stop => {}
            },
        }
    }
}

impl fmt::Debug for Flusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flusher")
    }
}

/// What all logs of a data directory stand on. See the module's comment.
pub(crate) struct Ground {
    off: AtomicBool,
    pace_ms: AtomicI64,
    pace_bytes: AtomicI64,
    data_dir: OnceLock<PathBuf>,
    /// Changes of names in the data directory; how many of them everything waits for; how many are
    /// on the disk.
    made: AtomicU64,
    must: AtomicU64,
    synced: AtomicU64,
    syncing: Mutex<Option<File>>,
    catalog: OnceLock<Arc<Durability>>,
    deliver: OnceLock<Deliver>,
    /// The volume as a whole has failed once: files are flushed one by one from then on, and each
    /// says for itself what it lost.
    volume_failed: AtomicBool,
}

impl Default for Ground {
    fn default() -> Ground {
        Ground {
            off: AtomicBool::new(false),
            pace_ms: AtomicI64::new(-1),
            pace_bytes: AtomicI64::new(-1),
            data_dir: OnceLock::new(),
            made: AtomicU64::new(0),
            must: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            syncing: Mutex::new(None),
            catalog: OnceLock::new(),
            deliver: OnceLock::new(),
            volume_failed: AtomicBool::new(false),
        }
    }
}

impl Ground {
    /// Counts a change of names in the data directory that has just been made.
    pub(crate) fn new_name(&self) -> u64 {
        self.made.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Sees to it that a log in `dir` will be found again.
    pub(super) fn settle(
        &self,
        log: &Durability,
        settled: bool,
        dir: &Path,
    ) -> Result<(), StorageError> {
        let must = self.must.load(Ordering::Acquire);
        if settled || log.born == 0 {
            return self.sync_names(must, dir);
        }
        if let Some(catalog) = self.catalog.get()
            && !std::ptr::eq(&**catalog, log)
        {
            catalog.flush(self)?;
        }
        self.sync_names(must.max(log.born), dir)
    }

    /// Brings the names in the data directory to the disk, as of the change with this number.
    fn sync_names(&self, change: u64, dir: &Path) -> Result<(), StorageError> {
        if self.synced.load(Ordering::Acquire) >= change {
            return Ok(());
        }
        let Some(data_dir) = self.data_dir.get().map(PathBuf::as_path).or(dir.parent()) else {
            return Ok(());
        };
        let _one = lock(&self.syncing);
        if self.synced.load(Ordering::Acquire) < change {
            let made = self.made.load(Ordering::Acquire);
            sync::dir(data_dir)?;
            self.synced.fetch_max(made, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Flushes the whole volume; false if that cannot be done or relied on.
    fn sync_volume(&self) -> bool {
        let Some(data_dir) = self.data_dir.get() else { return false };
        if self.volume_failed.load(Ordering::Relaxed) {
            return false;
        }
        let made = self.made.load(Ordering::Acquire);
        let mut opened = lock(&self.syncing);
        if opened.is_none() {
            *opened = File::open(data_dir).ok();
        }
        let Some(directory) = opened.as_ref() else { return false };
        match sync::volume(directory, data_dir) {
            Ok(()) => _ = self.synced.fetch_max(made, Ordering::AcqRel),
            Err(why) => {
                self.volume_failed.store(true, Ordering::Relaxed);
                ::log::warn!("{}: cannot flush the volume: {why}", data_dir.display());
            }
        }
        !self.volume_failed.load(Ordering::Relaxed)
    }

    /// Wakes parked requests.
    pub(super) fn deliver(&self, mut keys: Vec<(usize, u64)>) {
        let Some(deliver) = self.deliver.get() else { return };
        keys.sort_unstable();
        for of_worker in keys.chunk_by(|one, other| one.0 == other.0) {
            deliver(of_worker[0].0, of_worker.iter().map(|(_, key)| *key).collect());
        }
    }

    /// How long after its first unflushed byte a log is flushed, if ever.
    fn delay_of(&self, log: &Durability) -> Option<Duration> {
        let pace = self.pace_ms.load(Ordering::Relaxed);
        let limits = [pace, log.flush_ms()];
        let ms = limits.into_iter().filter(|ms| (0..i64::MAX).contains(ms)).min()?;
        Some(Duration::from_millis(ms.unsigned_abs()))
    }

    /// Whether a log has more unflushed bytes than it may.
    fn is_full(&self, log: &Durability) -> bool {
        let limit = u64::try_from(self.pace_bytes.load(Ordering::Relaxed));
        limit.is_ok_and(|limit| log.unflushed_bytes() >= limit)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What it guards is whole at any time: a handle, a list that is taken at once.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of the threads.
struct Keeper {
    ground: Arc<Ground>,
    /// Logs by when they are due; the number keeps those of one moment apart.
    due: BTreeMap<(Instant, u64), Arc<Durability>>,
    count: u64,
}

impl Keeper {
    fn run(mut self, mut queue: Receiver<Job>) {
        let mut jobs = std::collections::VecDeque::new();
        loop {
            let first = match self.due.first_key_value() {
                Some(((at, _), _)) => queue.recv_deadline(*at),
                None => queue.recv().map_or(Received::Closed, Received::Message),
            };
            match first {
                Received::Message(job) => jobs.push_back(job),
                Received::Closed => return,
                Received::TimedOut => {}
            }
            queue.take(&mut jobs);
            let mut round = Vec::new();
            let mut stop = false;
            for job in jobs.drain(..) {
                stop |= matches!(job, Job::Stop);
                self.sort(job, &mut round);
            }
            self.take_due(&mut round);
            self.flush(&round);
            if stop {
                return;
            }
        }
    }

    /// What is to be done at once goes into the round, the rest waits for its time.
    fn sort(&mut self, job: Job, round: &mut Vec<Arc<Durability>>) {
        match job {
            Job::Now(log) | Job::Soon(log) => round.push(log),
            Job::Dirty(log) => {
                if let Some(delay) = self.ground.delay_of(&log) {
                    self.schedule(log, delay);
                }
            }
            Job::Poke(log) => {
                if let Err(why) = log.start_write_back() {
                    // The flush that follows says whether it matters.
                    ::log::debug!("{}: cannot start write-back: {why}", log.name);
                }
                if self.ground.is_full(&log) {
                    round.push(log);
                }
            }
            Job::Stop => {}
        }
    }

    fn schedule(&mut self, log: Arc<Durability>, delay: Duration) {
        self.count += 1;
        if let Some(at) = Instant::now().checked_add(delay) {
            self.due.insert((at, self.count), log);
        }
    }

    fn take_due(&mut self, round: &mut Vec<Arc<Durability>>) {
        let now = Instant::now();
        while let Some(first) = self.due.first_entry()
            && first.key().0 <= now
        {
            round.push(first.remove());
        }
    }

    fn flush(&mut self, round: &[Arc<Durability>]) {
        if round.len() >= VOLUME_FROM && self.flush_volume(round) {
            return;
        }
        if round.len() > 1 {
            round.iter().for_each(|log| _ = log.start_write_back());
        }
        for log in round {
            if log.flush(&self.ground).is_err() && log.failure().is_none() {
                self.schedule(log.clone(), RETRY);
            }
        }
    }

    /// Flushes many logs by one call; false if they must be flushed one by one.
    fn flush_volume(&self, round: &[Arc<Durability>]) -> bool {
        let mut begun: Vec<Begun<'_>> = Vec::new();
        let mut busy = Vec::new();
        for log in round {
            match log.try_begin() {
                Some(one) => begun.push(one),
                None => busy.push(log),
            }
        }
        if !self.ground.sync_volume() {
            begun.into_iter().for_each(Begun::abandon);
            return false;
        }
        for one in begun {
            let outcome = one.check();
            let _ = one.commit(outcome, &self.ground);
        }
        busy.into_iter().for_each(|log| _ = log.flush(&self.ground));
        true
    }
}
