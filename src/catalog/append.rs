//! What is appended to a partition is made visible at once, since on a single node the leader is the whole in-sync set, or
//! once it is on the disk.

use super::partition::Partition;
use super::waiters::Waiter;
use crate::log::validate::Validated;
use crate::log::{AppendError, Appended, Log, Run};
use crate::wire::records::BatchHeader;

impl Partition {
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
        self.append_run(std::slice::from_ref(batch), now_ms, wake).map(|run| run.first)
    }

    /// Whether batches behind the one with this header may be appended together with it: [`Partition::append_run`] is worth
    /// a try.
    pub fn may_run(&self, header: &BatchHeader) -> bool {
        self.log().is_some_and(|log| log.may_run(header))
    }

    /// Appends the first of some batches that came together, as [`Partition::append`] does, and with it those of the others
    /// that may be: see [`Log::append_run`].
    ///
    /// # Errors
    /// See [`Partition::append`]: then none is appended.
    pub fn append_run(
        &self,
        batches: &[Validated<'_>],
        now_ms: i64,
        wake: impl FnMut(&Waiter),
    ) -> Result<Run, Option<AppendError>> {
        let log = self.log().ok_or(None)?;
        let run = log.append_run(batches, self.leader_epoch(), now_ms);
        let bytes = |run: &Run| batches[..run.count].iter().map(|batch| batch.bytes.len()).sum();
        self.show(log, run, bytes, wake)
    }

    /// Appends one batch that the broker itself built, as [`Partition::append`] does.
    ///
    /// # Errors
    /// See [`Partition::append`].
    pub fn append_internal(
        &self,
        batch: &[u8],
        wake: impl FnMut(&Waiter),
    ) -> Result<Appended, Option<AppendError>> {
        let log = self.log().ok_or(None)?;
        let run = log.append_internal(batch, self.leader_epoch()).map(Run::of_one);
        self.show(log, run, |_| batch.len(), wake).map(|run| run.first)
    }

    /// Counts what was appended, and makes it visible, if the disk is not waited for.
    fn show(
        &self,
        log: &Log,
        run: Result<Run, AppendError>,
        bytes: impl Fn(&Run) -> usize,
        wake: impl FnMut(&Waiter),
    ) -> Result<Run, Option<AppendError>> {
        let run = run.inspect_err(|why| self.fail_if_permanent(why.storage())).map_err(Some)?;
        if run.first.duplicate {
            return Ok(run);
        }
        let bytes = bytes(&run) as u64;
        if let Some(traffic) = self.traffic() {
            traffic.appended(run.next_offset.abs_diff(run.first.base_offset), bytes);
        }
        if run.first.flush_to.is_none() {
            log.advance_high_watermark(run.next_offset);
            self.waiters().wake(bytes as i64, wake);
        }
        Ok(run)
    }
}
