//! What stays of one batch (Cleaner.cleanInto and shouldRetainRecord, MemoryRecords.filterTo).
//!
//! Pure: a batch in, the bytes that replace it out. Offsets never change. A batch of which all stays
//! is copied as it is. What cannot be read is an error, and then nothing of it is judged: the
//! cleaner removes only what it understood.

use super::offset_map::OffsetMap;
use super::transactions::CleanedTransactions;
use crate::log::AbortedTxn;
use crate::wire::records::{
    Batch, BatchHeader, Codec, CompressError, Record, RecordError, RecordIter, emptied, retain,
};
use std::collections::HashMap;
use std::fmt;

/// The most bytes that the records of one batch may take when opened. Kafka knows no limit; batches
/// that were validated here are far below it.
pub(super) const MAX_OPENED: usize = i32::MAX as usize;

/// The last thing that is known of a producer that may come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastOfProducer {
    /// Its last batch of data ends at this offset.
    Data(i64),
    /// A marker of this epoch came after its data.
    Marker(i16),
}

/// What the batches of one round are judged by.
pub(super) struct Rules<'m> {
    /// The last offsets of keys in the dirty part.
    pub(super) map: &'m OffsetMap,
    /// The time of this round.
    pub(super) now_ms: i64,
    /// `delete.retention.ms`
    pub(super) delete_retention_ms: i64,
    /// The batch that ends here is kept, emptied at least, so that the offset is not lost.
    pub(super) end_of_round: i64,
    /// The producers whose sequence numbers must survive.
    pub(super) producers: HashMap<i64, LastOfProducer>,
}

/// What was done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filtered {
    /// The header of what was written, if anything was.
    pub(super) header: Option<BatchHeader>,
    /// Records that stayed.
    pub(super) retained: u64,
    /// An aborted transaction that goes into the index.
    pub(super) index: Option<AbortedTxn>,
}

/// Why the records of a batch cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// They cannot be opened.
    Compress(CompressError),
    /// They are not what the header claims.
    Record(RecordError),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Compress(error) => error.fmt(f),
            Unreadable::Record(error) => error.fmt(f),
        }
    }
}

impl From<CompressError> for Unreadable {
    fn from(error: CompressError) -> Self {
        Unreadable::Compress(error)
    }
}

impl From<RecordError> for Unreadable {
    fn from(error: RecordError) -> Self {
        Unreadable::Record(error)
    }
}

/// Buffers that are used again for each batch.
#[derive(Default)]
pub(super) struct Work {
    opened: Vec<u8>,
    scratch: Vec<u8>,
    keep: Vec<bool>,
}

impl Work {
    /// Buffers that one unusual batch has made large are not kept.
    const KEPT: usize = 4 << 20;

    /// Lets go of buffers that are larger than usual.
    pub(super) fn shrink(&mut self) {
        for buffer in [&mut self.opened, &mut self.scratch] {
            if buffer.capacity() > Work::KEPT {
                *buffer = Vec::new();
            }
        }
    }

    /// Calls `each` for every record of a batch of data, until it says false.
    pub(super) fn each_record(
        &mut self,
        batch: &Batch<'_>,
        mut each: impl FnMut(i64, &Record<'_>) -> bool,
    ) -> Result<(), Unreadable> {
        for record in batch.records(&mut self.opened, MAX_OPENED)? {
            let record = record?;
            if !each(offset_of(batch, &record), &record) {
                break;
            }
        }
        Ok(())
    }
}

/// What is done with a batch whose records are all gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Empty {
    Keep,
    Drop,
}

/// What was found in a batch.
#[derive(Default)]
struct Tally {
    all: bool,
    retained: u64,
    tombstones: bool,
}

