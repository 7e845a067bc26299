//! From flags, `--set`, the environment and a settings file to one configuration, or to what is wrong.
//!
//! Precedence: flags, then `--set`, then (see `layers`) what was set while a broker ran, then environment
//! variables, then the file, then Kafka's defaults; by any name of the same thing (see `given`). A
//! mistyped name is refused, with the one that was meant: silently ignored it would be found only when the
//! data is gone. A name that is no slip of the finger, and one that Kafka 4 has removed, is left out with a
//! warning, so that what was written for another version or vendor still starts a broker. Everything that is wrong
//! is told at once. This is the only file of the room that reads from disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::address::Parts;
use super::broker::Config;
use super::environment::{self, Family, Variable};
use super::error::{ConfigError, ConfigErrors, Origin};
use super::given::Given;
use super::listeners;
use super::nearest::{hint, nearest, nearest_own};
use super::properties::{self, Parsed};
use super::setting::Setting;
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
    /// `--http-port`
    pub http_port: Option<u16>,
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
    /// `--pin`
    pub pin: bool,
    /// `--log-level`
    pub log_level: Option<String>,
    /// `--log-format`
    pub log_format: Option<String>,
}

/// A configuration and what its owner should be told about it.
#[derive(Debug, Clone)]
pub struct Sourced {
    /// The configuration.
    pub config: Config,
    /// Lines for the log, at warn level.
    pub warnings: Vec<String>,
    /// What was given, and where.
    pub(super) given: Given,
}

/// What a broker is given at its start, weakest first.
#[derive(Debug, Clone, Default)]
pub struct Sources<'s> {
    /// The settings file that the command line names.
    pub file: Option<&'s Path>,
    /// Environment variables that are about settings.
    pub variables: Vec<Variable>,
    /// The texts after `--set`.
    pub sets: &'s [String],
    /// Flags of their own.
    pub flags: FlagValues,
    /// What is wrong with the command line itself.
    pub problems: Vec<ConfigError>,
}

/// Reads all sources.
///
/// # Errors
/// Everything that is wrong, not only the first.
pub fn from_sources(sources: &Sources<'_>) -> Result<Sourced, ConfigErrors> {
    let mut gathered = Gathered::default();
    let named = |flag| {
        let variable = sources.variables.iter().find(|variable| variable.setting == flag)?;
        variable.value.as_deref().map(Path::new)
    };
    if let Some(path) = named(environment::DEFAULTS) {
        gathered.add_file(path, Origin::Defaults);
    }
    if let Some(path) = sources.file.or(named(environment::CONFIG)) {
        gathered.add_file(path, Origin::File);
    }
    for variable in &sources.variables {
        gathered.add_variable(variable);
    }
    let parts = Parts::of_variables(&sources.variables, &mut gathered.problems);
    gathered.add_parts(&parts);
    for set in sources.sets {
        gathered.add_set(set);
    }
    gathered.add_flags(&sources.flags);
    gathered.problems.extend(sources.problems.iter().cloned());
    gathered.check();
    gathered.check_together();
    if !gathered.problems.is_empty() {
        return Err(ConfigErrors(gathered.problems));
    }
    let warnings = gathered.warnings();
    let given = gathered.given;
    let config = Config::from_static(given.texts(), from_command_line(&given));
    let config = config.map_err(|invalid| ConfigErrors(vec![together(&given, invalid)]))?;
    let config = config.with_origins(given.origins());
    Ok(Sourced { config, warnings, given })
}

/// What the command line gave, and how it did.
fn from_command_line(given: &Given) -> BTreeMap<String, String> {
    let is_secret = |name: &str| table::broker_setting(name).is_none_or(Setting::sensitive);
    let how = |name: &String, (text, origin): &(String, Origin)| match origin {
        Origin::Set if is_secret(name) => Some(format!("--set {name}")),
        Origin::Set => Some(format!("--set {name}={text}")),
        Origin::Flag(flag) => Some((*flag).to_owned()),
        Origin::Defaults(..) | Origin::File(..) | Origin::Variable(_) | Origin::Together => None,
    };
    given.iter().filter_map(|(name, one)| Some((name.clone(), how(name, one)?))).collect()
}

