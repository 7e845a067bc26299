//! What a turn came to.

use hdrhistogram::Histogram;

/// The longest latency that is told apart: longer ones count as this long. Nanoseconds.
pub const LONGEST: u64 = 600 * 1_000_000_000;

/// An empty distribution of nanoseconds, exact to three digits.
pub fn distribution() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, LONGEST, 3) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("the bounds are fixed: {error}"),
    }
}

/// What a broker used from the beginning to when it was last looked at, and what it did by then: at the end,
/// or less than a second before it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Nanoseconds on a processor.
    pub cpu_ns: u64,
    /// Bytes of memory, at that time.
    pub resident: u64,
    /// Requests that it had answered, and their bytes.
    pub requests: u64,
    pub bytes: u64,
}

/// What one turn of one broker came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Latencies in nanoseconds.
    pub latency: Histogram<u64>,
    /// Records (of fetch: bytes of records) that got done while it was measured.
    pub records: u64,
    /// Bytes of batches that went over the wire for that.
    pub bytes: u64,
    /// Requests.
    pub requests: u64,
    /// Requests that were due and not answered when the turn ended.
    pub unanswered: u64,
    /// Records that were due and that consumers did not see by then; each is counted for each consumer.
    pub missing: u64,
    /// How long that was.
    pub seconds: f64,
    /// What the broker used, if that is known.
    pub used: Option<Used>,
    /// The share of a processor that the load itself took: near 1, and it was the load that was slow.
    pub load_share: f64,
}

impl Outcome {
    /// Nothing yet.
    pub fn new() -> Outcome {
        Outcome {
            latency: distribution(),
            records: 0,
            bytes: 0,
            requests: 0,
            unanswered: 0,
            missing: 0,
            seconds: 0.0,
            used: None,
            load_share: 0.0,
        }
    }

    /// Requests a second.
    pub fn request_rate(&self) -> f64 {
        self.requests as f64 / self.seconds.max(1e-9)
    }

    /// Records a second.
    pub fn record_rate(&self) -> f64 {
        self.records as f64 / self.seconds.max(1e-9)
    }

    /// MB a second.
    pub fn megabytes(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.seconds.max(1e-9)
    }

    /// Seconds of the broker's processors by GB.
    pub fn cpu_by_gb(&self) -> Option<f64> {
        let used = self.used?;
        (used.bytes > 0).then(|| used.cpu_ns as f64 / used.bytes as f64)
    }

    /// Microseconds of the broker's processors by the request.
    pub fn cpu_by_request(&self) -> Option<f64> {
        let used = self.used?;
        (used.requests > 0).then(|| used.cpu_ns as f64 / 1e3 / used.requests as f64)
    }

    /// A latency in milliseconds below which this share of all was.
    pub fn at(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e6
    }
}

/// All turns of one broker.
#[derive(Debug, Clone)]
pub struct Series {
    /// The broker.
    pub name: String,
    /// Its turns.
    pub turns: Vec<Outcome>,
}

impl Series {
    /// All latencies of all turns.
    pub fn latency(&self) -> Histogram<u64> {
        let mut all = distribution();
        for turn in &self.turns {
            // The bounds are the same, so it fits.
            let _ = all.add(&turn.latency);
        }
        all
    }

    /// The median of something over the turns; none where a turn has none.
    pub fn median(&self, of: impl Fn(&Outcome) -> Option<f64>) -> Option<f64> {
        let mut all: Vec<f64> = self.turns.iter().map(of).collect::<Option<_>>()?;
        all.sort_by(f64::total_cmp);
        let (middle, is_even) = (all.len() / 2, all.len().is_multiple_of(2));
        let upper = *all.get(middle)?;
        Some(if is_even { (upper + all.get(middle - 1)?) / 2.0 } else { upper })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_told_apart_wherever_they_are() {
        for value in [1, 999, 1_230, 4_560, 78_900, 123_000, 9_870_000, 65_400_000_000] {
            let mut latency = distribution();
            latency.saturating_record(value);
            let shown = latency.value_at_quantile(0.5);
            assert!(shown.abs_diff(value) * 1_000 <= value, "{value} became {shown}");
        }
    }

    #[test]
    fn medians_lie_in_the_middle() {
        let turn = |requests| Outcome { requests, seconds: 1.0, ..Outcome::new() };
        let series = |counts: &[u64]| Series {
            name: "x".into(),
            turns: counts.iter().map(|count| turn(*count)).collect(),
        };
        let rate = |counts: &[u64]| series(counts).median(|turn| Some(turn.request_rate()));
        assert_eq!(rate(&[5, 1, 9]), Some(5.0));
        assert_eq!(rate(&[1, 3]), Some(2.0));
        assert_eq!(rate(&[]), None);
        assert_eq!(series(&[1]).median(Outcome::cpu_by_gb), None);
    }
}
