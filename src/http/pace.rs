//! How fast a reader takes what it was given. One that takes no more than a trickle holds as much memory as one that takes
//! nothing: while bytes wait for it, it must not fall behind [`MIN_RATE`] of them a second by as much as that makes over
//! its time, counted from when it was last ahead, or had taken all that waited. So it may take them in steps, as its
//! system does however steadily it reads.
//!
//! What this system keeps for it is not taken: it makes room for more in steps of a megabyte.

use super::MIN_RATE;
use crate::net::{ConnId, Context};
use std::time::{Duration, Instant};

/// Bytes that a reader was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    /// In all, of those that left.
    pub(super) sent: u64,
    /// Of those, what the system has for it.
    pub(super) kept: u64,
    /// What has not left.
    pub(super) unsent: u64,
}

impl Given {
    pub(super) fn to(cx: &Context<'_>, conn: ConnId) -> Given {
        Given { sent: cx.sent(conn), kept: cx.kept(conn), unsent: cx.unsent(conn) }
    }
}

/// See the module's comment.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// What was seen the last time, if something waited for it then.
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    taken: u64,
    waits: u64,
    at: Instant,
    /// Bytes by which it may fall behind from then on.
    left: u64,
}

impl Pace {
    /// Whether it is too slow, who was given so much.
    pub(super) fn is_too_slow(&mut self, given: Given, at: Instant, patience: Duration) -> bool {
        let Given { sent, kept, unsent } = given;
        let taken = sent.saturating_sub(kept);
        let most = due(patience);
        let left = match &self.seen {
            Some(seen) => {
                let got = taken.saturating_sub(seen.taken);
                let owed = due(at.saturating_duration_since(seen.at));
                match seen.left.saturating_add(got).checked_sub(owed) {
                    // It took all that there was, and nobody knows when.
                    _ if got >= seen.waits => most,
                    Some(left) => left.min(most),
                    None => 0,
                }
            }
            None => most,
        };
        self.seen = (unsent > 0).then_some(Seen { taken, waits: unsent + kept, at, left });
        unsent > 0 && left == 0
    }
}

/// Bytes that are to be taken in that time.
fn due(time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    MIN_RATE.saturating_mul(millis) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn given(sent: u64, unsent: u64) -> Given {
        Given { sent, kept: 0, unsent }
    }

    /// The second at which it is cut off who has so many bytes to take, and has taken so many after as many seconds. Somebody
    /// looks at it every so many seconds.
    fn cut_at(unsent: u64, every: usize, taken: impl Fn(u64) -> u64) -> Option<u64> {
        let begin = Instant::now();
        let mut pace = Pace::default();
        (0..2000).step_by(every).find(|second| {
            let taken = taken(*second).min(unsent);
            let now = begin + Duration::from_secs(*second);
            pace.is_too_slow(given(taken, unsent - taken), now, PATIENCE)
        })
    }

    #[test]
    fn who_falls_behind_is_too_slow_and_who_takes_what_is_due_is_not() {
        let much = 1 << 40;
        let due = MIN_RATE * 10;
        for (unsent, a_second, cut) in [
            (much, MIN_RATE, None),
            (much, MIN_RATE / 2, Some(20)),
            (much, MIN_RATE / 10 * 9, Some(100)),
            (much, 0, Some(10)),
            (1, 0, Some(10)),
            // All that there is is enough.
            (due / 2, due / 20, None),
            (due / 2, due / 50, Some(13)),
        ] {
            assert_eq!(cut_at(unsent, 1, |second| a_second * second), cut, "{unsent} {a_second}");
        }
        // Who is seldom looked at is not cut off the sooner.
        assert_eq!(cut_at(much, 10, |second| MIN_RATE * second), None);
        assert_eq!(cut_at(much, 10, |_| 0), Some(10));
        // What somebody took long ago counts for nothing.
        assert_eq!(cut_at(much, 1, |second| (second * much / 1000).min(much / 10)), Some(110));
    }

    /// A system that has a buffer takes more when a part of it is free again.
    #[test]
    fn who_reads_steadily_is_not_cut_off_where_its_system_takes_bytes_in_steps() {
        let (buffer, step) = (4 << 20, due(PATIENCE) - 2 * MIN_RATE);
        let taken = |a_second: u64| move |second: u64| a_second * second / step * step + buffer;
        for every in [1, 10] {
            assert_eq!(cut_at(1 << 40, every, taken(MIN_RATE + 1000)), None, "every {every} s");
            assert!(cut_at(1 << 40, every, taken(MIN_RATE / 2)).is_some(), "every {every} s");
        }
    }

    /// It takes of what the system has for it, and that makes no room for what is left here.
    #[test]
    fn what_the_system_keeps_is_neither_taken_nor_all_that_waits() {
        for (a_second, is_cut) in [(MIN_RATE + 1000, false), (100, true)] {
            let begin = Instant::now();
            let mut pace = Pace::default();
            let cut = (0..100).find(|second| {
                let kept = (4 << 20) - a_second * second;
                let given = Given { sent: 4 << 20, kept, unsent: 1 };
                pace.is_too_slow(given, begin + Duration::from_secs(*second), PATIENCE)
            });
            assert_eq!(cut.is_some(), is_cut, "{a_second}");
        }
    }

    #[test]
    fn who_is_given_more_each_time_is_not_slow() {
        for (each, waits) in [(1 << 20, 2 << 20), (1, 1), (1000, 999)] {
            let begin = Instant::now();
            let mut pace = Pace::default();
            for look in 0..100 {
                let now = begin + PATIENCE * look;
                let all = given(u64::from(look) * each, waits);
                assert!(!pace.is_too_slow(all, now, PATIENCE), "{each} {waits} {look}");
            }
        }
    }
}
