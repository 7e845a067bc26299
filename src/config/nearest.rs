//! The known name nearest to a mistyped one, for error messages.
//!
//! Damerau-Levenshtein distance (optimal string alignment). A name too far from all is given no suggestion:
//! a wild guess misleads more than it helps. Since a start is refused with what is found for a setting's name, there a
//! slip of the finger is all that counts: other versions of Kafka and other vendors have names like ours.

use super::{synonyms, table};

/// The setting whose name is so near to `name` that it is surely meant, if there is one.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    among_all(name).and_then(surely)
}

/// The setting that may be meant by a name that stops nothing: a fifth of its letters may differ.
pub(super) fn hint(name: &str) -> Option<&'static str> {
    among_all(name).filter(|found| found.edits * 5 <= found.letters).map(|found| found.name)
}

/// The setting of topics that may be meant by a name which is none; where it is that of a broker's, the topics' own.
#[must_use]
pub fn nearest_of_topics(name: &str) -> Option<&'static str> {
    let topics = || table::topic_settings().iter().map(|setting| setting.name);
    let for_all = |topic: &str| synonyms::of_topic(topic).iter().any(|(broker, _)| *broker == name);
    topics().find(|topic| for_all(topic)).or_else(|| {
        let found = among(name, topics().map(|topic| (topic, topic)))?;
        (found.edits * 5 <= found.letters).then_some(found.name)
    })
}

fn among_all(name: &str) -> Option<Found<'static>> {
    let rows = [
        table::broker_settings(),
        table::unlisted_settings(),
        table::topic_settings(),
        table::own_settings(),
    ];
    among(name, rows.into_iter().flatten().map(|setting| (setting.name, setting.name)))
}

/// The setting of Barnabas whose name without `barnabas.` is so near to `name` that it is surely meant.
pub(super) fn nearest_own(name: &str) -> Option<&'static str> {
    let names = table::own_settings().iter().map(|setting| setting.name);
    let short = |name: &'static str| name.strip_prefix("barnabas.").unwrap_or(name);
    among(name, names.map(|name| (short(name), name))).and_then(surely)
}

/// Of what may stand on the command line, what is nearest to `text`, if it is near enough.
pub(super) fn nearest_of<'n>(text: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let found = among(text, known.map(|known| (known, known)))?;
    (found.edits * 3 <= found.letters.max(3)).then_some(found.name)
}

/// The nearest of many names.
struct Found<'n> {
    edits: usize,
    letters: usize,
    name: &'n str,
}

/// One edit, in a long name two: about a tenth of the letters.
fn surely(found: Found<'_>) -> Option<&str> {
    let edits = if found.letters < 18 { 1 } else { 2 };
    (found.edits <= edits).then_some(found.name)
}

/// Of pairs of a text to compare with and a name, the nearest name. Upper and lower case are the same.
fn among<'n>(name: &str, known: impl Iterator<Item = (&'n str, &'n str)>) -> Option<Found<'n>> {
    // Longer than every name: not worth the time.
    if name.len() > 128 {
        return None;
    }
    let (name, letters) = (name.to_lowercase(), name.chars().count());
    let (edits, name) = known.map(|(text, of)| (distance(&name, text), of)).min()?;
    Some(Found { edits, letters, name })
}

/// How many letters must be inserted, deleted, replaced or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let width = other.len() + 1;
    let mut rows = vec![vec![0_usize; width]; one.len() + 1];
    for (index, row) in rows.iter_mut().enumerate() {
        row[0] = index;
    }
    rows[0] = (0..width).collect();
    for i in 1..=one.len() {
        for j in 1..width {
            let same = one[i - 1] == other[j - 1];
            let replaced = rows[i - 1][j - 1] + usize::from(!same);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[one.len()][width - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_the_name_that_was_meant() {
        for (typed, meant) in [
            ("num.partition", "num.partitions"),
            ("num.partitoins", "num.partitions"),
            ("num_partitions", "num.partitions"),
            ("auto.create.topic.enable", "auto.create.topics.enable"),
            ("auto.create.topcis.enabel", "auto.create.topics.enable"),
            ("retention.mss", "retention.ms"),
            ("log.retention.hour", "log.retention.hours"),
            ("log.retension.hour", "log.retention.hours"),
            ("log.segement.bytes", "log.segment.bytes"),
            ("offset.topic.replication.factor", "offsets.topic.replication.factor"),
            ("advertised.listener", "advertised.listeners"),
            ("Log.Dirs", "log.dirs"),
            ("LOG.DIR", "log.dir"),
            ("max.message.byte", "max.message.bytes"),
            ("barnabas.workrs", "barnabas.workers"),
        ] {
            assert_eq!(nearest(typed), Some(meant), "{typed}");
        }
        assert_eq!(nearest_own("log.levle"), Some("barnabas.log.level"));
        assert_eq!(nearest_own("http.port"), None);
        assert_eq!((nearest("num.partiton"), hint("num.partiton")), (None, Some("num.partitions")));
        assert_eq!(hint("cub.classpath"), None);
        for (typed, meant) in [
            ("retention.mss", Some("retention.ms")),
            ("cleanup.policies", Some("cleanup.policy")),
            ("log.retention.ms", Some("retention.ms")),
            ("log.cleanup.policy", Some("cleanup.policy")),
            ("nosuch", None),
        ] {
            assert_eq!(nearest_of_topics(typed), meant, "{typed}");
        }
    }

    /// They start a broker here, with a warning.
    #[test]
    fn names_of_other_versions_and_vendors_are_no_typing_errors() {
        for name in [
            "confluent.balancer.topic.replication.factor",
            "confluent.license.topic.replication.factor",
            "confluent.metadata.topic.replication.factor",
            "confluent.offsets.topic.replication.factor",
            "rsm.config.chunk.size",
            "rlmm.config.remote.log.metadata.topic.num.partitions",
            "s3.wal.cache.size",
            "group.coordinator.new.enable",
            "group.share.delivery.count",
            "group.share.max.groups",
            "group.share.record.lock.partition.limit",
            "hostname",
            "log.cleanup.interval.mins",
            "log.default.flush.interval.ms",
            "log.file.size",
            "log.flush.interval",
            "log.retention.size",
            "max.message.size",
            "metadata.log.segment.min.bytes",
            "num.threads",
            "replica.lag.max.bytes",
            "replica.lag.max.messages",
            "replica.socket.buffersize",
            "socket.send.buffer",
            "unstable.metadata.versions.enable",
        ] {
            assert_eq!(nearest(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_like_no_other_gets_no_suggestion() {
        for typed in ["", "x", "completely.different.thing", &"a".repeat(10_000)] {
            assert_eq!(nearest(typed), None, "{typed}");
        }
    }

    #[test]
    fn the_distance_counts_edits() {
        for (one, other, edits) in
            [("", "", 0), ("abc", "", 3), ("abc", "acb", 1), ("abc", "axc", 1)]
        {
            assert_eq!(distance(one, other), edits);
            assert_eq!(distance(other, one), edits);
        }
    }
}
