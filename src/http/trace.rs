//! Lines at debug level by which a connection and a request can be followed, as those of Kafka's face.
//!
//! `conn=17` is a connection, `req=17.4` its fifth request: every line about them has these words, those of the
//! net room too; one whose body is asked for (`Expect`) takes two numbers there, and is called by the first here. Where nobody listens at that level nothing is looked up, read or formatted. What a client has
//! chosen is quoted and cut, so that it cannot make lines of its own; what it asks for behind `?` is left out.

use super::session::Progress;
use crate::net::{ConnId, Context, Slot};
use std::time::Instant;

/// Characters of a path in a line.
const MAX_CHARS: usize = 128;

/// What is remembered of a request until it is answered.
#[derive(Debug)]
pub(super) struct Asked {
    /// The number of its slot, or of that of its head: by this one all lines call it.
    number: u64,
    since: Instant,
    /// Its method and path, as they stand in the lines.
    what: (String, String),
}

fn is_on() -> bool {
    ::log::log_enabled!(::log::Level::Debug)
}

/// A client has connected.
pub(super) fn opened(cx: &Context<'_>, conn: ConnId, worker: usize) {
    if let (true, Some(peer)) = (is_on(), cx.peer(conn)) {
        let (number, remote, local) = (peer.number, peer.remote, peer.local);
        ::log::debug!(
            conn = number, remote:%, local:%, listener = "HTTP", worker;
            "connection opened"
        );
    }
}

/// A request has come, or its head.
pub(super) fn request(cx: &Context<'_>, slot: Slot, progress: &Progress, frame: &[u8]) {
    if let (true, Some(peer)) = (is_on(), cx.peer(slot.conn())) {
        let what = what(frame);
        let (number, bytes, (method, path)) = (slot.number(), frame.len(), &what);
        ::log::debug!(
            req:% = format_args!("{}.{number}", peer.number), method, path, bytes;
            "request"
        );
        *progress.asked.borrow_mut() = Some(Asked { number, since: Instant::now(), what });
    }
}

/// It is answered with this, or an answer that goes on begins with it.
pub(super) fn answered(cx: &Context<'_>, conn: ConnId, progress: &Progress, answer: &[u8]) {
    // Also where nobody listens any more: nothing is kept for the next one.
    let Some(Asked { number, since, what: (method, path) }) = progress.asked.take() else { return };
    if let (true, Some(peer)) = (is_on(), cx.peer(conn)) {
        let status = answer.get(9..12).and_then(|text| std::str::from_utf8(text).ok());
        let status = status.and_then(|text| text.parse::<u16>().ok());
        let us = since.elapsed().as_micros();
        ::log::debug!(
            req:% = format_args!("{}.{number}", peer.number), method, path, status, us;
            "answered"
        );
    }
}

/// The method and the path of a request, whatever else it is.
fn what(frame: &[u8]) -> (String, String) {
    let line = frame.split(|byte| b"\r\n".contains(byte)).find(|line| !line.is_empty());
    let mut words = line.unwrap_or_default().split(|byte| *byte == b' ');
    let method = words.next().unwrap_or_default();
    let is_method = (1..=16).contains(&method.len()) && method.iter().all(u8::is_ascii_uppercase);
    let method = String::from_utf8_lossy(if is_method { method } else { b"?" });
    let path = words.next().unwrap_or_default().split(|byte| *byte == b'?').next();
    // A character has four bytes at most.
    let path = path.and_then(|path| path.get(..path.len().min(4 * MAX_CHARS))).unwrap_or_default();
    let path: String = String::from_utf8_lossy(path).chars().take(MAX_CHARS).collect();
    (method.into_owned(), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_asks_for_makes_one_line_and_names_nothing_behind_the_path() {
        for (frame, (method, path)) in [
            (&b"GET /v1/topics?x=secret HTTP/1.1\r\nHost: a\r\n\r\n"[..], ("GET", "/v1/topics")),
            (b"\r\nPOST /a\"b HTTP/1.1\r\n", ("POST", "/a\"b")),
            (b"\x16\x03\x01", ("?", "")),
            (b"", ("?", "")),
            (b"get /\x1b[31m HTTP/1.1", ("?", "/\x1b[31m")),
        ] {
            assert_eq!(what(frame), (method.to_owned(), path.to_owned()));
        }
        let long = [b"GET /", "\u{e9}".repeat(9000).as_bytes(), b" HTTP/1.1\r\n"].concat();
        assert_eq!(what(&long).1.chars().count(), MAX_CHARS);
    }
}
