//! How far a swap reaches that a crash has left: which segments it replaces.
//!
//! No checksum is over the offset of a batch. In the middle of a segment a wrong one is out of order; that
//! of the last batch would let a swap take segments away that it does not stand for. So the last batch
//! is looked for where it came from: a swap removes that segment last of all ([`super::swap`], and
//! [`super::leftovers`] does the same), so where anything is left to be removed, it is there.

use crate::log::damage::Place;
use crate::log::names;
use crate::log::open_regular;
use crate::log::recover::keep_tail;
use crate::log::scan::Scanner;
use crate::wire::records::{Batch, Record};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

/// No batch is opened that takes more.
const MAX_OPENED: usize = 1 << 30;

/// What a `.swap` says of itself.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// The offset after its last batch.
    pub(super) end: i64,
    /// The same without its last batch, which others bear out.
    pub(super) sure: i64,
    /// The base offset of its last batch, if it has one.
    pub(super) last: Option<i64>,
    /// Where that lies.
    position: u64,
}

impl Reach {
    /// Of the segment at `path`; `None` if not all of it can be read.
    pub(super) fn of(path: &Path, base: i64) -> io::Result<Option<Reach>> {
        let file = open_regular(path)?;
        let mut scanner = Scanner::new(&file, file.metadata()?.len(), base, true);
        let mut reach = Reach { end: base, sure: base, last: None, position: 0 };
        while let Some(step) = scanner.next()? {
            let Ok((found, _)) = step else { return Ok(None) };
            let (position, last) = (found.position, Some(found.header.base_offset));
            let end = found.last_offset() + 1;
            reach = Reach { end, sure: reach.end, last, position };
        }
        Ok(Some(reach))
    }

    /// Whether the last batch was where it says, as far as anything depends on it: of the segments that
    /// begin at `bases` none is taken away if not.
    pub(super) fn is_confirmed(
        &self,
        (path, base): (&Path, i64),
        dir: &Path,
        bases: &BTreeSet<i64>,
    ) -> io::Result<bool> {
        let Some(last) = self.last else { return Ok(true) };
        if bases.range(base + 1..self.end.max(base + 1)).next().is_none() {
            return Ok(true);
        }
        let Some(&origin) = bases.range(base..=last).next_back() else { return Ok(false) };
        let (swap, origin_file) =
            (open_regular(path)?, open_regular(&names::log_file(dir, origin))?);
        let Some(there) = batch_at(&origin_file, origin, last)? else { return Ok(false) };
        let end = swap.metadata()?.len();
        let mut scanner = Scanner::new(&swap, end, base, true).starting_at(self.position, last);
        match scanner.next()? {
            Some(Ok((_, bytes))) => Ok(is_left_of(bytes, &there)),
            _ => Ok(false),
        }
    }

    /// Takes the last batch off the file at `path`; a copy stays in the directory.
    pub(super) fn cut_last(&self, path: &Path, dir: &Path, base: i64) -> io::Result<()> {
        let file = File::options().read(true).write(true).open(path)?;
        let place = Place { segment: base, position: self.position, offset: self.sure };
        keep_tail(dir, &file, place).map_err(|why| why.source)?;
        file.set_len(self.position)
    }
}

/// The batch of a segment with this base offset.
fn batch_at(file: &File, base: i64, offset: i64) -> io::Result<Option<Vec<u8>>> {
    let mut scanner = Scanner::new(file, file.metadata()?.len(), base, true);
    while let Some(Ok((found, bytes))) = scanner.next()? {
        if found.header.base_offset >= offset {
            return Ok((found.header.base_offset == offset).then(|| bytes.to_vec()));
        }
    }
    Ok(None)
}

/// Whether a batch is what a compaction leaves of another one: the same, with some records or all.
fn is_left_of(cleaned: &[u8], original: &[u8]) -> bool {
    let (Ok((cleaned, _)), Ok((original, _))) = (Batch::parse(cleaned), Batch::parse(original))
    else {
        return false;
    };
    let header = |batch: &Batch<'_>| {
        let producer = (batch.producer_id(), batch.producer_epoch(), batch.base_sequence());
        (batch.base_offset(), batch.last_offset(), batch.attributes().is_control(), producer)
    };
    if header(&cleaned) != header(&original) {
        return false;
    }
    let (mut left, mut all) = (Vec::new(), Vec::new());
    let (Ok(left), Ok(mut all)) =
        (cleaned.records(&mut left, MAX_OPENED), original.records(&mut all, MAX_OPENED))
    else {
        return false;
    };
    // Both in the order of their offsets.
    left.map_while(Result::ok)
        .all(|record| all.by_ref().map_while(Result::ok).any(|other| is_same(&record, &other)))
}

fn is_same(one: &Record<'_>, other: &Record<'_>) -> bool {
    (one.offset_delta, one.key, one.value) == (other.offset_delta, other.key, other.value)
}
