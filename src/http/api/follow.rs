//! `GET /v1/topics/{name}/tail`: messages as they come, as server-sent events. This is the part that reads: one piece
//! at a time, so that all get their turn, and no larger than [`PIECE`], but for a message that comes to it.
//!
//! It begins behind what there is, unless it is told where. A partition that is new meanwhile is not followed; a
//! topic that goes, or what cannot be read, is told in an event `error`, and is the end.

use super::super::problem::Problem;
use super::super::query::Query;
use super::filter::Filter;
use super::message::Message;
use super::messages::{at_time, partition};
use super::records::{Seen, log_of, walk};
use crate::broker::{Shared, Then};
use crate::catalog::Partition;
use crate::wire::uuid::Uuid;
use std::sync::Arc;

/// Bytes of events that are handed out at a time.
const PIECE: usize = 128 << 10;

/// A reader that follows some partitions of a topic.
pub struct Follow {
    topic: Uuid,
    filter: Filter,
    places: Vec<Place>,
}

/// Where it is in a partition.
struct Place {
    partition: Arc<Partition>,
    next: i64,
}

impl Follow {
    /// Finds the partitions, and where to begin.
    pub(in super::super) fn new(
        shared: &Shared,
        name: &str,
        query: &Query,
        filter: Filter,
    ) -> Result<Follow, Problem> {
        let topic = shared.topics.by_name(name).ok_or_else(super::topics::unknown)?;
        let partitions = match query.index("partition") {
            Some(index) => vec![partition(shared, name, index)?],
            None => topic.partitions().to_vec(),
        };
        let mut places = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let next = start(&partition, query)?;
            places.push(Place { partition, next });
        }
        Ok(Follow { topic: topic.id, filter, places })
    }

    /// Appends the next events, and says what is to follow.
    pub(in super::super) fn read(&mut self, shared: &Shared, out: &mut Vec<u8>) -> Then {
        let (mut is_over, mut at_end) = (None, true);
        let full = out.len() + PIECE;
        for Place { partition, next } in &mut self.places {
            let index = partition.index;
            let walked = walk(partition, *next, &mut |seen| {
                if out.len() >= full {
                    return false;
                }
                if self.filter.fits(&seen.record) {
                    event(seen, index, out);
                }
                true
            });
            *next = walked.next;
            at_end &= walked.at_end;
            is_over = is_over.or(walked.stopped_by);
        }
        // Those that were behind come first the next time.
        if !at_end && !self.places.is_empty() {
            self.places.rotate_left(1);
        }
        if shared.topics.by_id(self.topic).is_none() {
            is_over = Some(super::topics::unknown());
        }
        match is_over {
            Some(problem) => {
                out.extend_from_slice(b"event: error\ndata: ");
                out.extend_from_slice(&problem.response().body);
                out.extend_from_slice(b"\n\n");
                Then::End
            }
            None if at_end => Then::Wait,
            None => Then::More,
        }
    }

    /// The partitions that it follows.
    pub(in super::super) fn partitions(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.places.iter().map(|place| &place.partition)
    }

    /// Whether there is something to read, or to be said. Never blocks: what was read is open.
    pub(in super::super) fn has_more(&self, shared: &Shared) -> bool {
        let is_gone = shared.topics.by_id(self.topic).is_none();
        is_gone
            || self.places.iter().any(|Place { partition, next }| {
                partition.log_if_open().is_none_or(|log| log.offsets().high_watermark > *next)
            })
    }
}

/// Where to begin in a partition.
fn start(partition: &Partition, query: &Query) -> Result<i64, Problem> {
    let offsets = log_of(partition)?.offsets();
    match (query.integer("offset"), query.integer("timestamp")) {
        (Some(_), Some(_)) => Err(Problem::bad("Only one of offset and timestamp can be given")),
        (Some(_), None) if query.index("partition").is_none() => {
            Err(Problem::bad("An offset needs a partition"))
        }
        (Some(offset), None) => Ok(offset),
        (None, Some(time)) => at_time(partition, time),
        (None, None) => Ok(offsets.high_watermark),
    }
}

/// JSON has no line ends, so each message is one line of data.
fn event(seen: &Seen<'_>, partition: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    // Writing into memory cannot fail, and no key is anything but a text.
    let written = serde_json::to_writer(&mut *out, &Message::of(seen, Some(partition)));
    debug_assert!(written.is_ok(), "{written:?}");
    out.extend_from_slice(b"\n\n");
}
