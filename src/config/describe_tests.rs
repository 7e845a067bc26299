//! Tests of DescribeConfigs' entries. What is expected was observed on Apache Kafka 4.3.1.

use super::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// An entry in one line: value | type | source | ro or rw | synonyms.
fn line(entry: &Described) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let synonyms: Vec<String> = entry
        .synonyms
        .iter()
        .map(|s| format!("{}={}({})", s.name, value(&s.value), s.source.id()))
        .collect();
    format!(
        "{} | {} | {} | {} | {}",
        value(&entry.value),
        entry.kind.map_or("unknown", Kind::name).to_lowercase(),
        entry.source.id(),
        if entry.read_only { "ro" } else { "rw" },
        synonyms.join(", ")
    )
}

fn topic(name: &str, overrides: &[(&str, &str)], config: &Config) -> String {
    let entries = describe_topic(&map(overrides), config, Some(&[name]));
    assert_eq!(entries.len(), 1, "{name}");
    line(&entries[0])
}

#[test]
fn a_group_shows_its_own_and_what_stands_behind() {
    let config = Config::from_pairs(&[("group.consumer.assignment.interval.ms", "0")]).unwrap();
    let group = |name, overrides: &[(&str, &str)]| {
        line(&describe_group(&map(overrides), &config, Some(&[name]))[0])
    };
    assert_eq!(
        group("consumer.session.timeout.ms", &[("consumer.session.timeout.ms", "50000")]),
        "50000 | int | 8 | rw | consumer.session.timeout.ms=50000(8), \
         group.consumer.session.timeout.ms=45000(5)"
    );
    assert_eq!(
        group("consumer.assignment.interval.ms", &[]),
        "0 | int | 4 | rw | group.consumer.assignment.interval.ms=0(4), \
         group.consumer.assignment.interval.ms=1000(5)"
    );
    assert_eq!(
        group("share.auto.offset.reset", &[]),
        "latest | string | 5 | rw | share.auto.offset.reset=latest(5)"
    );
}

fn broker(name: &str, config: &Config) -> String {
    let entries = describe_broker(config, Some(&[name]));
    assert_eq!(entries.len(), 1, "{name}");
    line(&entries[0])
}

#[test]
fn a_topic_without_overrides_shows_the_brokers_defaults() {
    let config = Config::default();
    for (name, expected) in [
        ("cleanup.policy", "delete | list | 5 | rw | log.cleanup.policy=delete(5)"),
        ("max.message.bytes", "1048588 | int | 5 | rw | message.max.bytes=1048588(5)"),
        (
            "min.cleanable.dirty.ratio",
            "0.5 | double | 5 | rw | log.cleaner.min.cleanable.ratio=0.5(5)",
        ),
        ("retention.ms", "604800000 | long | 5 | rw | "),
        ("flush.ms", "9223372036854775807 | long | 5 | rw | "),
        ("remote.storage.enable", "false | boolean | 5 | rw | "),
        ("leader.replication.throttled.replicas", " | list | 5 | rw | "),
    ] {
        assert_eq!(topic(name, &[], &config), expected, "{name}");
    }
    assert_eq!(describe_topic(&map(&[]), &config, None).len(), 33);
    assert_eq!(describe_topic(&map(&[]), &config, Some(&[])).len(), 33);
    assert_eq!(describe_topic(&map(&[]), &config, Some(&["nosuch"])).len(), 0);
}

#[test]
fn every_layer_is_listed_in_kafkas_order() {
    let config = Config::from_pairs(&[("message.max.bytes", "10")]).expect("valid");
    let config = config
        .with_dynamic(&map(&[("message.max.bytes", "20")]), &map(&[("message.max.bytes", "30")]));
    assert_eq!(
        topic("max.message.bytes", &[("max.message.bytes", " 40 ")], &config),
        "40 | int | 1 | rw | max.message.bytes=40(1), message.max.bytes=30(2), \
         message.max.bytes=20(3), message.max.bytes=10(4), message.max.bytes=1048588(5)"
    );
    assert_eq!(
        broker("message.max.bytes", &config),
        "30 | int | 2 | rw | message.max.bytes=30(2), message.max.bytes=20(3), \
         message.max.bytes=10(4), message.max.bytes=1048588(5)"
    );
    let cluster: Vec<String> = describe_cluster(&config, None).iter().map(line).collect();
    assert_eq!(cluster, ["20 | int | 3 | rw | message.max.bytes=20(3)"]);
}

