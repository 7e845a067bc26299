//! An answer, and how it is written.
//!
//! Every answer says how long it is, whose it is, that it is not to be kept (the console's files may be, if they are
//! asked for again each time), and that it is what it says it is (`nosniff`). There is no field that lets pages of
//! other origins read it.

use super::date::date;
use serde::Serialize;
use std::fmt::Write;

/// An answer without what depends on how it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// Fields of its own.
    pub fields: Vec<(&'static str, String)>,
    /// It may be kept by who asks each time whether it still holds.
    pub is_kept: bool,
}

/// How an answer is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// HEAD: all but the body.
    pub without_body: bool,
    /// The connection goes on behind it.
    pub keep_alive: bool,
    /// The client speaks HTTP/1.0, and is told that the connection goes on.
    pub is_old: bool,
}

impl Manner {
    /// Behind it the connection ends.
    pub(super) const LAST: Manner =
        Manner { without_body: false, keep_alive: false, is_old: false };
}

/// As many as one write takes are less than a worker writes to one connection in a turn.
const PIECE: usize = 32 << 10;

/// Bytes of a body that are given back at a time. Of so much memory the allocator unmaps the end, and copies nothing.
const GIVEN_BACK: usize = 4 << 20;

const INTERNAL: &[u8] = b"{\"error\":\"Internal\",\"code\":\"INTERNAL\"}";

/// The client has it already.
const NOT_MODIFIED: u16 = 304;

/// It may be otherwise in a moment.
const UNAVAILABLE: u16 = 503;

/// What lets a client send its body.
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Response {
    /// A value as JSON.
    pub(super) fn json(status: u16, value: &impl Serialize) -> Response {
        match serde_json::to_vec(value) {
            Ok(body) => Response::text(status, "application/json", body),
            // Only maps with keys that are no texts and writers that fail can do this; neither is used.
            Err(_) => Response::text(500, "application/json", INTERNAL.to_vec()),
        }
    }

    pub(super) fn text(status: u16, content_type: &'static str, body: Vec<u8>) -> Response {
        Response { status, content_type, body, fields: Vec::new(), is_kept: false }
    }

    /// The beginning of an answer that goes on until the connection ends.
    pub(super) fn stream(content_type: &'static str) -> Response {
        Response::text(200, content_type, Vec::new())
    }

    /// Writes it as of some seconds since 1970.
    pub fn write(&self, manner: Manner, now: u64) -> Vec<u8> {
        let mut bytes = self.head(manner, now);
        if !manner.without_body {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }

    /// The same in pieces.
    pub(super) fn pieces(mut self, manner: Manner, now: u64) -> Vec<Vec<u8>> {
        let head = self.head(manner, now);
        let body = if manner.without_body { Vec::new() } else { std::mem::take(&mut self.body) };
        let mut pieces = vec![head];
        pieces.extend(in_pieces(body));
        pieces
    }

    fn head(&self, manner: Manner, now: u64) -> Vec<u8> {
        let mut head = self.line_and_fields(now);
        // What the client has already has a length, and this is not it.
        if self.status != NOT_MODIFIED {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        match manner {
            Manner { keep_alive: false, .. } => head.push_str("Connection: close\r\n"),
            Manner { is_old: true, .. } => head.push_str("Connection: keep-alive\r\n"),
            _ => {}
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Writes the head of one whose length nobody knows: its end is that of the connection.
    pub(super) fn write_head(&self, now: u64) -> Vec<u8> {
        let mut head = self.line_and_fields(now);
        head.push_str("Connection: close\r\n\r\n");
        head.into_bytes()
    }

    fn line_and_fields(&self, now: u64) -> String {
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nServer: barnabas\r\nDate: {}\r\nContent-Type: {}\r\n\
             Cache-Control: {}\r\nX-Content-Type-Options: nosniff\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\n",
            self.status,
            reason(self.status),
            date(now),
            self.content_type,
            if self.is_kept { "no-cache" } else { "no-store" },
        );
        for (name, value) in &self.fields {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if self.status == UNAVAILABLE {
            head.push_str("Retry-After: 1\r\n");
        }
        head
    }
}

/// The same bytes in pieces of [`PIECE`]. They may be hundreds of megabytes: they are taken from their end, and what was taken
/// is given back, so that they are there once.
pub(super) fn in_pieces(mut bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let mut pieces = Vec::with_capacity(bytes.len() / PIECE + 1);
    while bytes.len() > PIECE {
        pieces.push(bytes.split_off((bytes.len() - 1) / PIECE * PIECE));
        if bytes.capacity() - bytes.len() >= GIVEN_BACK {
            bytes.shrink_to_fit();
        }
    }
    if !bytes.is_empty() {
        bytes.shrink_to_fit();
        pieces.push(bytes);
    }
    pieces.reverse();
    pieces
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        NOT_MODIFIED => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        408 => "Request Timeout",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        UNAVAILABLE => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}
