//! Requests to a coordinator that wait for their answers, and the way the answers take.

use super::{classic, consumer_group_heartbeat, offset_commit, offset_delete};
use crate::broker::{Offloaded, Shared, Tag, Unflushed, WorkerMessage};
use crate::coordinator::groups::{Effects, Reply, Shard, Token, World};
use crate::kafka::call::{Call, begin, finish};
use crate::kafka::clients::Client;
use crate::kafka::service::{KafkaService, ParkedRequest};
use crate::log::FlushTicket;
use crate::net::{ConnId, Context, Part, Slot};
use crate::wire::api::ApiKey;
use crate::wire::codec::Writer;
use crate::wire::error::ErrorCode;

/// What a client is told where the disk has refused what it asked for.
pub(super) const LOST: ErrorCode = ErrorCode::NOT_COORDINATOR;

/// What of a request the answer needs.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    tag: Tag,
    correlation_id: i32,
}

impl From<&Call<'_>> for Head {
    fn from(call: &Call<'_>) -> Head {
        Head { tag: call.tag(), correlation_id: call.header.correlation_id }
    }
}

/// A request that waits for its group.
#[derive(Debug)]
pub struct ParkedGroup {
    slot: Slot,
    head: Head,
}

impl ParkedGroup {
    /// The connection that waits.
    pub fn conn(&self) -> ConnId {
        self.slot.conn()
    }

    /// Whether it waits for what others do, not for the disk alone.
    pub fn waits_for_others(&self) -> bool {
        matches!(self.head.tag.api, ApiKey::JoinGroup | ApiKey::SyncGroup)
    }
}

/// A finished answer that waits for the disk, and the one in its place if that fails.
pub struct ParkedFrame {
    pub(super) slot: Slot,
    pub(super) tag: Tag,
    pub(super) frame: Offloaded,
    pub(super) failed: Offloaded,
    pub(super) due: Vec<Unflushed>,
}

impl ParkedFrame {
    /// The connection that waits.
    pub fn conn(&self) -> ConnId {
        self.slot.conn()
    }

    /// Answers: the flush is over.
    pub fn answer(self, service: &mut KafkaService, cx: &mut Context<'_>) {
        let is_flushed = self.due.iter().all(Unflushed::is_flushed);
        let made = if is_flushed { self.frame } else { self.failed };
        cx.reply(self.slot, &[Part::Bytes(&made.frame)]);
        service.note_made(self.slot, self.tag, &made.errors);
    }

    /// Leaves the request without an answer, since the worker ends: nobody can say what became of it.
    pub fn leave(self, cx: &mut Context<'_>) {
        cx.skip(self.slot);
    }
}

/// A request that is being served.
pub(super) struct Asking<'s, 'c, 'x> {
    pub(super) service: &'s mut KafkaService,
    pub(super) cx: &'s mut Context<'x>,
    pub(super) call: &'s Call<'c>,
    pub(super) client: &'s Client,
    pub(super) slot: Slot,
}

impl Asking<'_, '_, '_> {
    /// Parks the request and runs its event. `refused` is the answer where there is no coordinator.
    pub(super) fn ask(
        &mut self,
        group: &str,
        event: impl FnOnce(&mut Shard, &mut World<'_>, Token, &mut Effects),
        refused: impl FnOnce(ErrorCode) -> Reply,
    ) {
        let service = &mut *self.service;
        let key = service.parked.reserve();
        let parked = ParkedGroup { slot: self.slot, head: self.call.into() };
        service.parked.put(key, ParkedRequest::Group(parked));
        let token = Token { worker: service.worker, key };
        if service.draining {
            let reply = refused(ErrorCode::NOT_COORDINATOR);
            return deliver(service, self.cx, vec![(token, reply)], None);
        }
        let KafkaService { shared, wakes, .. } = service;
        let ran = shared.in_group(
            group,
            |waiter| wakes.add(waiter),
            |shard, world, effects| event(shard, world, token, effects),
        );
        match ran {
            Ok(ran) => deliver(service, self.cx, ran.replies, ran.unflushed),
            Err(code) => deliver(service, self.cx, vec![(token, refused(code))], None),
        }
    }

    /// Answers without asking any coordinator.
    pub(super) fn refuse(&mut self, reply: &Reply) {
        self.answer(|version, out| encode(reply, version, out));
    }

    /// A whole answer with this body.
    pub(super) fn frame(&mut self, body: impl FnOnce(i16, &mut Writer)) -> Offloaded {
        let (head, mut out) = (Head::from(self.call), Writer::new());
        write(head, &mut out, |out| body(head.tag.version, out));
        out.into()
    }

    /// Answers with this body.
    pub(super) fn answer(&mut self, body: impl FnOnce(i16, &mut Writer)) {
        let head = Head::from(self.call);
        write(head, &mut self.service.out, |out| body(head.tag.version, out));
        self.service.answer(self.cx, self.slot, head.tag);
    }
}

