//! When what failed for want of something is tried again: soon, then less and less often. Whoever asks may
//! do so as often as they like; each try may read a whole log.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(10);
/// What nobody has asked for so long is forgotten: it may be gone.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// What was tried in vain.
#[derive(Debug)]
pub struct Patience<K>(HashMap<K, Pause>);

#[derive(Debug)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl<K> Default for Patience<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Patience<K> {
    /// Whether it is to be left alone for now.
    pub fn is_asked(&self, what: &K, now: Instant) -> bool {
        self.0.get(what).is_some_and(|pause| now < pause.until)
    }

    /// It was tried in vain.
    pub fn failed(&mut self, what: K, now: Instant) {
        self.0.retain(|_, pause| now.saturating_duration_since(pause.until) < FORGOTTEN);
        let length = self.0.get(&what).map_or(FIRST, |pause| (2 * pause.length).min(MOST));
        self.0.insert(what, Pause { until: now + length, length });
    }

    /// It need not be tried again.
    pub fn done(&mut self, what: &K) {
        self.0.remove(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_again_and_again_is_tried_less_and_less_often() {
        let begin = Instant::now();
        let mut patience = Patience::default();
        assert!(!patience.is_asked(&1, begin));
        let (mut now, mut tries) = (begin, 0);
        while now < begin + Duration::from_secs(60) {
            if !patience.is_asked(&1, now) {
                patience.failed(1, now);
                tries += 1;
            }
            assert!(!patience.is_asked(&2, now), "others are none of its business");
            now += Duration::from_millis(1);
        }
        assert_eq!(tries, 12);
        assert!(patience.is_asked(&1, now) && !patience.is_asked(&1, now + MOST));
        patience.done(&1);
        assert!(!patience.is_asked(&1, now));
        (0..100).for_each(|other| patience.failed(other, now));
        patience.failed(100, now + MOST + FORGOTTEN);
        assert_eq!(patience.0.len(), 1, "what may be gone is forgotten");
    }
}
