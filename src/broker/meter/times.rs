//! How long something took, counted in buckets: eight to each power of two of microseconds, so that a time is known to
//! an eighth at worst. Made for one writer and any number of readers; who reads computes the quantiles.

use crate::net::Counter;
use std::time::Duration;

/// Buckets of one power of two.
const PARTS: u64 = 8;
/// Bits of a microsecond's number up to which there are buckets of their own: two minutes. What takes longer is in the last.
const BITS: u64 = 27;
/// How many buckets there are.
const BUCKETS: usize = ((BITS - 2) * PARTS) as usize;

/// The bucket of a time.
fn bucket(micros: u64) -> usize {
    let micros = micros.min((1 << BITS) - 1);
    if micros < PARTS {
        return micros as usize;
    }
    let power = u64::from(micros.ilog2());
    ((power - 2) * PARTS + (micros >> (power - 3)) % PARTS) as usize
}

/// The shortest time of a bucket, and the shortest that is too long for it.
fn bounds(bucket: usize) -> (u64, u64) {
    let start = |bucket: u64| match bucket / PARTS {
        0 => bucket,
        row => (PARTS + bucket % PARTS) << (row - 1),
    };
    (start(bucket as u64), start(bucket as u64 + 1))
}

/// A worker's buckets.
#[derive(Debug)]
pub struct Times {
    buckets: [Counter; BUCKETS],
    micros: Counter,
}

impl Default for Times {
    fn default() -> Self {
        Times { buckets: std::array::from_fn(|_| Counter::default()), micros: Counter::default() }
    }
}

impl Times {
    /// Counts so many that took this long each. One thread only.
    #[inline]
    pub fn add(&self, took: Duration, times: u64) {
        let micros = took
            .as_secs()
            .saturating_mul(1_000_000)
            .saturating_add(u64::from(took.subsec_micros()));
        if let Some(bucket) = self.buckets.get(bucket(micros)) {
            bucket.add(times);
        }
        self.micros.add(micros.saturating_mul(times));
    }
}

/// What such buckets held at some time, of one worker or of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    buckets: Box<[u64]>,
    /// All times together, in microseconds.
    pub micros: u64,
}

impl Default for Taken {
    fn default() -> Self {
        Taken { buckets: vec![0; BUCKETS].into(), micros: 0 }
    }
}

impl Taken {
    /// Adds what a worker has counted.
    pub fn add(&mut self, times: &Times) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&times.buckets) {
            *sum = sum.wrapping_add(bucket.get());
        }
        self.micros = self.micros.wrapping_add(times.micros.get());
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// What came since then.
    pub fn since(&self, then: &Taken) -> Taken {
        let buckets = self.buckets.iter().zip(&then.buckets);
        let buckets = buckets.map(|(now, then)| now.wrapping_sub(*then)).collect();
        Taken { buckets, micros: self.micros.wrapping_sub(then.micros) }
    }

    /// The time in milliseconds that this part of all did not exceed; not a number where there were none.
    pub fn quantile(&self, part: f64) -> f64 {
        let wanted = part * self.count() as f64;
        let mut before = 0.0;
        for (at, count) in self.buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if before + count >= wanted {
                let (from, to) = bounds(at);
                let within = (wanted - before) / count;
                return (from as f64 + within * (to - from) as f64) / 1000.0;
            }
            before += count;
        }
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_the_bucket_that_has_it() {
        let mut at = 0;
        for bucket in 0..BUCKETS {
            let (from, to) = bounds(bucket);
            assert_eq!(from, at, "no gap");
            assert!(to > from && (to - from) * 8 <= from.max(8), "{from}..{to}");
            at = to;
        }
        assert_eq!(at, 1 << BITS);
        for micros in (0..100_000).chain([1 << 20, (1 << 27) - 1]) {
            let (from, to) = bounds(bucket(micros));
            assert!((from..to).contains(&micros), "{micros} is not in {from}..{to}");
        }
        assert_eq!((bucket(1 << 27), bucket(u64::MAX)), (BUCKETS - 1, BUCKETS - 1));
    }

    #[test]
    fn quantiles_are_right_to_an_eighth() {
        let times = Times::default();
        (1..=1000).for_each(|ms| times.add(Duration::from_millis(ms), 3));
        let mut taken = Taken::default();
        assert!(taken.quantile(0.5).is_nan());
        taken.add(&times);
        assert_eq!((taken.count(), taken.micros), (3000, 3 * 500_500_000));
        for (part, ms) in [(0.5, 500.0), (0.75, 750.0), (0.99, 990.0), (0.999, 999.0)] {
            let found = taken.quantile(part);
            assert!((found / ms - 1.0).abs() < 0.125, "{found} is not {ms}");
        }
        times.add(Duration::from_micros(100), 1);
        let mut now = Taken::default();
        now.add(&times);
        let since = now.since(&taken);
        assert_eq!((since.count(), since.micros), (1, 100));
        assert!((0.096..=0.104).contains(&since.quantile(0.5)));
    }
}