/// A quirk of Kafka's that clients see: other names before the asked one are dropped, and what follows them stays.
#[test]
fn names_before_the_asked_one_are_cut_off() {
    let hours = Config::from_pairs(&[("log.retention.hours", "1")]).expect("valid");
    assert_eq!(topic("retention.ms", &[], &hours), "3600000 | long | 5 | rw | ");
    let ms = Config::from_pairs(&[("log.retention.ms", "7")]).expect("valid");
    assert_eq!(
        topic("retention.ms", &[], &ms),
        "7 | long | 4 | rw | log.retention.ms=7(4), log.retention.hours=168(5)"
    );
    assert_eq!(
        broker("log.retention.hours", &ms),
        "168 | int | 5 | ro | log.retention.hours=168(5)"
    );
}

#[test]
fn a_broker_shows_what_kafka_shows() {
    let config = Config::default();
    for (name, expected) in [
        ("node.id", "1 | int | 4 | ro | node.id=1(4)"),
        ("broker.id", "1 | int | 4 | ro | broker.id=1(4), broker.id=-1(5)"),
        ("log.retention.ms", "null | long | 5 | rw | "),
        ("broker.rack", "null | string | 5 | ro | "),
        ("process.roles", "broker,controller | list | 4 | ro | process.roles=broker,controller(4)"),
        ("background.threads", "10 | int | 5 | rw | background.threads=10(5)"),
    ] {
        assert_eq!(broker(name, &config), expected, "{name}");
    }
}

#[test]
fn passwords_and_unknown_names_never_show_their_values() {
    let config = Config::default().with_dynamic(
        &map(&[]),
        &map(&[("ssl.key.password", "pa55word"), ("listener.name.x.custom", "pa55word")]),
    );
    let entries = describe_broker(&config, None);
    assert!(!format!("{entries:?}").contains("pa55word"));
    assert_eq!(
        broker("ssl.key.password", &config),
        "null | password | 2 | rw | ssl.key.password=null(2)"
    );
    assert_eq!(
        broker("listener.name.x.custom", &config),
        "null | unknown | 2 | ro | listener.name.x.custom=null(2)"
    );
}

#[test]
fn barnabas_own_settings_are_not_shown_to_kafka_clients() {
    let config = Config::from_pairs(&[("barnabas.workers", "2")]).expect("valid");
    assert_eq!(describe_broker(&config, None).len(), 340);
    assert!(describe_broker(&config, Some(&["barnabas.workers"])).is_empty());
}

/// What the flag hides is told behind it: nobody would find it otherwise, nor know what a start without it does.
#[test]
fn a_flags_value_comes_first_and_the_dynamic_ones_behind_it() {
    use super::super::flags::{Command, parse};
    let sets = ["--set", "message.max.bytes=10", "--set", "log.retention.hours=1"];
    let Ok(Command::Run(start)) = parse(&sets, Vec::new()) else { panic!("valid") };
    let cluster = map(&[("message.max.bytes", "20"), ("log.retention.ms", "5")]);
    let config = start.config.with_dynamic(&cluster, &map(&[("message.max.bytes", "30")]));
    let behind = "message.max.bytes=10(4), message.max.bytes=30(2), message.max.bytes=20(3), \
                  message.max.bytes=1048588(5)";
    assert_eq!(broker("message.max.bytes", &config), format!("10 | int | 4 | rw | {behind}"));
    assert_eq!(topic("max.message.bytes", &[], &config), format!("10 | int | 4 | rw | {behind}"));
    let own = format!("7 | int | 1 | rw | max.message.bytes=7(1), {behind}");
    assert_eq!(topic("max.message.bytes", &[("max.message.bytes", "7")], &config), own);
    assert_eq!(broker("log.retention.ms", &config), "null | long | 5 | rw | ");
    let all: Vec<String> = describe_cluster(&config, None).iter().map(line).collect();
    let [retention, size] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(retention, "5 | long | 3 | rw | log.retention.ms=5(3)");
    assert_eq!(size, "20 | int | 3 | rw | message.max.bytes=20(3)");
}
