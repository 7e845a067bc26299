//! Who was turned away and why, in a bounded number of lines.
//!
//! Anybody can make bad connections as fast as they like; they must not be able to fill a disk
//! with the news of it. Ordinary ends of connections are of interest at debug level only.

use std::time::{Duration, Instant};

/// Lines per second.
const LINES: u32 = 10;
const PERIOD: Duration = Duration::from_secs(1);

/// Writes at most [`LINES`] warnings a second, and tells how many it left out.
pub(crate) struct Reporter {
    since: Instant,
    lines: u32,
    suppressed: u64,
}

impl Reporter {
    pub(crate) fn new(now: Instant) -> Reporter {
        Reporter { since: now, lines: 0, suppressed: 0 }
    }

    /// Warns of what a peer or the machine did, unless too much has been said already. The line is told
    /// how many were suppressed before it, if any were.
    pub(crate) fn warn(&mut self, now: Instant, line: impl FnOnce(Option<u64>)) {
        if let Some(suppressed) = self.admit(now) {
            line(Some(suppressed).filter(|count| *count > 0));
        }
    }

    /// How many lines were suppressed before this one, if this one may be written.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if now.saturating_duration_since(self.since) >= PERIOD {
            (self.since, self.lines) = (now, 0);
        }
        if self.lines == LINES {
            self.suppressed += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_a_few_lines_and_a_count() {
        let start = Instant::now();
        let mut reporter = Reporter::new(start);
        let written = (0..1_000).filter(|_| reporter.admit(start).is_some()).count();
        assert_eq!(written, LINES as usize);
        assert_eq!(reporter.admit(start + PERIOD), Some(990));
        assert_eq!(reporter.admit(start + PERIOD), Some(0));
    }
}
