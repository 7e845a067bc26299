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

use self::family::{Escaped, Labels};
use super::super::MAX_PAGE;
use super::super::problem::Problem;
use super::super::response::Response;
use super::{LOADING, TOO_LARGE};
use crate::broker::Shared;
use crate::catalog::{Counted, Counts, Outline, Partition};

const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn metrics(shared: &Shared) -> Result<Response, Problem> {
    let known = Known::of(shared)?;
    let mut page = String::with_capacity(known.page_len());
    page.push_str(&exporter::broker(shared));
    page.push_str(&broker::broker(shared, &known));
    topics::traffic(&known, &mut page);
    topics::logs(&known, &mut page);
    exporter::topics(shared, &known, &mut page);
    page.push_str(&exporter::groups(shared, &known)?);
    page.push_str(&process::process());
    Ok(Response::text(200, TYPE, page.into_bytes()))
}

/// Lines of a partition, and about how long each is without its labels.
const LINES: usize = 11;
const LINE: usize = 48;
/// Lines of a partition at least, whatever is known of it.
const LEAST_LINES: usize = 5;

/// All topics, what went through them, and what their partitions hold, looked up once.
struct Known {
    topics: Vec<Counted>,
    /// What went through all of them and through those that are gone.
    counts: Counts,
    topic_labels: Labels,
    /// Of all topics, in their order, and of each its partitions in theirs.
    rows: Vec<Row>,
    labels: Labels,
    /// Where the rows of each topic begin.
    begins: Vec<usize>,
}

/// A partition.
struct Row {
    outline: Outline,
    /// Where its log ends, which may be behind what can be read.
    log_end: Option<i64>,
    is_offline: bool,
}

impl Known {
    fn of(shared: &Shared) -> Result<Known, Problem> {
        let (topics, counts) = shared.topics.counted();
        let (mut topic_labels, mut labels) = (Labels::default(), Labels::default());
        let (mut rows, mut begins) = (Vec::new(), Vec::with_capacity(topics.len()));
        for (topic, _) in &topics {
            let name = &Escaped(&topic.name);
            begins.push(rows.len());
            topic_labels.add(&[("topic", name)]);
            for partition in topic.partitions() {
                labels.add(&[("partition", &partition.index), ("topic", name)]);
                rows.push(Row::of(partition));
            }
            if LEAST_LINES * labels.len() > MAX_PAGE {
                return Err(TOO_LARGE);
            }
        }
        Ok(Known { topics, counts, topic_labels, rows, labels, begins })
    }

    /// About how long the page will be, if little is told of groups.
    fn page_len(&self) -> usize {
        let of_partitions = LINES * (self.labels.len() + LINE * self.rows.len());
        // What nothing went through has one line, the others eight.
        let of_topics = 8 * (self.topic_labels.len() + 2 * LINE * self.topics.len());
        (of_partitions + of_topics + (64 << 10)).min(MAX_PAGE)
    }

    /// The partitions, with their labels.
    fn rows(&self) -> impl Iterator<Item = (&str, &Row)> {
        self.labels.iter().zip(&self.rows)
    }

    fn ends(&self, topic: &str, partition: i32) -> Option<(i64, i64)> {
        // Topics come by their names.
        let at = self.topics.binary_search_by(|(one, _)| (*one.name).cmp(topic)).ok()?;
        let index = usize::try_from(partition).ok()?;
        let (topic, _) = self.topics.get(at)?;
        if index >= topic.partitions().len() {
            return None;
        }
        self.rows.get(self.begins.get(at)? + index)?.outline.ends
    }
}

impl Row {
    fn of(partition: &Partition) -> Row {
        let outline = partition.outline();
        let (log_end, is_offline) = (partition.log_end_if_open(), partition.is_offline());
        Row { outline, log_end, is_offline }
    }
}
