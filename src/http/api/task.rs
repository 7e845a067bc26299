//! What can be said of a request without a broker: whether its body is one, and which messages it wants. For who tries
//! out whatever may be sent.

use super::super::problem::Problem;
use super::super::route::Route;
use super::super::session::Request;
use super::filter::Filter;
use super::pairs::Pairs;
use super::{admin, given, reset};

/// The filter of a request, which takes all where it has none. Fails where no broker would do what it asks for.
///
/// # Errors
/// When the body or the filter is not what it must be.
pub fn check(request: &Request) -> Result<Filter, Problem> {
    let body = &request.body;
    match &request.route {
        Route::Messages(_, query) | Route::Tail(_, query) => return Filter::of(query),
        Route::Produce(..) => drop(given::read(body)?),
        Route::CreateTopic(_) => drop(super::body::<admin::Asked>(body)?),
        Route::Alter(..) => drop(super::body::<Pairs>(body)?),
        Route::ResetOffsets(_) => drop(reset::read(body)?),
        _ => {}
    }
    Ok(Filter::default())
}
