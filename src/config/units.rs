//! What a setting's number counts.
//!
//! Kafka's names mostly say it with their last word. Of the others it is said here, once. Pure.

use super::setting::{Kind, Setting};

/// Last words of names, and the units that they say.
const SAID: &[(&str, &str)] = &[
    ("bytes", "bytes"),
    ("connections", "connections"),
    ("fetchers", "threads"),
    ("hours", "h"),
    ("locks", "records"),
    ("messages", "messages"),
    ("minutes", "min"),
    ("ms", "ms"),
    ("partitions", "partitions"),
    ("replicas", "replicas"),
    ("requests", "requests"),
    ("seconds", "s"),
    ("secs", "s"),
    ("sessions", "sessions"),
    ("tasks", "tasks"),
    ("threads", "threads"),
    ("workers", "threads"),
];

/// Ends of other names, the longest first where one is the end of another.
const UNSAID: &[(&str, &str)] = &[
    (".buffer.size", "bytes"),
    (".bytes.between.snapshots", "bytes"),
    (".bytes.per.second", "bytes/s"),
    (".receive.size", "bytes"),
    (".throttled.rate", "bytes/s"),
    (".backlog.size", "connections"),
    ("max.connections.per.ip", "connections"),
    (".creation.rate", "connections/s"),
    (".time.before.relogin", "ms"),
    (".pool.size", "threads"),
    (".threads.per.data.dir", "threads"),
    ("group.max.size", "members"),
    ("group.consumer.max.size", "members"),
    ("group.share.max.size", "members"),
    ("group.streams.max.size", "members"),
    (".partition.size.limit", "partitions"),
    (".delivery.count.limit", "deliveries"),
    (".records.per.snapshot", "records"),
    (".replication.factor", "replicas"),
    (".min.isr", "replicas"),
    ("metrics.num.samples", "samples"),
    ("quota.window.num", "samples"),
    (".cache.slots", "sessions"),
];

/// Numbers that count nothing: ids, levels, and parts of a whole.
#[cfg(test)]
const NONE: &[&str] =
    &[".id", ".level", ".codec", ".ratio", ".load.factor", ".window.factor", ".jitter"];

impl Setting {
    /// What its number counts, if it is one that counts something.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        let last = self.name.rsplit('.').next().unwrap_or_default();
        let said = SAID.iter().find(|(word, _)| *word == last).map(|(_, unit)| *unit);
        self.is_number().then_some(())?;
        said.or_else(|| self.unsaid_unit())
    }

    /// The same where its name does not say it.
    #[must_use]
    pub fn unsaid_unit(&self) -> Option<&'static str> {
        let found = UNSAID.iter().find(|(end, _)| self.name.ends_with(end));
        found.filter(|_| self.is_number()).map(|(_, unit)| *unit)
    }

    fn is_number(&self) -> bool {
        matches!(self.kind, Kind::Int | Kind::Short | Kind::Long | Kind::Double)
    }
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    fn rows() -> impl Iterator<Item = &'static Setting> {
        [
            table::own_settings(),
            table::topic_settings(),
            table::group_settings(),
            table::broker_settings(),
            table::unlisted_settings(),
        ]
        .into_iter()
        .flatten()
    }

    #[test]
    fn every_number_has_a_unit_or_counts_nothing() {
        for row in rows() {
            let counts_nothing = NONE.iter().any(|end| row.name.ends_with(end));
            assert_eq!(row.unit().is_some(), row.is_number() && !counts_nothing, "{}", row.name);
        }
    }

    #[test]
    fn no_entry_is_in_vain() {
        for (end, unit) in UNSAID {
            let others = |row: &Setting| {
                let mut others = UNSAID.iter().filter(|(other, _)| other != end);
                others.find(|(other, _)| row.name.ends_with(other)).map(|(_, unit)| *unit)
            };
            let needs =
                |row: &Setting| row.unsaid_unit() == Some(*unit) && others(row) != Some(*unit);
            assert!(rows().any(needs), "{end}");
        }
        for (word, _) in SAID {
            assert!(rows().any(|row| row.name.rsplit('.').next() == Some(word)), "{word}");
        }
    }

    #[test]
    fn a_unit_is_said_or_unsaid() {
        let unit = |name| {
            let row = table::broker_setting(name).expect(name);
            (row.unit(), row.unsaid_unit())
        };
        assert_eq!(unit("log.retention.hours"), (Some("h"), None));
        assert_eq!(unit("log.cleaner.io.buffer.size"), (Some("bytes"), Some("bytes")));
        assert_eq!(unit("node.id"), (None, None));
        assert_eq!(unit("ssl.protocol"), (None, None));
    }
}
