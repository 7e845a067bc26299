//! The settings table agrees with Apache Kafka 4.3.1: names, types, defaults, who may change what, and which
//! broker setting stands behind a topic's.
//!
//! `config_kafka_table.txt` was observed: it is what DescribeConfigs of a Kafka 4.3.1 broker without
//! settings of its own answers. A line is `topic NAME TYPE SYNONYM DEFAULT` or
//! `broker NAME TYPE rw|ro DEFAULT`; `-` is no synonym, `null` no value, an absent default the empty text.

use std::collections::BTreeMap;

use barnabas::config::{Config, Described, Source, describe_broker, describe_topic};

const OBSERVED: &str = include_str!("config_kafka_table.txt");

/// What Kafka demands a value for: the table has no default, a running broker always shows one.
const REQUIRED: &[&str] = &["controller.listener.names", "node.id", "process.roles"];

/// What Kafka can change in a running broker and Barnabas says that it cannot.
const AT_START: &[&str] = &["listener.security.protocol.map", "listeners"];

fn observed(scope: &str) -> Vec<&'static str> {
    OBSERVED.lines().filter_map(|line| line.strip_prefix(scope)).map(str::trim_start).collect()
}

fn default_of(entry: &Described) -> String {
    let default =
        entry.synonyms.iter().rfind(|s| s.source == Source::Default && s.name == entry.name);
    let value = match (entry.source, default) {
        (_, Some(synonym)) => synonym.value.clone(),
        (Source::Default, None) => entry.value.clone(),
        _ => None,
    };
    value.unwrap_or_else(|| "null".to_owned())
}

fn kind(entry: &Described) -> String {
    entry.kind.map_or("unknown", |kind| kind.name()).to_lowercase()
}

#[test]
fn topics_have_kafkas_settings() {
    let entries = describe_topic(&BTreeMap::new(), &Config::default(), None);
    let ours: Vec<String> = entries
        .iter()
        .map(|entry| {
            let synonym = entry.synonyms.first().map_or("-", |s| s.name.as_str());
            let value = entry.value.clone().unwrap_or_else(|| "null".to_owned());
            let line = format!("{} {} {synonym} {value}", entry.name, kind(entry));
            line.trim_end().to_owned()
        })
        .collect();
    assert_eq!(ours, observed("topic "));
}

#[test]
fn brokers_have_kafkas_settings() {
    let entries = describe_broker(&Config::default(), None);
    let ours: Vec<String> = entries
        .iter()
        .map(|entry| {
            let is_at_start = AT_START.contains(&entry.name.as_str());
            assert!(entry.read_only || !is_at_start, "{}", entry.name);
            let mode = if entry.read_only && !is_at_start { "ro" } else { "rw" };
            let line = format!("{} {} {mode} {}", entry.name, kind(entry), default_of(entry));
            line.trim_end().to_owned()
        })
        .collect();
    assert_eq!(ours, observed("broker "));
}

/// One synonym, the default itself, unless it is null, hidden or set.
#[test]
fn an_unset_setting_names_its_default_as_its_only_synonym() {
    for entry in describe_broker(&Config::default(), None) {
        if entry.source != Source::Default {
            continue;
        }
        let expected = entry.value.iter().map(|value| (entry.name.clone(), Some(value.clone())));
        let synonyms = entry.synonyms.iter().map(|s| (s.name.clone(), s.value.clone()));
        assert!(synonyms.eq(expected), "{entry:?}");
    }
}

#[test]
fn only_what_a_single_node_needs_is_set_without_being_asked() {
    let entries = describe_broker(&Config::default(), None);
    let set: Vec<&str> =
        entries.iter().filter(|e| e.source != Source::Default).map(|e| e.name.as_str()).collect();
    let mut expected = [REQUIRED, &["broker.id", "listeners", "log.dirs"]].concat();
    expected.sort_unstable();
    assert_eq!(set, expected);
}
