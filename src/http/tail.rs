//! Answers that go on: the worker's side of `GET /v1/topics/{name}/tail`.
//!
//! States of one: *at the desk*, where its next piece is read; *parked*, registered with its partitions as a fetch
//! is, which costs nothing; *slow*, when its client has not taken what it was given: then nothing more is read
//! for it, and it is looked at from time to time; the same where clients have left too much lying. It ends if its client
//! takes no more than a trickle ([`super::pace`]). So a client holds up nobody, and no more than [`MAX_UNSENT`] bytes and a
//! piece wait for it. Where nothing is sent for `barnabas.http.timeout.ms`, a comment is: a client that is gone without a
//! word is noticed by that.

use super::api::Follow;
use super::desk::{Job, now_seconds};
use super::problem::{STOPPING, TOO_MANY_TAILS};
use super::response::Manner;
use super::service::{HttpService, LOOK, answer, busy};
use super::session::{Request, Session};
use crate::broker::{Piece, Then};
use crate::catalog::{Partition, Waiter, WaiterKey};
use crate::net::{ConnId, Context, Flow, Part, Slot};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Bytes that may wait for a client before nothing more is read for it.
const MAX_UNSENT: u64 = 256 << 10;
/// Nobody takes it for an event.
const COMMENT: &[u8] = b":\n\n";

/// The reader, where the desk and the worker find it; it is with one of them at a time.
pub(super) type Reader = Arc<Mutex<Option<Follow>>>;

/// An answer that goes on.
pub(super) struct Tail {
    conn: ConnId,
    /// The request's own place, until it is answered.
    slot: Option<Slot>,
    reader: Reader,
    state: State,
    /// When it was given something last.
    given: Instant,
}

enum State {
    AtDesk,
    Parked(Vec<(Arc<Partition>, WaiterKey)>),
    /// There may be more to read, when the client has taken what it has, or the desk has room.
    Slow,
}

impl HttpService {
    /// Begins one.
    pub(super) fn follow(
        &mut self,
        cx: &mut Context<'_>,
        session: &Session,
        slot: Slot,
        request: Request,
    ) -> Flow {
        let (manner, key) = (request.manner, session.key);
        let Some(under_way) = self.http.places.under_way(true) else {
            return answer(cx, session, slot, &TOO_MANY_TAILS.response(), manner);
        };
        let reader = Reader::default();
        let job = Job::Open { reader: reader.clone(), request, worker: self.worker, key };
        if !self.http.ask(job) {
            return busy(cx, session, slot, manner);
        }
        session.progress.holds(Some(under_way));
        let (conn, state, given) = (slot.conn(), State::AtDesk, cx.now());
        let tail = Tail { conn, slot: Some(slot), reader, state, given };
        self.tails.insert(key, tail);
        Flow::Hold
    }

    /// Whether this connection's answer goes on: then nothing can be asked behind it.
    pub(super) fn is_tail(&self, session: &Session) -> bool {
        self.tails.contains_key(&session.key)
    }

    /// A piece was read.
    pub fn piece(&mut self, cx: &mut Context<'_>, piece: Piece) {
        let Piece { key, pieces, size, then } = piece;
        if self.tails.get(&key).is_some_and(|tail| tail.slot.is_some()) {
            self.note_begun(cx, key, pieces.first().map(Vec::as_slice).unwrap_or_default());
        }
        let Some(tail) = self.tails.get_mut(&key) else { return self.http.release(size) };
        let (conn, own) = (tail.conn, tail.slot.take());
        let goes_on = matches!(then, Then::More | Then::Wait);
        if own.is_some() && goes_on {
            // It is listened to again, to hear that it ends: with an end of its own side the client is gone.
            cx.resume(conn);
        }
        let slot = own.or_else(|| if size > 0 { cx.open_slot(conn) } else { None });
        let is_given = slot.is_some_and(|slot| cx.reply_with(slot, pieces));
        match self.watched.get_mut(&key).filter(|_| is_given) {
            Some(watched) => watched.holds(size),
            None => self.http.release(size),
        }
        if is_given {
            tail.given = cx.now();
            self.look_soon(cx, key);
        }
        match then {
            Then::Resume => {
                self.tails.remove(&key);
                self.waits_no_more(cx, key, true);
                cx.resume(conn);
            }
            Then::End => {
                self.tails.remove(&key);
                self.waits_no_more(cx, key, false);
                cx.end(conn, "its last answer is given");
            }
            Then::More => self.read_on(cx, key),
            Then::Wait => self.park(cx, key),
        }
    }

