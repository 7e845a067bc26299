//! `GET /v1/topics/{name}/messages`: an array of messages of one partition.
//!
//! There may be more where fewer came than were asked for: the field `X-Next-Offset` says where to go on, and
//! `X-End-Offset` where it ends for now.

use super::super::problem::Problem;
use super::super::query::Query;
use super::super::response::Response;
use super::filter::Filter;
use super::message::Message;
use super::opened::Opened;
use super::records::{Seen, Stopped, Walker, log_of, unreadable};
use crate::broker::Shared;
use crate::catalog::Partition;
use crate::log::Bound;
use crate::wire::error::ErrorCode;
use std::borrow::Cow;
use std::io;
use std::sync::Arc;

/// Messages that are told unless it is said how many.
const LIMIT: i64 = 10;
/// Bytes of JSON; the message that comes to it is the last.
const MAX_JSON: usize = 16 << 20;
/// How far that one may go beyond it.
const MAX_LAST: usize = 16 << 20;
/// Bytes of JSON of the largest message that is told.
pub(super) const MAX_MESSAGE: usize = MAX_JSON + MAX_LAST;
/// What cannot be shown.
pub(super) const TOO_LARGE: Problem = Problem {
    status: 422,
    code: "TOO_LARGE_TO_SHOW",
    text: Cow::Borrowed("The message is too large to be shown"),
};

/// Appends a message as JSON, of so many bytes at most; false, and nothing, if it has more.
pub(super) fn append(
    json: &mut Vec<u8>,
    seen: &Seen<'_>,
    partition: Option<i32>,
    most: usize,
) -> bool {
    let before = json.len();
    let mut bounded = Bounded(json, before + most);
    // Only the bound can make this fail: no key is anything but a text.
    let fits = serde_json::to_writer(&mut bounded, &Message::of(seen, partition)).is_ok();
    if !fits {
        json.truncate(before);
    }
    fits
}

/// Memory that takes no more than so many bytes.
struct Bounded<'b>(&'b mut Vec<u8>, usize);

impl io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > self.1 {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn messages(
    shared: &Shared,
    name: &str,
    query: &Query,
    filter: &Filter,
    opened: &mut Opened,
) -> Result<Response, Problem> {
    let partition = partition(shared, name, query.index("partition").unwrap_or(0))?;
    let offsets = log_of(&partition)?.offsets();
    let from = match (query.integer("offset"), query.integer("timestamp")) {
        (Some(_), Some(_)) => {
            return Err(Problem::bad("Only one of offset and timestamp can be given"));
        }
        (Some(offset), None) => offset,
        (None, Some(time)) => at_time(&partition, time)?,
        (None, None) => offsets.log_start,
    };
    let limit = query.integer("limit").unwrap_or(LIMIT);
    let (mut json, mut count, mut too_large) = (b"[".to_vec(), 0, None);
    let walked = Walker::new(opened).walk(&partition, from, &mut |seen| {
        if count == limit || json.len() >= MAX_JSON {
            return false;
        }
        if !filter.fits(&seen.record) {
            return true;
        }
        let before = json.len();
        if count > 0 {
            json.push(b',');
        }
        let most = MAX_MESSAGE - json.len();
        if !append(&mut json, seen, None, most) {
            json.truncate(before);
            too_large = Some(Stopped::of_message(seen.offset));
            return false;
        }
        count += 1;
        true
    });
    if let Some(Stopped { problem, behind }) = too_large.or(walked.stopped_by)
        && count == 0
    {
        let mut response = problem.response();
        // It can be passed.
        response.fields.extend(behind.map(|next| ("X-Next-Offset", next.to_string())));
        return Ok(response);
    }
    json.push(b']');
    let end = log_of(&partition)?.offsets().high_watermark;
    let fields =
        vec![("X-Next-Offset", walked.next.to_string()), ("X-End-Offset", end.to_string())];
    Ok(Response { fields, ..Response::text(200, "application/json", json) })
}

/// A partition of a topic by its name.
pub(super) fn partition(
    shared: &Shared,
    name: &str,
    index: i32,
) -> Result<Arc<Partition>, Problem> {
    let topic = shared.topics.by_name(name);
    let found = topic.and_then(|topic| topic.partition(index).cloned());
    let missing = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    found.ok_or_else(|| Problem::kafka(missing, "Topic/partition not found"))
}

/// The first offset whose timestamp is not before this time; the end where there is none.
pub(super) fn at_time(partition: &Partition, time: i64) -> Result<i64, Problem> {
    let log = log_of(partition)?;
    let found = log.offset_for_timestamp(time, Bound::HighWatermark);
    let found = found.map_err(|why| unreadable(partition, &why))?;
    Ok(found.map_or_else(|| log.offsets().high_watermark, |found| found.offset))
}
