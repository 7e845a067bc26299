//! What was so a moment ago, and need not be asked again.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long it is taken to be so.
const LATELY: Duration = Duration::from_millis(100);

/// The same of a range of bytes. Shorter, for the kernel gives up what was read once long before an index.
const LATELY_THERE: Duration = Duration::from_millis(5);
/// How much more than what is wanted is asked about: so many times as much, but no more bytes than that, for the kernel
/// looks at each page or folio of them.
const TIMES_AHEAD: u64 = 8;
const MOST_AHEAD: u64 = 4 << 20;
/// What somebody has begun to read from the disk may be on its way for so long.
const ON_ITS_WAY: Duration = Duration::from_secs(10);

/// When something was found to be so last.
#[derive(Debug, Default)]
pub(crate) struct Lately {
    began: OnceLock<Instant>,
    /// Nanoseconds from the beginning to the end of that time; 0 before the first.
    until: AtomicU64,
}

impl Lately {
    /// Whether it was so a moment ago, or is.
    pub(crate) fn is_so_at(&self, now: Instant, is: impl FnOnce() -> bool) -> bool {
        let since = now.saturating_duration_since(*self.began.get_or_init(|| now));
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        if nanos(since) < self.until.load(Ordering::Relaxed) {
            return true;
        }
        let is = is();
        if is {
            self.until.store(nanos(since + LATELY), Ordering::Relaxed);
        }
        is
    }
}

/// The bytes that were found to be there last. Who reads on wants what is behind next, so it is asked about that, too:
/// one question for several fetches. Not while somebody has them read from the disk: what is on its way counts as there
/// but for the last page, and of many bytes some may be on their way in the middle. (What the system reads ahead by
/// itself, and others than us, is not seen to be on its way.) Nor where that was not there a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Stretch(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    bytes: Range<u64>,
    until: Option<Instant>,
    /// Before that nothing is asked ahead.
    ahead_from: Option<Instant>,
}

impl Stretch {
    /// Somebody has something read from the disk from now on.
    pub(crate) fn is_read_at(&self, now: Instant) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Seen { ahead_from: Some(now + ON_ITS_WAY), ..Seen::default() };
    }

    /// Whether all of `wanted` was there a moment ago, or `is` there; nothing behind `end` is asked for.
    pub(crate) fn is_there_at(
        &self,
        now: Instant,
        wanted: Range<u64>,
        end: u64,
        is: impl Fn(Range<u64>) -> bool,
    ) -> bool {
        if wanted.is_empty() {
            return true;
        }
        // Somebody else asks at the moment, about other bytes as a rule: who waited would gain nothing.
        let Ok(mut seen) = self.0.try_lock() else { return is(wanted) };
        let holds = seen.bytes.start <= wanted.start && wanted.end <= seen.bytes.end;
        if holds && seen.until.is_some_and(|until| now < until) {
            return true;
        }
        if seen.ahead_from.is_some_and(|from| now < from) {
            return is(wanted);
        }
        let ahead = ((wanted.end - wanted.start).saturating_mul(TIMES_AHEAD)).min(MOST_AHEAD);
        let far = wanted.start..wanted.end.saturating_add(ahead).min(end).max(wanted.end);
        if is(far.clone()) {
            (seen.bytes, seen.until) = (far, Some(now + LATELY_THERE));
            return true;
        }
        seen.ahead_from = Some(now + LATELY_THERE);
        far != wanted && is(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn what_is_so_is_asked_once_in_a_while_and_what_is_not_each_time() {
        let (lately, now) = (Lately::default(), Instant::now());
        let asked = |ms, is| {
            let mut asked = false;
            let told = lately.is_so_at(now + Duration::from_millis(ms), || {
                asked = true;
                is
            });
            (told, asked)
        };
        assert_eq!([asked(0, false), asked(0, false)], [(false, true); 2]);
        assert_eq!(
            [asked(1, true), asked(2, false), asked(100, false)],
            [(true, true), (true, false), (true, false)]
        );
        assert_eq!([asked(101, false), asked(102, false)], [(false, true); 2]);
        assert_eq!(
            [asked(103, true), asked(202, false), asked(203, false)],
            [(true, true), (true, false), (false, true)]
        );
    }

    /// What is asked about is told with the answer.
    #[test]
    fn bytes_are_asked_for_with_those_behind_them() {
        let (stretch, now) = (Stretch::default(), Instant::now());
        let asked = |ms, wanted: Range<u64>, there: u64| {
            let asked = RefCell::new(Vec::new());
            let told =
                stretch.is_there_at(now + Duration::from_millis(ms), wanted, 1_500, |bytes| {
                    asked.borrow_mut().push((bytes.start, bytes.end));
                    bytes.end <= there
                });
            (told, asked.into_inner())
        };
        assert_eq!(asked(0, 0..100, 2_000), (true, vec![(0, 900)]));
        assert_eq!(asked(4, 100..900, 0), (true, vec![]), "it was there a moment ago");
        assert_eq!(asked(4, 850..950, 1_500), (true, vec![(850, 1_500)]), "no more than there is");
        assert_eq!(asked(5, 850..850, 0), (true, vec![]), "nothing is always there");
        assert_eq!(asked(8, 850..1_500, 0), (true, vec![]), "nothing was forgotten");
        let (near, far) = ((800, 850), (800, 1_250));
        assert_eq!(asked(9, 800..850, 1_000), (true, vec![far, near]), "it is long ago");
        assert_eq!(asked(13, 800..850, 1_000), (true, vec![near]), "what is behind was not there");
        assert_eq!(asked(14, 800..850, 0), (false, vec![far, near]));
        assert_eq!(asked(19, 1_400..1_500, 1_450), (false, vec![(1_400, 1_500)]));
        let most = Stretch::default()
            .is_there_at(now, 0..1 << 30, u64::MAX, |bytes| bytes.end == (1 << 30) + MOST_AHEAD);
        assert!(most);
    }

    #[test]
    fn while_something_is_read_from_the_disk_nothing_else_is_asked_about_nor_remembered() {
        let (stretch, now) = (Stretch::default(), Instant::now());
        assert!(stretch.is_there_at(now, 0..100, 1_500, |bytes| bytes == (0..900)));
        stretch.is_read_at(now);
        for wait in [Duration::ZERO, ON_ITS_WAY - Duration::from_nanos(1)] {
            assert!(!stretch.is_there_at(now + wait, 10..100, 1_500, |bytes| bytes != (10..100)));
            assert!(stretch.is_there_at(now + wait, 10..100, 1_500, |bytes| bytes == (10..100)));
        }
        assert!(stretch.is_there_at(now + ON_ITS_WAY, 10..100, 1_500, |bytes| bytes == (10..820)));
    }

    #[test]
    fn who_asks_while_another_does_is_told_of_what_he_wants() {
        let (stretch, now) = (Stretch::default(), Instant::now());
        let _held = stretch.0.lock().unwrap();
        assert!(stretch.is_there_at(now, 10..20, 1_000, |bytes| bytes == (10..20)));
    }
}
