//! What is wrong with a request: a status, a code for programs and a sentence for people.
//!
//! Codes stay as they are. They are Kafka's names of errors where Kafka has one, else one for each
//! status. Sentences of our own repeat nothing of the request; Kafka's may name what was asked for.

use super::response::Response;
use crate::catalog::ApiError;
use crate::wire::error::ErrorCode;
use serde::Serialize;
use std::borrow::Cow;

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The status code.
    pub status: u16,
    /// For the field `code`.
    pub code: &'static str,
    /// For the field `error`.
    pub text: Cow<'static, str>,
}

#[derive(Serialize)]
struct Body<'p> {
    error: &'p str,
    code: &'static str,
}

impl Problem {
    pub(super) const fn new(status: u16, text: &'static str) -> Problem {
        Problem { status, code: code_of(status), text: Cow::Borrowed(text) }
    }

    /// 400
    pub(super) const fn bad(text: &'static str) -> Problem {
        Problem::new(400, text)
    }

    /// The same with a sentence that was made for the request.
    pub(super) fn told(status: u16, text: String) -> Problem {
        Problem { status, code: code_of(status), text: Cow::Owned(text) }
    }

    /// One of Kafka's errors.
    pub(super) fn kafka(code: ErrorCode, text: impl Into<Cow<'static, str>>) -> Problem {
        Problem { status: status_of(code), code: code.name(), text: text.into() }
    }

    /// The answer that says so.
    pub fn response(&self) -> Response {
        Response::json(self.status, &Body { error: &self.text, code: self.code })
    }
}

impl From<ApiError> for Problem {
    fn from(why: ApiError) -> Problem {
        let text = why.message.filter(|text| !text.is_empty());
        Problem::kafka(why.code, text.map_or(Cow::Borrowed(why.code.message()), Cow::Owned))
    }
}

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Problem {
        Problem::kafka(code, code.message())
    }
}

/// The code of what Kafka has no error for.
const fn code_of(status: u16) -> &'static str {
    match status {
        400 => "BAD_REQUEST",
        403 => "FORBIDDEN",
        404 => "NOT_FOUND",
        405 => "METHOD_NOT_ALLOWED",
        408 => "REQUEST_TIMEOUT",
        413 => "CONTENT_TOO_LARGE",
        415 => "UNSUPPORTED_MEDIA_TYPE",
        417 => "EXPECTATION_FAILED",
        421 => "MISDIRECTED_REQUEST",
        431 => "HEADERS_TOO_LARGE",
        501 => "NOT_IMPLEMENTED",
        503 => "UNAVAILABLE",
        505 => "VERSION_NOT_SUPPORTED",
        _ => "INTERNAL",
    }
}

/// The status that one of Kafka's errors is answered with.
fn status_of(code: ErrorCode) -> u16 {
    match code {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::GROUP_ID_NOT_FOUND => 404,
        ErrorCode::TOPIC_ALREADY_EXISTS
        | ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::ILLEGAL_GENERATION
        | ErrorCode::NON_EMPTY_GROUP => 409,
        ErrorCode::TOPIC_DELETION_DISABLED => 403,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => 413,
        ErrorCode::CORRUPT_MESSAGE
        | ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::UNKNOWN_SERVER_ERROR => 500,
        ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::LEADER_NOT_AVAILABLE
        | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::NOT_COORDINATOR => 503,
        _ => 400,
    }
}

pub(super) const BARE_LF: Problem = Problem::bad("A line must end in CR LF");
pub(super) const NOT_HTTP: Problem = Problem::bad("This is not an HTTP request");
pub(super) const HEAD_TOO_LARGE: Problem = Problem::new(431, "The request's head is too large");
pub(super) const BODY_TOO_LARGE: Problem = Problem::new(413, "The request's body is too large");
pub(super) const BAD_CHUNK: Problem = Problem::bad("The body's chunks cannot be read");
pub(super) const TOO_SLOW: Problem = Problem::new(408, "The request took too long to arrive");
pub(super) const TOO_MANY: Problem = Problem::new(503, "Too many HTTP connections are open");
pub(super) const TOO_MANY_TAILS: Problem =
    Problem::new(503, "Too many answers go on already: end one that nobody reads");
pub(super) const BUSY: Problem = Problem::new(503, "Too many requests wait to be answered");
pub(super) const STOPPING: Problem = Problem::new(503, "The broker stops");
pub(super) const NOT_FOUND: Problem = Problem::new(404, "Not found");
