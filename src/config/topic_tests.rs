//! Tests of [`TopicConfig`]: defaults, overrides, inheritance from the broker, refusals.

use super::super::broker::Config;
use super::*;

fn overrides(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn broker(pairs: &[(&str, &str)]) -> Config {
    Config::from_pairs(pairs).expect("a valid broker configuration")
}

#[test]
fn every_topic_setting_has_a_field() {
    let table: Vec<&str> = table::topic_settings().iter().map(|setting| setting.name).collect();
    assert_eq!(TopicConfig::NAMES, table);
}

#[test]
fn every_topic_setting_can_be_overridden() {
    let broker = Config::default();
    for setting in table::topic_settings() {
        let own = overrides(&[(setting.name, setting.default.expect("a default"))]);
        let config = TopicConfig::resolve(&own, &broker).expect(setting.name);
        assert_eq!(config, TopicConfig::default(), "{}", setting.name);
    }
    let own = overrides(&[("retention.bytes", "7"), ("preallocate", "true"), ("segment.ms", "9")]);
    let config = TopicConfig::resolve(&own, &broker).expect("valid");
    assert_eq!((config.retention_bytes, config.preallocate, config.segment_ms), (7, true, 9));
}

#[test]
fn the_defaults_are_kafkas() {
    let config = TopicConfig::default();
    assert_eq!(config.cleanup_policy, CleanupPolicy { delete: true, compact: false });
    assert_eq!(config.compression_type, CompressionType::Producer);
    assert_eq!(config.max_message_bytes, 1_048_588);
    assert_eq!(config.message_timestamp_type, TimestampType::CreateTime);
    assert_eq!(config.message_timestamp_before_max_ms, i64::MAX);
    assert_eq!(config.message_timestamp_after_max_ms, 3_600_000);
    assert_eq!(config.segment_bytes, 1 << 30);
    assert_eq!(config.segment_ms, 604_800_000);
    assert_eq!(config.retention_ms, 604_800_000);
    assert_eq!(config.retention_bytes, -1);
    assert_eq!(config.flush_ms, i64::MAX);
    assert_eq!(config.segment_jitter_ms, 0);
    assert_eq!(config.min_insync_replicas, 1);
    assert_eq!(config.leader_replication_throttled_replicas, Vec::<String>::new());
}

#[test]
fn overrides_win_over_the_broker() {
    let broker = broker(&[("message.max.bytes", "2000000"), ("log.retention.hours", "1")]);
    let inherited = TopicConfig::resolve(&overrides(&[]), &broker).expect("valid");
    assert_eq!(inherited.max_message_bytes, 2_000_000);
    assert_eq!(inherited.retention_ms, 3_600_000);
    let own = overrides(&[("max.message.bytes", " 5 "), ("cleanup.policy", "compact")]);
    let own = TopicConfig::resolve(&own, &broker).expect("valid");
    assert_eq!(own.max_message_bytes, 5);
    assert_eq!(own.cleanup_policy, CleanupPolicy { delete: false, compact: true });
    assert_eq!(own.retention_ms, 3_600_000);
}

#[test]
fn the_smaller_unit_wins() {
    let all = [
        ("log.retention.hours", "1"),
        ("log.retention.minutes", "2"),
        ("log.retention.ms", "3"),
        ("log.roll.hours", "4"),
        ("log.roll.jitter.hours", "5"),
    ];
    let all = broker(&all);
    assert_eq!(all.topic_defaults().retention_ms, 3);
    assert_eq!(all.topic_defaults().segment_ms, 4 * 3_600_000);
    assert_eq!(all.topic_defaults().segment_jitter_ms, 5 * 3_600_000);
    let minutes = broker(&[("log.retention.minutes", "2"), ("log.retention.hours", "1")]);
    assert_eq!(minutes.topic_defaults().retention_ms, 120_000);
    assert_eq!(broker(&[("log.retention.hours", "-3")]).topic_defaults().retention_ms, -1);
    assert_eq!(broker(&[("log.retention.ms", "-7")]).topic_defaults().retention_ms, -1);
}

#[test]
fn unknown_names_and_bad_values_are_refused_in_kafkas_words() {
    let broker = Config::default();
    let refused = |name: &str, text: &str| {
        TopicConfig::resolve(&overrides(&[(name, text)]), &broker).expect_err("refused")
    };
    assert_eq!(refused("nosuch", "x").message, "Unknown topic config name: nosuch");
    // Broker names are not topic names.
    assert_eq!(refused("log.roll.ms", "5").message, "Unknown topic config name: log.roll.ms");
    let error = refused("retention.ms", "abc");
    assert_eq!((error.key.as_str(), error.value.as_str()), ("retention.ms", "abc"));
    assert_eq!(
        error.to_string(),
        "Invalid value abc for configuration retention.ms: Not a number of type LONG"
    );
}

#[test]
fn an_empty_cleanup_policy_means_neither() {
    let config = TopicConfig::resolve(&overrides(&[("cleanup.policy", "")]), &Config::default());
    let policy = config.expect("valid").cleanup_policy;
    assert_eq!(policy, CleanupPolicy { delete: false, compact: false });
}