/// An error of settings that may each be right by themselves.
pub(super) fn together(given: &Given, invalid: InvalidConfig) -> ConfigError {
    let origin = given.get(&invalid.key).map_or(Origin::Together, |(_, o)| o.clone());
    ConfigError::Invalid(origin, invalid)
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Gathered {
    given: Given,
    problems: Vec<ConfigError>,
    /// Names that Kafka 4 has removed, and names that are nobody's: with their places.
    retired: Vec<String>,
    strange: Vec<String>,
}

/// Whose line of a file it is.
type Place = fn(PathBuf, usize) -> Origin;

impl Gathered {
    fn add_file(&mut self, path: &Path, place: Place) {
        // Some editors begin a file with this mark; it is part of no name.
        let text = read(path).map(|text| text.trim_start_matches('\u{FEFF}').to_owned());
        let Parsed { entries, problems } = match text {
            Ok(text) => parsed(path, &text),
            Err(problem) => return self.problems.push(problem),
        };
        let origin = |line| place(path.to_owned(), line);
        let syntax = |(line, what)| ConfigError::Syntax(origin(line), what);
        self.problems.extend(problems.into_iter().map(syntax));
        for entry in entries {
            self.add(&entry.key, entry.value, origin(entry.line));
        }
    }

    fn add_variable(&mut self, variable: &Variable) {
        let Variable { name, family, setting, value } = variable;
        let origin = Origin::Variable(name.clone());
        let is_known = table::broker_setting(setting).is_some() || support::is_retired(setting);
        match family {
            // Whatever it is, it need not be meant for us.
            Family::Kafka if !is_known && support::per_listener(setting).is_none() => {
                let near = hint(setting);
                let near = near.map_or(String::new(), |near| format!(" (did you mean {near}?)"));
                self.strange.push(format!("{name}{near}"));
            }
            Family::Own if !is_known && let Some(meant) = nearest_own(setting) => {
                self.problems.push(ConfigError::Unknown(origin, setting.clone(), Some(meant)));
            }
            _ => match value {
                // It stands for a flag that is no setting.
                Some(_) if setting.starts_with("--") => {}
                Some(text) => self.add(setting, text.clone(), origin),
                // It may be a secret: it is not shown.
                None => {
                    let what = "its value is not UTF-8 text".to_owned();
                    self.problems.push(ConfigError::Syntax(origin, what));
                }
            },
        }
    }

    fn add_set(&mut self, set: &str) {
        match set.split_once('=').map(|(name, text)| (name.trim(), text)) {
            Some((name, text)) if !name.is_empty() => self.add(name, text.to_owned(), Origin::Set),
            _ => {
                let what = format!("{set} is not key=value");
                self.problems.push(ConfigError::Syntax(Origin::Set, what));
            }
        }
    }

    fn add(&mut self, name: &str, text: String, origin: Origin) {
        if support::is_retired(name) {
            return self.retired.push(format!("{origin}{name}"));
        }
        match ensure_known(name, &origin) {
            Ok(()) => self.given.put(name, text, origin),
            Err(ConfigError::Unknown(origin, name, None)) => {
                self.strange.push(format!("{origin}{name}"));
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    /// Looks at each setting by itself.
    fn check(&mut self) {
        for (name, (text, origin)) in self.given.iter() {
            let checked = ensure_valid(name, text, origin);
            let problem = checked.and_then(|()| support::ensure(name, text, origin)).err();
            self.problems.extend(problem.filter(|problem| !self.problems.contains(problem)));
        }
    }

    /// Looks at what settings say together, as far as the values are known that they need for it.
    fn check_together(&mut self) {
        if self.problems.iter().any(ConfigError::hides_settings) {
            return;
        }
        let bad: BTreeSet<&str> = self.problems.iter().filter_map(ConfigError::setting).collect();
        let found = Config::problems(self.given.texts(), &|name| bad.contains(name));
        for problem in found.into_iter().map(|invalid| together(&self.given, invalid)) {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }

    /// At most one line of a kind.
    fn warnings(&self) -> Vec<String> {
        let lists = [
            ("not in Kafka 4 any more, left out", &self.retired),
            ("no settings of Kafka or of Barnabas, left out", &self.strange),
        ];
        let said = lists.iter().filter(|(_, names)| !names.is_empty());
        let lines = said.map(|(what, names)| format!("{what}: {}", names.join(", ")));
        lines.chain(support::warnings(&self.given)).collect()
    }

    /// Whether each setting that decides on listeners is right by itself.
    fn knows_listeners(&self) -> bool {
        let decides = |problem: &ConfigError| {
            let setting = problem.setting();
            problem.hides_settings()
                || setting.is_some_and(|name| listeners::DECIDE.contains(&name))
        };
        let is_bad = |name: &&str| {
            let given = self.given.get(name);
            given.is_some_and(|(text, origin)| ensure_valid(name, text, origin).is_err())
        };
        !self.problems.iter().any(decides) && !listeners::DECIDE.iter().any(is_bad)
    }

    /// Where it is not known what they replace, `check` tells why.
    fn add_parts(&mut self, parts: &Parts) {
        if self.knows_listeners() {
            let problems = parts.put_listener(&mut self.given).err();
            self.problems.extend(problems.into_iter().flatten());
        }
        self.problems.extend(parts.put_http(&mut self.given).err());
    }

    fn add_flags(&mut self, flags: &FlagValues) {
        self.add_parts(&Parts::of_flags(flags));
        let texts = [
            ("--data-dir", "log.dirs", flags.data_dir.clone()),
            ("--node-id", "node.id", flags.node_id.map(|id| id.to_string())),
            ("--workers", "barnabas.workers", flags.workers.map(|workers| workers.to_string())),
            ("--io", "barnabas.io", flags.io.clone()),
            ("--sqpoll", "barnabas.io.sqpoll", flags.sqpoll.then(|| true.to_string())),
            ("--pin", "barnabas.workers.pinned", flags.pin.then(|| true.to_string())),
            ("--log-level", "barnabas.log.level", flags.log_level.clone()),
            ("--log-format", "barnabas.log.format", flags.log_format.clone()),
        ];
        for (flag, name, text) in texts {
            if let Some(text) = text {
                self.given.put(name, text, Origin::Flag(flag));
            }
        }
    }
}

/// A file is in TOML if its name ends so, else as Kafka's own.
fn parsed(path: &Path, text: &str) -> Parsed {
    match path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml")) {
        true => in_toml(text),
        false => properties::parse(text),
    }
}

#[cfg(feature = "toml")]
fn in_toml(text: &str) -> Parsed {
    super::toml_file::parse(text)
}

#[cfg(not(feature = "toml"))]
fn in_toml(_: &str) -> Parsed {
    let what = "this barnabas was built without TOML; the feature `toml` brings it".to_owned();
    Parsed { problems: vec![(1, what)], ..Parsed::default() }
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

/// Whether a broker has a setting of this name.
///
/// # Errors
/// That it has none, and which may be meant.
pub fn check_name(name: &str) -> Result<(), ConfigError> {
    ensure_known(name, &Origin::Together)
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

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
