//! Whether the broker lives, can be sent clients, and is well.

use super::super::response::Response;
use crate::broker::Shared;
use crate::wire::error::ErrorCode;
use serde::Serialize;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    offline: Option<Vec<String>>,
}

/// Partitions that are named.
const MAX_NAMED: usize = 100;

fn said(status: u16, text: &'static str) -> Response {
    Response::json(status, &Health { status: text, offline: None })
}

/// A worker answers: it lives.
pub(super) fn live() -> Response {
    said(200, "ok")
}

/// Clients are served: it does not stop, and its groups are there.
pub(super) fn ready(shared: &Shared) -> Response {
    if shared.is_stopping() {
        return said(503, "stopping");
    }
    match shared.read_all_groups(|_| {}) {
        Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => said(503, "loading"),
        _ => said(200, "ok"),
    }
}

/// It is ready, and no partition is offline.
pub(super) fn health(shared: &Shared) -> Response {
    let ready = ready(shared);
    let offline = shared.offline_partitions(MAX_NAMED);
    match offline.is_empty() {
        true => ready,
        false => Response::json(503, &Health { status: "offline", offline: Some(offline) }),
    }
}
