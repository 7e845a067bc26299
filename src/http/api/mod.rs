//! The pages, made from the broker's shared state, and the changes. Names and shapes of `/v1` are StrikeMQ's, so
//! that what was written for that goes on here; those of `/metrics` are kafka_exporter's.

mod admin;
mod broker;
mod clients;
mod configs;
mod filter;
mod follow;
mod given;
mod groups;
mod health;
mod json_filter;
mod json_path;
mod json_walk;
mod message;
mod messages;
mod metrics;
mod object;
mod openapi;
mod opened;
mod pairs;
mod partitioner;
mod produce;
mod records;
mod reset;
mod schemas;
mod task;
mod topics;

pub(super) use self::clients::MOST as MOST_CLIENTS;
use self::object::Object;
use super::MAX_PAGE;
use super::desk::Facts;
use super::problem::{self, Problem};
use super::response::Response;
use super::route::Route;
use super::session::Request;
use crate::broker::{Controller, Shared, Unflushed};
use serde::{Deserialize, Serialize};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// An answer that may have to wait.
pub(super) struct Made {
    pub(super) response: Response,
    /// What must be on the disk before it leaves.
    pub(super) due: Vec<Unflushed>,
    /// How long it waits, for who has asked outruns the disk.
    pub(super) delay: Duration,
}

impl From<Response> for Made {
    fn from(response: Response) -> Made {
        Made { response, due: Vec::new(), delay: Duration::ZERO }
    }
}

/// Makes a page that needs no waiting; nothing where this is not one.
pub(super) fn page_at_once(shared: &Shared, facts: &Facts, route: &Route) -> Option<Response> {
    let page = match route {
        Route::Livez => health::live(),
        Route::Readyz => health::ready(shared),
        Route::Broker => Response::json(200, &broker::broker(shared, facts)),
        Route::OpenApi => {
            static DOCUMENT: LazyLock<Response> =
                LazyLock::new(|| Response::json(200, &openapi::document()));
            DOCUMENT.clone()
        }
        Route::Console(asset) => asset.response()?,
        _ => return None,
    };
    Some(page)
}

pub use filter::Filter;
pub(super) use filter::{HEADER, JSON, KEY, VALUE};
pub use follow::Follow;
pub(super) use health::{DIRECTORY, stopping};
pub use opened::Opened;
use task::Task;
pub use task::check;

/// Begins an answer that goes on. May block.
pub(super) fn follow(shared: &Shared, request: &Request) -> Result<Follow, Problem> {
    match Task::of(request)? {
        Task::Tail(name, query, filter) => Follow::new(shared, name, query, filter),
        _ => Err(problem::NOT_FOUND),
    }
}

/// Makes a page, or a change. May block.
pub(super) fn page(
    shared: &Arc<Shared>,
    facts: &Facts,
    request: &Request,
    opened: &mut Opened,
) -> Made {
    bounded(Task::of(request).and_then(|task| done(shared, facts, task, opened)), MAX_PAGE)
}

fn done(
    shared: &Arc<Shared>,
    facts: &Facts,
    task: Task<'_>,
    opened: &mut Opened,
) -> Result<Made, Problem> {
    match task {
        Task::Messages(name, query, filter) => {
            messages::messages(shared, name, query, &filter, opened).map(Made::from)
        }
        Task::Produce(name, query, messages) => produce::produce(shared, name, query, &messages),
        Task::CreateTopic(query, topic) => admin::create(shared, query, topic).map(Made::from),
        Task::Alter(of, query, patch) => configs::change(shared, of, query, patch).map(Made::from),
        Task::ResetOffsets(group, offsets) => reset::reset(shared, group, &offsets),
        Task::Tail(..) => Err(problem::NOT_FOUND),
        Task::Plain(route) => plain(shared, facts, route),
    }
}

