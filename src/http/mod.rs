//! The HTTP face: metrics, health, REST and the console, beside the one that Kafka clients talk to.
//!
//! ```text
//! acceptor ─> worker: net::Connection ─> Session::framing   where does a request end?
//!                                     ─> Session::take      head, body, guard, router
//!                                         ├ answered here: /livez, /readyz, /v1/broker, the console's files,
//!                                         │ most errors
//!                                         └ a desk, a thread that may block: all that looks at or changes
//!                                           topics, logs or groups; the connection holds until its page is
//!                                           there, and, where that must be, on the disk
//! ```
//!
//! HTTP connections are accepted by the same acceptor and served by the same workers as Kafka's; whose a
//! session is, its listener says. *Pure*, bytes in and bytes out: [`Session`] (framing, parsing, routing) and
//! [`Response`]. They do no I/O, ask no clock, and give the same answers however the bytes are cut. *Blocking*
//! is what walks over all topics, reads a log or changes anything: it never runs on a worker. A request that is
//! wrong gets `{"error": "...", "code": "..."}`; where its end cannot be known for certain, or what follows may be
//! something else than it says, the connection ends with it. What can be read in two ways is refused (RFC 9112, 11.2).
//!
//! Everything has a limit: a head [`MAX_HEAD`] bytes and [`MAX_HEADERS`] fields, a body [`MAX_BODY`] bytes, a
//! line of a chunk [`MAX_LINE`]; one request at a time of each connection at the desk, those behind it wait; open
//! answers and unsent bytes as with Kafka; [`MAX_CONNECTIONS`] connections ([`places`]), [`MAX_TAILS`] and
//! [`MAX_WAITS`] answers under way, [`MAX_JOBS`] pages that wait,
//! [`MAX_PAGE`] bytes each, [`MAX_HELD`] bytes that were made and not taken; `barnabas.http.timeout.ms` for a request
//! to come whole, and for a connection without one. The console ([`console`]) is files that are part of the binary. An
//! answer that goes on ([`tail`]) is read in pieces. It must never change anything for a browser that was sent by
//! another page.

mod api;
mod chunks;
mod console;
mod date;
mod delay;
mod desk;
mod guard;
mod head;
mod healthcheck;
mod pace;
mod places;
mod problem;
mod query;
mod response;
mod route;
mod scan;
mod service;
mod session;
mod tail;
mod target;
mod trace;
mod watched;
mod whereabouts;

pub use api::{Filter, check};
pub use console::Asset;
pub use desk::{Facts, Http};
pub use guard::Guard;
pub use head::{Head, Method};
pub use healthcheck::healthcheck;
pub use problem::Problem;
pub use query::Query;
pub use response::{Manner, Response};
pub use route::{Of, Route};
pub use service::{HttpService, TIMERS};
pub use session::{Request, Session, Taken};
pub use whereabouts::Whereabouts;

/// Bytes of a request's head, the line included.
pub const MAX_HEAD: usize = 16 << 10;
/// Fields of a head.
pub const MAX_HEADERS: usize = 64;
/// Bytes of a body.
pub const MAX_BODY: usize = 1 << 20;
/// Bytes that are thrown away behind a request that is too large.
pub const MAX_SWALLOWED: usize = 16 << 20;
/// Bytes of the line before a chunk.
pub const MAX_LINE: usize = 256;
/// HTTP connections at once; one more takes the place of one that waits for a request.
pub const MAX_CONNECTIONS: usize = 256;
/// Answers that go on.
pub const MAX_TAILS: usize = MAX_CONNECTIONS / 4 * 3;
/// Answers that go on, or wait for the desk or the disk. The rest of the places is for who asks how the broker is.
pub const MAX_WAITS: usize = MAX_CONNECTIONS / 16 * 15;
/// Pages that wait to be made.
pub const MAX_JOBS: usize = 64;
/// Bytes that were made and that nobody has taken yet, beyond which no messages are read. With twice as many there are no
/// pages of more than [`SMALL`] bytes, with three times as many none but the health: who does not read his messages keeps
/// nobody from looking at the broker.
pub const MAX_HELD: usize = 128 << 20;
/// Bytes of a page as most are.
pub const SMALL: usize = 256 << 10;
/// Bytes a second that a reader takes at least.
pub const MIN_RATE: u64 = 32 << 10;
/// Bytes of a page.
pub const MAX_PAGE: usize = 256 << 20;

#[cfg(test)]
mod tests;
