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
use crate::catalog::{Counted, Counts, Topic};
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

/// All topics, what went through them, and where their partitions begin and end, looked up once.
struct Known {
    topics: Vec<Counted>,
    /// What went through all of them and through those that are gone.
    counts: Counts,
    ends: BTreeMap<Arc<str>, Vec<Option<(i64, i64)>>>,
}

impl Known {
    fn of(shared: &Shared) -> Known {
        let (topics, counts) = shared.topics.counted();
        let ends = |topic: &Arc<Topic>| topic.partitions().iter().map(|one| one.ends()).collect();
        let ends = topics.iter().map(|(topic, _)| (topic.name.clone(), ends(topic))).collect();
        Known { topics, counts, ends }
    }

    fn ends(&self, topic: &str, partition: i32) -> Option<(i64, i64)> {
        *self.ends.get(topic)?.get(usize::try_from(partition).ok()?)?
    }
}
