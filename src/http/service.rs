//! The HTTP side of a worker: frames become pages, at once or by way of the desk, and who is too slow is
//! told to go. It never blocks.

use super::desk::{Http, now_seconds};
use super::response::{CONTINUE, Manner, Response};
use super::route::Route;
use super::session::{Progress, Session, Taken};
use super::{MAX_CONNECTIONS, api, problem};
use crate::broker::Page;
use crate::net::{ConnId, Context, Flow, Framing, Part, Slot, TimerId};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The bit by which the timers of this face are told from those of the other one.
pub const TIMERS: u64 = 1 << 63;

/// A connection that is looked at from time to time.
struct Watched {
    conn: ConnId,
    progress: Rc<Progress>,
    timer: TimerId,
    /// What was seen the last time.
    requests: u64,
    had_begun: bool,
}

/// HTTP on one worker.
pub struct HttpService {
    http: Arc<Http>,
    worker: usize,
    watched: HashMap<u64, Watched, foldhash::fast::RandomState>,
    next: u64,
}

impl HttpService {
    /// The service of the worker with this index.
    pub fn new(http: Arc<Http>, worker: usize) -> HttpService {
        HttpService { http, worker, watched: HashMap::default(), next: 0 }
    }

    /// A connection was accepted.
    pub fn open(&mut self, cx: &mut Context<'_>, conn: ConnId) -> Session {
        let key = TIMERS | self.next;
        self.next = (self.next + 1) & !TIMERS;
        let is_refused = self.http.connections.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS;
        let session = Session::watched_as(key, is_refused);
        let timer = cx.set_timer(cx.now() + self.http.patience, key);
        let (progress, requests) = (session.progress.clone(), 0);
        self.watched.insert(key, Watched { conn, progress, timer, requests, had_begun: false });
        session
    }

    /// See [`Session::framing`].
    pub fn framing(&self, session: &Session, input: &[u8]) -> Framing {
        session.framing(input)
    }

    /// One frame.
    pub fn request(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut Session,
        slot: Slot,
        frame: &[u8],
    ) -> Flow {
        let request = match session.take(frame, &self.http.guard) {
            Taken::Continue => {
                cx.reply(slot, &[Part::Bytes(CONTINUE)]);
                return Flow::Next;
            }
            Taken::Answer(response, manner) => return answer(cx, slot, &response, manner),
            Taken::Page(request) => request,
        };
        if let Route::Livez | Route::Readyz | Route::Broker = request.route {
            let page = api::page(&self.http.shared, &self.http.facts, &request.route);
            return answer(cx, slot, &page, request.manner);
        }
        let manner = request.manner;
        if !self.http.ask(request, self.worker, slot) {
            return answer(cx, slot, &problem::BUSY.response(), manner);
        }
        session.progress.waits.set(true);
        Flow::Hold
    }

    /// A page was made.
    pub fn answered(&mut self, cx: &mut Context<'_>, page: &Page) {
        let conn = page.slot.conn();
        if !cx.reply(page.slot, &[Part::Bytes(&page.bytes)]) {
            return;
        }
        if let Some(watched) = self.watched.values().find(|watched| watched.conn == conn) {
            watched.progress.waits.set(false);
        }
        match page.keep_alive {
            true => cx.resume(conn),
            false => cx.end(conn, "its last answer is given"),
        }
    }

    /// A connection is to be looked at.
    pub fn timer(&mut self, cx: &mut Context<'_>, key: u64) {
        let Some(watched) = self.watched.get_mut(&key) else { return };
        let progress = &watched.progress;
        let (requests, has_begun) = (progress.requests.get(), progress.has_begun.get());
        let has_moved = requests != watched.requests || has_begun != watched.had_begun;
        if has_moved || progress.waits.get() {
            (watched.requests, watched.had_begun) = (requests, has_begun);
            watched.timer = cx.set_timer(cx.now() + self.http.patience, key);
            return;
        }
        let conn = watched.conn;
        if has_begun && let Some(slot) = cx.open_slot(conn) {
            let bytes = problem::TOO_SLOW.response().write(Manner::LAST, now_seconds());
            cx.reply(slot, &[Part::Bytes(&bytes)]);
        }
        cx.end(conn, if has_begun { "its request is too slow" } else { "it asks for nothing" });
    }

    /// The connection is gone.
    pub fn closed(&mut self, cx: &mut Context<'_>, session: &Session) {
        self.http.connections.fetch_sub(1, Ordering::Relaxed);
        if let Some(watched) = self.watched.remove(&session.key) {
            cx.cancel_timer(watched.timer);
        }
    }
}

fn answer(cx: &mut Context<'_>, slot: Slot, response: &Response, manner: Manner) -> Flow {
    cx.reply(slot, &[Part::Bytes(&response.write(manner, now_seconds()))]);
    match manner.keep_alive {
        true => Flow::Next,
        false => Flow::End("its last answer is given".into()),
    }
}
