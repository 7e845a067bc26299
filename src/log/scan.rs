//! Walking batches in bytes and in files.
//!
//! Two walks: [`Headers`] over bytes that were checked when they were appended, for readers; and
//! [`Scanner`] over a file that nobody vouches for, for recovery. Neither ever believes a length
//! beyond the bytes that there are.

use crate::wire::records::crc::{self, crc32c};
use crate::wire::records::{BatchHeader, HEADER_LEN, LOG_OVERHEAD, MAGIC};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Where the CRC begins to count, in a batch.
pub(super) const CRC_FROM: usize = 21;
/// Where a batch says how long it is, and which offset is its last one.
const LENGTH_AT: usize = 8;
const LAST_DELTA_AT: usize = 23;
/// How much of a file is read at a time.
const CHUNK: usize = 256 * 1024;
/// A batch that says that it is larger is read as a whole only when its CRC is right: a wrong length must
/// not take memory.
const LARGE: usize = 16 << 20;
/// No control batch is larger.
const MAX_CONTROL: usize = 4096;

/// The headers of whole batches in bytes, with their positions. Ends at the first thing that is
/// not a batch.
pub(crate) struct Headers<'a> {
    bytes: &'a [u8],
    position: u64,
}

impl<'a> Headers<'a> {
    /// Over bytes that lie at `position` in their file.
    pub(crate) fn new(bytes: &'a [u8], position: u64) -> Headers<'a> {
        Headers { bytes, position }
    }

    /// The first batch that ends at or beyond `offset`. Reads of the others no more than it must:
    /// this is what most of a fetch's look-up consists of.
    pub(crate) fn ending_at(mut self, offset: i64) -> Option<Found> {
        while let Some((size, last_offset)) = self.outline() {
            if last_offset >= offset {
                return self.next();
            }
            self.pass(size);
        }
        None
    }

    /// The end of the last of the batches that end at or before `limit`.
    pub(crate) fn end_within(mut self, limit: u64) -> u64 {
        while let Some((size, _)) = self.outline()
            && self.position + size as u64 <= limit
        {
            self.pass(size);
        }
        self.position
    }

    /// The size and the last offset of the next batch.
    #[inline]
    pub(crate) fn outline(&self) -> Option<(usize, i64)> {
        let header = self.bytes.first_chunk::<HEADER_LEN>()?;
        let base_offset = i64::from_be_bytes(*header.first_chunk()?);
        let length = i32::from_be_bytes(*header[LENGTH_AT..].first_chunk()?);
        let delta = i32::from_be_bytes(*header[LAST_DELTA_AT..].first_chunk()?);
        let size = LOG_OVERHEAD + usize::try_from(length).unwrap_or(0);
        let is_whole = size >= HEADER_LEN && size <= self.bytes.len();
        is_whole.then_some((size, base_offset.wrapping_add(i64::from(delta))))
    }

    #[inline]
    fn pass(&mut self, size: usize) {
        self.bytes = &self.bytes[size..];
        self.position += size as u64;
    }
}

/// A batch as the walk found it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) position: u64,
    pub(crate) header: BatchHeader,
}

impl Found {
    /// Where the next batch begins.
    pub(crate) fn end(&self) -> u64 {
        self.position + self.header.size() as u64
    }

    pub(crate) fn last_offset(&self) -> i64 {
        self.header.last_offset()
    }
}

impl Iterator for Headers<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let header = BatchHeader::read(self.bytes.first_chunk::<HEADER_LEN>()?);
        let size = header.size();
        if size < HEADER_LEN {
            return None;
        }
        let found = Found { position: self.position, header };
        self.bytes = self.bytes.get(size..)?;
        self.position = found.end();
        Some(found)
    }
}

/// Why a scan ended before the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Only zeros from here on: the reserve of a log that was not closed. Not damage.
    ZeroTail,
    /// Fewer bytes than a batch header.
    ShortHeader,
    /// A length that no batch has, or that goes beyond the file.
    Length,
    /// Not record format 2.
    Magic,
    /// The bytes are not those that were summed.
    Crc,
    /// An offset that is not beyond those before it, or is too far from the segment's base.
    Offset,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bad::ZeroTail => "only zeros follow",
            Bad::ShortHeader => "a batch header is cut off",
            Bad::Length => "a batch's length is impossible or goes beyond the file",
            Bad::Magic => "a batch has an unknown record format",
            Bad::Crc => "a batch's CRC does not match",
            Bad::Offset => "a batch's offset is out of order",
        })
    }
}

