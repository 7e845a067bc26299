//! `GET /v1/clients`: who is connected, what they call themselves, what they ask for, what went wrong for them, and
//! which groups they speak for. Each worker is asked for its own; Kafka's clients alone are told, those of HTTP are not.

use super::super::problem::{self, Problem};
use super::super::query::Query;
use crate::broker::{Asked, ClientInfo, Failure, Membership, Shared, WhoIsThere, WorkerMessage};
use crate::wire::api::ApiKey;
use serde_json::{Value, json};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Connections that are told unless it is asked for more or fewer, and the most.
pub(in super::super) const USUAL: usize = 1_000;
pub(in super::super) const MOST: usize = 10_000;
/// How long workers are waited for: one that does not look at what it is told for so long is ill, or has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// Those with the smallest numbers behind `after`, in the order of their numbers.
pub(super) fn clients(shared: &Shared, query: &Query) -> Result<Value, Problem> {
    let positive = |name| query.integer(name).and_then(|number| u64::try_from(number).ok());
    let after = positive("after");
    let limit = positive("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(USUAL);
    let mut found = gather(shared, after, limit)?;
    found.sort_unstable_by_key(|client| client.connection);
    found.truncate(limit);
    let config = shared.config();
    let listener = |index: usize| config.listeners().get(index).map(|one| one.name.to_string());
    Ok(found.iter().map(|client| shown(client, listener(client.listener))).collect())
}

fn gather(shared: &Shared, after: Option<u64>, limit: usize) -> Result<Vec<ClientInfo>, Problem> {
    let (tell, told) = channel();
    for worker in 0..shared.worker_count() {
        let asked = WhoIsThere { after, limit, tell: tell.clone() };
        shared.tell_answer(worker, WorkerMessage::Clients(asked));
    }
    drop(tell);
    let deadline = Instant::now() + PATIENCE;
    let mut found = Vec::new();
    loop {
        match told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(more) => found.extend(more),
            // All have answered, or will never.
            Err(RecvTimeoutError::Disconnected) => return Ok(found),
            Err(RecvTimeoutError::Timeout) => return Err(problem::BUSY),
        }
    }
}

fn shown(client: &ClientInfo, listener: Option<String>) -> Value {
    let software = client.software.as_ref();
    json!({
        "connection": client.connection,
        "address": client.address.to_string(),
        "listener": listener,
        "connected_at": client.connected_at,
        "last_request_at": client.last_request_at,
        "client_id": client.client_id,
        "software": software.map(|(name, _)| name),
        "version": software.map(|(_, version)| version),
        "requests": client.asked.requests,
        "errors": client.asked.errors,
        "apis": client.apis.iter().map(api).collect::<Value>(),
        "last_errors": client.last_errors.iter().map(failure).collect::<Value>(),
        "groups": client.groups.iter().map(group).collect::<Value>(),
    })
}

fn api((api, version, Asked { requests, errors }): &(ApiKey, i16, Asked)) -> Value {
    json!({
        "api": api.name(), "key": *api as i16, "version": version,
        "requests": requests, "errors": errors,
    })
}

fn failure(Failure { at, api, code }: &Failure) -> Value {
    json!({"at": at, "api": api.name(), "code": code.0, "error": code.name()})
}

fn group(membership: &Membership) -> Value {
    let Membership { group, member, generation, rebalances } = membership;
    json!({"group": group, "member": member, "generation": generation, "rebalances": rebalances})
}
