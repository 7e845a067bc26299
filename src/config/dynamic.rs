//! Which changes of a running broker's settings are allowed, in Kafka's words.
//!
//! From `DynamicBrokerConfig.validateConfigs`. Beyond it, what Barnabas does not do is refused here as it is at
//! start, and so is what it cannot change without a restart. Names that nobody knows are accepted, as Kafka
//! accepts them. Pure.

use std::collections::BTreeMap;

use super::broker::Config;
use super::setting::{Mode, Standing};
use super::table;
use super::value::{self, InvalidConfig};

/// Kafka lets these be changed only under a listener's prefix.
const PER_LISTENER: &[&str] = &[
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// What Kafka can change in a running broker and Barnabas cannot.
const AT_START_ONLY: &[&str] =
    &["listener.security.protocol.map", "listeners", "max.connections", "max.connections.per.ip"];

/// Checks `target`, all the dynamic values that a broker is to have after a change: the cluster's
/// defaults if `cluster_wide`, else this broker's own.
pub fn check_dynamic_broker(
    target: &BTreeMap<String, String>,
    config: &Config,
    cluster_wide: bool,
) -> Result<(), InvalidConfig> {
    let names = || target.keys().map(String::as_str);
    let mode = |name: &str| table::broker_setting(name).map(|row| row.mode);
    none_of(
        "Cannot update these configs dynamically",
        names().filter(|name| mode(name) == Some(Mode::ReadOnly)),
    )?;
    none_of(
        "These security configs can be dynamically updated only per-listener using the listener prefix",
        names().filter(|name| PER_LISTENER.contains(name)),
    )?;
    for (name, text) in target {
        if let Some(row) = table::broker_setting(base_name(name)) {
            value::parse(row, text)?;
        }
    }
    if cluster_wide {
        let per_broker =
            |name: &&str| *name != base_name(name) || mode(name) == Some(Mode::PerBroker);
        none_of(
            "Cannot update these configs at default cluster level, broker id must be specified",
            names().filter(per_broker),
        )?;
    }
    for (name, text) in target {
        ensure_supported(name, text, config)?;
    }
    contradictions(target, config, cluster_wide)
}

fn none_of<'n>(message: &str, names: impl Iterator<Item = &'n str>) -> Result<(), InvalidConfig> {
    let names: Vec<&str> = names.collect();
    match names.first() {
        None => Ok(()),
        Some(first) => {
            Err(InvalidConfig::because(first, format!("{message}: [{}]", names.join(", "))))
        }
    }
}

/// The setting behind `listener.name.<listener>.<setting>`.
fn base_name(name: &str) -> &str {
    let prefixed = name.strip_prefix("listener.name.").and_then(|rest| rest.split_once('.'));
    prefixed.map_or(name, |(_, base)| base)
}

fn ensure_supported(name: &str, text: &str, config: &Config) -> Result<(), InvalidConfig> {
    let base = base_name(name);
    let unchanged = config.get(base).is_some_and(|now| now.trim() == text.trim());
    if AT_START_ONLY.contains(&base) && !unchanged {
        let message = format!("{base} cannot be changed while the broker runs: not supported yet");
        return Err(InvalidConfig::because(name, message));
    }
    match table::broker_setting(base) {
        Some(row) if row.default != Some(text.trim()) => match row.standing {
            Standing::Refused(what) => {
                let message = format!("{base} is not supported yet: {what}");
                Err(InvalidConfig::because(name, message))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn contradictions(
    target: &BTreeMap<String, String>,
    config: &Config,
    cluster_wide: bool,
) -> Result<(), InvalidConfig> {
    let layers = config.layers();
    let (cluster, node) =
        if cluster_wide { (target, &layers.node) } else { (&layers.cluster, target) };
    config.try_dynamic(cluster.clone(), node.clone()).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::super::synonyms::topic_default_names;
    use super::*;

    fn check(pairs: &[(&str, &str)], cluster_wide: bool) -> Result<(), String> {
        let pairs = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        check_dynamic_broker(&pairs.collect(), &Config::default(), cluster_wide)
            .map_err(|e| e.message)
    }

    #[test]
    fn refusals_have_kafkas_words() {
        let read_only = "Cannot update these configs dynamically: [node.id, num.partitions]";
        assert_eq!(
            check(&[("num.partitions", "3"), ("node.id", "1")], true),
            Err(read_only.into())
        );
        for cluster_wide in [false, true] {
            assert_eq!(
                check(&[("log.retention.ms", "x")], cluster_wide),
                Err("Invalid value x for configuration log.retention.ms: \
                     Not a number of type LONG"
                    .into())
            );
            assert_eq!(
                check(&[("ssl.keystore.location", "x")], cluster_wide),
                Err("These security configs can be dynamically updated only per-listener using the \
                     listener prefix: [ssl.keystore.location]"
                    .into())
            );
        }
        let level =
            "Cannot update these configs at default cluster level, broker id must be specified";
        assert_eq!(
            check(&[("listeners", "PLAINTEXT://:1")], true),
            Err(format!("{level}: [listeners]"))
        );
    }

    #[test]
    fn what_can_be_changed_is_accepted() {
        let pairs =
            [("log.retention.ms", "5"), ("no.such.key", "x"), ("message.max.bytes", " 77 ")];
        for pair in pairs {
            assert_eq!(check(&[pair], true), Ok(()), "{pair:?}");
            assert_eq!(check(&[pair], false), Ok(()), "{pair:?}");
        }
        assert_eq!(check(&[("listeners", "PLAINTEXT://localhost:9092")], false), Ok(()));
    }

    #[test]
    fn what_would_have_no_effect_is_refused() {
        for pair in [
            ("listeners", "PLAINTEXT://:1"),
            ("listener.name.plaintext.ssl.keystore.location", "x"),
            ("max.connection.creation.rate", "5"),
        ] {
            let error = check(&[pair], false).unwrap_err();
            assert!(error.contains("not supported yet"), "{error}");
        }
    }

    /// What the broker puts in force itself when it changes, or reads with the next start.
    const APPLIED: &[&str] = &[
        "group.consumer.assignment.interval.ms",
        "log.cleaner.backoff.ms",
        "log.cleaner.dedupe.buffer.size",
        "log.cleaner.io.buffer.load.factor",
        "log.cleaner.io.max.bytes.per.second",
        "log.cleaner.threads",
        "num.recovery.threads.per.data.dir",
        "producer.id.expiration.ms",
    ];

    /// What is used and may change is a topic's default, read anew for each topic, or put in force by
    /// the broker, or refused here.
    #[test]
    fn nothing_that_is_used_changes_without_effect() {
        let topics = table::topic_settings().iter().flat_map(|row| topic_default_names(row.name));
        let topics: Vec<&str> = topics.collect();
        for row in table::broker_settings() {
            if row.standing == Standing::Used && row.mode != Mode::ReadOnly {
                let lists = [&topics[..], AT_START_ONLY, APPLIED];
                assert!(lists.iter().any(|list| list.contains(&row.name)), "{}", row.name);
            }
        }
    }

    #[test]
    fn contradictions_are_refused() {
        assert_eq!(
            check(&[("log.roll.ms", "0")], true),
            Err("log.roll.ms must be greater than or equal to 1".into())
        );
        let lags = [
            ("log.cleaner.min.compaction.lag.ms", "9"),
            ("log.cleaner.max.compaction.lag.ms", "8"),
        ];
        assert!(check(&lags, true).unwrap_err().starts_with("conflict topic config setting"));
    }
}
