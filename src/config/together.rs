//! What settings say together, each of which may be right by itself: all of it that is wrong, not only the
//! first, so that a start can tell it at once.
//!
//! Where a value is needed that is wrong by itself, nothing is said: whoever mends that one may mean
//! something else. Pure.

use std::collections::BTreeMap;

use super::layers::Layers;
use super::listeners::Endpoints;
use super::topic::TopicConfig;
use super::value::{InvalidConfig, Value};
use super::{cross, http, listeners};

/// Everything that is wrong with these values together; `is_bad` tells which settings are wrong by themselves.
pub(super) fn problems(layers: &Layers, is_bad: &dyn Fn(&str) -> bool) -> Vec<InvalidConfig> {
    let value = |name: &str| if is_bad(name) { None } else { layers.value(name) };
    let mut found = Vec::new();
    topics(&value, is_bad, &mut found);
    if let (Some(threads), Some(memory)) =
        (number(&value, "log.cleaner.threads"), number(&value, "log.cleaner.dedupe.buffer.size"))
    {
        found.extend(cross::check_cleaner(threads, memory).err());
    }
    found.extend(cross::group_problems(&value));
    if let (Some(all), Some(largest)) =
        (number(&value, "queued.max.request.bytes"), number(&value, "socket.request.max.bytes"))
    {
        found.extend(cross::check_memory(all, largest).err());
    }
    if let (Some(limit), Some(Value::Text(overrides))) =
        (number(&value, "max.connections.per.ip"), value("max.connections.per.ip.overrides"))
    {
        found.extend(cross::check_per_ip(limit, &overrides).err());
    }
    if !is_bad(http::LISTENER) {
        found.extend(http::parse(text(layers, http::LISTENER).unwrap_or(http::OFF)).err());
    }
    if !listeners::DECIDE.iter().any(|name| is_bad(name)) {
        found.extend(endpoints(layers).err().into_iter().flatten());
    }
    polling(layers, &value, is_bad, &mut found);
    found
}

/// The listeners that these values make.
pub(super) fn endpoints(layers: &Layers) -> Result<Endpoints, Vec<InvalidConfig>> {
    listeners::endpoints(&|name| layers.value(name), &|name| layers.text(name).is_some())
}

type Lookup<'l> = &'l dyn Fn(&str) -> Option<Value>;

fn number(value: Lookup<'_>, name: &str) -> Option<i64> {
    value(name)?.as_i64()
}

fn text<'l>(layers: &'l Layers, name: &str) -> Option<&'l str> {
    layers.text(name).map(|(text, _)| text)
}

fn topics(value: Lookup<'_>, is_bad: &dyn Fn(&str) -> bool, found: &mut Vec<InvalidConfig>) {
    let topics = match TopicConfig::inherit(value) {
        Ok(topics) => topics,
        Err(why) => return found.push(why),
    };
    let units = |name: &str| ["ms", "minutes", "hours"].map(|unit| format!("{name}.{unit}"));
    let is_known = |name: &str| !units(name).iter().any(|name| is_bad(name));
    if is_known("log.cleaner.min.compaction.lag") && is_known("log.cleaner.max.compaction.lag") {
        found.extend(cross::check_lags(&topics).err());
    }
    for (name, check) in cross::TIMES {
        if is_known(name) {
            found.extend(check(&topics).err());
        }
    }
}

