//! Which changes of a running broker's settings are allowed, in Kafka's words.
//!
//! From `DynamicBrokerConfig.validateConfigs`, `DynamicThreadPool` and `LogCleaner.validateReconfiguration`.
//! Beyond it, what Barnabas does not do is refused here as it is at start, and so is what it cannot change
//! without a restart. Names that nobody knows are accepted, as Kafka accepts them. Pure.

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

/// Numbers of threads that Kafka changes in steps. Of several that are wrong it names the first here.
const THREADS: [&str; 4] = [
    "num.recovery.threads.per.data.dir",
    "num.io.threads",
    "background.threads",
    "num.replica.fetchers",
];

const CLEANER_THREADS: &str = "log.cleaner.threads";
const CONNECTIONS: &str = "max.connections";

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
        let of_one = |name: &str| matches!(mode(name), Some(Mode::PerBroker | Mode::AtStart));
        let per_broker = |name: &&str| *name != base_name(name) || of_one(name);
        none_of(
            "Cannot update these configs at default cluster level, broker id must be specified",
            names().filter(per_broker),
        )?;
    }
    for (name, text) in target {
        ensure_supported(name, text, config)?;
    }
    let target = contradictions(target, config, cluster_wide)?;
    // Where it is none already, nobody is shut out by another change.
    if target.max_connections() == 0 && config.max_connections() != 0 {
        return Err(refused(CONNECTIONS, &format!("Invalid {CONNECTIONS} 0")));
    }
    thread_counts(&target, config)
}

/// Threads come and go while the broker runs: half as many or twice as many at once, and no more.
fn thread_counts(target: &Config, config: &Config) -> Result<(), InvalidConfig> {
    for name in THREADS {
        let (Some(count), Some(now)) = (target.number(name), config.number(name)) else { continue };
        let failed = format!("Dynamic thread count update validation failed for {name}={count}");
        if count < now / 2 {
            let why = format!("{failed}, value should be at least half the current value {now}");
            return Err(refused(name, &why));
        }
        if count > now * 2 {
            let why = format!(
                "{failed}, value should not be greater than double the current value {now}"
            );
            return Err(refused(name, &why));
        }
    }
    let (count, now) = (target.log_cleaner_threads(), config.log_cleaner_threads());
    let change = match count {
        _ if !config.log_cleaner_enable() => return Ok(()),
        _ if count < now / 2 => "reduced to less than half",
        _ if i64::from(count) > i64::from(now) * 2 => "increased to more than double",
        _ => return Ok(()),
    };
    let why = format!("Log cleaner threads cannot be {change} the current value {now}");
    Err(refused(CLEANER_THREADS, &why))
}

