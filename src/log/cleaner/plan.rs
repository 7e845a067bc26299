//! Whether a log is due for cleaning, and which part of it (LogCleanerManager.cleanableOffsets and
//! maxCompactionDelay, LogToClean). Pure.
//!
//! Never beyond the last stable offset, nor into the segment that is written to, nor where records
//! are younger than `min.compaction.lag.ms`.

use crate::config::TopicConfig;

/// A segment that is not written to any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) base: i64,
    pub(super) size: u64,
}

/// What is known of a log when it is asked whether it is due.
pub(super) struct Situation<'s> {
    /// All segments but the last, in order.
    pub(super) sealed: &'s [Sealed],
    /// The base offset of the last one.
    pub(super) active_base: i64,
    pub(super) log_start: i64,
    pub(super) last_stable: i64,
    pub(super) log_end: i64,
    /// Up to here the log was cleaned before, if that is known.
    pub(super) checkpoint: Option<i64>,
    pub(super) now_ms: i64,
}

/// The part of a log that can be cleaned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cleanable {
    /// Below it the log is clean: no key has two records there.
    pub first_dirty: i64,
    /// Cleaning stops before this offset, the base of a segment.
    pub end: i64,
    /// Bytes below `first_dirty`.
    pub clean_bytes: u64,
    /// Bytes between `first_dirty` and `end`, counted by whole segments.
    pub dirty_bytes: u64,
    /// The checkpoint was not one of this log (any more): it is to be replaced by `first_dirty`.
    pub checkpoint_was_wrong: bool,
    /// The oldest dirty record is older than `max.compaction.lag.ms`.
    pub overdue: bool,
    /// From this moment on more can be cleaned, or it must be, without another append.
    pub changes_at_ms: Option<i64>,
}

impl Cleanable {
    /// The share of the log that is dirty, not counting what cannot be cleaned yet.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        match self.clean_bytes + self.dirty_bytes {
            0 => 0.0,
            all => self.dirty_bytes as f64 / all as f64,
        }
    }

    /// It is time to clean.
    #[must_use]
    pub fn is_due(&self, min_cleanable_dirty_ratio: f64) -> bool {
        self.dirty_bytes > 0 && (self.overdue || self.ratio() > min_cleanable_dirty_ratio)
    }
}

