//! What a worker runs: frames and headers, dispatch, parked requests and their wake-ups.
//!
//! Life of a request: *framed* (whole in the receive window), *dispatched* in order, then either
//! *answered* at once, *parked* (a long poll: its slot fills later, the requests behind it go on)
//! or *offloaded* (the controller thread works on it; the connection's next request waits).

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::apis::{self, Handler};
use super::call::{Call, Origin, refuse};
use super::clients::{Client, Clients};
use super::fetch::{self, ParkedFetch};
use super::groups::{self, ParkedFrame, ParkedGroup};
use super::parked::{Parked, Waits};
use super::produce::ParkedProduce;
use super::tally::Tally;
use super::throttle::{Debt, Muted};
use super::trace;
use super::wakes::Wakes;
use super::{api_versions, produce};
use crate::broker::{Shared, Tag, Unflushed, WorkerMessage};
use crate::catalog::{Partition, take_lane};
use crate::coordinator::groups::{Reply, Token};
use crate::log::validate::Scratch;
use crate::net::{ConnId, Context, Flow, Framing, Part, Peer, Service, Slot};
use crate::wire::api::ApiKey;
use crate::wire::codec::{Reader, Writer};
use crate::wire::header::RequestHeader;

/// The largest request that carries no records. What it makes us hold is a multiple of its size, so
/// it must not be as large as one that does.
const MAX_WITHOUT_RECORDS: usize = 16 << 20;
/// The bytes of a frame's size field.
pub(super) const SIZE: usize = 4;

/// What the protocol remembers of a connection.
#[derive(Debug)]
pub struct Session {
    origin: Origin,
    pub(super) client: Rc<Client>,
    pub(super) debt: Debt,
    /// So many Produce requests are served alone: see `produce::run`.
    pub(super) alone: usize,
}

/// A request that is answered later, or something else that a worker does later.
pub enum ParkedRequest {
    /// A long poll: until there is data.
    Fetch(ParkedFetch),
    /// Until what it produced is on the disk.
    Produce(ParkedProduce),
    /// Until its group answers.
    Group(ParkedGroup),
    /// Answers to such requests: until what they say is on the disk.
    Replies(Vec<(Token, Reply)>, Unflushed),
    /// A finished answer: until what it says is on the disk.
    Frame(ParkedFrame),
    /// A connection that is not read: until its time is over.
    Muted(Muted),
}

impl Waits for ParkedRequest {
    type Who = ConnId;

    fn who(&self) -> Option<ConnId> {
        match self {
            Self::Fetch(parked) => Some(parked.conn()),
            Self::Produce(parked) => Some(parked.conn()),
            Self::Group(parked) => Some(parked.conn()),
            Self::Frame(parked) => Some(parked.conn()),
            Self::Muted(muted) => Some(muted.conn()),
            Self::Replies(..) => None,
        }
    }
}

/// Kafka's protocol on one worker.
pub struct KafkaService {
    pub(super) shared: Arc<Shared>,
    pub(super) worker: usize,
    max_frame: i32,
    pub(super) out: Writer,
    pub(super) wakes: Wakes,
    pub(super) parked: Parked<ParkedRequest>,
    /// Partitions that something in this turn waits for to be flushed.
    pub(super) to_flush: Vec<Arc<Partition>>,
    pub(super) scratch: Scratch,
    /// What was answered in this turn.
    pub(super) tally: Tally,
    /// Who is connected.
    pub(super) clients: Clients,
    /// Memory for what became of a Produce request's batches; empty between requests.
    pub(super) outcomes: Vec<produce::Outcome>,
    /// Answers of groups to requests of other workers.
    pub(super) group_replies: BTreeMap<usize, Vec<(Token, Reply)>>,
    /// What those who are woken read.
    pub(super) same: fetch::Same,
    /// Keys that are to be woken, the first first: some at the end of a turn.
    to_wake: VecDeque<u64>,
    /// Keys that are to be woken and are the other face's.
    others: Vec<u64>,
    /// The worker is stopping: nothing may be parked any more.
    pub(super) draining: bool,
}

impl KafkaService {
    /// The service of the worker with this index, made on that worker's thread.
    pub fn new(shared: Arc<Shared>, worker: usize) -> Self {
        let max_frame = shared.config().socket_request_max_bytes();
        let wakes = Wakes::new(worker, shared.worker_count());
        take_lane(worker);
        Self {
            shared,
            worker,
            max_frame,
            out: Writer::new(),
            wakes,
            parked: Parked::default(),
            to_flush: Vec::new(),
            scratch: Scratch::default(),
            tally: Tally::default(),
            clients: Clients::default(),
            outcomes: Vec::new(),
            group_replies: BTreeMap::new(),
            same: fetch::Same::default(),
            to_wake: VecDeque::new(),
            others: Vec::new(),
            draining: false,
        }
    }

