//! How many logs may be open for writing at once, and which of them have descriptors.
//!
//! A log that is written to holds three descriptors and up to three mappings, as many again of the segment
//! before, and the process has only so many of either. An append needs the mapping alone, as a rule. So when files of
//! segments have more descriptors than [`super::limits::descriptors`], the preparer takes those of logs that were not
//! written to since it last looked at them (the clock algorithm): they become *lean*, see [`super::file`]. When more
//! logs are open than [`super::limits::open_logs`], or more is mapped than [`super::limits::mappings`], it puts such
//! logs to rest: their reserve is cut off and their files are closed, as at a clean stop. The next append opens them
//! again. So a hundred thousand partitions can be written to, each now and then, by a process that may have a few
//! thousand files open.
//!
//! ```text
//!             append                 too few descriptors            roll, truncation, large batches
//!   closed ──────────> open, listed ─────────────────────> lean, listed ──────────────────> open, listed
//!             in [`OPEN`], once                                 |
//!      <────────────────────────────────────────────────────────┘ too many logs, or mappings
//! ```
//!
//! * Listed are all logs whose active segment is open, whatever they hold.
//! * A log goes lean under its writer's lock, and only its active segment, which bears its own name.
//! * Nobody waits for the writer lock of a log here: one that is taken is in use.

use super::append::Writer;
use super::home::Home;
use super::preparer::{Job, NextSegment};
use super::segment::Segment;
use super::{Log, file, limits};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError, Weak};

/// The logs that are open for writing, in the order in which they are looked at next.
static OPEN: Mutex<VecDeque<OpenLog>> = Mutex::new(VecDeque::new());
/// The preparer was asked to make room and has not begun.
static ASKED: AtomicBool = AtomicBool::new(false);
/// So many descriptors more than there should be it could not get back when it looked last, and an eighth: nobody asks for
/// them again at each append. Never so many that who appends would not help himself.
static NOT_TO_BE_HAD: AtomicUsize = AtomicUsize::new(0);

/// Who appends looks at so many logs and no more: a turn is short. There will be another append.
const FEW_LOOKS: usize = 256;

/// A log that is open for writing, unless it is gone.
struct OpenLog {
    home: Home,
    writer: Weak<Mutex<Writer>>,
    next: Weak<NextSegment>,
    segments: Weak<RwLock<Vec<Arc<Segment>>>>,
}

/// What a log is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Its descriptors.
    Descriptors,
    /// All that it has open.
    Rest,
}

/// What came of looking at a log.
#[derive(Debug, PartialEq, Eq)]
enum Looked {
    /// It is closed now, or was before.
    Closed,
    /// It has given its descriptors back.
    Lean,
    /// It is in use, or has nothing to give.
    InUse,
}

fn open_logs() -> MutexGuard<'static, VecDeque<OpenLog>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that a log is open for writing from now on, and sees to it that not too many are. The
/// caller holds the log's writer lock.
pub(super) fn opened(log: &Log) {
    let mut open = open_logs();
    open.push_back(OpenLog::of(log));
    let count = open.len();
    drop(open);
    let most = limits::open_logs();
    if count > most {
        ask(log);
    }
    if count > most + most / 4 {
        look(Wanted::Rest, FEW_LOOKS, is_one()); // The preparer is outrun, or gone.
    }
}

/// Whether files of segments have more descriptors, or mappings, than they should.
#[inline]
pub(super) fn is_too_much_open() -> bool {
    file::descriptors() > limits::descriptors() + NOT_TO_BE_HAD.load(Ordering::Relaxed)
        || is_mapped(1, 1)
}

/// Whether so many times as much is mapped as may be.
#[inline]
fn is_mapped(times: u64, of: u64) -> bool {
    file::mappings() as u64 > limits::mappings() as u64 / of * times
        || file::mapped_bytes() > limits::mapped_bytes() / of * times
}

/// Whether there are descriptors that nobody needs.
pub(super) fn has_descriptors() -> bool {
    file::descriptors() < limits::descriptors() / 4 * 3
}

