//! The HTTP side of a worker: frames become pages, at once or by way of the desk, and who is too slow is
//! told to go. It never blocks.

use super::desk::{Http, Job, now_seconds};
use super::response::{CONTINUE, Manner, Response};
use super::route::Route;
use super::session::{Progress, Session, Taken};
use super::tail::Tail;
use super::{api, problem, trace};
use crate::broker::{Page, Unflushed, WorkerMessage};
use crate::log::FlushTicket;
use crate::net::{ConnId, Context, Flow, Framing, Part, Slot, TimerId};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
    /// Bytes of a page that it was given and has not taken when they were last looked at.
    held: usize,
    /// What was unsent then.
    unsent: u64,
}

/// HTTP on one worker.
pub struct HttpService {
    pub(super) http: Arc<Http>,
    pub(super) worker: usize,
    watched: HashMap<u64, Watched, foldhash::fast::RandomState>,
    /// Answers that wait for the disk.
    unflushed: HashMap<u64, Page, foldhash::fast::RandomState>,
    /// Answers to those who outrun the disk, by the keys of their timers.
    pub(super) delayed: HashMap<u64, Page, foldhash::fast::RandomState>,
    /// Answers that go on, by the keys of their connections.
    pub(super) tails: HashMap<u64, Tail, foldhash::fast::RandomState>,
    next: u64,
    /// The worker is stopping: nothing may wait any more.
    pub(super) draining: bool,
}

impl HttpService {
    /// The service of the worker with this index.
    pub fn new(http: Arc<Http>, worker: usize) -> HttpService {
        HttpService {
            http,
            worker,
            watched: HashMap::default(),
            unflushed: HashMap::default(),
            delayed: HashMap::default(),
            tails: HashMap::default(),
            next: 0,
            draining: false,
        }
    }

    /// A key that nothing else of this worker has.
    pub(super) fn key(&mut self) -> u64 {
        let key = TIMERS | self.next;
        self.next = (self.next + 1) & !TIMERS;
        key
    }

    /// A connection was accepted.
    pub fn open(&mut self, cx: &mut Context<'_>, conn: ConnId) -> Session {
        let (key, places) = (self.key(), &self.http.places);
        let admission = places.admit(self.worker, key, places.time(cx.now()));
        for other in admission.parting.into_iter().flatten() {
            match other.worker == self.worker {
                true => self.part(cx, other.key),
                // Lost, it goes when it has waited long enough.
                false => self.http.shared.tell(other.worker, WorkerMessage::Part(other.key)),
            }
        }
        let session = Session::watched_as(key, admission.place);
        let timer = cx.set_timer(cx.now() + self.http.patience, key);
        let (progress, requests) = (session.progress.clone(), 0);
        let watched =
            Watched { conn, progress, timer, requests, had_begun: false, held: 0, unsent: 0 };
        self.watched.insert(key, watched);
        trace::opened(cx, conn, self.worker);
        session
    }

    /// See [`Session::framing`].
    pub fn framing(&self, session: &Session, input: &[u8]) -> Framing {
        session.framing(input)
    }

    /// Another connection needs this one's place.
    pub fn part(&mut self, cx: &mut Context<'_>, key: u64) {
        let Some(watched) = self.watched.get(&key) else { return };
        let (conn, Progress { place, has_begun, .. }) = (watched.conn, &*watched.progress);
        if place.is_cut() {
            self.http.places.release(place);
            return cx.give_up(conn, "others need its place, and its reader is too slow");
        }
        if !place.is_leaving() {
            return; // Its request has come.
        }
        if has_begun.get()
            && let Some(slot) = cx.open_slot(conn)
        {
            let bytes = problem::TOO_MANY.response().write(Manner::LAST, now_seconds());
            trace::answered(cx, conn, &watched.progress, &bytes);
            cx.reply(slot, &[Part::Bytes(&bytes)]);
        }
        if cx.unsent(conn) == 0 {
            self.http.places.release(place);
        }
        cx.end(conn, "another one needs its place");
    }

    /// One frame.
    pub fn request(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut Session,
        slot: Slot,
        frame: &[u8],
    ) -> Flow {
        session.progress.place.set_busy();
        let flow = self.serve(cx, session, slot, frame);
        let now = self.http.places.time(cx.now());
        match flow {
            Flow::Next => session.progress.place.waits(now),
            Flow::Hold => {}
            Flow::Close(_) | Flow::End(_) => session.progress.place.leaves(now),
        }
        flow
    }

