//! `range`: of every topic each member gets consecutive partitions. Topics with as many partitions
//! as each other are shared out alike, so that a member gets the same numbers of each.

use super::{Candidate, CannotAssign, Partitions, Request, Subscription, Targets};
use crate::wire::uuid::Uuid;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How far a topic has been given away.
struct Share {
    partitions: i32,
    members: i32,
    given: i32,
    served: i32,
}

impl Share {
    /// The next member's range. The first ones get one more where it does not come out even.
    fn next(&mut self) -> std::ops::Range<i32> {
        let (quota, extra) = (self.partitions / self.members, self.partitions % self.members);
        let start = self.given;
        let end = (start + quota + i32::from(self.served < extra)).min(self.partitions);
        (self.given, self.served) = (end, self.served + 1);
        start..end
    }
}

pub(super) fn assign(
    request: &Request<'_>,
    subscription: Subscription,
) -> Result<Targets, CannotAssign> {
    let mut members: Vec<&Candidate> = request.members.iter().collect();
    members.sort_by(|a, b| order(a, b));
    let shared = match (subscription, members.first()) {
        // All members are served as the first one is: Kafka does not ask the others.
        (Subscription::Same, Some(first)) => Some(&first.topics),
        _ => None,
    };
    let mut shares: BTreeMap<Uuid, Share> = BTreeMap::new();
    for member in &members {
        for topic in shared.unwrap_or(&member.topics).iter() {
            let partitions = request.partitions_of(*topic)?;
            let new = Share { partitions, members: 0, given: 0, served: 0 };
            shares.entry(*topic).or_insert(new).members += 1;
        }
    }
    let mut targets = Targets::new();
    for member in members {
        let mut assigned = Partitions::new();
        for topic in shared.unwrap_or(&member.topics).iter() {
            let range = shares.get_mut(topic).map_or(0..0, Share::next);
            if !range.is_empty() {
                assigned.insert(*topic, range.collect());
            }
        }
        targets.insert(member.id.clone(), Arc::new(assigned));
    }
    Ok(targets)
}

/// Static members first, by their names, so that they keep their ranges when others come and go.
fn order(a: &Candidate, b: &Candidate) -> Ordering {
    match (&a.instance_id, &b.instance_id) {
        (Some(a), Some(b)) => a.cmp(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.id.cmp(&b.id),
    }
}
