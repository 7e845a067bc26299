//! What was appended and is not written back, of all logs together, and what it costs to bring more.
//!
//! The kernel lets dirty pages pile up to a limit of its own; then it puts whoever dirties one more to
//! sleep, in a page fault: the preparer first, then a worker with all its connections. So producers are
//! slowed down before. Each byte has a price in time for which its connection is not read. Up to half of
//! the limit it is nothing, and from there it rises with the square: a 64th of the limit higher it is the time that
//! the disk takes for the byte, at the limit itself a thousand times that. So a thousand producers that never
//! stop settle below the limit, each with the same share of the disk, and who brings little waits little.
//!
//! One request costs a second at most. A client may have five on their way, each waits for those before it,
//! and what is not answered in time comes again (`request.timeout.ms`: 30 s). Producers that bring more than the
//! disk takes in a second with one request each would never settle so; from the limit on the most rises,
//! to four seconds a quarter above it. There they settle, below where the kernel stops everybody. Whom not even that
//! holds the kernel does: the fifth request could not be answered in time then, whatever is done here.
//!
//! The counter goes up with each append and down with each piece that a flusher has seen written. Flushers
//! also measure what the disk takes, and only while too much waits for it: a disk that is asked for little
//! tells nothing. Nothing here blocks a worker.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The limit where there is none.
const NEVER: u64 = u64::MAX;
/// What the disk takes in a second, until it was measured.
const FIRST_RATE: u64 = 100_000_000;
/// The disk's pace is measured over at least so long.
const SAMPLE: Duration = Duration::from_millis(100);
/// The upper half of the limit in steps: at the first the price of a byte is the disk's time for it.
const STEPS: f64 = 32.0;
/// What a single request costs at most, up to the limit.
const DEAR: Duration = Duration::from_secs(1);
/// The same from a quarter above the limit on: of five requests the last one waits four times that.
const DEAREST: Duration = Duration::from_secs(4);

/// See the module's comment.
#[derive(Debug)]
pub(crate) struct Pressure {
    unwritten: AtomicU64,
    limit: AtomicU64,
    /// What the disk takes in a second.
    rate: AtomicU64,
    measure: Mutex<Measure>,
}

impl Pressure {
    pub(super) fn new() -> Arc<Pressure> {
        Arc::new(Pressure {
            unwritten: AtomicU64::new(0),
            limit: AtomicU64::new(NEVER),
            rate: AtomicU64::new(FIRST_RATE),
            measure: Mutex::default(),
        })
    }

    /// Slows producers down before so many bytes are unwritten, or never.
    pub(super) fn set_limit(&self, limit: Option<u64>) {
        self.limit.store(limit.unwrap_or(NEVER), Ordering::Relaxed);
    }

    /// Bytes that were appended and are not written back.
    pub(super) fn unwritten(&self) -> u64 {
        self.unwritten.load(Ordering::Relaxed)
    }

    /// There is so much that producers pay for it.
    pub(super) fn is_high(&self) -> bool {
        self.unwritten() > self.limit.load(Ordering::Relaxed) / 2
    }

    /// What who has brought so many bytes has to wait.
    pub(super) fn price_of(&self, bytes: u64) -> Duration {
        let (unwritten, limit) = (self.unwritten(), self.limit.load(Ordering::Relaxed));
        price(unwritten, limit, self.rate.load(Ordering::Relaxed), bytes)
    }

    /// So many bytes less, for a flusher has seen them written.
    fn written(&self, bytes: u64) {
        self.take_off(bytes, |measure, is_high| {
            if let Some(rate) = measure.written(bytes, is_high, Instant::now()) {
                self.rate.store(rate, Ordering::Relaxed);
            }
        });
    }

    /// So many bytes less, whatever became of them.
    fn forget(&self, bytes: u64) {
        self.take_off(bytes, |measure, is_high| {
            if !is_high {
                measure.rest();
            }
        });
    }

    /// Takes bytes off, and tells the measure if there is still too much: nothing else lowers the level, so
    /// it never falls without being seen here.
    fn take_off(&self, bytes: u64, tell: impl FnOnce(&mut Measure, bool)) {
        let mut measure = self.measure.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.unwritten.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "{bytes} of {before} bytes were written");
        let left = before.saturating_sub(bytes);
        tell(&mut measure, left > self.limit.load(Ordering::Relaxed) / 2);
    }
}

