//! The log as a plain list of batches: what each operation must do and what each question must be
//! answered.

use crate::log_support::header;
use barnabas::log::ProducerInfo;
use std::collections::BTreeMap;

/// What a batch says of its producer.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    pub id: i64,
    pub epoch: i16,
    pub transactional: bool,
    /// The coordinator's epoch and whether it commits, if the batch ends a transaction.
    pub marker: Option<(i32, bool)>,
}

/// One batch, as it lies in the log, with the offsets and timestamps of its records.
#[derive(Clone)]
pub struct ModelBatch {
    pub bytes: Vec<u8>,
    pub base: i64,
    pub records: Vec<(i64, i64)>,
    pub sender: Option<Sender>,
}

impl ModelBatch {
    pub fn next(&self) -> i64 {
        header(&self.bytes).next_offset()
    }

    /// The largest timestamp; of records that compaction took too, if all are gone.
    fn time(&self) -> i64 {
        header(&self.bytes).max_timestamp
    }
}

/// A producer after some batches.
#[derive(Clone, Copy, Debug)]
pub struct ModelProducer {
    pub epoch: i16,
    pub last_timestamp: i64,
    pub coordinator_epoch: i32,
    pub transaction: Option<i64>,
    /// The base offset and the sequence numbers of its last batch in this epoch.
    pub last: Option<(i64, i32, i32)>,
}

/// A transaction: its first offset, and that of its marker and whether it commits.
type Transaction = (i64, Option<(i64, bool)>);

/// Why segments go.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    LogStart,
    Bytes(i64),
    Age { now: i64, limit: i64 },
}

#[derive(Default)]
pub struct Model {
    /// All that was appended and not truncated, also what is below the log start.
    pub appended: Vec<ModelBatch>,
    /// What compaction has left of it.
    pub batches: Vec<ModelBatch>,
    pub end: i64,
    pub log_start: i64,
    pub high_watermark: i64,
    /// Where each epoch with batches begins.
    pub epochs: Vec<(i32, i64)>,
    /// Below this high watermark a truncation has made it unknown which ended transactions hold the
    /// last stable offset back.
    pub stable_from: i64,
    /// Below it the log was compacted.
    pub cleaned: i64,
    /// It was compacted and opened again: what only records said that are gone may be forgotten.
    pub forgets: bool,
}

impl Model {
    pub fn push(&mut self, batch: ModelBatch, epoch: i32) {
        assert_eq!(batch.base, self.end);
        if self.epochs.last().is_none_or(|&(last, _)| last != epoch) {
            self.epochs.push((epoch, batch.base));
        }
        self.end = batch.next();
        self.appended.push(batch.clone());
        self.batches.push(batch);
    }

    /// The producers, as all batches make them.
    pub fn producers(&self) -> BTreeMap<i64, ModelProducer> {
        self.replay().0
    }

    fn replay(&self) -> (BTreeMap<i64, ModelProducer>, Vec<Transaction>) {
        let (mut producers, mut transactions) = (BTreeMap::new(), Vec::new());
        for batch in &self.appended {
            let Some(sender) = batch.sender else { continue };
            let producer = producers.entry(sender.id).or_insert(ModelProducer {
                epoch: -1,
                last_timestamp: -1,
                coordinator_epoch: -1,
                transaction: None,
                last: None,
            });
            if producer.epoch != sender.epoch {
                producer.last = None;
            }
            (producer.epoch, producer.last_timestamp) = (sender.epoch, batch.time());
            if let Some((coordinator_epoch, commit)) = sender.marker {
                producer.coordinator_epoch = coordinator_epoch;
                if let Some(first) = producer.transaction.take() {
                    let open = transactions.iter_mut().find(|(begin, _)| *begin == first);
                    open.unwrap().1 = Some((batch.base, commit));
                }
                continue;
            }
            let sent = header(&batch.bytes);
            producer.last = Some((batch.base, sent.base_sequence, sent.last_sequence()));
            if sender.transactional && producer.transaction.is_none() {
                producer.transaction = Some(batch.base);
                transactions.push((batch.base, None));
            }
        }
        (producers, transactions)
    }

    /// What the log must say of its producers, in the order of their ids.
    pub fn producer_infos(&self) -> Vec<ProducerInfo> {
        let info = |(producer_id, producer): (i64, ModelProducer)| ProducerInfo {
            producer_id,
            producer_epoch: producer.epoch,
            last_sequence: producer.last.map_or(-1, |(_, _, last)| last),
            last_timestamp: producer.last_timestamp,
            coordinator_epoch: producer.coordinator_epoch,
            current_txn_start_offset: producer.transaction.unwrap_or(-1),
        };
        self.producers().into_iter().map(info).collect()
    }

    /// The last stable offset.
    pub fn last_stable(&self) -> i64 {
        let holds = |&(_, end): &Transaction| end.is_none_or(|(end, _)| end >= self.high_watermark);
        let first = self.replay().1.into_iter().filter(holds).map(|(first, _)| first).min();
        first
            .map_or(self.high_watermark, |first| first.max(self.log_start).min(self.high_watermark))
    }

    /// The end of the last transaction that is over, but not below the high watermark: a log that is
    /// made anew from a snapshot does not know of it.
    pub fn unreplicated_end(&self) -> Option<i64> {
        let ends = self.replay().1.into_iter().filter_map(|(_, end)| Some(end?.0));
        ends.filter(|&end| end >= self.high_watermark).max()
    }

