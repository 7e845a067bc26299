//! Requests that lie one behind the other and bring batches for one partition: served together.
//!
//! A producer that has several requests on their way sends one behind the other, and the partition is the same as long
//! as it has much for it. Each of them by itself costs a lock, a publication and, where batches are large enough,
//! a call of the kernel's that costs more than what it does. So the batches of those that have come are given to the log
//! together ([`crate::log::Run`]); each request has its own answer, the same as if it had come alone.
//!
//! Only what is plain is done so: one batch, an answer, no transaction. Nothing is taken from behind that was not
//! appended: a request that cannot be read, is for something else, or whose batch is refused, stays where it lies
//! and is served by itself next, in its turn. Where the first is refused it is served by itself, too. Those that were gathered
//! for nothing, because the log took none or not all of them, are served alone: else each would be validated over and over.
//!
//! Who has to be slowed down noticeably pays for each request by itself, before the next is looked at.

use std::sync::Arc;
use std::time::Duration;

use super::answer::{Named, Outcome};
use super::{Due, find, finish, key};
use crate::broker::now_ms;
use crate::catalog::{Partition, Topic};
use crate::kafka::call::{Call, decode};
use crate::kafka::service::{KafkaService, SIZE, Session};
use crate::kafka::trace;
use crate::log::Run;
use crate::log::validate::{Rules, Validated, validate};
use crate::net::{Context, Flow, Framing, Service, Slot};
use crate::wire::codec::{Reader, Records};
use crate::wire::header::RequestHeader;
use crate::wire::messages::produce::ProduceRequest;
use crate::wire::records::BatchHeader;

/// Bytes of the batches that are served together: to find pages for as many may take as long as a part of a turn is to
/// last. Larger ones lose little by coming alone.
const MOST_BYTES: usize = 128 << 10;

/// What is gathered costs less, by the disk's pace, or it is one request.
const MOST_PRICE: Duration = Duration::from_millis(100);

/// A request that brings one batch, and nothing else of note.
#[derive(Clone, Copy)]
struct Plain<'r> {
    call: Call<'r>,
    /// Bytes of its frame; 0 of the first, which nobody has to take.
    frame: usize,
    acks: i16,
    topic: Named<'r>,
    partition: i32,
    records: &'r [u8],
    /// Of its batch, as far as nobody has checked it.
    header: BatchHeader,
}

impl<'r> Plain<'r> {
    fn of(call: &Call<'r>, frame: usize, request: &ProduceRequest<'r>) -> Option<Plain<'r>> {
        let is_single = request.topic_data.len() == 1
            && request.transactional_id.is_none()
            && matches!(request.acks, 1 | -1);
        let topic = request.topic_data.iter().next().filter(|_| is_single)?;
        let is_single = topic.partition_data.len() == 1;
        let data = topic.partition_data.iter().next().filter(|_| is_single)?;
        let Some(Records::Bytes(records)) = data.records else { return None };
        let header = BatchHeader::read(records.first_chunk()?);
        let (acks, topic, partition) = (request.acks, key(&topic), data.index);
        let plain = Plain { call: *call, frame, acks, topic, partition, records, header };
        (!header.attributes.is_transactional()).then_some(plain)
    }

    /// The request that comes next, if it is a plain one that goes with this: from the same client, for the same partition,
    /// answered in the same way.
    fn next(
        &self,
        service: &KafkaService,
        session: &Session,
        behind: &'r [u8],
    ) -> Option<Plain<'r>> {
        let Framing::Whole(size) = service.framing(session, behind) else { return None };
        let frame = behind.get(SIZE..size).filter(|frame| frame.len() <= MOST_BYTES)?;
        let mut reader = Reader::new(frame);
        let (header, own) = (RequestHeader::decode(&mut reader).ok()?, self.call.header);
        let is_same = header.api_key == own.api_key
            && header.api_version == own.api_version
            && header.client_id == own.client_id;
        let call = Call { header, ..self.call };
        let request = is_same.then(|| decode(&call, &mut reader)).and_then(Result::ok)?;
        let next = Plain::of(&call, size, &request)?;
        let goes_with = next.topic == self.topic
            && next.partition == self.partition
            && next.acks == self.acks
            && Run::may_go_on(&self.header, &next.header);
        goes_with.then_some(next)
    }
}

/// What is served together: requests, the first first, and their batches.
#[derive(Default)]
struct Together<'f> {
    requests: Vec<Plain<'f>>,
    batches: Vec<Validated<'f>>,
}

