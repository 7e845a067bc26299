//! The log against a model of it: a plain list of batches. Random operations, the same answers.
//!
//! Each seed is one history; a failure names its seed, and `LOG_MODEL_SEED=<n>` replays that one.
//! `LOG_MODEL_SEEDS=<n>` tries more than the usual number.

#![allow(clippy::unwrap_used)] // Tests and their helpers.

#[path = "../cleaner_support/mod.rs"]
mod cleaner_support;
mod compaction;
#[path = "../log_support/mod.rs"]
mod log_support;
mod model;
mod questions;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use world::World;

/// Histories that are tried, and steps in each.
const SEEDS: u64 = 250;
const STEPS: u64 = 150;

fn history(seed: u64) {
    let mut world = World::new(seed);
    (0..STEPS).for_each(|_| world.step());
    world.compare();
}

#[test]
fn the_log_answers_as_the_model_does() {
    let number = |name| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    if let Some(seed) = number("LOG_MODEL_SEED") {
        return history(seed);
    }
    let seeds = number("LOG_MODEL_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds {
            return;
        }
        if let Err(panic) = std::panic::catch_unwind(|| history(seed)) {
            eprintln!("LOG_MODEL_SEED={seed} replays this");
            std::panic::resume_unwind(panic);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get().min(8));
    std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
}
