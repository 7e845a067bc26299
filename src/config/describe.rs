//! What DescribeConfigs says of each setting: its value, where that comes from, and all the other values
//! that it stands above.
//!
//! The rules are those of Kafka's `ConfigHelper`: synonyms in the order topic, this broker's dynamic
//! value, the cluster's, static, default; within one layer by the order of the synonyms' names. Names that come before
//! the asked one in that list are cut off, so `log.retention.ms` has no synonyms as long as only
//! `log.retention.hours` has a value. A null value is not listed. Pure: plain data for the API's handler.

use std::collections::BTreeMap;

use super::broker::{Config, Source};
use super::group;
use super::setting::{Kind, Setting};
use super::synonyms;
use super::table;
use super::topic;
use super::value::{self, InvalidConfig, Value};

/// One entry of DescribeConfigs' answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The setting.
    pub name: String,
    /// Its effective value; `None` is null, and what sensitive settings always show.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// Whether clients cannot change it while the broker runs.
    pub read_only: bool,
    /// Whether its values must not be shown.
    pub sensitive: bool,
    /// Its type; `None` if Barnabas does not know the name.
    pub kind: Option<Kind>,
    /// What it means.
    pub doc: &'static str,
    /// The values it could have, the strongest first: the effective one and those behind it.
    pub synonyms: Vec<Synonym>,
}

/// A value that a setting has or would have if the ones before it were not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synonym {
    /// The name under which it is set.
    pub name: String,
    /// The value; `None` for sensitive settings.
    pub value: Option<String>,
    /// Where it is set.
    pub source: Source,
}

/// The entries of a topic with these overrides, by name: all, or those that `wanted` names.
#[must_use]
pub fn describe_topic(
    overrides: &BTreeMap<String, String>,
    config: &Config,
    wanted: Option<&[&str]>,
) -> Vec<Described> {
    let rows = table::topic_settings().iter().filter(|row| is_wanted(wanted, row.name));
    let broker = |row: &Setting| synonyms::of_topic(row.name).first().map(|(broker, _)| *broker);
    let inherited = |row: &Setting| topic::inherited(row, &|name| config.value(name));
    let entry = |row| own_entry(row, overrides, Source::Topic, broker(row), &inherited, config);
    rows.map(entry).collect()
}

/// The entries of a group with these overrides, by name: all, or those that `wanted` names.
#[must_use]
pub fn describe_group(
    overrides: &BTreeMap<String, String>,
    config: &Config,
    wanted: Option<&[&str]>,
) -> Vec<Described> {
    let rows = table::group_settings().iter().filter(|row| is_wanted(wanted, row.name));
    let inherited = |row: &Setting| group::inherited(row, config);
    rows.map(|row| {
        let broker = synonyms::group_default_name(row.name);
        let mut entry = own_entry(row, overrides, Source::Group, broker, &inherited, config);
        if broker.is_none() {
            let (name, value) = (row.name.to_owned(), row.default.map(str::to_owned));
            entry.synonyms.push(Synonym { name, value, source: Source::Default });
        }
        entry
    })
    .collect()
}

/// The entries of this broker, by name: all, or those that `wanted` names.
#[must_use]
pub fn describe_broker(config: &Config, wanted: Option<&[&str]>) -> Vec<Described> {
    let layers = config.layers();
    let set = [&layers.node, &layers.cluster, &layers.fixed].into_iter().flat_map(BTreeMap::keys);
    let mut names: Vec<&str> = set.map(String::as_str).filter(|name| !is_own(name)).collect();
    names.extend(table::broker_settings().iter().map(|row| row.name));
    names.retain(|name| is_wanted(wanted, name));
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| broker_entry(name, config, |_| true)).collect()
}

