//! One running partition: its log, its leader epoch, and who waits for its data.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};

use super::waiters::{Waiter, Waiters};
use crate::log::validate::Validated;
use crate::log::{AppendError, Appended, FlushListener, FlushTicket, Log, LogError, WakeRequest};

/// Between two log lines about one partition's storage.
const REPORT_INTERVAL_MS: i64 = 10_000;

/// A partition that this node leads.
pub struct Partition {
    /// Its topic's name.
    pub topic: Arc<str>,
    /// Its index within the topic.
    pub index: i32,
    leader_epoch: AtomicI32,
    log: Option<Log>,
    failed: AtomicBool,
    waiters: Waiters,
    reported_ms: AtomicI64,
}

impl Partition {
    /// A partition over its log; `None` when the log cannot be used: the partition is offline and
    /// answers KAFKA_STORAGE_ERROR, the others go on.
    pub fn new(topic: Arc<str>, index: i32, leader_epoch: i32, log: Option<Log>) -> Self {
        Self {
            topic,
            index,
            leader_epoch: AtomicI32::new(leader_epoch),
            log,
            failed: AtomicBool::new(false),
            waiters: Waiters::default(),
            reported_ms: AtomicI64::new(i64::MIN),
        }
    }

    /// The log, unless the partition is offline.
    pub fn log(&self) -> Option<&Log> {
        self.log.as_ref().filter(|log| !log.has_failed() && !self.failed.load(Ordering::Acquire))
    }

    /// The log even of a partition that went offline while it ran: its files can still be removed.
    pub fn any_log(&self) -> Option<&Log> {
        self.log.as_ref()
    }

    /// Takes the partition offline: it answers KAFKA_STORAGE_ERROR until the broker is started
    /// again, for reads too, since nobody knows what the disk still has. The others go on.
    pub fn fail(&self, why: &dyn Display) {
        if !self.failed.swap(true, Ordering::AcqRel) {
            ::log::error!("partition {}-{} is offline: {why}", self.topic, self.index);
        }
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
        self.log().map(|log| log.end_offset_for_epoch(epoch))
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

    /// Appends a produced batch and makes it visible, since on a single node the leader is the
    /// whole in-sync set; then calls `wake` for each waiter whose need is met by it. Where
    /// `flush_to` is set it is not visible before it is on the disk: [`Partition::await_flush`]
    /// must follow.
    ///
    /// # Errors
    /// What the log says; `None` when the partition is offline.
    pub fn append(
        &self,
        batch: &Validated<'_>,
        now_ms: i64,
        wake: impl FnMut(&Waiter),
    ) -> Result<Appended, Option<AppendError>> {
        let log = self.log().ok_or(None)?;
        let appended = log.append(batch, self.leader_epoch(), now_ms).map_err(Some)?;
        if !appended.duplicate && appended.flush_to.is_none() {
            log.advance_high_watermark(appended.next_offset);
            self.waiters.wake(batch.bytes.len() as i64, wake);
        }
        Ok(appended)
    }

    /// Has `ticket` settled, and what was appended shown, when it is on the disk.
    /// [`Partition::ask_flush`] must follow, once for many of these.
    pub fn await_flush(self: &Arc<Self>, bytes: u64, ticket: Option<Arc<FlushTicket>>) {
        if let Some(log) = &self.log {
            log.await_flush(bytes, ticket, self.clone());
        }
    }

    /// Asks for a flush at once, without waiting for it.
    pub fn ask_flush(&self) {
        if let Some(log) = &self.log {
            log.ask_flush();
        }
    }

    /// Whether everything below `offset` is on the disk.
    pub fn is_flushed(&self, offset: i64) -> bool {
        self.log().is_some_and(|log| log.flushed_offset() >= offset)
    }
}

impl FlushListener for Partition {
    fn flushed(&self, offset: i64, bytes: u64, wake: WakeRequest<'_>) {
        let Some(log) = self.log() else { return };
        log.advance_high_watermark(offset);
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.waiters.wake(bytes, |waiter| wake(waiter.worker, waiter.key));
    }
}
