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
        Problem { status, code: code_of(status), text: readable(text.into()) }
    }

    /// One of Kafka's errors.
    pub(super) fn kafka(code: ErrorCode, text: impl Into<Cow<'static, str>>) -> Problem {
        Problem { status: status_of(code), code: code.name(), text: readable(text.into()) }
    }

    /// The answer that says so.
    pub fn response(&self) -> Response {
        Response::json(self.status, &Body { error: &self.text, code: self.code })
    }
}

/// Of a text that what was asked for has made too long, how it begins and how it ends.
fn readable(text: Cow<'static, str>) -> Cow<'static, str> {
    const BEGIN: usize = 400;
    const END: usize = 200;
    if text.len() <= 2 * (BEGIN + END) {
        return text;
    }
    let begin = &text[..text.floor_char_boundary(BEGIN)];
    let end = &text[text.ceil_char_boundary(text.len() - END)..];
    let between = text.len() - begin.len() - end.len();
    Cow::Owned(format!("{begin}... ({between} bytes) ...{end}"))
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

/// The statuses of Kafka's errors that do not follow from whether they are retriable.
const STATUSES: &[(u16, &[ErrorCode])] = &[
    // Retriable for who waits until it is there.
    (
        404,
        &[
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::UNKNOWN_TOPIC_ID,
            ErrorCode::GROUP_ID_NOT_FOUND,
            ErrorCode::RESOURCE_NOT_FOUND,
            ErrorCode::TRANSACTIONAL_ID_NOT_FOUND,
            ErrorCode::DELEGATION_TOKEN_NOT_FOUND,
            ErrorCode::SNAPSHOT_NOT_FOUND,
            ErrorCode::VOTER_NOT_FOUND,
            ErrorCode::LOG_DIR_NOT_FOUND,
        ],
    ),
    // What is there does not allow it.
    (
        409,
        &[
            ErrorCode::TOPIC_ALREADY_EXISTS,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::ILLEGAL_GENERATION,
            ErrorCode::NON_EMPTY_GROUP,
            ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC,
            ErrorCode::GROUP_MAX_SIZE_REACHED,
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
            ErrorCode::REBALANCE_IN_PROGRESS,
            ErrorCode::REASSIGNMENT_IN_PROGRESS,
            ErrorCode::NO_REASSIGNMENT_IN_PROGRESS,
            ErrorCode::FENCED_INSTANCE_ID,
            ErrorCode::UNRELEASED_INSTANCE_ID,
            ErrorCode::FENCED_MEMBER_EPOCH,
            ErrorCode::STALE_MEMBER_EPOCH,
            ErrorCode::PRODUCER_FENCED,
            ErrorCode::INVALID_PRODUCER_EPOCH,
            ErrorCode::INVALID_PRODUCER_ID_MAPPING,
            ErrorCode::UNKNOWN_PRODUCER_ID,
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            ErrorCode::DUPLICATE_SEQUENCE_NUMBER,
            ErrorCode::INVALID_TXN_STATE,
            ErrorCode::TRANSACTION_ABORTABLE,
            ErrorCode::TRANSACTION_COORDINATOR_FENCED,
            ErrorCode::STALE_CONTROLLER_EPOCH,
            ErrorCode::STALE_BROKER_EPOCH,
            ErrorCode::FENCED_STATE_EPOCH,
            ErrorCode::STREAMS_INVALID_TOPOLOGY_EPOCH,
            ErrorCode::STREAMS_TOPOLOGY_FENCED,
            ErrorCode::NEW_LEADER_ELECTED,
            ErrorCode::INELIGIBLE_REPLICA,
            ErrorCode::INVALID_RECORD_STATE,
            ErrorCode::DUPLICATE_BROKER_REGISTRATION,
            ErrorCode::DUPLICATE_VOTER,
            ErrorCode::INVALID_VOTER_KEY,
            ErrorCode::INCONSISTENT_VOTER_SET,
            ErrorCode::INCONSISTENT_CLUSTER_ID,
            ErrorCode::ELECTION_NOT_NEEDED,
        ],
    ),
    (
        403,
        &[
            ErrorCode::TOPIC_DELETION_DISABLED,
            ErrorCode::TOPIC_AUTHORIZATION_FAILED,
            ErrorCode::GROUP_AUTHORIZATION_FAILED,
            ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
            ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            ErrorCode::DELEGATION_TOKEN_AUTHORIZATION_FAILED,
            ErrorCode::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
            ErrorCode::DELEGATION_TOKEN_OWNER_MISMATCH,
            ErrorCode::SASL_AUTHENTICATION_FAILED,
        ],
    ),
    (
        413,
        &[
            ErrorCode::MESSAGE_TOO_LARGE,
            ErrorCode::RECORD_LIST_TOO_LARGE,
            ErrorCode::TELEMETRY_TOO_LARGE,
        ],
    ),
    // The first is retriable: other replicas may have what this one has not. There are none.
    (
        500,
        &[
            ErrorCode::CORRUPT_MESSAGE,
            ErrorCode::FEATURE_UPDATE_FAILED,
            ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE,
            ErrorCode::UNKNOWN_SERVER_ERROR,
        ],
    ),
];

/// The status that one of Kafka's errors is answered with: 503 where the same request may succeed by itself, 400 where it is
/// wrong whatever there is.
fn status_of(code: ErrorCode) -> u16 {
    let listed = STATUSES.iter().find(|(_, codes)| codes.contains(&code));
    match listed {
        Some((status, _)) => *status,
        None if code.is_retriable() || code == ErrorCode::BROKER_NOT_AVAILABLE => 503,
        // One that Kafka does not have is told as an unknown one.
        None if !code.is_known() => 500,
        None => 400,
    }
}

pub(super) const BARE_LF: Problem = Problem::bad("A line must end in CR LF");
pub(super) const NOT_HTTP: Problem = Problem::bad("This is not an HTTP request");
pub(super) const HEAD_TOO_LARGE: Problem =
    Problem::new(431, "The request's head is too large, or has too many fields");
pub(super) const BODY_TOO_LARGE: Problem = Problem::new(413, "The request's body is too large");
pub(super) const BAD_CHUNK: Problem = Problem::bad("The body's chunks cannot be read");
pub(super) const TOO_SLOW: Problem = Problem::new(408, "The request took too long to arrive");
pub(super) const TOO_MANY: Problem = Problem::new(503, "Too many HTTP connections are open");
pub(super) const TOO_MANY_TAILS: Problem =
    Problem::new(503, "Too many answers go on already: end one that nobody reads");
pub(super) const BUSY: Problem = Problem::new(503, "Too many requests wait to be answered");
pub(super) const STOPPING: Problem = Problem::new(503, "The broker stops");
pub(super) const NOT_FOUND: Problem = Problem::new(404, "Not found");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_succeed_by_itself_is_not_the_clients_fault() {
        for code in ErrorCode::KNOWN.iter().copied().filter(|code| code.is_error()) {
            let (status, name) = (status_of(code), code.name());
            let is_by_itself = code.is_retriable() || name.ends_with("_NOT_AVAILABLE");
            let wanted = match name {
                "UNKNOWN_TOPIC_OR_PARTITION" | "UNKNOWN_TOPIC_ID" => 404,
                "ELECTION_NOT_NEEDED" => 409,
                "CORRUPT_MESSAGE" | "UNKNOWN_SERVER_ERROR" => 500,
                _ if is_by_itself => 503,
                _ if name.contains("NOT_FOUND") => 404,
                _ if name.contains("AUTHORIZATION_FAILED") => 403,
                _ if name.contains("TOO_LARGE") && !name.contains("OFFSET") => 413,
                _ if ["FENCED", "STALE_", "ALREADY", "IN_PROGRESS", "NON_EMPTY"]
                    .iter()
                    .any(|part| name.contains(part)) =>
                {
                    409
                }
                _ if name.starts_with("INVALID_") && status != 409 => 400,
                _ => status,
            };
            assert_eq!(status, wanted, "{name}");
            assert_ne!(status, 200, "{name}");
        }
        assert_eq!(status_of(ErrorCode(1000)), 500);
    }

    #[test]
    fn a_sentence_can_be_read() {
        let short = "x".repeat(1000);
        assert_eq!(Problem::told(400, short.clone()).text, short);
        for text in ["\u{20ac}".repeat(50_000), "x".repeat(1201)] {
            let told = Problem::told(400, format!("Unknown: {text}. Why?")).text;
            assert!(told.starts_with("Unknown: ") && told.ends_with(". Why?"), "{told}");
            assert!(told.len() < 700, "{told}");
        }
    }
}
