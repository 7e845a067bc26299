//! The pages, made from the broker's shared state. Names and shapes of `/v1` are StrikeMQ's, so that what was
//! written for that goes on here; those of `/metrics` are kafka_exporter's.

mod broker;
mod groups;
mod health;
mod metrics;
mod topics;

use super::MAX_PAGE;
use super::desk::Facts;
use super::problem::Problem;
use super::response::Response;
use super::route::Route;
use crate::broker::Shared;
use serde::Serialize;

/// Makes a page. May block, but for `Livez`, `Readyz` and `Broker`.
pub(super) fn page(shared: &Shared, facts: &Facts, route: &Route) -> Response {
    let made = match route {
        Route::Livez => Ok(health::live()),
        Route::Readyz => Ok(health::ready(shared)),
        Route::Healthz => Ok(health::health(shared)),
        Route::Broker => ok(&broker::broker(shared, facts)),
        Route::Topics => ok(&topics::all(shared)),
        Route::Topic(name) => topics::one(shared, name).and_then(|topic| ok(&topic)),
        Route::Groups => groups::all(shared).and_then(|groups| ok(&groups)),
        Route::Group(id) => groups::one(shared, id).and_then(|group| ok(&group)),
        Route::Metrics => metrics::metrics(shared),
    };
    match made {
        Ok(response) if response.body.len() <= MAX_PAGE => response,
        Ok(_) => TOO_LARGE.response(),
        Err(problem) => problem.response(),
    }
}

const TOO_LARGE: Problem = Problem::new(500, "The page would be too large");
const LOADING: Problem = Problem::new(503, "Consumer groups are being loaded");

fn ok(value: &impl Serialize) -> Result<Response, Problem> {
    Ok(Response::json(200, value))
}
