//! `uniform` where members want different topics: what is free goes to the least loaded of those who
//! want it, then partitions move from the most to the least loaded, topic by topic, until no move
//! helps. Kafka's `UniformHeterogeneousAssignmentBuilder`.

use super::balancer::Balancer;
use super::{CannotAssign, Partitions, Request, Targets};
use crate::wire::uuid::Uuid;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often all topics are gone through. Where topics share some of their members it may take
/// long to come to rest, and what is gained becomes less with every turn.
const MOST_TURNS: usize = 16;

/// A topic: who wants it, and who is to have each partition. Members are indices.
struct Topic {
    id: Uuid,
    subscribers: Vec<usize>,
    owners: Vec<Option<usize>>,
}

struct Builder {
    topics: Vec<Topic>,
    targets: Vec<Arc<Partitions>>,
    /// How many partitions each member is to have.
    loads: Vec<usize>,
    balancer: Balancer,
}

pub(super) fn assign(request: &Request<'_>) -> Result<Targets, CannotAssign> {
    let mut builder = Builder::new(request)?;
    if builder.topics.is_empty() {
        return Ok(Targets::new());
    }
    builder.keep(request);
    builder.give_free();
    builder.balance();
    let ids = request.members.iter().map(|member| member.id.clone());
    Ok(ids.zip(builder.targets).collect())
}

impl Builder {
    fn new(request: &Request<'_>) -> Result<Builder, CannotAssign> {
        let mut topics: BTreeMap<Uuid, Topic> = BTreeMap::new();
        for (index, member) in request.members.iter().enumerate() {
            for id in member.topics.iter() {
                let partitions = usize::try_from(request.partitions_of(*id)?).unwrap_or(0);
                let topic = topics.entry(*id).or_insert_with(|| Topic {
                    id: *id,
                    subscribers: Vec::new(),
                    owners: vec![None; partitions],
                });
                topic.subscribers.push(index);
            }
        }
        let mut topics: Vec<Topic> = topics.into_values().collect();
        topics.sort_by(Topic::order);
        let members = request.members.len();
        Ok(Builder {
            topics,
            targets: vec![Arc::default(); members],
            loads: vec![0; members],
            balancer: Balancer::default(),
        })
    }

    /// Members keep what they have of the topics that they want.
    fn keep(&mut self, request: &Request<'_>) {
        let places: BTreeMap<Uuid, usize> =
            self.topics.iter().enumerate().map(|(place, topic)| (topic.id, place)).collect();
        for (index, member) in request.members.iter().enumerate() {
            let mut kept = member.assigned.clone();
            for (id, partitions) in member.assigned.iter() {
                if !member.topics.contains(id) {
                    Arc::make_mut(&mut kept).remove(id);
                    continue;
                }
                if let Some(load) = self.loads.get_mut(index) {
                    *load += partitions.len();
                }
                let topic = places.get(id).and_then(|place| self.topics.get_mut(*place));
                let Some(topic) = topic else { continue };
                for partition in partitions {
                    let place = usize::try_from(*partition).ok();
                    if let Some(owner) = place.and_then(|place| topic.owners.get_mut(place)) {
                        *owner = Some(index);
                    }
                }
            }
            if let Some(target) = self.targets.get_mut(index) {
                *target = kept;
            }
        }
    }

    fn give_free(&mut self) {
        for at in 0..self.topics.len() {
            let Some(topic) = self.topics.get(at) else { continue };
            let free: Vec<usize> =
                (0..topic.owners.len()).filter(|p| topic.owners.get(*p) == Some(&None)).collect();
            self.balancer.begin(&topic.subscribers, &self.loads);
            for partition in free {
                let Some(member) = self.balancer.next_least(&self.loads) else { break };
                self.give(at, partition, member);
            }
        }
    }

    /// Goes through the topics until a whole turn has moved nothing.
    fn balance(&mut self) {
        let movable: Vec<usize> = (0..self.topics.len())
            .filter(|at| self.topics.get(*at).is_some_and(|topic| topic.subscribers.len() >= 2))
            .collect();
        let mut last_moved = None;
        for _ in 0..MOST_TURNS {
            for at in &movable {
                if last_moved == Some(*at) {
                    return;
                }
                let moved = self.balance_topic(*at);
                if moved || last_moved.is_none() {
                    last_moved = Some(*at);
                }
            }
        }
    }

    /// Moves partitions of a topic from those with the most to those with the least.
    fn balance_topic(&mut self, at: usize) -> bool {
        let Some(topic) = self.topics.get(at) else { return false };
        if self.balancer.begin(&topic.subscribers, &self.loads) <= 1 {
            return false;
        }
        let mut owned: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (partition, owner) in topic.owners.iter().enumerate() {
            if let Some(owner) = owner {
                owned.entry(*owner).or_default().push(partition);
            }
        }
        let mut moved = false;
        while !self.balancer.is_balanced() {
            let Some(partition) = self.take(&mut owned) else { break };
            let Some(to) = self.balancer.next_least(&self.loads) else { break };
            if self.balancer.is_balanced() {
                break;
            }
            self.give(at, partition, to);
            moved = true;
        }
        moved
    }

    /// The last partition of the most loaded member that has one of this topic.
    fn take(&mut self, owned: &mut BTreeMap<usize, Vec<usize>>) -> Option<usize> {
        loop {
            let most = self.balancer.next_most(&self.loads)?;
            match owned.get_mut(&most).and_then(Vec::pop) {
                Some(partition) => return Some(partition),
                None => self.balancer.exclude_most(),
            }
        }
    }

    fn give(&mut self, at: usize, partition: usize, to: usize) {
        let Some(topic) = self.topics.get_mut(at) else { return };
        let Some(owner) = topic.owners.get_mut(partition) else { return };
        let (id, from) = (topic.id, owner.replace(to));
        let Ok(partition) = i32::try_from(partition) else { return };
        if let Some(from) = from {
            if let Some(load) = self.loads.get_mut(from) {
                *load -= 1;
            }
            if let Some(target) = self.targets.get_mut(from).map(Arc::make_mut) {
                let left = target.get_mut(&id).is_some_and(|partitions| {
                    partitions.remove(&partition);
                    !partitions.is_empty()
                });
                if !left {
                    target.remove(&id);
                }
            }
        }
        if let Some(load) = self.loads.get_mut(to) {
            *load += 1;
        }
        if let Some(target) = self.targets.get_mut(to).map(Arc::make_mut) {
            target.entry(id).or_default().insert(partition);
        }
    }
}

impl Topic {
    /// Most partitions per subscriber first, then fewest subscribers, then by id, as Java compares
    /// ids: as two signed numbers.
    fn order(&self, other: &Topic) -> Ordering {
        let (mine, others) = (self.subscribers.len() as u64, other.subscribers.len() as u64);
        // Counts are small: the products tell what Kafka's quotients of doubles tell.
        let per_mine = self.owners.len() as u64 * others;
        let per_other = other.owners.len() as u64 * mine;
        per_other
            .cmp(&per_mine)
            .then_with(|| mine.cmp(&others))
            .then_with(|| signed(self.id).cmp(&signed(other.id)))
    }
}

fn signed(id: Uuid) -> (i64, i64) {
    let bits = u128::from_be_bytes(*id.as_bytes());
    ((bits >> 64) as i64, bits as i64)
}
