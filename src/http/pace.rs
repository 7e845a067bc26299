//! How fast a reader takes what it was given. One that takes no more than a trickle holds as much memory as one that takes
//! nothing: while bytes wait for it, it must take [`MIN_RATE`] of them a second,
//! or all that there were, over its time.

use super::MIN_RATE;
use std::time::{Duration, Instant};

/// See the module's comment.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes that it was given.
    given: u64,
    /// How many of them it must have taken when its time is over, which began then; while something waits for it.
    due: Option<(u64, Instant)>,
}

impl Pace {
    pub(super) fn new() -> Pace {
        Pace { given: 0, due: None }
    }

    /// It was given so many bytes.
    pub(super) fn gave(&mut self, bytes: usize) {
        self.given += bytes as u64;
    }

    /// Whether it is too slow, so many bytes being unsent now.
    pub(super) fn is_too_slow(&mut self, unsent: u64, now: Instant, patience: Duration) -> bool {
        // What it was given elsewhere is not counted: that is little, and makes it seem slower than it is.
        let taken = self.given.saturating_sub(unsent);
        match self.due {
            Some((_, since)) if unsent > 0 && now.saturating_duration_since(since) < patience => {
                false
            }
            Some((due, _)) if unsent > 0 && taken < due => true,
            _ => {
                let millis = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
                let rate = MIN_RATE.saturating_mul(millis) / 1000;
                self.due = (unsent > 0).then_some((taken + unsent.min(rate), now));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn a_trickle_is_too_slow_and_what_is_due_is_not() {
        let rate = MIN_RATE * 10;
        for (unsent, a_second, is_cut) in [
            (100 << 20, MIN_RATE, false),
            (100 << 20, MIN_RATE - 1000, true),
            (100 << 20, 0, true),
            (rate / 2, rate / 20, false),
            (rate / 2, rate / 25, true),
        ] {
            let begin = Instant::now();
            let mut pace = Pace::new();
            let mut left = unsent;
            pace.gave(usize::try_from(unsent).expect("a size"));
            let cut = (0..100).find(|second| {
                let now = begin + Duration::from_secs(*second);
                let is_cut = pace.is_too_slow(left, now, PATIENCE);
                left = left.saturating_sub(a_second);
                is_cut
            });
            assert_eq!(cut, is_cut.then_some(10), "{unsent} {a_second}");
        }
    }

    #[test]
    fn who_is_given_more_each_time_is_not_slow() {
        let begin = Instant::now();
        let mut pace = Pace::new();
        for second in 0..100 {
            pace.gave(1 << 20);
            assert!(!pace.is_too_slow(2 << 20, begin + Duration::from_secs(second), PATIENCE));
        }
    }
}
