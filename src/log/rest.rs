//! How many logs may be open for writing at once.
//!
//! A log that is written to holds three descriptors and up to three mappings, as many again of the segment
//! before, and the process has only so many of either. When more logs than [`super::limits::open_segments`] are open for
//! writing, the preparer puts those to rest that were not written to since it last looked at them
//! (the clock algorithm): their reserve is cut off and their files are closed, as at a clean stop. The next
//! append opens them again. So a hundred thousand partitions can be written to, each now and then,
//! by a process that may have a few thousand files open.
//!
//! States of a log: *closed* → append → *open* (in [`OPEN`], once) → put to rest → *closed*.
//! Nobody waits for the writer lock of a log here: one that is taken is in use.

use super::append::Writer;
use super::preparer::{Job, NextSegment};
use super::segment::Segment;
use super::{Log, limits};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError, Weak};

/// The logs that are open for writing, in the order in which they are looked at next.
static OPEN: Mutex<VecDeque<OpenLog>> = Mutex::new(VecDeque::new());
/// The preparer was asked to make room and has not begun.
static ASKED: AtomicBool = AtomicBool::new(false);

/// A log that is open for writing, unless it is gone.
struct OpenLog {
    writer: Weak<Mutex<Writer>>,
    next: Weak<NextSegment>,
    segments: Weak<RwLock<Vec<Arc<Segment>>>>,
}

/// What came of looking at a log.
enum Looked {
    /// It is closed now, or was before.
    Closed,
    /// It is in use.
    InUse,
}

fn open_logs() -> MutexGuard<'static, VecDeque<OpenLog>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that a log is open for writing from now on, and sees to it that not too many are. The
/// caller holds the log's writer lock.
pub(super) fn opened(log: &Log) {
    let mut open = open_logs();
    open.push_back(OpenLog {
        writer: Arc::downgrade(&log.writer),
        next: Arc::downgrade(&log.next),
        segments: Arc::downgrade(&log.segments),
    });
    let (count, limit) = (open.len(), limits::open_segments());
    drop(open);
    if count > limit && !ASKED.swap(true, Ordering::AcqRel) {
        log.keepers.preparer.ask(Job::Rest);
    }
    if count > limit + limit / 4 {
        look(1); // The preparer is outrun, or gone.
    }
}

/// Puts logs to rest until an eighth of the limit is free again.
pub(super) fn make_room() {
    ASKED.store(false, Ordering::Release);
    let limit = limits::open_segments();
    let count = open_logs().len();
    look(count.saturating_sub(limit - limit / 8));
}

/// Takes the question back: there is no preparer that could answer it.
pub(super) fn unask() {
    ASKED.store(false, Ordering::Release);
}

/// Looks at logs, at each at most twice, until so many were put to rest or are gone.
fn look(mut wanted: usize) {
    let looks = 2 * open_logs().len();
    for _ in 0..looks {
        if wanted == 0 {
            return;
        }
        let Some(log) = open_logs().pop_front() else { return };
        match log.look() {
            Looked::Closed => wanted -= 1,
            Looked::InUse => open_logs().push_back(log),
        }
    }
}

impl OpenLog {
    fn look(&self) -> Looked {
        let Some(writer) = self.writer.upgrade() else { return Looked::Closed };
        let mut writer = match writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Looked::InUse,
        };
        if writer.closed || writer.active.tails.is_none() {
            writer.listed = false;
            return Looked::Closed;
        }
        if std::mem::take(&mut writer.used) {
            return Looked::InUse;
        }
        writer.listed = false;
        if let Some(next) = self.next.upgrade() {
            next.discard();
        }
        let rests = writer.rest();
        // A roll leaves those of the segment before open.
        if let Some(segments) = self.segments.upgrade().filter(|_| rests) {
            let segments = segments.read().unwrap_or_else(PoisonError::into_inner);
            segments.iter().for_each(|segment| segment.release_uncounted());
        }
        Looked::Closed
    }
}

