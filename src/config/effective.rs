//! What a broker would start with, as `barnabas config` prints it: each setting, its value, and where that
//! comes from. In the format of `server.properties`, so that it can be kept and used.
//!
//! What was set while a broker ran stands between the command line and what else it is started with, in
//! DescribeConfigs' order: this broker's own, then that of all brokers. Who calls brings it. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::broker::{Config, Source};
use super::nearest::hint;
use super::properties;
use super::setting::Setting;
use super::sources::Sourced;
use super::support;
use super::synonyms;
use super::table;

/// Instead of what must never be shown.
const HIDDEN: &str = "[hidden]";
const FOR_ALL: &str = "set while it ran, for all brokers";
const FOR_THIS: &str = "set while it ran, for this broker";
/// Instead of where an ephemeral broker's data is: nobody knows yet.
const TEMPORARY: &str = "--ephemeral: a temporary directory of its own, removed at exit";

/// Which settings are printed, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown {
    /// It would have a new directory, in which nothing has been set: its data is somewhere else than they say.
    pub ephemeral: bool,
    /// Only what was set somewhere.
    pub non_default: bool,
}

/// All settings: those of Barnabas, then Kafka's, by name. `cluster` and `node` are the dynamic values
/// of all brokers and of this one.
#[must_use]
pub fn effective(
    sourced: &Sourced,
    cluster: &BTreeMap<String, String>,
    node: &BTreeMap<String, String>,
    shown: Shown,
) -> String {
    let mut out = String::new();
    let config = sourced.config.with_dynamic(cluster, node);
    let unlisted = table::unlisted_settings().iter();
    let set = unlisted.filter(|setting| config.source(setting.name) != Source::Default);
    let mut kafkas: Vec<&Setting> = table::broker_settings().iter().chain(set).collect();
    kafkas.sort_unstable_by_key(|setting| setting.name);
    for setting in table::own_settings().iter().chain(kafkas) {
        let line = match setting.name {
            "log.dir" | "log.dirs" if shown.ephemeral => {
                format!("# {TEMPORARY}\n#{}=", setting.name)
            }
            name if shown.non_default && !is_set(sourced, &config, name) => continue,
            _ => line(sourced, &config, setting),
        };
        let _ = writeln!(out, "{line}");
    }
    for (dynamic, whose) in [(cluster, FOR_ALL), (node, FOR_THIS)] {
        for name in dynamic.keys().filter(|name| is_unknown(name)) {
            let near = hint(name);
            let near = near.map_or(String::new(), |near| format!(", did you mean {near}?"));
            // As DescribeConfigs: it might be a secret of some plugin.
            let name = properties::escape_key(name);
            let _ = writeln!(out, "# {whose}; unknown{near}\n#{name}={HIDDEN}");
        }
    }
    out
}

/// Whether somebody has set it, even if in vain.
fn is_set(sourced: &Sourced, config: &Config, name: &str) -> bool {
    let given = &sourced.given;
    let is_dynamic = matches!(config.source(name), Source::DynamicBroker | Source::DynamicDefault);
    is_dynamic || given.get(name).is_some() || given.outdone(name).is_some()
}

/// Kafka takes any name while a broker runs, and so it is taken here.
fn is_unknown(name: &str) -> bool {
    table::broker_setting(name).is_none() && support::per_listener(name).is_none()
}

/// `# where it comes from`, what it counts where its name does not say that, and the setting in a line of its
/// own: a properties file has no comments behind values. What has no value, or none to be shown, is a comment itself.
fn line(sourced: &Sourced, config: &Config, setting: &Setting) -> String {
    let name = setting.name;
    let unit = setting.unsaid_unit().map_or(String::new(), |unit| format!(" ({unit})"));
    let origin = format!("{}{unit}{}", origin(config, name), beaten(sourced, config, name));
    match config.get(name) {
        Some(_) if setting.sensitive() => format!("# {origin}\n#{name}={HIDDEN}"),
        Some(text) => format!("# {origin}\n{name}={}", properties::escape(text)),
        None => format!("# {origin}\n#{name}="),
    }
}

/// Where the value comes from, and the sources that this one stands above.
fn origin(config: &Config, name: &str) -> String {
    let ranked = config.layers().ranked(name).into_iter().flatten();
    let origins: Vec<&str> = ranked
        .map(|(_, source)| match source {
            Source::DynamicBroker => FOR_THIS,
            Source::DynamicDefault => FOR_ALL,
            _ => config.origin(name),
        })
        .collect();
    match origins.is_empty() {
        true => "default".to_owned(),
        false => origins.join("; above "),
    }
}

/// What does not hold because another name of the same thing stands above it: what a weaker source gave, or
/// this value itself.
fn beaten(sourced: &Sourced, config: &Config, name: &str) -> String {
    if let Some(outdone) = sourced.given.outdone(name) {
        let origin = outdone.origin.place();
        // What stood above it may be outdone itself.
        let held = synonyms::same(name).iter().find(|same| sourced.given.get(same).is_some());
        let by = held.map_or(outdone.by.as_str(), |held| held);
        return format!("; that of {origin} does not hold, {by} does");
    }
    let holds = synonyms::same(name).iter().find(|same| config.get(same).is_some());
    // Where they come in several units, texts that are alike are not the same.
    let is_alike =
        |same| synonyms::in_units(name).is_empty() && config.get(same) == config.get(name);
    match holds {
        Some(same) if *same != name && config.get(name).is_some() && !is_alike(same) => {
            format!("; does not hold, {same} does")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sources::{Sources, from_sources};
    use super::*;

    /// Any name can be set while a broker runs, as in Kafka.
    #[test]
    fn no_name_makes_a_line_of_its_own() {
        let names = ["a\nnum.partitions", "b\rnum.partitions=8\r\n\\"];
        let set = names.map(|name| (name.to_owned(), "7".to_owned())).into();
        let sourced = from_sources(&Sources::default()).expect("valid");
        for (cluster, node) in [(&set, &BTreeMap::new()), (&BTreeMap::new(), &set)] {
            let printed = effective(&sourced, cluster, node, Shown::default());
            for line in ["a\\nnum.partitions=", "b\\rnum.partitions\\=8\\r\\n\\\\="] {
                assert!(printed.contains(&format!("\n#{line}[hidden]\n")), "{line}: {printed}");
            }
            let entries = properties::parse(&printed).entries;
            let read = entries.iter().filter(|entry| entry.key == "num.partitions");
            let read: Vec<&str> = read.map(|entry| entry.value.as_str()).collect();
            assert_eq!(read, ["1"], "{printed}");
        }
    }
}