    fn dispatch(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut Session,
        slot: Slot,
        frame: &[u8],
    ) -> Flow {
        let mut reader = Reader::new(frame);
        let header = match RequestHeader::decode(&mut reader) {
            Ok(header) => header,
            Err(why) => {
                return Flow::Close(Cow::Owned(format!(
                    "a request header that cannot be read: {why}"
                )));
            }
        };
        let Some(api) = apis::find(header.api_key) else {
            return Flow::Close(Cow::Owned(format!(
                "a request for API {}, which is not served",
                header.api_key
            )));
        };
        let call = Call { api: api.key, header, origin: session.origin, received: cx.now() };
        trace::request(&call, slot, frame.len());
        session.client.asks(&call);
        if api.key == ApiKey::ApiVersions {
            let is = api_versions::handle(&self.shared, &call, &mut reader, &mut self.out);
            is.into_iter().for_each(|(name, version)| session.client.is(name, version));
            return self.answer(cx, slot, call.tag());
        }
        if !apis::serves(api.key, call.version()) {
            let (name, version) = (api.key.name(), call.version());
            return Flow::Close(Cow::Owned(format!(
                "a {name} request of version {version}, which is not served"
            )));
        }
        if api.key != ApiKey::Produce && frame.len() > MAX_WITHOUT_RECORDS {
            let (name, size) = (api.key.name(), frame.len());
            return Flow::Close(Cow::Owned(format!(
                "a {name} request of {size} bytes; without records {MAX_WITHOUT_RECORDS} are enough"
            )));
        }
        let outcome = match api.handler {
            Handler::Inline(handler) => handler(&self.shared, &call, &mut reader, &mut self.out),
            Handler::Offloaded(_) => return self.offload(slot, &call, frame),
            Handler::Either(quick, _) => {
                match quick(&self.shared, &call, &mut reader, &mut self.out) {
                    Ok(false) => return self.offload(slot, &call, frame),
                    outcome => outcome.map(drop),
                }
            }
            Handler::Service if api.key == ApiKey::Produce => {
                return produce::serve(self, cx, session, &call, slot, &mut reader);
            }
            Handler::Service if api.key == ApiKey::Fetch => {
                return fetch::serve(self, cx, &call, slot, &mut reader);
            }
            Handler::Service => {
                return groups::serve(self, cx, (&call, &session.client), slot, &mut reader);
            }
        };
        match outcome {
            Ok(()) => self.answer(cx, slot, call.tag()),
            Err(why) => refuse(&call, &why),
        }
    }

    /// Sends the frame that is in `out`.
    pub(super) fn answer(&mut self, cx: &mut Context<'_>, slot: Slot, tag: Tag) -> Flow {
        cx.reply(slot, &[Part::Bytes(self.out.bytes())]);
        self.note(slot, tag);
        self.out.clear(); // A large answer's memory is given back.
        Flow::Next
    }

    /// Wakes those who are to be woken, as many as the turn has time for: one append may wake a thousand.
    fn wake(&mut self, cx: &mut Context<'_>) {
        while let Some(key) = self.to_wake.pop_front() {
            self.same.keep(!self.to_wake.is_empty());
            let frames = self.wake_one(cx, key);
            if cx.is_enough_after(frames) && !self.to_wake.is_empty() {
                break;
            }
        }
        self.same.end();
    }

    /// Says how many small frames take as much work; where that is not known, no end of them.
    fn wake_one(&mut self, cx: &mut Context<'_>, key: u64) -> usize {
        match self.parked.take(key) {
            Some(ParkedRequest::Fetch(parked)) => {
                let partitions = parked.partitions();
                fetch::resume(self, cx, parked, fetch::Why::Data);
                return partitions;
            }
            Some(ParkedRequest::Produce(parked)) => produce::answer_parked(self, cx, parked),
            Some(ParkedRequest::Replies(replies, unflushed)) => {
                groups::flushed(self, cx, replies, &unflushed);
            }
            Some(ParkedRequest::Frame(parked)) => parked.answer(self, cx),
            None if key >> 63 != 0 => self.others.push(key),
            // A group is answered, and time passes: neither is woken.
            Some(ParkedRequest::Group(_) | ParkedRequest::Muted(_)) | None => {}
        }
        usize::MAX
    }
}

impl KafkaService {
    /// The keys that were to be woken and are not ours: those with the highest bit.
    pub fn take_others(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.others)
    }

    /// There are no groups any more: nobody may go on waiting for what others do in one.
    fn give_up_groups(&mut self, cx: &mut Context<'_>) {
        let waits = |parked: &ParkedRequest| match parked {
            ParkedRequest::Group(parked) => parked.waits_for_others(),
            _ => false,
        };
        for key in self.parked.keys_where(waits) {
            if let Some(ParkedRequest::Group(parked)) = self.parked.take(key) {
                groups::give_up(self, cx, &parked);
            }
        }
    }
}

impl Service for KafkaService {
    type Session = Session;
    type Message = WorkerMessage;

