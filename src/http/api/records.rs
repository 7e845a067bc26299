//! Walks over the records of a partition, as consumers see them, for who shows them to people.
//!
//! Where it begins and ends is as with a fetch; so is what is checked: batches that nobody has checked
//! since the start are, and at a bad one it stops, having handed out those before it. Batches of control
//! records are passed over. It waits for the disk, so no worker may call it. It reads copies, of
//! [`CHUNK`] bytes but for a larger batch, and everything is bounded: a batch to [`MAX_BATCH`] bytes, a
//! walk to [`MAX_READ`] bytes read and [`MAX_OPENED`] bytes that come out of compressed batches.

use super::super::problem::Problem;
use super::messages::TOO_LARGE;
use crate::broker::now_ms;
use crate::catalog::Partition;
use crate::log::{Bound, Log, ReadError};
use crate::net::FileRange;
use crate::wire::error::ErrorCode;
use crate::wire::records::{Batch, Batches, CompressError, Record, TimestampType};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes that are read at a time.
const CHUNK: u32 = 1 << 20;
/// Bytes of the largest batch that is shown.
const MAX_BATCH: usize = 64 << 20;
/// Bytes of the log that a walk reads; the batch that comes to it is its last.
const MAX_READ: usize = 32 << 20;
/// Bytes that come out of the compressed batches of a walk; the same.
const MAX_OPENED: usize = 64 << 20;

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
    pub(super) stopped_by: Option<Problem>,
}

/// Hands out records from `offset` on, until `take` says that it had no room for one.
pub(super) fn walk(
    partition: &Partition,
    offset: i64,
    take: &mut dyn FnMut(&Seen<'_>) -> bool,
) -> Walked {
    let mut walk = Walk { next: offset, read: 0, opened: 0, is_full: false, buffer: Vec::new() };
    let outcome = walk.run(partition, take);
    let at_end = matches!(outcome, Ok(true));
    Walked { next: walk.next, at_end, stopped_by: outcome.err() }
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

struct Walk {
    next: i64,
    read: usize,
    opened: usize,
    is_full: bool,
    buffer: Vec<u8>,
}

impl Walk {
    /// True at the end of what there is.
    fn run(
        &mut self,
        partition: &Partition,
        take: &mut dyn FnMut(&Seen<'_>) -> bool,
    ) -> Result<bool, Problem> {
        let log = log_of(partition)?;
        let mut opened = Vec::new();
        while !self.is_full && self.read < MAX_READ && self.opened < MAX_OPENED {
            let read = log.read(self.next, CHUNK, true, Bound::HighWatermark);
            let read = read.map_err(|why| unreadable(partition, &why))?;
            let Some(range) = read.range else { return Ok(true) };
            self.copy(&range)?;
            let bytes = std::mem::take(&mut self.buffer);
            for batch in Batches::new(&bytes) {
                let batch = batch.map_err(|_| self.broken())?;
                self.batch(&batch, &mut opened, take)?;
                if self.is_full || self.opened >= MAX_OPENED {
                    break;
                }
            }
            self.buffer = bytes;
        }
        Ok(false)
    }

    /// Reads a range of the log by its file: what has gone from that is an error then, not a fault.
    fn copy(&mut self, range: &FileRange) -> Result<(), Problem> {
        let size = range.len as usize;
        if size > MAX_BATCH {
            return Err(self.too_large());
        }
        self.buffer.resize(size, 0);
        let copied = range
            .region
            .file()
            .try_clone_to_owned()
            .and_then(|file| File::from(file).read_exact_at(&mut self.buffer, range.start));
        copied.map_err(|_| Problem::from(ErrorCode::KAFKA_STORAGE_ERROR))?;
        self.read += size;
        Ok(())
    }

    fn batch(
        &mut self,
        batch: &Batch<'_>,
        opened: &mut Vec<u8>,
        take: &mut dyn FnMut(&Seen<'_>) -> bool,
    ) -> Result<(), Problem> {
        let skipped = batch.last_offset() < self.next || batch.attributes().is_control();
        if !skipped {
            opened.clear();
            let records = batch.records(opened, MAX_OPENED).map_err(|why| self.unopened(&why))?;
            for record in records {
                let record = record.map_err(|_| self.broken())?;
                let offset = batch.base_offset().saturating_add(i64::from(record.offset_delta));
                if offset < self.next {
                    continue;
                }
                let timestamp = timestamp(batch, &record);
                if !take(&Seen { offset, timestamp, record }) {
                    self.is_full = true;
                    return Ok(());
                }
                self.next = offset.saturating_add(1);
            }
            self.opened += opened.len();
        }
        self.next = self.next.max(batch.next_offset());
        Ok(())
    }

    fn unopened(&self, why: &CompressError) -> Problem {
        match why {
            CompressError::TooLarge { .. } => self.too_large(),
            CompressError::NotBuiltIn(_) | CompressError::Level(..) => Problem::kafka(
                ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
                format!("The batch at offset {}: {why}", self.next),
            ),
            CompressError::UnknownCodec(_) | CompressError::Corrupt(..) => Problem::kafka(
                ErrorCode::CORRUPT_MESSAGE,
                format!("The batch at offset {} cannot be opened: {why}", self.next),
            ),
        }
    }

    fn broken(&self) -> Problem {
        let text = format!("The batch at offset {} has broken records", self.next);
        Problem::kafka(ErrorCode::CORRUPT_MESSAGE, text)
    }

    fn too_large(&self) -> Problem {
        let text = format!("The batch at offset {} is too large to be shown", self.next);
        Problem { text: text.into(), ..TOO_LARGE }
    }
}

/// The time of a record: its own, or that of the append for all.
fn timestamp(batch: &Batch<'_>, record: &Record<'_>) -> i64 {
    match batch.attributes().timestamp_type() {
        TimestampType::LogAppendTime => batch.max_timestamp(),
        TimestampType::CreateTime => batch.base_timestamp().saturating_add(record.timestamp_delta),
    }
}
