//! The settings of one group: its own where it has any, else what the broker gives all groups.
//!
//! Kafka's `GroupConfig` and `GroupConfigManager`: what a client sets must lie within the broker's bounds; what
//! was set under other bounds is brought into them when it takes effect. Only those of consumer groups have an
//! effect here; the others are checked and kept. Pure.

use std::collections::BTreeMap;

use super::broker::Config;
use super::setting::Setting;
use super::synonyms;
use super::table;
use super::value::{self, InvalidConfig, Value};

/// What a group has for itself, within the broker's bounds. Times are milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupConfig {
    /// `consumer.session.timeout.ms`
    pub session_timeout_ms: Option<i32>,
    /// `consumer.heartbeat.interval.ms`
    pub heartbeat_interval_ms: Option<i32>,
    /// `consumer.assignment.interval.ms`
    pub assignment_interval_ms: Option<i32>,
}

impl GroupConfig {
    /// What takes effect of a group's own values.
    #[must_use]
    pub fn effective(overrides: &BTreeMap<String, String>, broker: &Config) -> GroupConfig {
        let own = |name: &str| {
            let number = number(overrides.get(name)?, table::group_setting(name)?)?;
            let bound = |end| broker.number(&bound(name, end)?);
            let number = bound("min").map_or(number, |least| number.max(least));
            i32::try_from(bound("max").map_or(number, |most| number.min(most))).ok()
        };
        GroupConfig {
            session_timeout_ms: own("consumer.session.timeout.ms"),
            heartbeat_interval_ms: own("consumer.heartbeat.interval.ms"),
            assignment_interval_ms: own("consumer.assignment.interval.ms"),
        }
    }
}

/// Checks all the values that a group is to have of its own.
///
/// # Errors
/// For unknown names, values that do not parse, are out of the broker's bounds, or contradict each other,
/// in Kafka's words.
pub fn check_group(
    overrides: &BTreeMap<String, String>,
    broker: &Config,
) -> Result<(), InvalidConfig> {
    if let Some(name) = overrides.keys().find(|name| table::group_setting(name).is_none()) {
        return Err(InvalidConfig::because(name, format!("Unknown group config name: {name}")));
    }
    for row in table::group_settings() {
        overrides.get(row.name).map_or(Ok(()), |text| value::parse(row, text).map(drop))?;
    }
    let numbers = Numbers { overrides, broker };
    for row in table::group_settings() {
        // What is inherited of these is not looked at: the broker's may change while it runs (KAFKA-20337).
        if !row.name.ends_with(".assignment.interval.ms") || overrides.contains_key(row.name) {
            numbers.check_bounds(row)?;
        }
    }
    ["consumer", "share", "streams"].into_iter().try_for_each(|kind| numbers.check_session(kind))
}

struct Numbers<'a> {
    overrides: &'a BTreeMap<String, String>,
    broker: &'a Config,
}

impl Numbers<'_> {
    fn value(&self, row: &Setting) -> Option<i64> {
        match self.overrides.get(row.name) {
            Some(text) => number(text, row),
            None => inherited(row, self.broker).ok()?.as_i64(),
        }
    }

    fn check_bounds(&self, row: &Setting) -> Result<(), InvalidConfig> {
        let Some(value) = self.value(row) else { return Ok(()) };
        for (end, word) in [("min", "greater"), ("max", "less")] {
            let Some(name) = bound(row.name, end) else { continue };
            let Some(limit) = self.broker.number(&name) else { continue };
            if (end == "min" && value < limit) || (end == "max" && value > limit) {
                let message = format!("{} must be {word} than or equal to {name}", row.name);
                return Err(InvalidConfig::because(row.name, message));
            }
        }
        Ok(())
    }

    /// A session lasts longer than the pause between two heartbeats.
    fn check_session(&self, kind: &str) -> Result<(), InvalidConfig> {
        let names = [format!("{kind}.session.timeout.ms"), format!("{kind}.heartbeat.interval.ms")];
        let value = |name: &String| self.value(table::group_setting(name)?);
        let [session, heartbeat] = &names;
        match (value(session), value(heartbeat)) {
            (Some(timeout), Some(interval)) if timeout <= interval => {
                let message = format!("{session} must be greater than {heartbeat}");
                Err(InvalidConfig::because(session, message))
            }
            _ => Ok(()),
        }
    }
}

fn number(text: &str, row: &Setting) -> Option<i64> {
    value::parse(row, text).ok()?.as_i64()
}

/// The broker's bound of a group's setting: `consumer.x` has `group.consumer.min.x`.
fn bound(name: &str, end: &str) -> Option<String> {
    if name == "streams.num.standby.replicas" {
        // The one whose bound is named otherwise; there is no lower one.
        return (end == "max").then(|| "group.streams.max.standby.replicas".to_owned());
    }
    let (kind, rest) = name.split_once('.')?;
    let name = format!("group.{kind}.{end}.{rest}");
    table::broker_setting(&name).map(|_| name)
}

/// The value that a group takes for a setting of which it has none of its own.
pub(super) fn inherited(row: &Setting, broker: &Config) -> Result<Value, InvalidConfig> {
    match synonyms::group_default_name(row.name).and_then(|name| broker.value(name)) {
        Some(value) => Ok(value),
        None => value::parse(row, row.default.unwrap_or_default()),
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
