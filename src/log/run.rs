//! Batches that came together and are appended together: one lock, one write, one publication.
//!
//! A producer with several requests on their way sends batch behind batch for one partition, and a call of the kernel's
//! for each costs more than what it does (see [`super::file`]). So whoever has several in hand gives them to the log at
//! once. A *run* is the first of them and as many of those behind it as need nothing but their bytes written: what was
//! checked for the first holds for them, and they go into the same segment. The log and everything about it is then as if
//! each had come by itself; only that nobody sees it between two of them. If the write fails, none is there.
//!
//! A run ends before a batch
//!
//! * that does not follow in its producer's sequence, or is not of the same producer, or part of a transaction: it has to be
//!   checked against what is in the log by then;
//! * that belongs into another segment, or whose offset there would be too large;
//! * for which there may be no place in an index.
//!
//! It has [`Run::MOST`] batches at most. The first batch of a segment goes alone, for the segment's age is told by it, and so does each where `flush.messages`
//! may ask for a flush behind it.

use super::Log;
use super::active::{NextBatch, should_roll};
use super::append::{Appended, Writer};
use super::file::MOST_BATCHES;
use super::incoming::Incoming;
use super::producers::{Origin, Verdict};
use super::{index, time_index};
use crate::wire::records::BatchHeader;

/// Where batches ended up that were appended together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first of them.
    pub first: Appended,
    /// So many they are.
    pub count: usize,
    /// The offset behind the last.
    pub next_offset: i64,
}

impl Run {
    /// As many batches are appended together, at most.
    pub const MOST: usize = MOST_BATCHES;

    /// Whether a batch may be appended without a look at its producer's state if the one before it just was.
    #[must_use]
    pub fn may_go_on(before: &BatchHeader, batch: &BatchHeader) -> bool {
        let is_plain = |header: &BatchHeader| {
            !header.attributes.is_control() && !header.attributes.is_transactional()
        };
        let is_next = match before.last_sequence() {
            i32::MAX => batch.base_sequence == 0,
            last => last >= 0 && batch.base_sequence == last + 1,
        };
        let same = before.producer_id == batch.producer_id
            && before.producer_epoch == batch.producer_epoch;
        is_plain(before)
            && is_plain(batch)
            && match (before.has_producer_id(), batch.has_producer_id()) {
                (false, false) => true,
                (true, true) => same && is_next,
                _ => false,
            }
    }

    /// The one batch that ended up there.
    #[must_use]
    pub fn of_one(first: Appended) -> Run {
        Run { first, count: 1, next_offset: first.next_offset }
    }
}

impl Appended {
    /// Where the batch with this header ended up that was appended behind this one in the same run.
    #[must_use]
    pub fn next(&self, header: &BatchHeader, log_append_time_ms: i64) -> Appended {
        let base_offset = self.next_offset;
        let last_offset = base_offset + i64::from(header.last_offset_delta);
        let next_offset = last_offset + 1;
        Appended { base_offset, last_offset, next_offset, log_append_time_ms, ..*self }
    }
}

impl Log {
    /// Whether batches behind the one with this header may be appended together with it, as far as the log knows by now: it
    /// takes that one, and need not be flushed for it.
    pub fn may_run(&self, header: &BatchHeader) -> bool {
        let writer = self.lock_writer();
        !writer.closed
            && !self.durability.has_failed()
            && !self.durability.may_flush_by_count()
            && matches!(writer.producers.check(header, Origin::Client), Ok(Verdict::Append))
    }

    /// How many of these batches are a run; the active segment is ready for the first.
    pub(super) fn run_length(&self, writer: &Writer, incoming: &[Incoming<'_>]) -> usize {
        let [first, ..] = incoming else { return 0 };
        let most = incoming.len().min(MOST_BATCHES).min(places(writer));
        if most <= 1 || self.durability.may_flush_by_count() {
            return 1;
        }
        let delta = |batch: &Incoming<'_>| i64::from(batch.header.last_offset_delta);
        let mut size = first.size();
        let mut last_offset = writer.end + delta(first);
        for (at, pair) in incoming[..most].windows(2).enumerate() {
            let [before, batch] = pair else { unreachable!("windows of two") };
            size += batch.size();
            last_offset = last_offset.saturating_add(1 + delta(batch));
            let (max_timestamp, now_ms) = (batch.max_timestamp(), batch.now_ms);
            let next = NextBatch { size, last_offset, max_timestamp, now_ms };
            let is_last = last_offset == i64::MAX
                || !Run::may_go_on(&before.header, &batch.header)
                || should_roll(writer, next);
            if is_last {
                return at + 1;
            }
        }
        most
    }
}

/// Batches for which both indexes surely have a place; one where the segment is empty.
fn places(writer: &Writer) -> usize {
    let Some(tails) = writer.active.tails.as_ref().filter(|tails| tails.log.len() > 0) else {
        return 1;
    };
    let entries = (tails.index.room() / index::ENTRY).min(time_index::places(&tails.time));
    usize::try_from(entries).unwrap_or(usize::MAX).max(1)
}
