//! What opening a log is told, and what it tells.

use super::recover::Cut;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is known of how the log was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// It was closed; its files can be believed.
    Clean,
    /// The process or the machine died: what is not known to be on the disk is checked.
    Unclean,
}

/// What is known of a log before its files are looked at.
#[derive(Clone, Debug)]
pub struct Opening {
    /// How it was left.
    pub recovery: Recovery,
    /// Everything below is on the disk and was checked before. Without it everything is checked
    /// after a crash. A closed log that does not end here is treated like one that was not closed.
    pub recovery_point: Option<i64>,
    /// Where the log begins, if not with its first segment.
    pub log_start: Option<i64>,
    /// It was compacted once: between its segments there may be gaps, whatever its policy is now.
    pub compacted: bool,
    /// Opening that takes longer than a look at the ends of the files is refused, with
    /// [`super::LogError::Slow`].
    pub quick: bool,
    /// Counts the bytes that were checked, for whoever waits.
    pub progress: Progress,
}

impl From<Recovery> for Opening {
    fn from(recovery: Recovery) -> Opening {
        Opening {
            recovery,
            recovery_point: None,
            log_start: None,
            compacted: false,
            quick: false,
            progress: Progress::default(),
        }
    }
}

impl Opening {
    /// Everything below was whole on the disk once.
    pub(super) fn on_disk(&self) -> i64 {
        let all = if self.recovery == Recovery::Clean { i64::MAX } else { i64::MIN };
        self.recovery_point.unwrap_or(all)
    }
}

/// A count of bytes that were checked so far; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// The bytes so far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A log that ends before an offset up to which it was on the disk once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The offset that the next record gets.
    pub log_end: i64,
    /// Where the log ended once, at least.
    pub recovery_point: i64,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Missing { log_end, recovery_point } = self;
        match recovery_point - 1 {
            last if last <= *log_end => {
                write!(f, "offset {log_end} was on the disk once and is missing")
            }
            last => write!(f, "offsets {log_end} to {last} were on the disk once and are missing"),
        }
    }
}

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Batches were checked, not only believed.
    pub checked: bool,
    /// The base offset of the first segment that was checked.
    pub checked_from: i64,
    /// The first and the next offset.
    pub log_start: i64,
    /// The offset that the next record gets.
    pub log_end: i64,
    /// Segments that there are.
    pub segments: usize,
    /// Bytes of batches that there are.
    pub bytes: u64,
    /// Where bytes were dropped that were not just unused reserve: at most one place per segment.
    pub cuts: Vec<Cut>,
    /// Segments that were set aside because the log was cut before them.
    pub removed_segments: usize,
    /// Segments that were set aside because the log begins behind their end.
    pub segments_aside: usize,
    /// The log ends before the recovery point.
    pub missing: Option<Missing>,
    /// Offset indexes that were missing or wrong.
    pub rebuilt_indexes: usize,
    /// Producers that are remembered.
    pub producers: usize,
}

impl RecoveryReport {
    /// Something was there that a crash of the process alone cannot have caused, or that was lost.
    pub fn has_losses(&self) -> bool {
        !self.cuts.is_empty()
            || self.removed_segments > 0
            || self.segments_aside > 0
            || self.missing.is_some()
    }

    /// What [`RecoveryReport::has_losses`] is about, for the operator; empty if it has none.
    pub fn losses(&self) -> String {
        let mut losses: Vec<String> = self.cuts.iter().map(ToString::to_string).collect();
        if self.removed_segments > 0 {
            losses.push(format!("{} segments set aside behind a cut, renamed to *.aside; remove them if they are not needed",
                self.removed_segments));
        }
        losses.extend(self.missing.map(|missing| missing.to_string()));
        if self.segments_aside > 0 {
            losses.push(format!(
                "{} segments lie below the log start and were renamed to *.aside; remove them if \
                 they are not needed",
                self.segments_aside
            ));
        }
        losses.join("; ")
    }
}
