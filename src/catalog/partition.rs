//! One running partition: its log, its leader epoch, and who waits for its data.
//!
//! After a clean stop a log is opened when it is first asked for, by whoever asks, once: a start
//! costs the same with ten partitions or ten thousand.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::traffic::Traffic;
use super::waiters::Waiters;
use crate::log::{FlushListener, FlushTicket, Log, LogError, StorageError, WakeRequest};

/// Between two log lines about one partition's storage.
const REPORT_INTERVAL_MS: i64 = 10_000;

/// What came of opening a log.
pub enum Opened {
    /// It can be used.
    Ready(Box<Log>),
    /// It cannot be used until the next start.
    Offline,
    /// Not now; whoever asks next tries again.
    Later,
}

/// Opens the logs of partitions when they are first needed. What fails it says itself.
pub trait Opener: Send + Sync {
    /// Opens the partition's log. Never called again, nor by two threads at a time, unless the
    /// answer was [`Opened::Later`].
    fn open(&self, partition: &Partition) -> Opened;

    /// The log is seen by others from now on: what was changed in all open logs meanwhile is to be
    /// made up for.
    fn opened(&self, partition: &Partition, log: &Log);

    /// What can be said of a partition that is not open, by one look at its directory.
    fn outline(&self, partition: &Partition) -> Outline;
}

/// What a partition holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The first offset that can be read and the one behind the last; of a partition that is offline there are
    /// none, nor where it must be opened to say it.
    pub ends: Option<(i64, i64)>,
    /// Bytes of records.
    pub bytes: u64,
    /// The segments that they are in.
    pub segments: usize,
}

/// A partition that this node leads.
pub struct Partition {
    /// Its topic's name.
    pub topic: Arc<str>,
    /// Its index within the topic.
    pub index: i32,
    leader_epoch: AtomicI32,
    /// Nothing until it is opened; then the log, or that it cannot be used.
    log: OnceLock<Option<Box<Log>>>,
    /// Held while it is opened.
    opening: Mutex<()>,
    /// Who opens it.
    opener: Option<Arc<dyn Opener>>,
    /// What its directory told before it was opened. Until then nobody changes what is there.
    seen: OnceLock<Box<Outline>>,
    /// Something has happened to its disk since.
    failed: AtomicBool,
    /// Its topic was deleted.
    gone: AtomicBool,
    waiters: Waiters,
    reported_ms: AtomicI64,
    /// Its topic's, once it has one.
    traffic: OnceLock<Arc<Traffic>>,
}

impl Partition {
    /// A partition over its log; `None` when the log cannot be used: the partition is offline and
    /// answers KAFKA_STORAGE_ERROR, the others go on.
    pub fn new(topic: Arc<str>, index: i32, leader_epoch: i32, log: Option<Log>) -> Self {
        let log = OnceLock::from(log.map(Box::new));
        Self { log, ..Self::closed(topic, index, leader_epoch, None) }
    }

    /// A partition whose log is opened when it is first asked for.
    pub fn unopened(
        topic: Arc<str>,
        index: i32,
        leader_epoch: i32,
        opener: Arc<dyn Opener>,
    ) -> Self {
        Self::closed(topic, index, leader_epoch, Some(opener))
    }

    fn closed(
        topic: Arc<str>,
        index: i32,
        leader_epoch: i32,
        opener: Option<Arc<dyn Opener>>,
    ) -> Self {
        Self {
            topic,
            index,
            leader_epoch: AtomicI32::new(leader_epoch),
            log: OnceLock::new(),
            opening: Mutex::default(),
            opener,
            seen: OnceLock::new(),
            failed: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            waiters: Waiters::default(),
            reported_ms: AtomicI64::new(i64::MIN),
            traffic: OnceLock::new(),
        }
    }

    /// Where what goes through it is counted, once it is a topic's.
    #[inline]
    pub fn traffic(&self) -> Option<&Arc<Traffic>> {
        self.traffic.get()
    }

    /// Counts with its topic from now on.
    pub(super) fn join(&self, traffic: &Arc<Traffic>) {
        let joined = self.traffic.get_or_init(|| traffic.clone());
        assert!(Arc::ptr_eq(joined, traffic), "{}-{} is of one topic", self.topic, self.index);
    }

    /// Its topic is not in the table any more. Who waits is woken behind this.
    pub(super) fn leave(&self) {
        // Sequentially consistent with a waiter's registration, as an append is.
        self.gone.store(true, Ordering::SeqCst);
    }

    /// Whether its topic was deleted.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }

    /// The log, opened if it is not, unless the partition is offline. May block for a moment, the
    /// first time.
    pub fn log(&self) -> Option<&Log> {
        match self.log.get() {
            Some(log) => self.unless_failed(log.as_deref()),
            None => self.open(),
        }
    }

    /// [`Partition::fail`], if the error is one that does not pass.
    pub fn fail_if_permanent(&self, why: Option<&StorageError>) {
        if let Some(why) = why.filter(|why| why.is_permanent()) {
            self.fail(why);
        }
    }

    #[cold]
    fn open(&self) -> Option<&Log> {
        let opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = self.log.get() {
            return log.as_deref(); // Somebody else was quicker.
        }
        let opener = self.opener.as_ref()?;
        let log = match opener.open(self) {
            Opened::Later => return None,
            Opened::Offline => None,
            Opened::Ready(log) => Some(log),
        };
        let log = self.log.get_or_init(|| log).as_deref();
        drop(opening);
        if let Some(log) = log {
            opener.opened(self, log);
        }
        log
    }

