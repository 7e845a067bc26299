//! Looks for damage in a log that must be whole, the metadata log, and changes nothing.
//!
//! Recovery cuts a log at the first thing that is not a batch. For a crash that is right: what it
//! leaves unfinished is the end. Where whole batches lie behind the bad place, something else has
//! happened (a bad disk, a careless hand), and a cut would take away what is still there: too much
//! to lose without asking, for a catalog that all other data depend on.

use super::error::{LogError, StorageError};
use super::names::{self, FileKind};
use super::scan::{Bad, Scanner, check_header, crc_is_right};
use super::sync;
use super::whole_file::open_regular;
use crate::wire::records::{BatchHeader, HEADER_LEN, MAGIC};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Where a batch says which record format it has.
const MAGIC_AT: usize = 16;
/// The bytes of seeming batches that are summed up before that is given up, and how much each counts at
/// least.
const MAX_LOOKED_AT: u64 = 1 << 30;
const LEAST_LOOKED_AT: u64 = 1 << 12;
/// How much of a file is looked through at a time.
const CHUNK: usize = 256 * 1024;

/// Damage that more than the end of a log depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Whole batches lie behind bytes that are no batch.
    Within {
        /// The segment's base offset.
        segment: i64,
        /// The first bad byte.
        position: u64,
        /// What is wrong there.
        reason: Bad,
        /// The offset that a batch should have there.
        offset: i64,
        /// The latest leader epoch of the batches behind it.
        latest_epoch: i32,
    },
    /// A segment does not begin where the one before it ends.
    Gap {
        /// The later segment's base offset.
        segment: i64,
        /// The offset where it should begin.
        expected: i64,
        /// The latest leader epoch of its batches and those after it; -1 if there are none.
        latest_epoch: i32,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Within { segment, position, reason, .. } => write!(
                f,
                "{segment:020}.log is damaged at byte {position} ({reason}), and to cut it there \
                 would lose the intact records behind it"
            ),
            Damage::Gap { segment, expected, .. } => write!(
                f,
                "{segment:020}.log should begin at offset {expected}: the records between are missing"
            ),
        }
    }
}

impl Damage {
    /// The first offset that is not there or cannot be believed.
    pub fn offset(&self) -> i64 {
        match *self {
            Damage::Within { offset, .. } => offset,
            Damage::Gap { expected, .. } => expected,
        }
    }

    /// The latest leader epoch of what lies behind the bad place.
    pub fn latest_epoch(&self) -> i32 {
        match *self {
            Damage::Within { latest_epoch, .. } | Damage::Gap { latest_epoch, .. } => latest_epoch,
        }
    }

    /// Keeps a copy of the file that opening the log will cut, since more than an unfinished batch
    /// goes; it is on the disk before that. Gives its name. Nothing is lost by a gap: later files are whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_copy(&self, dir: &Path) -> io::Result<Option<String>> {
        let Damage::Within { segment, offset, .. } = *self else { return Ok(None) };
        let copy = names::cut_file(dir, segment, offset);
        let on_disk = |copy: &Path| {
            fs::copy(names::log_file(dir, segment), copy)?;
            sync::file_at(copy).and_then(|()| sync::dir(dir)).map_err(|why| why.source)
        };
        on_disk(&copy).inspect_err(|_| _ = fs::remove_file(&copy))?;
        Ok(copy.file_name().map(|name| name.to_string_lossy().into_owned()))
    }

    /// Reads all of the log in `dir` and shows each whole batch to `visit`, until the first that is
    /// none. An end that a crash left unfinished is no damage.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn find(dir: &Path, visit: &mut dyn FnMut(&[u8])) -> Result<Option<Damage>, LogError> {
        let mut expected = None;
        let bases = bases(dir).map_err(StorageError::on("list", dir))?;
        for (at, &segment) in bases.iter().enumerate() {
            if let Some(expected) = expected.filter(|&expected| expected != segment) {
                let latest_epoch = latest_epoch(dir, &bases[at..])?;
                return Ok(Some(Damage::Gap { segment, expected, latest_epoch }));
            }
            let path = names::log_file(dir, segment);
            match look_through(&path, segment, visit).map_err(StorageError::on("read", &path))? {
                Ok(next_offset) => expected = Some(next_offset),
                Err(mut damage) => {
                    if let Damage::Within { latest_epoch: known, .. } = &mut damage {
                        *known = (*known).max(latest_epoch(dir, &bases[at + 1..])?);
                    }
                    return Ok(Some(damage));
                }
            }
        }
        Ok(None)
    }
}

