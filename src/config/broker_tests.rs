//! Tests of [`Config`]: defaults, layers, dynamic updates.

use super::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn the_defaults_are_kafkas_and_those_of_a_single_node() {
    let config = Config::default();
    assert_eq!((config.node_id(), config.source("node.id")), (1, Source::StaticBroker));
    assert_eq!(config.get("broker.id"), Some("1"));
    assert_eq!((config.num_partitions(), config.source("num.partitions")), (1, Source::Default));
    assert_eq!(config.socket_request_max_bytes(), 104_857_600);
    assert_eq!(config.listeners()[0].to_string(), "PLAINTEXT://localhost:9092");
    // Whichever of the two addresses they came to.
    assert_eq!(config.advertised_listeners()[0].to_string(), "PLAINTEXT://:9092");
    assert_eq!(config.data_dir(), std::path::Path::new("./data"));
    assert_eq!(config.broker_rack(), None);
    assert!(config.auto_create_topics_enable());
}

#[test]
fn every_default_of_the_table_is_a_valid_value() {
    for setting in table::broker_settings().iter().chain(table::topic_settings()) {
        let Some(text) = setting.default else { continue };
        let value = value::parse(setting, text).expect("a valid default");
        assert_eq!(value.to_string(), text, "{}", setting.name);
    }
}

#[test]
fn a_nodes_value_wins_over_the_clusters_and_that_over_the_files() {
    let config = Config::from_pairs(&[("message.max.bytes", "10")]).expect("valid");
    assert_eq!(config.source("message.max.bytes"), Source::StaticBroker);
    let cluster = map(&[("message.max.bytes", "20")]);
    let node = map(&[("message.max.bytes", "30")]);
    let both = config.with_dynamic(&cluster, &node);
    assert_eq!(
        (both.message_max_bytes(), both.source("message.max.bytes")),
        (30, Source::DynamicBroker)
    );
    assert_eq!(both.topic_defaults().max_message_bytes, 30);
    let default = both.with_dynamic(&cluster, &map(&[]));
    assert_eq!(default.message_max_bytes(), 20);
    assert_eq!(default.source("message.max.bytes"), Source::DynamicDefault);
    assert_eq!(default.with_dynamic(&map(&[]), &map(&[])).message_max_bytes(), 10);
}

#[test]
fn stored_values_that_are_not_valid_any_more_do_not_stop_the_broker() {
    let config = Config::default().with_dynamic(
        &map(&[("message.max.bytes", "x"), ("no.such.setting", "y"), ("log.roll.ms", "-1")]),
        &map(&[("log.retention.ms", "77")]),
    );
    assert_eq!(config.message_max_bytes(), 1_048_588);
    // What contradicts is left out, and nothing else.
    let topics = config.topic_defaults();
    assert_eq!((topics.segment_ms, topics.retention_ms), (604_800_000, 77));
}

#[test]
fn the_old_name_of_the_node_id_is_understood() {
    assert_eq!(Config::from_pairs(&[("broker.id", "7")]).expect("valid").node_id(), 7);
    let error = Config::from_pairs(&[("broker.id", "7"), ("node.id", "8")]).unwrap_err();
    assert_eq!(error.message, "You must set `node.id` to the same value as `broker.id`.");
}

#[test]
fn contradictions_are_refused_at_start() {
    for (name, text, message) in [
        ("log.roll.ms", "0", "log.roll.ms must be greater than or equal to 1"),
        ("log.roll.jitter.ms", "-1", "log.roll.jitter.ms must be greater than or equal to 0"),
        (
            "queued.max.request.bytes",
            "5",
            "requirement failed: queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
        ),
        (
            "max.connections.per.ip",
            " 0",
            "requirement failed: max.connections.per.ip can be set to zero only if \
             max.connections.per.ip.overrides property is set.",
        ),
        (
            "log.retention.hours",
            "0",
            "log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
        ),
    ] {
        assert_eq!(Config::from_pairs(&[(name, text)]).unwrap_err().message, message);
    }
}

#[test]
fn a_topics_default_is_told_as_text() {
    let config = Config::from_pairs(&[("log.retention.hours", "2")]).expect("valid");
    assert_eq!(topic_default("retention.ms", &config).as_deref(), Some("7200000"));
    assert_eq!(topic_default("cleanup.policy", &config).as_deref(), Some("delete"));
    assert_eq!(topic_default("nosuch", &config), None);
}
