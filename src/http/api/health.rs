//! Whether the broker lives, can be sent clients, and is well.

use super::super::problem::Problem;
use super::super::response::Response;
use crate::broker::Shared;
use crate::wire::error::ErrorCode;
use serde::Serialize;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    /// As with whatever else goes wrong, where it is not well.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offline: Option<Vec<String>>,
}

/// The field by which `barnabas healthcheck` sees that it asks the broker that it means.
pub(in super::super) const DIRECTORY: &str = "Barnabas-Directory";

/// Partitions that are named.
const MAX_NAMED: usize = 100;

fn well() -> Response {
    let (status, error, code, offline) = ("ok", None, None, None);
    Response::json(200, &Health { status, error, code, offline })
}

fn ill(status: &'static str, why: &'static str, offline: Option<Vec<String>>) -> Response {
    let problem = Problem::new(503, why);
    Response::json(503, &Health { status, error: Some(why), code: Some(problem.code), offline })
}

/// It will be gone.
pub(in super::super) fn stopping() -> Response {
    ill("stopping", "The broker stops", None)
}

/// A worker answers: it lives.
pub(super) fn live() -> Response {
    well()
}

/// Clients are served: it does not stop, and its groups are there.
pub(super) fn ready(shared: &Shared) -> Response {
    ready_as(shared.is_stopping(), || shared.read_all_groups(|_| {}))
}

fn ready_as(is_stopping: bool, groups: impl FnOnce() -> Result<(), ErrorCode>) -> Response {
    if is_stopping {
        return stopping();
    }
    match groups() {
        Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => {
            ill("loading", "Consumer groups are being loaded", None)
        }
        _ => well(),
    }
}

/// It is ready, and no partition is offline. Those that are, are named to who may know what the topics are called. Whose
/// health it is, is told by the data directory's id.
pub(super) fn health(shared: &Shared, in_full: bool) -> Response {
    let mut response = health_as(ready(shared), shared.offline_partitions(MAX_NAMED), in_full);
    response.fields.push((DIRECTORY, shared.node.directory_id.to_string()));
    response
}

fn health_as(ready: Response, offline: Vec<String>, in_full: bool) -> Response {
    match offline.is_empty() {
        true => ready,
        false => ill("offline", "Partitions are offline", in_full.then_some(offline)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_ready_when_it_neither_loads_nor_stops() {
        let loading = || Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        let said = |response: Response| {
            let body: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
            (response.status, body)
        };
        let ill = |status: &str, why: &str| {
            (503, json!({"status": status, "error": why, "code": "UNAVAILABLE"}))
        };
        assert_eq!(said(ready_as(false, || Ok(()))), (200, json!({"status": "ok"})));
        let is_loading = ill("loading", "Consumer groups are being loaded");
        assert_eq!(said(ready_as(false, loading)), is_loading);
        assert_eq!(said(ready_as(true, || Ok(()))), ill("stopping", "The broker stops"));
        let no_more = health_as(ready_as(false, loading), Vec::new(), true);
        assert_eq!(said(no_more), is_loading);
        let mut sick = ill("offline", "Partitions are offline");
        let offline = || vec!["t-0".to_owned()];
        assert_eq!(said(health_as(well(), offline(), false)), sick);
        sick.1["offline"] = json!(["t-0"]);
        assert_eq!(said(health_as(well(), offline(), true)), sick);
    }
}