    fn serve(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut Session,
        slot: Slot,
        frame: &[u8],
    ) -> Flow {
        if self.is_tail(session) {
            cx.skip(slot);
            return Flow::End("more was asked behind an answer that goes on".into());
        }
        if !session.awaits_body() {
            trace::request(cx, slot, &session.progress, frame);
        }
        let request = match session.take(frame, &self.http.guard) {
            Taken::Continue => {
                cx.reply(slot, &[Part::Bytes(CONTINUE)]);
                return Flow::Next;
            }
            Taken::Answer(response, manner) => return answer(cx, session, slot, &response, manner),
            Taken::Page(request) => request,
        };
        let Http { shared, facts, .. } = &*self.http;
        if let Some(page) = api::page_at_once(shared, facts, &request.route) {
            let stops = self.http.is_stopping() && request.route == Route::Readyz;
            let page = if stops { problem::STOPPING.response() } else { page };
            return answer(cx, session, slot, &page, request.manner);
        }
        if let Route::Tail(..) = request.route {
            return self.follow(cx, session, slot, request);
        }
        let manner = request.manner;
        // Who asks how the broker is is not told that others wait.
        let under_way = self.http.places.under_way(false);
        if under_way.is_none() && !request.route.is_quick() {
            return busy(cx, session, slot, manner);
        }
        self.release_taken(cx);
        let is_gone = session.is_gone.clone();
        if !self.http.ask(Job::Page { request, worker: self.worker, slot, is_gone }) {
            return busy(cx, session, slot, manner);
        }
        session.progress.holds(under_way);
        Flow::Hold
    }

    /// A page was made; it is given now, or when what it says is on the disk.
    pub fn answered(&mut self, cx: &mut Context<'_>, page: Page) {
        if page.due.is_empty() {
            return self.give_in_time(cx, page);
        }
        let key = self.key();
        let ticket = FlushTicket::new(self.worker, key);
        for Unflushed { partition, bytes, .. } in &page.due {
            partition.await_flush(*bytes, Some(ticket.clone()));
            partition.ask_flush();
        }
        match ticket.settle() {
            true => self.flushed(cx, page),
            // As with a Produce request: it may be on the disk soon, but not while this worker lives.
            false if self.draining => {
                cx.skip(page.slot);
                self.http.held.fetch_sub(page.size, Ordering::Relaxed);
            }
            false => _ = self.unflushed.insert(key, page),
        }
    }

    /// What some answers have waited for has come.
    pub fn wake(&mut self, cx: &mut Context<'_>, keys: &[u64]) {
        for key in keys {
            match self.unflushed.remove(key) {
                Some(page) => self.flushed(cx, page),
                None => self.wake_tail(cx, *key),
            }
        }
    }

    /// The flush is over. What is not on the disk then has failed.
    fn flushed(&mut self, cx: &mut Context<'_>, mut page: Page) {
        if !page.due.iter().all(Unflushed::is_flushed) {
            page.pieces = std::mem::take(&mut page.otherwise);
        }
        self.give(cx, page);
    }

    /// What the desk has counted for the page is its connection's from here on.
    pub(super) fn give(&mut self, cx: &mut Context<'_>, page: Page) {
        let Page { slot, pieces, size, keep_alive, .. } = page;
        let conn = slot.conn();
        let watched = self.watched.values_mut().find(|watched| watched.conn == conn);
        if let Some(watched) = &watched {
            // The first piece has the status.
            let begin = pieces.first().map(Vec::as_slice).unwrap_or_default();
            trace::answered(cx, conn, &watched.progress, begin);
        }
        let is_given = cx.reply_with(slot, pieces);
        let Some(watched) = watched.filter(|_| is_given) else {
            self.http.held.fetch_sub(size, Ordering::Relaxed);
            return;
        };
        watched.held += size;
        watched.progress.is_answered();
        let now = self.http.places.time(cx.now());
        match keep_alive {
            true => {
                watched.progress.place.waits(now);
                cx.resume(conn);
            }
            false => {
                watched.progress.place.leaves(now);
                cx.end(conn, "its last answer is given");
            }
        }
    }

