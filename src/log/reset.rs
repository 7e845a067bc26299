//! A log that begins anew at a later offset, because a snapshot has what came before
//! (`UnifiedLog.truncateFullyAndStartAt`). Only files, before the log is opened.
//!
//! What goes is gone for sure before anything else is there: a power cut must not bring it back beside
//! the new segment, for that would look like a gap.

use super::names::{self, FileKind};
use super::sync;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Removes all segments in `dir` and what was derived from them, and leaves an empty one that begins
/// at `offset`.
///
/// # Errors
/// When a file cannot be removed or made.
pub fn reset_files(dir: &Path, offset: i64) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = FileKind::of(&name);
        let of_segment = kind.segment().is_some() || matches!(kind, FileKind::Snapshot(_));
        if of_segment || entry.path() == names::leader_epoch_file(dir) {
            fs::remove_file(entry.path())?;
        }
    }
    sync::dir(dir).map_err(|why| why.source)?;
    File::create(names::log_file(dir, offset)).map(drop)
}
