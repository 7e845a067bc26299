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
    ready_as(shared.is_stopping(), || shared.read_all_groups(|_| {}))
}

fn ready_as(is_stopping: bool, groups: impl FnOnce() -> Result<(), ErrorCode>) -> Response {
    if is_stopping {
        return said(503, "stopping");
    }
    match groups() {
        Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => said(503, "loading"),
        _ => said(200, "ok"),
    }
}

/// It is ready, and no partition is offline. Those that are, are named to who may know what the topics are called.
pub(super) fn health(shared: &Shared, in_full: bool) -> Response {
    health_as(ready(shared), shared.offline_partitions(MAX_NAMED), in_full)
}

fn health_as(ready: Response, offline: Vec<String>, in_full: bool) -> Response {
    match offline.is_empty() {
        true => ready,
        false => {
            Response::json(503, &Health { status: "offline", offline: in_full.then_some(offline) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_it_neither_loads_nor_stops() {
        let loading = || Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        assert_eq!(ready_as(false, || Ok(())), said(200, "ok"));
        assert_eq!(ready_as(false, loading), said(503, "loading"));
        assert_eq!(ready_as(true, || Ok(())), said(503, "stopping"));
        assert_eq!(health_as(said(503, "loading"), Vec::new(), true), said(503, "loading"));
        let sick = health_as(said(200, "ok"), vec!["t-0".to_owned()], true);
        assert_eq!(
            (sick.status, &*sick.body),
            (503, &br#"{"status":"offline","offline":["t-0"]}"#[..])
        );
    }
}
