//! How fast compaction may read and write (Throttler.java, `log.cleaner.io.max.bytes.per.second`).
//!
//! One budget for all threads: what was read and written in the present window may not be more than
//! the rate allows for its age; who goes beyond sleeps until it does. The sleep ends early when the
//! broker stops or the rate is raised.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The longest that one piece of I/O is held up before the rate is looked at again.
const LONGEST: Duration = Duration::from_secs(1);
/// What was saved in an earlier window does not count: bursts are bounded.
const WINDOW: Duration = Duration::from_secs(1);

/// What was read and written lately.
#[derive(Default)]
pub(super) struct Budget {
    window: Mutex<Option<Window>>,
    woken: Condvar,
}

#[derive(Clone, Copy)]
struct Window {
    began: Instant,
    bytes: f64,
}

impl Budget {
    /// Waits until `bytes` more may be read or written at `rate` bytes per second, which may change meanwhile.
    pub(super) fn spend(
        &self,
        mut bytes: u64,
        rate: impl Fn() -> f64,
        is_stopping: impl Fn() -> bool,
    ) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let rate = rate();
            // Kafka's throttle waits for less than no time then, or not at all.
            if rate >= f64::MAX || rate.is_nan() || rate.is_sign_negative() {
                return;
            }
            let wait = account(&mut window, std::mem::take(&mut bytes), rate, Instant::now());
            if wait.is_zero() || is_stopping() {
                return;
            }
            let waited = self.woken.wait_timeout(window, wait.min(LONGEST));
            window = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends all sleeps that need not go on, after the broker was told to stop or the rate was changed.
    pub(super) fn wake(&self) {
        drop(self.window.lock());
        self.woken.notify_all();
    }
}

/// Adds to the window, and says how long to wait until the rate is met.
fn account(window: &mut Option<Window>, bytes: u64, rate: f64, now: Instant) -> Duration {
    let rate = rate.max(1.0);
    let mut current = window.unwrap_or(Window { began: now, bytes: 0.0 });
    current.bytes += bytes as f64;
    let age = now.saturating_duration_since(current.began);
    let needed = Duration::try_from_secs_f64(current.bytes / rate).unwrap_or(Duration::MAX);
    let wait = needed.saturating_sub(age);
    *window = if wait.is_zero() && age >= WINDOW { None } else { Some(current) };
    wait
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn the_rate_is_met_over_time() {
        let (mut window, start) = (None, Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(account(&mut window, 500, 1000.0, at(0)), Duration::from_millis(500));
        assert_eq!(account(&mut window, 0, 1000.0, at(200)), Duration::from_millis(300));
        assert_eq!(account(&mut window, 100, 1000.0, at(500)), Duration::from_millis(100));
        assert_eq!(account(&mut window, 0, 1000.0, at(700)), Duration::ZERO);
        assert_eq!(account(&mut window, 250, 1000.0, at(700)), Duration::from_millis(150));
    }

    #[test]
    fn time_that_nobody_used_is_not_saved() {
        let (mut window, start) = (None, Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        account(&mut window, 10, 1000.0, at(0));
        assert_eq!(account(&mut window, 0, 1000.0, at(60_000)), Duration::ZERO);
        assert_eq!(account(&mut window, 1000, 1000.0, at(60_000)), Duration::from_secs(1));
    }

    #[test]
    fn without_a_rate_nothing_waits_and_a_stop_ends_the_wait() {
        let budget = Budget::default();
        for none in [f64::MAX, f64::INFINITY, f64::NAN, -5.0, f64::NEG_INFINITY] {
            budget.spend(u64::MAX, || none, || panic!("nobody asks"));
        }
        budget.spend(u64::MAX, || 1.0, || true);
    }

    #[test]
    fn a_rate_of_nothing_is_a_byte_a_second() {
        let wait = account(&mut None, 3, 0.0, Instant::now());
        assert_eq!(wait, Duration::from_secs(3));
    }

    #[test]
    fn a_rate_that_is_raised_ends_the_wait() {
        for raised in [1e9, f64::MAX] {
            let (budget, asked) = (Budget::default(), AtomicU32::new(0));
            let rate = || match asked.fetch_add(1, Ordering::Relaxed) {
                0 => 0.0,
                _ => raised,
            };
            // Twelve days, at a byte a second.
            budget.spend(1_000_000, rate, || false);
            assert_eq!(asked.load(Ordering::Relaxed), 2, "after one piece of the wait");
        }
    }
}
