//! What broker and load use while it counts.

use super::Nanos;
use crate::outcome::{Outcome, Used};
use crate::usage::{self, Usage};

/// See the module's comment.
#[derive(Debug)]
pub struct Meter {
    broker: Option<u32>,
    begun: Option<Begun>,
}

/// What both had used when it began.
#[derive(Debug)]
struct Begun {
    at: Nanos,
    broker: Option<Usage>,
    load: Option<Usage>,
}

impl Meter {
    pub fn new(broker: Option<u32>) -> Meter {
        Meter { broker, begun: None }
    }

    pub fn begin(&mut self, at: Nanos) {
        let (broker, load) = (self.broker.and_then(usage::of), usage::of(std::process::id()));
        self.begun = Some(Begun { at, broker, load });
    }

    /// Looks at the broker: should it die, this is what it used.
    pub fn sample(&self, outcome: &mut Outcome) {
        note(self.begun.as_ref(), self.broker.and_then(usage::roughly), outcome);
    }

    /// Looks at both for the last time, once.
    pub fn end(&mut self, at: Nanos, outcome: &mut Outcome) {
        let Some(begun) = self.begun.take() else { return };
        note(Some(&begun), self.broker.and_then(usage::of), outcome);
        if let (Some(before), Some(after)) = (begun.load, usage::of(std::process::id())) {
            let wall = at.saturating_sub(begun.at).max(1);
            outcome.load_share = after.since(&before) as f64 / wall as f64;
        }
    }
}

fn note(begun: Option<&Begun>, now: Option<Usage>, outcome: &mut Outcome) {
    let (Some(before), Some(now)) = (begun.and_then(|begun| begun.broker), now) else { return };
    outcome.used = Some(Used {
        cpu_ns: now.since(&before),
        resident: now.resident,
        requests: outcome.requests,
        bytes: outcome.bytes,
    });
}
