//! The turns: each broker gets the same load, one after the other, round by round, so that what the machine
//! does meanwhile meets all of them.

use crate::broker::{Broker, Led};
use crate::frames::Batches;
use crate::load;
use crate::outcome::{Outcome, Series};
use crate::plan::{Mode, Plan, Target};
use barnabas::wire::records::Codec;

/// What a batch of the data to be fetched holds: librdkafka's largest by default.
const STORED_BATCH: usize = 1_000_000;

/// The set-up's connection, the topic, and its partitions with where they begin and end.
type Prepared = (Broker, String, Vec<(Led, (i64, i64))>);

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
    for round in 0..plan.rounds {
        for (target, series) in plan.brokers.iter().zip(&mut measured.series) {
            if !plan.quiet {
                eprintln!("{}, round {} of {}", target.name, round + 1, plan.rounds);
            }
            let (outcome, ended) = turn(plan, target, round);
            series.turns.extend(outcome);
            if let Some(why) = ended {
                measured.ended = Some(format!("{}: {why}", target.name));
                return measured;
            }
        }
    }
    measured
}

/// One turn: what it came to, and why it ended early if it did.
fn turn(plan: &Plan, target: &Target, round: usize) -> (Option<Outcome>, Option<String>) {
    let prepared = prepare(plan, target, round);
    let (mut broker, topic, led) = match prepared {
        Ok(prepared) => prepared,
        Err(why) => return (None, Some(why)),
    };
    let (outcome, ended) = match load::run(plan, target, &topic, &led) {
        Ok((outcome, ended)) => (Some(outcome), ended),
        Err(why) => (None, Some(why)),
    };
    if plan.topic.is_none() && ended.is_none() {
        let gone = broker.delete(&topic);
        return (outcome, gone.err());
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
    let leaders = broker.leaders(&topic)?;
    if plan.mode == Mode::Fetch && plan.topic.is_none() {
        preload(plan, &topic, &leaders)?;
    }
    let mut led = Vec::with_capacity(leaders.len());
    for one in leaders {
        let mut leader = Broker::connect(&one.leader.to_string())?;
        let ends = leader.ends(&topic, one.partition)?;
        led.push((one, ends));
    }
    Ok((broker, topic, led))
}

/// Stores what is to be fetched, evenly over the partitions.
fn preload(plan: &Plan, topic: &str, leaders: &[Led]) -> Result<(), String> {
    let count = (STORED_BATCH / plan.size).max(1);
    let batch = Batches::new(plan.size, count, Codec::None).stamped(0)?;
    let each = plan.preload / leaders.len() as u64;
    for led in leaders {
        let mut leader = Broker::connect(&led.leader.to_string())?;
        for _ in 0..each.div_ceil(batch.len() as u64) {
            leader.store(topic, led.partition, &batch)?;
        }
    }
    Ok(())
}