    /// Has the next piece read, unless the client has enough to take.
    fn read_on(&mut self, cx: &mut Context<'_>, key: u64) {
        let (worker, has_room) = (self.worker, self.has_room(cx));
        let Some(tail) = self.tails.get_mut(&key) else { return };
        let is_slow = !has_room || cx.unsent(tail.conn) > MAX_UNSENT;
        let job = Job::Read { reader: tail.reader.clone(), worker, key };
        if !is_slow && self.http.ask(job) {
            tail.state = State::AtDesk;
            return;
        }
        tail.state = State::Slow;
        self.look_again(cx, key, LOOK);
    }

    /// Waits for data. It is registered first and looks once more then, so that no append falls between.
    fn park(&mut self, cx: &mut Context<'_>, key: u64) {
        let worker = self.worker;
        let Some(tail) = self.tails.get_mut(&key) else { return };
        let reader = tail.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(follow) = &*reader else { return };
        let waiter = Waiter::new(worker, key, 1);
        let register = |one: &Arc<Partition>| (one.clone(), one.waiters().register(waiter.clone()));
        let registered = follow.partitions().map(register).collect();
        let has_more = follow.has_more(&self.http.shared);
        drop(reader);
        tail.state = State::Parked(registered);
        if has_more {
            tail.unregister();
            self.read_on(cx, key);
        }
    }

    /// Data has come for one, or its topic is gone.
    pub(super) fn wake_tail(&mut self, cx: &mut Context<'_>, key: u64) {
        let Some(tail) = self.tails.get_mut(&key) else { return };
        if tail.unregister() {
            self.read_on(cx, key);
        }
    }

    /// Looks at one whose client is not too slow.
    pub(super) fn look_at_tail(&mut self, cx: &mut Context<'_>, key: u64) {
        let (now, patience) = (cx.now(), self.http.patience);
        let Some(tail) = self.tails.get_mut(&key) else { return };
        let (unsent, is_slow) = (cx.unsent(tail.conn), matches!(tail.state, State::Slow));
        if is_slow && unsent <= MAX_UNSENT {
            self.read_on(cx, key);
        }
        let Some(tail) = self.tails.get_mut(&key) else { return };
        let mut left = patience.saturating_sub(now.saturating_duration_since(tail.given));
        if left.is_zero() {
            left = patience;
            if unsent == 0
                && tail.slot.is_none()
                && let Some(slot) = cx.open_slot(tail.conn)
            {
                tail.given = now;
                cx.reply(slot, &[Part::Bytes(COMMENT)]);
            }
        }
        self.look_again(cx, key, if is_slow { LOOK } else { left });
        self.look_soon(cx, key);
    }

    /// Its connection is gone, or is to go.
    pub(super) fn forget_tail(&mut self, key: u64) {
        if let Some(mut tail) = self.tails.remove(&key) {
            tail.unregister();
        }
    }

    /// The worker is stopping.
    pub(super) fn drain_tails(&mut self, cx: &mut Context<'_>) {
        for (_, mut tail) in self.tails.drain() {
            tail.unregister();
            if let Some(slot) = tail.slot {
                let bytes = STOPPING.response().write(Manner::LAST, now_seconds());
                cx.reply(slot, &[Part::Bytes(&bytes)]);
            }
            cx.end(tail.conn, "the broker stops");
        }
    }
}

impl Tail {
    /// Gives its registrations back; false if it had none.
    fn unregister(&mut self) -> bool {
        let State::Parked(registered) = &mut self.state else { return false };
        for (partition, key) in std::mem::take(registered) {
            partition.waiters().remove(key);
        }
        true
    }
}
