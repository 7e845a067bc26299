//! What was so a moment ago, and need not be asked again.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long it is taken to be so.
const LATELY: Duration = Duration::from_millis(100);

/// When something was found to be so last.
#[derive(Debug, Default)]
pub(crate) struct Lately {
    began: OnceLock<Instant>,
    /// Nanoseconds from the beginning to the end of that time; 0 before the first.
    until: AtomicU64,
}

impl Lately {
    /// Whether it was so a moment ago, or is.
    pub(crate) fn is_so(&self, is: impl FnOnce() -> bool) -> bool {
        self.is_so_at(Instant::now(), is)
    }

    fn is_so_at(&self, now: Instant, is: impl FnOnce() -> bool) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
