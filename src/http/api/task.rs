//! What a request wants done, its body and its filter read: all that can be said of it without a broker. Who makes the
//! pages and who tries out whatever may be sent read by the same.

use super::super::problem::Problem;
use super::super::query::Query;
use super::super::route::{Of, Route};
use super::super::session::Request;
use super::filter::Filter;
use super::pairs::Pairs;
use super::{admin, given, reset};

/// See the module's comment.
pub(super) enum Task<'r> {
    Messages(&'r str, &'r Query, Filter),
    Tail(&'r str, &'r Query, Filter),
    Produce(&'r str, &'r Query, Vec<given::New>),
    CreateTopic(&'r Query, admin::Asked),
    Alter(&'r Of, &'r Query, Pairs),
    ResetOffsets(&'r str, reset::Body),
    /// A page that needs neither.
    Plain(&'r Route),
}

impl<'r> Task<'r> {
    /// Fails where no broker would do what is asked for.
    pub(super) fn of(request: &'r Request) -> Result<Task<'r>, Problem> {
        let body = &request.body;
        Ok(match &request.route {
            Route::Messages(name, query) => Task::Messages(name, query, Filter::of(query)?),
            Route::Tail(name, query) => Task::Tail(name, query, Filter::of(query)?),
            Route::Produce(name, query) => Task::Produce(name, query, given::read(body)?),
            Route::CreateTopic(query) => Task::CreateTopic(query, super::body(body)?),
            Route::Alter(of, query) => Task::Alter(of, query, super::body(body)?),
            Route::ResetOffsets(group) => Task::ResetOffsets(group, reset::read(body)?),
            route => Task::Plain(route),
        })
    }
}

/// The filter of a request, which takes all where it has none.
///
/// # Errors
/// When the body or the filter is not what it must be.
pub fn check(request: &Request) -> Result<Filter, Problem> {
    Ok(match Task::of(request)? {
        Task::Messages(_, _, filter) | Task::Tail(_, _, filter) => filter,
        _ => Filter::default(),
    })
}
