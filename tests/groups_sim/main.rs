//! The group coordinator under simulated consumers: seeds decide who joins, leaves, dies, sleeps too
//! long and comes back, what the network loses and repeats, when the coordinator dies and takes over
//! from its log, and which appends fail. `sim` has the classic protocol alone; `mixed` has both
//! protocols in one group, committed offsets, topics that change, days that pass, and groups of kinds that are
//! not served. A seed that
//! fails is printed and replays: `SIM_SEED=17 cargo test --test groups_sim`; `SIM_SEEDS=5000` runs
//! more, `SIM_FROM=10000` others; `SIM_TRACE=1` tells of each event of a mixed one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod coordinator;
mod epochs;
mod member;
mod mixed;
mod names;
mod random;
mod replica;
mod request;
mod sim;
mod topics;

use random::Random;
use sim::{Plan, Sim};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

const SEEDS: u64 = 50;
const MIXED_SEEDS: u64 = 12;
/// Of each kind; `make sim` runs as many as a fiftieth of the others.
const CROWDS: u64 = 1;
/// Mixed seeds that have failed: a group ended an hour after its last members that were in the log, while some that
/// had joined since, and not synced, were forgotten by a restart.
const FAILED: [u64; 1] = [10_001_115];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn seeds(usual: u64) -> std::ops::Range<u64> {
    match number("SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let first = number("SIM_FROM").unwrap_or(0);
            first..first + number("SIM_SEEDS").unwrap_or(usual)
        }
    }
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

fn run_mixed(plan: mixed::Plan) -> mixed::Sim {
    let seed = plan.seed;
    let mut sim = mixed::Sim::new(plan);
    if let Err(why) = catch_unwind(AssertUnwindSafe(|| sim.run())) {
        eprintln!("mixed seed {seed} fails after {} steps: SIM_SEED={seed}", sim.steps);
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

fn mixed_plan(seed: u64) -> mixed::Plan {
    let mut random = Random::new(seed ^ 0x3a1d);
    let some =
        |random: &mut Random, percent, n| if random.chance(percent) { random.below(n) } else { 0 };
    const MINUTE: i64 = 60_000;
    let kinds = random.below(4);
    let members = 1 + random.below(8) as usize;
    mixed::Plan {
        seed,
        groups: 1 + random.below(2),
        modern: if kinds == 0 { 0 } else { members },
        classic: match kinds {
            0 => members,
            1 => 0,
            _ => random.below(5) as usize,
        },
        simple: random.below(4) as usize,
        chaos: 30_000 + random.below(300_000) as i64,
        // The five minutes that a lost first join may take, sessions, rebalances, and the ten
        // seconds after which an expression is looked up again.
        peace: 9 * MINUTE,
        lost: some(&mut random, 60, 12),
        repeated: some(&mut random, 50, 10),
        restarts: some(&mut random, 60, 8),
        failures: if random.chance(40) { 3 + random.below(30) } else { 0 },
        crashes: if random.chance(40) { 20 + random.below(100) } else { 0 },
        restless: random.chance(60),
        retention: [2, 60, 24 * 60, 7 * 24 * 60][random.below(4) as usize] * MINUTE,
        // (What has failed stays as it was.)
        foreign: seed.is_multiple_of(2),
        check_interval: [10_000, 10 * MINUTE][random.below(2) as usize],
    }
}

#[test]
fn members_of_both_protocols_and_their_offsets_come_to_rest() {
    let (mut steps, mut assigned, mut commits) = (0, 0, 0);
    let failed = FAILED.into_iter().filter(|_| number("SIM_SEED").is_none());
    for seed in failed.chain(seeds(MIXED_SEEDS)) {
        let sim = run_mixed(mixed_plan(seed));
        (steps, assigned) = (steps + sim.steps, assigned + sim.assigned);
        commits += sim.commits;
    }
    println!("{steps} steps, {assigned} assignments, {commits} commits");
}

#[test]
fn groups_never_lose_their_way() {
    let (mut steps, mut assigned) = (0, 0);
    for seed in seeds(SEEDS) {
        let sim = run(plan(seed));
        assert!(sim.assigned > 0, "seed {seed}: somebody got something");
        (steps, assigned) = (steps + sim.steps, assigned + sim.assigned);
    }
    println!("{steps} steps, {assigned} assignments");
}

fn crowds() -> std::ops::Range<u64> {
    let few = |seeds: u64| (seeds / 50).max(CROWDS);
    let all = seeds(CROWDS);
    all.start..all.start + few(all.end - all.start)
}

/// A thousand members in a few groups, and everything that may happen to them.
fn crowd(seed: u64) -> Plan {
    let mut random = Random::new(seed ^ 0xc40d);
    Plan {
        seed,
        groups: 1 + random.below(8),
        members: 1_000 + random.below(200) as usize,
        chaos: 20_000 + random.below(30_000) as i64,
        // A rebalance has little more than a minute, a session a quarter, a lost first join five.
        peace: 7 * 60 * 1000,
        lost: random.below(4),
        repeated: random.below(4),
        restarts: random.below(4),
        failures: if random.chance(50) { 200 + random.below(2_000) } else { 0 },
        max_size: 0,
    }
}

fn mixed_crowd(seed: u64) -> mixed::Plan {
    let mut random = Random::new(seed ^ 0xc50d);
    mixed::Plan {
        groups: 1 + random.below(4),
        modern: 40 + random.below(60) as usize,
        classic: [0, 10 + random.below(30) as usize][random.below(2) as usize],
        retention: 2 * 60_000,
        chaos: 10_000 + random.below(20_000) as i64,
        lost: random.below(3),
        repeated: random.below(3),
        restarts: random.below(4),
        failures: if random.chance(50) { 200 + random.below(2_000) } else { 0 },
        crashes: if random.chance(50) { 1_000 + random.below(5_000) } else { 0 },
        ..mixed_plan(seed)
    }
}

#[test]
fn a_thousand_members_find_together_through_losses() {
    let (mut members, mut steps, mut assigned) = (0, 0, 0);
    for seed in crowds() {
        let plan = crowd(seed);
        members += plan.members;
        let sim = run(plan);
        (steps, assigned) = (steps + sim.steps, assigned + sim.assigned);
    }
    println!("{members} members, {steps} steps, {assigned} assignments");
}

#[test]
fn dozens_of_members_of_both_protocols_come_to_rest() {
    let (mut members, mut steps, mut assigned) = (0, 0, 0);
    for seed in crowds() {
        let plan = mixed_crowd(seed);
        members += plan.modern + plan.classic;
        let sim = run_mixed(plan);
        (steps, assigned) = (steps + sim.steps, assigned + sim.assigned);
    }
    println!("{members} members, {steps} steps, {assigned} assignments");
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
