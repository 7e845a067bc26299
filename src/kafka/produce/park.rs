//! A Produce request whose batches must be on the disk before it is answered (`flush.messages`).
//!
//! Kafka flushes under the partition's lock and knows no time-out for it. Here the answer waits in
//! its slot and the worker goes on; the flusher, which covers all that wait by one sync of a file,
//! wakes it. Flushes are asked for at the end of the turn, so that requests which came together
//! are flushed together.

use std::sync::Arc;

use super::answer::{Head, Row, encode};
use crate::kafka::call::Call;
use crate::kafka::service::{KafkaService, ParkedRequest};
use crate::log::FlushTicket;
use crate::net::{ConnId, Context, Flow, Slot};

/// A request that waits for the disk.
pub struct ParkedProduce {
    slot: Slot,
    head: Head,
    rows: Vec<Row<'static>>,
}

impl ParkedProduce {
    /// The connection that waits.
    pub fn conn(&self) -> ConnId {
        self.slot.conn()
    }
}

/// Has everything that is not on the disk flushed; nobody waits for it (acks=0).
pub(super) fn flush_only(service: &mut KafkaService, rows: &[Row<'_>]) {
    register(service, rows, None);
}

/// Parks the request, unless all is on the disk by now.
pub(super) fn park(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    call: &Call<'_>,
    slot: Slot,
    rows: Vec<Row<'_>>,
) -> Flow {
    let key = service.parked.reserve();
    let ticket = FlushTicket::new(service.worker, key);
    register(service, &rows, Some(&ticket));
    let rows = rows.into_iter().map(Row::into_owned).collect();
    let parked = ParkedProduce { slot, head: call.into(), rows };
    if ticket.settle() {
        service.parked.take(key);
        answer(service, cx, parked);
    } else if service.draining {
        service.parked.take(key);
        leave(cx, parked);
    } else {
        service.parked.put(key, ParkedRequest::Produce(parked));
    }
    Flow::Next
}

fn register(service: &mut KafkaService, rows: &[Row<'_>], ticket: Option<&Arc<FlushTicket>>) {
    for batch in rows.iter().flat_map(Row::unflushed) {
        batch.partition.await_flush(batch.bytes, ticket.cloned());
        service.to_flush.push(batch.partition.clone());
    }
}

/// Answers a request whose flushes are over. What is not on the disk then has failed.
pub fn answer(service: &mut KafkaService, cx: &mut Context<'_>, parked: ParkedProduce) {
    let ParkedProduce { slot, head, rows } = parked;
    let rows: Vec<_> = rows.into_iter().map(Row::after_flush).collect();
    encode(head, &rows, 0, &mut service.out);
    service.answer(cx, slot, head.tag);
}

/// Leaves a request without an answer, since the worker ends: its client cannot know what became of
/// it, as after any lost connection.
pub fn leave(cx: &mut Context<'_>, parked: ParkedProduce) {
    cx.skip(parked.slot);
}
