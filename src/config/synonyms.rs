//! Which settings say the same thing: a topic setting takes its default from a broker setting of another
//! name, and some broker settings come in several units.
//!
//! From Kafka's `ServerTopicConfigSynonyms` and `DynamicBrokerConfig.brokerConfigSynonyms`. Within a
//! list the first name that has a value wins. Facts only.

/// The unit of a synonym's number; all are turned into milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// As it is.
    Same,
    Minutes,
    Hours,
}

impl Unit {
    /// The number in the unit of the topic setting.
    pub(super) fn convert(self, number: i64) -> i64 {
        match self {
            Unit::Same => number,
            Unit::Minutes => number.saturating_mul(60_000),
            Unit::Hours => number.saturating_mul(3_600_000),
        }
    }
}

type Row = (&'static str, &'static [(&'static str, Unit)]);

#[rustfmt::skip]
static OF_TOPIC: &[Row] = &[
    ("cleanup.policy", &[("log.cleanup.policy", Unit::Same)]),
    ("compression.gzip.level", &[("compression.gzip.level", Unit::Same)]),
    ("compression.lz4.level", &[("compression.lz4.level", Unit::Same)]),
    ("compression.type", &[("compression.type", Unit::Same)]),
    ("compression.zstd.level", &[("compression.zstd.level", Unit::Same)]),
    ("delete.retention.ms", &[("log.cleaner.delete.retention.ms", Unit::Same)]),
    ("file.delete.delay.ms", &[("log.segment.delete.delay.ms", Unit::Same)]),
    ("flush.messages", &[("log.flush.interval.messages", Unit::Same)]),
    ("flush.ms", &[("log.flush.interval.ms", Unit::Same), ("log.flush.scheduler.interval.ms", Unit::Same)]),
    ("index.interval.bytes", &[("log.index.interval.bytes", Unit::Same)]),
    ("local.retention.bytes", &[("log.local.retention.bytes", Unit::Same)]),
    ("local.retention.ms", &[("log.local.retention.ms", Unit::Same)]),
    ("max.compaction.lag.ms", &[("log.cleaner.max.compaction.lag.ms", Unit::Same)]),
    ("max.message.bytes", &[("message.max.bytes", Unit::Same)]),
    ("message.timestamp.after.max.ms", &[("log.message.timestamp.after.max.ms", Unit::Same)]),
    ("message.timestamp.before.max.ms", &[("log.message.timestamp.before.max.ms", Unit::Same)]),
    ("message.timestamp.type", &[("log.message.timestamp.type", Unit::Same)]),
    ("min.cleanable.dirty.ratio", &[("log.cleaner.min.cleanable.ratio", Unit::Same)]),
    ("min.compaction.lag.ms", &[("log.cleaner.min.compaction.lag.ms", Unit::Same)]),
    ("min.insync.replicas", &[("min.insync.replicas", Unit::Same)]),
    ("preallocate", &[("log.preallocate", Unit::Same)]),
    ("retention.bytes", &[("log.retention.bytes", Unit::Same)]),
    ("retention.ms", &[("log.retention.ms", Unit::Same), ("log.retention.minutes", Unit::Minutes), ("log.retention.hours", Unit::Hours)]),
    ("segment.bytes", &[("log.segment.bytes", Unit::Same)]),
    ("segment.index.bytes", &[("log.index.size.max.bytes", Unit::Same)]),
    ("segment.jitter.ms", &[("log.roll.jitter.ms", Unit::Same), ("log.roll.jitter.hours", Unit::Hours)]),
    ("segment.ms", &[("log.roll.ms", Unit::Same), ("log.roll.hours", Unit::Hours)]),
    ("unclean.leader.election.enable", &[("unclean.leader.election.enable", Unit::Same)]),
];

/// The broker settings that give a topic setting its default, the strongest first. Few have none.
pub(super) fn of_topic(name: &str) -> &'static [(&'static str, Unit)] {
    match OF_TOPIC.binary_search_by(|(topic, _)| (*topic).cmp(name)) {
        Ok(at) => OF_TOPIC.get(at).map_or(&[], |(_, synonyms)| synonyms),
        Err(_) => &[],
    }
}

/// The names of the broker settings that give a topic setting its default, the strongest first.
#[must_use]
pub fn topic_default_names(name: &str) -> Vec<&'static str> {
    of_topic(name).iter().map(|(broker, _)| *broker).collect()
}

/// The broker setting that gives a group's setting its default: the same name behind `group.`.
#[must_use]
pub fn group_default_name(name: &str) -> Option<&'static str> {
    super::table::broker_setting(&format!("group.{name}")).map(|row| row.name)
}

/// The broker settings of the same thing as this one, in several units or under an older name, the strongest
/// first; none if it has only one. No source gives one of them beside a stronger source's other.
pub(super) fn same(name: &str) -> &'static [&'static str] {
    const SPELT: &[&[&str]] = &[&["log.dirs", "log.dir"], &["node.id", "broker.id"]];
    match in_units(name) {
        [] => SPELT.iter().find(|group| group.contains(&name)).copied().unwrap_or_default(),
        units => units,
    }
}

/// The broker settings of the same time as this one, in several units, the strongest first; none if it has
/// only one.
pub(super) fn in_units(name: &str) -> &'static [&'static str] {
    const RETENTION: &[&str] =
        &["log.retention.ms", "log.retention.minutes", "log.retention.hours"];
    const ROLL: &[&str] = &["log.roll.ms", "log.roll.hours"];
    const JITTER: &[&str] = &["log.roll.jitter.ms", "log.roll.jitter.hours"];
    [RETENTION, ROLL, JITTER].into_iter().find(|group| group.contains(&name)).unwrap_or_default()
}

/// All broker settings that say the same as this one, itself included, the strongest first.
pub(super) fn of_broker(name: &str) -> Vec<&str> {
    match (in_units(name), name) {
        ([], "log.flush.interval.ms") => vec![name, "log.flush.scheduler.interval.ms"],
        ([], _) => vec![name],
        (group, _) => group.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{broker_setting, topic_setting};
    use super::*;

    #[test]
    fn the_rows_are_sorted_and_name_known_settings() {
        assert!(OF_TOPIC.windows(2).all(|two| two[0].0 < two[1].0));
        for (topic, synonyms) in OF_TOPIC {
            assert!(topic_setting(topic).is_some(), "{topic}");
            for (broker, _) in *synonyms {
                assert!(broker_setting(broker).is_some(), "{broker}");
            }
        }
    }

    #[test]
    fn units_are_turned_into_milliseconds() {
        assert_eq!(Unit::Hours.convert(168), 604_800_000);
        assert_eq!(Unit::Minutes.convert(3), 180_000);
        assert_eq!(Unit::Hours.convert(i64::MAX), i64::MAX);
    }

    #[test]
    fn the_strongest_name_comes_first() {
        assert_eq!(of_broker("log.roll.hours"), ["log.roll.ms", "log.roll.hours"]);
        assert_eq!(
            of_broker("log.flush.scheduler.interval.ms"),
            ["log.flush.scheduler.interval.ms"]
        );
        assert_eq!(
            of_topic("retention.ms").first().map(|(name, _)| *name),
            Some("log.retention.ms")
        );
        assert_eq!(of_topic("remote.storage.enable"), &[]);
    }
}
