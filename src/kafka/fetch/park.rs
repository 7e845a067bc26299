//! A fetch that waits for data (Kafka's `DelayedFetch`), without costing anything meanwhile.

use std::sync::Arc;

use super::answer;
use super::read::Outcome;
use super::target::Fetch;
use crate::catalog::Waiter;
use crate::kafka::service::{KafkaService, ParkedRequest};
use crate::net::{ConnId, Context, Slot, TimerId};

/// A fetch that waits.
pub struct ParkedFetch {
    slot: Slot,
    fetch: Fetch,
    timer: Option<TimerId>,
}

impl ParkedFetch {
    /// One that waits for what it wants to be brought into memory: only for that.
    pub(super) fn warming(slot: Slot, fetch: Fetch) -> ParkedFetch {
        ParkedFetch { slot, fetch, timer: None }
    }

    /// The connection that waits.
    pub fn conn(&self) -> ConnId {
        self.slot.conn()
    }

    /// How many partitions it looks at.
    pub fn partitions(&self) -> usize {
        self.fetch.targets.len()
    }

    /// Gives the registrations and the timer back, without an answer.
    pub fn forget(mut self, cx: &mut Context<'_>) {
        if let Some(timer) = self.timer {
            cx.cancel_timer(timer);
        }
        unregister(&mut self.fetch);
    }
}

/// How often a fetch looks while bytes keep coming before it waits for any.
const LOOKS: usize = 3;

/// Why a parked fetch is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Bytes have come, or a partition has gone.
    Data,
    /// It has waited long enough.
    Timeout,
}

/// Parks a fetch, unless there is enough by now.
///
/// It is registered first and looks once more then, so that no append falls between. Where bytes
/// keep coming, yet not enough, it gives up counting them and waits for the next ones, whatever their
/// number.
pub fn park(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    slot: Slot,
    mut fetch: Fetch,
    mut seen: Outcome,
) {
    for look in 1.. {
        let last_look = look == LOOKS;
        let missing = if last_look { 1 } else { fetch.min_bytes - seen.bytes };
        let key = service.parked.reserve();
        register(&mut fetch, &Waiter::new(service.worker, key, missing));
        let before = seen.bytes;
        let again = fetch.read_again(seen, &mut service.same);
        if again.is_cold() {
            // What came is gone from memory already: rare, and not worth a state of its own.
            service.parked.take(key);
            unregister(&mut fetch);
            return super::look(service, cx, slot, fetch);
        }
        if fetch.is_satisfied_by(&again) || is_gone(&fetch) {
            service.parked.take(key);
            unregister(&mut fetch);
            return answer::send(service, cx, slot, fetch, again);
        }
        if again.bytes == before || last_look {
            // What comes later can be cold again.
            (fetch.warmed, fetch.may_block) = (0, false);
            let timer = fetch.deadline.map(|deadline| cx.set_timer(deadline, key));
            let parked = ParkedFetch { slot, fetch, timer };
            return service.parked.put(key, ParkedRequest::Fetch(parked));
        }
        seen = again;
        service.parked.take(key);
        unregister(&mut fetch);
    }
}

fn register(fetch: &mut Fetch, waiter: &Arc<Waiter>) {
    for target in &mut fetch.targets {
        if let Ok(partition) = &target.partition {
            target.waits = Some(partition.waiters().register(waiter.clone()));
        }
    }
}

fn unregister(fetch: &mut Fetch) {
    for target in &mut fetch.targets {
        if let (Ok(partition), Some(key)) = (&target.partition, target.waits.take()) {
            partition.waiters().remove(key);
        }
    }
}

/// Looks at a parked fetch again.
pub fn resume(service: &mut KafkaService, cx: &mut Context<'_>, mut parked: ParkedFetch, why: Why) {
    match (why, parked.timer.take()) {
        (Why::Data, Some(timer)) => _ = cx.cancel_timer(timer),
        (Why::Timeout, _) => parked.fetch.deadline = None,
        (Why::Data, None) => {}
    }
    let ParkedFetch { slot, mut fetch, .. } = parked;
    unregister(&mut fetch);
    refresh(&mut fetch);
    super::look(service, cx, slot, fetch);
}

/// Whether some topic was deleted since the fetch was resolved.
fn is_gone(fetch: &Fetch) -> bool {
    fetch.targets.iter().any(|target| target.partition.as_ref().is_ok_and(|one| one.is_gone()))
}

/// A topic that was deleted meanwhile answers as unknown.
fn refresh(fetch: &mut Fetch) {
    use crate::wire::error::ErrorCode;
    for target in &mut fetch.targets {
        if target.partition.as_ref().is_ok_and(|partition| partition.is_gone()) {
            let by_id = matches!(target.asked.topic, crate::broker::TopicKey::Id(_));
            let code = if by_id {
                ErrorCode::UNKNOWN_TOPIC_ID
            } else {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            };
            target.partition = Err(code);
            fetch.deadline = None;
        }
    }
}
