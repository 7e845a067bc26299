//! `GET /metrics`: Prometheus text (0.0.4), under the names that dashboards know: those of kafka_exporter for topics
//! and groups, those that the JMX exporter's rules give Kafka's own for the broker, those of Prometheus' client
//! libraries for the process. `docs/METRICS.md` lists them.
//!
//! What is not known is not told: no number stands here that was not counted or looked up.

mod broker;
mod exporter;
mod family;
mod process;
mod topics;

use super::super::problem::Problem;
use super::super::response::Response;
use super::{LOADING, TOO_LARGE};
use crate::broker::Shared;
use crate::catalog::{Counted, Counts, Outline, Topic};
use std::collections::BTreeMap;
use std::sync::Arc;

const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn metrics(shared: &Shared) -> Result<Response, Problem> {
    let known = Known::of(shared);
    let mut text = exporter::broker(shared);
    text.push_str(&broker::broker(shared, &known));
    text.push_str(&topics::traffic(&known));
    text.push_str(&topics::logs(&known)?);
    text.push_str(&exporter::topics(shared, &known)?);
    text.push_str(&exporter::groups(shared, &known)?);
    text.push_str(&process::process());
    Ok(Response::text(200, TYPE, text.into_bytes()))
}

/// All topics, what went through them, and what their partitions hold, looked up once.
struct Known {
    topics: Vec<Counted>,
    /// What went through all of them and through those that are gone.
    counts: Counts,
    outlines: BTreeMap<Arc<str>, Vec<Outline>>,
}

impl Known {
    fn of(shared: &Shared) -> Known {
        let (topics, counts) = shared.topics.counted();
        let outlines =
            |topic: &Arc<Topic>| topic.partitions().iter().map(|one| one.outline()).collect();
        let outlines =
            topics.iter().map(|(topic, _)| (topic.name.clone(), outlines(topic))).collect();
        Known { topics, counts, outlines }
    }

    fn outline(&self, topic: &str, partition: i32) -> Option<Outline> {
        self.outlines.get(topic)?.get(usize::try_from(partition).ok()?).copied()
    }

    fn ends(&self, topic: &str, partition: i32) -> Option<(i64, i64)> {
        self.outline(topic, partition)?.ends
    }
}
