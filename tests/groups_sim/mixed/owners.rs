//! Who consumes what: two members of a group never consume one partition, as long as the coordinator
//! takes both for members.

use super::client::{Client, Kind};
use crate::member::Phase;
use barnabas::coordinator::groups::Shard;
use barnabas::wire::uuid::Uuid;
use std::collections::BTreeMap;

/// Panics if two members of the group consume one partition.
pub fn check(shard: &Shard, clients: &[Client], group: &str) {
    let mut owners = BTreeMap::new();
    for client in clients.iter().filter(|client| client.group == group) {
        if !is_member(shard, client) {
            continue;
        }
        for partition in client.owned().iter().filter(|one| has(shard, client, one)) {
            if let Some(other) = owners.insert(*partition, client) {
                panic!("{group}: {partition:?} is consumed by two: {other:#?} and {client:#?}");
            }
        }
    }
}

/// One that was out meanwhile and has joined again under its old id learns from its sync what it has; until
/// then it has only what the coordinator says, too.
fn has(shard: &Shard, client: &Client, &(topic, partition): &(Uuid, i32)) -> bool {
    let Kind::Classic(classic) = &client.kind else { return true };
    let Ok(group) = shard.describe_consumer(&client.group) else { return true };
    let known = group.members.get(&*classic.id);
    classic.phase == Phase::Member
        || known.is_some_and(|member| member.epoch_of(topic, partition).is_some())
}

/// Whoever is out and does not know it yet consumes what is not its own: that is known to happen.
fn is_member(shard: &Shard, client: &Client) -> bool {
    let group = shard.describe_consumer(&client.group).ok();
    match &client.kind {
        Kind::Modern(modern) => {
            let known = group.and_then(|group| group.members.get(&*modern.id));
            known.is_some_and(|member| member.classic.is_none())
        }
        Kind::Classic(classic) => match group {
            Some(group) => group.members.get(&*classic.id).is_some_and(|member| {
                let epochs = [member.epoch, member.previous_epoch];
                member.classic.is_some() && epochs.contains(&classic.generation)
            }),
            None => shard.classic(&client.group).is_some_and(|group| {
                let known = group.members.contains_key(&*classic.id);
                known && group.generation == classic.generation
            }),
        },
        Kind::Simple => false,
    }
}