/// Sees to it that there is less. The caller may hold a log's writer lock.
#[cold]
pub(super) fn get_some_back(log: &Log) {
    ask(log);
    // The preparer is outrun, or gone. Most logs may be lean, so some are looked for at once.
    let (most, few) = (limits::descriptors() / 4 * 5, limits::descriptors() / 16);
    if file::descriptors() > most {
        look(Wanted::Descriptors, FEW_LOOKS, |_| file::descriptors() <= most - few);
    }
    if is_mapped(5, 4) {
        look(Wanted::Rest, FEW_LOOKS, is_one());
    }
}

fn ask(log: &Log) {
    if !ASKED.swap(true, Ordering::AcqRel) {
        log.keepers.preparer.ask(Job::Rest);
    }
}

/// Gets descriptors back, and puts logs to rest, until an eighth of what is short is free again.
pub(super) fn make_room() {
    ASKED.store(false, Ordering::Release);
    let most = limits::descriptors();
    if file::descriptors() > most {
        look(Wanted::Descriptors, usize::MAX, |_| file::descriptors() <= most - most / 8);
        let lacking = file::descriptors().saturating_sub(most);
        let again = if lacking > 0 { (lacking + most / 8).min(most / 4) } else { 0 };
        NOT_TO_BE_HAD.store(again, Ordering::Relaxed);
    } else {
        NOT_TO_BE_HAD.store(0, Ordering::Relaxed);
    }
    let logs = limits::open_logs();
    if open_logs().len() > logs {
        let beyond = open_logs().len().saturating_sub(logs - logs / 8);
        look(Wanted::Rest, usize::MAX, |given| given >= beyond);
    }
    if is_mapped(1, 1) {
        look(Wanted::Rest, usize::MAX, |_| !is_mapped(7, 8));
    }
}

/// Takes the question back: there is no preparer that could answer it.
pub(super) fn unask() {
    ASKED.store(false, Ordering::Release);
}

fn is_one() -> impl Fn(usize) -> bool {
    |given| given > 0
}

/// Looks at logs so many times, at each at most twice, until there is enough: that is asked with the number of those that
/// gave what is wanted.
fn look(wanted: Wanted, most: usize, is_enough: impl Fn(usize) -> bool) {
    let looks = most.min(2 * open_logs().len());
    let mut given = 0;
    for _ in 0..looks {
        if is_enough(given) {
            return;
        }
        let Some(log) = open_logs().pop_front() else { return };
        let looked = log.look(wanted);
        if looked != Looked::InUse {
            given += 1;
        }
        if looked != Looked::Closed {
            open_logs().push_back(log);
        }
    }
}

impl OpenLog {
    fn of(log: &Log) -> OpenLog {
        OpenLog {
            home: log.home.clone(),
            writer: Arc::downgrade(&log.writer),
            next: Arc::downgrade(&log.next),
            segments: Arc::downgrade(&log.segments),
        }
    }

    fn look(&self, wanted: Wanted) -> Looked {
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
        if let Some(next) = self.next.upgrade() {
            next.discard();
        }
        writer.active.forget_next();
        match wanted {
            Wanted::Descriptors => {
                self.release_older();
                match writer.active.has_descriptors() && writer.active.go_lean(&self.home) {
                    true => Looked::Lean,
                    false => Looked::InUse,
                }
            }
            Wanted::Rest => {
                if writer.rest() {
                    self.release_older();
                }
                if writer.active.tails.is_some() {
                    return Looked::InUse;
                }
                writer.listed = false;
                Looked::Closed
            }
        }
    }

    /// A roll leaves the files of the segment before open.
    fn release_older(&self) {
        let Some(segments) = self.segments.upgrade() else { return };
        let segments = segments.read().unwrap_or_else(PoisonError::into_inner);
        let older = segments.len().saturating_sub(1);
        segments[..older].iter().for_each(|segment| segment.release_uncounted());
    }
}

impl Writer {
    /// Closes the active segment's files as a clean stop does; the next append opens them again. False if they
    /// stay open.
    fn rest(&mut self) -> bool {
        // The path is for messages only. What is sealed may lose its name while somebody still has it.
        let path = Path::new("");
        let ready = self.active.retrieve(path).and_then(|()| self.active.finish_time_index(path));
        if let Err(error) = ready {
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
#[path = "rest_tests.rs"]
mod tests;
