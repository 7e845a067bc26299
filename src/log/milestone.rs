//! A place behind the end of a log up to which it can be flushed without touching what is written to.
//!
//! A flush that goes to the very end has the kernel write-protect the pages that the next append goes
//! to (see [`super::file`]). So the writer notes where the last batch (or run of batches) begins that reaches across the
//! bounds of a folio, or that a segment begins with: what lies before is in other folios than the
//! tail. The note has its time: what a flush up to it leaves was appended later.

use super::file::FOLIO;
use super::offsets::Position;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The last place of that kind that the log's end has passed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Milestone {
    pub(super) end: Position,
    /// Bytes that were ever appended to the log up to there.
    pub(super) appended: u64,
    pub(super) at: Instant,
}

/// Where it is noted. See the module's comment.
#[derive(Default)]
pub(super) struct LastMilestone(Mutex<Option<Milestone>>);

impl LastMilestone {
    /// Batches of `size` bytes, the first of which is at `start`, were published: for the holder of the
    /// writer lock.
    pub(super) fn pass(&self, start: Position, size: u64, appended: u64) {
        if start.byte / FOLIO != (start.byte + size) / FOLIO {
            self.set(start, appended);
        }
    }

    /// A segment begins here. For the holder of the writer lock.
    pub(super) fn set(&self, end: Position, appended: u64) {
        *self.lock() = Some(Milestone { end, appended, at: Instant::now() });
    }

    /// The place, if it is beyond `flushed`.
    pub(super) fn beyond(&self, flushed: i64) -> Option<Milestone> {
        self.lock().filter(|milestone| milestone.end.offset > flushed)
    }

    /// Its offset.
    pub(super) fn offset(&self) -> Option<i64> {
        self.lock().map(|milestone| milestone.end.offset)
    }

    /// When it was passed, if it is at this offset: what lies beyond came later.
    pub(super) fn at(&self, offset: i64) -> Option<Instant> {
        self.lock().filter(|milestone| milestone.end.offset == offset).map(|it| it.at)
    }

    /// What was passed is gone.
    pub(super) fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Milestone>> {
        // What it guards is stored whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_lies_before_the_folio_that_is_written_to() {
        for size in [100_000, 3 * FOLIO + 7] {
            let milestones = LastMilestone::default();
            let at = |byte: u64| Position { offset: byte as i64, segment: 0, byte };
            for number in 0..100 {
                let (start, end) = (number * size, (number + 1) * size);
                milestones.pass(at(start), size, start);
                match milestones.beyond(0) {
                    Some(Milestone { end: Position { byte, .. }, appended, .. }) => {
                        assert_eq!(byte, appended);
                        let written = byte.next_multiple_of(FOLIO);
                        assert!(written <= end, "{written} is beyond {end}");
                        assert!(end - byte <= FOLIO + size, "{byte} is far behind {end}");
                    }
                    None => assert!(end <= FOLIO + size, "{end}"),
                }
            }
            let place = milestones.beyond(0).unwrap();
            assert!(milestones.beyond(place.end.offset).is_none(), "it was flushed to");
            milestones.forget();
            assert!(milestones.beyond(0).is_none());
        }
    }
}