/// Kafka takes the reason for a value and the fact for a name.
fn refused(name: &str, why: &str) -> InvalidConfig {
    let why = format!("org.apache.kafka.common.config.ConfigException: {why}");
    let message = format!("Invalid value {why} for configuration Invalid dynamic configuration");
    InvalidConfig::because(name, message)
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
    let at_start = table::broker_setting(base).is_some_and(|row| row.mode == Mode::AtStart);
    if at_start && !unchanged {
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
) -> Result<Config, InvalidConfig> {
    let layers = config.layers();
    let (cluster, node) =
        if cluster_wide { (target, &layers.node) } else { (&layers.cluster, target) };
    config.try_dynamic(cluster.clone(), node.clone()).map_err(|why| match why.key.as_str() {
        // All that Kafka says of no threads.
        CLEANER_THREADS => InvalidConfig::because(CLEANER_THREADS, "/ by zero".to_owned()),
        _ => why,
    })
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

    fn refusal(why: &str) -> Result<(), String> {
        Err(format!(
            "Invalid value org.apache.kafka.common.config.ConfigException: {why} for configuration \
             Invalid dynamic configuration"
        ))
    }

    /// Whoever shut everybody out could not undo it.
    #[test]
    fn a_broker_that_runs_keeps_letting_connections_in() {
        let zero = "requirement failed: max.connections.per.ip can be set to zero only if \
                    max.connections.per.ip.overrides property is set.";
        for cluster_wide in [false, true] {
            let set = |name: &str, text: &str| check(&[(name, text)], cluster_wide);
            assert_eq!(set("max.connections", "0"), refusal("Invalid max.connections 0"));
            assert_eq!(set("max.connections.per.ip", "0"), Err(zero.into()));
            assert_eq!(set("max.connections", "1"), Ok(()));
            assert_eq!(set("max.connections.per.ip", "1"), Ok(()));
        }
        let none = Config::from_pairs(&[("max.connections", "0")]).unwrap();
        let other = BTreeMap::from([("log.retention.ms".to_owned(), "5".to_owned())]);
        assert_eq!(check_dynamic_broker(&other, &none, false), Ok(()));
    }

    #[test]
    fn threads_are_halved_or_doubled_at_most() {
        let failed = |name: &str, count: i32, why: &str| {
            refusal(&format!(
                "Dynamic thread count update validation failed for {name}={count}, {why}"
            ))
        };
        for cluster_wide in [false, true] {
            let set = |name: &str, text: &str| check(&[(name, text)], cluster_wide);
            assert_eq!(set("log.cleaner.threads", "0"), Err("/ by zero".into()));
            assert_eq!(set("log.cleaner.threads", "2"), Ok(()));
            let double =
                "Log cleaner threads cannot be increased to more than double the current value 1";
            assert_eq!(set("log.cleaner.threads", "3"), refusal(double));
            for (name, least, most) in
                [("background.threads", 5, 20), ("num.io.threads", 4, 16), (RECOVERY, 1, 4)]
            {
                for good in [least, most] {
                    assert_eq!(set(name, &good.to_string()), Ok(()), "{name}={good}");
                }
                let now = most / 2;
                let why =
                    format!("value should not be greater than double the current value {now}");
                assert_eq!(set(name, &(most + 1).to_string()), failed(name, most + 1, &why));
                if least > 1 {
                    let why = format!("value should be at least half the current value {now}");
                    assert_eq!(set(name, &(least - 1).to_string()), failed(name, least - 1, &why));
                }
            }
        }
    }

    const RECOVERY: &str = "num.recovery.threads.per.data.dir";

    /// What counts is how many this broker has now, whoever says so.
    #[test]
    fn threads_are_compared_with_what_is_in_force() {
        let map =
            |text: &str| BTreeMap::from([("log.cleaner.threads".to_owned(), text.to_owned())]);
        let config = Config::default().try_dynamic(map("2"), map("4")).unwrap();
        let set = |text, cluster_wide| {
            check_dynamic_broker(&map(text), &config, cluster_wide).map_err(|why| why.message)
        };
        assert_eq!((set("1", true), set("9", true)), (Ok(()), Ok(())));
        assert_eq!((set("2", false), set("8", false)), (Ok(()), Ok(())));
        let less = "Log cleaner threads cannot be reduced to less than half the current value 4";
        assert_eq!(set("1", false), refusal(less));
        let config = Config::default().try_dynamic(map("2"), map("8")).unwrap();
        let none = check_dynamic_broker(&BTreeMap::new(), &config, false);
        assert_eq!(
            none.map_err(|why| why.message),
            refusal("Log cleaner threads cannot be reduced to less than half the current value 8")
        );
    }

    #[test]
    fn memory_is_for_each_thread_that_compacts() {
        let message = "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.";
        for (name, text) in [
            ("log.cleaner.dedupe.buffer.size", "1"),
            ("log.cleaner.dedupe.buffer.size", "1048576"),
            ("log.cleaner.threads", "1000"),
        ] {
            assert_eq!(check(&[(name, text)], true), Err(message.into()), "{name}={text}");
        }
        assert_eq!(check(&[("log.cleaner.dedupe.buffer.size", "1048577")], true), Ok(()));
    }

    /// What the broker puts in force itself when it changes, or reads with the next start.
    const APPLIED: &[&str] = &[
        "group.consumer.assignment.interval.ms",
        "log.cleaner.backoff.ms",
        "log.cleaner.dedupe.buffer.size",
        "log.cleaner.io.buffer.load.factor",
        "log.cleaner.io.max.bytes.per.second",
        "log.cleaner.threads",
        "max.connections",
        "max.connections.per.ip",
        "num.recovery.threads.per.data.dir",
        "producer.id.expiration.ms",
    ];

    /// What is used and may change is a topic's default, read anew for each topic, or put in force by
    /// the broker.
    #[test]
    fn nothing_that_is_used_changes_without_effect() {
        let topics = table::topic_settings().iter().flat_map(|row| topic_default_names(row.name));
        let topics: Vec<&str> = topics.collect();
        for row in table::broker_settings() {
            if row.standing == Standing::Used && !row.read_only() {
                let lists = [&topics[..], APPLIED];
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
