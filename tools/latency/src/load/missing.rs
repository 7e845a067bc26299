//! Records that were sent and that consumers still lack, by when they were due.

use super::Nanos;
use std::collections::HashMap;

/// See the module's comment. A record is counted for each consumer.
#[derive(Debug, Default)]
pub struct Missing {
    by_due: HashMap<Nanos, u64>,
}

impl Missing {
    /// So many were sent.
    pub fn add(&mut self, due: Nanos, records: u64) {
        *self.by_due.entry(due).or_default() += records;
    }

    /// So many are here; whether they were missed.
    pub fn remove(&mut self, due: Nanos, records: u64) -> bool {
        let Some(left) = self.by_due.get_mut(&due) else { return false };
        *left = left.saturating_sub(records);
        if *left == 0 {
            self.by_due.remove(&due);
        }
        true
    }

    pub fn is_empty(&self) -> bool {
        self.by_due.is_empty()
    }

    /// When they were due, and how many.
    pub fn iter(&self) -> impl Iterator<Item = (Nanos, u64)> + '_ {
        self.by_due.iter().map(|(due, records)| (*due, *records))
    }
}

#[cfg(test)]
mod tests {
    use super::Missing;

    #[test]
    fn a_record_is_missed_until_all_have_it() {
        let mut missing = Missing::default();
        missing.add(7, 2);
        missing.add(7, 2);
        assert!(missing.remove(7, 3) && !missing.remove(8, 1));
        assert_eq!(missing.iter().collect::<Vec<_>>(), [(7, 1)]);
        assert!(missing.remove(7, 1) && missing.is_empty() && !missing.remove(7, 1));
    }
}