fn polling(
    layers: &Layers,
    value: Lookup<'_>,
    is_bad: &dyn Fn(&str) -> bool,
    found: &mut Vec<InvalidConfig>,
) {
    let needed = ["barnabas.io", "barnabas.workers"];
    if value("barnabas.io.sqpoll") != Some(Value::Boolean(true)) || needed.into_iter().any(is_bad) {
        return;
    }
    let io = value("barnabas.io").map(|io| io.to_string()).unwrap_or_default();
    let workers = worker_count(layers.value("barnabas.workers"));
    found.extend(cross::check_polling(&io, workers, cores()).err());
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// How many workers a value of `barnabas.workers` stands for.
pub(super) fn worker_count(value: Option<Value>) -> usize {
    match value.and_then(|value| value.as_i64()) {
        Some(workers @ 1..) => usize::try_from(workers).unwrap_or(1),
        _ => cores(),
    }
}

/// `broker.id` is the old name of `node.id`: each stands for the other.
pub(super) fn same_id(set: &mut BTreeMap<String, String>) -> Result<(), InvalidConfig> {
    let (node, broker) = (set.get("node.id").cloned(), set.get("broker.id").cloned());
    match (node, broker) {
        (Some(node), Some(broker)) if node.trim() != broker.trim() => {
            let message = "You must set `node.id` to the same value as `broker.id`.".to_owned();
            return Err(InvalidConfig::because("node.id", message));
        }
        (Some(id), None) => set.insert("broker.id".to_owned(), id),
        (None, Some(id)) => set.insert("node.id".to_owned(), id),
        _ => None,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sources::{FlagValues, Sources, from_sources};

    /// What is said of these settings, a line each.
    fn said(sets: &[&str]) -> Vec<String> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let refused = from_sources(&Sources { sets: &sets, ..Sources::default() });
        let problems = refused.expect_err("refused").0;
        problems.iter().map(|problem| problem.to_string().replacen("--set: ", "", 1)).collect()
    }

    #[test]
    fn what_settings_say_together_is_told_with_what_each_says_alone() {
        assert_eq!(
            said(&["listeners=FOO://:9092", "num.partitions=four"]),
            [
                "Invalid value four for configuration num.partitions: Not a number of type INT",
                "No security protocol defined for listener FOO",
            ]
        );
        let two = "listeners=FOO://:1,BAR://:2";
        assert_eq!(
            said(&[two, "log.roll.ms=0", "log.retention.ms=0", "node.id=1", "broker.id=2"]),
            [
                "You must set `node.id` to the same value as `broker.id`.",
                "log.roll.ms must be greater than or equal to 1",
                "log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
                "No security protocol defined for listener FOO",
                "No security protocol defined for listener BAR",
            ]
        );
        let all = said(&[
            "log.retention.ms=0",
            "queued.max.request.bytes=5",
            "barnabas.http.listener=8080",
            "advertised.listeners=x",
            "barnabas.io.sqpoll=true",
            "log.cleaner.threads=1000",
            "group.consumer.session.timeout.ms=1",
        ]);
        assert_eq!(all.len(), 8, "{all:#?}");
    }

    /// Who mends the one may mean something else by the other.
    #[test]
    fn nothing_is_said_of_what_needs_a_value_that_is_wrong_by_itself() {
        let largest = "log.cleaner.min.compaction.lag.ms=9223372036854775807";
        for sets in [
            &["listners=FOO://:9092", "inter.broker.listener.name=FOO"][..],
            &["barnabas.workers=many", "barnabas.io=uring", "barnabas.io.sqpoll=true"],
            &["socket.request.max.bytes=large", "queued.max.request.bytes=5"],
            &[
                "group.consumer.max.session.timeout.ms=x",
                "group.consumer.session.timeout.ms=900000",
            ],
            &["log.cleaner.max.compaction.lag.ms=x", largest],
        ] {
            assert_eq!(said(sets).len(), 1, "{sets:?}: {:?}", said(sets));
        }
    }

    /// `--host` and `--port` replace a part of what is not known then.
    #[test]
    fn flags_add_nothing_to_listeners_that_are_wrong_by_themselves() {
        let (host, port) = (Some("other".to_owned()), Some(8));
        for flags in [
            FlagValues { port, ..FlagValues::default() },
            FlagValues { host, ..FlagValues::default() },
        ] {
            for wrong in
                ["listeners=", "listeners= , ", "listners=A://:1", "inter.broker.listener.nam=A"]
            {
                let sets = [wrong.to_owned()];
                let refused =
                    |flags| from_sources(&Sources { sets: &sets, flags, ..Sources::default() });
                let alone = refused(FlagValues::default()).expect_err("refused").0;
                assert_eq!(alone.len(), 1, "{alone:?}");
                assert_eq!(refused(flags.clone()).expect_err("refused").0, alone, "{wrong}");
            }
        }
    }
}