impl Situation<'_> {
    /// The part that can be cleaned. `largest` and `first` tell a sealed segment's largest and first
    /// timestamp, and are asked only where that matters: it can mean reading.
    pub(super) fn cleanable<E>(
        &self,
        config: &TopicConfig,
        mut largest: impl FnMut(i64) -> Result<i64, E>,
        mut first: impl FnMut(i64) -> Result<i64, E>,
    ) -> Result<Cleanable, E> {
        let (first_dirty, checkpoint_was_wrong) = self.first_dirty();
        let mut end = self.last_stable.min(self.active_base);
        let dirty = self.from(first_dirty);
        let lag = config.min_compaction_lag_ms.max(0);
        let mut changes_at_ms = None;
        if lag > 0 {
            for segment in dirty {
                let timestamp = largest(segment.base)?;
                if timestamp > self.now_ms.saturating_sub(lag) {
                    end = end.min(segment.base);
                    changes_at_ms = Some(timestamp.saturating_add(lag));
                    break;
                }
            }
        }
        let end = self.segment_of(end.max(first_dirty));
        let max_lag = config.max_compaction_lag_ms.max(0);
        let mut oldest = None;
        if max_lag < i64::MAX {
            for segment in dirty {
                let timestamp = first(segment.base)?;
                oldest = oldest.into_iter().chain([timestamp]).filter(|&ms| ms > 0).min();
            }
        }
        let due_at_ms = oldest.map(|oldest| max_lag.saturating_add(oldest).saturating_add(1));
        let overdue = due_at_ms.is_some_and(|due| due <= self.now_ms);
        let due_later = due_at_ms.filter(|_| !overdue);
        changes_at_ms = changes_at_ms.into_iter().chain(due_later).min();
        let sizes = |segments: &[Sealed]| segments.iter().map(|segment| segment.size).sum();
        let below = |offset: i64| self.sealed.partition_point(|segment| segment.base < offset);
        let from = self.floor(first_dirty.min(end));
        Ok(Cleanable {
            first_dirty,
            end,
            clean_bytes: sizes(&self.sealed[..below(first_dirty)]),
            dirty_bytes: sizes(self.sealed.get(from..below(end)).unwrap_or_default()),
            checkpoint_was_wrong,
            overdue,
            changes_at_ms,
        })
    }

    /// Where the dirty part begins. A checkpoint outside the log says nothing: data were deleted, or
    /// lost, and all of it is taken for dirty.
    fn first_dirty(&self) -> (i64, bool) {
        let checkpoint = self.checkpoint.unwrap_or(self.log_start);
        match (self.log_start..=self.log_end).contains(&checkpoint) {
            true => (checkpoint, false),
            false => (self.log_start, true),
        }
    }

    /// The index of the sealed segment that holds `offset`; behind the last one if the active one does.
    fn floor(&self, offset: i64) -> usize {
        match offset >= self.active_base {
            true => self.sealed.len(),
            false => self.sealed.partition_point(|one| one.base <= offset).saturating_sub(1),
        }
    }

    /// The sealed segments from the one on that holds `offset`.
    fn from(&self, offset: i64) -> &[Sealed] {
        self.sealed.get(self.floor(offset)..).unwrap_or_default()
    }

    /// The base of the segment that holds `offset`.
    fn segment_of(&self, offset: i64) -> i64 {
        self.from(offset).first().map_or(self.active_base, |segment| segment.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEALED: [Sealed; 4] = [
        Sealed { base: 0, size: 100 },
        Sealed { base: 10, size: 200 },
        Sealed { base: 20, size: 300 },
        Sealed { base: 30, size: 400 },
    ];

    fn situation(checkpoint: Option<i64>) -> Situation<'static> {
        Situation {
            sealed: &SEALED,
            active_base: 40,
            log_start: 0,
            last_stable: 50,
            log_end: 50,
            checkpoint,
            now_ms: 1_000_000,
        }
    }

    /// A segment's first timestamp is its base offset times 1000, its largest one 5000 more.
    fn cleanable(situation: &Situation<'_>, config: &TopicConfig) -> Cleanable {
        let largest = |base| Ok::<_, ()>(base * 1000 + 5000);
        situation.cleanable(config, largest, |base| Ok(base * 1000)).unwrap()
    }

    fn of(checkpoint: Option<i64>) -> Cleanable {
        cleanable(&situation(checkpoint), &TopicConfig::default())
    }

    #[test]
    fn everything_below_the_active_segment_can_be_cleaned() {
        let all = of(None);
        assert_eq!((all.first_dirty, all.end), (0, 40));
        assert_eq!((all.clean_bytes, all.dirty_bytes, all.ratio()), (0, 1000, 1.0));
        let some = of(Some(20));
        assert_eq!((some.first_dirty, some.clean_bytes, some.dirty_bytes), (20, 300, 700));
        assert!(some.is_due(0.5) && !some.is_due(0.7));
        let none = of(Some(40));
        assert_eq!((none.end, none.dirty_bytes), (40, 0));
        assert!(!none.is_due(0.0));
    }

    #[test]
    fn a_round_that_ended_within_a_segment_counts_it_on_both_sides() {
        let some = of(Some(25));
        assert_eq!((some.clean_bytes, some.dirty_bytes), (600, 700));
    }

    #[test]
    fn an_open_transaction_stops_it_at_its_segment() {
        for (last_stable, end, dirty) in [(40, 40, 1000), (39, 30, 600), (30, 30, 600), (5, 0, 0)] {
            let cleanable =
                cleanable(&Situation { last_stable, ..situation(None) }, &TopicConfig::default());
            assert_eq!((cleanable.end, cleanable.dirty_bytes), (end, dirty), "{last_stable}");
        }
    }

    #[test]
    fn young_segments_wait() {
        let config = TopicConfig { min_compaction_lag_ms: 980_000, ..TopicConfig::default() };
        // 1000 s - 980 s: the third segment's largest timestamp is 25 s.
        let some = cleanable(&situation(None), &config);
        assert_eq!((some.end, some.dirty_bytes), (20, 300));
        // It can when its youngest record is old enough.
        assert_eq!(some.changes_at_ms, Some(25_000 + 980_000));
        let then = Situation { now_ms: 1_005_000, ..situation(None) };
        assert_eq!(cleanable(&then, &config).end, 30);
        let config = TopicConfig { min_compaction_lag_ms: 999_000, ..TopicConfig::default() };
        assert_eq!(cleanable(&situation(None), &config).dirty_bytes, 0);
    }

    #[test]
    fn what_is_too_old_is_due_whatever_the_ratio() {
        let lag = |ms| TopicConfig { max_compaction_lag_ms: ms, ..TopicConfig::default() };
        let overdue = |ms| cleanable(&situation(Some(30)), &lag(ms)).overdue;
        assert!(!overdue(970_000), "first dirty record: 30 s");
        assert!(overdue(969_999));
        let later = cleanable(&situation(Some(30)), &lag(970_000)).changes_at_ms;
        assert_eq!(later, Some(1_000_001), "due then, without another record");
        assert_eq!(cleanable(&situation(Some(30)), &lag(i64::MAX)).changes_at_ms, None);
        let some = cleanable(&situation(Some(30)), &lag(1));
        assert!(some.is_due(1.0) && some.dirty_bytes == 400);
        assert!(!cleanable(&situation(Some(40)), &lag(1)).overdue);
    }

    #[test]
    fn a_checkpoint_outside_the_log_is_forgotten() {
        let beyond = of(Some(51));
        assert_eq!((beyond.first_dirty, beyond.checkpoint_was_wrong), (0, true));
        let below = Situation { log_start: 12, ..situation(Some(3)) };
        let below = cleanable(&below, &TopicConfig::default());
        assert_eq!((below.first_dirty, below.checkpoint_was_wrong), (12, true));
        assert_eq!(of(Some(50)).first_dirty, 50);
        assert!(!of(Some(50)).checkpoint_was_wrong);
    }

    #[test]
    fn an_empty_log_has_nothing_to_clean() {
        let empty = Situation {
            sealed: &[],
            active_base: 0,
            last_stable: 0,
            log_end: 0,
            ..situation(None)
        };
        let cleanable = cleanable(&empty, &TopicConfig::default());
        assert_eq!((cleanable.end, cleanable.ratio()), (0, 0.0));
        assert!(!cleanable.is_due(0.0));
    }
}
