//! The HTTP side of a worker: frames become pages, at once or by way of the desk, and who is too slow is
//! told to go. It never blocks.

use super::desk::{Http, Job, now_seconds};
use super::pace::Given;
use super::response::{CONTINUE, Manner, Response};
use super::route::Route;
use super::session::{Progress, Session, Taken};
use super::tail::Tail;
use super::watched::{Watched, first_look};
use super::{SMALL, api, problem, trace};
use crate::broker::{Page, Unflushed, WorkerMessage};
use crate::log::FlushTicket;
use crate::net::{ConnId, Context, Flow, Framing, Part, Slot};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The bit by which the timers of this face are told from those of the other one.
pub const TIMERS: u64 = 1 << 63;

/// How often one is looked at that is slow, or that holds much.
pub(super) const LOOK: Duration = Duration::from_millis(200);

/// Who sends more than is taken has so much time to look at what was answered, counted from what it sent last.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// HTTP on one worker.
pub struct HttpService {
    pub(super) http: Arc<Http>,
    pub(super) worker: usize,
    pub(super) watched: HashMap<u64, Watched, foldhash::fast::RandomState>,
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
        let seating = places.admit(self.worker, key, places.time(cx.now()));
        for other in seating.parting.into_iter().chain([seating.surplus]).flatten() {
            match other.worker == self.worker {
                true => self.part(cx, other.key),
                // Lost, it goes when it has waited long enough.
                false => self.http.shared.tell(other.worker, WorkerMessage::Part(other.key)),
            }
        }
        let session = Session::watched_as(key, seating.place);
        let (wait, since) = first_look(session.is_refused, cx.now(), self.http.patience);
        let timer = cx.set_timer(cx.now() + wait, key);
        self.watched.insert(key, Watched::new(conn, session.progress.clone(), timer, since));
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
        let Progress { place, has_begun, swallows, .. } = &*watched.progress;
        let conn = watched.conn;
        // It has asked for something, and nobody has come to look.
        if place.is_to_go() && !swallows.get() && cx.unsent(conn) == 0 && cx.has_input(conn) {
            return place.waits(self.http.places.time(cx.now()));
        }
        if place.is_cut() && cx.unsent(conn) > 0 {
            self.http.places.release(place);
            return cx.give_up(conn, "others need its place, and its reader is too slow");
        }
        if !place.is_to_go() {
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
        if session.only_swallows() {
            cx.skip(slot);
            return match session.swallow(frame.len(), cx.now(), self.http.patience) {
                true => {
                    self.look_again(cx, session.key, LINGER);
                    Flow::Next
                }
                false => Flow::End("it does not end what is too large".into()),
            };
        }
        session.progress.place.set_busy();
        let flow = self.serve(cx, session, slot, frame);
        if session.only_swallows() {
            self.look_again(cx, session.key, LINGER);
        }
        let now = self.http.places.time(cx.now());
        match flow {
            Flow::Next if session.only_swallows() => session.progress.place.leaves(now),
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
            let page = if stops { api::stopping() } else { page };
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
                self.http.release(page.size);
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
        let watched = self.watched.iter_mut().find(|(_, watched)| watched.conn == conn);
        if let Some((_, watched)) = &watched {
            // The first piece has the status.
            let begin = pieces.first().map(Vec::as_slice).unwrap_or_default();
            trace::answered(cx, conn, &watched.progress, begin);
        }
        let given = watched.filter(|_| cx.reply_with(slot, pieces));
        let Some((&key, watched)) = given else { return self.http.release(size) };
        watched.holds(size);
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
        self.look_soon(cx, key);
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
            watched.recount(&self.http, cx.unsent(watched.conn));
        }
    }

    /// Whether messages may be read for an answer.
    pub(super) fn has_room(&mut self, cx: &Context<'_>) -> bool {
        if !self.http.has_room() {
            self.release_taken(cx);
        }
        self.http.has_room()
    }

    /// Others may wait for what it holds.
    pub(super) fn look_soon(&mut self, cx: &mut Context<'_>, key: u64) {
        if self.watched.get(&key).is_some_and(|watched| watched.held > SMALL) {
            self.look_again(cx, key, LOOK);
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
        // It may be on the disk soon, but not while this worker lives.
        for (_, page) in self.unflushed.drain() {
            cx.skip(page.slot);
            self.http.release(page.size);
        }
    }

    /// A connection is to be looked at.
    pub fn timer(&mut self, cx: &mut Context<'_>, key: u64) {
        if self.is_time_for(cx, key) {
            return;
        }
        let (now, patience) = (cx.now(), self.http.patience);
        let Some(watched) = self.watched.get_mut(&key) else { return };
        let (conn, unsent) = (watched.conn, cx.unsent(watched.conn));
        watched.recount(&self.http, unsent);
        if watched.pace.is_too_slow(Given::to(cx, conn), now, patience) {
            return cx.give_up(conn, "its reader is too slow");
        }
        if self.tails.contains_key(&key) {
            return self.look_at_tail(cx, key);
        }
        let progress = &watched.progress;
        if progress.swallows.get() {
            return cx.end(conn, "it had its time to see that it sends too much");
        }
        let (requests, has_begun) = (progress.requests.get(), progress.has_begun.get());
        let seen = (requests, has_begun, unsent);
        if seen != watched.seen || unsent > 0 || progress.waits.get() {
            (watched.seen, watched.since) = (seen, now);
        }
        if now.saturating_duration_since(watched.since) < patience {
            let wait = if watched.held > SMALL { LOOK } else { patience };
            watched.timer = cx.set_timer(now + wait, key);
            return;
        }
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
            self.http.release(watched.held);
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
    match manner.keep_alive || session.only_swallows() {
        true => Flow::Next,
        false => Flow::End("its last answer is given".into()),
    }
}
