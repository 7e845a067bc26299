//! Settings that are each valid but contradict each other.
//!
//! From Kafka's `LogConfig.validateValues` and its tiered-storage checks (topics) and
//! `KafkaConfig.validateValues` (brokers). Pure.

use super::topic::TopicConfig;
use super::value::{InvalidConfig, Value};

/// What holds between the settings of one topic.
pub(super) fn check_topic(config: &TopicConfig) -> Result<(), InvalidConfig> {
    check_lags(config)?;
    if config.remote_storage_enable {
        check_local_retention(config)?;
        let message = "Tiered Storage functionality is disabled in the broker. \
                       Topic cannot be configured with remote log storage.";
        return Err(InvalidConfig::because("remote.storage.enable", message.to_owned()));
    }
    Ok(())
}

/// A record must not become due for compaction before it may be compacted.
pub(super) fn check_lags(config: &TopicConfig) -> Result<(), InvalidConfig> {
    let (min, max) = (config.min_compaction_lag_ms, config.max_compaction_lag_ms);
    if min <= max {
        return Ok(());
    }
    let message = format!(
        "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})"
    );
    Err(InvalidConfig::because("min.compaction.lag.ms", message))
}

/// What is kept locally is part of what is kept at all.
fn check_local_retention(config: &TopicConfig) -> Result<(), InvalidConfig> {
    check_local("bytes", config.retention_bytes, config.local_retention_bytes)?;
    check_local("ms", config.retention_ms, config.local_retention_ms)
}

fn check_local(unit: &str, all: i64, local: i64) -> Result<(), InvalidConfig> {
    if all < 0 || local == -2 {
        return Ok(());
    }
    let why = if local == -1 {
        format!("Value must not be -1 as retention.{unit} value is set as {all}.")
    } else if local > all {
        format!("Value must not be more than retention.{unit} property value: {all}")
    } else {
        return Ok(());
    };
    Err(InvalidConfig::new(&format!("local.retention.{unit}"), &local.to_string(), &why))
}

/// A check of what all topics inherit.
type Check = fn(&TopicConfig) -> Result<(), InvalidConfig>;

/// What holds for a broker's log settings beyond their ranges, whatever unit they are given in: the name
/// without the unit, and the check.
pub(super) const TIMES: &[(&str, Check)] = &[
    ("log.roll", |topics| match topics.segment_ms {
        ..1 => refuse_time("log.roll.ms", "greater than or equal to 1"),
        _ => Ok(()),
    }),
    ("log.roll.jitter", |topics| match topics.segment_jitter_ms {
        ..0 => refuse_time("log.roll.jitter.ms", "greater than or equal to 0"),
        _ => Ok(()),
    }),
    ("log.retention", |topics| match topics.retention_ms {
        -1 | 1.. => Ok(()),
        _ => refuse_time("log.retention.ms", "unlimited (-1) or, greater than or equal to 1"),
    }),
];

fn refuse_time(key: &str, message: &str) -> Result<(), InvalidConfig> {
    Err(InvalidConfig::because(key, format!("{key} must be {message}")))
}

/// Each thread that compacts needs memory for its keys. Kafka divides by their number to see that, so it does
/// not start without any.
pub(super) fn check_cleaner(threads: i64, memory: i64) -> Result<(), InvalidConfig> {
    const THREADS: &str = "log.cleaner.threads";
    const MEMORY: &str = "log.cleaner.dedupe.buffer.size";
    if threads < 1 {
        return Err(InvalidConfig::because(THREADS, format!("{THREADS} must be at least 1")));
    }
    if memory / threads > 1 << 20 {
        return Ok(());
    }
    let message = format!("requirement failed: {MEMORY} must be at least 1MB per cleaner thread.");
    Err(InvalidConfig::because(MEMORY, message))
}

/// What does not hold between the settings of groups (Kafka's `GroupCoordinatorConfig` and `KafkaConfig`). What
/// has no value is compared with nothing.
pub(super) fn group_problems(value: &dyn Fn(&str) -> Option<Value>) -> Vec<InvalidConfig> {
    let number = |name: &str| value(name).and_then(|value| value.as_i64());
    let mut found = Vec::new();
    let mut ordered = |less: &str, more: &str, key: &str, message: String| {
        if let (Some(less), Some(more)) = (number(less), number(more))
            && less > more
        {
            found.push(InvalidConfig::because(key, message));
        }
    };
    for what in ["heartbeat.interval.ms", "session.timeout.ms", "assignment.interval.ms"] {
        let [own, min, max] = ["", "min.", "max."].map(|end| format!("group.consumer.{end}{what}"));
        let at_least =
            |name: &str, least: &str| format!("{name} must be greater than or equal to {least}");
        ordered(&min, &max, &max, at_least(&max, &min));
        ordered(&min, &own, &own, at_least(&own, &min));
        ordered(&own, &max, &own, format!("{own} must be less than or equal to {max}"));
    }
    let (heartbeat, session) =
        ("group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms");
    if let (Some(one), Some(other)) = (number(heartbeat), number(session))
        && one >= other
    {
        let message = format!("{heartbeat} must be less than {session}");
        found.push(InvalidConfig::because(heartbeat, message));
    }
    const PROTOCOLS: &str = "group.coordinator.rebalance.protocols";
    match value(PROTOCOLS) {
        Some(Value::List(names)) if !names.iter().any(|name| name == "classic") => {
            let message = "Disabling the 'classic' protocol is not supported.".to_owned();
            found.push(InvalidConfig::because(PROTOCOLS, message));
        }
        _ => {}
    }
    found
}

