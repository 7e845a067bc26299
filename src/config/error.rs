//! Why a broker cannot start with what it was given: a line for each problem, which names the place, the
//! setting, and what to do.

use std::fmt;
use std::path::PathBuf;

use super::value::InvalidConfig;

/// Where a setting was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of the file that stands in for built-in defaults, as a container's image brings it.
    Defaults(PathBuf, usize),
    /// A line of the settings file.
    File(PathBuf, usize),
    /// An environment variable.
    Variable(String),
    /// `--set`.
    Set,
    /// A flag of its own.
    Flag(&'static str),
    /// Several places together.
    Together,
}

impl Origin {
    /// The place by itself.
    pub(super) fn place(&self) -> String {
        self.to_string().trim_end_matches(": ").to_owned()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Defaults(path, line) | Origin::File(path, line) => {
                write!(f, "{}:{line}: ", path.display())
            }
            Origin::Variable(name) => write!(f, "{name}: "),
            Origin::Set => f.write_str("--set: "),
            Origin::Flag(flag) => write!(f, "{flag}: "),
            Origin::Together => Ok(()),
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// The settings file cannot be read.
    File(PathBuf, String),
    /// A line of the settings file, or a `--set`, is not `key=value`.
    Syntax(Origin, String),
    /// No setting has this name; the nearest that has, if any is near.
    Unknown(Origin, String, Option<&'static str>),
    /// A topic setting given to the broker; the broker setting that means it, if there is one.
    TopicSetting(Origin, &'static str, Option<&'static str>),
    /// A value that the setting does not allow.
    Invalid(Origin, InvalidConfig),
    /// What is asked for is not built yet.
    Unsupported(Origin, String, String),
    /// Flags that exclude each other.
    Conflict(String),
    /// A flag that cannot be read; the setting that it stands for, if it is one.
    Flag(Option<&'static str>, String),
}

impl ConfigError {
    /// The setting that is meant, whose value is not known therefore.
    pub(super) fn setting(&self) -> Option<&str> {
        match self {
            ConfigError::Unknown(_, _, near) => *near,
            ConfigError::TopicSetting(_, _, broker) => *broker,
            ConfigError::Invalid(_, invalid) => Some(&invalid.key),
            ConfigError::Flag(setting, _) => *setting,
            // What is asked for there is known.
            ConfigError::Unsupported(..) | ConfigError::Conflict(_) => None,
            ConfigError::File(..) | ConfigError::Syntax(..) => None,
        }
    }

    /// Whether nobody knows what was set, because the place where it stands cannot be read.
    pub(super) fn hides_settings(&self) -> bool {
        match self {
            ConfigError::File(..) => true,
            ConfigError::Syntax(origin, _) => *origin != Origin::Set,
            _ => false,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::File(path, why) => {
                write!(f, "cannot read the settings file {}: {why}", path.display())
            }
            ConfigError::Syntax(origin, what) => write!(f, "{origin}{what}"),
            ConfigError::Unknown(origin, name, Some(near)) => {
                write!(f, "{origin}unknown setting {name}; did you mean {near}?")
            }
            ConfigError::Unknown(origin, name, None) => {
                write!(f, "{origin}unknown setting {name}; docs/CONFIGURATION.md lists them all")
            }
            ConfigError::TopicSetting(origin, name, Some(broker)) => {
                write!(f, "{origin}{name} is a setting of topics; for all topics use {broker}")
            }
            ConfigError::TopicSetting(origin, name, None) => {
                write!(f, "{origin}{name} is a setting of topics; set it on each topic")
            }
            ConfigError::Invalid(origin, invalid) => write!(f, "{origin}{invalid}"),
            ConfigError::Unsupported(origin, name, what) => {
                write!(f, "{origin}{name} is not supported yet: {what}")
            }
            ConfigError::Conflict(what) | ConfigError::Flag(_, what) => f.write_str(what),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Everything that is wrong with what a broker was given, in the order of the sources; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    /// One line for one problem, else a line above with their number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was given may have lines of its own.
        let line = |problem: &ConfigError| {
            let text = problem.to_string();
            text.lines()
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        };
        if let [only] = self.0.as_slice() {
            return f.write_str(&line(only));
        }
        write!(f, "{} problems with the configuration:", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {}", line(problem)))
    }
}

impl std::error::Error for ConfigErrors {}