/// The entries of the cluster's dynamic defaults (the broker with an empty name): only what is set there.
#[must_use]
pub fn describe_cluster(config: &Config, wanted: Option<&[&str]>) -> Vec<Described> {
    let names = config.layers().cluster.keys().map(String::as_str);
    names
        .filter(|name| is_wanted(wanted, name))
        .map(|name| {
            let entry = broker_entry(name, config, |source| source == Source::DynamicDefault);
            // What the cluster has, whatever this broker has for itself.
            Described { value: entry.synonyms.first().and_then(|own| own.value.clone()), ..entry }
        })
        .collect()
}

/// No keys asked for means all.
fn is_wanted(wanted: Option<&[&str]>, name: &str) -> bool {
    wanted.is_none_or(|keys| keys.is_empty() || keys.contains(&name))
}

fn is_own(name: &str) -> bool {
    table::own_settings().iter().any(|row| row.name == name)
}

/// The entry of a topic's or group's setting; `broker` is the broker's setting behind it.
fn own_entry(
    row: &Setting,
    overrides: &BTreeMap<String, String>,
    own_source: Source,
    broker: Option<&str>,
    inherited: &dyn Fn(&Setting) -> Result<Value, InvalidConfig>,
    config: &Config,
) -> Described {
    let text = overrides.get(row.name);
    // What is stored was valid when it was stored; a value that is not any more shows the default.
    let own = text.and_then(|text| value::parse(row, text).ok());
    let shown = own
        .or_else(|| inherited(row).ok())
        .map(|value| value.to_string())
        .filter(|_| !row.sensitive());
    let mut synonyms = match broker {
        Some(broker) => broker_synonyms(broker, row.sensitive(), config),
        None => Vec::new(),
    };
    if text.is_some() {
        let (name, value) = (row.name.to_owned(), shown.clone());
        synonyms.insert(0, Synonym { name, value, source: own_source });
    }
    Described {
        name: row.name.to_owned(),
        value: shown,
        source: synonyms.first().map_or(Source::Default, |synonym| synonym.source),
        read_only: false,
        sensitive: row.sensitive(),
        kind: Some(row.kind),
        doc: row.doc,
        synonyms,
    }
}

fn broker_entry(name: &str, config: &Config, layer: impl Fn(Source) -> bool) -> Described {
    let row = table::broker_setting(name);
    // Kafka hides what it does not know: it might be a password of some plugin.
    let sensitive = row.is_none_or(Setting::sensitive);
    let mut synonyms = broker_synonyms(name, sensitive, config);
    synonyms.retain(|synonym| layer(synonym.source));
    let value = config.value(name).map(|value: Value| value.to_string()).filter(|_| !sensitive);
    Described {
        name: name.to_owned(),
        value,
        source: synonyms.first().map_or(Source::Default, |synonym| synonym.source),
        read_only: row.is_none_or(Setting::read_only),
        sensitive,
        kind: row.map(|row| row.kind),
        doc: row.map_or("", |row| row.doc),
        synonyms,
    }
}

fn broker_synonyms(name: &str, sensitive: bool, config: &Config) -> Vec<Synonym> {
    let names = synonyms::of_broker(name);
    let layers = config.layers();
    let default = |name: &str| table::broker_setting(name).and_then(|row| row.default);
    let mut found = Vec::new();
    let mut add = |name: &str, text: Option<&str>, source: Source| {
        let Some(text) = text else { return };
        let value = (!sensitive).then(|| text.to_owned());
        found.push(Synonym { name: name.to_owned(), value, source });
    };
    for (map, source) in [
        (&layers.node, Source::DynamicBroker),
        (&layers.cluster, Source::DynamicDefault),
        (&layers.fixed, Source::StaticBroker),
    ] {
        names.iter().for_each(|name| add(name, map.get(*name).map(String::as_str), source));
    }
    names.iter().for_each(|name| add(name, default(name), Source::Default));
    let first = found.iter().position(|synonym| synonym.name == name).unwrap_or(found.len());
    found.split_off(first)
}

#[cfg(test)]
#[path = "describe_tests.rs"]
mod tests;
