//! What was read last for those who are woken together.
//!
//! Consumers at the tail of a partition are woken by one append, and most of them want the same: what follows the same
//! offset, within the same limits. It is looked up for the first of them; the others get it after a glance at whether
//! anything has moved since. Kept for one round of waking only, for a range keeps its segment's files; and of one
//! partition only, so those who find something in several partitions get nothing from each other.

use std::sync::Arc;

use super::read::Row;
use crate::catalog::Partition;
use crate::log::{Bound, Log};

/// What is wanted of one partition.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) offset: i64,
    pub(super) limit: u32,
    /// The first batch, even if it is larger.
    pub(super) at_least_one: bool,
    pub(super) bound: Bound,
}

/// The last that was read, during a round of waking.
#[derive(Default)]
pub struct Same {
    is_kept: bool,
    last: Option<(Arc<Partition>, Wanted, Row)>,
}

impl Same {
    /// Whether what is read next is worth keeping: there are others to be woken.
    pub fn keep(&mut self, is_kept: bool) {
        self.is_kept = is_kept;
    }

    /// A round is over.
    pub fn end(&mut self) {
        *self = Self::default();
    }

    /// What was read for somebody who wanted the same, if nothing has moved since.
    pub(super) fn find(
        &self,
        partition: &Arc<Partition>,
        log: &Log,
        wanted: &Wanted,
    ) -> Option<Row> {
        let (of, what, row) = self.last.as_ref()?;
        let is_same = Arc::ptr_eq(of, partition) && what == wanted && row.is_as_of_now(log);
        is_same.then(|| row.clone())
    }

    /// Remembers what was read, if others may want it. Where a log ends its offsets do not tell: nobody else gets that.
    pub(super) fn note(&mut self, partition: &Arc<Partition>, wanted: Wanted, row: &Row) {
        if self.is_kept && row.records.is_some() && wanted.bound != Bound::LogEnd {
            self.last = Some((partition.clone(), wanted, row.clone()));
        }
    }
}

#[cfg(test)]
#[path = "same_tests.rs"]
mod tests;
