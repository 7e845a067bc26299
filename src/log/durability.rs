//! How far one log is on the disk, and who waits for it: what the log and the flusher share.
//!
//! ```text
//! append ──> dirty ── registered once ──> flusher: due by flush.ms, by bytes, or asked for
//!              │                              │ begin: the end of the log is read   (work lock)
//!        flush.messages: waits                │ sync:  files, side files, names, the catalog
//!              └──────── told <───────────────┘ commit: flushed = that end; high watermark, answers
//! ```
//!
//! Invariants: `recovery_point <= flushed <= log end`. What is below `flushed` is on the disk, with
//! everything that is needed to find it: the names in the directory, the directory's own name, the
//! catalog's records. What is below `recovery_point` is there in its final form: segments cut to
//! their size, indexes and snapshots. One flush at a time per log: whoever waits meanwhile is
//! covered by the next one (group commit).
//!
//! A sync that failed makes the log fail for good: its pages may be lost, and asking again would
//! be answered with a lie (fsyncgate; Kafka takes the whole directory offline).

use super::backlog::Backlog;
use super::error::StorageError;
use super::flusher::{Flusher, Job};
use super::home::Home;
use super::milestone::LastMilestone;
use super::offsets::{Position, Watermarks};
use super::pressure::Share;
use super::segment::Segment;
use crate::config::TopicConfig;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Instant;

/// Write-back behind the tail is started in steps of this many bytes.
const WRITE_BACK_STEP: u64 = 1 << 20;

/// A request that waits for flushes: its answer may leave when all of them are over.
#[derive(Debug)]
pub struct FlushTicket {
    /// Who waits: a worker, and its own key of the parked request.
    pub worker: usize,
    /// See `worker`.
    pub key: u64,
    missing: AtomicUsize,
}

impl FlushTicket {
    /// A ticket that its maker still holds open, see [`FlushTicket::settle`].
    pub fn new(worker: usize, key: u64) -> Arc<FlushTicket> {
        Arc::new(FlushTicket { worker, key, missing: AtomicUsize::new(1) })
    }

    /// One flush less to wait for; true exactly once, when there is none left. Its maker settles
    /// once too, when all logs are asked.
    pub fn settle(&self) -> bool {
        let before = self.missing.fetch_sub(1, Ordering::AcqRel);
        assert!(before > 0, "a ticket is settled once for each flush");
        before == 1
    }
}

/// Wakes a parked request: worker and key.
pub type WakeRequest<'a> = &'a mut dyn FnMut(usize, u64);

/// The partition behind a log: it shows what was flushed to consumers.
pub trait FlushListener: Send + Sync {
    /// Everything below `offset` is on the disk, `bytes` of it were waited for.
    fn flushed(&self, offset: i64, bytes: u64, wake: WakeRequest<'_>);
}

/// Who waits for the next flush of a log.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) bytes: u64,
    pub(super) tickets: Vec<Arc<FlushTicket>>,
    pub(super) listener: Option<Arc<dyn FlushListener>>,
}

/// What only the holder of the work lock may touch.
#[derive(Default)]
pub(super) struct Work {
    /// The names in the directory are on the disk as of this many changes.
    pub(super) names_synced: u64,
    /// The directory's own name and the catalog's records were seen to be on the disk.
    pub(super) settled: bool,
}

/// See the module's comment.
pub(crate) struct Durability {
    pub(super) name: String,
    pub(super) home: Home,
    segments: Arc<RwLock<Vec<Arc<Segment>>>>,
    pub(super) marks: Arc<Watermarks>,
    pub(super) backlog: Arc<Backlog>,
    pub(super) flushed: AtomicI64,
    pub(super) recovery_point: AtomicI64,
    /// Below this offset nothing may be trusted before it was checked, come what may.
    pub(super) uncut: AtomicBool,
    /// The flusher knows that there is something to flush.
    registered: AtomicBool,
    /// A flush in the background has its time, and that has not come.
    pub(super) scheduled: AtomicBool,
    /// The flusher was asked to flush at once, and has not begun.
    asked: AtomicBool,
    /// The flusher was told that many bytes have come, and has not looked.
    poked: AtomicBool,
    /// Changes of names in the directory; above what the work remembers, it must be synced.
    pub(super) names_made: AtomicU64,
    /// The number of the change of the data directory that made this log's directory, 0 if none.
    pub(super) born: u64,
    pub(super) failed: OnceLock<(PathBuf, String)>,
    retired: AtomicBool,
    /// Settings: `flush.messages`, `flush.ms`.
    flush_messages: AtomicI64,
    flush_ms: AtomicI64,
    /// Bytes that were ever appended, at the last poke, and at the last flush.
    pub(super) appended: AtomicU64,
    poked_at: AtomicU64,
    pub(super) flushed_bytes: AtomicU64,
    /// What it has in what all logs together have not written back.
    pub(super) share: Share,
    /// Up to here a flush meets no append.
    pub(super) milestone: LastMilestone,
    pub(super) work: Mutex<Work>,
    waiting: Mutex<Waiting>,
}

