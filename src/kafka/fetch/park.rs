//! A fetch that waits for data (Kafka's `DelayedFetch`), without costing anything meanwhile.

use std::sync::Arc;

use super::answer;
use super::read::Outcome;
use super::target::Fetch;
use crate::catalog::{Partition, Waiter, WaiterKey};
use crate::kafka::service::{KafkaService, ParkedRequest};
use crate::net::{ConnId, Context, Slot, TimerId};

/// A fetch that waits.
pub struct ParkedFetch {
    slot: Slot,
    fetch: Fetch,
    registered: Vec<(Arc<Partition>, WaiterKey)>,
    timer: Option<TimerId>,
}

impl ParkedFetch {
    /// One that waits for what it wants to be brought into memory: only for that.
    pub(super) fn warming(slot: Slot, fetch: Fetch) -> ParkedFetch {
        ParkedFetch { slot, fetch, registered: Vec::new(), timer: None }
    }

    /// The connection that waits.
    pub fn conn(&self) -> ConnId {
        self.slot.conn()
    }

    /// Gives the registrations and the timer back, without an answer.
    pub fn forget(self, cx: &mut Context<'_>) {
        if let Some(timer) = self.timer {
            cx.cancel_timer(timer);
        }
        unregister(self.registered);
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
    seen: Outcome,
) {
    let mut seen = seen.bytes;
    for look in 1.. {
        let last_look = look == LOOKS;
        let missing = if last_look { 1 } else { fetch.min_bytes - seen };
        let key = service.parked.reserve();
        let registered = register(&fetch, &Waiter::new(service.worker, key, missing));
        let again = fetch.read();
        if again.is_cold() {
            // What came is gone from memory already: rare, and not worth a state of its own.
            service.parked.take(key);
            unregister(registered);
            return super::look(service, cx, slot, fetch);
        }
        if fetch.is_satisfied_by(&again) || is_gone(service, &fetch) {
            service.parked.take(key);
            unregister(registered);
            return answer::send(service, cx, slot, fetch, again);
        }
        if again.bytes == seen || last_look {
            // What comes later can be cold again.
            (fetch.warmed, fetch.may_block) = (0, false);
            let timer = fetch.deadline.map(|deadline| cx.set_timer(deadline, key));
            let parked = ParkedFetch { slot, fetch, registered, timer };
            return service.parked.put(key, ParkedRequest::Fetch(parked));
        }
        seen = again.bytes;
        service.parked.take(key);
        unregister(registered);
    }
}

fn register(fetch: &Fetch, waiter: &Arc<Waiter>) -> Vec<(Arc<Partition>, WaiterKey)> {
    let partitions = fetch.targets.iter().filter_map(|target| target.partition.as_ref().ok());
    partitions.map(|one| (one.clone(), one.waiters().register(waiter.clone()))).collect()
}

fn unregister(registered: Vec<(Arc<Partition>, WaiterKey)>) {
    for (partition, key) in registered {
        partition.waiters().remove(key);
    }
}

/// Looks at a parked fetch again.
pub fn resume(service: &mut KafkaService, cx: &mut Context<'_>, mut parked: ParkedFetch, why: Why) {
    match (why, parked.timer.take()) {
        (Why::Data, Some(timer)) => _ = cx.cancel_timer(timer),
        (Why::Timeout, _) => parked.fetch.deadline = None,
        (Why::Data, None) => {}
    }
    let ParkedFetch { slot, mut fetch, registered, .. } = parked;
    unregister(registered);
    refresh(service, &mut fetch);
    super::look(service, cx, slot, fetch);
}

/// Whether some topic was deleted since the fetch was resolved.
fn is_gone(service: &KafkaService, fetch: &Fetch) -> bool {
    let found = fetch.targets.iter().filter(|target| target.partition.is_ok());
    let mut ids = found.map(|target| target.topic_id);
    ids.any(|id| service.shared.topics.by_id(id).is_none())
}

/// A topic that was deleted meanwhile answers as unknown.
fn refresh(service: &KafkaService, fetch: &mut Fetch) {
    use crate::wire::error::ErrorCode;
    for target in &mut fetch.targets {
        if target.partition.is_ok() && service.shared.topics.by_id(target.topic_id).is_none() {
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