    /// Opens the log in another way than its opener's, unless it is open.
    pub fn open_with(&self, open: impl FnOnce() -> Opened) {
        let opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if self.log.get().is_some() {
            return;
        }
        let log = match open() {
            Opened::Later => return,
            Opened::Offline => None,
            Opened::Ready(log) => Some(log),
        };
        let log = self.log.get_or_init(|| log).as_deref();
        drop(opening);
        if let (Some(log), Some(opener)) = (log, &self.opener) {
            opener.opened(self, log);
        }
    }

    fn unless_failed<'l>(&self, log: Option<&'l Log>) -> Option<&'l Log> {
        log.filter(|log| !log.has_failed() && !self.failed.load(Ordering::Acquire))
    }

    /// The log if it is open and can be used: for those who look at all partitions and need not
    /// open any.
    pub fn log_if_open(&self) -> Option<&Log> {
        self.unless_failed(self.log.get()?.as_deref())
    }

    /// Whether the log cannot be used. False while nobody has tried.
    pub fn is_offline(&self) -> bool {
        self.failed.load(Ordering::Acquire)
            || self.log.get().is_some() && self.log_if_open().is_none()
    }

    /// The log if it is open; if not, it never will be: for a partition that ends.
    pub fn retire(&self) -> Option<&Log> {
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        self.log.get_or_init(|| None).as_deref()
    }

    /// Bytes of records; 0 when the partition is offline. Does not open the log.
    pub fn size(&self) -> u64 {
        self.outline_of_files().bytes
    }

    /// What it holds. Opens the log only where nothing else says where that ends. May block.
    pub fn outline(&self) -> Outline {
        let outline = self.outline_of_files();
        let of_log = || self.log().map(Log::offsets).map(|at| (at.log_start, at.high_watermark));
        Outline { ends: outline.ends.or_else(of_log), ..outline }
    }

    fn outline_of_files(&self) -> Outline {
        match (self.log.get(), &self.opener) {
            (Some(Some(log)), _) => {
                let (bytes, segments) = log.files();
                Outline { ends: None, bytes, segments }
            }
            (None, Some(opener)) => self.look_once(&**opener),
            (Some(None), _) | (None, None) => Outline::default(),
        }
    }

    fn look_once(&self, opener: &dyn Opener) -> Outline {
        if let Some(seen) = self.seen.get() {
            return **seen;
        }
        let outline = opener.outline(self);
        if outline.ends.is_some() {
            let _ = self.seen.set(Box::new(outline));
        }
        outline
    }

    /// [`Outline::ends`]. Opens the log only where nothing else says it. May block.
    pub fn ends(&self) -> Option<(i64, i64)> {
        self.outline().ends
    }

    /// Where an open log ends, which may be behind what can be read. Does not open it.
    pub fn log_end_if_open(&self) -> Option<i64> {
        Some(self.log_if_open()?.offsets().log_end)
    }

    /// Takes the partition offline: it answers KAFKA_STORAGE_ERROR until the broker is started
    /// again, for reads too, since nobody knows what the disk still has. The others go on.
    pub fn fail(&self, why: &dyn Display) {
        if !self.failed.swap(true, Ordering::AcqRel) {
            ::log::error!(partition:% = self.name(), error:% = why; "partition is offline");
        }
    }

    /// As its directory is called.
    pub fn name(&self) -> String {
        format!("{}-{}", self.topic, self.index)
    }

    /// The epoch of this node's leadership.
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch.load(Ordering::Acquire)
    }

    /// Begins this node's leadership under an epoch; it never goes back.
    ///
    /// # Errors
    /// When the log cannot note where the epoch begins. May block.
    pub fn lead(&self, epoch: i32) -> Result<(), LogError> {
        let before = self.leader_epoch.fetch_max(epoch, Ordering::AcqRel);
        assert!(
            before <= epoch,
            "the leader epoch of {}-{} goes from {before} to {epoch}",
            self.topic,
            self.index
        );
        self.log().map_or(Ok(()), |log| log.assign_epoch(epoch))
    }

    /// The largest epoch up to this one that the log knows, and where it ends; −1 each when it
    /// knows none. `None` when the partition is offline.
    pub fn end_offset_for_epoch(&self, epoch: i32) -> Option<(i32, i64)> {
        self.log().map(|log| log.end_offset_for_epoch(epoch, self.leader_epoch()))
    }

    /// Whether an error of this partition's storage may be logged now: one each ten seconds says it
    /// all.
    pub fn may_report(&self, now_ms: i64) -> bool {
        let due = |last: i64| (now_ms.saturating_sub(last) >= REPORT_INTERVAL_MS).then_some(now_ms);
        self.reported_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, due).is_ok()
    }

    /// Who waits for data of this partition.
    pub fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// Has `ticket` settled, and what was appended shown, when it is on the disk.
    /// [`Partition::ask_flush`] must follow, once for many of these.
    pub fn await_flush(self: &Arc<Self>, bytes: u64, ticket: Option<Arc<FlushTicket>>) {
        if let Some(log) = self.log_if_open() {
            log.await_flush(bytes, ticket, self.clone());
        }
    }

    /// Asks for a flush at once, without waiting for it. Also where the log has failed meanwhile: whoever
    /// waits is told so.
    pub fn ask_flush(&self) {
        if let Some(Some(log)) = self.log.get() {
            log.ask_flush();
        }
    }

    /// Whether everything below `offset` is on the disk.
    pub fn is_flushed(&self, offset: i64) -> bool {
        self.log_if_open().is_some_and(|log| log.flushed_offset() >= offset)
    }
}

impl FlushListener for Partition {
    fn flushed(&self, offset: i64, bytes: u64, wake: WakeRequest<'_>) {
        let Some(log) = self.log_if_open() else { return };
        log.advance_high_watermark(offset);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.waiters.wake(bytes, |waiter| wake(waiter.worker, waiter.key));
    }
}

#[cfg(test)]
#[path = "partition_tests.rs"]
mod tests;
