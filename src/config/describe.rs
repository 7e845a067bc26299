//! What DescribeConfigs says of each setting: its value, where that comes from, and all the other values
//! that it stands above.
//!
//! The rules are those of Kafka's `ConfigHelper`: synonyms in the order topic, (a flag's, which Kafka has not,)
//! this broker's dynamic value, the cluster's, static, default; within one layer by the order of the synonyms' names. Names that come before
//! the asked one in that list are cut off, so `log.retention.ms` has no synonyms as long as only
//! `log.retention.hours` has a value. A null value is not listed. Pure: plain data for the API's handler.

use std::collections::BTreeMap;

use super::broker::{Config, Source};
use super::group;
use super::layers::Layers;
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
    names.into_iter().map(|name| whole_entry(name, config)).collect()
}

/// The entries of Barnabas's own settings, which Kafka's protocol is not told of.
#[must_use]
pub fn describe_own(config: &Config) -> Vec<Described> {
    table::own_settings().iter().map(|row| whole_entry(row.name, config)).collect()
}

fn whole_entry(name: &str, config: &Config) -> Described {
    broker_entry(name, config, broker_synonyms(name, is_hidden(name), config))
}

/// The entries of the cluster's dynamic defaults (the broker with an empty name): only what is set there.
#[must_use]
pub fn describe_cluster(config: &Config, wanted: Option<&[&str]>) -> Vec<Described> {
    let cluster = &config.layers().cluster;
    let names = cluster.keys().map(String::as_str).filter(|name| is_wanted(wanted, name));
    let entry = |name| {
        let set = synonyms::of_broker(name).into_iter().filter_map(|name| {
            let text = cluster.get(name)?;
            Some(synonym(name, text, Source::DynamicDefault, is_hidden(name)))
        });
        let entry = broker_entry(name, config, from_its_own(name, set.collect()));
        // What the cluster has, whatever this broker has for itself.
        Described { value: entry.synonyms.first().and_then(|own| own.value.clone()), ..entry }
    };
    names.map(entry).collect()
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

fn broker_entry(name: &str, config: &Config, synonyms: Vec<Synonym>) -> Described {
    let row = table::broker_setting(name);
    let sensitive = is_hidden(name);
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

/// Kafka hides what it does not know, too: it might be a password of some plugin.
fn is_hidden(name: &str) -> bool {
    table::broker_setting(name).is_none_or(Setting::sensitive)
}

/// The values behind a setting of the broker, in the order of precedence. A dynamic one that a flag stands above
/// comes behind that: it is stored, and will be in force at a start without the flag.
fn broker_synonyms(name: &str, sensitive: bool, config: &Config) -> Vec<Synonym> {
    let names = synonyms::of_broker(name);
    let ranked: Vec<_> = names.iter().map(|name| (*name, config.layers().ranked(name))).collect();
    let mut found = Vec::new();
    for rank in 0..Layers::COUNT {
        let of_rank = ranked.iter().filter_map(|(name, texts)| Some((*name, texts[rank]?)));
        found.extend(of_rank.map(|(name, (text, source))| synonym(name, text, source, sensitive)));
    }
    for name in names {
        let default = table::broker_setting(name).and_then(|row| row.default);
        found.extend(default.map(|text| synonym(name, text, Source::Default, sensitive)));
    }
    from_its_own(name, found)
}

/// Names that come before the asked one are cut off.
fn from_its_own(name: &str, mut found: Vec<Synonym>) -> Vec<Synonym> {
    let first = found.iter().position(|synonym| synonym.name == name).unwrap_or(found.len());
    found.split_off(first)
}

fn synonym(name: &str, text: &str, source: Source, sensitive: bool) -> Synonym {
    Synonym { name: name.to_owned(), value: (!sensitive).then(|| text.to_owned()), source }
}

#[cfg(test)]
#[path = "describe_tests.rs"]
mod tests;
