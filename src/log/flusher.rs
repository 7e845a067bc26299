//! The flusher: the keeper threads that bring logs to the disk.
//!
//! A log that gets something to flush registers once and is flushed when its time has come: by
//! `flush.ms`, by the background policy (so many milliseconds or bytes, see [`Flusher::set_pace`]),
//! at once where a produce waits for it (`flush.messages`), soon after a roll. Two threads, so that
//! nobody who waits for an answer stands behind a background flush. Many logs at once are flushed
//! by one call for the whole volume. Idle, both sleep without a time-out.

use super::durability::Durability;
use super::error::StorageError;
use super::flush::Begun;
use super::ground::{Ground, lock};
use super::janitor::Janitor;
use crate::net::{Mailbox, Received, Receiver, SendError, Sender};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
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
    pub(crate) fn spawn(janitor: Janitor) -> io::Result<Flusher> {
        let ground = Arc::new(Ground::new(janitor));
        let start = |name: &str, spares_tails| {
            let (sender, queue) = Mailbox::for_thread(MAX_JOBS);
            let keeper = Keeper::new(ground.clone(), spares_tails);
            let thread =
                thread::Builder::new().name(name.into()).spawn(move || keeper.run(queue))?;
            io::Result::Ok((sender, thread))
        };
        let (urgent, first) = start("flusher", false)?;
        let (background, second) = start("flusher-back", true)?;
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

    /// Has producers slowed down before so many appended bytes are not written back; `None`: never.
    pub fn set_limit(&self, bytes: Option<u64>) {
        self.ground.pressure.set_limit(bytes);
    }

    /// The time for which a connection that has brought so many bytes is not to be read.
    pub fn price_of(&self, bytes: u64) -> Duration {
        self.ground.pressure.price_of(bytes)
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

/// One of the threads.
struct Keeper {
    ground: Arc<Ground>,
    /// It flushes in the background: what is written to just now can wait.
    spares_tails: bool,
    /// Logs by when they are due; the number keeps those of one moment apart.
    due: BTreeMap<(Instant, u64), Arc<Durability>>,
    count: u64,
}

impl Keeper {
    fn new(ground: Arc<Ground>, spares_tails: bool) -> Keeper {
        Keeper { ground, spares_tails, due: BTreeMap::new(), count: 0 }
    }

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
                // Who has asked meanwhile is told, too; who asks from now on does it himself.
                for job in queue.close() {
                    if let Job::Now(log) = job {
                        let _ = log.flush(&self.ground);
                    }
                }
                return;
            }
        }
    }

    /// What is to be done at once goes into the round, the rest waits for its time.
    fn sort(&mut self, job: Job, round: &mut Vec<Arc<Durability>>) {
        match job {
            Job::Now(log) | Job::Soon(log) => round.push(log),
            Job::Dirty(log) => {
                // A log that is flushed for its bytes in between registers anew each time: the time
                // that it has already is no later.
                if let Some(delay) = self.ground.delay_of(&log)
                    && !log.scheduled.swap(true, Ordering::AcqRel)
                {
                    self.schedule(log, Instant::now(), delay);
                }
            }
            Job::Poke(log) => {
                if let Err(why) = log.start_write_back() {
                    // The flush that follows says whether it matters.
                    ::log::debug!(
                        partition:% = log.name, error:% = why;
                        "cannot start write-back"
                    );
                }
                if self.ground.is_full(&log) || self.ground.pressure.is_high() {
                    round.push(log);
                }
            }
            Job::Stop => {}
        }
    }

    fn schedule(&mut self, log: Arc<Durability>, since: Instant, delay: Duration) {
        self.count += 1;
        if let Some(at) = since.checked_add(delay) {
            self.due.insert((at, self.count), log);
        }
    }

    fn take_due(&mut self, round: &mut Vec<Arc<Durability>>) {
        let now = Instant::now();
        while let Some(first) = self.due.first_entry()
            && first.key().0 <= now
        {
            let log = first.remove();
            log.scheduled.store(false, Ordering::Release);
            round.push(log);
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
            let left = match self.spares_tails {
                true => log.flush_behind(&self.ground),
                false => log.flush(&self.ground).map(|_| None),
            };
            self.see_to_the_rest(log, left);
        }
    }

    /// What a flush has left, or could not do for want of something, is done later.
    fn see_to_the_rest(
        &mut self,
        log: &Arc<Durability>,
        left: Result<Option<Instant>, StorageError>,
    ) {
        match left {
            Ok(None) => {}
            Ok(Some(since)) => self.schedule_rest(log, since),
            Err(_) if log.failure().is_some() => {}
            Err(_) => self.schedule(log.clone(), Instant::now(), RETRY),
        }
    }

    /// What a flush has left is due as long after it came as anything.
    fn schedule_rest(&mut self, log: &Arc<Durability>, since: Instant) {
        log.stays_registered();
        if let Some(delay) = self.ground.delay_of(log)
            && !log.scheduled.swap(true, Ordering::AcqRel)
        {
            self.schedule(log.clone(), since, delay);
        }
    }

    /// Flushes many logs by one call; false if they must be flushed one by one.
    fn flush_volume(&mut self, round: &[Arc<Durability>]) -> bool {
        let mut begun: Vec<(_, Begun<'_>)> = Vec::new();
        let mut busy = Vec::new();
        for log in round {
            match log.try_begin() {
                Some(one) => begun.push((log, one)),
                None => busy.push(log),
            }
        }
        if !self.ground.sync_volume() {
            begun.into_iter().for_each(|(_, one)| one.abandon());
            return false;
        }
        for (log, one) in begun {
            let outcome = one.check();
            let flushed = one.commit(outcome, &self.ground);
            self.see_to_the_rest(log, flushed.map(|_| None));
        }
        for log in busy {
            let flushed = log.flush(&self.ground);
            self.see_to_the_rest(log, flushed.map(|_| None));
        }
        true
    }
}

#[cfg(test)]
#[path = "flusher_tests.rs"]
mod tests;
