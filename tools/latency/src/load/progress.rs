//! What is told each second, on standard error.

use crate::outcome::distribution;
use hdrhistogram::Histogram;

const SECOND: u64 = 1_000_000_000;

/// The second that is under way.
#[derive(Debug)]
pub struct Progress {
    quiet: bool,
    next: u64,
    latency: Histogram<u64>,
    records: u64,
    bytes: u64,
}

impl Progress {
    pub fn new(quiet: bool) -> Progress {
        Progress { quiet, next: SECOND, latency: distribution(), records: 0, bytes: 0 }
    }

    pub fn record(&mut self, latency: u64, times: u64) {
        if !self.quiet {
            self.latency.saturating_record_n(latency, times);
        }
    }

    pub fn count(&mut self, records: u64, bytes: u64) {
        self.records += records;
        self.bytes += bytes;
    }

    /// Whether a second is over; `elapsed` is since the part that counts began.
    pub fn is_due(&self, elapsed: u64) -> bool {
        elapsed >= self.next
    }

    /// Tells of it, and begins the next one.
    pub fn tell(&mut self, elapsed: u64) {
        if !self.quiet {
            eprintln!("{}", self.line());
        }
        self.clear();
        self.next = (elapsed / SECOND + 1) * SECOND;
    }

    fn line(&self) -> String {
        let ms = |quantile| self.latency.value_at_quantile(quantile) as f64 / 1e6;
        let latency = match self.latency.max() as f64 / 1e6 {
            _ if self.latency.is_empty() => "nothing came back".to_owned(),
            max => format!("p50 {:.3} ms  p99 {:.3}  max {max:.3}", ms(0.5), ms(0.99)),
        };
        format!(
            "{:>5} s  {:>9} records/s  {:>8.1} MB/s  {latency}",
            self.next / SECOND,
            self.records,
            self.bytes as f64 / 1e6,
        )
    }

    /// Forgets what came so far.
    pub fn clear(&mut self) {
        self.latency.reset();
        (self.records, self.bytes) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_in_which_nothing_came_says_so() {
        let mut progress = Progress::new(false);
        assert!(!progress.is_due(SECOND - 1) && progress.is_due(SECOND));
        progress.count(0, 2_000_000);
        let line = progress.line();
        assert!(line.contains("2.0 MB/s  nothing came back") && !line.contains("p50"), "{line}");
        progress.record(1_500_000, 1);
        assert!(progress.line().contains("p50 1.5"), "{}", progress.line());
    }
}
