//! The turns: each broker gets the same load, one after the other, round by round, there and back again, so
//! that what the machine does meanwhile meets all of them.

use crate::broker::{Broker, Led};
use crate::frames::Batches;
use crate::load;
use crate::outcome::{Outcome, Series};
use crate::plan::{Mode, Plan, Target};
use crate::usage;
use barnabas::wire::records::Codec;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a batch of the data to be fetched holds: librdkafka's largest by default.
const STORED_BATCH: usize = 1_000_000;

/// How long a broker that has left requests without an answer may take to delete the topic.
const SHORT: Duration = Duration::from_secs(5);

/// The set-up's connection, the topic, and its partitions.
type Prepared = (Broker, String, Vec<Led>);

/// What came of it: all turns that were made, and why there were no more.
#[derive(Debug)]
pub struct Measured {
    pub series: Vec<Series>,
    pub ended: Option<String>,
}

/// Runs a plan to its end, or to the first broker that fails.
pub fn run(plan: &Plan) -> Measured {
    let series = |target: &Target| Series { name: target.name.clone(), turns: Vec::new() };
    let mut measured = Measured { series: plan.brokers.iter().map(series).collect(), ended: None };
    if !plan.quiet {
        eprintln!("{}", plan.describe());
    }
    measured.ended = plan.brokers.iter().find_map(unseen);
    for round in 0..plan.rounds {
        for at in order(plan.brokers.len(), round) {
            if measured.ended.is_some() {
                return measured;
            }
            let target = &plan.brokers[at];
            if !plan.quiet {
                eprintln!("{}, round {} of {}", target.name, round + 1, plan.rounds);
            }
            let (outcome, ended) = turn(plan, target, round);
            measured.series[at].turns.extend(outcome);
            measured.ended = ended.map(|why| format!("{}: {why}", target.name));
        }
    }
    measured
}

/// There and back again: whoever comes second has a machine that the first one has warmed, or filled.
fn order(brokers: usize, round: usize) -> Vec<usize> {
    let there = 0..brokers;
    if round.is_multiple_of(2) { there.collect() } else { there.rev().collect() }
}

/// A process that was named and is not there.
fn unseen(target: &Target) -> Option<String> {
    let pid = target.pid.filter(|pid| usage::of(*pid).is_none())?;
    Some(format!("{}: no process {pid} is to be seen on this machine", target.name))
}

/// One turn: what it came to, and why it ended early if it did.
fn turn(plan: &Plan, target: &Target, round: usize) -> (Option<Outcome>, Option<String>) {
    let prepared = prepare(plan, target, round);
    let (mut broker, topic, led) = match prepared {
        Ok(prepared) => prepared,
        Err(why) => return (None, Some(why)),
    };
    let (outcome, mut ended) = match load::run(plan, target, &topic, &led) {
        Ok((outcome, ended)) => (Some(outcome), ended),
        Err(why) => (None, Some(why)),
    };
    let unanswered = outcome.as_ref().map_or(0, |outcome| outcome.unanswered);
    if unanswered > 0 && !plan.quiet {
        eprintln!("{}: {unanswered} requests that were due had no answer", target.name);
    }
    if plan.topic.is_none() {
        let hurry = unanswered > 0 || ended.is_some();
        let set = if hurry { broker.wait_at_most(SHORT) } else { Ok(()) };
        if let Err(why) = set.and_then(|()| broker.delete(&topic)) {
            ended = ended.or_else(|| Some(format!("the topic {topic} was not deleted: {why}")));
        }
    }
    (outcome, ended)
}

fn prepare(plan: &Plan, target: &Target, round: usize) -> Result<Prepared, String> {
    let mut broker = Broker::connect(&target.address)?;
    let topic = match &plan.topic {
        Some(name) => name.clone(),
        None => {
            let name = format!("latency-{}-{round}", std::process::id());
            broker.create(&name, plan.partitions)?;
            name
        }
    };
    let partitions = broker.leaders(&topic)?;
    let stored = (plan.mode == Mode::Fetch && plan.topic.is_none())
        .then(|| plan.preload / partitions.len() as u64);
    let (mut leaders, mut led) = (BTreeMap::<String, Broker>::new(), Vec::new());
    for (partition, name) in partitions {
        if !leaders.contains_key(&name) {
            leaders.insert(name.clone(), Broker::connect(&name)?);
        }
        let Some(leader) = leaders.get_mut(&name) else { continue };
        if let Some(bytes) = stored {
            store(plan, leader, &topic, partition, bytes)?;
        }
        let (start, end) = leader.ends(&topic, partition)?;
        led.push(Led { partition, leader: leader.reached()?, start, end });
    }
    Ok((broker, topic, led))
}

/// Stores what is to be fetched.
fn store(
    plan: &Plan,
    leader: &mut Broker,
    topic: &str,
    partition: i32,
    bytes: u64,
) -> Result<(), String> {
    let count = (STORED_BATCH / plan.size).max(1);
    let batch = Batches::new(plan.size, count, Codec::None, 0).stamped(0)?;
    for _ in 0..bytes.div_ceil(batch.len() as u64) {
        leader.store(topic, partition, &batch)?;
    }
    Ok(())
}
