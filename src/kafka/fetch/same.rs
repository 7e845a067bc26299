//! What was read last for those who are woken together.
//!
//! Consumers at the tail of a partition are woken by one append, and most of them want the same: what follows the same
//! offset, within the same limits. It is looked up for the first of them; the others get it after a glance at whether
//! anything has moved since. Kept for one round of waking only, for a range keeps its segment's files.

use std::sync::Arc;

use super::read::Row;
use super::target::{Fetch, Target};
use crate::catalog::Partition;
use crate::log::Bound;

/// What is wanted of one partition.
#[derive(PartialEq, Eq)]
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
    /// A round begins.
    pub fn begin(&mut self) {
        self.is_kept = true;
    }

    /// A round is over.
    pub fn end(&mut self) {
        *self = Self::default();
    }

    /// What was read for somebody who wanted the same, if nothing has moved since.
    pub(super) fn find(
        &self,
        fetch: &Fetch,
        target: &Target,
        partition: &Arc<Partition>,
        wanted: &Wanted,
    ) -> Option<Row> {
        let (of, what, row) = self.last.as_ref()?;
        let is_same = Arc::ptr_eq(of, partition) && what == wanted && fetch.is_as_read(target, row);
        is_same.then(|| row.clone())
    }

    /// Remembers what was read, if others may want it.
    pub(super) fn note(&mut self, partition: &Arc<Partition>, wanted: Wanted, row: &Row) {
        if self.is_kept && row.records.is_some() {
            self.last = Some((partition.clone(), wanted, row.clone()));
        }
    }
}
