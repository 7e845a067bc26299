//! How fast a reader takes what it was given. One that takes no more than a trickle holds as much memory as one that takes
//! nothing: while bytes wait for it, it must take [`MIN_RATE`] of them a second,
//! or all that there were, over its time.

use super::MIN_RATE;
use std::time::{Duration, Instant};

/// See the module's comment.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// How many bytes it must have taken in all when its time is over, which began then; while something waits for it.
    due: Option<(u64, Instant)>,
}

impl Pace {
    /// Whether it is too slow, who has taken so many bytes in all and has so many unsent now.
    pub(super) fn is_too_slow(
        &mut self,
        (taken, unsent): (u64, u64),
        now: Instant,
        patience: Duration,
    ) -> bool {
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
            let mut pace = Pace::default();
            let mut left = unsent;
            let cut = (0..100).find(|second| {
                let now = begin + Duration::from_secs(*second);
                let is_cut = pace.is_too_slow((unsent - left, left), now, PATIENCE);
                left = left.saturating_sub(a_second);
                is_cut
            });
            assert_eq!(cut, is_cut.then_some(10), "{unsent} {a_second}");
        }
    }

    #[test]
    fn who_is_given_more_each_time_is_not_slow() {
        let begin = Instant::now();
        let mut pace = Pace::default();
        for second in 0..100 {
            let now = begin + Duration::from_secs(second);
            assert!(!pace.is_too_slow((second << 20, 2 << 20), now, PATIENCE));
        }
    }
}
