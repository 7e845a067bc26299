//! What opening a log is told, and what it tells.

use super::recover::Cut;

/// What is known of how the log was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// It was closed; its files can be believed.
    Clean,
    /// The process or the machine died: everything is checked.
    Unclean,
}

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Every batch was checked.
    pub checked: bool,
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
    /// Segments that were removed because the log was cut before them.
    pub removed_segments: usize,
    /// Offset indexes that were missing or wrong.
    pub rebuilt_indexes: usize,
    /// Producers that are remembered.
    pub producers: usize,
}

impl RecoveryReport {
    /// Something was there that a crash of the process alone cannot have caused, or that was lost.
    pub fn has_losses(&self) -> bool {
        !self.cuts.is_empty() || self.removed_segments > 0
    }

    /// What [`RecoveryReport::has_losses`] is about, for the operator; empty if it has none.
    pub fn losses(&self) -> String {
        let mut losses: Vec<String> = self.cuts.iter().map(ToString::to_string).collect();
        if self.removed_segments > 0 {
            losses.push(format!("{} segments removed behind a cut", self.removed_segments));
        }
        losses.join("; ")
    }
}
