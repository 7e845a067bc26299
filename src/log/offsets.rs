//! The offsets that a log shows to the world, and their law.
//!
//! `log_start <= last_stable <= high_watermark <= log_end`, checked in one place:
//! [`Published::check`], which every change goes through. Readers copy the whole under a small lock that is
//! never held across a system call; the writer's lock is not theirs to take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The four offsets of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The first offset that can be read.
    pub log_start: i64,
    /// Up to here read_committed consumers see: no transaction is open below it.
    pub last_stable: i64,
    /// Up to here consumers see: everything below is replicated.
    pub high_watermark: i64,
    /// The offset that the next record gets.
    pub log_end: i64,
}

/// How far a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A consumer.
    HighWatermark,
    /// A read_committed consumer.
    LastStable,
    /// A follower.
    LogEnd,
}

/// A batch boundary: an offset, and where the batch that begins there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) offset: i64,
    /// The segment's base offset.
    pub(crate) segment: i64,
    /// The byte in the segment's `.log`.
    pub(crate) byte: u64,
}

/// What readers may see, with the positions, so that a read up to a bound never leaks later bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published {
    pub(crate) log_start: i64,
    pub(crate) high_watermark: Position,
    pub(crate) log_end: Position,
    /// The first offset of the earliest transaction that is open, or whose end is not yet below
    /// the high watermark.
    pub(crate) first_unstable: Option<Position>,
}

impl Published {
    /// A log from `log_start` to `log_end` of which nothing is known to be replicated.
    pub(crate) fn new(log_start: Position, log_end: Position) -> Published {
        let high_watermark = log_start;
        Published { log_start: log_start.offset, high_watermark, log_end, first_unstable: None }
    }

    /// The offset up to which no transaction is open.
    pub(crate) fn last_stable(&self) -> Position {
        match self.first_unstable {
            Some(unstable) if unstable.offset < self.high_watermark.offset => unstable,
            _ => self.high_watermark,
        }
    }

    pub(crate) fn bound(&self, bound: Bound) -> Position {
        match bound {
            Bound::HighWatermark => self.high_watermark,
            Bound::LastStable => self.last_stable(),
            Bound::LogEnd => self.log_end,
        }
    }

    pub(crate) fn offsets(&self) -> Offsets {
        Offsets {
            log_start: self.log_start,
            last_stable: self.last_stable().offset.max(self.log_start),
            high_watermark: self.high_watermark.offset,
            log_end: self.log_end.offset,
        }
    }

    /// The law; and positions grow with offsets.
    fn check(&self) {
        let Offsets { log_start, last_stable, high_watermark, log_end } = self.offsets();
        assert!(
            0 <= log_start && log_start <= last_stable && last_stable <= high_watermark,
            "0 <= {log_start} <= {last_stable} <= {high_watermark}"
        );
        assert!(high_watermark <= log_end, "high watermark {high_watermark} <= end {log_end}");
        let (visible, end) = (self.high_watermark, self.log_end);
        assert!((visible.segment, visible.byte) <= (end.segment, end.byte), "{visible:?} {end:?}");
    }
}

/// The published state of one log, behind its small lock.
pub(crate) struct Watermarks {
    published: Mutex<Published>,
    retractions: AtomicU64,
}

impl Watermarks {
    pub(crate) fn new(published: Published) -> Watermarks {
        published.check();
        Watermarks { published: Mutex::new(published), retractions: AtomicU64::new(0) }
    }

    /// What is published now.
    pub(crate) fn get(&self) -> Published {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one setter: changes what is published and checks the law. A change that breaks it never
    /// becomes visible.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Published)) -> Published {
        let mut published = self.lock();
        let mut next = *published;
        change(&mut next);
        next.check();
        assert!(next.log_start >= published.log_start, "the log start never goes back");
        *published = next;
        next
    }

    /// Shows a shorter log: the one way in which offsets go back.
    pub(crate) fn retract(&self, shorter: Published) {
        shorter.check();
        let mut published = self.lock();
        *published = shorter;
        self.retractions.fetch_add(1, Ordering::AcqRel);
    }

    /// How often offsets went back. What was found out by bounds from before such a moment may be
    /// about bytes that are others now.
    pub(crate) fn retractions(&self) -> u64 {
        self.retractions.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Position {
        Position { offset, segment: 0, byte: offset as u64 * 100 }
    }

    fn watermarks() -> Watermarks {
        Watermarks::new(Published::new(at(10), at(50)))
    }

    #[test]
    fn the_last_stable_offset_is_the_first_unstable_one_or_the_high_watermark() {
        let marks = watermarks();
        marks.set(|p| p.high_watermark = at(40));
        assert_eq!(marks.get().offsets().last_stable, 40);
        marks.set(|p| p.first_unstable = Some(at(30)));
        assert_eq!(marks.get().offsets().last_stable, 30);
        marks.set(|p| p.first_unstable = Some(at(45)));
        assert_eq!(marks.get().offsets().last_stable, 40);
    }

    #[test]
    #[should_panic(expected = "high watermark")]
    fn the_high_watermark_never_passes_the_end() {
        watermarks().set(|p| p.high_watermark = at(51));
    }

    #[test]
    #[should_panic(expected = "<=")]
    fn the_log_start_never_passes_the_high_watermark() {
        watermarks().set(|p| p.log_start = 11);
    }

    #[test]
    fn only_a_retraction_goes_back_and_readers_can_tell() {
        let marks = watermarks();
        marks.set(|p| p.high_watermark = at(40));
        let before = marks.retractions();
        marks.set(|p| p.log_end = at(60));
        assert_eq!(marks.retractions(), before);
        marks.retract(Published::new(at(5), at(20)));
        assert_eq!((marks.get().offsets().log_start, marks.get().log_end.offset), (5, 20));
        assert_ne!(marks.retractions(), before);
    }

    #[test]
    #[should_panic(expected = "never goes back")]
    fn the_log_start_never_goes_back() {
        watermarks().set(|p| p.log_start = 9);
    }
}