/// The latest leader epoch in segments that cannot be believed any more; -1 if there is none.
fn latest_epoch(dir: &Path, bases: &[i64]) -> Result<i32, LogError> {
    let mut latest = -1;
    for &segment in bases {
        let path = names::log_file(dir, segment);
        let behind = open_regular(&path).and_then(|file| behind(&file, segment, 0, segment));
        let behind = behind.map_err(StorageError::on("read", &path))?;
        latest = latest.max(behind.unwrap_or(-1));
    }
    Ok(latest)
}

fn bases(dir: &Path) -> io::Result<Vec<i64>> {
    let mut bases = Vec::new();
    for entry in fs::read_dir(dir)? {
        if let FileKind::Log(base) = FileKind::of(&entry?.file_name().to_string_lossy()) {
            bases.push(base);
        }
    }
    bases.sort_unstable();
    Ok(bases)
}

/// The offset after a segment's last batch, or its damage.
fn look_through(
    path: &Path,
    segment: i64,
    visit: &mut dyn FnMut(&[u8]),
) -> io::Result<Result<i64, Damage>> {
    let file = open_regular(path)?;
    let size = file.metadata()?.len();
    let mut scanner = Scanner::new(&file, size, segment, true);
    let mut next_offset = segment;
    let (position, reason) = loop {
        let position = scanner.position();
        match scanner.next()? {
            // The CRC does not cover offsets; but in this log they leave nothing out.
            Some(Ok((found, _))) if found.header.base_offset != next_offset => {
                break (position, Bad::Offset);
            }
            Some(Ok((found, bytes))) => {
                next_offset = found.last_offset() + 1;
                visit(bytes);
            }
            None | Some(Err(Bad::ZeroTail)) => return Ok(Ok(next_offset)),
            Some(Err(bad)) => break (position, bad),
        }
    };
    let behind = behind(&file, segment, position + 1, next_offset)?;
    let damage = |latest_epoch| Damage::Within {
        segment,
        position,
        reason,
        offset: next_offset,
        latest_epoch,
    };
    Ok(behind.map_or(Ok(next_offset), |latest_epoch| Err(damage(latest_epoch))))
}

/// The latest leader epoch of whole batches from `at` on, wherever they begin; `None` if there are
/// none.
fn behind(file: &File, segment: i64, mut at: u64, offset: i64) -> io::Result<Option<i32>> {
    let size = file.metadata()?.len();
    let mut candidates = Candidates::new(file, size, Place { segment, position: at, offset });
    let mut latest = None;
    while let Some((candidate, _)) = candidates.next(at)? {
        let mut there = Scanner::new(file, size, segment, true).starting_at(candidate, offset);
        at = candidate + 1;
        while let Some(Ok((found, _))) = there.next()? {
            latest = latest.max(Some(found.header.partition_leader_epoch));
            at = found.end();
        }
    }
    Ok(latest)
}

/// Bytes that are no batch, in a file.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The segment's base offset.
    pub(super) segment: i64,
    /// The first of the bytes.
    pub(super) position: u64,
    /// The offset that a batch there would have.
    pub(super) offset: i64,
}

/// Whether a whole batch follows bad bytes: then it was not a crash that left them. Bytes that look
/// like thousands of large batches without being any count as one: to tell would take for ever.
pub(super) fn has_whole_batch_behind(file: &File, size: u64, bad: Place) -> io::Result<bool> {
    let mut candidates = Candidates::new(file, size, bad);
    let mut looked_at = 0;
    let mut at = bad.position + 1;
    while let Some((candidate, header)) = candidates.next(at)? {
        looked_at += (header.size() as u64).max(LEAST_LOOKED_AT);
        if crc_is_right(file, candidate, &header)? || looked_at > MAX_LOOKED_AT {
            return Ok(true);
        }
        at = candidate + 1;
    }
    Ok(false)
}

/// The places in a file where a batch might begin. Any byte may look like the one that tells the format,
/// so nothing is read twice to find out what cannot be one.
struct Candidates<'f> {
    file: &'f File,
    size: u64,
    /// What their offsets must fit.
    bad: Place,
    chunk: Vec<u8>,
    /// Where the chunk is in the file.
    chunk_at: u64,
}

