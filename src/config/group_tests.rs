//! Tests of the settings of groups.

use super::*;

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn check(own: &[(&str, &str)], broker: &[(&str, &str)]) -> Result<(), String> {
    check_group(&pairs(own), &Config::from_pairs(broker).unwrap()).map_err(|why| why.message)
}

fn refusal(own: &[(&str, &str)]) -> String {
    check(own, &[]).expect_err("refused")
}

#[test]
fn what_lies_within_the_bounds_is_taken() {
    assert_eq!(check(&[], &[]), Ok(()));
    let own =
        [("consumer.session.timeout.ms", "50000"), ("consumer.heartbeat.interval.ms", " 15000")];
    assert_eq!(check(&own, &[]), Ok(()));
    assert_eq!(check(&[("share.auto.offset.reset", "by_duration:PT1H")], &[]), Ok(()));
    let lower = [("group.consumer.min.session.timeout.ms", "6000")];
    assert_eq!(check(&[("consumer.session.timeout.ms", "6000")], &lower), Ok(()));
}

#[test]
fn refusals_have_kafkas_words() {
    for (name, text, message) in [
        ("max.message.bytes", "1", "Unknown group config name: max.message.bytes"),
        (
            "consumer.session.timeout.ms",
            "x",
            "Invalid value x for configuration consumer.session.timeout.ms: Not a number of type INT",
        ),
        (
            "consumer.session.timeout.ms",
            "44999",
            "consumer.session.timeout.ms must be greater than or equal to \
             group.consumer.min.session.timeout.ms",
        ),
        (
            "consumer.session.timeout.ms",
            "60001",
            "consumer.session.timeout.ms must be less than or equal to \
             group.consumer.max.session.timeout.ms",
        ),
        (
            "consumer.assignment.interval.ms",
            "15001",
            "consumer.assignment.interval.ms must be less than or equal to \
             group.consumer.max.assignment.interval.ms",
        ),
        (
            "streams.num.standby.replicas",
            "3",
            "streams.num.standby.replicas must be less than or equal to \
             group.streams.max.standby.replicas",
        ),
    ] {
        assert_eq!(refusal(&[(name, text)]), message);
    }
}

#[test]
fn a_session_must_outlast_a_heartbeat() {
    let broker = [
        ("group.consumer.min.session.timeout.ms", "1000"),
        ("group.consumer.min.heartbeat.interval.ms", "1000"),
    ];
    let own = [("consumer.session.timeout.ms", "5000")];
    let message = "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms";
    assert_eq!(check(&own, &broker), Err(message.to_owned()));
    let own = [own[0], ("consumer.heartbeat.interval.ms", "4999")];
    assert_eq!(check(&own, &broker), Ok(()));
}

#[test]
fn what_was_set_under_other_bounds_is_brought_into_these() {
    let own = pairs(&[
        ("consumer.session.timeout.ms", "1000"),
        ("consumer.heartbeat.interval.ms", "99999"),
        ("share.session.timeout.ms", "1"),
    ]);
    let effective = GroupConfig::effective(&own, &Config::default());
    assert_eq!(effective.session_timeout_ms, Some(45_000));
    assert_eq!(effective.heartbeat_interval_ms, Some(15_000));
    assert_eq!(effective.assignment_interval_ms, None);
}

#[test]
fn every_number_of_a_group_has_a_broker_setting_behind_it_and_bounds() {
    let unbounded = ["streams.initial.rebalance.delay.ms"];
    for row in table::group_settings() {
        let is_number = value::parse(row, row.default.unwrap()).unwrap().as_i64().is_some();
        let has_bounds = bound(row.name, "max").is_some();
        assert_eq!(synonyms::group_default_name(row.name).is_some(), is_number, "{}", row.name);
        assert_eq!(has_bounds, is_number && !unbounded.contains(&row.name), "{}", row.name);
    }
}