impl Writer {
    /// Closes the active segment's files as a clean stop does; the next append opens them again. False if they
    /// stay open.
    fn rest(&mut self) -> bool {
        // The path is for messages only.
        if let Err(error) = self.active.finish_time_index(Path::new("")) {
            ::log::debug!(error:%; "a log cannot be put to rest");
            return false;
        }
        let Some(tails) = self.active.tails.take() else { return false };
        let files = self.active.segment.seal(tails);
        self.active.rested();
        // Uncut, they stay open, so that closing the log tries again.
        if let Err(error) = files.trim() {
            ::log::warn!(error:%; "a segment's reserve cannot be cut off");
            return false;
        }
        self.active.segment.release_files();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::Keepers;
    use super::*;
    use crate::config::TopicConfig;
    use crate::wire::records::BatchBuilder;

    fn append(log: &Log) {
        append_value(log, 10_000);
    }

    fn append_value(log: &Log, len: usize) {
        let mut builder = BatchBuilder::new();
        builder.append(1_000, None, Some(&vec![7; len]), &[]);
        log.append_internal(&builder.finish(), 0).unwrap();
    }

    fn are_open(log: &Log) -> Vec<bool> {
        log.segments().iter().map(|segment| segment.opened().is_some()).collect()
    }

    #[test]
    fn the_last_two_segments_are_open_while_the_log_is_written_to_and_none_when_it_rests() {
        let name = format!("barnabas-rest-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let keepers = Keepers::spawn().unwrap();
        keepers.stop();
        let config = Arc::new(TopicConfig { segment_bytes: 16_000, ..TopicConfig::default() });
        let log = Log::create(dir.join("t-0"), config, keepers).unwrap();
        (0..4).for_each(|_| append(&log));
        assert_eq!(are_open(&log), [false, false, true, true]);
        log.flush().unwrap();
        // What a reader has opened is counted, and stays open for the next one.
        let read = log.files_of(&log.segments()[0]).unwrap();
        let closing: Vec<_> = log.segments()[2..]
            .iter()
            .map(|segment| Arc::downgrade(&segment.opened().unwrap().log))
            .collect();
        let (writer, next) = (Arc::downgrade(&log.writer), Arc::downgrade(&log.next));
        let open = OpenLog { writer, next, segments: Arc::downgrade(&log.segments) };
        assert!(matches!(open.look(), Looked::InUse), "it was written to since the last look");
        assert_eq!(are_open(&log), [true, false, true, true]);
        assert!(matches!(open.look(), Looked::Closed));
        assert_eq!(are_open(&log), [true, false, false, false]);
        assert!(closing.iter().all(|files| files.upgrade().is_none()), "somebody keeps them");
        append(&log);
        assert_eq!(are_open(&log), [false, false, false, true, true]);
        drop((read, log));
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_log_that_is_written_by_calls_rests_without_its_reserve_and_goes_on() {
        let name = format!("barnabas-rest-by-call-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let keepers = Keepers::spawn().unwrap();
        keepers.stop();
        let log = Log::create(dir.join("t-0"), Arc::new(TopicConfig::default()), keepers).unwrap();
        append_value(&log, 100_000);
        let path = dir.join("t-0/00000000000000000000.log");
        let on_disk = || std::fs::metadata(&path).unwrap().len();
        let size = log.segments()[0].size();
        assert!(on_disk() > size, "it has a reserve");
        let (writer, next) = (Arc::downgrade(&log.writer), Arc::downgrade(&log.next));
        let open = OpenLog { writer, next, segments: Arc::downgrade(&log.segments) };
        assert!(matches!((open.look(), open.look()), (Looked::InUse, Looked::Closed)));
        assert_eq!((on_disk(), are_open(&log)), (size, vec![false]));
        append_value(&log, 100);
        append_value(&log, 100_000);
        let end = log.segments()[0].size();
        let files = log.files_of(&log.segments()[0]).unwrap();
        let headers: Vec<_> = files.headers(0, end).unwrap().map(|one| one.header).collect();
        let offsets: Vec<i64> = headers.iter().map(|header| header.base_offset).collect();
        assert_eq!(offsets, [0, 1, 2]);
        drop((files, log));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
