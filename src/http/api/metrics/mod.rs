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
use super::TOO_LARGE;
use crate::broker::Shared;
use crate::catalog::{Counted, Counts, Outline, Partition};

const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn metrics(shared: &Shared) -> Result<Response, Problem> {
    let known = Known::of(shared)?;
    let mut page = String::with_capacity(known.page_len());
    page.push_str(&exporter::broker(shared));
    page.push_str(&broker::broker(shared, &known));
    topics::traffic(&known, &mut page);
    topics::logs(known.rows(), &mut page);
    exporter::topics(shared, &known, &mut page);
    page.push_str(&exporter::groups(shared, &known)?);
    page.push_str(&process::process());
    Ok(Response::text(200, TYPE, page.into_bytes()))
}

/// Digits of a value, beyond the first, that there is room for before the page has to grow.
const DIGITS: usize = 7;
/// Bytes of what is said of the broker and the process, and of the groups where little is.
const REST: usize = 64 << 10;

/// How long lines are at least, with values of one digit. Counted before any is written, so that a page that would be too
/// large is refused before it takes the memory.
#[derive(Default)]
struct Length {
    lines: usize,
    bytes: usize,
}

impl Length {
    fn add<'n>(&mut self, names: impl Iterator<Item = &'n str>, labels: usize) {
        for name in names {
            self.lines += 1;
            self.bytes += name.len() + labels + " 0\n".len();
        }
    }

    fn check(&self) -> Result<(), Problem> {
        if self.bytes > MAX_PAGE { Err(TOO_LARGE) } else { Ok(()) }
    }
}

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
    /// Of the lines of all of them.
    length: Length,
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
        let mut length = Length::default();
        for (topic, counts) in &topics {
            let name = &Escaped(&topic.name);
            begins.push(rows.len());
            let len = topic_labels.add(&[("topic", name)]);
            length.add(exporter::topic_names().chain(topics::traffic_names(counts.as_ref())), len);
            for partition in topic.partitions() {
                let len = labels.add(&[("partition", &partition.index), ("topic", name)]);
                let row = Row::of(partition);
                length.add(row.names(), len);
                length.check()?;
                rows.push(row);
            }
        }
        length.check()?;
        Ok(Known { topics, counts, topic_labels, rows, labels, begins, length })
    }

    /// About how long the page will be, if little is told of groups.
    fn page_len(&self) -> usize {
        (self.length.bytes + DIGITS * self.length.lines + REST).min(MAX_PAGE)
    }

    /// The partitions, with their labels.
    fn rows(&self) -> impl Iterator<Item = (&str, &Row)> + Clone {
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

    /// The names of its lines.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        exporter::partition_names(self).chain(topics::log_names(self))
    }
}

#[cfg(test)]
mod tests {
    use super::family::Labels;
    use super::*;

    fn row(ends: Option<(i64, i64)>) -> Row {
        let outline = Outline { ends, bytes: 1, segments: 1 };
        Row { outline, log_end: None, is_offline: ends.is_none() }
    }

    #[test]
    fn a_page_is_as_long_as_was_counted_before() {
        let mut labels = Labels::default();
        let (mut rows, mut length) = (Vec::new(), Length::default());
        for at in 0..100 {
            let row = row((at % 3 > 0).then_some((1, 2)));
            length.add(row.names(), labels.add(&[("partition", &at), ("topic", &"a topic")]));
            rows.push(row);
        }
        let mut page = String::new();
        let all = || labels.iter().zip(&rows);
        exporter::partitions(all(), 1, &mut page);
        topics::logs(all(), &mut page);
        let lines: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
        // Who has no leader has a number of two digits there.
        let signs = page.matches(" -1\n").count();
        assert_eq!(signs, 34);
        let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        assert_eq!((length.lines, length.bytes), (lines.len(), bytes - signs));
    }

    #[test]
    fn two_million_partitions_are_too_many_long_before_all_are_looked_at() {
        let (mut length, row) = (Length::default(), row(Some((0, 0))));
        let last = (0..2_000_000).find(|_| {
            length.add(row.names(), 25);
            length.check().is_err()
        });
        assert!(last.is_some_and(|last| last < 500_000), "{last:?}");
        let mut length = Length::default();
        let counts = Counts::default();
        let last = (0..2_000_000).find(|_| {
            length.add(topics::traffic_names(Some(&counts)), 25);
            length.check().is_err()
        });
        assert!(last.is_some_and(|last| last < 500_000), "{last:?}");
    }
}
