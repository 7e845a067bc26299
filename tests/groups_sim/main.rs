//! The group coordinator under simulated consumers: seeds decide who joins, leaves, dies, sleeps too
//! long and comes back, what the network loses and repeats, when the coordinator dies and takes over
//! from its log, and which appends fail. A seed that fails is printed and replays:
//! `SIM_SEED=17 cargo test --test groups_sim`; `SIM_SEEDS=5000` runs more.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod coordinator;
mod member;
mod random;
mod sim;

use random::Random;
use sim::{Plan, Sim};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

const SEEDS: u64 = 50;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Runs one seed; the panic of one that fails names it.
fn run(plan: Plan) -> Sim {
    let seed = plan.seed;
    let mut sim = Sim::new(plan);
    if let Err(why) = catch_unwind(AssertUnwindSafe(|| sim.run())) {
        eprintln!("seed {seed} fails after {} steps: SIM_SEED={seed}", sim.steps);
        resume_unwind(why);
    }
    sim
}

fn plan(seed: u64) -> Plan {
    let mut random = Random::new(seed ^ 0x5eed);
    let some =
        |random: &mut Random, percent, n| if random.chance(percent) { random.below(n) } else { 0 };
    let members = 1 + random.below(16) as usize;
    Plan {
        seed,
        groups: 1 + random.below(4),
        members,
        chaos: 60_000 + random.below(600_000) as i64,
        // A rebalance timeout, a session and the five minutes that a lost first join may take.
        peace: 12 * 60 * 1000,
        lost: some(&mut random, 60, 15),
        repeated: some(&mut random, 50, 10),
        restarts: some(&mut random, 60, 8),
        failures: some(&mut random, 40, 20),
        max_size: if random.chance(15) { 1 + random.below(members as u64) as usize } else { 0 },
    }
}

#[test]
fn groups_never_lose_their_way() {
    let seeds = match number("SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIM_SEEDS").unwrap_or(SEEDS),
    };
    let (mut steps, mut assigned) = (0, 0);
    for seed in seeds {
        let sim = run(plan(seed));
        assert!(sim.assigned > 0, "seed {seed}: somebody got something");
        (steps, assigned) = (steps + sim.steps, assigned + sim.assigned);
    }
    println!("{steps} steps, {assigned} assignments");
}

#[test]
fn two_thousand_members_find_together() {
    let sim = run(Plan {
        seed: 1,
        groups: 1,
        members: 2_000,
        chaos: 20_000,
        peace: 200_000,
        lost: 0,
        repeated: 1,
        restarts: 1,
        failures: 0,
        max_size: 0,
    });
    println!("{} steps, {} assignments", sim.steps, sim.assigned);
}
