//! Fetch (PROTOCOL 8; Kafka's `KafkaApis.handleFetchRequest`, `ReplicaManager.fetchMessages`,
//! `DelayedFetch`).
//!
//! States of a fetch: *read* (all its partitions are read within the limits), then *answered* when
//! that is enough or there is an error, else *parked*: registered with each partition, a last look
//! is taken, and it waits for bytes or its timeout; then it is read again. One that meets what is not
//! in memory is *warming*: a thread that may wait for the disk brings it in ([`warm`]), then it is read
//! again. Those who are woken together and want the same are read for once ([`same`]). Data never
//! passes through here: an answer holds ranges of segments.

mod answer;
mod park;
mod read;
mod same;
mod target;
mod warm;

pub use park::{ParkedFetch, Why, resume};
pub use read::check_leader_epoch;
pub use same::Same;

use super::call::{Call, decode, refuse};
use super::service::KafkaService;
use crate::net::{Context, Flow, Slot};
use crate::wire::codec::Reader;
use crate::wire::error::ErrorCode;
use crate::wire::messages::fetch::FetchRequest;
use target::Fetch;

/// Serves a Fetch request.
pub fn serve(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    call: &Call<'_>,
    slot: Slot,
    body: &mut Reader<'_>,
) -> Flow {
    let request: FetchRequest<'_> = match decode(call, body) {
        Ok(request) => request,
        Err(why) => return refuse(call, &why),
    };
    let fetch = match Fetch::new(&service.shared, call, &request, cx.now()) {
        Ok(fetch) => fetch,
        Err(code) => {
            answer::refuse_whole(service, call, &request, code);
            return service.answer(cx, slot, call.tag());
        }
    };
    look(service, cx, slot, fetch);
    Flow::Next
}

/// Reads a fetch, and answers, warms or parks it.
fn look(service: &mut KafkaService, cx: &mut Context<'_>, slot: Slot, mut fetch: Fetch) {
    fetch.may_block |= service.draining;
    let Some((fetch, outcome)) = warm::read(service, slot, fetch) else { return };
    if service.draining || fetch.is_satisfied_by(&outcome) {
        answer::send(service, cx, slot, fetch, outcome);
    } else {
        park::park(service, cx, slot, fetch, outcome);
    }
}

/// Whether this isolation level is one of Kafka's: read uncommitted or read committed.
fn check_isolation(level: i8) -> Result<bool, ErrorCode> {
    match level {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
    }
}
