//! `GET /v1/topics/{name}/tail`: messages as they come, as server-sent events. This is the part that reads: one piece
//! at a time, so that all get their turn, and no larger than [`PIECE`], but for a message that comes to it.
//!
//! It begins behind what there is, unless it is told where. A partition that is new meanwhile is not followed; a
//! topic that goes, or what cannot be read, is told in an event `error`, and is the end. What is too large to be told
//! is passed over, and an event `skipped` says so.
//!
//! Each piece ends with an `id` by which a client that comes back goes on (`Last-Event-ID`): where all of its partitions
//! stand, in their order. It stands by itself, for it is of the whole piece. One stands before all else too. Where who comes back
//! was told of another topic, which had the name before, an event `anew` behind it says so: browsers tell no `id` by itself.

use super::super::problem::Problem;
use super::super::query::Query;
use super::filter::Filter;
use super::messages::{MAX_MESSAGE, append, at_time, partition};
use super::opened::Opened;
use super::records::{Seen, Stopped, Walker, log_of};
use crate::broker::{Shared, Then};
use crate::catalog::Partition;
use crate::wire::uuid::Uuid;
use serde_json::json;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of events that are handed out at a time.
const PIECE: usize = 128 << 10;
/// Bytes of an `id`: it must fit into the head of a request. Of more partitions than have room in it none is told.
const MAX_ID: usize = 4 << 10;
/// Bytes of the log without an event after which one is told all the same, so that nobody looks through them again.
const UNTOLD: usize = 16 << 20;

