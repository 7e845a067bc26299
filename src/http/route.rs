//! Which page a request asks for. What is not built is not found.

use super::head::{Head, Method};
use super::problem::{self, Problem};
use super::response::Response;

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The process answers.
    Livez,
    /// Clients can be sent here.
    Readyz,
    /// Everything is as it should be.
    Healthz,
    /// For Prometheus.
    Metrics,
    /// The broker itself.
    Broker,
    /// All topics.
    Topics,
    /// One topic, by name.
    Topic(String),
    /// All consumer groups.
    Groups,
    /// One group, by name.
    Group(String),
}

/// What every page can be asked with.
const ALLOWED: &str = "GET, HEAD";

impl Route {
    /// The page that a request asks for, or why there is none.
    pub(super) fn of(head: &Head) -> Result<Route, Response> {
        let route = Route::find(&head.target.parts).ok_or(problem::NOT_FOUND.response())?;
        match head.method {
            Method::Get | Method::Head => Ok(route),
            _ => {
                let problem = Problem::new(405, "Method not allowed");
                Err(Response { allow: Some(ALLOWED), ..problem.response() })
            }
        }
    }

    fn find(parts: &[String]) -> Option<Route> {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Some(match parts[..] {
            ["livez"] => Route::Livez,
            ["readyz"] => Route::Readyz,
            ["healthz"] => Route::Healthz,
            ["metrics"] => Route::Metrics,
            ["v1", "broker"] => Route::Broker,
            ["v1", "topics"] => Route::Topics,
            ["v1", "topics", name] => Route::Topic(name.to_owned()),
            ["v1", "groups"] => Route::Groups,
            ["v1", "groups", id] => Route::Group(id.to_owned()),
            _ => return None,
        })
    }
}