impl Rules<'_> {
    /// Appends to `out` what stays of `batch`.
    pub(super) fn filter(
        &self,
        batch: &Batch<'_>,
        walk: &mut CleanedTransactions,
        work: &mut Work,
        out: &mut Vec<u8>,
    ) -> Result<Filtered, Unreadable> {
        let control = batch.attributes().is_control();
        let horizon = batch.header().delete_horizon_ms();
        let (mut discard, mut index) = (false, None);
        if control {
            let verdict = walk.end(batch);
            (discard, index) = (verdict.discard, verdict.index);
        } else if walk.is_aborted(batch) {
            discard = true;
        }
        let marker_of_nothing = control && discard;
        let discard_records = discard && (!control || self.has_passed(horizon));
        let empty = self.if_empty(batch);
        let mut filtered = Filtered { header: None, retained: 0, index };
        if discard_records && empty == Empty::Drop {
            return Ok(filtered);
        }
        let tally = match discard_records {
            true => Tally::default(),
            false => self.judge(batch, control, work)?,
        };
        if tally.retained == 0 {
            if empty == Empty::Keep {
                filtered.header = Some(emptied(batch.header(), out));
            }
            return Ok(filtered);
        }
        filtered.retained = tally.retained;
        let begins = (tally.tombstones || marker_of_nothing) && horizon.is_none();
        let new = begins.then(|| self.now_ms.saturating_add(self.delete_retention_ms));
        if tally.all && !begins {
            out.extend_from_slice(batch.as_bytes());
            filtered.header = Some(*batch.header());
            return Ok(filtered);
        }
        filtered.header = Some(rewrite(batch, horizon.or(new), work, out)?);
        Ok(filtered)
    }

    fn has_passed(&self, horizon: Option<i64>) -> bool {
        horizon.is_some_and(|horizon| horizon <= self.now_ms)
    }

    /// Whether an emptied batch must stay: for its producer's sake or to mark the end of the round.
    fn if_empty(&self, batch: &Batch<'_>) -> Empty {
        let last = self.producers.get(&batch.producer_id());
        let last_of_producer = last.is_some_and(|last| match *last {
            LastOfProducer::Data(offset) => batch.last_offset() == offset,
            LastOfProducer::Marker(epoch) => {
                batch.attributes().is_control() && batch.producer_epoch() == epoch
            }
        });
        let of_producer = batch.header().has_producer_id() && last_of_producer;
        match of_producer || batch.next_offset() == self.end_of_round {
            true => Empty::Keep,
            false => Empty::Drop,
        }
    }

    /// Decides for each record; the decisions are left in `work`.
    fn judge(
        &self,
        batch: &Batch<'_>,
        control: bool,
        work: &mut Work,
    ) -> Result<Tally, Unreadable> {
        let mut tally = Tally { all: true, ..Tally::default() };
        let past = self.has_passed(batch.header().delete_horizon_ms());
        let mut keep = std::mem::take(&mut work.keep);
        keep.clear();
        work.each_record(batch, |offset, record| {
            let stays = control || self.stays(offset, record, past);
            keep.push(stays);
            tally.all &= stays;
            tally.retained += u64::from(stays);
            tally.tombstones |= stays && record.value.is_none();
            true
        })?;
        work.keep = keep;
        Ok(tally)
    }

    /// Whether a record of data stays. `past`: the tombstones of its batch may go.
    fn stays(&self, offset: i64, record: &Record<'_>, past: bool) -> bool {
        if offset > self.map.latest() {
            return true;
        }
        // Produce refuses records without a key on compacted topics; what came before goes.
        let Some(key) = record.key else { return false };
        let is_last = self.map.get(key).is_none_or(|last| offset >= last);
        is_last && (record.value.is_some() || !past)
    }
}

fn rewrite(
    batch: &Batch<'_>,
    horizon: Option<i64>,
    work: &mut Work,
    out: &mut Vec<u8>,
) -> Result<BatchHeader, Unreadable> {
    let Work { opened, scratch, keep } = work;
    // They were all read a moment ago, and what was opened is still there.
    let bytes = match batch.attributes().codec() {
        Some(Codec::None) => batch.records_bytes(),
        _ => opened,
    };
    let records = RecordIter::new(bytes, batch.record_count()).map_while(Result::ok);
    let kept = records.zip(keep.iter()).filter(|&(_, &keep)| keep).map(|(record, _)| record);
    Ok(retain(batch.header(), horizon, kept, scratch, out)?)
}

fn offset_of(batch: &Batch<'_>, record: &Record<'_>) -> i64 {
    batch.base_offset().wrapping_add(i64::from(record.offset_delta))
}
