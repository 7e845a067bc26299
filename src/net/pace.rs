//! How long a turn goes on before what is left of it waits for the next one.
//!
//! A worker that has much to do for a few connections would look at nobody else for as long as that takes: at the
//! messages of other threads, at its timers, at a connection whose one small request has just come. So each part
//! of a turn (what was left over, receiving, mail, timers, what the service has gathered, writing, closing) ends when
//! its time is over; what it has not come to stands first in the next turn, behind a wait that does not wait. Every part does at least one connection's share, so all
//! get on. The clock is looked at only after so much work that it does not count: most turns are over before.

use std::time::{Duration, Instant};

/// The time of each part, beyond which it goes for the frame that is under way, and for what comes before the next
/// look.
const TIME: Duration = Duration::from_micros(150);
/// The work after which the clock is looked at, in bytes that are handled.
const LOOK: usize = 32 << 10;
/// What a frame counts for besides its bytes.
const FRAME: usize = 4 << 10;
/// Writes that a later call of the kernel's carries out end this part at so many bytes: nobody looks at the clock
/// then, and they take about as long as a part may.
const LATER: usize = 1 << 20;
/// What such a write counts for besides its bytes.
const WRITE: usize = 16 << 10;
/// What a receive counts for besides its bytes.
const RECEIVE: usize = 1 << 10;
/// Bytes that are written cost this fraction of bytes that are handled.
const WRITTEN: usize = 8;

/// The time of one part of a turn. See the module's comment.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When it began, or when the clock was first looked at.
    since: Option<Instant>,
    /// The work since it was last looked at.
    work: usize,
    /// What is to be written later.
    later: usize,
    is_over: bool,
}

impl Pace {
    /// A part of the turn begins.
    pub(crate) fn begin(&mut self) {
        *self = Pace::default();
    }

    /// The same where somebody has just looked at the clock.
    pub(crate) fn begin_at(&mut self, now: Instant) {
        *self = Pace { since: Some(now), ..Pace::default() };
    }

    /// The rest is left to the next turn.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// So many bytes came, be it that no frame ends with them.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.work += bytes + RECEIVE;
        self.look();
    }

    /// A frame of so many bytes was handled.
    pub(crate) fn handled(&mut self, bytes: usize) {
        self.work += bytes + FRAME;
        self.look();
    }

    /// So much was done as takes so many small frames.
    pub(crate) fn handled_all(&mut self, frames: usize) {
        self.work += frames.clamp(1, LOOK) * FRAME;
        self.look();
    }

    /// So many bytes were written with one call.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.work += bytes / WRITTEN + FRAME;
        self.look();
    }

    /// So many bytes are written by a call to come.
    pub(crate) fn will_write(&mut self, bytes: usize) {
        self.later += bytes + WRITE;
        self.is_over |= self.later >= LATER;
    }

    /// Something was done, and nobody knows how much work it was.
    pub(crate) fn did(&mut self) {
        self.work = LOOK;
        self.look();
    }

    fn look(&mut self) {
        if self.work < LOOK {
            return;
        }
        self.work = 0;
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        self.is_over |= now.saturating_duration_since(since) >= TIME;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_work_is_never_over_and_much_is() {
        let mut pace = Pace::default();
        for _ in 0..7 {
            pace.handled(0);
        }
        assert!(pace.since.is_none(), "the clock was looked at");
        while !pace.is_over() {
            pace.handled(16 << 10);
        }
        assert!(pace.since.is_some_and(|since| since.elapsed() >= TIME));
        pace.begin();
        assert!(!pace.is_over());
        while !pace.is_over() {
            pace.wrote(1 << 20);
        }
        let long_ago = Instant::now() - TIME;
        pace.begin_at(long_ago);
        pace.handled(1 << 20);
        assert!(pace.is_over(), "one that takes as long is the last");
    }

    #[test]
    fn work_of_a_known_size_looks_at_the_clock_when_it_counts() {
        for (frames, most) in [(0, 8), (1, 8), (3, 3), (8, 1), (usize::MAX, 1)] {
            let mut pace = Pace::default();
            let mut times = 0;
            while pace.since.is_none() {
                pace.handled_all(frames);
                times += 1;
            }
            assert_eq!(times, most, "of {frames} frames");
        }
    }

    #[test]
    fn what_others_will_write_ends_a_part_by_its_size() {
        for (bytes, most) in [(100, 64), (100 << 10, 9), (1 << 20, 1)] {
            let mut pace = Pace::default();
            let mut writes = 0;
            while !pace.is_over() {
                pace.will_write(bytes);
                writes += 1;
            }
            assert_eq!(writes, most, "of {bytes} bytes");
            pace.begin();
            assert!(!pace.is_over());
        }
    }
}