/// A good batch with its bytes, or what is wrong with what is there.
pub(crate) type Step<'b> = Result<(Found, &'b [u8]), Bad>;

/// What is wrong with a header, of which `left` bytes of a file are left from its first one on: in a segment
/// that begins at `base_offset`, where no offset comes before `next_offset`.
pub(super) fn check_header(
    header: &BatchHeader,
    left: u64,
    next_offset: i64,
    base_offset: i64,
) -> Result<(), Bad> {
    let size = header.size() as u64;
    if size < HEADER_LEN as u64 || size > left {
        return Err(Bad::Length);
    }
    if header.magic != MAGIC {
        return Err(Bad::Magic);
    }
    let last = header.base_offset.saturating_add(i64::from(header.last_offset_delta));
    let in_order = header.base_offset >= next_offset && header.last_offset_delta >= 0;
    if !in_order || last - base_offset > i64::from(i32::MAX) || last == i64::MAX {
        return Err(Bad::Offset);
    }
    Ok(())
}

/// Whether the bytes of a batch are those that were summed. The file has as many as the header says.
pub(super) fn crc_is_right(file: &File, position: u64, header: &BatchHeader) -> io::Result<bool> {
    let (mut at, end) = (position + CRC_FROM as u64, position + header.size() as u64);
    let mut chunk = vec![0; header.size().min(CHUNK)];
    let mut sum = 0;
    while at < end {
        let len = (end - at).min(chunk.len() as u64) as usize;
        file.read_exact_at(&mut chunk[..len], at)?;
        sum = crc::append(sum, &chunk[..len]);
        at += len as u64;
    }
    Ok(sum == header.crc)
}

/// Reads batches one after the other out of a file by `pread`: a bad disk is an error here, where
/// a mapping would be a SIGBUS. Memory is bounded by the largest batch that the file really has.
pub(crate) struct Scanner<'f> {
    file: &'f File,
    end: u64,
    position: u64,
    base_offset: i64,
    next_offset: i64,
    check_crc: bool,
    buffer: Vec<u8>,
    /// Where the buffer's first byte is in the file.
    buffer_at: u64,
}

impl<'f> Scanner<'f> {
    /// Over the first `end` bytes of the `.log` of the segment that begins at `base_offset`.
    pub(crate) fn new(file: &'f File, end: u64, base_offset: i64, check_crc: bool) -> Scanner<'f> {
        Scanner {
            file,
            end,
            position: 0,
            base_offset,
            next_offset: base_offset,
            check_crc,
            buffer: Vec::new(),
            buffer_at: 0,
        }
    }

    /// Begins at `position`, where a batch begins whose base offset is at least `next_offset`.
    pub(crate) fn starting_at(mut self, position: u64, next_offset: i64) -> Scanner<'f> {
        self.position = position;
        self.next_offset = next_offset;
        self
    }

