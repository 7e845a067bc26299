//! Which transaction a batch belongs to, and whether its marker may go, told while the cleaner walks
//! through the log (CleanedTransactionMetadata.java).
//!
//! A marker must stay while anything of its transaction does: without it a read_committed
//! consumer would take aborted records for committed ones, or wait for an end that never comes.

use crate::log::AbortedTxn;
use crate::log::marker::marker_of;
use crate::wire::records::Batch;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What becomes of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MarkerVerdict {
    /// Nothing of its transaction is left: once its horizon has passed it may go.
    pub(super) discard: bool,
    /// The transaction that it aborted is still to be found in the index.
    pub(super) index: Option<AbortedTxn>,
}

/// An aborted transaction that has begun and not ended yet, at the place of the walk.
#[derive(Debug)]
struct Aborted {
    txn: AbortedTxn,
    /// There was a batch of it.
    seen: bool,
}

/// The transactions at one place of the log.
#[derive(Debug, Default)]
pub(super) struct CleanedTransactions {
    committed: HashSet<i64>,
    aborted: HashMap<i64, Aborted>,
    /// Aborted ones that begin further on, by first offset and producer.
    upcoming: BTreeMap<(i64, i64), AbortedTxn>,
}

impl CleanedTransactions {
    /// Learns of aborted transactions that overlap with what is walked next. One may come again.
    pub(super) fn add_aborted(&mut self, aborted: impl IntoIterator<Item = AbortedTxn>) {
        let key = |txn: AbortedTxn| ((txn.first_offset, txn.producer_id), txn);
        self.upcoming.extend(aborted.into_iter().map(key));
    }

    /// The walk is at this batch of data: whether it belongs to an aborted transaction.
    pub(super) fn is_aborted(&mut self, batch: &Batch<'_>) -> bool {
        self.begin_up_to(batch.last_offset());
        if !batch.attributes().is_transactional() {
            return false;
        }
        match self.aborted.get_mut(&batch.producer_id()) {
            Some(aborted) => aborted.seen = true,
            None => {
                self.committed.insert(batch.producer_id());
                return false;
            }
        }
        true
    }

    /// The walk is at this batch of control records.
    pub(super) fn end(&mut self, batch: &Batch<'_>) -> MarkerVerdict {
        self.begin_up_to(batch.last_offset());
        let keep = MarkerVerdict { discard: false, index: None };
        let gone = MarkerVerdict { discard: true, index: None };
        if batch.record_count() == 0 {
            // Emptied by an earlier cleaning.
            return gone;
        }
        let producer_id = batch.producer_id();
        match marker_of(batch.as_bytes()) {
            // Other control records, which are not the cleaner's to judge.
            None => keep,
            Some(marker) if marker.commit => {
                MarkerVerdict { discard: !self.committed.remove(&producer_id), index: None }
            }
            Some(_) => match self.aborted.remove(&producer_id) {
                Some(Aborted { txn, seen: true }) => MarkerVerdict { index: Some(txn), ..keep },
                _ => gone,
            },
        }
    }

    fn begin_up_to(&mut self, offset: i64) {
        while let Some(first) = self.upcoming.first_entry()
            && first.key().0 <= offset
        {
            let txn = first.remove();
            self.aborted.entry(txn.producer_id).or_insert(Aborted { txn, seen: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::records::BatchBuilder;

    fn data(producer_id: i64, offset: i64) -> Vec<u8> {
        let builder = BatchBuilder::new().base_offset(offset).producer(producer_id, 0, 0);
        builder.transactional(true).append(1, Some(b"k"), Some(b"v"), &[]).finish()
    }

    fn marker(producer_id: i64, offset: i64, commit: bool) -> Vec<u8> {
        let builder = BatchBuilder::new().base_offset(offset).producer(producer_id, 0, -1);
        let mut builder = builder.transactional(true).control(true);
        let key = [0, 0, 0, u8::from(commit)];
        builder.append(1, Some(&key), Some(&[0, 0, 0, 0, 0, 1]), &[]).finish()
    }

    fn aborted(producer_id: i64, first_offset: i64, last_offset: i64) -> AbortedTxn {
        AbortedTxn { producer_id, first_offset, last_offset, last_stable_offset: last_offset + 1 }
    }

    fn is_aborted(walk: &mut CleanedTransactions, bytes: &[u8]) -> bool {
        walk.is_aborted(&Batch::parse(bytes).unwrap().0)
    }

    fn end(walk: &mut CleanedTransactions, bytes: &[u8]) -> MarkerVerdict {
        walk.end(&Batch::parse(bytes).unwrap().0)
    }

    #[test]
    fn a_marker_stays_while_there_is_data_of_its_transaction() {
        let mut walk = CleanedTransactions::default();
        assert!(!is_aborted(&mut walk, &data(1, 0)));
        assert!(!end(&mut walk, &marker(1, 1, true)).discard);
        assert!(end(&mut walk, &marker(1, 2, true)).discard, "nothing since the last one");
        let txn = aborted(1, 3, 4);
        walk.add_aborted([txn]);
        assert!(is_aborted(&mut walk, &data(1, 3)));
        let verdict = end(&mut walk, &marker(1, 4, false));
        assert_eq!(verdict, MarkerVerdict { discard: false, index: Some(txn) });
        assert!(end(&mut walk, &marker(1, 5, false)).discard);
    }

    #[test]
    fn an_aborted_transaction_without_data_left_is_not_in_the_index_any_more() {
        let mut walk = CleanedTransactions::default();
        walk.add_aborted([aborted(1, 0, 9)]);
        assert_eq!(
            end(&mut walk, &marker(1, 9, false)),
            MarkerVerdict { discard: true, index: None }
        );
    }

    #[test]
    fn a_producer_aborts_and_commits_in_turn() {
        let mut walk = CleanedTransactions::default();
        walk.add_aborted([aborted(1, 10, 12), aborted(1, 0, 2), aborted(1, 0, 2)]);
        assert!(is_aborted(&mut walk, &data(1, 0)));
        assert!(!is_aborted(&mut walk, &data(2, 1)), "another producer's");
        assert!(end(&mut walk, &marker(1, 2, false)).index.is_some());
        assert!(!is_aborted(&mut walk, &data(1, 3)), "the next one was committed");
        assert!(!end(&mut walk, &marker(1, 4, true)).discard);
        assert!(is_aborted(&mut walk, &data(1, 10)));
        assert_eq!(end(&mut walk, &marker(1, 12, false)).index.unwrap().first_offset, 10);
    }

    #[test]
    fn what_is_no_marker_stays_and_what_was_emptied_may_go() {
        let mut walk = CleanedTransactions::default();
        let mut other = BatchBuilder::new().control(true);
        let other = other.append(1, Some(&[0, 0, 0, 2]), Some(&[0; 6]), &[]).finish();
        assert_eq!(end(&mut walk, &other), MarkerVerdict { discard: false, index: None });
        let emptied = BatchBuilder::new().control(true).transactional(true).finish();
        assert!(end(&mut walk, &emptied).discard);
    }

    #[test]
    fn data_outside_transactions_is_never_aborted() {
        let mut walk = CleanedTransactions::default();
        walk.add_aborted([aborted(1, 0, 2)]);
        let plain = BatchBuilder::new().producer(1, 0, 0).append(1, Some(b"k"), None, &[]).finish();
        assert!(!is_aborted(&mut walk, &plain));
    }
}
