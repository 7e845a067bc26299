//! What is wrong with a request: a status and a sentence. The sentences are ours alone: nothing of the
//! request is repeated in them.

use super::response::Response;
use serde::Serialize;

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// The status code.
    pub status: u16,
    /// For the field `error`.
    pub text: &'static str,
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
}

impl Problem {
    pub(super) const fn new(status: u16, text: &'static str) -> Problem {
        Problem { status, text }
    }

    /// 400
    pub(super) const fn bad(text: &'static str) -> Problem {
        Problem::new(400, text)
    }

    /// The answer that says so.
    pub fn response(self) -> Response {
        Response::json(self.status, &Body { error: self.text })
    }
}

pub(super) const BARE_LF: Problem = Problem::bad("A line must end in CR LF");
pub(super) const NOT_HTTP: Problem = Problem::bad("This is not an HTTP request");
pub(super) const HEAD_TOO_LARGE: Problem = Problem::new(431, "The request's head is too large");
pub(super) const BODY_TOO_LARGE: Problem = Problem::new(413, "The request's body is too large");
pub(super) const BAD_CHUNK: Problem = Problem::bad("The body's chunks cannot be read");
pub(super) const TOO_SLOW: Problem = Problem::new(408, "The request took too long to arrive");
pub(super) const TOO_MANY: Problem = Problem::new(503, "Too many HTTP connections are open");
pub(super) const BUSY: Problem = Problem::new(503, "Too many requests wait to be answered");
pub(super) const NOT_FOUND: Problem = Problem::new(404, "Not found");
