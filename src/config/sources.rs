//! From flags, `--set` and a settings file to one configuration, or to one line that says why not.
//!
//! Precedence: flags, then `--set`, then the file, then Kafka's defaults. Unknown names are refused wherever
//! they stand: a mistyped name that is silently ignored is found only when the data is gone. Names that
//! Kafka 4 has removed are left out with a warning, so that an old file still starts a broker. This is
//! the only file of the room that reads from disk.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use super::broker::Config;
use super::error::{ConfigError, Origin};
use super::nearest::nearest;
use super::properties;
use super::support;
use super::synonyms;
use super::table;
use super::value::{self, InvalidConfig};

/// A settings file is read up to this size.
const FILE_LIMIT: u64 = 1 << 20;

/// What the flags say about settings; `None` where a flag was not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlagValues {
    /// `--host`
    pub host: Option<String>,
    /// `--port`
    pub port: Option<u16>,
    /// `--data-dir`
    pub data_dir: Option<String>,
    /// `--node-id`
    pub node_id: Option<i32>,
    /// `--workers`
    pub workers: Option<u16>,
    /// `--io`
    pub io: Option<String>,
    /// `--sqpoll`
    pub sqpoll: bool,
    /// `--log-level`
    pub log_level: Option<String>,
}

/// A configuration and what its owner should be told about it.
#[derive(Debug, Clone)]
pub struct Sourced {
    /// The configuration.
    pub config: Config,
    /// Lines for the log, at warn level.
    pub warnings: Vec<String>,
}

/// Settings as they were given, the last of each name.
pub(super) type Given = BTreeMap<String, (String, Origin)>;

/// Reads all sources. `sets` are the texts after `--set`.
pub fn from_sources(
    file: Option<&Path>,
    sets: &[String],
    flags: &FlagValues,
) -> Result<Sourced, ConfigError> {
    let mut warnings = Vec::new();
    let mut given = Given::new();
    if let Some(path) = file {
        add_file(path, &mut given, &mut warnings)?;
    }
    for set in sets {
        add_set(set, &mut given, &mut warnings)?;
    }
    add_flags(flags, &mut given)?;
    for (name, (text, origin)) in &given {
        ensure_valid(name, text, origin)?;
        support::ensure(name, text, origin)?;
    }
    warnings.extend(support::warnings(&given));
    let set = given.iter().map(|(name, (text, _))| (name.clone(), text.clone())).collect();
    let config = Config::from_static(set).map_err(|invalid| {
        let origin = given.get(&invalid.key).map_or(Origin::Together, |(_, o)| o.clone());
        ConfigError::Invalid(origin, invalid)
    })?;
    Ok(Sourced { config, warnings })
}

impl Config {
    /// The configuration of a file, of `--set` texts and of flags: see [`from_sources`].
    pub fn from_sources(
        file: Option<&Path>,
        sets: &[String],
        flags: &FlagValues,
    ) -> Result<Config, ConfigError> {
        from_sources(file, sets, flags).map(|sourced| sourced.config)
    }
}

