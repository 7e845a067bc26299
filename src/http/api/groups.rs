//! `GET /v1/groups` and `GET /v1/groups/{id}`
//!
//! To StrikeMQ's shape comes `lag`: what consumers could still read of each partition with an offset, or, in the list, of
//! all of them; and of each member its `host` and its `partitions`. Of a group of the consumer protocol the epoch stands
//! for the generation, and nobody leads it.

use super::super::problem::Problem;
use super::LOADING;
use crate::broker::{RunningTopics, Shared};
use crate::coordinator::groups::admin::{Overview, OverviewMember};
use crate::coordinator::groups::offsets::Fetched;
use crate::wire::error::ErrorCode;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
pub(super) struct Listed {
    group_id: String,
    state: &'static str,
    generation_id: i32,
    member_count: usize,
    lag: i64,
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
    lag: BTreeMap<String, i64>,
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

/// What the groups say is copied, so that their shards go on.
pub(super) fn all(shared: &Shared) -> Result<Vec<Listed>, Problem> {
    let mut groups = Vec::new();
    let read = shared.read_all_groups(|shard| {
        let first = groups.len();
        shard.each_group(&mut |group| {
            let listed = Listed {
                group_id: group.id.to_string(),
                state: group.state,
                generation_id: group.generation,
                member_count: group.member_count,
                lag: 0,
            };
            groups.push((listed, None));
        });
        for (group, offsets) in &mut groups[first..] {
            let fetched = shard.fetch(&group.group_id, (None, -1), false);
            *offsets = fetched.ok().map(Fetched::into_owned);
        }
    });
    read.map_err(|_| LOADING)?;
    let with_lag = |(listed, offsets): (Listed, Option<Fetched<'_>>)| {
        let group = offsets.as_ref().and_then(|fetched| fetched.all());
        let topics = group.into_iter().flat_map(|group| group.topics());
        let lags = topics.flat_map(|topic| {
            topic.iter().filter_map(|(at, done)| lag(shared, topic.name(), at, done.offset))
        });
        Listed { lag: lags.fold(0, i64::saturating_add), ..listed }
    };
    let mut groups: Vec<Listed> = groups.into_iter().map(with_lag).collect();
    groups.sort_unstable_by(|one, other| one.group_id.cmp(&other.group_id));
    Ok(groups)
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
        Ok(None) | Err(ErrorCode::NOT_COORDINATOR) => return Err(missing()),
        Err(_) => return Err(LOADING),
    };
    let fetched = fetched.ok();
    let group = fetched.as_ref().and_then(|fetched| fetched.all());
    for topic in group.into_iter().flat_map(|group| group.topics()) {
        for (partition, committed) in topic.iter() {
            let name = format!("{}-{partition}", topic.name());
            if let Some(lag) = lag(shared, topic.name(), partition, committed.offset) {
                described.lag.insert(name.clone(), lag);
            }
            described.committed_offsets.insert(name, committed.offset);
        }
    }
    Ok(described)
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