    /// What a connection has waited for is there.
    pub(super) fn waits_no_more(&mut self, cx: &Context<'_>, key: u64, keep_alive: bool) {
        let now = self.http.places.time(cx.now());
        let Some(Watched { progress, .. }) = self.watched.get(&key) else { return };
        progress.is_answered();
        match keep_alive {
            true => progress.place.waits(now),
            false => progress.place.leaves(now),
        }
    }

    /// Counts no longer what clients have taken.
    fn release_taken(&mut self, cx: &Context<'_>) {
        for watched in self.watched.values_mut().filter(|watched| watched.held > 0) {
            if cx.unsent(watched.conn) == 0 {
                self.http.held.fetch_sub(std::mem::take(&mut watched.held), Ordering::Relaxed);
            }
        }
    }

    /// Looks at a connection in a while, and not before.
    pub(super) fn look_again(&mut self, cx: &mut Context<'_>, key: u64, wait: Duration) {
        if let Some(watched) = self.watched.get_mut(&key) {
            cx.cancel_timer(watched.timer);
            watched.timer = cx.set_timer(cx.now() + wait, key);
        }
    }

    /// The worker is stopping.
    pub fn drain(&mut self, cx: &mut Context<'_>) {
        self.draining = true;
        self.http.stop();
        self.drain_tails(cx);
        self.give_delayed(cx);
        for (_, page) in self.unflushed.drain() {
            cx.skip(page.slot);
        }
    }

    /// A connection is to be looked at.
    pub fn timer(&mut self, cx: &mut Context<'_>, key: u64) {
        if self.look_at_tail(cx, key) || self.is_time_for(cx, key) {
            return;
        }
        let Some(watched) = self.watched.get_mut(&key) else { return };
        let progress = &watched.progress;
        let unsent = cx.unsent(watched.conn);
        if unsent > 0 && unsent == watched.unsent {
            return cx.give_up(watched.conn, "its reader is too slow");
        }
        if unsent == 0 {
            self.http.held.fetch_sub(std::mem::take(&mut watched.held), Ordering::Relaxed);
        }
        let (requests, has_begun) = (progress.requests.get(), progress.has_begun.get());
        let has_moved = requests != watched.requests
            || has_begun != watched.had_begun
            || unsent != watched.unsent;
        watched.unsent = unsent;
        if has_moved || progress.waits.get() {
            (watched.requests, watched.had_begun) = (requests, has_begun);
            watched.timer = cx.set_timer(cx.now() + self.http.patience, key);
            return;
        }
        let conn = watched.conn;
        progress.place.leaves(self.http.places.time(cx.now()));
        if has_begun && let Some(slot) = cx.open_slot(conn) {
            let bytes = problem::TOO_SLOW.response().write(Manner::LAST, now_seconds());
            trace::answered(cx, conn, progress, &bytes);
            cx.reply(slot, &[Part::Bytes(&bytes)]);
        }
        cx.end(conn, if has_begun { "its request is too slow" } else { "it asks for nothing" });
    }

    /// The connection is gone.
    pub fn closed(&mut self, cx: &mut Context<'_>, session: &Session) {
        self.http.places.release(&session.progress.place);
        session.is_gone.store(true, Ordering::Relaxed);
        self.forget_tail(session.key);
        if let Some(watched) = self.watched.remove(&session.key) {
            self.http.held.fetch_sub(watched.held, Ordering::Relaxed);
            cx.cancel_timer(watched.timer);
        }
    }

    /// The first piece of an answer that goes on.
    pub(super) fn note_begun(&self, cx: &Context<'_>, key: u64, bytes: &[u8]) {
        if let Some(watched) = self.watched.get(&key) {
            trace::answered(cx, watched.conn, &watched.progress, bytes);
        }
    }
}

/// Says that too much waits at the desk.
pub(super) fn busy(cx: &mut Context<'_>, session: &Session, slot: Slot, manner: Manner) -> Flow {
    answer(cx, session, slot, &problem::BUSY.response(), manner)
}

pub(super) fn answer(
    cx: &mut Context<'_>,
    session: &Session,
    slot: Slot,
    response: &Response,
    manner: Manner,
) -> Flow {
    let bytes = response.write(manner, now_seconds());
    trace::answered(cx, slot.conn(), &session.progress, &bytes);
    cx.reply(slot, &[Part::Bytes(&bytes)]);
    match manner.keep_alive {
        true => Flow::Next,
        false => Flow::End("its last answer is given".into()),
    }
}