/// Sends answers on, once what they say is on the disk where it must be.
pub fn deliver(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    replies: Vec<(Token, Reply)>,
    unflushed: Option<Unflushed>,
) {
    match unflushed {
        None => deliver_all(service, cx, replies),
        Some(unflushed) => {
            let key = service.parked.reserve();
            match await_flush(service, key, std::slice::from_ref(&unflushed)) {
                true => flushed(service, cx, replies, &unflushed),
                false => service.parked.put(key, ParkedRequest::Replies(replies, unflushed)),
            }
        }
    }
}

/// Asks for what is to be flushed and has `key` woken when it is. If it is by now, or never will
/// be, that is true and the key is void.
pub(super) fn await_flush(service: &mut KafkaService, key: u64, due: &[Unflushed]) -> bool {
    let ticket = FlushTicket::new(service.worker, key);
    for Unflushed { partition, bytes, .. } in due {
        partition.await_flush(*bytes, Some(ticket.clone()));
        service.to_flush.push(partition.clone());
    }
    let is_over = ticket.settle();
    if is_over {
        service.parked.take(key);
    }
    is_over
}

/// The flush that answers waited for is over. What is not on the disk then has failed.
pub fn flushed(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    mut replies: Vec<(Token, Reply)>,
    unflushed: &Unflushed,
) {
    if !unflushed.is_flushed() {
        let failed = |(token, reply): (Token, Reply)| (token, reply.failed(LOST));
        replies = replies.into_iter().map(failed).collect();
    }
    deliver_all(service, cx, replies);
}

fn deliver_all(service: &mut KafkaService, cx: &mut Context<'_>, replies: Vec<(Token, Reply)>) {
    replies.into_iter().for_each(|(token, reply)| deliver_one(service, cx, token, reply));
}

fn deliver_one(service: &mut KafkaService, cx: &mut Context<'_>, token: Token, reply: Reply) {
    if token.worker != service.worker {
        return service.group_replies.entry(token.worker).or_default().push((token, reply));
    }
    // One whose connection has ended is not there any more.
    if let Some(ParkedRequest::Group(parked)) = service.parked.take(token.key) {
        let ParkedGroup { slot, head } = parked;
        write(head, &mut service.out, |out| encode(&reply, head.tag.version, out));
        service.answer(cx, slot, head.tag);
    }
}

/// Sends what has gathered for other workers.
pub fn send(service: &mut KafkaService) {
    for (worker, replies) in std::mem::take(&mut service.group_replies) {
        service.shared.tell_answer(worker, WorkerMessage::Groups(replies, None));
    }
}

/// The worker ends: who waits for a group is sent to look for its coordinator anew.
pub fn give_up(service: &mut KafkaService, cx: &mut Context<'_>, parked: &ParkedGroup) {
    let code = ErrorCode::NOT_COORDINATOR;
    let ParkedGroup { slot, head } = *parked;
    let reply = match head.tag.api {
        ApiKey::JoinGroup => classic::no_join(code),
        ApiKey::SyncGroup => classic::no_sync(code),
        // What it asked may have been done: nobody can say.
        _ => return cx.skip(slot),
    };
    write(head, &mut service.out, |out| encode(&reply, head.tag.version, out));
    service.answer(cx, slot, head.tag);
}

fn write(head: Head, out: &mut Writer, body: impl FnOnce(&mut Writer)) {
    begin(head.tag.api, head.tag.version, head.correlation_id, out);
    body(out);
    finish(out);
}

fn encode(reply: &Reply, version: i16, out: &mut Writer) {
    match reply {
        Reply::Join(join) => classic::write_join(join, version, out),
        Reply::Sync(sync) => classic::write_sync(sync, version, out),
        Reply::Heartbeat(code) => classic::write_heartbeat(*code, version, out),
        Reply::Leave(leave) => classic::write_leave(leave, version, out),
        Reply::Consumer(reply) => consumer_group_heartbeat::write(reply, version, out),
        Reply::Commit(commit) => offset_commit::write(commit, version, out),
        Reply::OffsetDelete(deleted) => offset_delete::write(deleted, version, out),
        // Its request is answered as a whole.
        Reply::DeleteGroup(_) => {}
    }
}

impl Shared {
    /// Whether there may be groups; if not, the topic that they live in is asked for.
    pub(in crate::kafka) fn has_groups(&self) -> bool {
        let is_open = self.groups.is_open();
        if !is_open {
            self.create_soon(crate::coordinator::groups::OFFSETS_TOPIC);
        }
        is_open
    }
}