/// Serves a request and those behind it that go with it; `None` if none does, or if it is to be served by itself: then
/// none was answered, and nothing appended.
pub(super) fn serve(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    session: &mut Session,
    call: &Call<'_>,
    slot: Slot,
    request: &ProduceRequest<'_>,
) -> Option<Flow> {
    let behind = cx.behind();
    if behind.is_empty() || session.alone > 0 {
        session.alone = session.alone.saturating_sub(1);
        return None;
    }
    let plain = Plain::of(call, 0, request).filter(|plain| plain.records.len() < MOST_BYTES)?;
    let second = plain.next(service, session, behind)?;
    let topic = find(&service.shared, call, plain.topic).ok()?;
    let partition = topic.partition(plain.partition)?;
    if !partition.may_run(&plain.header) {
        return None;
    }
    let together = gather(service, cx, session, (plain, second, behind), &topic)?;
    let wake = |waiter: &_| service.wakes.add(waiter);
    let run = partition.append_run(&together.batches, now_ms(), wake);
    session.alone = together.batches.len() - run.as_ref().map_or(0, |run| run.count);
    let run = run.ok().or_else(|| {
        session.alone -= 1; // This one is, now.
        None
    })?;
    Some(answer(service, cx, session, &together, (slot, partition, run)))
}

/// The request and those behind it that go with it, before the first whose batch is refused and as many as the turn has
/// time for; `None` if its own is refused.
fn gather<'f>(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    session: &Session,
    (first, second, mut behind): (Plain<'f>, Plain<'f>, &'f [u8]),
    topic: &Topic,
) -> Option<Together<'f>> {
    let config = topic.config();
    let (produce_version, partition) = (first.call.version(), first.partition);
    let mut together = Together::default();
    let (mut request, mut following) = (first, Some(second));
    let (mut bytes, mut price) = (0, Duration::ZERO);
    loop {
        let now_ms = now_ms();
        let rules =
            Rules { config: &config, now_ms, produce_version, topic: &topic.name, partition };
        let Ok(batch) = validate(request.records, &rules, &mut service.scratch) else { break };
        // It may have been written anew, and larger.
        let size = batch.bytes.len().max(request.records.len());
        bytes += size;
        price += service.shared.price_of(size as u64);
        behind = &behind[request.frame..];
        together.requests.push(request);
        together.batches.push(batch);
        let is_enough = together.requests.len() == Run::MOST || price >= MOST_PRICE;
        let is_enough = !cx.goes_on(size) || is_enough;
        let next = match following.take() {
            _ if is_enough => break,
            None if behind.is_empty() => break,
            None => request.next(service, session, behind),
            second => second,
        };
        match next.filter(|next| bytes + next.records.len() <= MOST_BYTES) {
            Some(next) => request = next,
            None => break,
        }
    }
    (!together.batches.is_empty()).then_some(together)
}

/// Answers those whose batches are in the log, each by itself, the first in its slot.
fn answer(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    session: &mut Session,
    together: &Together<'_>,
    (mut slot, partition, run): (Slot, &Arc<Partition>, Run),
) -> Flow {
    let (mut appended, mut price, mut flow) = (run.first, Duration::ZERO, Flow::Next);
    let both = together.requests.iter().zip(&together.batches);
    for (at, (request, batch)) in both.take(run.count).enumerate() {
        if at > 0 {
            appended = appended.next(&batch.header, batch.log_append_time_ms);
            // A connection that is gone is told nothing.
            let Some(next) = cx.take(request.frame, slot.conn()) else { break };
            slot = next;
            trace::request(&request.call, slot, request.frame - SIZE);
            session.client.asks(&request.call);
        }
        if let Some(traffic) = partition.traffic() {
            traffic.produced();
        }
        let size = if appended.duplicate { 0 } else { batch.bytes.len() as u64 };
        let mut outcomes = std::mem::take(&mut service.outcomes);
        outcomes.push(Outcome::appended(partition, &appended, size));
        // The last answer tells how long to wait for all of them.
        price += service.shared.price_of(size);
        let price = if at + 1 == run.count { price } else { Duration::ZERO };
        let due = Due { acks: request.acks, price, debt: &mut session.debt };
        let topic = std::iter::once(request.topic);
        flow = finish(service, cx, &request.call, slot, topic, outcomes, due);
    }
    flow
}
