//! What a crash leaves of a swap, brought to its end when the log is opened
//! (LogLoader.removeTempFilesAndCollectSwapFiles and load).
//!
//! * `.cleaned`: worthless, and so is a `.swap` at or beyond one: not all were renamed yet.
//! * `.swap`: whole and on the disk. What it replaces goes, then it takes its place.
//!
//! Kafka's own leftovers are treated in the same way. A `.swap` that cannot be read, or that would
//! replace the segment that was written to, is given up where what it was to replace is still there;
//! otherwise it is what is left, and recovery judges it: it takes nothing away. Doing this again after
//! a crash in between leads to the same.

use crate::log::names::{self, FileKind};
use crate::log::scan::Scanner;
use crate::log::{open_regular, sync};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A file of a swap: the segment's base offset and its name without the suffix.
struct Left {
    base: i64,
    kind: FileKind,
    path: PathBuf,
}

/// Completes or takes back interrupted swaps in a log's directory.
///
/// # Errors
/// When a file cannot be looked at, removed or renamed. What is there is then left for the next try.
pub(crate) fn complete_swaps(dir: &Path) -> io::Result<()> {
    let cleaned = files(dir, names::CLEANED)?;
    let swap = files(dir, names::SWAP)?;
    let first_cleaned = cleaned.iter().map(|left| left.base).min().unwrap_or(i64::MAX);
    let (interrupted, whole): (Vec<Left>, Vec<Left>) =
        swap.into_iter().partition(|left| left.base >= first_cleaned);
    // The swaps first: without the `.cleaned` files they would look complete.
    for left in interrupted.iter().chain(&cleaned) {
        ::log::info!("{}: left by an interrupted compaction; removed", left.path.display());
        fs::remove_file(&left.path)?;
    }
    complete(dir, &whole)?;
    sync::dir(dir).map_err(|error| error.source)
}

/// Puts whole swaps in their places.
fn complete(dir: &Path, swap: &[Left]) -> io::Result<()> {
    let is_log = |left: &&Left| matches!(left.kind, FileKind::Log(_));
    let (mut replaced, mut unreadable) = (Vec::new(), Vec::new());
    let last = last_segment(dir)?;
    // No checksum is over an offset: a wrong one must not take segments away that are none of its business.
    let reaches_too_far = |base, end| last.is_some_and(|last| (base + 1..end).contains(&last));
    for left in swap.iter().filter(is_log) {
        let end = next_offset(&left.path, left.base)?;
        let end = end.filter(|&end| !reaches_too_far(left.base, end));
        let there = names::log_file(dir, left.base).exists();
        match end.or((!there).then_some(left.base)) {
            Some(end) => replaced.push(left.base..end),
            None => unreadable.push(left.base),
        }
    }
    let is_unreadable = |left: &&Left| unreadable.contains(&left.base);
    // The `.log` last: its indexes alone would look like the rest of a swap that is to be completed.
    let given_up = || swap.iter().filter(is_unreadable);
    for left in given_up().filter(|left| !is_log(left)).chain(given_up().filter(is_log)) {
        ::log::error!(
            "{} cannot be read, or its .log cannot, or that cannot be right; what it was to replace stays, \
             and it is removed",
            left.path.display()
        );
        fs::remove_file(&left.path)?;
    }
    if !replaced.is_empty() {
        remove_segments(dir, &replaced)?;
        sync::dir(dir).map_err(|error| error.source)?;
    }
    // The `.log` last: as long as it is a `.swap` all of this is done again.
    let whole = || swap.iter().filter(|left| !is_unreadable(left));
    for left in whole().filter(|left| !is_log(left)).chain(whole().filter(is_log)) {
        let to = left.path.with_extension("");
        ::log::info!("{}: an interrupted compaction; completed", to.display());
        fs::rename(&left.path, to)?;
    }
    Ok(())
}

/// Where the segment begins that was written to: it is never compacted.
fn last_segment(dir: &Path) -> io::Result<Option<i64>> {
    let mut last = None;
    for entry in fs::read_dir(dir)? {
        if let FileKind::Log(base) = FileKind::of(&entry?.file_name().to_string_lossy()) {
            last = last.max(Some(base));
        }
    }
    Ok(last)
}

/// Removes the segments that begin in one of these ranges: what lies between two of them was replaced
/// by neither.
fn remove_segments(dir: &Path, replaced: &[Range<i64>]) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Some(base) = FileKind::of(&entry.file_name().to_string_lossy()).segment() else {
            continue;
        };
        if replaced.iter().any(|range| range.contains(&base)) {
            ::log::info!("{}: was compacted; removed", entry.path().display());
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The offset after the last batch of a `.log`; `None` if not all of it can be read.
fn next_offset(path: &Path, base: i64) -> io::Result<Option<i64>> {
    let file = open_regular(path)?;
    let len = file.metadata()?.len();
    let mut scanner = Scanner::new(&file, len, base, true);
    while let Some(step) = scanner.next()? {
        if step.is_err() {
            return Ok(None);
        }
    }
    Ok(Some(scanner.next_offset()))
}

/// The files of segments that bear this suffix.
fn files(dir: &Path, suffix: &str) -> io::Result<Vec<Left>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let Some(kind) = name.strip_suffix(suffix).map(FileKind::of) else { continue };
        let Some(base) = kind.segment() else { continue };
        found.push(Left { base, kind, path: entry.path() });
    }
    found.sort_by_key(|left| left.base);
    Ok(found)
}