fn add_file(path: &Path, given: &mut Given, warnings: &mut Vec<String>) -> Result<(), ConfigError> {
    let text = read(path)?;
    let entries = properties::parse(&text).map_err(|bad| {
        ConfigError::Syntax(Origin::File(path.to_owned(), bad.line), bad.to_string())
    })?;
    for entry in entries {
        let origin = Origin::File(path.to_owned(), entry.line);
        if support::is_retired(&entry.key) {
            let name = &entry.key;
            warnings.push(format!("{origin}{name} does not exist any more in Kafka 4: left out"));
            continue;
        }
        ensure_known(&entry.key, &origin)?;
        given.insert(entry.key, (entry.value, origin));
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |why: String| ConfigError::File(path.to_owned(), why);
    let file = fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(failed(format!("it is larger than {FILE_LIMIT} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8 text".to_owned()))
}

fn add_set(set: &str, given: &mut Given, warnings: &mut Vec<String>) -> Result<(), ConfigError> {
    let Some((name, text)) = set.split_once('=') else {
        let what = format!("{set} is not key=value");
        return Err(ConfigError::Syntax(Origin::Set, what));
    };
    let (name, origin) = (name.trim(), Origin::Set);
    if support::is_retired(name) {
        warnings.push(format!("{origin}{name} does not exist any more in Kafka 4: left out"));
        return Ok(());
    }
    ensure_known(name, &origin)?;
    given.insert(name.to_owned(), (text.to_owned(), origin));
    Ok(())
}

fn ensure_known(name: &str, origin: &Origin) -> Result<(), ConfigError> {
    if table::broker_setting(name).is_some() {
        return Ok(());
    }
    if let Some((listener, base)) = support::per_listener(name) {
        let what = format!("settings of a single listener ({base} for {listener})");
        return Err(ConfigError::Unsupported(origin.clone(), name.to_owned(), what));
    }
    if let Some(topic) = table::topic_setting(name) {
        let broker = synonyms::of_topic(topic.name).first().map(|(broker, _)| *broker);
        return Err(ConfigError::TopicSetting(origin.clone(), topic.name, broker));
    }
    Err(ConfigError::Unknown(origin.clone(), name.to_owned(), nearest(name)))
}

fn ensure_valid(name: &str, text: &str, origin: &Origin) -> Result<(), ConfigError> {
    let Some(setting) = table::broker_setting(name) else { return Ok(()) };
    let invalid = |invalid: InvalidConfig| ConfigError::Invalid(origin.clone(), invalid);
    value::parse(setting, text).map(|_| ()).map_err(invalid)
}

fn add_flags(flags: &FlagValues, given: &mut Given) -> Result<(), ConfigError> {
    add_address(flags, given)?;
    let mut add = |flag: &'static str, name: &str, text: Option<String>| {
        if let Some(text) = text {
            given.insert(name.to_owned(), (text, Origin::Flag(flag)));
        }
    };
    add("--data-dir", "log.dirs", flags.data_dir.clone());
    add("--node-id", "node.id", flags.node_id.map(|id| id.to_string()));
    add("--workers", "barnabas.workers", flags.workers.map(|workers| workers.to_string()));
    add("--io", "barnabas.io", flags.io.clone());
    add("--sqpoll", "barnabas.io.sqpoll", flags.sqpoll.then(|| true.to_string()));
    add("--log-level", "barnabas.log.level", flags.log_level.clone());
    if flags.node_id.is_some() {
        given.remove("broker.id");
    }
    Ok(())
}

/// `--host` and `--port` replace their part of the listener; of several listeners they could mean any.
fn add_address(flags: &FlagValues, given: &mut Given) -> Result<(), ConfigError> {
    let flag = match (&flags.host, flags.port) {
        (None, None) => return Ok(()),
        (Some(_), _) => "--host",
        (None, Some(_)) => "--port",
    };
    let now = Config::from_static(listener_settings(given)).map_err(|invalid| {
        let origin = given.get(&invalid.key).map_or(Origin::Together, |(_, o)| o.clone());
        ConfigError::Invalid(origin, invalid)
    })?;
    let [listener] = now.listeners() else {
        let what =
            format!("{flag} is ambiguous: there are several listeners; set `listeners` instead");
        return Err(ConfigError::Conflict(what));
    };
    let mut listener = listener.clone();
    if let Some(host) = &flags.host {
        let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
        listener.host = bare.unwrap_or(host).to_owned();
    }
    listener.port = flags.port.unwrap_or(listener.port);
    given.insert("listeners".to_owned(), (listener.to_string(), Origin::Flag(flag)));
    Ok(())
}

/// Only what decides on listeners, so that another setting's error is reported as such.
fn listener_settings(given: &Given) -> BTreeMap<String, String> {
    ["listeners", "listener.security.protocol.map", "controller.listener.names"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), given.get(name)?.0.clone())))
        .collect()
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
