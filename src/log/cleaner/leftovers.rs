//! What a crash leaves of a swap, brought to its end when the log is opened
//! (LogLoader.removeTempFilesAndCollectSwapFiles and load).
//!
//! * `.cleaned`: worthless, and so is a `.swap` at or beyond one: not all were renamed yet.
//! * `.swap`: whole and on the disk. What it replaces goes, then it takes its place.
//!
//! Kafka's own leftovers are treated in the same way. A `.swap` that cannot be read, that would replace
//! the segment that was written to, or whose last batch is not where it says ([`super::reach`]), is given up where what it was to replace is still there;
//! otherwise it is what is left, and recovery judges it: it takes nothing away, and a last batch that is not
//! where it says is cut off it and kept beside. Doing this again after
//! a crash in between leads to the same.

use super::reach::Reach;
use crate::log::names::{self, FileKind};
use crate::log::sync;
use std::collections::BTreeSet;
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
        ::log::info!(path:% = left.path.display(); "left by an interrupted compaction; removed");
        fs::remove_file(&left.path)?;
    }
    complete(dir, &whole)?;
    sync::dir(dir).map_err(|error| error.source)
}

/// Puts whole swaps in their places.
fn complete(dir: &Path, swap: &[Left]) -> io::Result<()> {
    let is_log = |left: &&Left| matches!(left.kind, FileKind::Log(_));
    let (mut replaced, mut unreadable) = (Vec::new(), Vec::new());
    let bases = segments(dir)?;
    for left in swap.iter().filter(is_log) {
        match judge(dir, left, &bases)? {
            Some(judged) => replaced.push(judged),
            None => unreadable.push(left.base),
        }
    }
    let is_unreadable = |left: &&Left| unreadable.contains(&left.base);
    // The `.log` last: its indexes alone would look like the rest of a swap that is to be completed.
    let given_up = || swap.iter().filter(is_unreadable);
    for left in given_up().filter(|left| !is_log(left)).chain(given_up().filter(is_log)) {
        ::log::error!(
            path:% = left.path.display();
            "it cannot be read, or its .log cannot, or that cannot be right; what it was to \
             replace stays, and it is removed"
        );
        fs::remove_file(&left.path)?;
    }
    if !replaced.is_empty() {
        remove_segments(dir, &replaced)?;
    }
    // The `.log` last: as long as it is a `.swap` all of this is done again.
    let whole = || swap.iter().filter(|left| !is_unreadable(left));
    for left in whole().filter(|left| !is_log(left)).chain(whole().filter(is_log)) {
        let to = left.path.with_extension("");
        ::log::info!(path:% = to.display(); "an interrupted compaction; completed");
        fs::rename(&left.path, to)?;
    }
    Ok(())
}

/// What a swap replaces.
struct Replaced {
    range: Range<i64>,
    /// What its last batch came from.
    origin: Option<i64>,
}

/// Whether a swap is to be completed, and what goes for it.
fn judge(dir: &Path, left: &Left, bases: &BTreeSet<i64>) -> io::Result<Option<Replaced>> {
    let (path, base) = (left.path.as_path(), left.base);
    // What was written to is never compacted.
    let reaches_too_far = |end| bases.last().is_some_and(|last| (base + 1..end).contains(last));
    let reach = Reach::of(path, base)?;
    if let Some(reach) = &reach
        && !reaches_too_far(reach.end)
        && reach.is_confirmed((path, base), dir, bases)?
    {
        let origin = reach.last.and_then(|last| bases.range(base..=last).next_back().copied());
        return Ok(Some(Replaced { range: base..reach.end, origin }));
    }
    if bases.contains(&base) {
        return Ok(None);
    }
    // It is what is left. All but its last batch can be believed, which would be in others' way.
    let Some(reach) = reach else { return Ok(Some(Replaced { range: base..base, origin: None })) };
    reach.cut_last(path, dir, base)?;
    let sure = if reaches_too_far(reach.sure) { base } else { reach.sure };
    Ok(Some(Replaced { range: base..sure, origin: None }))
}

/// Where the segments begin.
fn segments(dir: &Path) -> io::Result<BTreeSet<i64>> {
    let mut bases = BTreeSet::new();
    for entry in fs::read_dir(dir)? {
        if let FileKind::Log(base) = FileKind::of(&entry?.file_name().to_string_lossy()) {
            bases.insert(base);
        }
    }
    Ok(bases)
}

/// Removes the segments that begin in one of these ranges: what lies between two of them was replaced
/// by neither. Those that bear a swap's last batch out go when all others are gone for sure.
fn remove_segments(dir: &Path, replaced: &[Replaced]) -> io::Result<()> {
    for are_origins in [false, true] {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let Some(base) = FileKind::of(&entry.file_name().to_string_lossy()).segment() else {
                continue;
            };
            let is_origin = replaced.iter().any(|swap| swap.origin == Some(base));
            if is_origin == are_origins && replaced.iter().any(|swap| swap.range.contains(&base)) {
                ::log::info!(path:% = entry.path().display(); "was compacted; removed");
                fs::remove_file(entry.path())?;
            }
        }
        sync::dir(dir).map_err(|error| error.source)?;
    }
    Ok(())
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