    /// Where the next batch begins.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The offset after the last batch.
    pub(crate) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The next batch and its bytes (only the header's where no CRC is checked); `Ok(None)` at the
    /// end of the file.
    pub(crate) fn next(&mut self) -> io::Result<Option<Step<'_>>> {
        let left = self.end - self.position;
        if left == 0 {
            return Ok(None);
        }
        if left < HEADER_LEN as u64 {
            let rest_is_zero = self.is_zero_from(self.position)?;
            return Ok(Some(Err(if rest_is_zero { Bad::ZeroTail } else { Bad::ShortHeader })));
        }
        let Some(&bytes) = self.read(HEADER_LEN)?.first_chunk::<HEADER_LEN>() else {
            return Ok(Some(Err(Bad::ShortHeader)));
        };
        let header = BatchHeader::read(&bytes);
        if bytes.iter().all(|&byte| byte == 0) {
            let rest_is_zero = self.is_zero_from(self.position)?;
            return Ok(Some(Err(if rest_is_zero { Bad::ZeroTail } else { Bad::Length })));
        }
        if let Err(bad) = check_header(&header, left, self.next_offset, self.base_offset) {
            return Ok(Some(Err(bad)));
        }
        let found = Found { position: self.position, header };
        // What control batches say is part of what a log means, and they are small.
        let is_control = header.attributes.is_control() && header.size() <= MAX_CONTROL;
        let size = if self.check_crc || is_control { header.size() } else { HEADER_LEN };
        let check_crc = self.check_crc;
        if size > LARGE && !crc_is_right(self.file, found.position, &header)? {
            return Ok(Some(Err(Bad::Crc)));
        }
        self.read(size)?;
        let bytes = &self.buffer[(found.position - self.buffer_at) as usize..][..size];
        if check_crc && crc32c(&bytes[CRC_FROM..]) != header.crc {
            return Ok(Some(Err(Bad::Crc)));
        }
        self.position = found.end();
        self.next_offset = found.last_offset() + 1;
        Ok(Some(Ok((found, bytes))))
    }

    /// `len` bytes from the position on; the file has them.
    fn read(&mut self, len: usize) -> io::Result<&[u8]> {
        debug_assert!(self.position + len as u64 <= self.end, "checked by the callers");
        let have = self.buffer_at + self.buffer.len() as u64;
        if self.position < self.buffer_at || self.position + len as u64 > have {
            let left = (self.end - self.position) as usize;
            // Where only headers are wanted the next one may be far away: a page is enough.
            let ahead = if self.check_crc { CHUNK } else { super::file::PAGE as usize };
            self.buffer.resize(len.max(ahead).min(left), 0);
            self.buffer_at = self.position;
            self.file.read_exact_at(&mut self.buffer, self.position)?;
        }
        let at = (self.position - self.buffer_at) as usize;
        Ok(&self.buffer[at..at + len])
    }

    /// Nothing but zeros from `position` to the end of the file.
    fn is_zero_from(&self, position: u64) -> io::Result<bool> {
        let mut chunk = vec![0; CHUNK];
        let mut at = position;
        while at < self.end {
            let len = (self.end - at).min(CHUNK as u64) as usize;
            self.file.read_exact_at(&mut chunk[..len], at)?;
            if chunk[..len].iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            at += len as u64;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::records::BatchBuilder;

    #[test]
    fn a_wrong_length_takes_no_memory() {
        let mut batch = BatchBuilder::new();
        batch.append(1, None, Some(&[7; 100]), &[]);
        let mut bytes = batch.finish();
        let size = 3 * LARGE;
        let length = (size - LOG_OVERHEAD) as i32;
        bytes[LENGTH_AT..][..4].copy_from_slice(&length.to_be_bytes());
        let path = std::env::temp_dir().join(format!("barnabas-length-{}", std::process::id()));
        for attributes in [0, 0x20] {
            bytes[CRC_FROM + 1] = attributes;
            std::fs::write(&path, &bytes).unwrap();
            let file = File::options().read(true).write(true).open(&path).unwrap();
            file.set_len(size as u64).unwrap();
            for check_crc in [true, false] {
                let mut scanner = Scanner::new(&file, size as u64, 0, check_crc);
                let step = scanner.next().unwrap().unwrap().map(|_| ());
                assert_eq!(step, if check_crc { Err(Bad::Crc) } else { Ok(()) });
                assert!(scanner.buffer.capacity() <= CHUNK, "{}", scanner.buffer.capacity());
            }
        }
        // One that is as large as it says is read.
        let mut whole = vec![0; size];
        File::open(&path).unwrap().read_exact_at(&mut whole, 0).unwrap();
        let sum = crc32c(&whole[CRC_FROM..]);
        let file = File::options().read(true).write(true).open(&path).unwrap();
        file.write_all_at(&sum.to_be_bytes(), CRC_FROM as u64 - 4).unwrap();
        let mut scanner = Scanner::new(&file, size as u64, 0, true);
        let (_, bytes) = scanner.next().unwrap().unwrap().unwrap();
        assert_eq!(bytes.len(), size);
        std::fs::remove_file(path).unwrap();
    }
}
