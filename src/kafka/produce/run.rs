//! Requests that lie one behind the other and bring batches for one partition: served together.
//!
//! A producer that has several requests on their way sends one behind the other, and the partition is the same as long
//! as it has much for it. Each of them by itself costs a lock, a publication and, where batches are large enough,
//! a call of the kernel's that costs more than what it does. So the batches of those that have come are given to the log
//! together ([`crate::log::Run`]); each request has its own answer, the same as if it had come alone.
//!
//! Only what is plain is done so: one batch, an answer, no transaction. Nothing is taken from behind that was not
//! appended: a request that cannot be read, is for something else, or whose batch is refused, stays where it lies
//! and is served by itself next, in its turn. Where the first is refused it is served by itself, too.

use std::sync::Arc;

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
use crate::wire::records::{Attributes, BatchHeader};

/// Bytes of the batches that are served together: to find pages for as many may take as long as a part of a turn is to
/// last. Larger ones lose little by coming alone.
const MOST_BYTES: usize = 128 << 10;

/// A request that brings one batch, and nothing else of note.
#[derive(Clone, Copy)]
struct Plain<'r> {
    acks: i16,
    topic: Named<'r>,
    partition: i32,
    records: &'r [u8],
}

impl<'r> Plain<'r> {
    fn of(request: &ProduceRequest<'r>) -> Option<Plain<'r>> {
        let is_single = request.topic_data.len() == 1
            && request.transactional_id.is_none()
            && matches!(request.acks, 1 | -1);
        let topic = request.topic_data.iter().next().filter(|_| is_single)?;
        let is_single = topic.partition_data.len() == 1;
        let data = topic.partition_data.iter().next().filter(|_| is_single)?;
        let Some(Records::Bytes(records)) = data.records else { return None };
        let is_transactional =
            BatchHeader::attributes_in(records).is_some_and(Attributes::is_transactional);
        let topic = key(&topic);
        let plain = Plain { acks: request.acks, topic, partition: data.index, records };
        (!is_transactional).then_some(plain)
    }

    /// The other one is for the same partition, and is answered as this one is.
    fn is_like(&self, other: &Plain<'_>) -> bool {
        self.topic == other.topic && self.partition == other.partition && self.acks == other.acks
    }
}

/// What is served together: requests, the first first, and their batches.
#[derive(Default)]
struct Together<'f> {
    /// Each with the bytes of its frame.
    calls: Vec<(Call<'f>, usize)>,
    batches: Vec<Validated<'f>>,
}

/// Serves a request and those behind it that go with it; `None` if none does, or if it is to be served by itself: then
/// nothing has happened.
pub(super) fn serve(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    session: &mut Session,
    call: &Call<'_>,
    slot: Slot,
    request: &ProduceRequest<'_>,
) -> Option<Flow> {
    let behind = cx.behind();
    if behind.is_empty() {
        return None;
    }
    let plain = Plain::of(request).filter(|plain| plain.records.len() < MOST_BYTES)?;
    next(service, session, (call, &plain), behind)?;
    let topic = find(&service.shared, call, plain.topic).ok()?;
    let partition = topic.partition(plain.partition)?;
    let together = gather(service, cx, session, (call, &plain, behind), &topic)?;
    let wake = |waiter: &_| service.wakes.add(waiter);
    let run = partition.append_run(&together.batches, now_ms(), wake).ok()?;
    let place = Place { slot, plain, partition };
    Some(answer(service, cx, session, &together, &place, run))
}

/// The request and those behind it that go with it, before the first whose batch is refused and as many as the turn has
/// time for; `None` if its own is refused.
fn gather<'f>(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    session: &Session,
    (call, plain, mut behind): (&Call<'f>, &Plain<'f>, &'f [u8]),
    topic: &Topic,
) -> Option<Together<'f>> {
    let config = topic.config();
    let (produce_version, partition) = (call.version(), plain.partition);
    let mut bytes = 0;
    let mut together = Together::default();
    let mut piece = Some((*call, 0, plain.records));
    while let Some((call, size, records)) = piece {
        bytes += records.len();
        if bytes > MOST_BYTES {
            break;
        }
        let now_ms = now_ms();
        let rules =
            Rules { config: &config, now_ms, produce_version, topic: &topic.name, partition };
        let Ok(batch) = validate(records, &rules, &mut service.scratch) else { break };
        together.calls.push((call, size));
        together.batches.push(batch);
        if together.calls.len() == Run::MOST || !cx.goes_on(size) {
            break;
        }
        behind = &behind[size..];
        piece = next(service, session, (&call, plain), behind);
    }
    (!together.batches.is_empty()).then_some(together)
}

/// The request that comes next, the bytes of its frame and its records, if it is a plain one and comes from the same
/// client, for the same partition and in the same way, as the one before it.
fn next<'f>(
    service: &KafkaService,
    session: &Session,
    (before, plain): (&Call<'f>, &Plain<'f>),
    behind: &'f [u8],
) -> Option<(Call<'f>, usize, &'f [u8])> {
    if behind.is_empty() {
        return None;
    }
    let Framing::Whole(size) = service.framing(session, behind) else { return None };
    let mut reader = Reader::new(behind.get(SIZE..size)?);
    let header = RequestHeader::decode(&mut reader).ok()?;
    let is_same = header.api_key == before.header.api_key
        && header.api_version == before.header.api_version
        && header.client_id == before.header.client_id;
    let call = Call { header, ..*before };
    let request = is_same.then(|| decode(&call, &mut reader)).and_then(Result::ok)?;
    let next = Plain::of(&request).filter(|next| next.is_like(plain))?;
    Some((call, size, next.records))
}

/// Where the first request is answered, and what all are for.
struct Place<'r> {
    slot: Slot,
    plain: Plain<'r>,
    partition: &'r Arc<Partition>,
}

/// Answers those whose batches are in the log, each by itself.
fn answer(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    session: &mut Session,
    together: &Together<'_>,
    place: &Place<'_>,
    run: Run,
) -> Flow {
    let (mut slot, mut appended, mut bytes) = (place.slot, run.first, 0);
    let mut flow = Flow::Next;
    let both = together.calls.iter().zip(&together.batches);
    for (at, ((call, frame), batch)) in both.take(run.count).enumerate() {
        if at > 0 {
            appended = appended.next(&batch.header, batch.log_append_time_ms);
            let Some(next) = cx.take(*frame, slot.conn()) else { break };
            slot = next;
            trace::request(call, slot, frame - SIZE);
            session.client.asks(call);
        }
        if let Some(traffic) = place.partition.traffic() {
            traffic.produced();
        }
        let size = if appended.duplicate { 0 } else { batch.bytes.len() as u64 };
        bytes += size;
        let mut outcomes = std::mem::take(&mut service.outcomes);
        outcomes.push(Outcome::appended(place.partition, &appended, size));
        // The last answer tells how long all are to wait.
        let bytes = if at + 1 == run.count { bytes } else { 0 };
        let due = Due { acks: place.plain.acks, bytes, debt: &mut session.debt };
        let topic = std::iter::once(place.plain.topic);
        flow = finish(service, cx, call, slot, topic, outcomes, due);
    }
    flow
}
