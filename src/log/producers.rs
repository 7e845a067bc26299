//! What a log remembers of its producers, for idempotence and transactions (KIP-98, KIP-890;
//! ProducerStateEntry.java, ProducerAppendInfo.java, ProducerStateManager.java).
//!
//! The state is a function of the batches in the log: a check never changes it, only an appended
//! batch does, the same way whether it comes from a client or is read again after a crash.
//! It must never refuse what Kafka takes, nor take a batch twice.

use super::error::AppendError;
use super::marker::Marker;
use super::offsets::Position;
use super::txn_index::AbortedTxn;
use crate::wire::records::{BatchHeader, NO_PRODUCER_EPOCH, NO_SEQUENCE};
use std::collections::{BTreeMap, HashMap};

/// Batches remembered per producer: clients have at most five in flight.
pub(crate) const CACHED_BATCHES: usize = 5;
/// Producers remembered per partition. Kafka knows no limit but time; here the longest idle ones
/// go beyond it, as if they had expired.
pub(crate) const MAX_PRODUCERS: usize = 16_384;
/// How many go at once, so that the search for them is paid for rarely.
const EVICT: usize = MAX_PRODUCERS / 8;

/// One appended batch of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CachedBatch {
    pub(crate) last_sequence: i32,
    pub(crate) last_offset: i64,
    pub(crate) offset_delta: i32,
    pub(crate) timestamp: i64,
}

impl CachedBatch {
    fn first_sequence(self) -> i32 {
        decrement_sequence(self.last_sequence, self.offset_delta)
    }

    pub(crate) fn first_offset(self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }
}

/// `sequence - by`, counting down from 0 to the largest (DefaultRecordBatch.decrementSequence).
fn decrement_sequence(sequence: i32, by: i32) -> i32 {
    match sequence >= by {
        true => sequence - by,
        // Negative operands come from damaged snapshots only; they must not overflow.
        false => i32::MAX.wrapping_sub(by.wrapping_sub(sequence)).wrapping_add(1),
    }
}

/// The state of one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    pub(crate) epoch: i16,
    pub(crate) coordinator_epoch: i32,
    pub(crate) last_timestamp: i64,
    /// Where the open transaction begins.
    pub(crate) transaction: Option<i64>,
    batches: [CachedBatch; CACHED_BATCHES],
    cached: u8,
}

impl Producer {
    /// A producer of which nothing was appended.
    pub(crate) fn new() -> Producer {
        let none = CachedBatch {
            last_sequence: NO_SEQUENCE,
            last_offset: -1,
            offset_delta: 0,
            timestamp: -1,
        };
        Producer {
            epoch: NO_PRODUCER_EPOCH,
            coordinator_epoch: -1,
            last_timestamp: -1,
            transaction: None,
            batches: [none; CACHED_BATCHES],
            cached: 0,
        }
    }

    /// The remembered batches, the oldest first.
    pub(crate) fn batches(&self) -> &[CachedBatch] {
        &self.batches[..usize::from(self.cached)]
    }

    pub(crate) fn last_batch(&self) -> Option<CachedBatch> {
        self.batches().last().copied()
    }

    pub(crate) fn last_sequence(&self) -> i32 {
        self.last_batch().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    fn set_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.cached = 0;
        }
    }

    pub(crate) fn push(&mut self, batch: CachedBatch) {
        if usize::from(self.cached) == CACHED_BATCHES {
            self.batches.rotate_left(1);
            self.cached -= 1;
        }
        self.batches[usize::from(self.cached)] = batch;
        self.cached += 1;
    }

    /// The remembered batch that this one repeats.
    fn duplicate(&self, header: &BatchHeader) -> Option<CachedBatch> {
        let last = header.last_sequence();
        let same = |batch: &&CachedBatch| {
            batch.last_sequence == last && batch.first_sequence() == header.base_sequence
        };
        let same_epoch = self.epoch == header.producer_epoch;
        self.batches().iter().find(same).copied().filter(|_| same_epoch)
    }
}

/// Where a batch comes from: what is checked depends on it (AppendOrigin.java).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A produce request: everything is checked.
    Client,
    /// A coordinator of this broker: no sequence numbers.
    Coordinator,
}

/// What the check of a batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Append it.
    Append,
    /// It is in the log already.
    Duplicate(CachedBatch),
}

