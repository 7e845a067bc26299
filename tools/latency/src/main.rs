//! `latency`: how long a broker that speaks Kafka's protocol takes, and how much it gets done.
//!
//! ```text
//! options ──> plan ──> for each round, for each broker: set up ─> load ─> take down ──> outcomes ──> report
//! ```
//!
//! With `--rate` the load is open: a request has a moment at which it is due, whatever has become of those
//! before it, and its latency counts from that moment, so that a broker that stalls is charged for all
//! who would have come meanwhile. Without it the load is closed: each connection keeps so many requests on
//! the way, and what is measured is how much gets done.

mod broker;
mod frames;
mod load;
mod options;
mod outcome;
mod plan;
mod report;
mod run;
mod usage;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let plan = match options::parse(&arguments) {
        Ok(plan) => plan,
        Err(options::Refusal { text, is_help: true }) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(options::Refusal { text, .. }) => {
            eprintln!("latency: {}", text.trim_end());
            return ExitCode::from(2);
        }
    };
    let measured = run::run(&plan);
    if let Err(why) = report::write(&plan, &measured.series) {
        eprintln!("latency: {why}");
        return ExitCode::from(1);
    }
    match measured.ended {
        None => ExitCode::SUCCESS,
        Some(why) => {
            eprintln!("latency: {why}");
            ExitCode::from(1)
        }
    }
}