    /// The aborted transactions, by first offset and marker.
    pub fn aborted(&self) -> Vec<(i64, i64)> {
        let aborted = |(first, end): Transaction| {
            let (marker, commit) = end?;
            (!commit).then_some((first, marker))
        };
        self.replay().1.into_iter().filter_map(aborted).collect()
    }

    /// The first offset of a transaction's batches that a reader sees within `from..to`.
    pub fn first_shown(&self, (first, marker): (i64, i64), from: i64, to: i64) -> Option<i64> {
        let begins = |batch: &&ModelBatch| batch.base == first;
        let id = self.appended.iter().find(begins)?.sender?.id;
        let shown = self.batches.iter().filter(|batch| batch.next() > from && batch.base < to);
        let mut own = shown.filter(|batch| {
            let is_of_it =
                batch.sender.is_some_and(|sender| sender.id == id && sender.transactional);
            is_of_it && (first..marker).contains(&batch.base)
        });
        own.next().map(|batch| batch.base)
    }

    /// The batches that a reader from `offset` sees up to the bound: whole ones only. An offset at
    /// the bound or beyond it sees nothing, though its batch may begin below.
    pub fn visible(&self, offset: i64, bound: i64) -> impl Iterator<Item = &ModelBatch> {
        let seen = move |batch: &&ModelBatch| batch.next() > offset && batch.next() <= bound;
        self.batches.iter().filter(seen).filter(move |_| offset < bound)
    }

    fn records(&self) -> impl Iterator<Item = (i64, i64)> {
        let records = self.batches.iter().flat_map(|batch| batch.records.iter().copied());
        records.filter(|&(offset, _)| offset >= self.log_start)
    }

    /// The first record from that time on, if it is visible, and its batch too.
    pub fn first_since(&self, time: i64, bound: i64) -> Option<(i64, i64)> {
        let first = self.records().find(|&(_, at)| at >= time);
        let whole = |offset: i64| self.visible(offset, bound).any(|batch| batch.base <= offset);
        first.filter(|&(offset, _)| whole(offset))
    }

    /// The record with the largest timestamp, the first one of several.
    pub fn latest(&self) -> Option<(i64, i64)> {
        self.records().min_by_key(|&(offset, time)| (-time, offset))
    }

    /// The end of an epoch; `None` where it depends on whether the log was opened again.
    pub fn end_of_epoch(&self, asked: i32) -> Option<(i32, i64)> {
        let all = &self.epochs;
        // Epochs that ended at or below the log start are forgotten.
        let alive = |at: usize| all.get(at + 1).is_none_or(|&(_, next)| next > self.log_start);
        let known: Vec<(i32, i64)> =
            (0..all.len()).filter(|&at| alive(at)).map(|at| all[at]).collect();
        let end_of = |at: usize| known.get(at + 1).map_or(self.end, |&(_, next)| next);
        let at_most = known.iter().rposition(|&(epoch, _)| epoch <= asked);
        (self.end > self.log_start).then(|| match at_most {
            Some(at) if at + 1 < known.len() || known[at].0 == asked => (known[at].0, end_of(at)),
            Some(_) => (-1, -1),
            None => {
                let first = known.first();
                first.map_or((-1, -1), |&(_, first)| (asked, first.max(self.log_start)))
            }
        })
    }

    /// Takes the batches from `offset` on away, the one that holds it whole. `base` is where the segment
    /// begins that is the last one then: the log does not end before it.
    pub fn truncate(&mut self, offset: i64, base: i64) {
        if offset >= self.end {
            return;
        }
        let uncertain = self.unreplicated_end();
        self.appended.retain(|batch| batch.next() <= offset);
        self.batches.retain(|batch| batch.next() <= offset);
        self.end = self.batches.last().map_or(base, |last| last.next().max(base));
        let end = self.end;
        self.epochs.retain(|&(_, start)| start < end);
        self.high_watermark = self.high_watermark.min(end);
        self.log_start = self.log_start.min(end);
        self.stable_from = self.stable_from.max(uncertain.map_or(0, |at| at + 1));
    }

    /// Takes all away.
    pub fn start_over(&mut self, offset: i64) {
        *self =
            Model { end: offset, log_start: offset, high_watermark: offset, ..Model::default() };
    }

    /// Which of the segments that begin at these offsets stay.
    pub fn retain(&mut self, mut bases: Vec<i64>, rule: Rule) -> Vec<i64> {
        let mut size: i64 = bases.iter().map(|&base| self.segment(&bases, base).0).sum();
        loop {
            let first = bases[0];
            let (bytes, latest) = self.segment(&bases, first);
            let next = bases.get(1).copied();
            let goes = match rule {
                Rule::LogStart => next.is_some_and(|next| next <= self.log_start),
                Rule::Bytes(limit) => size - limit >= bytes,
                // Without timestamps the age of the file counts, and that is new.
                Rule::Age { now, limit } => latest >= 0 && now - latest > limit,
            };
            let empty = next.is_none() && bytes == 0;
            if empty || !goes || self.high_watermark < next.unwrap_or(self.end) {
                break;
            }
            size -= bytes;
            bases.remove(0);
            if bases.is_empty() {
                bases.push(self.end);
            }
        }
        self.log_start = self.log_start.max(bases[0]);
        bases
    }

    /// The size and the largest timestamp of a segment.
    fn segment(&self, bases: &[i64], base: i64) -> (i64, i64) {
        let next = bases.iter().copied().find(|&next| next > base).unwrap_or(i64::MAX);
        let of = self.batches.iter().filter(|batch| (base..next).contains(&batch.base));
        of.fold((0, -1), |(bytes, time), batch| {
            (bytes + batch.bytes.len() as i64, time.max(batch.time()))
        })
    }
}