/// The parts of a log that its durability is about.
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) home: Home,
    pub(crate) segments: Arc<RwLock<Vec<Arc<Segment>>>>,
    pub(crate) marks: Arc<Watermarks>,
    pub(crate) backlog: Arc<Backlog>,
}

impl Waiting {
    pub(super) fn is_nobody(&self) -> bool {
        self.tickets.is_empty() && self.listener.is_none()
    }
}

impl Durability {
    /// Of a log of which everything below `flushed` is on the disk. Of one that was closed its names
    /// are there too.
    pub(crate) fn new(
        parts: Parts,
        flushed: i64,
        is_closed: bool,
        config: &TopicConfig,
        flusher: &Flusher,
    ) -> Arc<Durability> {
        let born = if is_closed { 0 } else { flusher.ground().new_name() };
        let Parts { name, home, segments, marks, backlog } = parts;
        let is_dirty = flushed < marks.get().log_end.offset;
        let durability = Arc::new(Durability {
            name,
            home,
            segments,
            marks,
            backlog,
            flushed: AtomicI64::new(flushed),
            recovery_point: AtomicI64::new(flushed),
            uncut: AtomicBool::new(false),
            registered: AtomicBool::new(false),
            scheduled: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            poked: AtomicBool::new(false),
            names_made: AtomicU64::new(u64::from(born > 0)),
            born,
            failed: OnceLock::new(),
            retired: AtomicBool::new(false),
            flush_messages: AtomicI64::new(config.flush_messages),
            flush_ms: AtomicI64::new(config.flush_ms),
            appended: AtomicU64::new(0),
            poked_at: AtomicU64::new(0),
            flushed_bytes: AtomicU64::new(0),
            share: Share::of(&flusher.ground().pressure),
            milestone: LastMilestone::default(),
            work: Mutex::default(),
            waiting: Mutex::default(),
        });
        if is_dirty {
            durability.note_dirty(flusher);
        }
        durability
    }

    /// Up to here everything is on the disk.
    pub(crate) fn flushed(&self) -> i64 {
        self.flushed.load(Ordering::Acquire)
    }

    /// Up to here everything is on the disk in its final form.
    pub(crate) fn recovery_point(&self) -> i64 {
        self.recovery_point.load(Ordering::Acquire)
    }

    /// Why the log has failed, if it has.
    pub(crate) fn failure(&self) -> Option<StorageError> {
        let (path, why) = self.failed.get()?;
        Some(StorageError::new("flush", path, io::Error::other(why.clone())))
    }

