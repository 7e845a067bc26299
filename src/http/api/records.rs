//! Walks over the records of a partition, as consumers see them, for who shows them to people.
//!
//! Where it begins and ends is as with a fetch; so is what is checked: batches that nobody has checked
//! since the start are, and at a bad one it stops, having handed out those before it. Batches of control
//! records are passed over. It waits for the disk, so no worker may call it. It reads copies, of
//! [`CHUNK`] bytes but for a larger batch, and everything is bounded: a batch to [`MAX_BATCH`] bytes, the
//! walks of one answer together to [`MAX_READ`] bytes read and [`MAX_OPENED`] bytes of compressed batches that are open.

use super::super::problem::Problem;
use super::messages::TOO_LARGE;
use super::opened::{Opened, Stop};
use crate::broker::now_ms;
use crate::catalog::Partition;
use crate::log::{Bound, Log, ReadError};
use crate::net::FileRange;
use crate::wire::error::ErrorCode;
use crate::wire::records::{
    Batch, BatchHeader, Batches, CompressError, HEADER_LEN, Record, TimestampType,
};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

/// Bytes that are read at a time.
const CHUNK: u32 = 1 << 20;
/// Bytes of the largest batch that is shown.
const MAX_BATCH: usize = 64 << 20;
/// Bytes of the log that are read for an answer; the batch that comes to it is its last.
const MAX_READ: usize = 32 << 20;
/// Bytes that come out of the compressed batches for it; the same. A batch that has more is not shown.
pub(super) const MAX_OPENED: usize = 64 << 20;

/// A record on its way.
pub(super) struct Seen<'r> {
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) record: Record<'r>,
}

/// How far a walk came.
pub(super) struct Walked {
    /// Where to go on.
    pub(super) next: i64,
    /// Whether that is the end of what there is.
    pub(super) at_end: bool,
    /// What it could not pass.
    pub(super) stopped_by: Option<Stopped>,
}

/// Why a walk did not go on.
pub(super) struct Stopped {
    pub(super) problem: Problem,
    /// Where to go on behind it, where it is only too large to be shown.
    pub(super) behind: Option<i64>,
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Stopped {
        Stopped { problem, behind: None }
    }
}

impl Stopped {
    /// A message that is too large.
    pub(super) fn of_message(offset: i64) -> Stopped {
        Stopped::too_large("message", offset, offset.saturating_add(1))
    }

    fn too_large(what: &str, offset: i64, behind: i64) -> Stopped {
        let text = format!("The {what} at offset {offset} is too large to be shown");
        Stopped { problem: Problem { text: text.into(), ..TOO_LARGE }, behind: Some(behind) }
    }
}

/// Walks over partitions, for one answer.
pub(super) struct Walker<'o> {
    opened: &'o mut Opened,
    /// Bytes that were read, and bytes of compressed batches that were open.
    used: (usize, usize),
    buffer: Vec<u8>,
}

