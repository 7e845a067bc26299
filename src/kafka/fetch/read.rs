//! Reading the partitions of a fetch within its limits (Kafka's `ReplicaManager.readFromLog`).

use std::sync::Arc;

use super::same::{Same, Wanted};
use super::target::{Fetch, Target};
use crate::broker::{ColdRead, now_ms};
use crate::catalog::Partition;
use crate::log::{AbortedTxn, Bound, Log, Offsets};
use crate::net::FileRange;
use crate::wire::error::ErrorCode;
use crate::wire::messages::fetch::AbortedTransaction;

/// What one partition answers.
#[derive(Clone)]
pub struct Row {
    /// NONE, or what is wrong.
    pub code: ErrorCode,
    /// Whether the error was found before the log was asked: Kafka's answers differ in details.
    pub unread: bool,
    /// The high watermark, −1 on errors.
    pub high_watermark: i64,
    /// The last stable offset, −1 on errors.
    pub last_stable: i64,
    /// The log start offset, −1 on errors.
    pub log_start: i64,
    /// Where the reader's log parts from ours: epoch and its end offset.
    pub diverging: Option<(i32, i64)>,
    /// Whole batches.
    pub records: Option<FileRange>,
    /// Whose transactions in them were aborted, and where those begin.
    pub aborted: Vec<AbortedTransaction>,
    /// Whether the answer has it: sessions leave out what is not new.
    pub is_told: bool,
    /// What it would have read, had that been in memory.
    pub cold: Option<ColdRead>,
    /// How much of the request's limit it takes: Kafka cuts the last batch where the limit is, so a
    /// partition that has more than it may give uses up all that it may give.
    used: u32,
}

impl Row {
    fn failed(code: ErrorCode, unread: bool) -> Self {
        Self {
            code,
            unread,
            high_watermark: -1,
            last_stable: -1,
            log_start: -1,
            diverging: None,
            records: None,
            aborted: Vec::new(),
            is_told: true,
            cold: None,
            used: 0,
        }
    }

    /// Whether it tells the offsets of this moment: then reading the same again would give the same, but to who reads to
    /// the end of the log, of which it tells nothing. (A log that was cut and has grown to the same offsets would not be
    /// seen; where there are no followers none is.)
    pub(super) fn is_as_of_now(&self, log: &Log) -> bool {
        let Offsets { log_start, last_stable, high_watermark, .. } = log.offsets();
        self.code == ErrorCode::NONE
            && (log_start, last_stable) == (self.log_start, self.last_stable)
            && high_watermark == self.high_watermark
    }

    /// How many bytes of records it has.
    pub fn bytes(&self) -> u32 {
        self.records.as_ref().map_or(0, |records| records.len)
    }
}

/// What all partitions of a fetch answer, in their order.
pub struct Outcome {
    /// One row for each target.
    pub rows: Vec<Row>,
    /// The bytes of all of them.
    pub bytes: i64,
    /// Whether some row must be told at once.
    pub urgent: bool,
}

impl Outcome {
    /// What must be brought into memory before this fetch can be answered.
    pub fn take_cold(&mut self) -> Vec<ColdRead> {
        self.rows.iter_mut().filter_map(|row| row.cold.take()).collect()
    }

    /// Whether something is not in memory.
    pub fn is_cold(&self) -> bool {
        self.rows.iter().any(|row| row.cold.is_some())
    }
}

impl Fetch {
    /// Reads all partitions. The first one that has data gives its first batch whole, however
    /// large; from then on the limits hold. What is not in memory is told as cold, unless the fetch may
    /// wait for the disk.
    pub fn read(&self, same: &mut Same) -> Outcome {
        let mut rows = Vec::with_capacity(self.targets.len());
        let mut left = self.max_bytes.unwrap_or(0);
        let (mut bytes, mut urgent) = (0, false);
        for target in &self.targets {
            let row = match &target.partition {
                Ok(partition) => self.read_one(target, partition, left, bytes == 0, same),
                Err(code) => Row::failed(*code, target.is_unreadable()),
            };
            left = left.saturating_sub(row.used);
            bytes += i64::from(row.bytes());
            urgent |= (row.code != ErrorCode::NONE && !row.unread) || row.diverging.is_some();
            rows.push(row);
        }
        Outcome { rows, bytes, urgent }
    }

    /// The same as [`Fetch::read`] for who has read just now: most often nothing has moved since, and that is seen at
    /// a glance.
    pub fn read_again(&self, seen: Outcome, same: &mut Same) -> Outcome {
        let mut rows = self.targets.iter().zip(&seen.rows);
        if rows.all(|(target, row)| self.is_as_read(target, row)) { seen } else { self.read(same) }
    }

    /// Whether a row is what reading this target would give, for nothing has moved since it was read.
    fn is_as_read(&self, target: &Target, row: &Row) -> bool {
        let Ok(partition) = &target.partition else { return true };
        let Some(log) = partition.log() else { return false };
        let epoch = target.asked.current_leader_epoch.max(NOT_GIVEN);
        !self.to_log_end
            && check_leader_epoch(epoch, partition.leader_epoch()).is_ok()
            && row.is_as_of_now(log)
    }

    /// Whether a fetch with this outcome must be answered now (PROTOCOL 8.3).
    pub fn is_satisfied_by(&self, outcome: &Outcome) -> bool {
        let nothing_to_wait_for = self.targets.iter().all(|target| target.partition.is_err());
        self.deadline.is_none()
            || nothing_to_wait_for
            || outcome.urgent
            || outcome.bytes >= self.min_bytes
    }