impl<'f> Candidates<'f> {
    fn new(file: &'f File, size: u64, bad: Place) -> Candidates<'f> {
        Candidates { file, size, bad, chunk: Vec::new(), chunk_at: 0 }
    }

    /// The first one from `at` on whose header can be one, and what that says.
    fn next(&mut self, mut at: u64) -> io::Result<Option<(u64, BatchHeader)>> {
        let (size, Place { segment, offset, .. }) = (self.size, self.bad);
        let can_be = |header: &BatchHeader, position| {
            check_header(header, size - position, offset, segment).is_ok()
        };
        while size.saturating_sub(at) >= HEADER_LEN as u64 {
            for (place, bytes) in self.bytes_from(at)?.windows(HEADER_LEN).enumerate() {
                let position = at + place as u64;
                if bytes[MAGIC_AT] as i8 == MAGIC
                    && let Some(header) = bytes.first_chunk::<HEADER_LEN>().map(BatchHeader::read)
                    && can_be(&header, position)
                {
                    return Ok(Some((position, header)));
                }
            }
            at = self.chunk_at + (self.chunk.len() - (HEADER_LEN - 1)) as u64;
        }
        Ok(None)
    }

    /// Some bytes of the file from `at` on, at least those of a header.
    fn bytes_from(&mut self, at: u64) -> io::Result<&[u8]> {
        let have = self.chunk_at..self.chunk_at + self.chunk.len() as u64;
        if !have.contains(&at) || have.end - at < HEADER_LEN as u64 {
            self.chunk.resize((self.size - at).min(CHUNK as u64) as usize, 0);
            self.chunk_at = at;
            self.file.read_exact_at(&mut self.chunk, at)?;
        }
        Ok(&self.chunk[(at - self.chunk_at) as usize..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::records::BatchBuilder;

    /// Three batches one after the other, and where each of them begins.
    fn three() -> (Vec<u8>, [usize; 3]) {
        let mut bytes = Vec::new();
        let begins = [0_i64, 1, 2].map(|offset| {
            let begin = bytes.len();
            let mut batch = BatchBuilder::new();
            batch.append(1, None, Some(&[2; 50]), &[]);
            bytes.extend(batch.finish());
            bytes[begin..begin + 8].copy_from_slice(&offset.to_be_bytes());
            begin
        });
        (bytes, begins)
    }

    fn find(name: &str, segments: &[(i64, &[u8])]) -> Option<Damage> {
        let dir = std::env::temp_dir().join(format!("barnabas-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        for (base, bytes) in segments {
            fs::write(names::log_file(&dir, *base), bytes).unwrap();
        }
        let found = Damage::find(&dir, &mut |_| {}).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        found
    }

    #[test]
    fn an_unfinished_end_is_no_damage() {
        let (bytes, [_, _, third]) = three();
        for end in [third, third + 1, third + 40, third + 100, bytes.len()] {
            let mut cut = bytes[..end].to_vec();
            assert_eq!(find("damage-cut", &[(0, &cut)]), None, "{end}");
            cut.resize(bytes.len() + 300_000, 0);
            assert_eq!(find("damage-zeros", &[(0, &cut)]), None, "{end} and zeros");
        }
        assert_eq!(find("damage-none", &[]), None);
    }

    #[test]
    fn every_damaged_byte_before_the_last_batch_is_found() {
        let (bytes, [_, second, third]) = three();
        for at in 0..third {
            // What is neither summed nor in order by itself: the leader epoch.
            let position = if at < second { 0 } else { second };
            if (12..16).contains(&(at - position)) {
                continue;
            }
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x80;
            let found = find("damage-byte", &[(0, &damaged)]);
            let within = |damage| matches!(damage, Damage::Within { position: p, .. } if p == position as u64);
            assert!(found.is_some_and(within), "{at}: {found:?}");
        }
    }

    #[test]
    fn what_cannot_be_a_batch_is_passed_at_once() {
        // Each byte of it could be the one that tells the format.
        let (bytes, _) = three();
        let twos = vec![2; 3 * CHUNK + 7];
        let path = std::env::temp_dir().join(format!("barnabas-twos-{}", std::process::id()));
        for behind in [&[][..], &bytes] {
            let all = [&twos, behind].concat();
            fs::write(&path, &all).unwrap();
            let (file, size) = (File::open(&path).unwrap(), all.len() as u64);
            let bad = Place { segment: 0, position: 0, offset: 0 };
            let first = Candidates::new(&file, size, bad).next(1).unwrap().map(|(at, _)| at);
            let is_there = !behind.is_empty();
            assert_eq!(first, is_there.then_some(twos.len() as u64));
            assert_eq!(has_whole_batch_behind(&file, size, bad).unwrap(), is_there);
        }
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn segments_follow_one_another() {
        let (bytes, [_, _, third]) = three();
        assert_eq!(find("damage-follow", &[(0, &bytes), (3, &[])]), None);
        let gap = find("damage-gap", &[(0, &bytes[..third]), (3, &[])]);
        assert_eq!(gap, Some(Damage::Gap { segment: 3, expected: 2, latest_epoch: -1 }));
    }
}
