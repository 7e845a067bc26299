//! `GET /v1/groups` and `GET /v1/groups/{id}`
//!
//! To StrikeMQ's shape comes `lag`: what consumers could still read of each partition with an offset, null of one that a
//! member has and that has none; in the list of all with an offset together, null where there is none or it is not
//! known; and of each member its `host` and its `partitions`. Of a group of the consumer protocol the epoch stands for
//! the generation, and nobody leads it.

use super::super::problem::Problem;
use super::LOADING;
use crate::broker::{RunningTopics, Shared};
use crate::coordinator::groups::admin::{Overview, OverviewMember};
use crate::coordinator::groups::offsets::{Committed, Fetched};
use crate::wire::error::ErrorCode;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Serialize)]
pub(super) struct Listed {
    group_id: String,
    state: &'static str,
    generation_id: i32,
    member_count: usize,
    /// Nothing where it has no offsets, or they cannot be read.
    lag: Option<i64>,
}

#[derive(Serialize)]
pub(super) struct Described {
    group_id: String,
    state: &'static str,
    generation_id: i32,
    protocol_type: String,
    protocol_name: String,
    leader_id: String,
    members: Vec<Member>,
    committed_offsets: BTreeMap<String, i64>,
    lag: BTreeMap<String, Option<i64>>,
}

#[derive(Serialize)]
struct Member {
    member_id: String,
    client_id: String,
    host: String,
    partitions: BTreeMap<String, Vec<i32>>,
    session_timeout_ms: i32,
    rebalance_timeout_ms: i32,
}

/// Of a group whose log could not be replayed.
const LOST: &str = "The partition of __consumer_offsets that has this group cannot be read";
/// Offsets of a group that are copied at once.
const PIECE: usize = 4096;

/// An offset of a group: topic, partition, what is read next.
type Offset = (Arc<str>, i32, i64);

/// What the groups say is copied, so that their shards go on; of their offsets, of which there may be millions, a piece
/// at a time.
pub(super) fn all(shared: &Shared) -> Result<Vec<Listed>, Problem> {
    let mut groups = Vec::new();
    let read = shared.read_all_groups(|shard| {
        shard.each_group(&mut |group| {
            groups.push(Listed {
                group_id: group.id.to_string(),
                state: group.state,
                generation_id: group.generation,
                member_count: group.member_count,
                lag: None,
            });
        });
    });
    read.map_err(|_| LOADING)?;
    for group in &mut groups {
        let read = |place: Option<&_>| offsets_behind(shared, &group.group_id, place);
        // The log may have to be opened for where it ends, so the shard must not wait for that.
        let lag = |(topic, at, offset): &Offset| lag(shared, topic, *at, *offset);
        group.lag = summed(read, lag).ok().flatten();
    }
    groups.sort_unstable_by(|one, other| one.group_id.cmp(&other.group_id));
    Ok(groups)
}