    fn bound(&self) -> Bound {
        match (self.to_log_end, self.read_committed) {
            (true, _) => Bound::LogEnd,
            (false, true) => Bound::LastStable,
            (false, false) => Bound::HighWatermark,
        }
    }

    fn read_one(
        &self,
        target: &Target,
        partition: &Arc<Partition>,
        left: u32,
        first: bool,
        same: &mut Same,
    ) -> Row {
        let Some(log) = partition.log() else {
            return Row::failed(ErrorCode::KAFKA_STORAGE_ERROR, false);
        };
        let asked = &target.asked;
        if let Err(code) =
            check_leader_epoch(asked.current_leader_epoch.max(NOT_GIVEN), partition.leader_epoch())
        {
            return Row::failed(code, false);
        }
        let (Ok(max_bytes), Some(_)) = (u32::try_from(asked.max_bytes), self.max_bytes) else {
            return Row::failed(ErrorCode::UNKNOWN_SERVER_ERROR, false);
        };
        let limit = max_bytes.min(left);
        if asked.last_fetched_epoch >= 0 {
            match check_divergence(partition, asked.last_fetched_epoch, asked.fetch_offset) {
                Ok(None) => {}
                Ok(diverging) => return told(log, diverging),
                Err(code) => return Row::failed(code, false),
            }
        }
        let (offset, bound) = (asked.fetch_offset, self.bound());
        let wanted = Wanted { offset, limit, at_least_one: first, bound };
        same.find(partition, log, &wanted).unwrap_or_else(|| {
            let row = self.look_up(target, partition, log, &wanted);
            same.note(partition, wanted, &row);
            row
        })
    }

    fn look_up(
        &self,
        target: &Target,
        partition: &Arc<Partition>,
        log: &Log,
        wanted: &Wanted,
    ) -> Row {
        let &Wanted { offset, limit, at_least_one, bound } = wanted;
        let read = match self.may_block {
            true => log.read(offset, limit, at_least_one, bound),
            false => log.read_at_hand(offset, limit, at_least_one, bound),
        };
        match read {
            Ok(read) if read.is_cold => {
                let partition = partition.clone();
                let cold = ColdRead { partition, offset, max_bytes: limit, at_least_one, bound };
                Row { cold: Some(cold), used: limit, ..told(log, None) }
            }
            Ok(read) => {
                let available = u32::try_from(read.size_available).unwrap_or(limit).min(limit);
                Row {
                    code: ErrorCode::NONE,
                    unread: false,
                    high_watermark: read.offsets.high_watermark,
                    last_stable: read.offsets.last_stable,
                    log_start: read.offsets.log_start,
                    diverging: None,
                    used: read.len().max(available),
                    records: read.range,
                    aborted: read.aborted.iter().map(aborted).collect(),
                    is_told: true,
                    cold: None,
                }
            }
            Err(why) => {
                partition.fail_if_permanent(why.storage());
                let of_storage = why.storage().is_some_and(|why| !why.is_permanent());
                if of_storage && partition.may_report(now_ms()) {
                    ::log::error!(
                        partition:% = format_args!("{}-{}", target.name, target.asked.index),
                        error:% = why;
                        "cannot read"
                    );
                }
                Row::failed(why.code(), false)
            }
        }
    }
}

fn aborted(txn: &AbortedTxn) -> AbortedTransaction {
    AbortedTransaction { producer_id: txn.producer_id, first_offset: txn.first_offset }
}

/// A row that tells the offsets, without records.
pub(super) fn told(log: &Log, diverging: Option<(i32, i64)>) -> Row {
    let offsets = log.offsets();
    Row {
        code: ErrorCode::NONE,
        unread: false,
        high_watermark: offsets.high_watermark,
        last_stable: offsets.last_stable,
        log_start: offsets.log_start,
        diverging,
        records: None,
        aborted: Vec::new(),
        is_told: true,
        cold: None,
        used: 0,
    }
}

/// A client that knows no leader epoch.
const NOT_GIVEN: i32 = -1;

/// Compares the epoch that a client knows with the leader's (KIP-320); −1: it knows none.
pub fn check_leader_epoch(known: i32, ours: i32) -> Result<(), ErrorCode> {
    match known {
        known if known == NOT_GIVEN || known == ours => Ok(()),
        known if known < ours => Err(ErrorCode::FENCED_LEADER_EPOCH),
        _ => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
    }
}

/// Whether the reader's log parts from ours before `offset` (KIP-595's truncation on fetch).
fn check_divergence(
    partition: &Partition,
    last_fetched: i32,
    offset: i64,
) -> Result<Option<(i32, i64)>, ErrorCode> {
    let found = partition.end_offset_for_epoch(last_fetched);
    let (epoch, end) = found.ok_or(ErrorCode::KAFKA_STORAGE_ERROR)?;
    if epoch < 0 || end < 0 {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    Ok((epoch < last_fetched || end < offset).then_some((epoch, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_compared_as_kafka_does() {
        assert_eq!(check_leader_epoch(-1, 5), Ok(()));
        assert_eq!(check_leader_epoch(5, 5), Ok(()));
        assert_eq!(check_leader_epoch(4, 5), Err(ErrorCode::FENCED_LEADER_EPOCH));
        assert_eq!(check_leader_epoch(6, 5), Err(ErrorCode::UNKNOWN_LEADER_EPOCH));
    }
}