/// The memory of all requests must hold the largest one.
pub(super) fn check_memory(all: i64, largest: i64) -> Result<(), InvalidConfig> {
    if all <= 0 || all >= largest {
        return Ok(());
    }
    let message = "requirement failed: queued.max.request.bytes must be larger or equal to \
                   socket.request.max.bytes";
    Err(InvalidConfig::because("queued.max.request.bytes", message.to_owned()))
}

/// Without exceptions for some addresses nobody could connect, and so nobody could set another limit.
pub(super) fn check_per_ip(limit: i64, overrides: &str) -> Result<(), InvalidConfig> {
    const NAME: &str = "max.connections.per.ip";
    if limit != 0 || !overrides.trim().is_empty() {
        return Ok(());
    }
    let message = format!(
        "requirement failed: {NAME} can be set to zero only if {NAME}.overrides property is set."
    );
    Err(InvalidConfig::because(NAME, message))
}

/// A thread that polls takes a core while there is something to do. Where it has to share it with a
/// worker, requests wait for whole turns of the scheduler.
pub(super) fn check_polling(io: &str, workers: usize, cores: usize) -> Result<(), InvalidConfig> {
    const NAME: &str = "barnabas.io.sqpoll";
    let message = if io != "uring" {
        format!("{NAME} (--sqpoll) needs barnabas.io=uring (--io uring); it is {io}")
    } else if workers.saturating_mul(2) > cores {
        format!(
            "{NAME} (--sqpoll) needs a core for each worker and for each thread that polls for one: \
             barnabas.workers (--workers) is {workers}, which makes {} threads, and the cores are {cores}",
            workers.saturating_mul(2)
        )
    } else {
        return Ok(());
    };
    Err(InvalidConfig::because(NAME, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compaction_lags_must_not_cross() {
        let mut config = TopicConfig { min_compaction_lag_ms: 10, ..TopicConfig::default() };
        config.max_compaction_lag_ms = 10;
        assert_eq!(check_topic(&config), Ok(()));
        config.max_compaction_lag_ms = 5;
        assert_eq!(
            check_topic(&config).unwrap_err().message,
            "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"
        );
    }

    #[test]
    fn each_thread_that_compacts_needs_its_memory() {
        assert_eq!(check_cleaner(1, (1 << 20) + 1), Ok(()));
        assert_eq!(check_cleaner(127, 128 << 20), Ok(()));
        for (threads, memory) in
            [(1, 1), (1, 1 << 20), (1, -1), (128, 128 << 20), (1000, 128 << 20)]
        {
            let refusal = check_cleaner(threads, memory).unwrap_err();
            assert_eq!(refusal.key, "log.cleaner.dedupe.buffer.size", "{threads} {memory}");
            assert!(refusal.message.ends_with("must be at least 1MB per cleaner thread."));
        }
        assert_eq!(check_cleaner(0, 1).unwrap_err().key, "log.cleaner.threads");
    }

    #[test]
    fn polling_needs_uring_and_cores() {
        for (io, workers, cores, part) in [
            ("mio", 1, 8, "needs barnabas.io=uring (--io uring); it is mio"),
            ("auto", 1, 8, "it is auto"),
            ("uring", 2, 2, "is 2, which makes 4 threads, and the cores are 2"),
            ("uring", 2, 3, "the cores are 3"),
            ("uring", usize::MAX, 2, "the cores are 2"),
        ] {
            let refusal = check_polling(io, workers, cores).unwrap_err();
            assert_eq!(refusal.key, "barnabas.io.sqpoll");
            assert!(refusal.message.contains(part), "{}", refusal.message);
        }
        assert_eq!(check_polling("uring", 1, 2), Ok(()));
        assert_eq!(check_polling("uring", 2, 4), Ok(()));
    }

    #[test]
    fn the_settings_of_groups_must_agree() {
        let refusal = |name: &str, text: &str| {
            super::super::Config::from_pairs(&[(name, text)]).map(drop).unwrap_err().message
        };
        for (name, text, message) in [
            (
                "group.consumer.session.timeout.ms",
                "6000",
                "group.consumer.session.timeout.ms must be greater than or equal to \
                 group.consumer.min.session.timeout.ms",
            ),
            (
                "group.consumer.max.heartbeat.interval.ms",
                "4000",
                "group.consumer.max.heartbeat.interval.ms must be greater than or equal to \
                 group.consumer.min.heartbeat.interval.ms",
            ),
            (
                "group.consumer.assignment.interval.ms",
                "15001",
                "group.consumer.assignment.interval.ms must be less than or equal to \
                 group.consumer.max.assignment.interval.ms",
            ),
            (
                "group.coordinator.rebalance.protocols",
                "consumer",
                "Disabling the 'classic' protocol is not supported.",
            ),
        ] {
            assert_eq!(refusal(name, text), message);
        }
    }

    #[test]
    fn tiered_topics_are_refused_and_their_contradictions_named() {
        let mut config = TopicConfig { remote_storage_enable: true, ..TopicConfig::default() };
        let disabled = check_topic(&config).unwrap_err().message;
        assert!(disabled.starts_with("Tiered Storage functionality is disabled"), "{disabled}");
        config.local_retention_ms = config.retention_ms + 1;
        assert_eq!(
            check_topic(&config).unwrap_err().message,
            "Invalid value 604800001 for configuration local.retention.ms: \
             Value must not be more than retention.ms property value: 604800000"
        );
        config.retention_bytes = 7;
        config.local_retention_bytes = -1;
        assert_eq!(
            check_topic(&config).unwrap_err().message,
            "Invalid value -1 for configuration local.retention.bytes: \
             Value must not be -1 as retention.bytes value is set as 7."
        );
    }
}
