//! `uniform` where all members want the same topics: everybody keeps what it has up to its quota,
//! and what is left goes to those who are below theirs. No partition moves without need.

use super::{CannotAssign, Partitions, Request, Targets};
use crate::wire::uuid::Uuid;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How the partitions are shared out: everybody gets `least`, some get one more.
struct Quota {
    least: usize,
    /// How many members may still get one more.
    extra: usize,
}

pub(super) fn assign(request: &Request<'_>) -> Result<Targets, CannotAssign> {
    let Some(first) = request.members.first() else { return Ok(Targets::new()) };
    let topics = &first.topics;
    if topics.is_empty() {
        return Ok(Targets::new());
    }
    let (mut free, mut total) = (Vec::new(), 0);
    for topic in topics.iter() {
        let partitions = request.partitions_of(*topic)?;
        free.extend(
            (0..partitions).filter(|p| !(request.is_assigned)(*topic, *p)).map(|p| (*topic, p)),
        );
        total += usize::try_from(partitions).unwrap_or(0);
    }
    let count = request.members.len();
    let mut quota = Quota { least: total / count, extra: total % count };
    let mut targets = Targets::new();
    let mut hungry = Vec::new();
    for (index, member) in request.members.iter().enumerate() {
        let (kept, room) = keep(&member.assigned, topics, &mut quota, count - index, &mut free);
        targets.insert(member.id.clone(), kept);
        if room > 0 {
            hungry.push((&member.id, room));
        }
    }
    feed(hungry, free, &mut targets)?;
    Ok(targets)
}

/// What a member keeps, and how many partitions it is to get. What it gives back is free then.
fn keep(
    assigned: &Arc<Partitions>,
    topics: &BTreeSet<Uuid>,
    quota: &mut Quota,
    members_left: usize,
    free: &mut Vec<(Uuid, i32)>,
) -> (Arc<Partitions>, usize) {
    let mut kept = assigned.clone();
    let mut takes_extra = quota.extra > 0;
    let mut room = quota.least + usize::from(takes_extra);
    for (topic, partitions) in assigned.iter() {
        if !topics.contains(topic) {
            Arc::make_mut(&mut kept).remove(topic);
        } else if partitions.len() <= room {
            room -= partitions.len();
        } else {
            let given_back = partitions.iter().skip(room).map(|partition| (*topic, *partition));
            free.extend(given_back);
            let rest: BTreeSet<i32> = partitions.iter().take(room).copied().collect();
            room = 0;
            match rest.is_empty() {
                true => Arc::make_mut(&mut kept).remove(topic),
                false => Arc::make_mut(&mut kept).insert(*topic, rest),
            };
        }
    }
    // A member that would have to be given its extra partition leaves it to one that has it,
    // unless so few are left that all of them must take one.
    if room > 0 && takes_extra && members_left > quota.extra {
        (room, takes_extra) = (room - 1, false);
    }
    quota.extra -= usize::from(takes_extra);
    (kept, room)
}

fn feed(
    hungry: Vec<(&Arc<str>, usize)>,
    free: Vec<(Uuid, i32)>,
    targets: &mut Targets,
) -> Result<(), CannotAssign> {
    let mut free = free.into_iter();
    for (member, room) in hungry {
        let Some(target) = targets.get_mut(member) else { continue };
        for (topic, partition) in free.by_ref().take(room) {
            Arc::make_mut(target).entry(topic).or_default().insert(partition);
        }
    }
    match free.next() {
        None => Ok(()),
        Some(_) => Err(CannotAssign::LeftOver),
    }
}
