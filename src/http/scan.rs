//! Where a request ends. It remembers how far it has looked, so each byte is looked at once.
//!
//! What is wrong is decided on bytes that must all be there, never on how many have come: the same bytes
//! in other pieces are judged alike.

use super::MAX_HEAD;
use super::chunks::Chunks;
use super::head::{Body, Head};
use super::problem::{BARE_LF, HEAD_TOO_LARGE, NOT_HTTP, Problem};

/// What is known of the bytes at the front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Not a whole request; so many bytes are needed at least.
    More(usize),
    /// A head of which the body is not asked for yet, or a whole request, or a body that was asked for.
    Ends(usize),
}

/// How far a request has been looked at.
#[derive(Debug, Default)]
pub(super) struct Scan {
    stage: Stage,
    /// The head, when it has been read.
    pub(super) head: Option<Box<Head>>,
    /// Where the body begins.
    pub(super) body_at: usize,
}

#[derive(Debug)]
enum Stage {
    /// Looking for the end of the head, from here on.
    Head(usize),
    /// The end is known.
    Length(usize),
    Chunks(Chunks),
}

impl Default for Stage {
    fn default() -> Stage {
        Stage::Head(0)
    }
}

impl Scan {
    /// For a body that was asked for.
    pub(super) fn of_body(body: Body) -> Scan {
        Scan { stage: Stage::of(body, 0), ..Scan::default() }
    }

    /// Goes on, with all bytes from the request's first on.
    pub(super) fn go(&mut self, input: &[u8]) -> Result<Found, Problem> {
        if let Stage::Head(from) = self.stage {
            let Some((begin, end)) = find_head(input, from)? else {
                self.stage = Stage::Head(input.len().saturating_sub(1));
                return Ok(Found::More(input.len() + 1));
            };
            let head = Head::parse(input.get(begin..end).unwrap_or_default())?;
            self.body_at = end;
            // The body waits until it is asked for: the head is a frame by itself.
            self.stage = match head.expects {
                true => Stage::Length(end),
                false => Stage::of(head.body, end),
            };
            self.head = Some(Box::new(head));
        }
        match &mut self.stage {
            Stage::Head(_) => Err(NOT_HTTP),
            Stage::Length(end) if *end <= input.len() => Ok(Found::Ends(*end)),
            Stage::Length(end) => Ok(Found::More(*end)),
            Stage::Chunks(chunks) => {
                let body = input.get(self.body_at..).unwrap_or_default();
                Ok(match chunks.go(body, |_| {})? {
                    Ok(end) => Found::Ends(self.body_at + end),
                    Err(need) => Found::More(self.body_at + need),
                })
            }
        }
    }
}

impl Stage {
    fn of(body: Body, at: usize) -> Stage {
        match body {
            Body::Length(length) => Stage::Length(at + length),
            Body::Chunked => Stage::Chunks(Chunks::default()),
        }
    }
}

/// Where a head begins, behind one empty line that some clients send, and where it ends. Of what lies before
/// `from` it is known that no head ends there.
fn find_head(input: &[u8], from: usize) -> Result<Option<(usize, usize)>, Problem> {
    let input = input.get(..MAX_HEAD).unwrap_or(input);
    let begin = match input {
        [b'\r', b'\n', ..] => 2,
        [b'\r'] => return Ok(None),
        _ => 0,
    };
    // Whoever speaks TLS or Kafka's protocol is told at once, not when the time is over.
    if input.get(begin).is_some_and(|first| !first.is_ascii_alphabetic()) {
        return Err(NOT_HTTP);
    }
    let unseen = input.get(from..).unwrap_or_default().iter().enumerate();
    for (lf, _) in unseen.filter(|(_, byte)| **byte == b'\n').map(|(at, byte)| (from + at, byte)) {
        let line = input.get(..lf).unwrap_or_default();
        let Some(line) = line.strip_suffix(b"\r") else { return Err(BARE_LF) };
        if lf > begin && line.ends_with(b"\r\n") && line.len() > begin {
            return Ok(Some((begin, lf + 1)));
        }
    }
    if input.len() == MAX_HEAD { Err(HEAD_TOO_LARGE) } else { Ok(None) }
}