fn plain(shared: &Shared, facts: &Facts, route: &Route) -> Result<Made, Problem> {
    match route {
        Route::DeleteTopic(name) => admin::delete(shared, name).map(Made::from),
        Route::Configs(of) => configs::show(shared, of).map(Made::from),
        Route::Healthz { in_full } => Ok(health::health(shared, *in_full).into()),
        Route::Topics => ok(&topics::all(shared)),
        Route::Topic(name) => topics::one(shared, name).and_then(|topic| ok(&topic)),
        Route::Groups => groups::all(shared).and_then(|groups| ok(&groups)),
        Route::Group(id) => groups::one(shared, id).and_then(|group| ok(&group)),
        Route::Clients(query) => clients::clients(shared, query).and_then(|list| ok(&list)),
        Route::Metrics => metrics::metrics(shared).map(Made::from),
        Route::Livez | Route::Readyz | Route::Broker | Route::OpenApi | Route::Console(_) => {
            let page = page_at_once(shared, facts, route);
            page.map(Made::from).ok_or(problem::NOT_FOUND)
        }
        // They have tasks of their own.
        Route::Messages(..)
        | Route::Tail(..)
        | Route::Produce(..)
        | Route::CreateTopic(_)
        | Route::Alter(..)
        | Route::ResetOffsets(_) => Err(problem::NOT_FOUND),
    }
}

/// What is said of it, if it is no larger than that.
fn bounded(made: Result<Made, Problem>, most: usize) -> Made {
    match made {
        Ok(made) if made.response.body.len() <= most => made,
        Ok(_) => TOO_LARGE.response().into(),
        Err(problem) => problem.response().into(),
    }
}

/// Characters of why a body cannot be read.
const MAX_REASON: usize = 200;
const TOO_LARGE: Problem = Problem::new(500, "The page would be too large");
const LOADING: Problem = Problem::new(503, "Consumer groups are being loaded");

fn ok(value: &impl Serialize) -> Result<Made, Problem> {
    Ok(Response::json(200, value).into())
}

/// The JSON of a request's body, an object.
fn body<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        return Err(Problem::bad("Empty request body"));
    }
    match serde_json::from_slice(bytes) {
        Ok(Object(body)) => Ok(body),
        Err(why) => {
            // It may repeat what was sent, however long that is.
            let why: String = why.to_string().chars().take(MAX_REASON).collect();
            Err(Problem::told(400, format!("The body is not what it must be: {why}")))
        }
    }
}

/// Has the controller do something, and waits for it.
fn controlled<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce(&mut Controller) -> T + Send + 'static,
) -> Result<T, Problem> {
    let (tell, told) = sync_channel(1);
    shared.on_controller(move |controller| _ = tell.send(work(controller)))?;
    // Whoever stops drops what waits.
    told.recv().map_err(|_| problem::STOPPING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_too_large_is_none() {
        let page = |size: usize| Ok(Response::text(200, "text/plain", vec![b'x'; size]).into());
        assert_eq!(bounded(page(10), 10).response.status, 200);
        let refused = bounded(page(11), 10).response;
        assert_eq!(refused, TOO_LARGE.response());
        assert_eq!(bounded(Err(LOADING), 10).response.status, 503);
    }

    #[test]
    fn bodies_are_json_and_nothing_behind_it() {
        #[derive(Deserialize, Debug, PartialEq)]
        struct One {
            n: u8,
        }
        assert_eq!(body::<One>(b"{\"n\": 2} "), Ok(One { n: 2 }));
        let long = [b"{\"n\":\"", "\u{e9}".repeat(1 << 20).as_bytes(), b"\"}"].concat();
        for wrong in [&b""[..], b"{\"n\":1", b"{\"n\":1} 2", b"{\"n\":300}", b"\xff", b"[1]", &long]
        {
            let problem = body::<One>(wrong).expect_err("no such body");
            assert!(problem.status == 400 && problem.text.len() < 500, "{problem:?}");
        }
    }
}
