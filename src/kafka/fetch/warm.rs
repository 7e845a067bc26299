//! A fetch that meets what is not in memory: somebody else waits for the disk meanwhile.
//!
//! Until all of it is there nothing is answered, as if the disk itself had been waited for; no timeout
//! runs, for the data is there. What was brought in can be gone again when it is looked at, where memory
//! is short or files cannot be kept open; so after [`ROUNDS`] the worker waits for the disk after all.

use super::park::ParkedFetch;
use super::read::Outcome;
use super::target::Fetch;
use crate::kafka::service::{KafkaService, ParkedRequest};
use crate::net::Slot;

/// How often a fetch has things brought in.
const ROUNDS: u8 = 2;

/// Reads a fetch; `None` if it is being warmed and will be woken.
pub(super) fn read(
    service: &mut KafkaService,
    slot: Slot,
    mut fetch: Fetch,
) -> Option<(Fetch, Outcome)> {
    let mut outcome = fetch.read(&mut service.same);
    if !outcome.is_cold() {
        return Some((fetch, outcome));
    }
    if fetch.warmed < ROUNDS {
        let key = service.parked.reserve();
        if service.shared.warm(outcome.take_cold(), service.worker, key) {
            fetch.warmed += 1;
            service.parked.put(key, ParkedRequest::Fetch(ParkedFetch::warming(slot, fetch)));
            return None;
        }
        service.parked.take(key);
    }
    fetch.may_block = true;
    outcome = fetch.read(&mut service.same);
    Some((fetch, outcome))
}
