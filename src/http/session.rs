//! One HTTP connection without its socket: bytes in, requests out.
//!
//! A frame is a whole request; or, where the client waits to be asked for the body (`Expect: 100-continue`), its
//! head, and the body the next one. What is wrong is a frame too, of all that has come, for it is to be
//! answered; the connection ends behind it.

use super::MAX_SWALLOWED;
use super::chunks::Chunks;
use super::guard::{self, Guard};
use super::head::{Body, Head, Method};
use super::places::{Place, UnderWay};
use super::problem::{self, Problem};
use super::response::{Manner, Response};
use super::route::Route;
use super::scan::{Found, Scan};
use super::trace::Asked;
use crate::net::Framing;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// What is known of a connection.
#[derive(Debug, Default)]
pub struct Session {
    scan: RefCell<Scan>,
    wrong: RefCell<Option<Problem>>,
    /// So many bytes more are taken and thrown away: what is too large is sent to its end before its sender looks
    /// for an answer, and would find none where the connection was closed meanwhile (RFC 9112, 9.6).
    swallows: Option<usize>,
    swallows_since: Option<Instant>,
    /// A request whose body was asked for.
    awaited: Option<Box<Head>>,
    /// It is one too many, and is told so.
    pub(super) is_refused: bool,
    /// By what its timer is known.
    pub(super) key: u64,
    pub(super) progress: Rc<Progress>,
    /// Who makes a page for it sees that it is gone.
    pub(super) is_gone: Arc<AtomicBool>,
}

/// What a connection's timer looks at.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Requests that have come.
    pub(super) requests: Cell<u64>,
    /// One has begun and is not whole.
    pub(super) has_begun: Cell<bool>,
    /// One is at the desk.
    pub(super) waits: Cell<bool>,
    /// What that one takes of what may be under way, where it is counted.
    pub(super) under_way: RefCell<Option<UnderWay>>,
    /// Its last answer is given, and what it sends is thrown away for a while.
    pub(super) swallows: Cell<bool>,
    /// Its place among all connections.
    pub(super) place: Arc<Place>,
    /// What is asked for, where it is traced.
    pub(super) asked: RefCell<Option<Asked>>,
}

impl Progress {
    /// One is at the desk now.
    pub(super) fn holds(&self, under_way: Option<UnderWay>) {
        self.waits.set(true);
        *self.under_way.borrow_mut() = under_way;
    }

    /// It is answered.
    pub(super) fn is_answered(&self) {
        self.waits.set(false);
        drop(self.under_way.take());
    }
}

/// A request that is to be answered with a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Which one.
    pub route: Route,
    /// How to write it.
    pub manner: Manner,
    /// What came with it.
    pub body: Vec<u8>,
}

/// What to do with a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Let the client send the body.
    Continue,
    /// Make the page.
    Page(Request),
    /// The answer is known.
    Answer(Response, Manner),
}

impl Session {
    /// A connection that is known to its timer by `key`.
    pub(super) fn watched_as(key: u64, place: Option<Arc<Place>>) -> Session {
        let is_refused = place.is_none();
        let progress = Progress { place: place.unwrap_or_default(), ..Progress::default() };
        Session { key, is_refused, progress: Rc::new(progress), ..Session::default() }
    }

    /// Where the first frame ends; see [`crate::net::Service::framing`].
    pub fn framing(&self, input: &[u8]) -> Framing {
        if self.swallows.is_some() {
            return match input.len() {
                0 => Framing::Incomplete { need: 1 },
                all => Framing::Whole(all),
            };
        }
        match self.scan.borrow_mut().go(input) {
            Ok(Found::Ends(size)) => Framing::Whole(size),
            Ok(Found::More(need)) => {
                self.progress.has_begun.set(true);
                Framing::Incomplete { need }
            }
            Err(problem) => {
                *self.wrong.borrow_mut() = Some(problem);
                Framing::Whole(input.len())
            }
        }
    }

    /// Its last answer is given, and what else it sends is thrown away.
    pub(super) fn only_swallows(&self) -> bool {
        self.swallows.is_some()
    }

    /// Throws bytes away; false once they are too many, or have come for longer than that.
    pub(super) fn swallow(&mut self, bytes: usize, now: Instant, patience: Duration) -> bool {
        let left = self.swallows.unwrap_or(0).saturating_sub(bytes);
        self.swallows = Some(left);
        let since = *self.swallows_since.get_or_insert(now);
        left > 0 && now.saturating_duration_since(since) < patience
    }

    /// The next frame is the body of a request whose head has come.
    pub(super) fn awaits_body(&self) -> bool {
        self.awaited.is_some()
    }

    /// Takes a frame whose end was found.
    pub fn take(&mut self, frame: &[u8], guard: &Guard) -> Taken {
        self.progress.has_begun.set(false);
        self.progress.requests.set(self.progress.requests.get() + 1);
        let scan = self.scan.take();
        if self.is_refused {
            return Taken::Answer(problem::TOO_MANY.response(), Manner::LAST);
        }
        if let Some(problem) = self.wrong.take() {
            self.swallows = matches!(problem.status, 413 | 431).then_some(MAX_SWALLOWED);
            self.progress.swallows.set(self.swallows.is_some());
            return Taken::Answer(problem.response(), Manner::LAST);
        }
        if let Some(head) = self.awaited.take() {
            return finish(&head, frame, guard);
        }
        let Some(head) = scan.head else {
            return Taken::Answer(problem::NOT_HTTP.response(), Manner::LAST);
        };
        let body = frame.get(scan.body_at..).unwrap_or_default();
        if !head.expects {
            return finish(&head, body, guard);
        }
        match judge(&head, guard) {
            Ok(_) => {
                *self.scan.get_mut() = Scan::of_body(head.body);
                self.progress.has_begun.set(true);
                self.awaited = Some(head);
                Taken::Continue
            }
            // The body may come all the same, or not.
            Err(response) => Taken::Answer(response, Manner { keep_alive: false, ..manner(&head) }),
        }
    }
}

/// The whole request is there.
fn finish(head: &Head, body: &[u8], guard: &Guard) -> Taken {
    let manner = manner(head);
    match judge(head, guard) {
        Ok(route) => Taken::Page(Request { route, manner, body: decoded(head.body, body) }),
        Err(response) => Taken::Answer(response, manner),
    }
}

fn judge(head: &Head, guard: &Guard) -> Result<Route, Response> {
    guard.check(head).map_err(|problem| problem.response())?;
    let route = match Route::of(head)? {
        Route::Healthz { .. } => Route::Healthz { in_full: guard.is_called_by_name(head) },
        route => route,
    };
    guard::check_change(head).map_err(|problem| problem.response())?;
    Ok(route)
}

fn manner(head: &Head) -> Manner {
    let (keep_alive, is_old) = (head.keep_alive, head.is_old);
    Manner { without_body: head.method == Method::Head, keep_alive, is_old }
}

/// A body that was found to be whole.
fn decoded(kind: Body, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    match kind {
        Body::Length(_) => body.extend_from_slice(bytes),
        Body::Chunked => {
            let end = Chunks::default().go(bytes, |chunk| body.extend_from_slice(chunk));
            debug_assert_eq!(end, Ok(Ok(bytes.len())));
        }
    }
    body
}