    fn open(&mut self, cx: &mut Context<'_>, conn: ConnId, peer: &Peer) -> Session {
        let (listener, local, remote) = (peer.listener, peer.local, peer.remote);
        let origin = Origin { listener, local, remote, conn: peer.number };
        trace::opened(&self.shared, self.worker, &origin);
        self.count_connection(listener, true);
        let client = self.clients.open(conn, origin, cx.now());
        Session { origin, client, debt: Debt::default(), alone: 0 }
    }

    fn framing(&self, _session: &Session, input: &[u8]) -> Framing {
        let Some(size) = input.first_chunk::<SIZE>().map(|size| i32::from_be_bytes(*size)) else {
            return Framing::Incomplete { need: SIZE };
        };
        if size < 0 || size > self.max_frame {
            let limit = self.max_frame;
            return Framing::Refuse(Cow::Owned(format!(
                "a frame of {size} bytes; socket.request.max.bytes allows {limit}"
            )));
        }
        let whole = SIZE + size as usize;
        if input.len() < whole {
            Framing::Incomplete { need: whole }
        } else {
            Framing::Whole(whole)
        }
    }

    fn request(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut Session,
        slot: Slot,
        frame: &[u8],
    ) -> Flow {
        let frame = frame.get(SIZE..).unwrap_or_default();
        self.dispatch(cx, session, slot, frame)
    }

    fn message(&mut self, cx: &mut Context<'_>, message: WorkerMessage) {
        match message {
            WorkerMessage::Wake(keys) => self.to_wake.extend(keys),
            WorkerMessage::Groups(replies, unflushed) => {
                groups::deliver(self, cx, replies, unflushed);
            }
            WorkerMessage::NoGroups => self.give_up_groups(cx),
            WorkerMessage::Clients(asked) => self.clients.answer(&asked),
            WorkerMessage::Ping(answers) => {
                answers.fetch_add(1, Ordering::Relaxed);
            }
            // The other face's.
            WorkerMessage::Page(_) | WorkerMessage::Piece(_) | WorkerMessage::Part(_) => {}
            WorkerMessage::Answer(slot, _, Err(why)) => {
                cx.skip(slot);
                cx.close(slot.conn(), Cow::Owned(why));
            }
            WorkerMessage::Answer(slot, tag, Ok(made)) => {
                cx.reply(slot, &[Part::Bytes(&made.frame)]);
                self.note_made(slot, tag, &made.errors);
                cx.resume(slot.conn());
            }
        }
    }

    fn timer(&mut self, cx: &mut Context<'_>, key: u64) {
        match self.parked.take(key) {
            Some(ParkedRequest::Fetch(parked)) => {
                fetch::resume(self, cx, parked, fetch::Why::Timeout);
            }
            Some(ParkedRequest::Muted(muted)) => muted.end(cx),
            // Nothing else has a timer.
            _ => {}
        }
    }

    fn end_of_turn(&mut self, cx: &mut Context<'_>) {
        self.wakes.deliver(&self.shared, &mut self.to_wake);
        if !self.to_wake.is_empty() {
            self.wake(cx);
        }
        groups::send(self);
        for partition in self.to_flush.drain(..) {
            partition.ask_flush();
        }
    }

    fn has_work(&self) -> bool {
        !self.to_wake.is_empty()
    }

    fn wants_the_time(&self) -> bool {
        !self.tally.is_empty()
    }

    fn turned(&mut self, now: Instant) {
        self.settle(now);
    }

    fn drain(&mut self, cx: &mut Context<'_>) {
        self.draining = true;
        for key in self.parked.keys_where(|_| true) {
            match self.parked.take(key) {
                Some(ParkedRequest::Fetch(parked)) => {
                    fetch::resume(self, cx, parked, fetch::Why::Timeout);
                }
                // It may be on the disk soon, but not while this worker lives: no answer.
                Some(ParkedRequest::Produce(parked)) => {
                    produce::leave(cx, parked);
                }
                Some(ParkedRequest::Group(parked)) => groups::give_up(self, cx, &parked),
                Some(ParkedRequest::Frame(parked)) => parked.leave(cx),
                Some(ParkedRequest::Muted(muted)) => muted.end(cx),
                // Those whom they answer are given up by themselves.
                Some(ParkedRequest::Replies(..)) => {}
                None => {}
            }
        }
    }

    fn closed(&mut self, cx: &mut Context<'_>, conn: ConnId, session: Session) {
        self.count_connection(session.origin.listener, false);
        self.clients.close(conn);
        // Long polls of a connection that is gone: give their registrations back now, not at their
        // timeout, or a client that reconnects in a loop would pile them up.
        for key in self.parked.keys_of(conn) {
            match self.parked.take(key) {
                Some(ParkedRequest::Fetch(parked)) => parked.forget(cx),
                Some(ParkedRequest::Muted(muted)) => muted.end(cx),
                _ => {}
            }
        }
    }
}