/// An open transaction, or one whose end is above the high watermark.
#[derive(Clone, Copy, Debug)]
struct Transaction {
    producer_id: i64,
    /// Where its first batch is, when this was learned by appending it.
    position: Option<Position>,
    /// The marker's offset, once there is one.
    last_offset: Option<i64>,
}

/// All producers of one log.
#[derive(Default)]
pub(crate) struct Producers {
    by_id: HashMap<i64, Producer, foldhash::fast::RandomState>,
    /// Transactions that hold the last stable offset back, by first offset.
    unstable: BTreeMap<i64, Transaction>,
    /// The state is that after this offset's batches (exclusive).
    end: i64,
}

impl Producers {
    /// Nothing is known, as before offset `end`.
    pub(crate) fn starting_at(end: i64) -> Producers {
        Producers { end, ..Producers::default() }
    }

    /// The offset up to which (exclusive) batches are accounted for.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    pub(crate) fn get(&self, producer_id: i64) -> Option<&Producer> {
        self.by_id.get(&producer_id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.by_id.iter().map(|(&id, producer)| (id, producer))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Puts in what a snapshot says; false if that cannot be: a producer is in it once, and its
    /// transaction begins where no other one's does, before the snapshot.
    #[must_use]
    pub(crate) fn restore(&mut self, producer_id: i64, producer: Producer) -> bool {
        let first = producer.transaction;
        let transaction = Transaction { producer_id, position: None, last_offset: None };
        first.is_none_or(|first| {
            first < self.end && self.unstable.insert(first, transaction).is_none()
        }) && self.by_id.insert(producer_id, producer).is_none()
    }

    /// Whether a batch may be appended. Changes nothing.
    pub(crate) fn check(
        &self,
        header: &BatchHeader,
        origin: Origin,
    ) -> Result<Verdict, AppendError> {
        let id = header.producer_id;
        if !header.has_producer_id() {
            return Ok(Verdict::Append);
        }
        let Some(producer) = self.by_id.get(&id) else {
            // Whatever it begins with is taken (its older batches may have expired), but for an
            // epoch that none can have.
            check_epoch(id, header.producer_epoch, &Producer::new())?;
            return Ok(Verdict::Append);
        };
        if origin == Origin::Client
            && let Some(batch) = producer.duplicate(header)
        {
            return Ok(Verdict::Duplicate(batch));
        }
        check_epoch(id, header.producer_epoch, producer)?;
        if header.attributes.is_control() {
            return Ok(Verdict::Append);
        }
        if origin == Origin::Client {
            check_sequence(id, header, producer)?;
        }
        if producer.transaction.is_some() && !header.attributes.is_transactional() {
            return Err(AppendError::InvalidTxnState { producer_id: id });
        }
        Ok(Verdict::Append)
    }

    /// Whether a marker's coordinator is still in charge.
    pub(crate) fn check_marker(&self, producer_id: i64, marker: Marker) -> Result<(), AppendError> {
        let current = self.by_id.get(&producer_id).map_or(-1, |known| known.coordinator_epoch);
        let epoch = marker.coordinator_epoch;
        match current > epoch {
            true => Err(AppendError::CoordinatorFenced { producer_id, epoch, current }),
            false => Ok(()),
        }
    }

    /// Accounts for a batch that is in the log at `at`. `header` has its final base offset and
    /// timestamps; `marker` is what a control batch says.
    pub(crate) fn appended(
        &mut self,
        header: &BatchHeader,
        marker: Option<Marker>,
        at: Option<Position>,
    ) {
        self.end = header.next_offset();
        let id = header.producer_id;
        if !header.has_producer_id() {
            return;
        }
        if header.attributes.is_control() {
            if let Some(marker) = marker {
                self.end_transaction(header, marker);
            }
            return;
        }
        self.make_room_for(id);
        let producer = self.by_id.entry(id).or_insert_with(Producer::new);
        producer.set_epoch(header.producer_epoch);
        producer.last_timestamp = header.max_timestamp;
        producer.push(CachedBatch {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        });
        if header.attributes.is_transactional() && producer.transaction.is_none() {
            let first = header.base_offset;
            producer.transaction = Some(first);
            let transaction = Transaction { producer_id: id, position: at, last_offset: None };
            self.unstable.insert(first, transaction);
        }
    }

    /// The transaction that this batch aborts, if it does; to be asked before the batch is
    /// accounted for (ProducerStateManager.lastStableOffset).
    pub(crate) fn aborted_by(
        &self,
        header: &BatchHeader,
        marker: Option<Marker>,
    ) -> Option<AbortedTxn> {
        marker.filter(|marker| !marker.commit)?;
        let (producer_id, last_offset) = (header.producer_id, header.base_offset);
        let first_offset = self.get(producer_id)?.transaction?;
        let mut open = self.unstable.iter().filter(|(_, transaction)| {
            transaction.last_offset.is_none() && transaction.producer_id != producer_id
        });
        let last_stable_offset = open.next().map_or(last_offset + 1, |(&first, _)| first);
        Some(AbortedTxn { producer_id, first_offset, last_offset, last_stable_offset })
    }

    fn end_transaction(&mut self, header: &BatchHeader, marker: Marker) {
        self.make_room_for(header.producer_id);
        let producer = self.by_id.entry(header.producer_id).or_insert_with(Producer::new);
        producer.set_epoch(header.producer_epoch);
        producer.coordinator_epoch = marker.coordinator_epoch;
        producer.last_timestamp = header.max_timestamp;
        let first = producer.transaction.take();
        if let Some(open) = first.and_then(|first| self.unstable.get_mut(&first)) {
            assert_eq!(open.producer_id, header.producer_id, "a transaction has one producer");
            open.last_offset = Some(header.base_offset);
        }
    }

    /// Whether there are transactions that may keep the last stable offset back.
    pub(crate) fn has_transactions(&self) -> bool {
        !self.unstable.is_empty()
    }

    /// Forgets ended transactions that are wholly below the high watermark, and gives the first
    /// offset of the earliest one left, with its position where that is known.
    pub(crate) fn first_unstable(
        &mut self,
        high_watermark: i64,
    ) -> Option<(i64, Option<Position>)> {
        let replicated =
            |txn: &Transaction| txn.last_offset.is_some_and(|last| last < high_watermark);
        self.unstable.retain(|_, transaction| !replicated(transaction));
        self.unstable.first_key_value().map(|(&first, transaction)| (first, transaction.position))
    }

    /// Whether the producer has a transaction open here, in this epoch.
    pub(crate) fn has_open_transaction(&self, producer_id: i64, epoch: i16) -> bool {
        self.get(producer_id)
            .is_some_and(|known| known.epoch == epoch && known.transaction.is_some())
    }

    /// Forgets producers that have been idle for `expiration_ms`; gives how many.
    pub(crate) fn expire(&mut self, now_ms: i64, expiration_ms: i64) -> usize {
        let before = self.by_id.len();
        self.by_id.retain(|_, producer| {
            let idle = now_ms.saturating_sub(producer.last_timestamp);
            producer.transaction.is_some() || idle < expiration_ms
        });
        before - self.by_id.len()
    }

    /// Keeps the number of producers within its limit before a new one comes.
    fn make_room_for(&mut self, producer_id: i64) {
        if self.by_id.len() < MAX_PRODUCERS || self.by_id.contains_key(&producer_id) {
            return;
        }
        let idle = self.by_id.iter().filter(|(_, producer)| producer.transaction.is_none());
        let last =
            |producer: &Producer| producer.last_batch().map_or(-1, |batch| batch.last_offset);
        let mut idle: Vec<(i64, i64)> = idle.map(|(&id, producer)| (last(producer), id)).collect();
        if idle.len() > EVICT {
            idle.select_nth_unstable(EVICT);
            idle.truncate(EVICT);
        }
        ::log::debug!(
            known = self.by_id.len(), idle = idle.len();
            "as many producers are known as may be; idle ones go"
        );
        for (_, id) in idle {
            self.by_id.remove(&id);
        }
    }
}

fn check_epoch(producer_id: i64, epoch: i16, producer: &Producer) -> Result<(), AppendError> {
    let current = producer.epoch;
    match epoch < current {
        true => Err(AppendError::InvalidProducerEpoch { producer_id, epoch, current }),
        false => Ok(()),
    }
}

fn check_sequence(id: i64, header: &BatchHeader, producer: &Producer) -> Result<(), AppendError> {
    let first = header.base_sequence;
    let last = producer.last_sequence();
    let in_order = if header.producer_epoch != producer.epoch {
        first == 0 || producer.epoch == NO_PRODUCER_EPOCH
    } else {
        producer.epoch == NO_PRODUCER_EPOCH
            || i64::from(first) == i64::from(last) + 1
            || (first == 0 && last == i32::MAX)
    };
    match in_order {
        true => Ok(()),
        false => Err(AppendError::OutOfOrderSequence {
            producer_id: id,
            sequence: first,
            last_sequence: last,
        }),
    }
}
