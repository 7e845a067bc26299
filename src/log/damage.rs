//! Looks for damage in a log that must be whole, the metadata log, and changes nothing.
//!
//! Recovery cuts a log at the first thing that is not a batch. For a crash that is right: what it
//! leaves unfinished is the end. Where whole batches lie behind the bad place, something else has
//! happened (a bad disk, a careless hand), and a cut would take away what is still there: too much
//! to lose without asking, for a catalog that all other data depend on.

use super::error::{LogError, StorageError};
use super::names::{self, FileKind};
use super::scan::{Bad, Scanner};
use crate::wire::records::{HEADER_LEN, MAGIC};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Where a batch says which record format it has.
const MAGIC_AT: usize = 16;
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
    },
    /// A segment does not begin where the one before it ends.
    Gap {
        /// The later segment's base offset.
        segment: i64,
        /// The offset where it should begin.
        expected: i64,
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
            Damage::Gap { segment, expected } => write!(
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

    /// Keeps a copy of the file that opening the log will cut, since more than an unfinished batch
    /// goes; gives its name. Nothing is lost by a gap: later files are whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_copy(&self, dir: &Path) -> io::Result<Option<String>> {
        let Damage::Within { segment, offset, .. } = *self else { return Ok(None) };
        let name = format!("{segment:020}.log.cut-at-{offset}");
        fs::copy(names::log_file(dir, segment), dir.join(&name))?;
        Ok(Some(name))
    }

    /// Reads all of the log in `dir` and shows each whole batch to `visit`, until the first that is
    /// none. An end that a crash left unfinished is no damage.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn find(dir: &Path, visit: &mut dyn FnMut(&[u8])) -> Result<Option<Damage>, LogError> {
        let mut expected = None;
        for segment in bases(dir).map_err(StorageError::on("list", dir))? {
            if let Some(expected) = expected.filter(|&expected| expected != segment) {
                return Ok(Some(Damage::Gap { segment, expected }));
            }
            let path = names::log_file(dir, segment);
            match look_through(&path, segment, visit).map_err(StorageError::on("read", &path))? {
                Ok(next_offset) => expected = Some(next_offset),
                Err(damage) => return Ok(Some(damage)),
            }
        }
        Ok(None)
    }
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
    let file = File::open(path)?;
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
    let mut at = position + 1;
    while let Some(candidate) = next_candidate(&file, at, size)? {
        let mut there =
            Scanner::new(&file, size, segment, true).starting_at(candidate, next_offset);
        if let Some(Ok(_)) = there.next()? {
            return Ok(Err(Damage::Within { segment, position, reason, offset: next_offset }));
        }
        at = candidate + 1;
    }
    Ok(Ok(next_offset))
}

/// The next position from `at` on where a batch's header might begin.
fn next_candidate(file: &File, mut at: u64, size: u64) -> io::Result<Option<u64>> {
    let mut chunk = Vec::new();
    while size.saturating_sub(at) >= HEADER_LEN as u64 {
        let len = (size - at).min(CHUNK as u64) as usize;
        chunk.resize(len, 0);
        file.read_exact_at(&mut chunk, at)?;
        let places = len - (HEADER_LEN - 1);
        let magic = &chunk[MAGIC_AT..MAGIC_AT + places];
        if let Some(place) = magic.iter().position(|&byte| byte as i8 == MAGIC) {
            return Ok(Some(at + place as u64));
        }
        at += places as u64;
    }
    Ok(None)
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
    fn segments_follow_one_another() {
        let (bytes, [_, _, third]) = three();
        assert_eq!(find("damage-follow", &[(0, &bytes), (3, &[])]), None);
        let gap = find("damage-gap", &[(0, &bytes[..third]), (3, &[])]);
        assert_eq!(gap, Some(Damage::Gap { segment: 3, expected: 2 }));
    }
}
