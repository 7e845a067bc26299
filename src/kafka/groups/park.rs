//! Requests to a coordinator that wait for their answers, and the way the answers take.

use super::{classic, consumer_group_heartbeat, offset_commit, offset_delete};
use crate::broker::{Shared, Unflushed, WorkerMessage};
use crate::coordinator::groups::{Effects, Reply, Shard, Token, World};
use crate::kafka::call::{Call, begin, finish};
use crate::kafka::service::{KafkaService, ParkedRequest};
use crate::log::FlushTicket;
use crate::net::{ConnId, Context, Part, Slot};
use crate::wire::api::ApiKey;
use crate::wire::codec::Writer;
use crate::wire::error::ErrorCode;

/// What of a request the answer needs.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    api: ApiKey,
    pub(super) version: i16,
    correlation_id: i32,
}

impl From<&Call<'_>> for Head {
    fn from(call: &Call<'_>) -> Head {
        let (version, correlation_id) = (call.version(), call.header.correlation_id);
        Head { api: call.api, version, correlation_id }
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
}

/// A request that is being served.
pub(super) struct Asking<'s, 'c, 'x> {
    pub(super) service: &'s mut KafkaService,
    pub(super) cx: &'s mut Context<'x>,
    pub(super) call: &'s Call<'c>,
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

    /// A whole answer with this body.
    pub(super) fn frame(&mut self, body: impl FnOnce(i16, &mut Writer)) -> Vec<u8> {
        let (head, mut out) = (Head::from(self.call), Writer::new());
        write(head, &mut out, |out| body(head.version, out));
        out.into_bytes()
    }

    /// Answers with this body.
    pub(super) fn answer(&mut self, body: impl FnOnce(i16, &mut Writer)) {
        let head = Head::from(self.call);
        write(head, &mut self.service.out, |out| body(head.version, out));
        self.service.answer(self.cx, self.slot);
    }
}

/// Sends answers on, once what they say is on the disk where it must be.
pub fn deliver(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    replies: Vec<(Token, Reply)>,
    unflushed: Option<Unflushed>,
) {
    let Some(Unflushed { partition, bytes }) = unflushed else {
        return replies
            .into_iter()
            .for_each(|(token, reply)| deliver_one(service, cx, token, reply));
    };
    let key = service.parked.reserve();
    let ticket = FlushTicket::new(service.worker, key);
    partition.await_flush(bytes, Some(ticket.clone()));
    service.to_flush.push(partition);
    if ticket.settle() {
        service.parked.take(key);
        replies.into_iter().for_each(|(token, reply)| deliver_one(service, cx, token, reply));
    } else {
        service.parked.put(key, ParkedRequest::Replies(replies));
    }
}

fn deliver_one(service: &mut KafkaService, cx: &mut Context<'_>, token: Token, reply: Reply) {
    if token.worker != service.worker {
        return service.group_replies.entry(token.worker).or_default().push((token, reply));
    }
    // One whose connection has ended is not there any more.
    if let Some(ParkedRequest::Group(parked)) = service.parked.take(token.key) {
        let ParkedGroup { slot, head } = parked;
        write(head, &mut service.out, |out| encode(&reply, head.version, out));
        service.answer(cx, slot);
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
    let reply = match head.api {
        ApiKey::JoinGroup => classic::no_join(code),
        ApiKey::SyncGroup => classic::no_sync(code),
        // What it asked may have been done: nobody can say.
        _ => return cx.skip(slot),
    };
    write(head, &mut service.out, |out| encode(&reply, head.version, out));
    cx.reply(slot, &[Part::Bytes(service.out.bytes())]);
    service.out.clear();
}

fn write(head: Head, out: &mut Writer, body: impl FnOnce(&mut Writer)) {
    begin(head.api, head.version, head.correlation_id, out);
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