impl<'o> Walker<'o> {
    pub(super) fn new(opened: &'o mut Opened) -> Walker<'o> {
        Walker { opened, used: (0, 0), buffer: Vec::new() }
    }

    /// Bytes that were read so far.
    pub(super) fn read(&self) -> usize {
        self.used.0
    }

    /// No more is to be read for this answer.
    fn is_spent(&self) -> bool {
        self.used.0 >= MAX_READ || self.used.1 >= MAX_OPENED
    }

    /// Hands out records from `offset` on, until `take` says that it had no room for one.
    pub(super) fn walk(
        &mut self,
        partition: &Partition,
        offset: i64,
        take: &mut dyn FnMut(&Seen<'_>) -> bool,
    ) -> Walked {
        let mut walk = Walk { walker: self, partition, next: offset, is_full: false };
        let outcome = walk.run(take);
        let next = walk.next;
        self.opened.shrink();
        let at_end = matches!(outcome, Ok(true));
        Walked { next, at_end, stopped_by: outcome.err() }
    }
}

/// The partition's log, or that it is offline.
pub(super) fn log_of(partition: &Partition) -> Result<&Log, Problem> {
    let offline = || Problem::kafka(ErrorCode::KAFKA_STORAGE_ERROR, "The partition is offline");
    partition.log().ok_or_else(offline)
}

/// What a read that failed is answered with. What there is to say about the disk the log says.
pub(super) fn unreadable(partition: &Partition, why: &ReadError) -> Problem {
    partition.fail_if_permanent(why.storage());
    match why {
        ReadError::OutOfRange { .. } => Problem::kafka(why.code(), why.to_string()),
        ReadError::Storage(storage) => {
            if !storage.is_permanent() && partition.may_report(now_ms()) {
                ::log::error!(partition:% = partition.name(), error:% = why; "cannot read");
            }
            why.code().into()
        }
    }
}

struct Walk<'w, 'o> {
    walker: &'w mut Walker<'o>,
    partition: &'w Partition,
    next: i64,
    is_full: bool,
}

impl Walk<'_, '_> {
    /// True at the end of what there is.
    fn run(&mut self, take: &mut dyn FnMut(&Seen<'_>) -> bool) -> Result<bool, Stopped> {
        let log = log_of(self.partition)?;
        while !self.is_full && !self.walker.is_spent() {
            let read = log.read(self.next, CHUNK, true, Bound::HighWatermark);
            let read = read.map_err(|why| unreadable(self.partition, &why))?;
            let Some(range) = read.range else { return Ok(true) };
            self.copy(&range)?;
            let bytes = std::mem::take(&mut self.walker.buffer);
            for batch in Batches::new(&bytes) {
                let batch = batch.map_err(|_| broken(self.next))?;
                self.batch(&batch, take)?;
                if self.is_full || self.walker.is_spent() {
                    break;
                }
            }
            self.walker.buffer = bytes;
        }
        Ok(false)
    }

    /// Reads a range of the log by its file: what has gone from that is an error then, not a fault.
    fn copy(&mut self, range: &FileRange) -> Result<(), Stopped> {
        let size = range.len as usize;
        // So much is one batch.
        if size > MAX_BATCH {
            let mut header = [0; HEADER_LEN];
            read_from(range, &mut header)?;
            return Err(self.too_large(BatchHeader::read(&header).next_offset()));
        }
        let buffer = &mut self.walker.buffer;
        buffer.resize(size, 0);
        read_from(range, buffer)?;
        self.walker.used.0 += size;
        Ok(())
    }

    fn batch(
        &mut self,
        batch: &Batch<'_>,
        take: &mut dyn FnMut(&Seen<'_>) -> bool,
    ) -> Result<(), Stopped> {
        let skipped = batch.last_offset() < self.next || batch.attributes().is_control();
        if !skipped {
            let found = self.walker.opened.records(self.partition, batch, self.next);
            let (mut records, opened) = match found {
                Ok(found) => found,
                Err(CompressError::TooLarge { .. }) => {
                    self.walker.used.1 += MAX_OPENED;
                    return Err(self.too_large(batch.next_offset()));
                }
                Err(why) => return Err(self.unopened(&why).into()),
            };
            self.walker.used.1 += opened;
            loop {
                let (bytes, count) = records.rest();
                let left = (bytes.len(), count);
                let Some(record) = records.next() else { break };
                let record = record.map_err(|_| broken(self.next))?;
                let offset = batch.base_offset().saturating_add(i64::from(record.offset_delta));
                if offset < self.next {
                    continue;
                }
                let timestamp = timestamp(batch, &record);
                if !take(&Seen { offset, timestamp, record }) {
                    let stop = Stop { next: self.next, left };
                    self.walker.opened.keep(self.partition, batch, stop);
                    self.is_full = true;
                    return Ok(());
                }
                self.next = offset.saturating_add(1);
            }
        }
        self.next = self.next.max(batch.next_offset());
        Ok(())
    }

    fn unopened(&self, why: &CompressError) -> Problem {
        let code = match why {
            CompressError::NotBuiltIn(_) | CompressError::Level(..) => {
                ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
            }
            _ => ErrorCode::CORRUPT_MESSAGE,
        };
        Problem::kafka(code, format!("The batch at offset {} cannot be opened: {why}", self.next))
    }

    fn too_large(&self, behind: i64) -> Stopped {
        Stopped::too_large("batch", self.next, behind)
    }
}

/// Reads the first bytes of a range; by its mapping if it has no descriptor.
fn read_from(range: &FileRange, to: &mut [u8]) -> Result<(), Problem> {
    let read = match range.region.file() {
        Some(file) => {
            let file = file.as_fd().try_clone_to_owned().map(File::from);
            file.and_then(|file| file.read_exact_at(to, range.start)).is_ok()
        }
        None => range.bytes().is_some_and(|bytes| {
            to.copy_from_slice(&bytes[..to.len()]);
            range.region.is_intact()
        }),
    };
    if read { Ok(()) } else { Err(ErrorCode::KAFKA_STORAGE_ERROR.into()) }
}

fn broken(offset: i64) -> Problem {
    let text = format!("The batch at offset {offset} has broken records");
    Problem::kafka(ErrorCode::CORRUPT_MESSAGE, text)
}

/// The time of a record: its own, or that of the append for all.
fn timestamp(batch: &Batch<'_>, record: &Record<'_>) -> i64 {
    match batch.attributes().timestamp_type() {
        TimestampType::LogAppendTime => batch.max_timestamp(),
        TimestampType::CreateTime => batch.base_timestamp().saturating_add(record.timestamp_delta),
    }
}
