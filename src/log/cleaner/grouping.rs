//! Which segments are cleaned into one (Cleaner.groupSegmentsBySize): cleaning makes segments small,
//! and without this a log would end as thousands of tiny files.

use std::ops::Range;

/// What is asked of a segment to group it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) base: i64,
    pub(super) log: u64,
    pub(super) index: u64,
    pub(super) time_index: u64,
}

/// The most that one segment may hold: `segment.bytes`, `segment.index.bytes`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) log: u64,
    pub(super) index: u64,
}

/// Groups neighbours in `segments`, which are in order; `end` is the offset up to which cleaning may
/// go. What a group holds now is what is counted: it can only become less.
pub(super) fn group(segments: &[Sizes], limits: Limits, end: i64) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut sum = Sizes { base: 0, log: 0, index: 0, time_index: 0 };
    for (at, segment) in segments.iter().enumerate() {
        let next = segments.get(at + 1).map_or(end, |next| next.base);
        let last_offset = next.saturating_sub(1);
        let fits = sum.log + segment.log <= limits.log
            && sum.index + segment.index <= limits.index
            && sum.time_index + segment.time_index <= limits.index
            // An empty segment has no offsets that would have to fit.
            && (segment.log == 0 || last_offset - sum.base <= i64::from(i32::MAX));
        match groups.last_mut().filter(|_| fits) {
            Some(group) => {
                group.end = at + 1;
                sum.log += segment.log;
                sum.index += segment.index;
                sum.time_index += segment.time_index;
            }
            None => {
                groups.push(at..at + 1);
                sum = *segment;
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(base: i64, log: u64) -> Sizes {
        Sizes { base, log, index: 8, time_index: 12 }
    }

    /// The groups as (from, to).
    fn grouped(segments: &[Sizes], limits: Limits, end: i64) -> Vec<(usize, usize)> {
        group(segments, limits, end).into_iter().map(|group| (group.start, group.end)).collect()
    }

    const LIMITS: Limits = Limits { log: 100, index: 1000 };

    #[test]
    fn neighbours_are_grouped_up_to_the_size_of_a_segment() {
        let segments = [sizes(0, 40), sizes(10, 60), sizes(20, 1), sizes(30, 99), sizes(40, 1)];
        assert_eq!(grouped(&segments, LIMITS, 50), [(0, 2), (2, 4), (4, 5)]);
        assert_eq!(grouped(&[], LIMITS, 50), []);
        assert_eq!(grouped(&[sizes(0, 500), sizes(1, 500)], LIMITS, 50), [(0, 1), (1, 2)]);
    }

    #[test]
    fn the_indexes_must_fit_too() {
        let segments = [sizes(0, 1), sizes(10, 1), sizes(20, 1)];
        assert_eq!(grouped(&segments, Limits { log: 100, index: 24 }, 50), [(0, 2), (2, 3)]);
        assert_eq!(grouped(&segments, Limits { log: 100, index: 35 }, 50), [(0, 2), (2, 3)]);
        assert_eq!(grouped(&segments, Limits { log: 100, index: 36 }, 50), [(0, 3)]);
    }

    #[test]
    fn offsets_must_fit_into_31_bits() {
        let far = i64::from(i32::MAX);
        let segments = [sizes(0, 1), sizes(100, 1)];
        assert_eq!(grouped(&segments, LIMITS, far + 1), [(0, 2)]);
        assert_eq!(grouped(&segments, LIMITS, far + 2), [(0, 1), (1, 2)]);
        let with_empty = [sizes(0, 1), sizes(100, 0)];
        assert_eq!(grouped(&with_empty, LIMITS, far + 2), [(0, 2)]);
        let three = [sizes(0, 1), sizes(100, 1), sizes(far + 1, 1)];
        assert_eq!(grouped(&three, LIMITS, far + 2), [(0, 2), (2, 3)]);
    }
}
