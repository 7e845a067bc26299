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

    pub fn record(&mut self, latency: u64) {
        if !self.quiet {
            self.latency.saturating_record(latency);
        }
    }

    pub fn count(&mut self, records: u64, bytes: u64) {
        self.records += records;
        self.bytes += bytes;
    }

    /// Tells of the last second, if it is over; `elapsed` is since the part that counts began.
    pub fn tell(&mut self, elapsed: u64, counts: bool) {
        if !counts {
            self.clear();
            return;
        }
        if self.quiet || elapsed < self.next {
            return;
        }
        let ms = |quantile| self.latency.value_at_quantile(quantile) as f64 / 1e6;
        eprintln!(
            "{:>5} s  {:>9} records/s  {:>8.1} MB/s  p50 {:.3} ms  p99 {:.3}  max {:.3}",
            self.next / SECOND,
            self.records,
            self.bytes as f64 / 1e6,
            ms(0.5),
            ms(0.99),
            self.latency.max() as f64 / 1e6,
        );
        self.clear();
        self.next = (elapsed / SECOND + 1) * SECOND;
    }

    fn clear(&mut self) {
        self.latency.reset();
        (self.records, self.bytes) = (0, 0);
    }
}
