//! A fetch that waits for data (Kafka's `DelayedFetch`), without costing anything meanwhile.

use std::sync::Arc;

use super::answer;
use super::read::Outcome;
use super::target::Fetch;
use crate::catalog::{Partition, Waiter, WaiterKey};
use crate::kafka::service::KafkaService;
use crate::net::{ConnId, Context, Slot, TimerId};

/// A fetch that waits.
pub struct ParkedFetch {
    slot: Slot,
    fetch: Fetch,
    registered: Vec<(Arc<Partition>, WaiterKey)>,
    timer: Option<TimerId>,
}

impl ParkedFetch {
    /// The connection that waits.
    pub fn conn(&self) -> ConnId {
        self.slot.conn()
    }

    /// Gives the registrations back, without an answer.
    pub fn forget(self) {
        for (partition, key) in self.registered {
            partition.waiters().remove(key);
        }
    }
}

/// Why a parked fetch is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Bytes have come, or a partition has gone.
    Data,
    /// It has waited long enough.
    Timeout,
}

/// Parks a fetch, unless data came between the first look and the registration.
pub fn park(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    slot: Slot,
    fetch: Fetch,
    seen: Outcome,
) {
    let key = service.parked.reserve();
    let waiter = Waiter::new(service.worker, key, fetch.min_bytes - seen.bytes);
    let partitions = fetch.targets.iter().filter_map(|target| target.partition.as_ref().ok());
    let register = |partition: &Arc<Partition>| {
        (partition.clone(), partition.waiters().register(waiter.clone()))
    };
    let registered = partitions.map(register).collect();
    let mut parked = ParkedFetch { slot, fetch, registered, timer: None };
    let again = parked.fetch.read();
    if again.bytes != seen.bytes || again.urgent || is_gone(service, &parked.fetch) {
        service.parked.take(key);
        finish_or_repark(service, cx, parked, again);
        return;
    }
    parked.timer = parked.fetch.deadline.map(|deadline| cx.set_timer(deadline, key));
    service.parked.put(key, parked);
}

/// Looks at a parked fetch again.
pub fn resume(service: &mut KafkaService, cx: &mut Context<'_>, mut parked: ParkedFetch, why: Why) {
    match (why, parked.timer.take()) {
        (Why::Data, Some(timer)) => _ = cx.cancel_timer(timer),
        (Why::Timeout, _) => parked.fetch.deadline = None,
        (Why::Data, None) => {}
    }
    refresh(service, &mut parked.fetch);
    let outcome = parked.fetch.read();
    finish_or_repark(service, cx, parked, outcome);
}

fn finish_or_repark(
    service: &mut KafkaService,
    cx: &mut Context<'_>,
    parked: ParkedFetch,
    outcome: Outcome,
) {
    let ParkedFetch { slot, fetch, registered, .. } = parked;
    for (partition, key) in registered {
        partition.waiters().remove(key);
    }
    if service.draining || fetch.is_satisfied_by(&outcome) {
        answer::send(service, cx, slot, fetch, outcome);
    } else {
        park(service, cx, slot, fetch, outcome);
    }
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