/// The time for which who has brought `bytes` is not read.
fn price(unwritten: u64, limit: u64, rate: u64, bytes: u64) -> Duration {
    let excess = unwritten.saturating_sub(limit / 2);
    if excess == 0 {
        return Duration::ZERO;
    }
    let steps = excess as f64 * STEPS / (limit / 2).max(1) as f64;
    let seconds = bytes as f64 * steps * steps / rate.max(1) as f64;
    Duration::from_secs_f64(seconds.min(most(unwritten, limit)))
}

/// The seconds that one request costs at most.
fn most(unwritten: u64, limit: u64) -> f64 {
    let above = unwritten.saturating_sub(limit) as f64 / (limit / 4).max(1) as f64;
    let (dear, dearest) = (DEAR.as_secs_f64(), DEAREST.as_secs_f64());
    dear + (dearest - dear) * above.min(1.0)
}

/// What the disk takes.
#[derive(Debug, Default)]
struct Measure {
    rate: Option<u64>,
    /// Since when so many bytes were written, while more waited all the time.
    since: Option<(Instant, u64)>,
}

impl Measure {
    /// Notes bytes that were written; `is_high` if too much waits for it still. Gives the bytes in
    /// a second if that is news.
    fn written(&mut self, bytes: u64, is_high: bool, now: Instant) -> Option<u64> {
        let (since, sum) = self.since.map_or((now, 0), |(since, sum)| (since, sum + bytes));
        let elapsed = now.saturating_duration_since(since);
        let is_sample = elapsed >= SAMPLE;
        let begun = if is_sample { (now, 0) } else { (since, sum) };
        // From where too little waits on it may rest, and nothing tells for how long it did.
        self.since = is_high.then_some(begun);
        if !is_sample {
            return None;
        }
        let sample = (sum as f64 / elapsed.as_secs_f64()) as u64;
        self.rate = Some(self.rate.map_or(sample, |rate| rate / 2 + sample / 2).max(1));
        self.rate
    }

    /// Too little waits for it.
    fn rest(&mut self) {
        self.since = None;
    }
}

/// What one log has in it. Bytes are counted from the first that this process has appended.
#[derive(Debug)]
pub(super) struct Share {
    pressure: Arc<Pressure>,
    appended: AtomicU64,
    written: AtomicU64,
    /// Nothing of it is written any more.
    is_over: AtomicBool,
}

impl Share {
    pub(super) fn of(pressure: &Arc<Pressure>) -> Share {
        let (appended, written) = (AtomicU64::new(0), AtomicU64::new(0));
        let is_over = AtomicBool::new(false);
        Share { pressure: pressure.clone(), appended, written, is_over }
    }

    /// So many bytes were appended; for the holder of the writer lock.
    pub(super) fn appended(&self, bytes: u64) {
        self.pressure.unwritten.fetch_add(bytes, Ordering::Relaxed);
        self.appended.fetch_add(bytes, Ordering::SeqCst);
        if self.is_over.load(Ordering::SeqCst) {
            // It was under way when the log was given up: whoever comes last sees the other.
            self.pressure.forget(self.advance(u64::MAX));
        }
    }

    /// So many more are written, but not beyond `end`.
    pub(super) fn written(&self, bytes: u64, end: u64) {
        let written = self.written.load(Ordering::Relaxed);
        self.written_to(end.min(written.saturating_add(bytes)));
    }

    /// All up to `end` are written.
    pub(super) fn written_to(&self, end: u64) {
        let bytes = self.advance(end);
        if bytes > 0 {
            self.pressure.written(bytes);
        }
    }

    /// What was appended will not be written any more, nor what still comes: nobody shall wait for it.
    pub(super) fn give_up(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.pressure.forget(self.advance(u64::MAX));
    }

    /// Moves the mark; gives the bytes that are new.
    fn advance(&self, end: u64) -> u64 {
        let end = end.min(self.appended.load(Ordering::SeqCst));
        end.saturating_sub(self.written.fetch_max(end, Ordering::Relaxed))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_up();
    }
}

#[cfg(test)]
#[path = "pressure_tests.rs"]
mod tests;
