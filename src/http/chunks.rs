//! A body in chunks (RFC 9112, 7.1): where it ends, and what it says.
//!
//! It remembers how far it has come, so bytes that arrive one by one cost no more than those that arrive
//! together. Sizes are hexadecimal digits and nothing else; extensions and trailers are passed over.

use super::problem::{BAD_CHUNK, BARE_LF, BODY_TOO_LARGE, HEAD_TOO_LARGE, Problem};
use super::{MAX_BODY, MAX_HEAD, MAX_LINE};

/// Bytes of a body with all that stands around its chunks.
const MAX_ENCODED: usize = 4 * MAX_BODY;
/// Digits of a size.
const MAX_DIGITS: usize = 8;

/// How far a body has been looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chunks {
    at: usize,
    body: usize,
    /// Where the trailers begin, once they do.
    trailers: Option<usize>,
}

impl Chunks {
    /// Goes on in the bytes of a body, as far as they are there, and hands out the chunks. Its end, or
    /// nothing and how many bytes it needs at least.
    pub(super) fn go(
        &mut self,
        bytes: &[u8],
        mut chunk: impl FnMut(&[u8]),
    ) -> Result<Result<usize, usize>, Problem> {
        loop {
            let done = match self.trailers {
                Some(from) => self.trailer(bytes, from)?,
                None => self.chunk(bytes, &mut chunk)?,
            };
            match done {
                Step::Goes => {}
                Step::Needs(bytes) => return Ok(Err(bytes)),
                Step::Ends => return Ok(Ok(self.at)),
            }
        }
    }

    fn chunk(&mut self, bytes: &[u8], chunk: &mut impl FnMut(&[u8])) -> Result<Step, Problem> {
        let Some((size, begin)) = self.size(bytes)? else {
            return Ok(Step::Needs(bytes.len() + 1));
        };
        if size == 0 {
            (self.at, self.trailers) = (begin, Some(begin));
            return Ok(Step::Goes);
        }
        let end = begin + size + 2;
        if self.body + size > MAX_BODY || end > MAX_ENCODED {
            return Err(BODY_TOO_LARGE);
        }
        let Some(data) = bytes.get(begin..end) else { return Ok(Step::Needs(end)) };
        let Some(data) = data.strip_suffix(b"\r\n") else { return Err(BAD_CHUNK) };
        chunk(data);
        (self.at, self.body) = (end, self.body + size);
        Ok(Step::Goes)
    }

    /// The size of the next chunk, and where it begins; nothing if its line is not there yet.
    fn size(&self, bytes: &[u8]) -> Result<Option<(usize, usize)>, Problem> {
        // The smallest chunks are the most: a body of them is not to keep a worker.
        if let Some([digit, b'\r', b'\n']) = bytes.get(self.at..self.at + 3)
            && let Some(size) = (*digit as char).to_digit(16)
        {
            return Ok(Some((size as usize, self.at + 3)));
        }
        match line(bytes, self.at, MAX_LINE, BAD_CHUNK)? {
            Some((line, begin)) => Ok(Some((size_of(line)?, begin))),
            None => Ok(None),
        }
    }

    fn trailer(&mut self, bytes: &[u8], from: usize) -> Result<Step, Problem> {
        let room = (from + MAX_HEAD).saturating_sub(self.at);
        let Some((line, end)) = line(bytes, self.at, room, HEAD_TOO_LARGE)? else {
            return Ok(Step::Needs(bytes.len() + 1));
        };
        self.at = end;
        match line {
            [] => Ok(Step::Ends),
            line if is_field(line) => Ok(Step::Goes),
            _ => Err(BAD_CHUNK),
        }
    }
}

enum Step {
    Goes,
    Needs(usize),
    Ends,
}

/// The line at `at`, without its end, and where that is; nothing if it is not there yet.
fn line(
    bytes: &[u8],
    at: usize,
    most: usize,
    too_long: Problem,
) -> Result<Option<(&[u8], usize)>, Problem> {
    let rest = bytes.get(at..).unwrap_or_default();
    let rest = rest.get(..most).unwrap_or(rest);
    let Some(lf) = rest.iter().position(|byte| *byte == b'\n') else {
        return if rest.len() < most { Ok(None) } else { Err(too_long) };
    };
    let line = rest.get(..lf).unwrap_or_default();
    let line = line.strip_suffix(b"\r").ok_or(BARE_LF)?;
    if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(BAD_CHUNK);
    }
    Ok(Some((line, at + lf + 1)))
}

fn size_of(line: &[u8]) -> Result<usize, Problem> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let is_size = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_size).ok_or(BAD_CHUNK)?;
    if digits.len() > MAX_DIGITS {
        return Err(BODY_TOO_LARGE);
    }
    usize::from_str_radix(text, 16).map_err(|_| BAD_CHUNK)
}

fn is_field(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.len() < line.len() && name.iter().all(is_token)
}
