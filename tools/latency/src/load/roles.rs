//! Who connects where, and for what.

use super::peer::{Place, Role};
use crate::broker::Led;
use crate::plan::{Mode, Plan};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// See the module's comment.
pub fn roles(plan: &Plan, led: &[Led]) -> Vec<(SocketAddr, Role)> {
    let mut by_leader: BTreeMap<SocketAddr, Vec<Place>> = BTreeMap::new();
    for &Led { partition, leader, start, end } in led {
        by_leader.entry(leader).or_default().push(Place { partition, next: start, start, end });
    }
    let leaders: Vec<(SocketAddr, Vec<Place>)> = by_leader.into_iter().collect();
    let mut roles = Vec::new();
    for (at, (leader, places)) in
        leaders.iter().cycle().take(plan.connections.max(leaders.len())).enumerate()
    {
        let at = at / leaders.len();
        let role = match plan.mode {
            Mode::Fetch => Role::Fetches { places: places.clone(), at },
            Mode::Produce | Mode::EndToEnd => {
                let partitions = places.iter().map(|place| place.partition).collect();
                Role::Produces { partitions, at }
            }
        };
        roles.push((*leader, role));
    }
    if plan.mode == Mode::EndToEnd {
        for _ in 0..plan.consumers {
            for (leader, places) in &leaders {
                let tail = |place: &Place| Place { next: place.end, ..*place };
                let places = places.iter().map(tail).collect();
                roles.push((*leader, Role::Consumes { places }));
            }
        }
    }
    roles
}