/// A reader that follows some partitions of a topic.
pub struct Follow {
    topic: Uuid,
    filter: Filter,
    /// In the order of their partitions.
    places: Vec<Place>,
    /// The one that comes first this time.
    first: usize,
    /// Bytes that were read since it was last told where it stands.
    untold: usize,
    /// What stands before all else, until it is told.
    begin: Vec<u8>,
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
        let known = query.last_event().and_then(|id| places_of(id, topic.id));
        // Of the same partitions, or fewer: there may be more of them now.
        let known = known.filter(|known| known.len() <= partitions.len());
        let goes_on = known.as_ref().is_some_and(|known| !known.is_empty());
        for (at, partition) in partitions.into_iter().enumerate() {
            let next = match &known {
                Some(known) => again(&partition, known.get(at).copied())?,
                None => start(&partition, query)?,
            };
            places.push(Place { partition, next });
        }
        let mut begin = Vec::new();
        tell(first_id(topic.id, &places, goes_on), &mut begin);
        if known.is_some_and(|known| known.is_empty()) {
            let told = json!({"topic_id": topic.id.to_string()});
            begin.extend_from_slice(format!("event: anew\ndata: {told}\n\n").as_bytes());
        }
        Ok(Follow { topic: topic.id, filter, places, first: 0, untold: 0, begin })
    }

    /// Appends the next events, and says what is to follow.
    pub(in super::super) fn read(
        &mut self,
        shared: &Shared,
        opened: &mut Opened,
        out: &mut Vec<u8>,
    ) -> Then {
        out.append(&mut self.begin);
        let (begin, mut walker) = (out.len(), Walker::new(opened));
        let (mut is_over, mut at_end) = (None, true);
        let (last, first) = self.places.split_at_mut(self.first);
        for Place { partition, next } in first.iter_mut().chain(last) {
            let index = partition.index;
            let is_full = |out: &Vec<u8>| out.len() - begin >= PIECE;
            if is_full(out) {
                at_end = false;
                break;
            }
            let walked = walker.walk(partition, *next, &mut |seen| {
                if is_full(out) {
                    return false;
                }
                if self.filter.fits(&seen.record) {
                    event(seen, index, out);
                }
                true
            });
            *next = walked.next;
            at_end &= walked.at_end;
            match walked.stopped_by {
                Some(Stopped { problem, behind: Some(behind) }) => {
                    skipped(index, *next..behind, &problem, out);
                    *next = behind;
                }
                Some(stopped) => is_over = is_over.or(Some(stopped.problem)),
                None => {}
            }
        }
        // Those that were behind come first the next time.
        if !at_end {
            self.first = (self.first + 1) % self.places.len().max(1);
        }
        self.untold += walker.read();
        if out.len() > begin || self.untold >= UNTOLD {
            self.untold = 0;
            tell(id_of(self.topic, &self.places), out);
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

/// Where all of these stand, unless that has no room.
fn id_of(topic: Uuid, places: &[Place]) -> Option<String> {
    let mut id = format!("{topic}:");
    for (at, Place { next, .. }) in places.iter().enumerate() {
        let _ = write!(id, "{}{next}", if at > 0 { "," } else { "" });
        if id.len() > MAX_ID {
            return None;
        }
    }
    Some(id)
}

/// What stands before all else. Where places have no room, who goes on keeps the id that it has, which has some; all others are told at
/// least of which topic this is.
fn first_id(topic: Uuid, places: &[Place], goes_on: bool) -> Option<String> {
    id_of(topic, places).or_else(|| (!goes_on).then(|| format!("{topic}:")))
}

fn tell(id: Option<String>, out: &mut Vec<u8>) {
    if let Some(id) = id {
        out.extend_from_slice(format!("id: {id}\n\n").as_bytes());
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

/// The places that an `id` tells; nothing if it is not one of ours, or has none, and none if it is of another topic, which had
/// the name before: of this one nothing has been told yet.
fn places_of(id: &str, topic: Uuid) -> Option<Vec<i64>> {
    let (of, places) = id.split_once(':')?;
    if of.parse::<Uuid>().ok()? != topic {
        return Some(Vec::new());
    }
    let next = |text: &str| text.parse().ok().filter(|next| *next >= 0);
    places.split(',').map(next).collect()
}

/// Where to go on in a partition. One that was not there has only what came meanwhile; what is gone is passed over.
fn again(partition: &Partition, next: Option<i64>) -> Result<i64, Problem> {
    let offsets = log_of(partition)?.offsets();
    Ok(next.unwrap_or(0).min(offsets.high_watermark).max(offsets.log_start))
}

/// JSON has no line ends, so each message is one line of data.
fn event(seen: &Seen<'_>, partition: i32, out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(b"data: ");
    match append(out, seen, Some(partition), MAX_MESSAGE) {
        true => out.extend_from_slice(b"\n\n"),
        false => {
            out.truncate(begin);
            let offsets = seen.offset..seen.offset.saturating_add(1);
            skipped(partition, offsets, &Stopped::of_message(seen.offset).problem, out);
        }
    }
}

/// That something is not told.
fn skipped(partition: i32, offsets: Range<i64>, why: &Problem, out: &mut Vec<u8>) {
    let told = json!({
        "partition": partition, "offset": offsets.start, "next_offset": offsets.end,
        "error": why.text, "code": why.code,
    });
    out.extend_from_slice(format!("event: skipped\ndata: {told}\n\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(count: i32, next: i64) -> Vec<Place> {
        let partition = |index| Arc::new(Partition::new("t".into(), index, 0, None));
        (0..count).map(|index| Place { partition: partition(index), next }).collect()
    }

    #[test]
    fn an_id_tells_its_topic_and_its_places_as_far_as_they_have_room() {
        let (topic, other) = (Uuid([7; 16]), Uuid([8; 16]));
        let id = first_id(topic, &places(3, 5), false).expect("room");
        assert_eq!(id, format!("{topic}:5,5,5"));
        assert_eq!(places_of(&id, topic), Some(vec![5, 5, 5]));
        assert_eq!(places_of(&id, other), Some(Vec::new()), "of this one nothing was told");
        let many = places(300, i64::MAX);
        assert_eq!(id_of(topic, &many), None);
        assert_eq!(first_id(topic, &many, true), None, "the one that it has is better");
        let id = first_id(topic, &many, false).expect("the topic by itself");
        assert_eq!(id, format!("{topic}:"));
        assert_eq!((places_of(&id, topic), places_of(&id, other)), (None, Some(Vec::new())));
        for id in
            ["x", "", "x:1", &format!("{topic}"), &format!("{topic}:-1"), &format!("{topic}:1,")]
        {
            assert_eq!(places_of(id, topic), None, "{id}");
        }
    }
}