    /// See [`Durability::failure`].
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.get().is_some()
    }

    /// Bytes that were appended and not flushed, about.
    pub(super) fn unflushed_bytes(&self) -> u64 {
        let flushed = self.flushed_bytes.load(Ordering::Relaxed);
        self.appended.load(Ordering::Relaxed).saturating_sub(flushed)
    }

    /// `flush.ms`.
    pub(super) fn flush_ms(&self) -> i64 {
        self.flush_ms.load(Ordering::Relaxed)
    }

    /// Takes new settings.
    pub(crate) fn set_rules(self: &Arc<Self>, messages: i64, ms: i64, flusher: &Flusher) {
        self.flush_messages.store(messages, Ordering::Relaxed);
        if self.flush_ms.swap(ms, Ordering::Relaxed) > ms && self.registered.load(Ordering::Relaxed)
        {
            // The time that it has may be too late now.
            self.scheduled.store(false, Ordering::Release);
            flusher.tell(Job::Dirty(self.clone()));
        }
    }

    /// Whether what ends at `next_offset` must be on the disk before it is answered
    /// (`flush.messages`, UnifiedLog.append).
    pub(crate) fn must_flush(&self, next_offset: i64, flusher: &Flusher) -> bool {
        let messages = self.flush_messages.load(Ordering::Relaxed);
        messages != i64::MAX
            && !flusher.is_off()
            && next_offset.saturating_sub(self.flushed()) >= messages
    }

    /// `flush.messages` is set: what was appended may have to be on the disk before it is answered.
    pub(crate) fn may_flush_by_count(&self) -> bool {
        self.flush_messages.load(Ordering::Relaxed) != i64::MAX
    }

    /// Notes where batches of `size` bytes begin that have just been published; for the holder of the writer lock.
    pub(crate) fn note_start(&self, start: Position, size: u64) {
        self.milestone.pass(start, size, self.appended.load(Ordering::Relaxed));
    }

    /// Notes an append that has just been published; for the holder of the writer lock. What is
    /// published before a flush reads the end (both under the lock of the watermarks) is covered
    /// by it; otherwise that flush has cleared the flag before, and it is seen here.
    pub(crate) fn note_append(self: &Arc<Self>, bytes: u64, flusher: &Flusher) {
        self.share.appended(bytes);
        let appended = self.appended.load(Ordering::Relaxed) + bytes;
        self.appended.store(appended, Ordering::Relaxed);
        if !self.registered.load(Ordering::Acquire) {
            self.note_dirty(flusher);
        }
        if appended - self.poked_at.load(Ordering::Relaxed) >= WRITE_BACK_STEP {
            self.poked_at.store(appended, Ordering::Relaxed);
            if flusher.writes_back() && !self.poked.swap(true, Ordering::AcqRel) {
                flusher.tell(Job::Poke(self.clone()));
            }
        }
    }

    /// There is something to flush some time.
    pub(crate) fn note_dirty(self: &Arc<Self>, flusher: &Flusher) {
        if !flusher.is_off() && !self.registered.swap(true, Ordering::AcqRel) {
            flusher.tell(Job::Dirty(self.clone()));
        }
    }

    /// A name in the directory, or a side file, has changed: the next flush brings it to the disk.
    pub(crate) fn note_names(&self) {
        self.names_made.fetch_add(1, Ordering::AcqRel);
    }

    /// A segment was rolled at `end`: Kafka flushes it soon, so that the recovery point moves on. For
    /// the holder of the writer lock.
    pub(crate) fn note_roll(self: &Arc<Self>, end: Position, flusher: &Flusher) {
        self.milestone.set(end, self.appended.load(Ordering::Relaxed));
        if !flusher.is_off() {
            flusher.tell(Job::Soon(self.clone()));
        }
    }

    /// Someone waits for what was appended until now. [`Durability::ask`] must follow.
    pub(crate) fn wait(
        &self,
        bytes: u64,
        ticket: Option<Arc<FlushTicket>>,
        listener: Arc<dyn FlushListener>,
    ) {
        let mut waiting = self.lock_waiting();
        waiting.bytes += bytes;
        waiting.listener.get_or_insert(listener);
        if let Some(ticket) = ticket {
            ticket.missing.fetch_add(1, Ordering::AcqRel);
            waiting.tickets.push(ticket);
        }
    }

    /// Asks for a flush at once.
    pub(crate) fn ask(self: &Arc<Self>, flusher: &Flusher) {
        if !self.asked.swap(true, Ordering::AcqRel) {
            flusher.tell(Job::Now(self.clone()));
        }
    }

    /// Whether the files are about to go, or gone.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// The files are about to go: nothing is flushed any more.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        self.share.give_up();
    }

    /// Records beyond `offset` are gone: they are neither flushed nor trusted.
    pub(crate) fn truncated_to(&self, offset: i64) {
        let _work = self.lock_work();
        self.milestone.forget();
        self.flushed.fetch_min(offset, Ordering::AcqRel);
        self.recovery_point.fetch_min(offset, Ordering::AcqRel);
    }

    /// Starts write-back of what lies behind the tail.
    pub(crate) fn start_write_back(&self) -> io::Result<()> {
        self.poked.store(false, Ordering::Release);
        let active = self.read_segments().last().cloned();
        match active.and_then(|active| active.opened()) {
            Some(files) if !self.is_over() => files.log.start_write_back(),
            _ => Ok(()),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.has_failed() || self.is_retired()
    }

    /// An offset behind which the log was written to by this process, and of late; `None` if it has
    /// written little.
    pub(super) fn milestone(&self) -> Option<i64> {
        self.milestone.offset()
    }

    /// Since when at the earliest what is not flushed has been there, if the last flush has left it.
    pub(super) fn left_since(&self) -> Option<Instant> {
        self.milestone.at(self.flushed())
    }

    pub(super) fn nobody_waits(&self) -> bool {
        self.lock_waiting().is_nobody()
    }

    /// A flush has left something: it is in the flusher's hands, and appends need not say so.
    pub(super) fn stays_registered(&self) {
        self.registered.store(true, Ordering::Release);
    }

    /// The flusher begins: what comes from now on registers and asks again.
    pub(super) fn take_orders(&self) -> Waiting {
        self.asked.store(false, Ordering::SeqCst);
        self.registered.store(false, Ordering::SeqCst);
        std::mem::take(&mut *self.lock_waiting())
    }

    /// Lets those who waited for a flush wait for the next one.
    pub(super) fn put_back(&self, waiting: Waiting) {
        let mut next = self.lock_waiting();
        next.bytes += waiting.bytes;
        next.tickets.extend(waiting.tickets);
        next.listener = next.listener.take().or(waiting.listener);
    }

    pub(super) fn dir(&self) -> Arc<Path> {
        self.home.path()
    }

    pub(super) fn read_segments(&self) -> Vec<Arc<Segment>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn lock_work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