/// The next offsets of a group, behind a topic and a partition.
fn offsets_behind(
    shared: &Shared,
    group: &str,
    place: Option<&(Arc<str>, i32)>,
) -> Result<Vec<Offset>, ErrorCode> {
    shared.read_group(group, |shard| {
        let fetched = shard.fetch(group, (None, -1), false)?;
        let behind = fetched.all().into_iter().flat_map(|offsets| offsets.after(place));
        let offset =
            |(topic, at, done): (&Arc<str>, _, Committed<'_>)| (topic.clone(), at, done.offset);
        Ok(behind.map(offset).take(PIECE).collect())
    })?
}

/// The lag of all that is read, piece by piece; nothing if there is none of any.
fn summed(
    mut read: impl FnMut(Option<&(Arc<str>, i32)>) -> Result<Vec<Offset>, ErrorCode>,
    lag: impl Fn(&Offset) -> Option<i64>,
) -> Result<Option<i64>, ErrorCode> {
    let (mut sum, mut place) = (None, None);
    loop {
        let piece = read(place.as_ref())?;
        let add = |sum: Option<i64>, lag| Some(sum.unwrap_or(0).saturating_add(lag));
        sum = piece.iter().filter_map(&lag).fold(sum, add);
        match piece.last() {
            Some((topic, at, _)) if piece.len() == PIECE => place = Some((topic.clone(), *at)),
            _ => return Ok(sum),
        }
    }
}

/// What a group says of itself is copied, so that its shard goes on.
pub(super) fn one(shared: &Shared, id: &str) -> Result<Described, Problem> {
    let missing = || Problem::kafka(ErrorCode::GROUP_ID_NOT_FOUND, "Consumer group not found");
    let (settings, topics) = (shared.group_settings(), RunningTopics::of(shared));
    let looked = shared.read_group(id, |shard| {
        let described = shard.overview(id, &settings, &topics).map(|group| described(&group))?;
        Some((described, shard.fetch(id, (None, -1), false).map(Fetched::into_owned)))
    });
    let (mut described, fetched) = match looked {
        Ok(Some(found)) => found,
        Err(code @ ErrorCode::NOT_COORDINATOR) if shared.is_lost(id) => {
            return Err(Problem::kafka(code, LOST));
        }
        Ok(None) | Err(ErrorCode::NOT_COORDINATOR) => return Err(missing()),
        Err(_) => return Err(LOADING),
    };
    let fetched = fetched.ok();
    let group = fetched.as_ref().and_then(|fetched| fetched.all());
    for topic in group.into_iter().flat_map(|group| group.topics()) {
        for (partition, committed) in topic.iter() {
            let name = format!("{}-{partition}", topic.name());
            if let Some(lag) = lag(shared, topic.name(), partition, committed.offset) {
                described.lag.insert(name.clone(), Some(lag));
            }
            described.committed_offsets.insert(name, committed.offset);
        }
    }
    if fetched.is_some() {
        described.tell_of_missing_offsets();
    }
    Ok(described)
}

impl Described {
    /// Partitions that members have without an offset are behind by nobody knows how much.
    fn tell_of_missing_offsets(&mut self) {
        for (topic, partitions) in self.members.iter().flat_map(|member| &member.partitions) {
            let missing = partitions.iter().map(|partition| format!("{topic}-{partition}"));
            let missing = missing.filter(|name| !self.committed_offsets.contains_key(name));
            self.lag.extend(missing.map(|name| (name, None)));
        }
    }
}

/// How far an offset is behind; nothing if the partition is not there.
pub(super) fn lag(shared: &Shared, topic: &str, partition: i32, offset: i64) -> Option<i64> {
    let topic = shared.topics.by_name(topic)?;
    let (_, end) = topic.partition(partition)?.ends()?;
    Some(end.saturating_sub(offset).max(0))
}

fn described(group: &Overview<'_>) -> Described {
    let member = |member: &OverviewMember<'_>| Member {
        member_id: member.id.to_owned(),
        client_id: member.client_id.to_owned(),
        // Kafka writes a slash in front of it.
        host: member.client_host.trim_start_matches('/').to_owned(),
        partitions: member
            .assigned
            .iter()
            .map(|(topic, of)| (topic.to_string(), of.clone()))
            .collect(),
        session_timeout_ms: member.session_timeout_ms,
        rebalance_timeout_ms: member.rebalance_timeout_ms,
    };
    Described {
        group_id: group.id.to_string(),
        state: group.state,
        generation_id: group.generation,
        protocol_type: group.protocol_type.to_owned(),
        protocol_name: group.protocol.to_string(),
        leader_id: group.leader.to_owned(),
        members: group.members.iter().map(member).collect(),
        committed_offsets: BTreeMap::new(),
        lag: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_summed_in_pieces_and_unknown_where_one_cannot_be_read() {
        let offset = |at: i32| (Arc::from(if at < 5000 { "a" } else { "b" }), at, i64::from(at));
        let all: Vec<Offset> = (0..10_000).map(offset).collect();
        let mut reads = 0;
        let mut read = |fails: usize| {
            let (all, reads) = (&all, &mut reads);
            *reads = 0;
            let behind = move |place: Option<&(Arc<str>, i32)>| {
                *reads += 1;
                if *reads == fails {
                    return Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
                }
                let seen =
                    |one: &&Offset| place.is_some_and(|seen| (&one.0, one.1) <= (&seen.0, seen.1));
                Ok(all.iter().skip_while(seen).take(PIECE).cloned().collect())
            };
            summed(behind, |(_, at, offset)| (*at != 7).then_some(*offset))
        };
        assert_eq!(read(0), Ok(Some((0..10_000).sum::<i64>() - 7)));
        assert_eq!(summed(|_| Ok(Vec::new()), |_| Some(0)), Ok(None));
        assert_eq!(read(2), Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
        assert_eq!(reads, 2);
        let unknown = Listed {
            group_id: "g".to_owned(),
            state: "Empty",
            generation_id: 0,
            member_count: 0,
            lag: None,
        };
        let told = serde_json::to_value(&unknown).expect("JSON");
        assert_eq!(told["lag"], serde_json::Value::Null);
    }
}
